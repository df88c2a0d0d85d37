"""The pictures of a monitor's report: layers as rows, the first on top, as a model prints them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import (
    CustomJSHover,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Quad,
    Range1d,
    Scatter,
    Segment,
    Text,
)
from bokeh.models import Line as LineGlyph
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.palettes import Cividis256

from ogive.catalog import find, names
from ogive.watch import Histogram, Layer, LayerStats, Progress, UnitMap
from ogive.watch.faults import SATURATED_SLOPE

from . import charts, palette, watch_words
from .charts import FONT, Chart
from .curves import curves
from .palette import GRID, INK, SHADE, SOFT
from .text import signed
from .watch_words import chosen

ROWS, COLUMNS = 60, 60
"""Most layers and checks of one picture; more are thinned out evenly."""

NAME = 22
"""Characters of a layer's name beside its row."""

DECADES = 30.0
"""Shown below the largest value of a chart, at most."""


def tag(
    plot: Any,
    x: Sequence[float],
    y: Sequence[float],
    text: Sequence[str],
    *,
    color: str = INK[0],
    align: str = "left",
    shift: tuple[float, float] = (0, 0),
) -> None:
    """Words in a chart, at its data."""
    data = charts.source(x=x, y=y)
    data.data["text"] = list(text)
    glyph = Text(
        x="x", y="y", text="text", text_color=color, text_align=align, text_baseline="middle",
        text_font=value(FONT), text_font_size="11px", x_offset=shift[0], y_offset=shift[1],
    )  # fmt: skip
    charts.add(plot, data, glyph, "tags")


def _name_rows(plot: Any, labels: Sequence[str]) -> None:
    """Names beside the rows: of each, or of so many that they do not touch."""
    count = len(labels)
    every = math.ceil(count / 45)
    shown = [at for at in range(count) if at % every == 0 or at == count - 1]
    plot.yaxis.ticker = FixedTicker(ticks=[count - 1 - at for at in shown])
    plot.yaxis.major_label_overrides = {
        count - 1 - at: watch_words.middle(labels[at], NAME) for at in shown
    }


