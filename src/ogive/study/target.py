"""The column to predict: whether it holds classes or numbers, and which rows can be used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .columns import (
    FEW_NUMBERS,
    FLOAT32_MAX,
    MISSING,
    ROUNDING,
    Context,
    Numbers,
    Values,
    as_dates,
    date_parts,
    nearly_numbers,
    numbers_of,
    parsed,
    plain_values,
    quoted,
)
from .errors import StudyError
from .raw import listed, plural, short
from .table import Task

MOST_NUMBERS = 20
"""Whole numbers with more distinct values are amounts, unless they count 0, 1, 2, ..."""

MOST_COUNTED = 100

LEAST_ROWS_PER_CLASS = 5
"""Enough for every class to be among training, validation and test rows."""

LEAST_ROWS = 10

CODED = r"\s*[-+]?0\d+\s*"


@dataclass(kw_only=True)
class Target:
    """The values to predict, in the rows that are used."""

    rows: NDArray[np.int64]
    """Row numbers in the source."""
    y: NDArray[np.int64] | Numbers
    classes: tuple[str, ...]
    task: Task


def target(
    series: pd.Series[Any],
    name: str,
    task: Task | None,
    context: Context,
    test: NDArray[np.bool] | None,
) -> Target:
    """Read the target as classes or numbers, as `task` says or by a rule, without empty rows."""
    whole = f"{context.name}: target {name!r}"
    numbers, labels = _read(series, name, task, context)
    if numbers is not None:
        missing = np.isnan(numbers)
    else:
        assert labels is not None
        missing = labels.codes < 0
    if missing.all():
        raise StudyError(f"{whole} is empty; --target names another column")
    if missing.any():
        first, lost = context.where(int(np.argmax(missing))), plural(int(missing.sum()), "row")
        context.said.warn(f"{lost} left out, having no target (first: {first})")
    rows, another = np.flatnonzero(~missing), "--target names another column"
    _enough(len(rows), context)
    if numbers is not None:
        _in_range(numbers, whole, context)
        known = numbers[rows]
        size = np.abs(known).max()
        if np.ptp(known) <= ROUNDING * size:
            raise StudyError(f"{whole} is constant: every row is {_label(known[0])}; {another}")
    elif labels is not None and len(labels.texts) == 1:
        raise StudyError(f"{whole} is constant: every row is {labels.texts[0]}; {another}")
    is_bool = numbers is not None and pd.api.types.infer_dtype(series, skipna=True) == "boolean"
    if numbers is not None and (task or _task(numbers[rows], is_bool=is_bool)) == "regression":
        return _regression(numbers, rows, name, task, context)
    if task == "regression":
        assert labels is not None
        raise StudyError(
            f"{whole}, {context.where(labels.first(0))}: {labels.texts[0]!r} is not a number, and "
            "--task regression needs numbers"
        )
    if numbers is not None:
        found, codes = np.unique(numbers[rows], return_inverse=True)
        names = ["False", "True"] if is_bool else [_label(value) for value in found]
        return _classes(codes, names, rows, name, context, test, rule=task is None)
    assert labels is not None
    order = sorted(range(len(labels.texts)), key=labels.texts.__getitem__)
    rank = np.argsort(order)
    names = [labels.texts[i] for i in order]
    _alike(names, name, context)
    return _classes(rank[labels.codes[rows]], names, rows, name, context, test, rule=False)


def _read(
    series: pd.Series[Any], name: str, task: Task | None, context: Context
) -> tuple[Numbers, None] | tuple[None, Values]:
    # 01 is a code, not the number 1.
    is_text = isinstance(series.dtype, pd.StringDtype)
    if is_text and (task == "regression" or not series.str.fullmatch(CODED).any()):
        quick = nearly_numbers(series, name, context)
        if quick is not None:
            return quick, None
    plain = plain_values(series, name, context)
    if isinstance(plain, pd.Series):
        if pd.api.types.is_datetime64_any_dtype(plain):
            return _days(plain, context), None
        return numbers_of(plain, context), None
    if isinstance(series.dtype, pd.CategoricalDtype) and task != "regression":
        return None, plain
    written = [value for value in pd.unique(series) if isinstance(value, str) and value.strip()]
    merged = len(written) - len({value.strip() for value in written})
    if merged:
        context.said.warn(
            f"{plural(merged, 'label')} differed from another only by blanks at the ends and "
            "joined it: 'no ' is 'no'"
        )
    texts, counts = plain.texts, plain.counts()
    coded = [text for text in texts if re.fullmatch(CODED, text)]
    found, ways = parsed(texts, context)
    wrong = np.flatnonzero(np.isnan(found)).tolist()
    bad = [i for i in wrong if texts[i].casefold() not in MISSING]
    right = len(texts) - len(wrong)
    if bad and ((task == "regression" and right) or (right > FEW_NUMBERS and len(bad) <= 5)):
        first = min(bad, key=plain.first)
        raise StudyError(
            f"{context.name}: target {name!r}, {context.where(plain.first(first))}: "
            f"{texts[first]!r} is not a number; --na {quoted(texts[first])} leaves such rows out"
        )
    if bad or not right or (coded and task != "regression"):
        dates = as_dates(plain, name, context) if len(texts) > MOST_NUMBERS and not task else None
        return (None, plain) if dates is None else (_days(dates, context), None)
    if len(wrong):
        words = listed([repr(texts[i]) for i in wrong])
        context.said.warn(
            "Read as missing among numbers",
            f"{name} ({words} in {plural(int(counts[wrong].sum()), 'row')})",
        )
    for way in sorted(ways):
        context.said.say(f"Numbers written with {way}", name)
    return np.append(found, np.nan)[plain.codes], None


def _days(dates: pd.Series[Any], context: Context) -> Numbers:
    context.said.say("Dates to predict became days since 1970")
    return date_parts(dates)["days"]


def _in_range(numbers: Numbers, whole: str, context: Context) -> None:
    beyond = np.flatnonzero(np.abs(numbers) > FLOAT32_MAX)
    if len(beyond):
        value = numbers[beyond[0]]
        what = "infinite" if np.isinf(value) else "beyond what float32 holds (3.4e38)"
        raise StudyError(
            f"{whole}, {context.where(int(beyond[0]))}: {value:g} is {what}; --na {value:g} leaves "
            "such rows out"
        )


def _task(numbers: Numbers, *, is_bool: bool) -> Task:
    """Decide by the values: two values, few whole numbers, or class numbers (0, 1, 2, ...) are
    classes; all other numbers are amounts."""
    if is_bool:
        return "classification"
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) == 2:
        return "classification"
    if (values != np.floor(values)).any():
        return "regression"
    if len(values) <= min(MOST_NUMBERS, len(numbers) // 4):
        return "classification"
    counted = values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1
    if counted and len(values) <= MOST_COUNTED and counts.min() >= LEAST_ROWS_PER_CLASS:
        return "classification"
    return "regression"


def _regression(
    numbers: Numbers, rows: NDArray[np.int64], name: str, task: Task | None, context: Context
) -> Target:
    if task is None:
        context.said.say(
            f"Regression: the target has {len(np.unique(numbers[rows])):,} different values, as "
            "amounts do (--task classification makes them classes)"
        )
    return Target(rows=rows, y=numbers[rows], classes=(), task="regression")


def _classes(
    codes: NDArray[np.int64],
    names: list[str],
    rows: NDArray[np.int64],
    name: str,
    context: Context,
    test: NDArray[np.bool] | None,
    *,
    rule: bool,
) -> Target:
    """A classification target, without classes that are too rare for three parts."""
    whole = f"{context.name}: target {name!r}"
    trained = codes if test is None else codes[~test[rows]]
    counts = np.bincount(trained, minlength=len(names))
    rare = np.flatnonzero(counts < LEAST_ROWS_PER_CLASS)
    lost = np.isin(codes, rare)
    if len(names) - len(rare) < 2 or lost.mean() > 0.5:
        least = f"at least {LEAST_ROWS_PER_CLASS} rows of each class are needed"
        if len(names) <= 10:
            found = listed([f"{short(names[i], 40)} ({counts[i]})" for i in range(len(names))])
            raise StudyError(f"{whole} has too few rows of a class: {found}; {least}")
        raise StudyError(
            f"{whole} has {len(names)} classes in {len(rows)} rows, such as "
            f"{listed(names, 3, 40)}; {least}; name another column with --target, or say --task "
            "regression for an amount"
        )
    if len(rare):
        shown = listed([f"{short(names[i], 40)} ({counts[i]})" for i in rare])
        context.said.warn(
            f"{plural(int(lost.sum()), 'row')} left out, of classes with fewer than "
            f"{LEAST_ROWS_PER_CLASS} rows",
            shown,
        )
        codes, rows = codes[~lost], rows[~lost]
        kept = np.setdiff1d(np.arange(len(names)), rare)
        names = [names[i] for i in kept]
        codes = np.searchsorted(kept, codes)
    if rule and len(names) > 2:
        context.said.say(
            f"Classification: the target has {len(names)} different whole numbers (--task "
            "regression takes them as amounts)"
        )
    return Target(rows=rows, y=codes.astype(np.int64), classes=tuple(names), task="classification")


def _enough(rows: int, context: Context) -> None:
    if rows < LEAST_ROWS:
        raise StudyError(
            f"{context.name}: has {plural(rows, 'row')} with a target; a study needs at least "
            f"{LEAST_ROWS} to train, choose and test on"
        )


def _alike(names: list[str], name: str, context: Context) -> None:
    """Warn about labels that are probably one class, spelled in two ways."""
    seen: dict[str, str] = {}
    for label in names:
        key = label.casefold()
        key = re.sub(r"^[-+]?0+(?=\d)", "", key) if key.isdigit() else " ".join(key.split())
        if key in seen:
            context.said.warn(
                "Two classes with almost the same name", f"{seen[key]!r} and {label!r}"
            )
        seen.setdefault(key, label)
    absent = [label for label in names if label.casefold() in MISSING and label != "None"]
    if absent:
        context.said.warn(
            f"{absent[0]!r} is a class like the others; if it means missing, say "
            f"--na {quoted(absent[0])}"
        )


def _label(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"
