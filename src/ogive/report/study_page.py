"""The study's report: one HTML file that shows all of a `StudyResult`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from ogive.catalog import find
from ogive.study.result import DENSITY_EDGES, Cell, Interval, StudyResult, Trial

from . import charts, conclusions, function_view, page
from .charts import Chart, Table
from .text import number, percent, signed

CLOSE = 1.0
"""Decades within which gradient ratios are drawn again, larger."""

MEASURES = {
    "dead": "dead units",
    "saturated": "saturated units",
    "gradient": "gradient size (log₁₀ of its rms)",
}


def write(result: StudyResult, path: Path | str) -> None:
    """Write the report whole or not at all.

    Raises
    ------
    CannotWriteError
        The folder is missing, read-only or full.
    """
    page.write(path, html(result))


def html(result: StudyResult) -> str:
    """The report as text."""
    activations = list(result.settings.activations)
    depths = list(result.settings.depths)
    maps = layer_maps(result)
    drawn: dict[str, Chart] = {}
    tables: dict[str, Table] = {}
    for depth in depths:
        drawn[f"seeds-{depth}"] = _accuracy_by_seed(result, depth)
        drawn[f"loss-{depth}"] = _loss_curves(result, depth)
        drawn[f"rates-{depth}"] = _learning_rates(result, depth)
        tables[f"depth-{depth}"] = _depth_table(result, depth)
    drawn["trainable"] = _trainable(result)
    points = _gradient_points(result)
    drawn["gradients"] = _predicted_against_measured(points)
    close = [point for point in points if point.x >= -CLOSE]
    if 0 < len(close) < len(points):
        drawn["gradients-close"] = _predicted_against_measured(close)
    drawn["map"] = charts.layer_map()
    overall = [
        each
        for each in result.significance
        if each.recipe == "tuned" and (each.depth is None or len(depths) == 1)
    ][:1]
    for each in overall:
        drawn["ranks"] = charts.ranks(
            each.activations,
            each.mean_ranks,
            each.critical_difference,
            label="Mean rank of each activation, with the critical difference",
        )
    slopes = _learned_slopes(result)
    if slopes:
        drawn["slopes"] = slopes
    views = [
        function_view.view(find(name), drawn, density=trained_density(result, name))
        for name in activations
    ]
    return page.render(
        "study.html",
        drawn,
        {"activations": activations, "shown": shown_first(result), "maps": maps},
        known=activations,
        result=result,
        headline=conclusions.headline(result),
        can=conclusions.can(result),
        cannot=conclusions.cannot(result),
        tuned={depth: conclusions.tuned(result, depth) for depth in depths},
        tables=tables,
        overall=overall[0] if overall else None,
        views=views,
        measures=MEASURES,
        map_table=_map_table(result),
        minutes=_duration(result.seconds),
        class_counts=list(zip(result.data.classes, result.data.class_counts, strict=True)),
    )


def shown_first(result: StudyResult) -> list[str]:
    """Few enough lines to tell apart: the landmarks, and the best of each depth."""
    landmarks = [
        name for name in ("relu", "sigmoid", "tanh") if name in result.settings.activations
    ]
    best = [
        cells[0].activation
        for depth in result.settings.depths
        if (cells := conclusions.tuned(result, depth))
    ]
    return list(dict.fromkeys(landmarks + best))[:6] or list(result.settings.activations[:6])


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _accuracies(cell: Cell) -> list[tuple[float, str]]:
    return [
        (100 * trial.test_accuracy, f"seed {trial.seed}, rate {trial.rate:g}")
        for trial in cell.trials
        if trial.test_accuracy is not None
    ]


def _accuracy_by_seed(result: StudyResult, depth: int) -> Chart:
    def dots(cell: Cell) -> charts.Dots:
        points = _accuracies(cell)
        return charts.Dots(
            cell.activation,
            [value for value, _ in points],
            [note for _, note in points],
            100 * cell.mean,
            100 * cell.interval.low,
            100 * cell.interval.high,
            off=not cell.trainable,
        )

    cells = conclusions.tuned(result, depth)
    same = [
        cell for name in cells if (cell := result.cell(name.activation, depth, "same")) is not None
    ]
    return charts.strip(
        [dots(cell) for cell in cells],
        [dots(cell) for cell in same],
        title=f"Depth {depth}",
        x="test accuracy, %",
        label=f"Test accuracy of each seed at depth {depth}, by activation",
    )


def _loss_curves(result: StudyResult, depth: int) -> Chart:
    curves = []
    for cell in conclusions.tuned(result, depth):
        runs = [trial.train_loss for trial in cell.trials]
        # A run that diverged ends its activation's curve: a mean of the survivors would flatter.
        epochs = min((len(_finite(run)) for run in runs), default=0)
        columns = [_finite([run[epoch] for run in runs]) for epoch in range(epochs)]
        # A logarithmic axis has no place for zero.
        columns = [[max(value, 1e-6) for value in column] for column in columns]
        curves.append(
            charts.Line(
                cell.activation,
                range(1, epochs + 1),
                [fmean(column) for column in columns],
                [min(column) for column in columns],
                [max(column) for column in columns],
            )
        )
    return charts.lines(
        curves,
        title=f"Depth {depth}",
        x="epoch",
        y="training loss",
        label=f"Training loss by epoch at depth {depth}, one line per activation",
        log=True,
    )


def _trainable(result: StudyResult) -> Chart:
    depths = result.settings.depths
    cells = [[result.cell(name, depth) for depth in depths] for name in result.settings.activations]
    return charts.heat(
        [[None if cell is None else cell.mean for cell in row] for row in cells],
        rows=result.settings.activations,
        columns=[str(depth) for depth in depths],
        x="depth (hidden layers)",
        label="Mean test accuracy by activation and depth; cells marked with a cross do not train",
        texts=[
            [
                "" if cell is None else percent(cell.mean) + ("" if cell.trainable else " ✕")
                for cell in row
            ]
            for row in cells
        ],
        tip="accuracy",
    )


def _learning_rates(result: StudyResult, depth: int) -> Chart:
    scores = {
        (each.activation, each.rate): each.accuracy for each in result.tuning if each.depth == depth
    }
    rates = sorted({rate for _, rate in scores})
    chosen = {cell.activation: cell.rate for cell in conclusions.tuned(result, depth)}
    names = result.settings.activations

    def text(name: str, rate: float) -> str:
        score = scores.get((name, rate))
        return percent(score, 0) + (" ●" if chosen.get(name) == rate else "")

    return charts.heat(
        [[scores.get((name, rate)) for rate in rates] for name in names],
        rows=names,
        columns=[f"{rate:g}" for rate in rates],
        x="learning rate",
        title=f"Depth {depth}",
        label=f"Validation accuracy by activation and learning rate at depth {depth}",
        texts=[[text(name, rate) for rate in rates] for name in names],
        cell=24,
        tip="accuracy",
    )


def _gradient_points(result: StudyResult) -> list[charts.Point]:
    points = []
    for cell in result.cells:
        if cell.recipe != "tuned" or cell.gradient_ratio is None:
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


def _predicted_against_measured(points: Sequence[charts.Point]) -> Chart:
    return charts.diagonal(
        points,
        x="predicted from the formula, log₁₀",
        y="measured, log₁₀",
        label="Predicted against measured ratio of the first layer's gradient to the last's",
    )


def _learned_slopes(result: StudyResult) -> Chart | None:
    curves = []
    for depth in result.settings.depths:
        cell = result.cell("prelu", depth)
        ends = [[layer[-1] for layer in trial.slopes] for trial in cell.trials] if cell else []
        by_layer = [_finite(layer) for layer in zip(*filter(None, ends), strict=True)]
        # A layer no seed of which stayed finite is left out of its line.
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
    trials: Sequence[Trial], read: Callable[[Trial], Sequence[Sequence[float | None]]]
) -> list[list[float | None]]:
    """Mean over seeds of a layer x checkpoint map; None where no seed is finite."""
    maps = [read(trial) for trial in trials]
    mean: list[list[float | None]] = []
    for layers in zip(*maps, strict=True):
        columns = [_finite(column) for column in zip(*layers, strict=True)]
        mean.append([round(fmean(column), 4) if column else None for column in columns])
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


def layer_maps(result: StudyResult) -> dict[str, Any]:
    """The layer x step maps by measure and depth, as the page's script reads them."""
    maps: dict[str, Any] = {}
    for measure, read in _READ.items():
        maps[measure] = {}
        for depth in result.settings.depths:
            cells = conclusions.tuned(result, depth)
            layers = {cell.activation: _mean_map(cell.trials, read) for cell in cells}
            steps = next((trial.checkpoint_steps for cell in cells for trial in cell.trials), ())
            low, high = 0.0, 1.0
            ends = ["0 %", "100 %"]
            if measure == "gradient":
                values = [v for m in layers.values() for line in m for v in line if v is not None]
                high = max(values, default=0.0)
                # Eight decades tell vanishing from healthy; more would flatten the healthy ones.
                low = max(min(values, default=-1.0), high - 8)
                ends = [signed(low, 1), signed(high, 1)]
            maps[measure][str(depth)] = {
                "layers": layers,
                "steps": list(steps),
                "range": [low, high],
                "ends": ends,
                "percent": measure != "gradient",
            }
    return maps


