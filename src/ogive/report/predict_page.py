"""The page of a prediction: signals and gradients by layer, the map, advice, the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bokeh.core.properties import value
from bokeh.models import Line as LineGlyph
from bokeh.models import Range1d, Scatter, Text
from bokeh.models.annotations import Span

from ogive.predict import Comparison, EdgePoint, ModelPrediction, Network
from ogive.predict.model_result import label
from ogive.predict.network import shown as shown_layers

from . import charts, page, palette, predict_words
from .charts import FONT, Chart, Table
from .palette import GRID, INK, SOFT
from .text import number, signed

DASHES = {"he": "solid", "glorot": "8 4", "lecun": "8 4", "torch": "2 3", "gain": "9 3 2 3"}
"""By initialisation; the colour is the activation's."""

DECADES = 30.0
"""Drawn below the largest K or gradient, at most: more would flatten the healthy ones."""


def write(found: Comparison | ModelPrediction, path: Path | str) -> None:
    """Write the page whole or not at all.

    Raises
    ------
    CannotWriteError
        The folder is missing, read-only or full.
    """
    page.write(path, model_html(found) if isinstance(found, ModelPrediction) else html(found))


def html(found: Comparison) -> str:
    """The page as text."""
    networks = found.networks
    drawn = {
        "gradient": _layers(
            networks, predict_words.log_gradient, "gradient, log₁₀ (last layer: 0)"
        ),
        "signal": _layers(networks, _log_signal, "mean square K, log₁₀"),
        "correlation": _layers(networks, lambda each: each.correlation, "correlation"),
        "map": edge_map(found),
    }
    activations = list(dict.fromkeys(each.activation for each in networks))
    heads = tuple(head.replace("\n", " ") for head in predict_words.RESIDUAL_HEAD)
    return page.render(
        "predict.html",
        drawn,
        {},
        known=activations,
        found=found,
        say=predict_words,
        layers=[(each, layer_table(each)) for each in networks],
        residuals=[
            (name, Table(heads, [predict_words.residual_row(block) for block in blocks]))
            for name, blocks in predict_words.by_network(found.residuals).items()
        ],
        attention=Table(
            tuple(head.replace("\n", " ") for head in predict_words.ATTENTION_HEAD),
            predict_words.attention_rows(found),
        )
        if found.attention
        else None,
    )


def _log_signal(each: Network) -> list[float]:
    return [math.log10(k) if 0 < k < math.inf else math.nan for k in each.mean_square]


def _layers(
    networks: Sequence[Network], read: Callable[[Network], Sequence[float]], y: str
) -> Chart:
    """A line for each network over its layers."""
    plot = charts.blank(300, None, x_axis_label="layer (0 is nearest the input)")
    plot.yaxis.axis_label = y
    values = {id(each): list(read(each)) for each in networks}
    top = max((v for line in values.values() for v in line if math.isfinite(v)), default=0.0)
    plot.add_layout(Span(location=0, dimension="width", line_color=SOFT[0], line_width=0.8))
    shown = []
    for each in networks:
        look = palette.style(each.activation)
        line = [v if v >= top - DECADES else math.nan for v in values[id(each)]]
        data = charts.source(x=range(len(line)), y=line)
        dash = DASHES.get(each.init, "4 2 1 2")
        glyph = LineGlyph(x="x", y="y", line_color=look.light, line_dash=dash, line_width=2.2)
        shown.append(charts.add(plot, data, glyph, predict_words.title(each)))
    charts.hover(plot, shown, [("", "$name"), ("layer", "@x"), (y, "@y{0.000}")])
    charts.legend(plot, shown, size="11px", columns=2)  # two columns fit a phone
    return Chart(plot, f"{y} by layer, for each network", 300)


def edge_map(found: Comparison) -> Chart:
    """Where chi = 1 at a fixed point of K, and where these networks stand."""
    highest = max([1.0, *(1.15 * each.bias_std for each in found.networks)])
    widest = max([2.5, *(1.15 * math.sqrt(each.weight_variance) for each in found.networks)])
    plot = charts.blank(
        340, None, x_axis_label="standard deviation of weights, times √fan_in",
        x_range=Range1d(start=0, end=widest),
        y_range=Range1d(start=-0.06 * highest, end=highest),
    )  # fmt: skip
    plot.yaxis.axis_label = "standard deviation of biases"
    plot.xgrid.grid_line_color = GRID[0]
    shown = []
    for edge, curve in zip(found.edges, found.curves, strict=True):
        look = palette.style(edge.activation)
        for stable, dash in ((True, "solid"), (False, "2 4")):
            part = _piece(curve, stable)
            if not part:
                continue
            data = charts.source(
                x=[p.weight_std for p in part], y=[p.bias_std for p in part],
                k=[p.mean_square for p in part],
            )  # fmt: skip
            glyph: Any
            if len(part) == 1:
                glyph = Scatter(x="x", y="y", marker="diamond", size=19, fill_color=None,
                                line_color=look.light, line_width=2)  # fmt: skip
            else:
                glyph = LineGlyph(
                    x="x", y="y", line_color=look.light, line_dash=dash, line_width=2.2
                )
            shown.append(charts.add(plot, data, glyph, edge.activation))
    tips = [("", "$name, chi = 1"), ("weights", "@x{0.000}"), ("biases", "@y{0.000}")]
    charts.hover(plot, shown, [*tips, ("K", "@k{0.000}")])
    _standing(plot, found.networks)
    return Chart(plot, "Edge of chaos over weights and biases, with the networks' places", 340)


