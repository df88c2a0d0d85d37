"""From a source to a `Table`: which columns are used or left out, and all sentences about that."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import arrays, files
from .columns import ROUNDING, Column, Context, Said, column
from .errors import StudyError
from .files import BUNDLED
from .raw import Raw, chosen_target, column_called, plural, short, suggestion
from .table import TEXT_FEATURES, Options, Prepared, Rows, Table, prepare
from .target import Target, target

__all__ = ["BUNDLED", "Options", "Prepared", "Rows", "Table", "load", "prepare"]

IDENTIFIER = re.compile(
    r"(.*[_ .-])?(id|ids|uid|uuid|guid|index|idx|key|row|rows|rownames|row[_ ]?(id|num|number))"
    r"|unnamed: ?\d+|.*[a-z](Id|ID)",
)
"""Typical names of columns that hold row numbers or identifiers."""

LEAST_UNIQUE = 15
"""From this many rows on, distinct whole numbers without gaps are not a coincidence."""

EXPECTED_MATCHES = 0.5
"""If a row is expected to equal more other rows than this by chance, repeated rows are not called
copies."""

LARGEST_GROUP = 0.1
"""Largest share of all rows that may be equal and are still kept together in one part."""


def load(source: Any, options: Options | None = None, *, target: Any = None) -> Table:
    """Everything a study needs to know about its data; nothing is fitted yet.

    Parameters
    ----------
    source
        A bundled set's name, a file, ``openml:ID``; or a DataFrame, a pair ``(x, y)``, an array,
        a mapping of columns.
    options
        What the user says about the data.
    target
        For data passed in from Python: the column's label, or the values themselves.

    Raises
    ------
    StudyError
        The data cannot be used; the message names the column, row and value.
    """
    options = options or Options()
    if isinstance(source, (str, Path)):
        if target is not None:
            options = dataclasses.replace(options, target=target)
        name = Path(source).name if not str(source).startswith("openml:") else str(source)
        raw = files.read(str(source), options)
        wanted: str | int | None = options.target
    else:
        name = "frame"
        raw, wanted = arrays.from_python(source, options.target if target is None else target)
    return from_raw(raw, name, dataclasses.replace(options, target=wanted))


def from_raw(raw: Raw, name: str, options: Options) -> Table:
    """Make a table from what a reader found."""
    if options.task not in (None, "classification", "regression"):
        raise StudyError(f"--task takes classification or regression, not {options.task!r}")
    said = Said()
    for sentence in raw.warnings:
        said.warn(sentence)
    for sentence in raw.notes:
        said.say(sentence)
    names = [str(label) for label in raw.frame.columns]
    if raw.frame.empty:
        raise StudyError(f"{name}: no rows")
    dropped = _columns("--drop", options.drop, names, name)
    kept = _columns("--keep", options.keep, names, name)
    goal = chosen_target(names, options.target or raw.target, dropped, raw.index)
    if goal is None:
        raise StudyError(f"{name}: no column is left to predict")
    if goal not in names:
        raise StudyError(f"{name}: no column {goal!r}; {suggestion(goal, names)}")
    if goal in dropped:
        raise StudyError(f"{name}: {goal!r} is the target, so --drop cannot leave it out")
    if options.target is None and raw.target is None:
        said.say("Target, the last column (--target names another)", goal)
    for label in dropped:
        said.say("Left out, as --drop says", label)
    if len(names) == len(dropped) + 1:
        raise StudyError(
            f"{name}: no columns besides the target {short(goal, 60)!r}"
            + ("" if dropped else "; if there are more, --sep names what separates them")
        )
    context = Context(name=name, where=raw.where, na=options.na, decimal=options.decimal, said=said)
    found = target(raw.frame[goal], goal, options.task, context, raw.test)
    frame = raw.frame.drop(columns=[goal, *dropped])
    if len(found.rows) < len(raw.frame):
        frame = frame.iloc[found.rows].reset_index(drop=True)
        context.where = lambda row: raw.where(int(found.rows[row]))
    index = [
        label
        for label in raw.index
        if label in frame.columns and label not in kept and frame[label].is_unique
    ]
    for label in index:
        said.say("Left out as row names (--keep uses them)", label)
    frame = frame.drop(columns=index)
    features: list[Column] = []
    for place, series in frame.items():
        features += column(series, str(place), context)
    used = _useful(features, found, set(kept), context)
    if not used:
        gone = [text for text in (*said.warnings, *said.treatments) if "eft out" in text]
        raise StudyError(f"{name}: no column is left to learn from. {'; '.join(gone)}")
    return _table(used, found, name, goal, raw, said)


def _columns(option: str, wanted: Iterable[str], names: list[str], source: str) -> list[str]:
    """The columns that an option names, as separate words or separated by commas."""
    found = []
    for word in wanted:
        parts = [word] if column_called(word, names) in names else word.split(",")
        for part in parts:
            label = column_called(part.strip(), names)
            if label not in names:
                raise StudyError(f"{source}: {option} {label!r}: no such column; "
                                 f"{suggestion(label, names)}")  # fmt: skip
            found.append(label)
    return list(dict.fromkeys(found))


def _useful(
    features: list[Column], found: Target, keep: set[str], context: Context
) -> list[Column]:
    """Drop columns that teach nothing, or nothing that generalises to other rows."""
    said, used = context.said, list[Column]()
    # One column of distinct whole numbers identifies rows; several such columns are ranks.
    ranked = sum(_is_rank(feature) for feature in features) > 1
    seen: dict[bytes, str] = {}
    for feature in features:
        missing = feature.missing()
        free = feature.source not in keep and feature.name not in keep
        copy = free and _copies_target(feature, found, context)
        if missing.all():
            said.say("Left out, having no value in any row", feature.name)
            continue
        if _constant(feature, missing):
            said.say("Left out as constant", feature.name)
            continue
        if copy:
            said.warn(
                f"Left out, determining the target: {copy} (--keep uses it, if it is known "
                "before the target)",
                feature.name,
            )
            continue
        reason = _names_rows(feature, missing, ranked=ranked) if free else None
        if reason:
            said.say(f"Left out as {reason} (--keep uses them)", feature.name)
            continue
        first = seen.setdefault(_content(feature), feature.name)
        if free and first != feature.name:
            said.say("Left out as copies of another column", f"{feature.name} (of {first})")
            continue
        if _tells_class(feature, found):
            said.warn(
                "Alone determines the class of every row (--drop leaves it out, if it is known "
                "only after the target)",
                feature.name,
            )
        used.append(feature)
    return used


def _constant(feature: Column, missing: NDArray[np.bool]) -> bool:
    """Whether a column is constant up to rounding. One with gaps is not: the gaps say something."""
    if missing.any():
        return False
    if feature.codes is not None:
        return len(feature.levels) == 1
    assert feature.numbers is not None
    low, high = feature.numbers.min(), feature.numbers.max()
    return bool(high - low <= ROUNDING * max(abs(low), abs(high)))


def _is_rank(feature: Column) -> bool:
    """Whether a column's values are distinct whole numbers, almost without gaps."""
    values = feature.numbers
    if values is None or feature.dated or len(values) < LEAST_UNIQUE:
        return False
    if not (values == np.floor(values)).all():
        return False
    return bool(np.ptp(values) < 1.5 * len(values) and (np.diff(np.sort(values)) > 0).all())


