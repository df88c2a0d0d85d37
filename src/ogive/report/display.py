"""How a card shows itself; rich, which comes with ``ogive[study]``, is imported when asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ogive.catalog import Card
from ogive.catalog.text import text as text


def renderables(card: Card, width: int) -> Iterable[Any]:
    """What rich prints, for a terminal of so many columns."""
    from . import card_terminal

    return card_terminal.renderables(card, width)


def html(card: Card) -> str | None:
    """A fragment for a notebook, or None where rich is not installed."""
    try:
        from . import card_terminal
    except ImportError:
        return None
    return card_terminal.html(card)
