"""The explorer: every function as a curve, on one page that needs no network."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ogive.catalog import Card, find, names
from ogive.catalog.card import Parameter
from ogive.catalog.text import facts
from ogive.formula import curve, javascript

from . import accuracy, mathml, peer_values
from .templating import TEMPLATES, embedded_json, environment
from .writer import write_text

LIMIT = 500_000
"""Most bytes that the page may take."""
KINDS = ("unary", "gated", "rows", "heads")
SCRIPTS = ("math", "state", "chart", "list", "live")
FORMATS = ("float32", "float64", "float16", "bfloat16")


def write(path: Path | str, first: str = "gelu", language: str = "en") -> None:
    """Write the page whole or not at all.

    Parameters
    ----------
    path
        The file.
    first
        The function that is shown where the address names none.
    language
        ``en`` or ``zh``: where neither the address nor a button says otherwise.

    Raises
    ------
    CannotWriteError
        The folder is missing, read-only or full.
    ValueError
        There is no such function or language, or the page exceeds its limit.
    """
    text = html(first, language)
    if (size := len(text.encode())) > LIMIT:
        raise ValueError(f"the page would take {size:,} bytes, more than {LIMIT:,}")
    write_text(path, text)


def html(first: str = "gelu", language: str = "en") -> str:
    """The page as text."""
    if language not in (texts := _read_json("explorer_text.json")):
        raise ValueError(f"language must be one of {', '.join(texts)}, not {language!r}")
    first = find(first).name
    cards = sorted(map(find, names()), key=lambda card: KINDS.index(card.kind))
    return (
        environment()
        .get_template("explorer.html")
        .render(
            style=Markup(_read("explorer.css")),
            script=script(),
            data=embedded_json(_data(cards, texts, first, language)),
            texts=texts,
            cards=cards,
            facts={card.name: facts(card) for card in cards},
            accuracy={card.name: accuracy.measured(card.name) for card in cards},
            formulas={card.name: mathml.formulas(card.name) for card in cards},
        )
    )


def script() -> Markup:
    """The whole script: the functions' programs, and the page around them."""
    parts = [programs(), _read("explorer_data.js"), *(_read(f"explorer_{n}.js") for n in SCRIPTS)]
    return Markup(re.sub(r"(?m)^ +", "", "\n".join(parts)))


def programs() -> str:
    """Script that defines CURVES: by function, its ways to be drawn, each with f and its cuts."""
    found = ",\n".join(
        f"{name}:[{','.join(_program(each) for each in curve.curves(name))}]" for name in names()
    )
    return f"{javascript.FUNCTIONS.read_text(encoding='utf-8')}const CURVES = {{\n{found}\n}};"


def _program(each: curve.Curve) -> str:
    return f"{{f:{javascript.function(each.program)},cuts:{javascript.cuts(each.program)}}}"


def _data(
    cards: list[Card], texts: dict[str, dict[str, str]], first: str, language: str
) -> dict[str, Any]:
    found = peer_values.recorded()
    values = {"points": found["points"], "peers": found["peers"]}
    packed = gzip.compress(json.dumps(values, separators=(",", ":")).encode(), mtime=0)
    chinese = _read_json("explorer_zh.json")
    return {
        "first": first,
        "lang": language,
        "texts": texts,
        "kinds": dict.fromkeys(KINDS),
        "recorded": found["recorded"],
        "versions": found["versions"],
        "values": base64.b64encode(packed).decode(),
        "functions": [_card(card, chinese.get(card.name)) for card in cards],
    }


def _card(card: Card, chinese: str | None) -> dict[str, Any]:
    ways = curve.curves(card.name)
    own = {p.name for p in card.parameters}
    return {
        "name": card.name,
        "kind": card.kind,
        "title": card.title,
        "aliases": card.aliases,
        "summary": card.summary,
        "zh": chinese,
        "latex": mathml.latex(card),
        "facts": facts(card),
        "edges": card.edges,
        "notes": card.notes,
        "papers": card.papers,
        "peers": [(p.framework, p.name, p.differs) for p in card.peers],
        "parameters": [(p.name, f"{p.default!r}", p.doc) for p in card.parameters],
        "accuracy": _accuracy(card.name),
        "over_rows": card.over_rows,
        "random": card.draws and card.kind == "rows",
        "loss_of": card.loss_of,
        "ways": [
            {
                "variable": way.variable,
                "label": ", ".join(
                    [way.variable, *(p.name for p in way.parameters if p not in ways[0].parameters)]
                    if card.kind == "heads"
                    else [way.variable]
                ),
                "parameters": [_slider(p, p.name in own) for p in way.parameters],
            }
            for way in ways
        ],
    }


def _slider(parameter: Parameter, own: bool) -> dict[str, Any]:
    low, high = parameter.domain
    default = float(parameter.default)
    if math.isinf(low):
        start, end = -max(2.0, 2 * abs(default)), max(2.0, 2 * abs(default))
    elif math.isfinite(high):
        start, end = (max(low, 0.0), min(high, 1.0)) if low < 0 else (0.01, 0.99)
    elif low < 0:
        start, end = 0.0, 2.5 * default if default else 1.0
    else:
        start, end = default / 20, default * 20
    return {
        "name": parameter.name,
        "doc": parameter.doc,
        "default": default,
        "low": low if math.isfinite(low) else None,
        "high": high if math.isfinite(high) else None,
        "from": start,
        "to": end,
        "own": own,
    }


def _accuracy(name: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """By result, the greatest error in each format."""
    found: dict[str, dict[str, str]] = {}
    for each in accuracy.measured(name):
        found.setdefault(each.which, {})[each.dtype] = f"{each.max_ulp:.4f}"
    formats = [dtype for dtype in FORMATS if any(dtype in by for by in found.values())]
    return [
        (which.replace("_", " "), [(dtype, by.get(dtype, "")) for dtype in formats])
        for which, by in found.items()
    ]


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _read_json(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_read(name))
    return found