def _names_rows(feature: Column, missing: NDArray[np.bool], *, ranked: bool) -> str | None:
    """If a column merely identifies rows, the reason for thinking so."""
    if missing.any() or feature.dated or len(missing) < LEAST_UNIQUE:
        return None
    rows = len(missing)
    called = IDENTIFIER.fullmatch(feature.source) or IDENTIFIER.fullmatch(feature.source.lower())
    if feature.codes is not None:
        if len(feature.levels) < (0.95 if called else 1) * rows:
            return None
        words = sum(len(level.split()) for level in feature.levels) / rows
        if called or words < 2.5:
            return "identifiers, with a different text in every row"
        return None
    assert feature.numbers is not None
    values = feature.numbers
    if (values != np.floor(values)).any():
        return None
    steps = np.diff(values)
    if (steps == steps[0]).all() and steps[0]:
        return "numbers of the rows"
    unique = bool((np.diff(np.sort(values)) > 0).all())
    if (called and unique) or (not ranked and _is_rank(feature)):
        return "identifiers, with a different whole number in every row"
    return None


def _copies_target(feature: Column, found: Target, context: Context) -> str | None:
    """If a column is a copy of the target, in which form."""
    known = ~feature.missing()
    if known.mean() < 0.5 or known.sum() < LEAST_UNIQUE:
        return None
    y = found.y[known]
    if found.task == "classification":
        count = len(found.classes)
        if feature.numbers is not None:
            values = feature.numbers[known]
            if len(np.unique(values[:1000])) > count:
                return None
            levels, codes = np.unique(values, return_inverse=True)
            if len(levels) != count:
                return None
        else:
            assert feature.codes is not None
            if len(feature.levels) != count:
                return None
            codes = feature.codes[known]
        pairs = np.unique(codes * count + y)
        if len(pairs) != count or len(np.unique(y)) != count:
            return None
        return "each of its values belongs to one class"
    if feature.numbers is None:
        return None
    values = feature.numbers[known]
    few = np.linspace(0, len(values) - 1, min(len(values), 200)).astype(int)
    if not _same_order(values[few], y[few]) or not _same_order(values, y):
        return None
    line = np.polynomial.Polynomial.fit(values, y, 1)
    if np.abs(line(values) - y).max() <= 1e-9 * np.ptp(y):
        return "the target is a linear function of it"
    if len(values) >= 30:
        context.said.warn(
            "In exactly the target's order, as a copy in another unit would be (--drop leaves it "
            "out)",
            feature.name,
        )
    return None


