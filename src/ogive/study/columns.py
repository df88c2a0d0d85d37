"""Decide whether a column holds numbers, categories, text or dates, and which values are missing.

All decisions use the column's distinct values, which are few, rather than its rows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import StudyError
from .raw import listed, plural

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

MISSING = frozenset(
    {"", "na", "n/a", "n.a.", "n.a", "#n/a", "#na", "<na>", "nan", "nat", "null", "(null)", "none",
     "nil", "?", "??", "-", "--", "---", ".", "..", "*", "missing", "(missing)", "unknown",
     "0000-00-00", "0000-00-00 00:00:00", "undefined", "unavailable", "not available", "no data",
     "\\n", "#value!", "#div/0!", "#ref!", "#null!", "#num!"}
)  # fmt: skip
"""Words in lower case that mean "missing" among numbers and dates. Among categories they are
ordinary categories: in house prices, for example, alley "None" means that there is no alley."""

MOST_LEVELS = 40
"""A column with more distinct values is text, not categories."""

MOST_SLIPS = 5
"""Up to this many distinct words among numbers are reported as typing errors; more make a column
text."""

FEW_NUMBERS = 20
"""Up to this many distinct numbers, mixed with words, may be levels such as 1, 2, 3 and 4+."""

ROUNDING = 1e-12
"""Numbers whose relative difference is smaller than this differ only by rounding."""

FLOAT32_MAX = float(np.finfo(np.float32).max)

EPOCH, DAY = pd.Timestamp(0).as_unit("s"), pd.Timedelta(days=1).as_unit("s")
"""In seconds, since nanosecond timestamps end in 2262, and data may contain 9999-12-31."""

DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([ T]\d.*)?"
    r"|\d{1,2}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/. ,]+\d{2,4}( \d.*)?"
    r"|[A-Za-z]{3,9}\.?[- ]\d{1,2},?[- ]\d{4}( \d.*)?|[A-Za-z]{3} \d{4}"
)
DAYS = ("%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y.%m.%d",
        "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
        "%B %d %Y", "%d-%b-%y", "%b-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%b %Y",
        "%Y-%m", "%Y/%m")  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
WRITTEN = re.compile(r"([-+]?)\s*[$€£¥]?\s*([-+]?[\d.,' ]*\d[\d.,]*(?:[eE][-+]?\d+)?)\s*[%€]?")
"""A number that may have a currency or percent sign, or separators between its digits."""
DIGIT = re.compile(r"\d")
CODE = re.compile(r"[A-Za-z]?\d+[A-Za-z]?")
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")

Where = Callable[[int], str]


@dataclass(kw_only=True)
class Column:
    """A feature whose kind is decided. Exactly one of `numbers` and `codes` is set."""

    name: str
    source: str
    """The column of the data that it comes from; a date becomes several features."""
    numbers: Numbers | None = None
    """NaN where missing."""
    codes: Codes | None = None
    """An index into `levels`; -1 where missing."""
    levels: tuple[str, ...] = ()
    dated: bool = False

    @property
    def is_text(self) -> bool:
        """Whether there are too many values for categories, or hardly any value repeats."""
        assert self.codes is not None
        return len(self.levels) > min(MOST_LEVELS, max(2, len(self.codes) // 2))

    def missing(self) -> NDArray[np.bool]:
        if self.numbers is not None:
            return np.isnan(self.numbers)
        assert self.codes is not None
        return self.codes < 0


@dataclass(kw_only=True)
class Said:
    """Collects sentences by topic, so that a thousand columns give one sentence."""

    warned: dict[str, list[str]] = field(default_factory=dict)
    done: dict[str, list[str]] = field(default_factory=dict)

    def warn(self, what: str, column: str = "") -> None:
        """Add a warning about a possible mistake."""
        self.warned.setdefault(what, []).append(column)

    def say(self, what: str, column: str = "") -> None:
        """Add a sentence about what was done."""
        self.done.setdefault(what, []).append(column)

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(_sentence(*pair) for pair in self.warned.items())

    @property
    def treatments(self) -> tuple[str, ...]:
        return tuple(_sentence(*pair) for pair in self.done.items())


def _sentence(what: str, columns: list[str]) -> str:
    named = [column for column in columns if column]
    return f"{what}: {listed(named)}" if named else what


@dataclass(kw_only=True)
class Values:
    """A column's distinct texts, and an index into them for each row."""

    texts: list[str]
    codes: Codes
    """-1 where missing."""

    def counts(self) -> Codes:
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    def first(self, which: int) -> int:
        """The first row with this text."""
        return int(np.argmax(self.codes == which))


