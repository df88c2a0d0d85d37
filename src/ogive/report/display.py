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
    from ogive.predict import EdgeOfChaos, ModelPrediction, Network
    from ogive.study.result import StudyResult
    from ogive.watch import Finding, Report


def renderables(card: Card, width: int) -> Iterable[Any]:
    """The parts of a card that rich prints, for a terminal with `width` columns."""
    from . import card_terminal

    return card_terminal.renderables(card, width)


def html(card: Card) -> str:
    """A card as an HTML fragment for a notebook."""
    from . import notebook

    return notebook.card(card)


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


def prediction_html(found: Network | EdgeOfChaos | ModelPrediction) -> str:
    """A prediction as an HTML fragment for a notebook."""
    from . import notebook

    return notebook.prediction(found)


def model_prediction(found: ModelPrediction, width: int) -> Iterable[Any]:
    """What rich prints of a model's prediction, for a terminal of so many columns."""
    from . import predict_terminal

    return predict_terminal.model_renderables(found, width)


def watch_renderables(report: Report, width: int) -> Iterable[Any]:
    """What rich prints of a watched training, for a terminal of so many columns."""
    from . import watch_terminal

    return watch_terminal.renderables(report, width)


def watch_html(found: Report) -> str:
    """A watched training as an HTML fragment for a notebook."""
    from . import notebook

    return notebook.report(found)


def finding_html(found: Finding) -> str:
    """One fault as an HTML fragment for a notebook."""
    from . import notebook

    return notebook.finding(found)


def write_watch_page(report: Report, path: str | Path) -> None:
    """Write the page of a watched training as one file that works offline."""
    from . import watch_page

    watch_page.write(report, path)
