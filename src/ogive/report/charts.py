"""Bokeh charts from plain numbers; each also has a table of its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.embed import json_item
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Quad,
    Range1d,
    Rect,
    Scatter,
    Segment,
    Text,
    VArea,
)
from bokeh.models import Line as LineGlyph
from bokeh.models.annotations import BoxAnnotation, Legend, LegendItem, Span
from bokeh.palettes import Cividis256
from bokeh.plotting import figure
from bokeh.themes import Theme

from . import palette
from .palette import GRID, INK, MISSING, SHADE, SOFT
from .text import signed

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"

_axis = {
    "axis_label_text_font": FONT,
    "axis_label_text_font_size": "12px",
    "axis_label_text_font_style": "normal",
    "axis_label_text_color": SOFT[0],
    "major_label_text_font": FONT,
    "major_label_text_font_size": "11px",
    "major_label_text_color": INK[0],
    "axis_line_color": SOFT[0],
    "major_tick_line_color": SOFT[0],
    "minor_tick_line_color": None,
}
THEME = Theme(
    json={
        "attrs": {
            "Plot": {
                # Transparent, so that the page's light or dark background shows.
                "background_fill_color": None,
                "border_fill_color": None,
                "outline_line_color": None,
                "min_border_right": 12,
                "min_border_top": 8,
            },
            "Axis": _axis,
            "Grid": {"grid_line_color": GRID[0]},
            "Title": {
                "text_font": FONT,
                "text_font_size": "13px",
                "text_font_style": "bold",
                "text_color": INK[0],
            },
        }
    }
)


@dataclass(frozen=True)
class Table:
    """A chart's numbers as text, for readers who cannot see or run it."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Chart:
    """One chart."""

    plot: Any
    label: str
    """A sentence about what it shows, for screen readers."""
    height: int

    def item(self) -> Any:
        """The data from which Bokeh renders it in a page."""
        return json_item(self.plot, theme=THEME)


def blank(height: int, title: str | None = None, **options: Any) -> Any:
    """A figure as wide as its container, without tools, since scrolling must not zoom."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        title=title,
        **({"tools": ""} | options),
    )
    plot.xgrid.grid_line_color = None
    return plot


def add(plot: Any, data: ColumnDataSource, glyph: Any, name: str | None = None) -> Any:
    """Add a glyph; ``plot.line`` and the like would add three more for states never shown."""
    return plot.add_glyph(data, glyph, name=name)


def hover(plot: Any, renderers: Sequence[Any], tips: Sequence[tuple[str, str]]) -> None:
    """Show these fields for the point under the pointer."""
    plot.add_tools(HoverTool(renderers=list(renderers), tooltips=list(tips)))


def source(**columns: Any) -> ColumnDataSource:
    """A data source; NaN where a number is missing."""
    return ColumnDataSource({name: _column(values) for name, values in columns.items()})


def _column(values: Iterable[Any]) -> Any:
    values = list(values)
    if any(isinstance(value, str) for value in values):
        return values
    # float32 needs half the bytes, and has more digits than a pixel can show.
    return np.array([math.nan if value is None else value for value in values], dtype=np.float32)


@dataclass(frozen=True)
class Line:
    """One activation's curve and the band around it."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]


def lines(
    curves: Sequence[Line],
    *,
    title: str,
    x: str,
    y: str,
    label: str,
    height: int = 300,
    log: bool = False,
) -> Chart:
    """Curves with bands; the page's script shows and hides them by activation."""
    plot = blank(height, title, y_axis_type="log" if log else "linear", x_axis_label=x)
    plot.yaxis.axis_label = y
    plot.y_range.only_visible = True
    plot.y_range.range_padding = 0.05
    shown = []
    for curve in curves:
        look = palette.style(curve.name)
        data = source(x=curve.x, y=curve.y, low=curve.low, high=curve.high)
        band = VArea(x="x", y1="low", y2="high", fill_color=look.light, fill_alpha=0.16)
        add(plot, data, band, curve.name)
        line = LineGlyph(x="x", y="y", line_color=look.light, line_dash=look.dash, line_width=2)
        shown.append(add(plot, data, line, curve.name))
    hover(plot, shown, [("", "$name"), (x, "@x{0}"), (y, "@y{0.000}")])
    return Chart(plot, label, height)


