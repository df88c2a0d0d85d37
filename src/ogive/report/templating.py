"""What fills the templates of pages: Jinja, its filters, and JSON for scripts."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from . import text

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    # Everything except Markup is escaped, since file and column names are not trusted.
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for each in (text.number, text.percent, text.share, text.signed, text.plus):
        made.filters[each.__name__] = each
    made.filters["options"] = options
    return made


def options(sentence: str) -> Markup:
    """A sentence whose --options do not break after their dashes."""
    parts = re.split(r"(?<!\S)(--[a-z][a-z-]*)", sentence)
    marked = (Markup('<span class="option">{}</span>').format(part) if at % 2 else escape(part)
              for at, part in enumerate(parts))  # fmt: skip
    return Markup("").join(marked)


def embedded_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: no text in it can end the element."""
    encoded = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(encoded.replace("<", "\\u003c").replace("\u2028", "\\u2028"))
