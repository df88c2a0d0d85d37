"""What notebooks show: all of it, escaped, readable on light and dark, without anything to load."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ogive
import report_sample
import site_pages
import watch_sample
from cases import check_python
from ogive.catalog import Card, Peer
from ogive.catalog.text import facts
from ogive.predict import edge_of_chaos, model, network
from ogive.report import notebook, notebook_box
from ogive.report.text import number

SITE = "https://docs.example/latest"
NASTY = '<script>alert("x")</script> & <b>'
DOCS = Path(__file__).parents[1] / "docs"
NO_END = ("br", "mspace")


class Fragment(HTMLParser):
    """A fragment's text, links, and tables as rows of text; it must be well formed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.seen: set[str] = set()
        self.text, self.links = "", list[str]()
        self.rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert self.tags == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "src"
            if name == "href":
                self.links.append(str(value))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in NO_END:
            self.tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.tags = self.tags[: len(self.tags) - (tag not in NO_END)]

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] != "style":
            self.text += data
            if {"td", "th"} & set(self.tags):
                self.rows[-1][-1] += data


def a_model() -> Any:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    return model(net, torch.randn(8, 16))


SHOWN = {
    **{card.name: lambda card=card: card for card in ogive.catalog()},
    "network": lambda: network("sigmoid", 12, width=64),
    "overflow": lambda: network("exp", 12),
    "edge": lambda: edge_of_chaos("tanh", 0.1),
    "no edge": lambda: edge_of_chaos("sigmoid"),
    "model": a_model,
    "finding": lambda: watch_sample.sample().findings[0],
    "watch": watch_sample.sample,
    "study": report_sample.sample,
}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_box, "site", lambda: SITE)


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_is_loaded_or_run_and_links_lead_to_pages_that_exist(name: str, site: None) -> None:
    html = SHOWN[name]()._repr_html_()
    page = Fragment(html)
    assert not {"script", "link", "img", "iframe", "object", "meta"} & page.seen
    assert not re.search(r"@import|url\(|javascript:", html)
    assert len(html) < 60_000
    pages = {f"{page}.md" for page in site_pages.homes().values()}
    pages |= {path.name for path in DOCS.glob("*.md")}
    assert page.links
    for link in page.links:
        path, _, anchor = link.removeprefix(f"{SITE}/").partition("#")
        source = path.removesuffix(".html") + ".md"
        assert source in pages, link
        if anchor:
            assert f"## {anchor.title()}\n" in (DOCS / source).read_text()


def test_without_a_site_in_the_metadata_names_are_shown_without_links(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notebook_box, "site", lambda: "")
    page = Fragment(ogive.card("softmax")._repr_html_())
    assert page.links == []
    assert any(row[0] == "temperature" for row in page.rows)


def test_the_site_is_that_of_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    class Metadata:
        def get_all(self, name: str) -> list[str] | None:
            return ["Source, https://x.example", f"Documentation, {SITE}/"] * (
                name == "Project-URL"
            )

    monkeypatch.setattr("importlib.metadata.metadata", lambda name: Metadata())
    assert notebook_box.site.__wrapped__() == SITE


@pytest.mark.parametrize("card", ogive.catalog(), ids=lambda card: card.name)
def test_a_card_shows_its_parameters_claims_and_names_elsewhere(card: Card) -> None:
    page = Fragment(card._repr_html_())
    assert card.title in page.text
    assert f"ogive.{card.name}" in page.text
    for said in (card.summary, card.edges, card.notes, *card.papers):
        assert said.replace("``", "") in page.text
    for p in card.parameters:
        (row,) = [row for row in page.rows if row[:2] == [p.name, repr(p.default)]]
        assert row[3] == p.doc.replace("``", "")
        if p.operand and p.domain != (-math.inf, math.inf):
            assert row[2].replace("\N{NO-BREAK SPACE}", " ") == p.interval
    assert all(list(fact) in page.rows for fact in facts(card))
    assert all([p.name, p.framework, p.differs.replace("``", "")] in page.rows for p in card.peers)
    assert ("svg" in page.seen) == (card.kind == "unary")