@dataclass(frozen=True)
class Dots:
    """One activation's row of points, one for each split, with its mean and interval."""

    name: str
    values: Sequence[float]
    splits: Sequence[int]
    mean: float
    low: float
    high: float
    look: str = ""
    """The activation whose colour it has, if not the name's own."""


def strip(
    rows: Sequence[Dots],
    *,
    title: str,
    x: str,
    label: str,
    digits: int = 1,
    middle: float,
    reach: float,
    band: float | None = None,
) -> Chart:
    """A row for each activation, the first on top, with its points, mean and interval.

    A row whose mean is further than `reach` from `middle` is shown as text at the edge, so that the
    axis stays readable. `band` is the half width of a shaded region around 0.
    """
    height = 84 + 24 * len(rows)
    top = len(rows) - 1
    plot = blank(height, title, y_range=Range1d(start=-0.6, end=top + 0.6), x_axis_label=x)
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(rows))))
    plot.yaxis.major_label_overrides = {top - at: row.name for at, row in enumerate(rows)}
    plot.ygrid.grid_line_color = GRID[0]
    if band is not None:
        plot.add_layout(
            BoxAnnotation(
                left=-band, right=band, fill_color=SHADE[0], fill_alpha=0.35, line_color=None
            )
        )
        plot.add_layout(Span(location=0, dimension="height", line_color=SOFT[0], line_width=1))
    placed = [(top - at, row) for at, row in enumerate(rows)]
    near = [(y, row) for y, row in placed if abs(row.mean - middle) <= reach]
    far = [(y, row) for y, row in placed if abs(row.mean - middle) > reach]
    points = [
        (y, row, value, split)
        for y, row in near
        for value, split in zip(row.values, row.splits, strict=True)
    ]
    data = source(
        x=[value for _, _, value, _ in points],
        # Shifted, so that they do not cover each other.
        y=[y + 0.16 + 0.05 * (split % 3 - 1) for y, _, _, split in points],
        split=[split + 1 for _, _, _, split in points],
        name=[row.name for _, row, _, _ in points],
        color=[palette.style(row.look or row.name).light for _, row, _, _ in points],
    )
    dot = Scatter(x="x", y="y", size=6, line_color="color", fill_color="color", fill_alpha=0.5)
    circles = add(plot, data, dot, "points")
    means = source(
        y=[y - 0.16 for y, _ in near],
        low=[row.low for _, row in near],
        high=[row.high for _, row in near],
        mean=[row.mean for _, row in near],
        name=[row.name for _, row in near],
    )
    interval = Segment(x0="low", x1="high", y0="y", y1="y", line_color=INK[0], line_width=1.8)
    mean = Scatter(
        x="mean",
        y="y",
        marker="dash",
        angle=math.pi / 2,
        size=12,
        line_color=INK[0],
        line_width=2.5,
    )
    add(plot, means, interval, "intervals")
    add(plot, means, mean, "means")
    ends = [end for _, row in near for end in (row.low, row.high, *row.values)]
    if band is not None:
        ends += [-band, band]
    low, high = (min(ends), max(ends)) if ends else (middle - reach, middle + reach)
    margin = 0.05 * (high - low) or 1.0
    plot.x_range = Range1d(start=low - margin, end=high + margin)
    for side, align in ((-1, "left"), (1, "right")):
        beyond = [(y, row) for y, row in far if (row.mean > middle) == (side > 0)]
        if not beyond:
            continue
        marks = source(
            x=[low - margin if side < 0 else high + margin] * len(beyond),
            y=[y for y, _ in beyond],
            text=[
                f" ◂ {signed(row.mean, digits)}" if side < 0 else f"{signed(row.mean, digits)} ▸ "
                for _, row in beyond
            ],
            color=[palette.style(row.look or row.name).light for _, row in beyond],
        )
        text = Text(
            x="x",
            y="y",
            text="text",
            text_color="color",
            text_align=align,
            text_baseline="middle",
            text_font=value(FONT),
            text_font_size="11px",
        )
        add(plot, marks, text, "beyond")
    hover(plot, [circles], [("", "@name"), (x, f"@x{{0.{'0' * digits}}}"), ("split", "@split")])
    return Chart(plot, label, height)


