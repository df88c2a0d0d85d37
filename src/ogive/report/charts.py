"""Charts from plain numbers, with Bokeh; each carries its numbers as a table for every reader."""

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
from bokeh.models.annotations import Legend, LegendItem, Span
from bokeh.palettes import Cividis256
from bokeh.plotting import figure
from bokeh.themes import Theme

from . import palette
from .palette import GRID, INK, MISSING, SHADE, SOFT
from .text import number

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
                # The page shows through, in its own light or dark.
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
    """Numbers as text: what a chart shows, for those who cannot see or run it."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Chart:
    """One drawing."""

    plot: Any
    label: str
    """What it shows, in a sentence; read aloud in its place."""
    height: int

    def item(self) -> Any:
        """What the charting library needs to draw it in a page."""
        return json_item(self.plot, theme=THEME)


def blank(height: int, title: str | None = None, **options: Any) -> Any:
    """A figure as wide as its place, without tools: scrolling past must not zoom."""
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
    """Draw a glyph; ``plot.line`` and its kin would add three more for states never shown."""
    return plot.add_glyph(data, glyph, name=name)


def hover(plot: Any, renderers: Sequence[Any], tips: Sequence[tuple[str, str]]) -> None:
    """Show these fields of the point under the pointer."""
    plot.add_tools(HoverTool(renderers=list(renderers), tooltips=list(tips)))


def source(**columns: Any) -> ColumnDataSource:
    """A data source; NaN where a number is missing."""
    return ColumnDataSource({name: _column(values) for name, values in columns.items()})


def _column(values: Iterable[Any]) -> Any:
    values = list(values)
    if any(isinstance(value, str) for value in values):
        return values
    # Half the bytes in the page, and more digits than a pixel can show.
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
    """One activation's row of points, with its interval."""

    name: str
    values: Sequence[float]
    notes: Sequence[str]
    mean: float
    low: float
    high: float
    off: bool
    """Far below the rest: its mean is written at the edge, and the axis stays readable."""


def strip(rows: Sequence[Dots], pale: Sequence[Dots], *, title: str, x: str, label: str) -> Chart:
    """A row for each activation, best on top: its points, its mean and interval.

    `pale` holds a second measurement of the same rows, drawn below in outline.
    """
    order = [row.name for row in rows][::-1]
    height = 60 + 26 * len(order)
    plot = blank(height, title, y_range=order, x_axis_label=x)
    plot.ygrid.grid_line_color = GRID[0]
    shown = []
    for group, shift, hollow in ((rows, 0.14, False), (pale, -0.24, True)):
        points = [
            (row, x_at, note)
            for row in group
            if not row.off
            for x_at, note in zip(row.values, row.notes, strict=True)
        ]
        data = ColumnDataSource(
            {
                "x": [x_at for _, x_at, _ in points],
                "y": [(row.name, shift) for row, _, _ in points],
                "name": [row.name for row, _, _ in points],
                "note": [note for _, _, note in points],
                "color": [palette.style(row.name).light for row, _, _ in points],
            }
        )
        dot = Scatter(
            x="x",
            y="y",
            size=5 if hollow else 7,
            line_color="color",
            fill_color=None if hollow else "color",
            fill_alpha=0.55,
        )
        shown.append(add(plot, data, dot))
    near = [row for row in rows if not row.off]
    means = ColumnDataSource(
        {
            "y": [(row.name, 0.14) for row in near],
            "low": [row.low for row in near],
            "high": [row.high for row in near],
            "mean": [row.mean for row in near],
        }
    )
    interval = Segment(x0="low", x1="high", y0="y", y1="y", line_color=INK[0], line_width=1.5)
    mean = Scatter(
        x="mean",
        y="y",
        marker="dash",
        angle=math.pi / 2,
        size=13,
        line_color=INK[0],
        line_width=2.5,
    )
    add(plot, means, interval)
    add(plot, means, mean)
    ends = [end for row in near for end in (row.low, row.high, *row.values)]
    ends += [end for row in pale if not row.off for end in row.values]
    low, high = (min(ends), max(ends)) if ends else (0.0, 100.0)
    margin = 0.06 * (high - low) or 1.0
    plot.x_range = Range1d(start=low - margin, end=high + margin)
    beyond = [
        (row, shift) for group, shift in ((rows, 0.14), (pale, -0.24)) for row in group if row.off
    ]
    # One text a row: where tuning does not help either, the tuned mean says it all.
    once = {row.name: (row, shift) for row, shift in reversed(beyond)}
    marks = ColumnDataSource(
        {
            "x": [low - margin] * len(once),
            "y": [(name, shift) for name, (_, shift) in once.items()],
            "text": [f" ◂ {row.mean:.1f}" for row, _ in once.values()],
            "color": [palette.style(name).light for name in once],
        }
    )
    far = Text(
        x="x",
        y="y",
        text="text",
        text_color="color",
        text_baseline="middle",
        text_font=value(FONT),
        text_font_size="11px",
    )
    add(plot, marks, far)
    hover(plot, shown, [("", "@name"), (x, "@x{0.0}"), ("", "@note")])
    return Chart(plot, label, height)