def test_what_is_shown_is_escaped() -> None:
    card = replace(
        ogive.card("elu"), title=NASTY, summary=NASTY, edges=NASTY, papers=(NASTY,),
        parameters=(replace(ogive.card("elu").parameters[0], doc=NASTY),),
        peers=(Peer(framework=NASTY, name=NASTY, differs=NASTY),),
    )  # fmt: skip
    given = {"sentence": NASTY, "layer": NASTY, "evidence": {NASTY: NASTY}}
    finding = watch_sample.finding("dead_unit", **given)
    report = watch_sample.sample(findings=(finding,), notes=(NASTY,))
    predicted = replace(a_model(), name=NASTY, sentence=NASTY)
    line = replace(predicted.lines[0], module=NASTY, restarted=NASTY)
    for html in (
        notebook.card(card), finding._repr_html_(), report._repr_html_(),
        replace(predicted, lines=(line,))._repr_html_(),
        replace(edge_of_chaos("tanh"), reason=NASTY, activation=NASTY)._repr_html_(),
        replace(network("tanh", 3), sentence=NASTY, activation=NASTY)._repr_html_(),
    ):  # fmt: skip
        page = Fragment(html)
        assert "script" not in page.seen
        assert NASTY in page.text


def test_predictions_show_their_numbers() -> None:
    found = network("sigmoid", 12, width=64)
    rows = dict(row for row in Fragment(found._repr_html_()).rows if len(row) == 2)
    assert rows["gradients"] == found.regime == "vanishing"
    assert rows["depth"] == "12"
    assert rows["width"] == "64"
    assert rows["chi"] == number(found.chi[-1])
    edge = edge_of_chaos("tanh", 0.1)
    cells = {row[0]: row[1] for row in Fragment(edge._repr_html_()).rows}
    assert cells["weight_std"] == number(edge.weight_std, 5)
    tree = a_model()
    _, *lines = Fragment(tree._repr_html_()).rows
    assert len(lines) == len(tree.lines)
    for row, line in zip(lines, tree.lines, strict=True):
        assert line.module in row[0]
        assert row[1:3] == [number(line.predicted), number(line.measured)]


def test_a_watched_training_shows_each_fault_with_its_cure_and_each_layer() -> None:
    report = watch_sample.sample()
    page = Fragment(report._repr_html_())
    for finding in report.findings:
        own = Fragment(finding._repr_html_())
        for said in (finding.sentence, finding.cure.words, finding.cure.code, finding.where):
            assert said in page.text
            assert said in own.text
    layers = [row for row in page.rows if len(row) == len(notebook.HEAD)]
    assert len(layers) == 1 + len(report.layers)
    for row, layer in zip(layers[1:], report.layers, strict=True):
        assert row[0].endswith(layer.name)
        assert row[5] == number(layer.stats[-1].mean_square)
    assert [report.unseen[0].what, report.unseen[0].why, report.unseen[0].how] in page.rows


def test_a_study_shows_what_it_was_given() -> None:
    result = report_sample.sample()
    rows = dict(row for row in Fragment(result._repr_html_()).rows if len(row) == 2)
    assert rows["baseline"] == result.settings.baseline
    assert rows["depths"] == ", ".join(map(str, result.settings.depths))


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_is_seen_on_light_and_on_dark() -> None:
    html = "".join(SHOWN[name]()._repr_html_() for name in ("elu", "network", "watch"))
    colours = {*re.findall(r"(?<!background:)(#[0-9a-f]{6})\b", html)}
    assert len(colours) >= 5
    for colour in colours:
        for page in ("#ffffff", "#111111"):
            low, high = sorted((luminance(colour), luminance(page)))
            assert (high + 0.05) / (low + 0.05) >= 3, (colour, page)


def test_a_box_needs_no_optional_package() -> None:
    code = """
import sys
sys.modules |= dict.fromkeys(("rich", "sympy", "jinja2", "markupsafe", "bokeh", "torch"))
import ogive
assert "erf" in ogive.card("gelu")._repr_html_()
assert "vanish" in ogive.predict.network("sigmoid", 20)._repr_html_()
assert "1.19" in ogive.predict.edge_of_chaos("tanh", 0.1)._repr_html_()
"""
    check_python(code)