def layer_map(size: int = 150) -> Chart:
    """An empty layer x step map, shown once per activation and filled by the page's script."""
    plot = blank(size, " ", x_range=(-0.5, 0.5), y_range=(0.5, 1.5))
    plot.grid.grid_line_color = None
    plot.yaxis.ticker = BasicTicker(desired_num_ticks=4, min_interval=1)
    plot.xaxis.ticker = FixedTicker(ticks=[])
    plot.min_border_right = 6
    mapper = LinearColorMapper(palette=Cividis256, low=0, high=1, nan_color=MISSING, name="scale")
    data = ColumnDataSource({"x": [], "y": [], "value": [], "step": [], "shown": []}, name="cells")
    cells = Rect(
        x="x",
        y="y",
        width=1,
        height=1,
        line_color={"field": "value", "transform": mapper},
        line_width=1,
        fill_color={"field": "value", "transform": mapper},
    )
    rectangles = add(plot, data, cells)
    hover(plot, [rectangles], [("layer", "@y"), ("step", "@step"), ("", "@shown")])
    return Chart(plot, "Layer by step map", size)


@dataclass(frozen=True)
class Point:
    """One activation at one depth in the scatter of predictions."""

    name: str
    note: str
    x: float
    y: float
    low: float
    high: float


def diagonal(points: Sequence[Point], *, x: str, y: str, label: str, height: int = 380) -> Chart:
    """A scatter of predicted against measured values, with the line on which they agree."""
    plot = blank(height, None, x_axis_label=x)
    plot.yaxis.axis_label = y
    plot.xgrid.grid_line_color = GRID[0]
    ends = [value for point in points for value in (point.x, point.y)] or [0.0, 1.0]
    margin = 0.05 * (max(ends) - min(ends)) or 1.0
    span = [min(ends) - margin, max(ends) + margin]
    agreement = LineGlyph(x="x", y="y", line_color=SOFT[0], line_dash="4 4", line_width=1.5)
    add(plot, source(x=span, y=span), agreement)
    shown = []
    for name in dict.fromkeys(point.name for point in points):
        mine = [point for point in points if point.name == name]
        look = palette.style(name)
        data = source(
            x=[point.x for point in mine],
            y=[point.y for point in mine],
            low=[point.low for point in mine],
            high=[point.high for point in mine],
            note=[point.note for point in mine],
        )
        bar = Segment(x0="x", y0="low", x1="x", y1="high", line_color=look.light, line_width=1.5)
        dot = Scatter(
            x="x",
            y="y",
            marker=look.marker,
            size=10,
            line_color=look.light,
            fill_color=look.light,
            fill_alpha=0.5,
            line_width=1.5,
        )
        add(plot, data, bar, name)
        shown.append(add(plot, data, dot, name))
    hover(
        plot,
        shown,
        [("", "$name, @note"), ("predicted", "@x{0.00}"), ("measured", "@y{0.00}")],
    )
    return Chart(plot, label, height)


@dataclass(frozen=True)
class Profile:
    """Values by layer, for networks of one depth."""

    name: str
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def profiles(
    curves: Sequence[Profile], *, start: float, y: str, label: str, height: int = 280
) -> Chart:
    """Values by layer, one line per depth, and the value at which all started."""
    plot = blank(height, None, x_axis_label="layer (1 is nearest the input)")
    plot.yaxis.axis_label = y
    plot.add_layout(Span(location=start, dimension="width", line_color=SOFT[0], line_dash="4 4"))
    plot.xaxis.ticker = BasicTicker(min_interval=1)
    looks = [palette.style(name) for name in ("gelu", "relu", "elu", "prelu", "sigmoid")]
    shown = []
    for index, curve in enumerate(curves):
        look = looks[index % len(looks)]
        data = source(x=range(1, len(curve.y) + 1), y=curve.y, low=curve.low, high=curve.high)
        band = VArea(x="x", y1="low", y2="high", fill_color=look.light, fill_alpha=0.16)
        dot = Scatter(
            x="x",
            y="y",
            marker=look.marker,
            size=7,
            line_color=look.light,
            fill_color=look.light,
        )
        add(plot, data, band)
        add(plot, data, LineGlyph(x="x", y="y", line_color=look.light, line_width=2))
        shown.append(add(plot, data, dot, curve.name))
    legend(plot, shown)
    hover(plot, shown, [("", "$name"), ("layer", "@x"), (y, "@y{0.000}")])
    return Chart(plot, label, height)


