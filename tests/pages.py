"""Reads a report back: its tables, its texts, and its charts as what they draw in which colour."""

import base64
import gzip
import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser

import numpy as np

from ogive.study.result import METRICS, Interval


class Tables(HTMLParser):
    """Tables by id (or number), as rows of texts; and all text outside scripts."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.text, self.widths = {}, "", []
        self._cell, self._raw = None, False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self._raw = tag in ("script", "style")
        if tag == "table":
            self._rows = self.tables[attrs.get("id", len(self.tables))] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell = ""
        elif tag == "i" and "style" in attrs:
            self.widths.append((attrs["class"], float(attrs["style"].split()[1].rstrip("%"))))

    def handle_endtag(self, tag):
        self._raw = False
        if tag in ("td", "th"):
            self._rows[-1].append(" ".join(self._cell.split()))
            self._cell = None

    def handle_data(self, data):
        if self._raw:
            return
        self.text += data
        if self._cell is not None:
            self._cell += data


def read(text):
    """The numbers of a cell."""
    plain = text.replace("−", "-").replace(" – ", " ").replace(",", "")
    return [float(each) for each in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", plain)]


def agree(text, expected, digits=1):
    """A cell holds these numbers, in this order, to the digits it shows."""
    found = read(text)
    assert len(found) == len(expected), (text, expected)
    for seen, right in zip(found, expected, strict=True):
        tolerance = 0.51 * 10.0**-digits + 5e-3 * abs(right) * (digits == 0)
        assert abs(seen - right) <= tolerance, (text, expected)


def distinct(result):
    """The same result with numbers that cannot be mistaken for each other."""
    cells = []
    for at, cell in enumerate(result.cells):
        scores = {
            name: 0.31 + at / 100 + k / 7 for k, name in enumerate(METRICS[result.settings.task])
        }
        cells.append(
            replace(
                cell,
                scores=replace(cell.scores, **scores),
                interval=Interval(low=cell.score - 0.011, high=cell.score + 0.023),
                dead=(at + 1) / 100,
                saturated=(at + 41) / 100,
                seconds_per_step=(at + 3) * 1.3e-5,
                diverged=at % 4,
                gradient_ratio=-0.1 - at,
                gradient_ratio_interval=Interval(low=-0.3 - at, high=0.6 - at),
                predicted_gradient_ratio=0.7 + at,
                state=("trains", "fails", "not shown")[at % 3],
            )
        )
    return replace(result, cells=tuple(cells))


def embedded(html, name):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', html, re.S)[1])


@dataclass
class Glyph:
    """One kind of mark: its own properties, each a column or one value for all marks."""

    name: str | None
    kind: str
    attributes: dict
    columns: dict

    def drawn(self, key):
        """What a property is for each mark, or for all."""
        found = self.attributes.get(key)
        if isinstance(found, dict):
            return self.columns[found["field"]] if found["type"] == "field" else found["value"]
        return found


class Chart:
    """A chart of a page: its marks, axes, ranges, legend, and the lines and areas behind."""

    def __init__(self, item):
        self._known = {}
        self._remember(item)
        (root,) = item["doc"]["roots"]
        self.plot = root["attributes"]
        self.glyphs = [self._glyph(each) for each in self.plot["renderers"]]
        self.behind = [
            (each["name"], each["attributes"])
            for each in self.plot["center"]
            if each["name"] in ("Span", "BoxAnnotation")
        ]
        self.labels = dict(
            self.plot["left"][0]["attributes"].get("major_label_overrides", {}).get("entries", [])
        )

    def _remember(self, value):
        if isinstance(value, dict):
            if "id" in value and "name" in value:
                self._known[value["id"]] = value
            for each in value.values():
                self._remember(each)
        elif isinstance(value, list):
            for each in value:
                self._remember(each)

    def _whole(self, value):
        return self._known.get(value["id"], value)

    def _glyph(self, reference):
        found = self._whole(reference)["attributes"]
        data = self._whole(found["data_source"])["attributes"]["data"]["entries"]
        glyph = self._whole(found["glyph"])
        columns = {key: self._column(values) for key, values in data}
        return Glyph(found.get("name"), glyph["name"], glyph["attributes"], columns)

    def _column(self, value):
        if isinstance(value, list):
            return value
        raw = gzip.decompress(base64.b64decode(value["array"]["data"]))
        return np.frombuffer(raw, value["dtype"]).reshape(value["shape"])

    def of(self, kind):
        return [each for each in self.glyphs if each.kind == kind]

    def axis(self, side):
        """The label of the axis below or left, and whether it is logarithmic."""
        (axis,) = self.plot[side]
        return axis["attributes"].get("axis_label"), axis["name"] == "LogAxis"

    def range(self, name):
        found = self.plot[name]["attributes"]
        return found["start"], found["end"]

    @property
    def legend(self):
        """Label and mark of each entry, in order."""
        (legend,) = [each for each in self.plot["above"] if each["name"] == "Legend"]
        items = [each["attributes"] for each in legend["attributes"]["items"]]
        return [
            (each["label"]["value"], *(self._glyph(one) for one in each["renderers"]))
            for each in items
        ]


def renderers(item):
    """Of a chart: (name, glyph, columns by name); and the labels of its vertical axis."""
    chart = Chart(item)
    found = [
        (each.name, {"name": each.kind, "attributes": each.attributes}, each.columns)
        for each in chart.glyphs
    ]
    return found, chart.labels
