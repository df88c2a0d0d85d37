"""One function's part of a study's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ogive.catalog import Card
from ogive.catalog.text import facts

from . import charts, mathml
from .charts import Chart
from .curves import curves


@dataclass(frozen=True)
class FunctionView:
    """One card, ready for a template."""

    card: Card
    formulas: tuple[Markup, ...]
    latex: str
    facts: list[tuple[str, str]]


def view(
    card: Card,
    page_charts: dict[str, Chart],
    *,
    density: tuple[Sequence[float], Sequence[float]] | None = None,
) -> FunctionView:
    """Prepare a card and add its curves to the page's charts under ``curve-<name>``."""
    if card.kind == "unary":
        sampled = curves(card)
        page_charts[f"curve-{card.name}"] = charts.functions(
            sampled.x,
            [("f", sampled.value), ("f′", sampled.slope), ("f″", sampled.curvature)],
            reference=sampled.normal,
            measured=density,
            label=f"{card.title} with its first and second derivative, over the input's density",
        )
    return FunctionView(card, mathml.formulas(card.name), mathml.latex(card), facts(card))
