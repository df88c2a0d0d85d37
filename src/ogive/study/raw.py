"""The common output of all readers: the source's frame, and what to call its rows in messages."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_LISTED = 5
MOST_LETTERS = 120


@dataclass(kw_only=True)
class Raw:
    """A table whose columns have unique names and whose values are unchanged."""

    frame: pd.DataFrame
    where: Callable[[int], str] = lambda row: f"row {row + 1}"
    """A row's name in messages, such as ``line 7`` of a text file."""
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    index: tuple[str, ...] = ()
    """Columns that hold row names: an index, or the unnamed first column of a CSV file."""
    target: str | None = None
    """The column to predict, if the source names one."""
    test: NDArray[np.bool] | None = None
    shares_unit: bool = False


def listed(names: Sequence[object], most: int = MOST_LISTED, letters: int = MOST_LETTERS) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(short(str(name), letters) for name in names[:most]) + more


def short(text: str, letters: int) -> str:
    """The text on one line, cut to that many letters."""
    text = " ".join(text.split())
    return text if len(text) <= letters else f"{text[: letters - 3]}..."


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def named(names: Iterable[str], warnings: list[str]) -> list[str]:
    """Unique names; a missing name becomes the column's number."""
    found: dict[str, None] = {}
    doubled = []
    for i, name in enumerate(names):
        new = " ".join(name.split()) or f"column {i + 1}"
        if new in found:
            doubled.append(new)
            number = 2
            while f"{new} ({number})" in found:
                number += 1
            new = f"{new} ({number})"
        found[new] = None
    if doubled:
        first = doubled[0]
        warnings.append(
            f"Two columns have one name: {listed(list(dict.fromkeys(doubled)))}; "
            f"the second is called '{first} (2)'"
        )
    return list(found)


def suggestion(wanted: str, known: Sequence[str]) -> str:
    """A hint at the name that the user may have meant."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(wanted.casefold(), list(folded), n=1, cutoff=0.5)
    return f"did you mean {folded[near[0]]!r}?" if near else f"there are {listed(known)}"


def chosen_target(
    names: Sequence[str], wanted: str | int | None, drop: Sequence[str], index: Sequence[str]
) -> str | None:
    """The target's name: the one asked for by name or number, else the last column in use."""
    if wanted is None:
        used = [name for name in names if name not in drop and name not in index]
        return used[-1] if used else None
    return column_called(str(wanted), names)


def column_called(wanted: str, names: Sequence[str]) -> str:
    """`wanted`, or the column with that number if columns have no names."""
    numbered = f"column {wanted}"
    return numbered if wanted not in names and numbered in names else wanted


def from_frame(frame: pd.DataFrame) -> Raw:
    """A frame with one text as each column's name; a named index becomes a column."""
    warnings: list[str] = []
    frame = frame.copy(deep=False)
    names, index = [], list[str]()
    if any(label is not None for label in frame.index.names):
        labels = [str(label or f"index {i + 1}") for i, label in enumerate(frame.index.names)]
        frame.index.names = labels
        index = [label if label not in frame.columns else f"{label} (index)" for label in labels]
        frame = frame.reset_index(names=index)
    for label in frame.columns:
        name_of = " / ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        names.append(name_of.strip())
    frame.columns = pd.Index(named(names, warnings))
    return Raw(frame=frame, warnings=warnings, index=tuple(index))
