"""A card as plain text: what an interpreter shows. Needs nothing but the card itself."""

from __future__ import annotations

import textwrap

from ogive._docstrings import formula_text
from ogive.catalog import Card

from .facts import facts

WIDTH = 80


def text(card: Card) -> str:
    """Title, summary, formula, parameters, claims, names elsewhere and notes."""
    also = f" ({', '.join(card.aliases)})" if card.aliases else ""
    parts = [f"{card.title}: ogive.{card.name}{also}", *_wrapped(card.summary), ""]
    parts += textwrap.indent(formula_text(card), "    ").splitlines()
    tables = {
        "Parameters": [(f"{p.name} = {p.default!r}", p.doc) for p in card.parameters],
        "Claims": facts(card),
        "Elsewhere": [
            (peer.name, f"{peer.framework}{', ' * bool(peer.differs)}{peer.differs}")
            for peer in card.peers
        ],
    }
    for title, rows in tables.items():
        if rows:
            parts += ["", title]
            wide = max(len(left) for left, _ in rows)
            for left, right in rows:
                first, *rest = _wrapped(right, WIDTH - wide - 4) or [""]
                parts.append(f"  {left:{wide}}  {first}".rstrip())
                parts += [" " * (wide + 4) + line for line in rest]
    for title, said in (("At the edges", card.edges), ("Notes", card.notes)):
        if said:
            parts += ["", title, *(f"  {line}" for line in _wrapped(said, WIDTH - 2))]
    return "\n".join(parts)


def _wrapped(said: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(said, max(width, 24))