def _tells_class(feature: Column, found: Target) -> bool:
    """Whether each class has its own levels, or its own range of numbers."""
    known = ~feature.missing()
    if found.task == "regression" or known.mean() < 0.5 or known.sum() < LEAST_UNIQUE:
        return False
    y = found.y[known]
    if feature.codes is not None:
        # With few rows per level, each level may have a single class by chance.
        if len(feature.levels) > len(y) / 10:
            return False
        pairs = np.unique(feature.codes[known] * len(found.classes) + y)
        return len(pairs) == len(feature.levels)
    assert feature.numbers is not None
    values = feature.numbers[known]
    few = np.linspace(0, len(values) - 1, min(len(values), 500)).astype(int)
    return _in_ranges(values[few], y[few]) and _in_ranges(values, y)


def _in_ranges(values: NDArray[np.float64], y: NDArray[Any]) -> bool:
    order = np.lexsort((y, values))
    values, y = values[order], y[order]
    changes = np.diff(y) != 0
    return bool(changes.sum() == len(np.unique(y)) - 1 and (np.diff(values)[changes] > 0).all())


def _same_order(one: NDArray[np.float64], other: NDArray[Any]) -> bool:
    """Whether one rises (or falls) exactly where the other rises, with the same ties."""
    order = np.argsort(other, kind="stable")
    rises, found = np.diff(other[order]) > 0, np.diff(one[order])
    if not rises.any():
        return False
    return bool(((found > 0) == rises).all() and (found[~rises] == 0).all()) or bool(
        ((found < 0) == rises).all() and (found[~rises] == 0).all()
    )


def _content(feature: Column) -> bytes:
    """A hash that is equal for equal numbers, and for categories that group the rows equally."""
    if feature.numbers is not None:
        return hashlib.sha256((feature.numbers + 0.0).tobytes()).digest()  # -0 is 0
    assert feature.codes is not None
    order, _ = pd.factorize(feature.codes)
    gaps = feature.codes < 0
    return hashlib.sha256(np.asarray(order, np.int64).tobytes() + gaps.tobytes()).digest()