def heat(
    values: Sequence[Sequence[float | None]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    x: str,
    title: str | None = None,
    label: str,
    texts: Sequence[Sequence[str]] | None = None,
    low: float = 0.0,
    high: float = 1.0,
    cell: int = 28,
    tip: str = "",
) -> Chart:
    """A map of numbers, the first row on top; `texts` are written into the cells."""
    height = 62 + cell * len(rows) + (22 if title else 0)
    plot = blank(height, title, x_range=list(columns), y_range=list(rows)[::-1], x_axis_label=x)
    plot.grid.grid_line_color = None
    mapper = LinearColorMapper(palette=Cividis256, low=low, high=high, nan_color=MISSING)
    flat = [
        (row, column, math.nan if value is None else value)
        for row, line in zip(rows, values, strict=True)
        for column, value in zip(columns, line, strict=True)
    ]
    data = ColumnDataSource(
        {
            "row": [each[0] for each in flat],
            "column": [each[1] for each in flat],
            "value": _column(each[2] for each in flat),
            "shown": [number(each[2]) for each in flat],
            # White on the dark half of the scale, black on the light half.
            "ink": [
                "#ffffff" if each[2] < low + 0.52 * (high - low) else "#101418" for each in flat
            ],
            "text": [text for line in texts for text in line] if texts else [""] * len(flat),
        }
    )
    cells = Rect(
        x="column",
        y="row",
        width=0.98,
        height=0.94,
        line_color=None,
        fill_color={"field": "value", "transform": mapper},
    )
    drawn = add(plot, data, cells)
    if texts:
        inside = Text(
            x="column",
            y="row",
            text="text",
            text_color="ink",
            text_align="center",
            text_baseline="middle",
            text_font=value(FONT),
            text_font_size="11px",
        )
        add(plot, data, inside)
    hover(plot, [drawn], [("", "@row"), (x, "@column"), (tip, "@shown")])
    return Chart(plot, label, height)


def layer_map(size: int = 150) -> Chart:
    """An empty layer x step map, to stand once for each activation: the page's script fills it."""
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
    drawn = add(plot, data, cells)
    hover(plot, [drawn], [("layer", "@y"), ("step", "@step"), ("", "@shown")])
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
    """Predicted against measured, with the line on which they agree."""
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
    """Values by layer, for one depth of network."""

    name: str
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def profiles(
    curves: Sequence[Profile], *, start: float, y: str, label: str, height: int = 280
) -> Chart:
    """Values by layer, one line per depth, against where they started."""
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
    _legend(plot, shown)
    hover(plot, shown, [("", "$name"), ("layer", "@x"), (y, "@y{0.000}")])
    return Chart(plot, label, height)


def _legend(plot: Any, renderers: Sequence[Any]) -> None:
    """A line above the chart that names what was drawn."""
    legend: Any = Legend(
        items=[LegendItem(label=value(each.name), renderers=[each]) for each in renderers],
        orientation="horizontal",
    )
    legend.background_fill_color = legend.border_line_color = None
    legend.label_text_color = INK[0]
    legend.label_text_font = FONT
    legend.label_text_font_size = "12px"
    legend.padding = 2
    plot.add_layout(legend, "above")


def ranks(
    names: Sequence[str], values: Sequence[float], difference: float | None, *, label: str
) -> Chart:
    """Mean ranks; each bar is one critical difference long, so bars that overlap are ties."""
    order = list(names)[::-1]
    height = 60 + 24 * len(order)
    plot = blank(height, None, y_range=order, x_axis_label="mean rank (1 is best)")
    plot.ygrid.grid_line_color = GRID[0]
    half = (difference or 0.0) / 2
    data = ColumnDataSource(
        {
            "x": list(values),
            "low": [each - half for each in values],
            "high": [each + half for each in values],
            "name": list(names),
            "color": [palette.style(name).light for name in names],
        }
    )
    bar = Segment(
        x0="low",
        x1="high",
        y0="name",
        y1="name",
        line_color="color",
        line_width=8,
        line_alpha=0.35,
    )
    dot = Scatter(x="x", y="name", size=9, line_color="color", fill_color="color")
    if half:
        add(plot, data, bar)
    hover(plot, [add(plot, data, dot)], [("", "@name"), ("mean rank", "@x{0.00}")])
    return Chart(plot, label, height)


def functions(
    x: np.ndarray,
    curves: Sequence[tuple[str, np.ndarray]],
    *,
    normal: np.ndarray,
    measured: tuple[Sequence[float], Sequence[float]] | None,
    label: str,
    height: int = 300,
    clip: tuple[float, float] = (-2.0, 3.0),
) -> Chart:
    """f, f′ and f″ over the density of their input: measured as steps, N(0, 1) as a line.

    `measured` is (edges, density); it and the normal curve share the lowest part of the chart.
    """
    shown_y = np.concatenate([y for _, y in curves])
    low = max(float(np.nanmin(shown_y)), clip[0])
    high = min(float(np.nanmax(shown_y)), clip[1])
    # The density has a band of its own below the curves.
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
    edges, density = measured or (x, (normal[1:] + normal[:-1]) / 2)
    top = max(*density, *normal)
    raised = floor + scale * np.asarray(density) / top
    seen = Quad(
        left="left", right="right", bottom=floor, top="top", fill_color=SHADE[0], line_color=None
    )
    add(plot, source(left=edges[:-1], right=edges[1:], top=raised), seen)
    for axis in ("width", "height"):
        plot.add_layout(Span(location=0, dimension=axis, line_color=SOFT[0], line_width=0.8))
    data = source(
        x=x, normal=floor + scale * normal / top, **{f"y{i}": y for i, (_, y) in enumerate(curves)}
    )
    if measured:
        add(plot, data, LineGlyph(x="x", y="normal", line_color=SOFT[0], line_dash="3 3"))
    shown = []
    for index, (name, _) in enumerate(curves):
        look = palette.CURVES[name]
        line = LineGlyph(
            x="x", y=f"y{index}", line_color=look.light, line_dash=look.dash, line_width=2.2
        )
        shown.append(add(plot, data, line, name))
        tip = f"@y{index}{{0.0000}}"
        hover(plot, shown[-1:], [("", name), ("x", "@x{0.00}"), ("", tip)])
    _legend(plot, shown)
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
