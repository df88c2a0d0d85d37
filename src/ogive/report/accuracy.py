"""Reads the measured accuracy from the one file that holds it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILES = (
    Path(__file__).parents[3] / "tests" / "accuracy.toml",  # the source tree
    Path(__file__).parents[1] / "accuracy.toml",  # in an installed package
)


@dataclass(frozen=True)
class Accuracy:
    """Measured accuracy of one function, result and format."""

    which: str
    """``value``, ``derivative``, ``gradient``…"""
    dtype: str
    max_ulp: float
    correctly_rounded: float
    inputs: int


@cache
def _table() -> dict[str, Any]:
    found = next((file for file in _FILES if file.is_file()), None)
    return tomllib.loads(found.read_text(encoding="utf-8")) if found else {}


def measured(name: str) -> list[Accuracy]:
    """The figures of a function; empty if there is no file."""
    return [
        Accuracy(which, dtype, entry["max_ulp"], entry["correctly_rounded"], entry["inputs"])
        for which, formats in _table().get(name, {}).items()
        for dtype, entry in formats.items()
    ]