@dataclass(kw_only=True)
class Context:
    """Information that errors and treatments of every column need."""

    name: str
    where: Where
    na: tuple[str, ...]
    decimal: str | None
    said: Said


def column(series: pd.Series[Any], name: str, context: Context) -> list[Column]:
    """The features made from a column: several for a date, otherwise one."""
    quick = nearly_numbers(series, name, context)
    if quick is not None:
        return [_number(quick, name, context)]
    plain = plain_values(series, name, context)
    if isinstance(plain, pd.Series):
        if pd.api.types.is_datetime64_any_dtype(plain):
            return _dates(plain, name, context)
        return [_number(numbers_of(plain, context), name, context)]
    if isinstance(series.dtype, pd.CategoricalDtype):
        return [_category(plain, name, context)]
    numbers = as_numbers(plain, name, context)
    if numbers is not None:
        return [_number(numbers, name, context)]
    dates = as_dates(plain, name, context)
    if dates is not None:
        return _dates(dates, name, context)
    clock = _as_clock(plain)
    if clock is not None:
        context.said.say("Times of day, in seconds", name)
        return [_number(clock, name, context)]
    return [_category(plain, name, context)]


def nearly_numbers(series: pd.Series[Any], name: str, context: Context) -> Numbers | None:
    """Fast path for texts that are all numbers, apart from words that mean "missing"."""
    if not isinstance(series.dtype, pd.StringDtype) or context.decimal == ",":
        return None
    few = series.iloc[:: max(1, len(series) // 100)].dropna()
    if pd.to_numeric(few, errors="coerce").notna().mean() < 0.5:
        return None
    values = pd.to_numeric(series, errors="coerce")
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    words = series[np.isnan(numbers) & series.notna().to_numpy()].str.strip()
    counts = words[words != ""].value_counts()
    known = {*context.na, *(word for word in counts.index if word.casefold() in MISSING)}
    if np.isnan(numbers).all() or not set(counts.index) <= known:
        return None
    said = [word for word in counts.index if word not in context.na]
    if said:
        rows = plural(int(counts[said].sum()), "row")
        shown = listed([repr(word) for word in said])
        context.said.warn("Read as missing among numbers", f"{name} ({shown} in {rows})")
    return numbers_of(pd.Series(numbers), context)


def plain_values(series: pd.Series[Any], name: str, context: Context) -> pd.Series[Any] | Values:
    """Numbers and dates as they are, other values as texts; values of other types are refused."""
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        series = pd.Series(np.asarray(series))
        dtype = series.dtype
    if isinstance(dtype, pd.PeriodDtype):
        return pd.Series(np.asarray(series.dt.to_timestamp()))
    if pd.api.types.is_complex_dtype(dtype):
        raise StudyError(
            f"{context.name}: column {name!r} holds complex numbers ({series.iloc[0]}); "
            f"give real and imaginary parts as two columns, or say --drop {quoted(name)}"
        )
    if isinstance(dtype, pd.CategoricalDtype):
        labels = [_text(value) for value in series.cat.categories]
        return _cleaned(labels, np.asarray(series.cat.codes, np.int64), context)
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        return series
    if pd.api.types.is_datetime64_any_dtype(dtype):
        if isinstance(dtype, pd.ArrowDtype):  # its dates lack methods that are needed here
            stamps: Any = series
            return pd.Series(stamps.to_numpy("datetime64[us]", na_value=pd.NaT))
        return series
    if pd.api.types.is_timedelta64_dtype(dtype):
        context.said.say("Durations, in seconds", name)
        return pd.Series(series.dt.total_seconds().to_numpy())
    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean"):
        known = series.notna()
        values = np.full(len(series), np.nan)
        try:
            values[known] = series[known].astype(float)
        except OverflowError:
            big = next(i for i, v in enumerate(series) if abs(v) > sys.float_info.max)
            raise _beyond(name, big, float("inf"), 1, context) from None
        return pd.Series(values)
    if kind in ("date", "datetime", "datetime64"):
        try:
            return pd.Series(pd.to_datetime(series, utc=True).dt.tz_localize(None).to_numpy())
        except (ValueError, OverflowError):
            kind = "mixed"
    if kind in ("timedelta", "timedelta64"):
        context.said.say("Durations, in seconds", name)
        return pd.Series(pd.to_timedelta(series).dt.total_seconds().to_numpy())
    if kind == "time":
        context.said.say("Times of day, in seconds", name)
        return series.map(
            lambda t: np.nan if pd.isna(t) else t.hour * 3600 + t.minute * 60 + t.second
        ).astype(float)
    if kind == "complex":
        return plain_values(series.astype(complex), name, context)
    try:
        found, index = pd.factorize(series)
    except TypeError:
        nests = (list, dict, set, np.ndarray)
        odd = next(i for i, value in enumerate(series) if isinstance(value, nests))
        raise StudyError(
            f"{context.name}: column {name!r}, {context.where(odd)}: holds a "
            f"{type(series.iloc[odd]).__name__}, not one value; --drop {quoted(name)} leaves it out"
        ) from None
    uniques = index.tolist()
    if kind == "string":
        return _cleaned(uniques, np.asarray(found, np.int64), context)
    nested = next((u for u in uniques if isinstance(u, (tuple, frozenset))), None)
    if nested is not None:
        raise StudyError(
            f"{context.name}: column {name!r} holds a {type(nested).__name__}, not one value; "
            f"--drop {quoted(name)} leaves it out"
        )
    return _cleaned([_text(value) for value in uniques], np.asarray(found, np.int64), context)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}" if abs(value) < 1e15 else repr(value)
    return str(value)


def _cleaned(labels: Sequence[str], codes: Codes, context: Context) -> Values:
    """Strip blanks; empty texts, and those that --na names, become missing."""
    stripped = [label.strip() for label in labels]
    index: dict[str, int] = {}
    to = np.empty(len(stripped) + 1, np.int64)
    to[-1] = -1
    for i, label in enumerate(stripped):
        missing = not label or label in context.na
        to[i] = -1 if missing else index.setdefault(label, len(index))
    codes = to[codes]
    used = np.bincount(codes[codes >= 0], minlength=len(index)) > 0
    if not used.all():  # a category without rows
        again = np.append(np.where(used, np.cumsum(used) - 1, -1), -1)
        codes = again[codes]
    texts = [label for label, there in zip(index, used, strict=True) if there]
    return Values(texts=texts, codes=codes)


def parsed(texts: Sequence[str], context: Context) -> tuple[Numbers, set[str]]:
    """Each text as a number (NaN if it is not one), and the notations that were found."""
    series = pd.Series(list(texts), dtype=object)
    values = pd.to_numeric(series, errors="coerce").to_numpy(np.float64).copy()
    ways: set[str] = set()
    if context.decimal == "," and np.isfinite(values).any():
        # If the comma is the decimal mark, 1.234 means 1234.
        values[[bool(re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+", text)) for text in texts]] = np.nan
    unread = np.flatnonzero(np.isnan(values)).tolist()
    odd = [i for i in unread if DIGIT.search(texts[i])]
    if not odd:
        return values, ways
    plain = dict[int, str]()
    for i in odd:
        text = texts[i].replace("\u2212", "-").replace("\xa0", " ")
        found = WRITTEN.fullmatch(text)
        if found is None:
            continue
        if re.search(r"[$€£¥]", text):
            ways.add("a currency sign")
        if "%" in text:
            ways.add("a percent sign")
        plain[i] = found[1] + found[2]
    commas = [text for text in plain.values() if "," in text]
    thousands = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
    as_thousands = context.decimal != "," and all(thousands.fullmatch(text) for text in commas)
    for i, text in plain.items():
        text = re.sub(r"(?<=\d)[' ](?=\d{3})", "", text)
        if as_thousands:
            if "," in text:
                ways.add("commas between thousands")
            text = text.replace(",", "")
        elif context.decimal != ".":
            if "," in text:
                ways.add("a decimal comma")
            text = re.sub(r"\.(?=\d{3}(\D|$))", "", text).replace(",", ".")
        try:
            values[i] = float(text)
        except ValueError:
            continue
    return values, ways


def as_numbers(values: Values, name: str, context: Context) -> Numbers | None:
    """The values of a column of numbers, else None; a few other words among them are an error."""
    texts, counts = values.texts, values.counts()
    found, ways = parsed(texts, context)
    wrong = np.flatnonzero(np.isnan(found)).tolist()
    bad = [i for i in wrong if texts[i].casefold() not in MISSING]
    right = len(texts) - len(wrong)
    if not right:
        return None
    many = counts[~np.isnan(found)].sum() >= max(1, counts[bad].sum())
    if bad and many and not _are_codes(texts, bad):
        first = min(bad, key=values.first)
        place = f"{context.where(values.first(first))}: {texts[first]!r}"
        help_ = f"--na {quoted(texts[first])} reads it as missing"
        if right > FEW_NUMBERS and len(bad) <= MOST_SLIPS:
            raise StudyError(
                f"{context.name}: column {name!r}, {place} is not a number, like most of the "
                f"column; {help_}, --drop {quoted(name)} leaves the column out"
            )
        context.said.warn(
            "Taken as text, though most values are numbers", f"{name} (not {place}; {help_})"
        )
    if bad:
        return None
    if len(wrong):
        words = listed([repr(texts[i]) for i in wrong])
        rows = plural(int(counts[wrong].sum()), "row")
        context.said.warn("Read as missing among numbers", f"{name} ({words} in {rows})")
    for way in sorted(ways):
        context.said.say(f"Numbers written with {way}", name)
    return np.append(found, np.nan)[values.codes]


def _are_codes(texts: Sequence[str], bad: list[int]) -> bool:
    """Whether whole numbers, some with a letter, are codes such as house numbers."""
    odd = set(bad)
    return all(CODE.fullmatch(texts[i]) for i in bad) and all(
        text.isdigit() for i, text in enumerate(texts) if i not in odd
    )


def numbers_of(series: pd.Series[Any], context: Context) -> Numbers:
    """A numeric column's values; those that --na names become missing."""
    try:
        values = series.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        values = (
            series.astype(object)
            .map(lambda v: np.nan if pd.isna(v) else float(v))
            .to_numpy(np.float64)
        )
    absent = []
    for word in context.na:
        try:
            absent.append(float(word))
        except ValueError:
            continue
    if absent:
        values = np.where(np.isin(values, absent), np.nan, values)
    return values


def check_range(values: Numbers, name: str, context: Context) -> None:
    """Refuse infinite values, and values that float32 cannot hold."""
    beyond = np.flatnonzero(np.abs(values) > FLOAT32_MAX)
    if len(beyond):
        raise _beyond(name, int(beyond[0]), values[beyond[0]], len(beyond), context)


def _beyond(name: str, row: int, value: float, count: int, context: Context) -> StudyError:
    what = "infinite" if np.isinf(value) else "beyond what float32 holds (3.4e38)"
    more = f" ({count} such values)" if count > 1 else ""
    return StudyError(
        f"{context.name}: column {name!r}, {context.where(row)}: {value:g} is {what}{more}; "
        f"--na {value:g} reads it as missing, --drop {quoted(name)} leaves the column out"
    )


def _number(values: Numbers, name: str, context: Context) -> Column:
    check_range(values, name, context)
    _suspect(values, name, context)
    return Column(name=name, source=name, numbers=values)


def _suspect(values: Numbers, name: str, context: Context) -> None:
    """Warn about a number that may stand for "missing", or that dwarfs all others."""
    known = values[~np.isnan(values)]
    if len(known) < 10:
        return
    low, high = known.min(), known.max()
    for end in (low, high):
        text = f"{abs(end):g}"
        if (end < 0 or end >= 99) and set(text) == {"9"} and float(text) == abs(end):
            rest = known[known != end]
            count = len(known) - len(rest)
            if count < 2 or not len(rest):
                continue
            gap = rest.min() - end if end == low else end - rest.max()
            if gap > np.ptp(rest) and gap > abs(end) / 2:
                context.said.warn(
                    f"Far from all other values, so it may mean missing (--na {end:g} says so)",
                    f"{name} ({end:g} in {plural(count, 'row')})",
                )
                return
    deviation = known.std()
    if max(high - known.mean(), known.mean() - low) < 0.5 * np.sqrt(len(known)) * deviation:
        return  # no value makes up most of the deviation
    quarter, middle, three = np.percentile(known, (25, 50, 75))
    most = known[np.argmax(np.abs(known - middle))]
    if three > quarter and abs(most - middle) > 1e3 * np.sqrt(len(known)) * (three - quarter):
        row = int(np.argmax(values == most))
        context.said.warn(
            "One value dwarfs the others, which become nearly equal (--na reads it as missing)",
            f"{name} ({context.where(row)}: {most:g}, where half of all lie between {quarter:g} "
            f"and {three:g})",
        )


def _category(values: Values, name: str, context: Context) -> Column:
    order = sorted(range(len(values.texts)), key=values.texts.__getitem__)
    rank = np.empty(len(order) + 1, np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    levels = tuple(values.texts[i] for i in order)
    return Column(name=name, source=name, codes=rank[values.codes], levels=levels)


def as_dates(values: Values, name: str, context: Context) -> pd.Series[Any] | None:
    """Parse texts that are all dates in one of the usual formats, else None."""
    texts = values.texts
    few = texts[:: max(1, len(texts) // 100)]
    if sum(bool(DATE.fullmatch(text)) for text in few) < 0.8 * len(few) - 1:
        return None
    likely = [bool(DATE.fullmatch(text)) for text in texts]
    words = [i for i, text in enumerate(texts) if text.casefold() in MISSING]
    if sum(likely) < max(1, 0.9 * (len(texts) - len(words))):
        return None
    series = pd.Series(texts, dtype=object)
    best, found, chosen = 0, None, ""
    formats = ["ISO8601", *(day + time for time in TIMES for day in DAYS)]
    for pattern in formats:
        if pattern != "ISO8601" and best == len(texts) - len(words):
            break
        dates = pd.to_datetime(series, format=pattern, errors="coerce", utc=True)
        if dates.notna().sum() > best:
            best, found, chosen = int(dates.notna().sum()), dates, pattern
    if found is None or best < 0.9 * (len(texts) - len(words)):
        return None
    wrong = np.flatnonzero(found.isna()).tolist()
    bad = [i for i in wrong if i not in set(words)]
    if bad:
        first = min(bad, key=values.first)
        raise StudyError(
            f"{context.name}: column {name!r}, {context.where(values.first(first))}: "
            f"{texts[first]!r} is not a date, like most of the column; --na {quoted(texts[first])} "
            f"reads it as missing, --drop {quoted(name)} leaves the column out"
        )
    if len(wrong):
        absent = listed([repr(texts[i]) for i in wrong])
        context.said.warn("Read as missing among dates", f"{name} ({absent})")
    if "%d" in chosen and "%m" in chosen and not chosen.startswith("%Y"):
        order = "day before month" if chosen.startswith("%d") else "month before day"
        context.said.say(f"Dates read with the {order}", name)
    stamps = found.dt.tz_localize(None)
    return pd.Series(stamps.to_numpy()).reindex(values.codes).reset_index(drop=True)


def _as_clock(values: Values) -> Numbers | None:
    if not values.texts or not all(map(CLOCK.fullmatch, values.texts)):
        return None
    seconds = []
    for text in values.texts:
        parts = [float(part) for part in text.split(":")]
        seconds.append(parts[0] * 3600 + parts[1] * 60 + (parts[2] if len(parts) > 2 else 0))
    return np.append(np.array(seconds), np.nan)[values.codes]


def _dates(series: pd.Series[Any], name: str, context: Context) -> list[Column]:
    """The parts of a date that vary."""
    found = date_parts(series)
    kept = {
        key: part
        for key, part in found.items()
        if key == "days" or len(np.unique(part[~np.isnan(part)])) > 1
    }
    context.said.say("Dates become numbers", f"{name} ({', '.join(kept)})")
    return [
        Column(name=f"{name} ({key})", source=name, numbers=part, dated=True)
        for key, part in kept.items()
    ]


def date_parts(series: pd.Series[Any]) -> dict[str, Numbers]:
    """Days since 1970, and the periodic parts."""
    stamps = series.dt.tz_localize(None) if series.dt.tz is not None else series
    parts = {
        "days": (stamps - EPOCH) / DAY,
        "month": stamps.dt.month,
        "day": stamps.dt.day,
        "weekday": stamps.dt.day_of_week,
        "hour": stamps.dt.hour + stamps.dt.minute / 60,
    }
    return {key: part.to_numpy(np.float64, na_value=np.nan) for key, part in parts.items()}


def quoted(word: str) -> str:
    """The word, quoted for a shell."""
    return word if re.fullmatch(r"[\w.+-]+", word) else f'"{word}"'
