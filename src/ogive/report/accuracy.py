"""Measured accuracy, read from the one file that holds it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_SOURCE_TREE = Path(__file__).parents[3] / "tests" / "accuracy.toml"
_PACKAGED = Path(__file__).parents[1] / "accuracy.toml"


@cache
def _table() -> dict[str, Any]:
    for file in (_SOURCE_TREE, _PACKAGED):
        if file.is_file():
            return tomllib.loads(file.read_text(encoding="utf-8"))
    return {}


def measured(name: str) -> list[tuple[str, str, float]]:
    """(format, value or derivative, largest error in ULP) of a function; empty if not at hand."""
    return list(_errors(_table().get(name, {}), ()))


def _errors(entry: Any, path: tuple[str, ...]) -> Any:
    if isinstance(entry, dict):
        for key, inner in entry.items():
            yield from _errors(inner, (*path, key))
    elif isinstance(entry, int | float) and path:
        yield (path[0], " ".join(path[1:]) or "value", float(entry))
