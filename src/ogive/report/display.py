"""How a card and a study's result are displayed. The renderers are imported when needed.

rich and the charting library come with ``ogive[study]``, and no other part needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ogive.catalog import Card
from ogive.catalog.text import text as text

from .writer import write_text as write_text

if TYPE_CHECKING:
    from ogive.predict import ModelPrediction, Network
    from ogive.study.result import StudyResult
    from ogive.watch import Report


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


def prediction(found: Network, width: int) -> Iterable[Any]:
    """What rich prints of a prediction, for a terminal of so many columns."""
    from . import predict_terminal

    return predict_terminal.renderables([found], width)


def prediction_html(found: Network) -> str | None:
    """A fragment for a notebook, or None where rich is not installed."""
    try:
        from . import predict_terminal
    except ImportError:
        return None
    return predict_terminal.html([found])


def model_prediction(found: ModelPrediction, width: int) -> Iterable[Any]:
    """What rich prints of a model's prediction, for a terminal of so many columns."""
    from . import predict_terminal

    return predict_terminal.model_renderables(found, width)


def model_prediction_html(found: ModelPrediction) -> str | None:
    """A fragment for a notebook, or None where rich is not installed."""
    try:
        from . import predict_terminal
    except ImportError:
        return None
    return predict_terminal.model_html(found)


def watch_renderables(report: Report, width: int) -> Iterable[Any]:
    """What rich prints of a watched training, for a terminal of so many columns."""
    from . import watch_terminal

    return watch_terminal.renderables(report, width)


def watch_html(report: Report) -> str | None:
    """A fragment for a notebook, or None where rich is not installed."""
    try:
        from . import watch_terminal
    except ImportError:
        return None
    return watch_terminal.html(report)


def write_watch_page(report: Report, path: str | Path) -> None:
    """Write the page of a watched training as one file that works offline."""
    from . import watch_page

    watch_page.write(report, path)