def legend(
    plot: Any, renderers: Sequence[Any], *, size: str = "12px", columns: int | None = None
) -> None:
    """Names of the renderers above the chart: in one line, or from the left in columns."""
    layout: dict[str, Any] = {"orientation": "horizontal"}
    if columns is not None:
        layout = {"ncols": columns, "location": "left"}
    names: Any = Legend(
        items=[LegendItem(label=value(each.name), renderers=[each]) for each in renderers],
        **layout,
    )
    names.background_fill_color = names.border_line_color = None
    names.label_text_color = INK[0]
    names.label_text_font = FONT
    names.label_text_font_size = size
    names.padding = 2
    plot.add_layout(names, "above")


def functions(
    x: np.ndarray,
    curves: Sequence[tuple[str, np.ndarray]],
    *,
    reference: np.ndarray,
    measured: tuple[Sequence[float], Sequence[float]] | None,
    label: str,
    height: int = 300,
    clip: tuple[float, float] = (-2.0, 3.0),
) -> Chart:
    """f, f′ and f″ over the density of their input: measured as steps, a reference as a line.

    `measured` is (edges, density); it and the reference, a density at `x`, share the lowest part of
    the chart.
    """
    shown_y = np.concatenate([y for _, y in curves])
    low = max(float(np.nanmin(shown_y)), clip[0])
    high = min(float(np.nanmax(shown_y)), clip[1])
    # The density is in a separate band below the curves.
    scale = 0.22 * (high - low)
    floor = low - 1.25 * scale
    plot = blank(
        height,
        None,
        x_range=(float(x[0]), float(x[-1])),
        y_range=(floor, high + 0.06 * (high - low)),
    )
    plot.xaxis.axis_label = "x"
    plot.xgrid.grid_line_color = GRID[0]
    edges, density = measured or (x, (reference[1:] + reference[:-1]) / 2)
    top = max(*density, *reference)
    raised = floor + scale * np.asarray(density) / top
    seen = Quad(
        left="left", right="right", bottom=floor, top="top", fill_color=SHADE[0], line_color=None
    )
    add(plot, source(left=edges[:-1], right=edges[1:], top=raised), seen)
    for axis in ("width", "height"):
        plot.add_layout(Span(location=0, dimension=axis, line_color=SOFT[0], line_width=0.8))
    dashed = floor + scale * reference / top
    data = source(x=x, reference=dashed, **{f"y{i}": y for i, (_, y) in enumerate(curves)})
    if measured:
        add(plot, data, LineGlyph(x="x", y="reference", line_color=SOFT[0], line_dash="3 3"))
    shown = []
    for index, (name, _) in enumerate(curves):
        look = palette.CURVES[name]
        line = LineGlyph(
            x="x", y=f"y{index}", line_color=look.light, line_dash=look.dash, line_width=2.2
        )
        shown.append(add(plot, data, line, name))
        tip = f"@y{index}{{0.0000}}"
        hover(plot, shown[-1:], [("", name), ("x", "@x{0.00}"), ("", tip)])
    legend(plot, shown)
    return Chart(plot, label, height)


def bars(
    edges: np.ndarray,
    density: np.ndarray,
    *,
    x: str,
    label: str,
    color: str,
    height: int = 300,
) -> Chart:
    """A histogram."""
    plot = blank(height, None, x_axis_label=x)
    plot.y_range.start = 0
    plot.yaxis.visible = False
    plot.ygrid.grid_line_color = None
    bar = Quad(
        left="left",
        right="right",
        bottom=0,
        top="top",
        fill_color=color,
        fill_alpha=0.7,
        line_color=None,
    )
    add(plot, source(left=edges[:-1], right=edges[1:], top=density), bar)
    return Chart(plot, label, height)
