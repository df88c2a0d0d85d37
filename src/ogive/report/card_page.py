"""The page of one function."""

from __future__ import annotations

from pathlib import Path

from ogive.catalog import Card

from . import accuracy, charts, function_view, page, palette
from .charts import Chart
from .curves import output_density


def write(card: Card, path: Path | str) -> None:
    """Write the page of one function whole or not at all.

    Raises
    ------
    CannotWriteError
        The folder is missing, read-only or full.
    """
    page.write(path, html(card))


def html(card: Card) -> str:
    """The page as text."""
    page_charts: dict[str, Chart] = {}
    view = function_view.view(card, page_charts)
    if card.kind == "unary":
        edges, density = output_density(card)
        page_charts["output"] = charts.bars(
            edges,
            density,
            x=f"{card.name}(z), z from N(0, 1)",
            label="Density of the output for a standard normal input",
            color=palette.style(card.name).light,
        )
    return page.render(
        "card.html",
        page_charts,
        {},
        known=[card.name],
        card=card,
        view=view,
        accuracy=accuracy.measured(card.name),
    )