def _table(
    used: list[Column],
    found: Target,
    name: str,
    goal: str,
    raw: Raw,
    said: Said,
) -> Table:
    rows = len(found.rows)
    numbers = [feature for feature in used if feature.numbers is not None]
    coded = [feature for feature in used if feature.codes is not None]
    categories = [feature for feature in coded if not feature.is_text]
    texts = [feature for feature in coded if feature.is_text]
    x = np.empty((rows, len(numbers)))
    for i, feature in enumerate(numbers):
        x[:, i] = feature.numbers
    gaps = np.isnan(x)
    patterns: dict[bytes, int] = {}
    for i in np.flatnonzero(gaps.any(axis=0)).tolist():
        said.say(
            "Missing numbers become the median of each split's training rows, and a further column "
            "says where they were",
            f"{numbers[i].name} ({gaps[:, i].sum()})",
        )
        patterns.setdefault(gaps[:, i].tobytes(), i)
    codes, levels = _filled(categories, rows)
    for feature, names in zip(categories, levels, strict=True):
        said.say(
            "Categories become one 0/1 column for each level", f"{feature.name} ({len(names)})"
        )
    text_codes, values = _filled(texts, rows)
    for feature, names in zip(texts, values, strict=True):
        said.say(
            f"Text of many values becomes {TEXT_FEATURES} numbers made of its letters",
            f"{feature.name} ({len(names)} values)",
        )
    shares_unit = raw.shares_unit and not coded
    groups = _groups(x, codes, text_codes, said)
    said.say(
        "Columns are centred, and divided by one number: all share a unit"
        if shares_unit
        else "Columns are centred, and divided by their deviation in a split's training rows"
    )
    return Table(
        name=name,
        task=found.task,
        target=goal,
        y=found.y,
        classes=found.classes,
        numbers=x,
        number_names=tuple(feature.name for feature in numbers),
        indicated=tuple(patterns.values()),
        categories=codes,
        category_names=tuple(feature.name for feature in categories),
        levels=levels,
        texts=text_codes,
        text_names=tuple(feature.name for feature in texts),
        values=values,
        test=None if raw.test is None else raw.test[found.rows],
        groups=groups,
        shares_unit=shares_unit,
        warnings=said.warnings,
        treatments=said.treatments,
    )


def _filled(
    features: list[Column], rows: int
) -> tuple[NDArray[np.int32], tuple[tuple[str, ...], ...]]:
    """Codes in which "missing" is a separate level."""
    codes = np.empty((rows, len(features)), np.int32)
    levels = []
    for i, feature in enumerate(features):
        assert feature.codes is not None
        absent = feature.codes < 0
        codes[:, i] = np.where(absent, len(feature.levels), feature.codes)
        levels.append((*feature.levels, "(missing)") if absent.any() else feature.levels)
    return codes, tuple(levels)


def _groups(
    numbers: NDArray[np.float64],
    categories: NDArray[np.int32],
    texts: NDArray[np.int32],
    said: Said,
) -> NDArray[np.int64] | None:
    """Group numbers of equal rows; None if there are none, or if chance explains them."""
    rows = len(numbers)
    mixed = np.zeros(rows, np.uint64)
    columns = [*numbers.T, *categories.T, *texts.T]
    for values in columns:
        bits = (np.nan_to_num(values.astype(np.float64), nan=-1e301) + 0.0).view(np.uint64)
        # Hash with splitmix64, so that regular patterns in the numbers do not collide.
        mixed += np.uint64(0x9E3779B97F4A7C15)
        mixed ^= bits
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    _, groups, counts = np.unique(mixed, return_inverse=True, return_counts=True)
    if len(counts) == rows:
        return None
    repeated = rows - len(counts)
    by_chance = float(rows)
    for values in columns:
        _, shares = np.unique(values, return_counts=True)
        by_chance *= float(np.sum((shares / rows) ** 2))
        if by_chance <= EXPECTED_MATCHES:
            break
    verb = "repeats" if repeated == 1 else "repeat"
    what = f"{plural(repeated, 'row')} of {rows:,} {verb} the features of another"
    if by_chance > EXPECTED_MATCHES:
        said.say(f"{what}, as is expected where so few values are possible")
        return None
    if counts.max() > LARGEST_GROUP * rows:
        said.warn(
            f"{what}, {counts.max():,} times one row: too many to stay in one part of a split"
        )
        return None
    said.warn(f"{what}: equal rows stay together, in one part of every split")
    return np.asarray(groups, np.int64)
