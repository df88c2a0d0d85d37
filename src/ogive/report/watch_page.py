"""The page of a watched training: what is wrong, each with its picture, then all that was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from ogive.watch import FAULTS, Finding, Layer, Report, UnitMap

from . import page, watch_charts, watch_words
from .charts import Chart, Table
from .text import number
from .watch_charts import MEASURES, ROWS, Map
from .watch_words import Group, chosen
from .writer import REPORT_LIMIT

PICTURED = 16
"""Most findings that have pictures (the others have their words), and most layers unit by unit."""

FINDINGS, LINES = 200, 400
"""Most findings, and most rows of a model's table."""


def write(report: Report, path: Path | str) -> None:
    """Write the page whole or not at all.

    Raises
    ------
    CannotWriteError
        The folder is missing, read-only or full.
    """
    page.write(path, html(report))


def html(report: Report, limit: int = REPORT_LIMIT) -> str:
    """The page as text, below `limit` bytes: charts that do not fit are left out, as it says."""
    view = View(report)
    bare = view.render({})
    room = limit - page.MARGIN - len(bare.encode()) - len(page.library())
    packed = ((key, page.packed(chart), 1) for key, chart in view.charts.items())
    kept = page.within(room, packed)
    return view.render(kept) if kept else bare


@dataclass
class Shown:
    """A finding with the keys of its charts and what is said below each."""

    finding: Finding
    figures: list[tuple[str, str]] = field(default_factory=list)
    chain: list[tuple[str, str, bool]] = field(default_factory=list)
    """Layers and what follows each; whether it is the place of the fault."""


@dataclass
class Model:
    """A model's maps and table."""

    group: Group
    maps: list[tuple[str, Map]]
    table: Table
    marked: set[str]
    """Layers that have a finding."""
    left_out: int
    units: list[tuple[str, Layer]]


