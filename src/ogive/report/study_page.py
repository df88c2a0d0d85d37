"""The study's report: one HTML file that shows all of a `StudyResult`.

It is always written and never larger than `REPORT_LIMIT`: charts and rows that do not fit are left
out, and the page says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from markupsafe import Markup

from ogive.catalog import find
from ogive.study.result import DENSITY_EDGES, Cell, Interval, StudyResult, Trial

from . import charts, conclusions, function_view, page, templating
from .charts import Chart, Table
from .text import number, percent, signed
from .writer import REPORT_LIMIT, write_text

CLOSE = 1.0
"""Gradient ratios above minus this many decades are shown again in a larger chart."""

MEASURES = {
    "gradient": "gradient size (log₁₀ of its rms)",
    "dead": "dead units",
    "saturated": "saturated units",
}

ROWS = (10_000, 30, 8, 2)
"""Most rows of each depth's table; smaller limits are tried if the tables do not fit."""

FEATURES, CLASSES, SENTENCES = 300, 12, 100
"""Most names and sentences from the data that are shown."""


def write(result: StudyResult, path: Path | str) -> None:
    """Write the report whole or not at all.

    Raises
    ------
    CannotWriteError
        The folder is missing, read-only or full.
    """
    write_text(path, html(result))


def html(result: StudyResult, limit: int = REPORT_LIMIT) -> str:
    """The report as text, below `limit` bytes."""
    view = _View(result)
    text = ""
    for rows in ROWS:
        # Tables come first, since they hold all conclusions; charts get the remaining bytes.
        text = view.render({}, rows)
        if len(text.encode()) < limit - page.MARGIN:
            break
    room = limit - page.MARGIN - len(text.encode()) - len(page.library())
    kept = page.within(room, view.parts())
    return view.render(kept, rows) if kept else text


class _View:
    """Everything a page may contain, prepared once."""

    def __init__(self, result: StudyResult) -> None:
        self.result = result
        self.activations = list(result.settings.activations)
        depths = result.settings.depths
        self.first = shown_first(result)
        self.charts: dict[str, Chart] = {}
        for depth in depths:
            self.charts[f"scores-{depth}"] = scores_by_split(result, depth)
        for depth in depths:
            if any(cell.against for cell in result.at(depth)):
                self.charts[f"differences-{depth}"] = differences_by_split(result, depth)
        points = gradient_points(result)
        self.charts["gradients"] = predicted_against_measured(points)
        for depth in depths:
            self.charts[f"loss-{depth}"] = loss_curves(result, depth)
        self.charts["map"] = charts.layer_map()
        close = [point for point in points if point.x >= -CLOSE]
        if 0 < len(close) < len(points):
            self.charts["gradients-close"] = predicted_against_measured(close)
        slopes = learned_slopes(result)
        if slopes:
            self.charts["slopes"] = slopes
        # Activations visible at first are added first, so they are the last to be left out.
        order = [*self.first, *(name for name in self.activations if name not in self.first)]
        views = {
            name: function_view.view(find(name), self.charts, density=trained_density(result, name))
            for name in order
        }
        self.views = [views[name] for name in self.activations]

    def parts(self) -> Iterable[tuple[str, Markup, int]]:
        """Charts and maps, most important first: key, text, and in how many places it appears."""
        for key, chart in self.charts.items():
            yield key, page.packed(chart), len(self.activations) if key == "map" else 1
            if key == "map":
                for depth in self.result.settings.depths:
                    yield (
                        f"maps-{depth}",
                        templating.embedded_json(layer_maps(self.result, depth)),
                        0,
                    )

    def render(self, kept: dict[str, Markup], rows: int) -> str:
        """The page with these parts."""
        result = self.result
        mapped = [depth for depth in result.settings.depths if f"maps-{depth}" in kept]
        if "map" not in kept:
            mapped = []
        items = {
            key: part
            for key, part in kept.items()
            if not key.startswith("maps-") and (key != "map" or mapped)
        }
        maps = {str(depth): Markup(kept[f"maps-{depth}"]) for depth in mapped}
        data = result.data
        sentences = [conclusions.short(each, 600) for each in (*data.warnings, *data.treatments)]
        warned = min(len(data.warnings), SENTENCES)
        shown_classes, more_classes = conclusions.classes(data, CLASSES)
        return page.render(
            "study.html",
            self.charts,
            {"activations": self.activations, "shown": self.first},
            items,
            known=self.activations,
            result=result,
            say=conclusions,
            metric=result.settings.metric,
            rows=rows,
            maps=maps,
            mapped=mapped,
            sure=conclusions.sure(result),
            warnings=sentences[:warned],
            treatments=sentences[len(data.warnings) :][:SENTENCES],
            more_sentences=max(0, len(data.warnings) - SENTENCES)
            + max(0, len(data.treatments) - SENTENCES),
            classes=[(conclusions.short(label, 40), count) for label, count in shown_classes],
            more_classes=more_classes,
            features=[conclusions.short(each) for each in data.features[:FEATURES]],
            loss_tables={depth: loss_table(result, depth) for depth in result.settings.depths},
            map_table=map_table(result, rows),
            views=self.views,
            measures=MEASURES,
        )


