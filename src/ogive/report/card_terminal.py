"""A card in the terminal: formula, curve, claims; and the list of all cards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ogive.catalog import Card, Kind, find, names
from ogive.catalog.text import facts

from . import accuracy, braille, palette
from .curves import curves
from .text import number, share

HEIGHT = 15


def show(card: Card, console: Console) -> None:
    """Print the whole card, with its curves."""
    for part in renderables(card, console.width):
        console.print(part)


def renderables(card: Card, width: int) -> Iterator[RenderableType]:
    """The parts of a card, for a terminal with `width` columns."""
    yield Text(card.title, style="bold")
    yield Text(card.summary)
    if card.aliases:
        yield Text(f"Also called {', '.join(card.aliases)}.", style="dim")
    yield Text()
    yield from _formula(card, width)
    if card.kind == "unary":
        yield drawing(card, min(width - 10, 72))
    for title, table in _tables(card):
        yield Text(title, style="bold")
        yield Padding(table, (0, 0, 1, 2))
    for title, text in (("At the edges", card.edges), ("Notes", card.notes)):
        if text:
            yield Text(title, style="bold")
            yield Padding(Text(text), (0, 0, 1, 2))
    if card.papers:
        yield Text("Papers", style="bold")
        for paper in card.papers:
            yield Padding(Text(paper), (0, 0, 0, 2))


def _formula(card: Card, width: int) -> Iterator[RenderableType]:
    import sympy

    from ogive.formula.sympy import expression

    if card.kind == "gated":
        slopes = (("∂y/∂a = ", 1), ("∂y/∂b = ", 2))
        parts = [("y = ", expression(card)), *((left, expression(card, i)) for left, i in slopes)]
    else:
        parts = [("f(x) = " if card.kind != "heads" else "loss = ", expression(card))]
    if card.kind == "unary":
        parts.append(("f′(x) = ", expression(card, 1)))
    for left, right in parts:
        lines = sympy.pretty(right, use_unicode=True, num_columns=max(width - 12, 20))
        body = lines.splitlines()
        middle = len(body) // 2
        for index, line in enumerate(body):
            lead = left if index == middle else " " * len(left)
            yield Text(f"  {lead}{line}", no_wrap=True, overflow="ellipsis")
        yield Text()


def drawing(card: Card, width: int, height: int = HEIGHT) -> Group:
    """The curves of f (in the function's colour), f′ and f″ over [-6, 6], in braille."""
    sampled = curves(card)
    plotted = [
        ("f", sampled.value, palette.style(card.name).dark),
        ("f′", sampled.slope, palette.CURVES["f′"].dark),
        ("f″", sampled.curvature, palette.CURVES["f″"].dark),
    ]
    everything = np.concatenate([y for _, y, _ in plotted])
    view = (max(float(np.nanmin(everything)), -2.0), min(float(np.nanmax(everything)), 3.0))
    layers = [
        braille.plot(sampled.x, y, width=width, height=height, view=view) for _, y, _ in plotted
    ]
    lines = []
    for index, row in enumerate(braille.overlay(layers)):
        at = view[1] - (view[1] - view[0]) * index / (height - 1)
        label = f"{at:6.2f}" if index in (0, height // 2, height - 1) else " " * 6
        line = Text(f"{label} │", style="dim")
        for character, owner in row:
            line.append(character, style=plotted[owner][2] if owner >= 0 else "dim")
        lines.append(line)
    lines.append(Text(" " * 7 + "└" + "─" * width, style="dim"))
    lines.append(Text(" " * 8 + "-6" + "0".center(width - 3) + "6", style="dim"))
    legend = Text(" " * 8)
    for name, _, colour in plotted:
        legend.append(f"━ {name}   ", style=colour)
    return Group(*lines, legend, Text())


def _tables(card: Card) -> list[tuple[str, Table]]:
    tables = []
    claims = Table(box=None, show_header=False, pad_edge=False)
    for fact, value in facts(card):
        claims.add_row(Text(fact, style="dim"), Text(value))
    tables.append(("Claims", claims))
    if card.parameters:
        parameters = Table(box=None, pad_edge=False, header_style="dim")
        for head in ("parameter", "default", "meaning"):
            parameters.add_column(head)
        for each in card.parameters:
            parameters.add_row(Text(each.name), Text(str(each.default)), Text(each.doc))
        tables.append(("Parameters", parameters))
    if card.peers:
        peers = Table(box=None, pad_edge=False, header_style="dim")
        for head in ("framework", "name", "differs"):
            peers.add_column(head)
        for peer in card.peers:
            peers.add_row(Text(peer.framework), Text(peer.name), Text(peer.differs or "–"))
        tables.append(("Elsewhere", peers))
    errors = accuracy.measured(card.name)
    if errors:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for head in ("result", "format", "largest error, ULP", "correctly rounded, %"):
            table.add_column(head)
        for entry in errors:
            rounded = share(entry.correctly_rounded)
            table.add_row(entry.which, entry.dtype, number(entry.max_ulp, 4), rounded)
        tables.append(("Accuracy", table))
    return tables


KINDS: dict[Kind, str] = {
    "unary": "Element by element",
    "gated": "Two arrays, of which one gates the other",
    "rows": "Along an axis",
    "heads": "Losses, from logits",
}


def show_list(console: Console) -> None:
    """Print every function with its summary, by kind."""
    for kind, title in KINDS.items():
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column()
        for name in names(kind):
            card = find(name)
            also = f" ({', '.join(card.aliases)})" if card.aliases else ""
            table.add_row(Text(name, style="bold"), Text(f"{card.summary}{also}"))
        console.print(Text(title, style="dim"))
        console.print(Padding(table, (0, 0, 1, 2)))