def _piece(curve: Sequence[EdgePoint], stable: bool) -> list[EdgePoint]:
    part = [point for point in curve if point.stable == stable]
    # One point that holds for every K is a mark of its own; ends of lines meet.
    if part and not stable:
        following = [point for point in curve if point.stable]
        part += following[:1]
    return part


def _standing(plot: Any, networks: Sequence[Network]) -> None:
    places: dict[tuple[float, float], list[Network]] = {}
    for each in networks:
        place = math.sqrt(each.weight_variance), each.bias_std
        places.setdefault(place, []).append(each)
    ordered = sorted(places)
    data = charts.source(
        x=[x for x, _ in ordered],
        y=[y for _, y in ordered],
        text=[", ".join(dict.fromkeys(each.init for each in places[at])) for at in ordered],
    )
    names = {at: ", ".join(each.activation for each in places[at]) for at in ordered}
    data.data["names"] = [names[at] for at in ordered]
    dot = Scatter(x="x", y="y", size=9, line_color=INK[0], fill_color=INK[0])
    label = Text(
        x="x", y="y", text="text", y_offset=-9, text_align="center", text_color=INK[0],
        text_font=value(FONT), text_font_size="12px",
    )  # fmt: skip
    shown = charts.add(plot, data, dot, "networks")
    charts.add(plot, data, label, "places")
    charts.hover(plot, [shown], [("", "@names"), ("weights", "@x{0.000}"), ("biases", "@y{0.000}")])


def layer_table(each: Network, most: int = 60) -> Table:
    """Every layer of a network, or so many evenly chosen."""
    logs = predict_words.log_gradient(each)
    rows = []
    for at in shown_layers(each.depth, most):
        chi = number(each.chi[at], 4) if at < each.depth else "–"
        gradient = "–" if math.isnan(logs[at]) else signed(logs[at])
        rows.append(
            (str(at), number(each.mean_square[at], 4), chi, gradient,
             number(each.correlation[at], 4))
        )  # fmt: skip
    return Table(("layer", "K", "chi", "gradient, log₁₀", "correlation"), rows)


def model_html(found: ModelPrediction) -> str:
    """The page of a model as text."""
    following = [*found.lines[1:], None]
    known = [
        line for line, after in zip(found.lines, following, strict=True)
        if line.predicted is not None and (after is None or after.depth <= line.depth)
    ]  # fmt: skip
    drawn = {
        "signal": _beside(
            [(line.path, line.predicted, line.measured) for line in known], "mean square K, log₁₀"
        ),
        "gradient": _beside(
            [(line.path, line.predicted_gradient, line.measured_gradient) for line in known],
            "squared gradient, log₁₀ (output: 0)",
        ),
    }
    rows = [(line, label(line).strip(), predict_words.model_row(line)) for line in found.lines]
    return page.render("predict_model.html", drawn, {}, known=[], found=found, rows=rows,
                       head=predict_words.MODEL_HEAD)  # fmt: skip


def _beside(lines: Sequence[tuple[str, float | None, float | None]], y: str) -> Chart:
    """Predicted as a line and measured as points, over the calls in order."""
    plot = charts.blank(300, None, x_axis_label="call, in order")
    plot.yaxis.axis_label = y
    predicted = [_log(value) for _, value, _ in lines]
    measured = [_log(value) for _, _, value in lines]
    data = charts.source(x=range(len(lines)), predicted=predicted, measured=measured)
    data.data["path"] = [path or "(the model)" for path, _, _ in lines]
    look, other = palette.style("relu"), palette.style("gelu")
    line = LineGlyph(x="x", y="predicted", line_color=look.light, line_width=2.2)
    dot = Scatter(x="x", y="measured", size=7, line_color=other.light, fill_color=other.light,
                  fill_alpha=0.6)  # fmt: skip
    shown = [charts.add(plot, data, line, "predicted"), charts.add(plot, data, dot, "measured")]
    tips = [("", "@path"), ("predicted", "@predicted{0.00}"), ("measured", "@measured{0.00}")]
    charts.hover(plot, shown[1:], tips)
    charts.legend(plot, shown, size="11px", columns=2)  # two columns fit a phone
    return Chart(plot, f"{y}: predicted and measured, call by call", 300)


def _log(value: float | None) -> float:
    return math.log10(value) if value is not None and 0 < value < math.inf else math.nan