def _row_height(count: int) -> int:
    return max(9, min(18, 560 // max(count, 1)))


def _labels(layers: Sequence[Layer]) -> list[str]:
    return [watch_words.place(each) for each in layers]


# By layer.


@dataclass(frozen=True)
class Series:
    """One number of each layer, and how it is drawn."""

    name: str
    values: Sequence[float | None]
    kind: str
    """``now`` (solid, filled), ``before`` (dashed, hollow) or ``predicted`` (diamonds)."""


def by_layer(
    layers: Sequence[Layer],
    series: Sequence[Series],
    *,
    x: str,
    label: str,
    limits: Sequence[tuple[float, str]] = (),
    struck: Iterable[int] = (),
) -> Chart:
    """A number of each layer, as a line from the first layer on top to the last."""
    count = len(layers)
    height = 96 + _row_height(count) * count + 15 * len(series)
    finite = [v for each in series for v in each.values if v is not None and math.isfinite(v)]
    most = max(finite, default=0.0)
    ends = [v for v in finite if v >= most - DECADES]
    ends += [at for at, _ in limits if ends and min(ends) - 1 < at < most + 1]
    low, high = min(ends, default=-1.0), max(ends, default=1.0)
    margin = 0.06 * (high - low) or 0.5
    step = 15 / _row_height(count)
    """Rows that a line of text takes."""
    above = count - 0.2 + step * len(series)
    plot = charts.blank(
        height, None, x_axis_label=x,
        x_range=Range1d(start=low - margin, end=high + margin),
        y_range=Range1d(start=-0.7 - step * bool(limits), end=above),
    )  # fmt: skip
    plot.xgrid.grid_line_color = GRID[0]
    plot.ygrid.grid_line_color = None
    _name_rows(plot, _labels(layers))
    for row in struck:
        y = count - 1 - row
        plot.add_layout(
            BoxAnnotation(bottom=y - 0.5, top=y + 0.5, fill_color=SHADE[0], fill_alpha=0.45,
                          line_color=None, level="underlay")
        )  # fmt: skip
    inside = [each for each in sorted(limits) if low - margin < each[0] < high + margin]
    for index, (at, words) in enumerate(inside):
        plot.add_layout(Span(location=at, dimension="height", line_color=SOFT[0], line_dash="3 3"))
        # Two limits turn their words away from each other.
        outward = index == 0 and (len(inside) > 1 or at > (low + high) / 2)
        tag(
            plot, [at], [-0.7 - step / 2], [words], color=SOFT[0],
            align="right" if outward else "left", shift=(-3 if outward else 3, 0),
        )  # fmt: skip
    for index, each in enumerate(series):
        _series(plot, each, count, low, above - 0.3 - step * (index + 0.5), (low + high) / 2)
    return Chart(plot, label, height)


LOOKS = {"now": palette.STYLES["relu"], "before": palette.STYLES["identity"],
         "predicted": palette.STYLES["gelu"]}  # fmt: skip


def _series(plot: Any, each: Series, count: int, low: float, above: float, centre: float) -> None:
    look = LOOKS[each.kind]
    values = [math.nan if v is None or v < low else v for v in each.values]
    data = charts.source(x=values, y=[count - 1 - at for at in range(count)])
    hollow = each.kind != "now"
    if each.kind != "predicted":
        dash = "4 3" if hollow else "solid"
        line = LineGlyph(x="x", y="y", line_color=look.light, line_dash=dash, line_width=2)
        charts.add(plot, data, line, each.name)
    dot = Scatter(
        x="x", y="y", marker="diamond" if each.kind == "predicted" else "circle",
        size=10 if each.kind == "predicted" else 6, line_color=look.light, line_width=1.6,
        fill_color=None if hollow else look.light,
    )  # fmt: skip
    charts.hover(plot, [charts.add(plot, data, dot, each.name)], [("", "$name"), ("", "@x{0.00}")])
    first = next((at for at, v in enumerate(values) if not math.isnan(v)), None)
    if first is not None:
        at = values[first]
        mark = {"now": "●", "before": "○", "predicted": "◇"}[each.kind]
        left = at <= centre
        tag(
            plot, [at], [above], [f"{mark} {each.name}" if left else f"{each.name} {mark}"],
            color=look.light, align="left" if left else "right", shift=(-5 if left else 5, 0),
        )  # fmt: skip


def gradients(
    layers: Sequence[Layer],
    limits: Sequence[tuple[float, str]] = (),
    predicted: tuple[int, float] | None = None,
    struck: Iterable[int] = (),
) -> Chart:
    """|dL/dz| by layer over the last layer's, at the first and the last check."""
    series = _first_and_last(layers, watch_words.relative_gradients)
    if predicted is not None:
        row, size = predicted
        values: list[float | None] = [None] * len(layers)
        values[row] = watch_words.log10(size)
        series.append(Series("predicted by weights and activation", values, "predicted"))
    return by_layer(
        layers, series, limits=limits, struck=struck,
        x="size of the gradient, log₁₀ (last layer: 0)",
        label="Gradient by layer over the last layer's, at the first and the last check",
    )  # fmt: skip


def _first_and_last(
    layers: Sequence[Layer], read: Callable[[Sequence[Layer], int], list[float | None]]
) -> list[Series]:
    steps = [each.stats[at].step for at in (0, -1) for each in layers[:1] if each.stats]
    found = []
    if len(set(steps)) > 1:
        found.append(Series(f"step {steps[0]:,}", read(layers, 0), "before"))
    if steps:
        found.append(Series(f"step {steps[-1]:,}", read(layers, -1), "now"))
    return found


def sizes(layers: Sequence[Layer], struck: Iterable[int] = ()) -> Chart:
    """K by layer: at the first and the last check, and as the weights predict it."""
    series = _first_and_last(layers, lambda each, at: _logs(each, at, "mean_square"))
    predicted = _logs(layers, -1, "predicted_mean_square")
    if any(v is not None for v in predicted):
        series.append(Series("predicted by the weights", predicted, "predicted"))
    return by_layer(
        layers, series, struck=struck, x="mean square K of pre-activations, log₁₀",
        label="Mean square of pre-activations by layer, measured and predicted",
    )  # fmt: skip


def largest(layers: Sequence[Layer], struck: Iterable[int] = ()) -> Chart:
    """Largest |z| by layer at the first and the last check that had finite ones."""
    return by_layer(
        layers, _first_and_last(layers, lambda each, at: _logs(each, at, "largest")),
        struck=struck, x="largest pre-activation, log₁₀",
        label="Largest pre-activation by layer, at the first and the last check",
    )  # fmt: skip


def cosines(
    layers: Sequence[Layer], limits: Sequence[tuple[float, str]], struck: Iterable[int] = ()
) -> Chart:
    """Mean cosine between the outputs of two samples, by layer."""
    return by_layer(
        layers,
        _first_and_last(
            layers, lambda every, at: [e.stats[at].cosine if e.stats else None for e in every]
        ),
        limits=limits, struck=struck, x="mean cosine between outputs of two samples",
        label="Mean cosine between the outputs of two samples, by layer",
    )  # fmt: skip


def _logs(layers: Sequence[Layer], at: int, key: str) -> list[float | None]:
    return [watch_words.log10(getattr(e.stats[at], key)) if e.stats else None for e in layers]


# Layer by step.


@dataclass(frozen=True)
class Measure:
    """What a layer by step map shows."""

    key: str
    title: str
    share: bool = False
    """Of units, from 0 to 1; else a size, of which log10 is shown."""

    def of(self, stats: LayerStats) -> float | None:
        found: float | None = getattr(stats, self.key)
        return found if self.share else watch_words.log10(found)


MEASURES = (
    Measure("gradient", "Size of the gradient dL/dz, log₁₀"),
    Measure("mean_square", "Mean square K of pre-activations, log₁₀"),
    Measure("update_ratio", "Update over weight, log₁₀"),
    Measure("dead", "Dead units", share=True),
    Measure("saturated", "Saturated units", share=True),
    Measure("dormant", "Dormant units", share=True),
)


@dataclass(frozen=True)
class Map:
    """A layer by step map with the two ends of its scale."""

    chart: Chart
    title: str
    low: str
    high: str


def layer_map(layers: Sequence[Layer], measure: Measure) -> Map | None:
    """One measure of every layer at every check; None where it is nowhere, or nowhere above 0."""
    steps = sorted({stats.step for each in layers for stats in each.stats})
    steps = [steps[at] for at in chosen(len(steps), COLUMNS)]
    column = {step: at for at, step in enumerate(steps)}
    count = len(layers)
    x, y, shown = [], [], []
    marks: dict[str, list[tuple[int, int]]] = {"not finite": [], "0": []}
    for row, layer in enumerate(layers):
        for stats in layer.stats:
            if stats.step not in column:
                continue
            found = measure.of(stats)
            if not stats.finite:
                marks["not finite"].append((column[stats.step], count - 1 - row))
            elif found is None and getattr(stats, measure.key) == 0:
                marks["0"].append((column[stats.step], count - 1 - row))
            elif found is not None:
                x.append(column[stats.step])
                y.append(count - 1 - row)
                shown.append(found)
    if not shown or (measure.share and not max(shown)):
        return None
    high = 1.0 if measure.share else max(shown)
    # Eight decades show vanishing gradients; more would flatten healthy ones.
    low = 0.0 if measure.share else max(min(shown), high - 8)
    if high - low < 0.5 and not measure.share:
        low, high = (low + high) / 2 - 0.25, (low + high) / 2 + 0.25
    chart = _cells(layers, steps, (x, y, shown), marks, (low, high), measure)
    ends = ("0 %", "100 %") if measure.share else (signed(low, 1), signed(high, 1))
    below = "≤ " if min(shown) < low else ""
    below = "0 (hatched) or " + below if marks["0"] else below
    return Map(chart, measure.title, below + ends[0], ends[1])


def _cells(
    layers: Sequence[Layer],
    steps: Sequence[int],
    cells: tuple[Sequence[int], Sequence[int], Sequence[float]],
    marks: Mapping[str, Sequence[tuple[int, int]]],
    scale: tuple[float, float],
    measure: Measure,
) -> Chart:
    count = len(layers)
    height = 56 + _row_height(count) * count
    plot = charts.blank(
        height, None, x_axis_label="step",
        x_range=Range1d(start=-0.5, end=len(steps) - 0.5),
        y_range=Range1d(start=-0.5, end=count - 0.5),
    )  # fmt: skip
    plot.grid.grid_line_color = None
    _name_rows(plot, _labels(layers))
    marked = chosen(len(steps), 5)
    plot.xaxis.ticker = FixedTicker(ticks=marked)
    plot.xaxis.major_label_overrides = {at: f"{steps[at]:,}" for at in marked}
    mapper = LinearColorMapper(palette=Cividis256, low=scale[0], high=scale[1])
    colour: Any = {"field": "value", "transform": mapper}
    x, y, shown = cells
    data = charts.source(**_squares(x, y), x=x, y=y, value=shown)
    cell = Quad(left="left", right="right", bottom="bottom", top="top",
                fill_color=colour, line_color=colour, line_width=0.5)  # fmt: skip
    drawn = charts.add(plot, data, cell, measure.key)
    for name, places in marks.items():
        if not places:
            continue
        data = charts.source(**_squares([x for x, _ in places], [y for _, y in places]))
        hatched = Quad(
            left="left", right="right", bottom="bottom", top="top", line_color=None,
            fill_color=None, hatch_pattern="x" if name == "not finite" else "/",
            hatch_color=INK[0] if name == "not finite" else SOFT[0], hatch_scale=12,
            hatch_weight=1.5 if name == "not finite" else 0.7,
        )  # fmt: skip
        charts.hover(plot, [charts.add(plot, data, hatched, name)], [("", name)])
    digits = "@value{0 %}" if measure.share else "@value{0.00}"
    plot.add_tools(
        HoverTool(
            renderers=[drawn],
            tooltips=[("layer", "@y{custom}"), ("step", "@x{custom}"), ("", digits)],
            formatters={
                "@x": CustomJSHover(args={"names": [f"{s:,}" for s in steps]}, code=_NAMED),
                "@y": CustomJSHover(args={"names": _labels(layers)[::-1]}, code=_NAMED),
            },
        )
    )
    return Chart(plot, f"{measure.title}, by layer and step", height)


def _squares(x: Sequence[int], y: Sequence[int]) -> dict[str, list[float]]:
    return {"left": [v - 0.5 for v in x], "right": [v + 0.5 for v in x],
            "bottom": [v - 0.5 for v in y], "top": [v + 0.5 for v in y]}  # fmt: skip


_NAMED = "return names[Math.round(value)]"
"""The name of a row or column, once for all of its cells."""


# One layer's units and its pre-activations.


def runs(maps: Sequence[UnitMap]) -> list[tuple[int, int, int, int]]:
    """Stretches of checks in which a unit stays what it is: (row, code, first check, last check).

    Rows are units, those at fault on top, and among these those longest at fault.
    """
    history = {unit: [each.codes[at] for each in maps if at < len(each.codes)]
               for at, unit in enumerate(maps[-1].units)}  # fmt: skip
    ordered = sorted(
        history.values(),
        key=lambda codes: (codes[-1] == 0, codes[-1], -_tail(codes)),
    )
    found = []
    for row, codes in enumerate(ordered):
        start = 0
        for at in range(1, len(codes) + 1):
            if at == len(codes) or codes[at] != codes[start]:
                found.append((row, codes[start], start, at - 1))
                start = at
    return found


def _tail(codes: Sequence[int]) -> int:
    """At how many last checks the state has been the same."""
    return next((at for at, code in enumerate(reversed(codes)) if code != codes[-1]), len(codes))


def unit_map(layer: Layer) -> Chart | None:
    """Every unit at every check; the states at the last check are named beside it."""
    maps = [layer.maps[at] for at in chosen(len(layer.maps), COLUMNS)]
    if not maps or not maps[-1].units:
        return None
    found, count = runs(maps), len(maps[-1].units)
    height = 280
    wide = len(maps)
    plot = charts.blank(
        height, None, x_axis_label="step",
        x_range=Range1d(start=-0.5, end=-0.5 + 1.5 * wide),
        y_range=Range1d(start=-0.5, end=count - 0.5),
    )  # fmt: skip
    plot.grid.grid_line_color = None
    plot.yaxis.ticker = FixedTicker(ticks=[])
    plot.yaxis.axis_label = (
        f"{count:,} of {layer.units:,} units" if count < layer.units else "units"
    )
    marked = chosen(wide, 4)
    plot.xaxis.ticker = FixedTicker(ticks=marked)
    plot.xaxis.major_label_overrides = {at: f"{maps[at].step:,}" for at in marked}
    gap = 0.06 if count <= 48 else 0.0
    shown = []
    for code, word in watch_words.STATES.items():
        mine = [each for each in found if each[1] == code]
        if not mine:
            continue
        data = charts.source(
            left=[first - 0.5 for _, _, first, _ in mine],
            right=[end + 0.5 for _, _, _, end in mine],
            bottom=[count - 1.5 - row + 2 * gap for row, _, _, _ in mine],
            top=[count - 0.5 - row for row, _, _, _ in mine],
            since=[maps[first].step for _, _, first, _ in mine],
            until=[maps[end].step for _, _, _, end in mine],
        )
        bar = Quad(left="left", right="right", bottom="bottom", top="top",
                   fill_color=palette.UNITS[code][0], line_color=None)  # fmt: skip
        shown.append(charts.add(plot, data, bar, word))
    charts.hover(plot, shown, [("", "$name"), ("from step", "@since{0}"), ("to", "@until{0}")])
    _name_states(plot, found, wide, count, height)
    return Chart(plot, f"State of each unit of {layer.name} at each check", height)


def _name_states(
    plot: Any, found: Sequence[tuple[int, int, int, int]], wide: int, count: int, height: int
) -> None:
    """Beside the last column: what its units are, and how many."""
    now = sorted((row, code) for row, code, _, end in found if end == wide - 1)
    least = 17 * count / (height - 60)
    """Rows that a line of text takes."""
    above, x = count - 0.5, wide - 0.5
    for code in dict.fromkeys(code for _, code in now):
        mine = [row for row, each in now if each == code]
        top, bottom = count - 0.5 - mine[0], count - 1.5 - mine[-1]
        y = min((top + bottom) / 2, above - least / 2)
        above = y - least / 2
        bracket = charts.source(x0=[x + 0.02 * wide], y0=[bottom], x1=[x + 0.02 * wide], y1=[top])
        line = Segment(x0="x0", y0="y0", x1="x1", y1="y1", line_width=3,
                       line_color=palette.UNITS[code][0])  # fmt: skip
        charts.add(plot, bracket, line, "brackets")
        tag(plot, [x], [y], [f"{watch_words.STATES[code]}: {len(mine)} of {count}"], shift=(11, 0))
    earlier = dict.fromkeys(sorted(each[1] for each in found if each[1] not in dict(now).values()))
    for at, code in enumerate(earlier):
        words = f"■ {watch_words.STATES[code]} before"
        y = -0.5 + least * (at + 0.5)
        tag(plot, [x], [y], [words], color=palette.UNITS[code][0], shift=(11, 0))


@dataclass(frozen=True)
class Over:
    """Pre-activations over their activation's curve, and the share of them without a slope."""

    chart: Chart
    curve: bool = True
    """Whether it has one; else it is the histogram alone."""
    flat: float | None = None
    """Of the histogram, where |f'| is below `SATURATED_SLOPE` of its supremum."""


def over_curve(layer: Layer) -> Over | None:
    """The last window's pre-activations over f and f′; dashed, the first window's."""
    seen = layer.histogram
    if seen is None or not sum(seen.counts):
        return None
    if layer.activation not in names("unary"):
        chart = charts.bars(
            np.array(seen.edges), np.array(density(seen)), x="pre-activation",
            label=f"Pre-activations of {layer.name}", color=palette.style("relu").light, height=280,
        )  # fmt: skip
        return Over(chart, curve=False)
    card = find(layer.activation)
    ends = seen.edges[0], seen.edges[-1]
    sampled = curves(card, given=layer.parameters, ends=ends)
    reach = max(abs(each) for each in ends)
    reference = np.zeros_like(sampled.x)
    if layer.first_histogram is not None:
        reference = at_points(layer.first_histogram, sampled.x)
        # Bars of other widths have other heights; each has its own scale.
        reference *= max(density(seen)) / (max(reference) or 1.0)
    chart = charts.functions(
        sampled.x,
        [("f", sampled.value), ("f′", sampled.slope)],
        reference=reference,
        measured=(seen.edges, density(seen)),
        clip=(-max(reach / 3, 1.2), max(reach / 2, 1.2)),
        label=f"Pre-activations of {layer.name} over {layer.activation} and its derivative",
        height=280,
    )
    chart.plot.xaxis.axis_label = "pre-activation z"
    steepest = card.claims.lipschitz if card.claims else math.inf
    if not math.isfinite(steepest):
        return Over(chart)
    flat = np.abs(sampled.slope) < SATURATED_SLOPE * steepest
    for left, right in _stretches(sampled.x, flat):
        chart.plot.add_layout(
            BoxAnnotation(left=left, right=right, fill_color=SHADE[0], fill_alpha=0.3,
                          line_color=None, level="underlay")
        )  # fmt: skip
        if right - left > 0.2 * (ends[1] - ends[0]):
            tag(chart.plot, [(left + right) / 2], [chart.plot.y_range.end], ["hardly any slope"],
                color=SOFT[0], align="center", shift=(0, 9))  # fmt: skip
    centres = (np.array(seen.edges[1:]) + np.array(seen.edges[:-1])) / 2
    slope = np.interp(centres, sampled.x, np.abs(np.nan_to_num(sampled.slope)))
    inside = np.array(seen.counts)[slope < SATURATED_SLOPE * steepest].sum()
    return Over(chart, flat=float(inside / sum(seen.counts)))


def _stretches(x: np.ndarray, inside: np.ndarray) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    return [(float(x[a]), float(x[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def density(seen: Histogram) -> list[float]:
    """Of a histogram's bars."""
    total = sum(seen.counts) or 1
    return [
        count / total / (right - left)
        for count, left, right in zip(seen.counts, seen.edges[:-1], seen.edges[1:], strict=True)
    ]


def at_points(seen: Histogram, x: np.ndarray) -> np.ndarray:
    """A histogram's density at points."""
    bars = np.array([0.0, *density(seen), 0.0])
    found: np.ndarray = bars[np.searchsorted(np.array(seen.edges), x, side="right")]
    return found


# The training.


def progress(
    points: Sequence[Progress],
    key: str,
    *,
    y: str,
    events: Sequence[tuple[int, str]] = (),
    bounds: tuple[float, float] | None = None,
) -> Chart | None:
    """One number of the training by step, with the steps from which faults were met."""
    found = [(each.step, getattr(each, key)) for each in points]
    found = [(step, number) for step, number in found if number is not None]
    if len(found) < 2:
        return None
    plot = charts.blank(240, None, x_axis_label="step")
    plot.yaxis.axis_label = y
    values = [number for _, number in found]
    low, high = (min(values), max(values)) if bounds is None else bounds
    low, high = min(low, *values), max(high, *values)
    room = 0.1 * len(events) * (high - low)
    plot.y_range = Range1d(start=low - 0.05 * (high - low), end=high + 0.05 * (high - low) + room)
    look = LOOKS["now"]
    data = charts.source(x=[step for step, _ in found], y=[number for _, number in found])
    line = LineGlyph(x="x", y="y", line_color=look.light, line_width=2)
    shown = charts.add(plot, data, line, key)
    charts.hover(plot, [shown], [("step", "@x{0}"), (y, "@y{0.000}")])
    for index, (step, words) in enumerate(events):
        plot.add_layout(
            Span(location=step, dimension="height", line_color=SOFT[0], line_dash="3 3")
        )
        tag(plot, [step], [plot.y_range.end], [words], color=SOFT[0], shift=(4, 8 + 14 * index))
    return Chart(plot, f"{y} by step", 240)
