"""Predictions in the terminal: a sentence for each, the gradient drawn by layer, a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ogive.predict import Comparison, Coordinates, ModelPrediction, Network
from ogive.predict.model_result import label

from . import braille, palette, predict_words
from .predict_words import (
    ATTENTION_HEAD,
    HEAD,
    MODEL_HEAD,
    RESIDUAL_HEAD,
    attention_rows,
    by_network,
    finite,
    log_gradient,
    model_row,
    residual_row,
    spread,
    title,
)
from .text import signed

HEIGHT = 12

REGIMES = {"stable": "green", "vanishing": "red", "exploding": "red"}


def show(found: Sequence[Network], console: Console) -> None:
    """Print predictions of one depth, to be compared."""
    for part in renderables(found, console.width):
        console.print(part)


def renderables(found: Sequence[Network], width: int) -> Iterator[RenderableType]:
    """What is predicted, part by part, for a terminal of a width."""
    for each in found:
        yield Text(each.sentence)
    yield Text()
    yield drawing(found, max(16, min(width - 10, 72)))
    yield _table(found, width)


def show_advice(found: Comparison, console: Console) -> None:
    """Print where gradients would keep their size, and what to use."""
    for edge, advice in zip(found.edges, found.advice, strict=True):
        console.print()
        console.print(Text(f"Edge of chaos. {edge.reason}"))
        console.print(Text(advice.why))
        console.print(Text(f"  {advice.line}", style="bold"), soft_wrap=True)


def drawing(found: Sequence[Network], width: int, height: int = HEIGHT) -> Group:
    """log10 of the gradient's norm by layer, in braille, a colour for each activation."""
    curves = [(each, np.array(log_gradient(each))) for each in found]
    finite = np.concatenate([y[np.isfinite(y)] for _, y in curves] + [np.array([-1.0, 1.0])])
    # Eighteen decades tell vanishing from healthy; more would flatten the healthy ones.
    view = max(float(finite.min()), -18.0), min(float(finite.max()), 18.0)
    layers = [
        braille.plot(np.arange(len(y), dtype=float), y, width=width, height=height, view=view)
        for _, y in curves
    ]
    lines = [Text("log10 of the gradient, over the last layer's", style="dim")]
    for index, row in enumerate(braille.overlay(layers)):
        at = view[1] - (view[1] - view[0]) * index / (height - 1)
        label = f"{signed(at, 1):>6}" if index in (0, height // 2, height - 1) else " " * 6
        line = Text(f"{label} │", style="dim")
        for character, owner in row:
            colour = palette.style(curves[owner][0].activation).dark if owner >= 0 else "dim"
            line.append(character, style=colour)
        lines.append(line)
    depth = str(found[0].depth)
    lines.append(Text(" " * 7 + "└" + "─" * width, style="dim"))
    lines.append(Text(" " * 8 + "0" + "layer".center(width - 1 - len(depth)) + depth, style="dim"))
    legend = Text(" " * 8)
    for each in found:
        name = title(each).replace(" ", "\u00a0")
        legend.append(f"━\u00a0{name}", style=palette.style(each.activation).dark)
        legend.append("   ")
    return Group(*lines, legend, Text())


def _table(found: Sequence[Network], width: int) -> Table:
    rows = [(*predict_words.row(each), spread(each)) for each in found]
    left_out = set() if any(each.spread is not None for each in found) else {SPREAD}
    # The sentences above hold what a narrow terminal has no room for.
    for least, column in ((92, SW), (84, REGIME), (70, CHI), (62, SPREAD)):
        left_out |= {column} if width < least else set()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    kept = [at for at in range(len(HEAD) + 1) if at not in left_out]
    for at in kept:
        table.add_column((*HEAD, "spread")[at], justify="left" if at < 2 else "right", no_wrap=True)
    for each, cells in zip(found, rows, strict=True):
        styles = {REGIME: REGIMES[each.regime]}
        table.add_row(*(Text(cells[at], style=styles.get(at, "")) for at in kept))
    return table


SW, CHI, REGIME, SPREAD = 2, 4, 7, 8
"""Columns that are left out where there is no room."""


def show_residuals(found: Comparison, console: Console) -> None:
    """Print what residual blocks do instead, for each activation and initialisation."""
    for name, blocks in by_network(found.residuals).items():
        console.print()
        console.print(Text(f"{blocks[0].depth} residual blocks of {name}"))
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for at, head in enumerate(RESIDUAL_HEAD):
            table.add_column(head, justify="left" if at < 2 else "right", no_wrap=True)
        for block in blocks:
            *cells, said = residual_row(block)
            table.add_row(*cells, Text(said, style=REGIMES[block.regime]))
        console.print(table)


def show_attention(found: Comparison, console: Console) -> None:
    """Print the attention logits to expect from each initialisation."""
    if not found.attention:
        return
    console.print()
    console.print(Text("Attention logits, of normalised inputs"))
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for at, head in enumerate(ATTENTION_HEAD):
        table.add_column(head, justify="left" if at < 1 else "right", no_wrap=True)
    for row in attention_rows(found):
        table.add_row(*row)
    console.print(table)


def show_coordinates(found: Coordinates, console: Console) -> None:
    """Print sizes and updates of each layer over widths, with their exponents."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("layer", no_wrap=True)
    changed = f"change after\n{found.steps} steps, "
    for what in ("size at\n", changed):
        for width in found.widths:
            table.add_column(f"{what}{width}", justify="right", no_wrap=True)
        table.add_column("\nexponent", justify="right", no_wrap=True)
    for row in found.rows:
        cells = []
        for values, exponent in (
            (row.sizes, row.size_exponent), (row.updates, row.update_exponent)
        ):  # fmt: skip
            cells += [Text(finite(value)) for value in values]
            held = abs(exponent) <= HELD
            cells.append(Text(signed(exponent), style="green" if held else "red"))
        table.add_row(Text(row.layer), *cells)
    console.print(table)
    console.print(Text("Exponents of the width: where all are near 0, learning rates carry over."))


HELD = 0.1
"""An exponent this near 0 is shown as 0 wanted."""


def show_model(found: ModelPrediction, console: Console) -> None:
    """Print a model's tree with its numbers."""
    for part in model_renderables(found, console.width):
        console.print(part)


def model_renderables(found: ModelPrediction, width: int) -> Iterator[RenderableType]:
    """The sentence and the tree."""
    yield Text(found.sentence, style="bold")
    yield Text()
    table = Table(box=None, pad_edge=False, header_style="dim")
    names = max(18, min(72, width - 4 * 10 - 14))
    for at, head in enumerate(MODEL_HEAD):
        number_column = 0 < at < 5
        table.add_column(
            head,
            justify="right" if number_column else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=8 if number_column else None,
            max_width=names if at == 0 else None if number_column else max(10, width - names - 41),
        )
    for line in found.lines:
        style = "red" if line.parted else "yellow" if line.restarted else ""
        table.add_row(Text(label(line)), *map(Text, model_row(line)), style=style)
    yield table
