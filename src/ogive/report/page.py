"""Makes one self-contained HTML file from template, style, script, charting library and charts."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from bokeh.resources import Resources
from markupsafe import Markup

from . import palette
from .charts import Chart
from .templating import TEMPLATES, embedded_json, environment
from .writer import REPORT_LIMIT, write_text

MARGIN = 10_000
"""Bytes of the limit that a page leaves free."""

PLACE = 600
"""Most bytes that the HTML around a chart takes."""


@cache
def library() -> Markup:
    """The charting library without widgets, tables, WebGL and MathJax, compressed to a third."""
    text = "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)
    return Markup(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode())


def packed(chart: Chart) -> Markup:
    """A chart's JSON for the page."""
    return embedded_json(chart.item())


def within(room: int, parts: Iterable[tuple[str, Markup, int]]) -> dict[str, Markup]:
    """Of the parts, most important first, those that fit: key, text, in how many places."""
    kept = {}
    for key, part, places in parts:
        size = len(part.encode()) + PLACE * places
        if size <= room:
            kept[key] = part
            room -= size
    return kept


def render(
    template: str,
    charts: dict[str, Chart],
    data: dict[str, Any],
    items: dict[str, Markup] | None = None,
    **context: Any,
) -> str:
    """A whole page; ``data`` is further input for its script, in addition to the charts.

    `items` are the results of `packed`, if they exist already; a chart without one is left out.
    """
    if items is None:
        items = {key: packed(chart) for key, chart in charts.items()}
    charts = {key: chart for key, chart in charts.items() if key in items}
    joined = ",".join(f"{embedded_json(key)}:{item}" for key, item in items.items())
    return (
        environment()
        .get_template(template)
        .render(
            style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
            script=Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
            library=library() if charts else "",
            items=Markup(f"{{{joined}}}"),
            data=embedded_json({"twins": palette.twins()} | data),
            charts=charts,
            look=palette.style,
            **context,
        )
    )


def fragment(template: str, **context: Any) -> str:
    """A piece of HTML for another page, without scripts."""
    return environment().get_template(template).render(**context)


def write(path: Path | str, html: str) -> None:
    """Write a page, which must not exceed the size limit."""
    size = len(html.encode())
    if size > REPORT_LIMIT:
        raise ValueError(f"the page would take {size:,} bytes, more than {REPORT_LIMIT:,}")
    write_text(path, html)