def shown_first(result: StudyResult) -> list[str]:
    """The few activations visible at first: baseline, answer, landmarks, best of each depth."""
    names = [result.settings.baseline, result.answer.use, "sigmoid", "tanh"]
    names += [each.best for each in result.answer.by_depth]
    names += result.settings.activations
    found = [name for name in dict.fromkeys(names) if name in result.settings.activations]
    return [name for name in found if name is not None][:6]


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def scores_by_split(result: StudyResult, depth: int) -> Chart:
    """The compared metric of every network at a depth."""
    metric = result.settings.metric
    cells = result.at(depth)
    best = cells[0]
    rows = [
        charts.Dots(
            cell.activation,
            [100 * score for _, score in _scored(cell, result)],
            [split for split, _ in _scored(cell, result)],
            100 * cell.score,
            100 * cell.interval.low,
            100 * cell.interval.high,
        )
        for cell in cells
    ]
    name = conclusions.title(metric)
    return charts.strip(
        rows,
        title=f"Depth {depth}",
        x=f"test {name}",
        label=f"Test {name} of each split at depth {depth}, by activation",
        middle=100 * best.score,
        reach=max(10.0, 400 * (best.score - best.interval.low)),
    )


def _scored(cell: Cell, result: StudyResult) -> list[tuple[int, float]]:
    scores = [(trial.split, trial.scores.of(result.settings.metric)) for trial in cell.trials]
    return [(split, score) for split, score in scores if score is not None]


def differences_by_split(result: StudyResult, depth: int) -> Chart:
    """Each network's score minus the baseline's in the same split, which the test compares."""
    baseline = result.settings.baseline
    base = result.cell(baseline, depth)
    theirs = dict(_scored(base, result)) if base else {}
    rows = []
    for cell in result.at(depth):
        each = cell.against
        if each is None:
            continue
        pairs = [(split, score) for split, score in _scored(cell, result) if split in theirs]
        rows.append(
            charts.Dots(
                cell.activation + conclusions.star(each),
                [100 * (score - theirs[split]) for split, score in pairs],
                [split for split, _ in pairs],
                100 * each.difference,
                100 * each.interval.low,
                100 * each.interval.high,
                look=cell.activation,
            )
        )
    nearest = min(max(abs(row.low), abs(row.high)) for row in rows)
    return charts.strip(
        rows,
        title=f"Depth {depth}",
        x=f"minus {baseline}, points",
        label=f"Difference of each split from {baseline} at depth {depth}, by activation",
        middle=0.0,
        reach=max(10.0, 2.5 * nearest),
        band=100 * result.settings.rope,
    )


def _mean_loss(cell: Cell) -> tuple[list[float], list[float], list[float]]:
    """Mean, least and largest training loss over splits, round by round.

    A network that stopped early keeps its last loss. If one diverged, the curve ends, since the
    mean of the others would be too good.
    """
    runs = [trial.train_loss for trial in cell.trials if trial.train_loss]
    rounds = max((len(run) for run in runs), default=0)
    columns: list[list[float]] = []
    for at in range(rounds):
        column = _finite([run[min(at, len(run) - 1)] for run in runs])
        if len(column) < len(runs):
            break
        columns.append(column)
    return (
        [fmean(column) for column in columns],
        [min(column) for column in columns],
        [max(column) for column in columns],
    )


def loss_curves(result: StudyResult, depth: int) -> Chart:
    """Training loss by round, one line per activation."""
    curves = []
    for cell in result.at(depth):
        # A logarithmic axis cannot show zero.
        mean, low, high = ([max(value, 1e-6) for value in each] for each in _mean_loss(cell))
        curves.append(charts.Line(cell.activation, range(1, len(mean) + 1), mean, low, high))
    return charts.lines(
        curves,
        title=f"Depth {depth}",
        x="round",
        y="training loss",
        label=f"Training loss by round at depth {depth}, one line per activation",
        log=True,
    )


def loss_table(result: StudyResult, depth: int) -> Table:
    """The loss curves' last values."""
    rows = []
    for cell in result.at(depth):
        mean, _, _ = _mean_loss(cell)
        rows.append(
            (
                cell.activation,
                number(mean[0] if mean else None),
                number(mean[-1] if mean else None),
                str(len(mean)),
                str(cell.diverged),
            )
        )
    return Table(
        ("activation", "loss, first round", "loss, last round", "rounds", "networks diverged"), rows
    )


