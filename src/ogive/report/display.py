"""How a card and a study's result are displayed. The renderers are imported when needed.

rich and the charting library come with ``ogive[study]``, and no other part needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ogive.catalog import Card
from ogive.catalog.text import text as text

if TYPE_CHECKING:
    from ogive.study.result import StudyResult


def renderables(card: Card, width: int) -> Iterable[Any]:
    """The parts of a card that rich prints, for a terminal with `width` columns."""
    from . import card_terminal

    return card_terminal.renderables(card, width)


def html(card: Card) -> str | None:
    """An HTML fragment for a notebook, or None if rich is not installed."""
    try:
        from . import card_terminal
    except ImportError:
        return None
    return card_terminal.html(card)


def write_page(result: StudyResult, path: str | Path) -> None:
    """Write the report as one file that works offline."""
    from . import study_page

    study_page.write(result, path)


def notebook(result: StudyResult) -> str:
    """The answer and the results table, as an HTML fragment for a notebook."""
    from . import study_notebook

    return study_notebook.html(result)