class View:
    """Everything that a page may contain, prepared once."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.charts: dict[str, Chart] = {}
        self.groups = watch_words.groups(report)
        self.findings = [
            self._shown(at, each) for at, each in enumerate(report.findings[:FINDINGS])
        ]
        self.progress = self._progress()
        self.models = [self._model(at, group) for at, group in enumerate(self.groups)]

    def render(self, items: dict[str, Markup]) -> str:
        """The page with these charts."""
        activations = dict.fromkeys(each.activation for each in self.report.layers)
        return page.render(
            "watch.html",
            self.charts,
            {},
            items,
            known=[name for name in activations if name],
            report=self.report,
            say=watch_words,
            findings=self.findings,
            more=len(self.report.findings) - len(self.findings),
            progress=self.progress,
            models=self.models,
            faults=FAULTS,
            found={each.fault for each in self.report.findings},
        )

    def _add(self, key: str, chart: Chart) -> str:
        self.charts[key] = chart
        return key

    # A finding.

    def _layers(self, finding: Finding) -> tuple[Layer, ...]:
        """Of the finding's model, or of the only one."""
        for group in self.groups:
            if group.name == finding.model or len(self.groups) == 1:
                return group.layers
        return ()

    def _shown(self, at: int, finding: Finding) -> Shown:
        shown = Shown(finding)
        layers = self._layers(finding)
        layer = watch_words.placed(finding, layers)
        shown.chain = chain(finding, layers, layer, self.report)
        if at < PICTURED and layers:
            draw = _PICTURES.get(finding.fault)
            for name, chart, caption in draw(finding, layers, layer) if draw else ():
                key = self._add(f"finding-{at + 1}-{name}", chart)
                shown.figures.append((key, caption))
        return shown

    # All of them.

    def _progress(self) -> list[tuple[str, str, str]]:
        """Charts of the training by model: model, key, caption."""
        found = []
        names = dict.fromkeys(each.model for each in self.report.progress)
        for at, name in enumerate(names):
            points = [each for each in self.report.progress if each.model == name]
            events = events_of(self.report, name)
            for key, bounds, caption in _PROGRESS:
                chart = watch_charts.progress(points, key, y=key, events=events, bounds=bounds)
                if chart is not None:
                    found.append((name, self._add(f"progress-{at}-{key}", chart), caption))
        return found

    def _model(self, at: int, group: Group) -> Model:
        marked = {
            watch_words.place(layer)
            for each in self.report.findings
            if (layer := watch_words.placed(each, group.layers)) is not None
        }
        rows = [i for i, each in enumerate(group.layers) if watch_words.place(each) in marked]
        kept = [group.layers[i] for i in chosen(len(group.layers), ROWS, rows[: ROWS // 3])]
        maps = []
        for measure in MEASURES:
            found = watch_charts.layer_map(kept, measure)
            if found is not None:
                maps.append((self._add(f"map-{at}-{measure.key}", found.chart), found))
        units = []
        at_fault = [i for i, each in enumerate(group.layers) if any(map(_faults, each.maps))]
        for index in [at_fault[i] for i in chosen(len(at_fault), PICTURED)]:
            layer = group.layers[index]
            chart = watch_charts.unit_map(layer)
            if chart is not None:
                units.append((self._add(f"units-{at}-{index}", chart), layer))
        shown = [group.layers[i] for i in chosen(len(group.layers), LINES, rows[: LINES // 3])]
        table = Table(watch_words.HEAD, watch_words.rows(shown))
        return Model(group, maps, table, marked, len(group.layers) - len(kept), units)


_PROGRESS = (
    ("loss", None, "loss"),
    ("skill", (0.0, 1.0), "skill: 1 is perfect, 0 is the best constant prediction"),
    ("accuracy", (0.0, 1.0), "accuracy on the batch"),
)


def _faults(units: UnitMap) -> bool:
    return any(units.codes)


def events_of(report: Report, model: str) -> list[tuple[int, str]]:
    """Steps from which errors were met, at most three."""
    found: dict[int, list[str]] = {}
    for each in report.errors:
        if each.model == model or not each.model:
            found.setdefault(each.since_step, []).append(watch_words.fault(each).title.lower())
    return [(step, ", ".join(dict.fromkeys(words))) for step, words in sorted(found.items())[:3]]


def chain(
    finding: Finding, layers: Sequence[Layer], layer: Layer | None, report: Report
) -> list[tuple[str, str, bool]]:
    """The end of the model for faults of its head, the place for a missing activation."""
    if not layers or not finding.fault.startswith(("wrong_head/", "missing_activation")):
        return []
    at = layers.index(layer) if layer in layers else len(layers) - 1
    steps = []
    for index in range(max(0, at - 1), min(len(layers), at + 3)):
        each = layers[index]
        follows = each.activation or ("" if each.head else "nothing")
        here = index == at and finding.fault == "missing_activation"
        steps.append((f"{watch_words.place(each)} ({each.kind})", follows, here))
    if finding.fault.startswith("wrong_head/"):
        loss = next((m.loss for m in report.models if m.name == finding.model and m.loss), "loss")
        if finding.fault == "wrong_head/softmax_twice":  # its own function comes before the loss
            steps.append(("", "sigmoid" if loss.startswith("binary") else "softmax", False))
        steps.append((loss, "", True))
    return steps


# Which pictures belong to which fault: name, chart, caption.

Picture = tuple[str, Chart, str]
Draw = Callable[[Finding, Sequence[Layer], Layer | None], list[Picture]]


def _of_units(finding: Finding, layers: Sequence[Layer], layer: Layer | None) -> list[Picture]:
    del finding, layers
    found: list[Picture] = []
    if layer is None:
        return found
    units = watch_charts.unit_map(layer)
    if units is not None:
        found.append(("units", units, f"A line for each unit of {layer.name}, check by check."))
    return found + _over(layer)


def _over(layer: Layer | None) -> list[Picture]:
    over = watch_charts.over_curve(layer) if layer is not None else None
    if layer is None or over is None or layer.histogram is None:
        return []
    said = f"Pre-activations of {layer.name} at step {layer.histogram.step:,}"
    if over.curve:
        said += " (grey)"
        if layer.first_histogram is not None:
            said += f" and step {layer.first_histogram.step:,} (dashed, to its own scale)"
        said += f", over {layer.activation} and its derivative"
    said += "; the outermost bars hold all beyond."
    if over.flat is not None:
        said += f" {100 * over.flat:.0f} % of them lie where the slope is below 5 % of its largest."
    return [("curve", over.chart, said)]


def _of_gradients(finding: Finding, layers: Sequence[Layer], layer: Layer | None) -> list[Picture]:
    first = watch_words.placed(finding, layers) or layers[0]
    row = layers.index(first)
    kept = chosen(len(layers), ROWS, [row])
    shown = [layers[at] for at in kept]
    limits = _limits(finding, logarithm=True)
    predicted = None
    if finding.predicted is not None and finding.predicted > 0:
        predicted = (kept.index(row), finding.predicted)
    chart = watch_charts.gradients(shown, limits, predicted, struck=[kept.index(row)])
    said = "Size of dL/dz of each layer over the last layer's, the first layer on top."
    return [("gradient", chart, said), *_over(first if first.activation else layer)]


def _of_sizes(finding: Finding, layers: Sequence[Layer], layer: Layer | None) -> list[Picture]:
    shown = [layers[at] for at in chosen(len(layers), ROWS)]
    struck = [shown.index(layer)] if layer in shown else []
    return [
        ("sizes", watch_charts.sizes(shown, struck),
         "K of each layer; diamonds: what the weights make of the K measured one layer before."),
        *_over(layer),
    ]  # fmt: skip


def _of_centres(finding: Finding, layers: Sequence[Layer], layer: Layer | None) -> list[Picture]:
    shown = [layers[at] for at in chosen(len(layers), ROWS)]
    struck = [shown.index(layer)] if layer in shown else []
    chart = watch_charts.cosines(shown, _limits(finding), struck)
    said = "At 1, all samples have the same output but for its length."
    return [("cosine", chart, said), *_over(layer)]


def _of_infinities(finding: Finding, layers: Sequence[Layer], layer: Layer | None) -> list[Picture]:
    del finding
    shown = [layers[at] for at in chosen(len(layers), ROWS)]
    struck = [shown.index(layer)] if layer in shown else []
    return [("largest", watch_charts.largest(shown, struck), "Largest |z| of each layer.")]


def _of_head(finding: Finding, layers: Sequence[Layer], layer: Layer | None) -> list[Picture]:
    del finding
    return _over(layer or next((each for each in layers if each.head), None))


def _limits(finding: Finding, *, logarithm: bool = False) -> list[tuple[float, str]]:
    """The fault's thresholds, as lines."""
    known = watch_words.fault(finding)
    found = []
    for word, at in (("warning", known.warn), ("error", known.error)):
        if at is not None:
            place = watch_words.log10(at) if logarithm else at
            if place is not None:
                found.append((place, f"{word}: {number(at)}"))
    return found


_PICTURES: dict[str, Draw] = {
    "dead_unit": _of_units,
    "dormant_unit": _of_units,
    "saturated_unit": _of_units,
    "vanishing_gradient": _of_gradients,
    "exploding_gradient": _of_gradients,
    "magnitude_drift": _of_sizes,
    "not_centred": _of_centres,
    "over_confidence": _of_head,
    "nan": _of_infinities,
    **{name: _of_head for name in FAULTS if name.startswith("wrong_head/")},
}