def gradient_points(result: StudyResult) -> list[charts.Point]:
    """Predicted and measured ratio of each cell that has one."""
    points = []
    for cell in result.cells:
        if cell.gradient_ratio is None:
            continue
        within = cell.gradient_ratio_interval or Interval(
            low=cell.gradient_ratio, high=cell.gradient_ratio
        )
        points.append(
            charts.Point(
                cell.activation,
                f"depth {cell.depth}",
                cell.predicted_gradient_ratio,
                cell.gradient_ratio,
                within.low,
                within.high,
            )
        )
    return points


def predicted_against_measured(points: Sequence[charts.Point]) -> Chart:
    """A scatter with the line on which both agree."""
    return charts.diagonal(
        points,
        x="predicted from the formula, log₁₀",
        y="measured, log₁₀",
        label="Predicted against measured ratio of the first layer's gradient to the last's",
    )


def learned_slopes(result: StudyResult) -> Chart | None:
    """PReLU's slopes at the end of training, by layer; None if PReLU was not run."""
    curves = []
    for depth in result.settings.depths:
        cell = result.cell("prelu", depth)
        ends = [[layer[-1] for layer in trial.slopes] for trial in cell.trials] if cell else []
        by_layer = [_finite(layer) for layer in zip(*filter(None, ends), strict=True)]
        # Omit a layer in which every network diverged.
        if not any(by_layer):
            continue
        curves.append(
            charts.Profile(
                f"depth {depth}",
                [fmean(layer) if layer else math.nan for layer in by_layer],
                [min(layer, default=math.nan) for layer in by_layer],
                [max(layer, default=math.nan) for layer in by_layer],
            )
        )
    if not curves:
        return None
    start = next(p.default for p in find("prelu").parameters if p.learnable)
    return charts.profiles(
        curves,
        start=start,
        y="slope at the end of training",
        label="PReLU's learned slope by layer, for each depth",
    )


def _mean_map(
    trials: Sequence[Trial], read: Callable[[Trial], Sequence[Sequence[float | None]]], digits: int
) -> list[list[float | None]]:
    """Mean over splits of a layer x checkpoint map; None if no network has a finite value."""
    maps = [read(trial) for trial in trials]
    mean: list[list[float | None]] = []
    for layers in zip(*maps, strict=True):
        columns = [_finite(column) for column in zip(*layers, strict=True)]
        mean.append([round(fmean(column), digits) if column else None for column in columns])
    return mean


def _log_gradient(trial: Trial) -> list[list[float | None]]:
    return [
        [None if value is None or value <= 0 else math.log10(value) for value in layer]
        for layer in trial.gradient
    ]


_READ: dict[str, Callable[[Trial], Sequence[Sequence[float | None]]]] = {
    "dead": lambda trial: trial.dead,
    "saturated": lambda trial: trial.saturated,
    "gradient": _log_gradient,
}


def layer_maps(result: StudyResult, depth: int) -> dict[str, Any]:
    """The layer x step maps of a depth by measure, in the form that the page's script reads."""
    maps: dict[str, Any] = {}
    cells = result.at(depth)
    for measure, read in _READ.items():
        digits = 2 if measure == "gradient" else 3
        layers = {cell.activation: _mean_map(cell.trials, read, digits) for cell in cells}
        steps = next((trial.checkpoint_steps for cell in cells for trial in cell.trials), ())
        low, high = 0.0, 1.0
        ends = ["0 %", "100 %"]
        if measure == "gradient":
            values = [v for m in layers.values() for line in m for v in line if v is not None]
            high = max(values, default=0.0)
            # Eight decades show vanishing gradients; more would flatten healthy ones.
            low = max(min(values, default=-1.0), high - 8)
            ends = [signed(low, 1), signed(high, 1)]
        maps[measure] = {
            "layers": layers,
            "steps": list(steps),
            "range": [low, high],
            "ends": ends,
            "percent": measure != "gradient",
        }
    return maps


def map_table(result: StudyResult, rows: int) -> Table:
    """First and last layer at the end of training, the right edges of the maps."""
    found = []
    for depth in result.settings.depths:
        for cell in result.at(depth)[:rows]:
            ends = []
            for measure, read in _READ.items():
                layers = _mean_map(cell.trials, read, 6)
                for layer in (0, -1):
                    value = layers[layer][-1] if layers and layers[layer] else None
                    ends.append(signed(value) if measure == "gradient" else percent(value, 0))
            found.append((cell.activation, str(depth), *ends))
    head: tuple[str, ...] = ("activation", "depth")
    for measure in ("dead, %", "saturated, %", "gradient, log₁₀"):
        head += (f"{measure}, first layer", f"{measure}, last layer")
    return Table(head, found)


def trained_density(result: StudyResult, name: str) -> tuple[list[float], list[float]] | None:
    """Density of this activation's inputs in the trained networks, over `DENSITY_EDGES`."""
    trials = [trial for cell in result.cells if cell.activation == name for trial in cell.trials]
    counts = [sum(column) for column in zip(*(trial.density for trial in trials), strict=True)]
    total = sum(counts)
    if not total:
        return None
    edges = list(DENSITY_EDGES)
    return edges, [
        count / total / (right - left)
        for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
