"""Predictions in the terminal: a sentence for each, the gradient drawn by layer, a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ogive.predict import Comparison, Coordinates, Line, ModelPrediction, Network, Residual
from ogive.predict.model_result import label

from . import braille, palette
from .card_terminal import fragment
from .text import number, signed

HEIGHT = 12

REGIMES = {"stable": "green", "vanishing": "red", "exploding": "red"}


def show(found: Sequence[Network], console: Console) -> None:
    """Print predictions of one depth, to be compared."""
    for part in renderables(found, console.width):
        console.print(part)


def html(found: Sequence[Network]) -> str:
    """The same as a fragment for a notebook."""
    return fragment(renderables(found, 100))


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


def title(each: Network | Residual, several_inits: bool = True) -> str:
    """``gelu, he``: which of several predictions it is."""
    given = ", ".join(f"{name}={value:g}" for name, value in each.parameters.items())
    name = f"{each.activation}({given})" if given else each.activation
    return f"{name}, {each.init}" if several_inits else name


def log_gradient(each: Network) -> list[float]:
    """log10 of the gradient's norm at each layer, over the last one's; NaN where not finite."""
    return [math.log10(value) / 2 if 0 < value < math.inf else math.nan for value in each.gradient]


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


HEAD = (
    "activation", "init", "sw", "K", "chi", "log10\ngradient", "trainable\ndepth", "gradients"
)  # fmt: skip


def _table(found: Sequence[Network], width: int) -> Table:
    rows = [(*row(each), spread(each)) for each in found]
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


def row(each: Network) -> tuple[str, ...]:
    """A prediction's numbers, as in HEAD."""
    return (
        title(each, False),
        each.init,
        number(math.sqrt(each.weight_variance), 4),
        f"{number(each.mean_square[0], 3)} → {finite(each.mean_square[-1])}",
        finite(each.chi[-1]),
        signed(each.log10_gradient_ratio)
        if math.isfinite(each.log10_gradient_ratio)
        else finite(each.log10_gradient_ratio),
        "any" if math.isinf(each.trainable_depth) else f"{each.trainable_depth:.0f}",
        each.regime,
    )


def spread(each: Network) -> str:
    """Chance at this width, in decades."""
    return "–" if each.spread is None else f"± {finite(each.spread)}"


def finite(value: float) -> str:
    """A number with three digits, or that it overflows."""
    if math.isfinite(value):
        return number(value, 3)
    return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"


RESIDUAL_HEAD = ("norm", "branch", "K", "log10\ngradient", "gradients")


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


def by_network(blocks: Sequence[Residual]) -> dict[str, list[Residual]]:
    """Blocks under ``gelu, he``: the activation and initialisation that they share."""
    found: dict[str, list[Residual]] = {}
    for block in blocks:
        found.setdefault(title(block), []).append(block)
    return found


def residual_row(block: Residual) -> tuple[str, ...]:
    """A stack's numbers, as in RESIDUAL_HEAD."""
    ratio = block.log10_gradient_ratio
    return (
        block.norm,
        block.branch_scale,
        f"1 → {finite(block.mean_square[-1])}",
        signed(ratio) if math.isfinite(ratio) else finite(ratio),
        block.regime,
    )


ATTENTION_HEAD = ("init", "head", "tokens", "standard\ndeviation", "largest")


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


def attention_rows(found: Comparison) -> list[tuple[str, ...]]:
    """Each initialisation once, as in ATTENTION_HEAD; the gain is an activation's."""
    rows = [
        (title(each) if each.init == "gain" else each.init, str(logits.head_dim),
         str(logits.tokens), number(logits.std, 3), number(logits.maximum, 3))
        for each, logits in zip(found.networks, found.attention, strict=True)
    ]  # fmt: skip
    return [*dict.fromkeys(rows)]


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

MODEL_HEAD = ("module", "K", "measured", "gradient", "measured", "")


def show_model(found: ModelPrediction, console: Console) -> None:
    """Print a model's tree with its numbers."""
    for part in model_renderables(found, console.width):
        console.print(part)


def model_html(found: ModelPrediction) -> str:
    """The same as a fragment for a notebook."""
    return fragment(model_renderables(found, 100))


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


def model_row(line: Line) -> tuple[str, ...]:
    """A line's numbers and what is to be said of it."""
    numbers = (
        line.predicted, line.measured, line.predicted_gradient, line.measured_gradient
    )  # fmt: skip
    said = "parts here" if line.parted else f"from {line.restarted}" if line.restarted else ""
    return (*(number(each, 3) for each in numbers), said)