def _map_table(result: StudyResult) -> Table:
    """First and last layer at the end of training: what the maps' right edges show."""
    rows = []
    for depth in result.settings.depths:
        for cell in conclusions.tuned(result, depth):
            ends = []
            for measure, read in _READ.items():
                layers = _mean_map(cell.trials, read)
                for layer in (0, -1):
                    value = layers[layer][-1] if layers and layers[layer] else None
                    ends.append(number(value) if measure == "gradient" else percent(value, 0))
            rows.append((cell.activation, str(depth), *ends))
    head: tuple[str, ...] = ("activation", "depth")
    for measure in ("dead, %", "saturated, %", "gradient, log₁₀"):
        head += (f"{measure}, first layer", f"{measure}, last layer")
    return Table(head, rows)


def trained_density(result: StudyResult, name: str) -> tuple[list[float], list[float]] | None:
    """Density of what reached this activation in the tuned networks, over `DENSITY_EDGES`."""
    trials = [
        trial
        for cell in result.cells
        if cell.activation == name and cell.recipe == "tuned"
        for trial in cell.trials
    ]
    counts = [sum(column) for column in zip(*(trial.density for trial in trials), strict=True)]
    total = sum(counts)
    if not total:
        return None
    edges = list(DENSITY_EDGES)
    return edges, [
        count / total / (right - left)
        for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True)
    ]


def _depth_table(result: StudyResult, depth: int) -> Table:
    """The loss at the end, which the table of cells lacks."""
    rows = []
    for cell in conclusions.tuned(result, depth):
        first, last = (
            [_finite([trial.train_loss[at]]) for trial in cell.trials if trial.train_loss]
            for at in (0, -1)
        )
        flat_first, flat_last = ([v for each in side for v in each] for side in (first, last))
        diverged = sum(trial.diverged_at is not None for trial in cell.trials)
        rows.append(
            (
                cell.activation,
                number(fmean(flat_first) if flat_first else None),
                number(fmean(flat_last) if flat_last else None),
                str(diverged),
            )
        )
    return Table(("activation", "loss, first epoch", "loss, last epoch", "seeds diverged"), rows)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"
