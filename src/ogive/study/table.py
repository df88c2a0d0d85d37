"""A data table as a study trains on it: typed columns, and arrays fitted per split.

`load` (in `data`) makes a `Table` once. `prepare` is called once per split, since it fits medians,
levels, text features and scales on the split's training rows only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .columns import ROUNDING

Task = Literal["classification", "regression"]
Rows = NDArray[np.int64]

TEXT_FEATURES = 20
"""Number of features made from a column of text."""

TEXT_ROWS = 10_000
"""Most training rows on which a text column's features are fitted."""

LEAST_SPREAD = 0.1
"""A 0/1 column is divided by its deviation, but by no less than this. Otherwise a level with one
training row in a thousand would give a value of 30 where other columns have 1."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to read the data; the command line has options with the same names."""

    target: str | int | None = None
    """The column to predict; None for the last one."""
    task: Task | None = None
    """None to decide by the target's values."""
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    """Columns to use even if they look like identifiers, copies or constants."""
    na: tuple[str, ...] = ()
    """Additional values that mean "missing", in every column."""
    sep: str | None = None
    """The separator; None to detect it."""
    decimal: str | None = None
    """The decimal mark; None to detect it."""
    header: bool | None = None
    """Whether the first line holds names; None to detect it."""
    sheet: str | None = None
    """Sheet of an Excel file, by name or by number from 1; None for the first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Features and target of every row, before anything is fitted.

    The columns of `numbers`, `categories` and `texts` are all features; `prepare` turns them into
    ``len(inputs)`` numbers, as many in every split.
    """

    name: str
    """``digits``, a file's name, ``openml:61``, ``frame``."""
    task: Task
    target: str
    y: NDArray[np.int64] | NDArray[np.float64]
    """Class indices, or the numbers of a regression as they are in the data."""
    classes: tuple[str, ...]
    """Empty for a regression."""

    numbers: NDArray[np.float64]
    """``[row, column]``; NaN where missing, never infinite."""
    number_names: tuple[str, ...]
    indicated: tuple[int, ...] = ()
    """Columns of `numbers` that get an additional 0/1 column which says where they are missing.
    Columns that are missing in the same rows share one."""
    categories: NDArray[np.int32]
    """``[row, column]``, an index into the column's levels."""
    category_names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    texts: NDArray[np.int32]
    """``[row, column]``, an index into the column's values."""
    text_names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    test: NDArray[np.bool] | None = None
    """Rows of a test part that came with the data (an NPZ's ``x_test``). Every split tests on these
    and divides the others into training and validation rows."""
    groups: NDArray[np.int64] | None = None
    """Rows with equal features have the same number; None if no row repeats another, or if so few
    values are possible that repeats are not copies. A group stays in one part of a split, since
    otherwise a network would be tested on rows that it has seen."""
    shares_unit: bool = False
    """Whether all columns have the same unit, as pixels do. Then all get one scale, since separate
    scales would amplify the noise of faint columns."""
    warnings: tuple[str, ...] = ()
    """Sentences about possible mistakes; they are shown first and never left out."""
    treatments: tuple[str, ...] = ()
    """Sentences about what was changed, dropped or decided while reading."""

    @property
    def rows(self) -> int:
        return len(self.y)

    @property
    def columns(self) -> tuple[str, ...]:
        """The features as the user knows them, before they are turned into numbers."""
        return (*self.number_names, *self.category_names, *self.text_names)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Rows of each class; empty for a regression."""
        return tuple(int(n) for n in np.bincount(self.y)) if self.classes else ()

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns that `prepare` returns."""
        names = list(self.number_names)
        names += [f"{self.number_names[i]} is missing" for i in self.indicated]
        for column, levels in zip(self.category_names, self.levels, strict=True):
            # For two levels, one column is enough.
            names += [f"{column}={level}" for level in (levels[1:] if len(levels) == 2 else levels)]
        for column in self.text_names:
            names += [f"{column} (text {i + 1})" for i in range(TEXT_FEATURES)]
        return tuple(names)

    @cached_property
    def grams(self) -> tuple[Any, ...]:
        """For each text column a sparse matrix ``[value, trigram]``: how often each value contains
        each (hashed) group of three letters. It is the same for all splits."""
        from sklearn.feature_extraction.text import HashingVectorizer

        count = HashingVectorizer(
            analyzer="char_wb", ngram_range=(3, 3), n_features=2**12, alternate_sign=False,
            norm=None, dtype=np.float32,
        )  # fmt: skip
        return tuple(count.transform(values) for values in self.values)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all data that training uses, in hexadecimal."""
        digest = hashlib.sha256()
        names = (self.task, self.target, self.classes, self.number_names, self.category_names)
        more = (self.text_names, self.levels, self.values, self.indicated, self.shares_unit)
        digest.update(repr((names, more)).encode("utf-8", "surrogatepass"))
        parts = (self.numbers, self.categories, self.texts, self.y, self.test, self.groups)
        for part in parts:
            if part is not None:
                little = part.dtype.newbyteorder("<")
                digest.update(repr((part.shape, little.str)).encode())
                digest.update(np.ascontiguousarray(part, little).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """One split's rows as input for networks; the training rows first, then the others."""

    x: tuple[NDArray[np.float32], ...]
    """``[row, input]``, standardised by the training rows."""
    y: tuple[NDArray[np.int64], ...] | tuple[NDArray[np.float32], ...]
    """Class indices, or the target standardised by the training rows."""
    target_mean: float
    target_scale: float
    """In a regression, a prediction p means ``p * target_scale + target_mean``."""


def prepare(table: Table, train: Rows, *others: Rows) -> Prepared:
    """Fit all treatments on the rows `train`, and apply them to these and the other rows.

    A column that is constant in the training rows becomes 0 in all rows: nothing can be learned
    from it, and other values in other rows would be unlike anything seen in training.
    """
    parts = (train, *others)
    blocks = [_numbers(table, parts), _categories(table, parts)]
    blocks += [_text(table, column, parts) for column in range(len(table.text_names))]
    mean, scale = 0.0, 1.0
    if table.task == "regression":
        y = table.y[train]
        mean, spread = float(y.mean()), float(y.std())
        scale = spread if spread > 0 else 1.0
    return Prepared(
        x=tuple(np.concatenate([block[i] for block in blocks], axis=1) for i in range(len(parts))),
        y=tuple(
            ((table.y[rows] - mean) / scale).astype(np.float32)
            if table.task == "regression"
            else table.y[rows].astype(np.int64)
            for rows in parts
        ),
        target_mean=mean,
        target_scale=scale,
    )


def _numbers(table: Table, parts: tuple[Rows, ...]) -> list[NDArray[np.float32]]:
    """Replace missing numbers by medians, add their indicators, and scale each column (or all)."""
    from sklearn.impute import SimpleImputer

    values = [table.numbers[rows] for rows in parts]
    marks = [np.isnan(part[:, list(table.indicated)]).astype(np.float64) for part in values]
    gaps = np.flatnonzero(np.isnan(table.numbers).any(axis=0))
    if len(gaps):
        median = SimpleImputer(strategy="median", keep_empty_features=True)
        median.fit(values[0][:, gaps])
        for part in values:
            part[:, gaps] = median.transform(part[:, gaps])
    # Squares of very large or small numbers over- or underflow, so columns are scaled to about 1.
    _, power = np.frexp(np.abs(values[0]).max(axis=0, initial=0))
    values = [np.ldexp(part, -power) for part in values]
    low, high = values[0].min(axis=0), values[0].max(axis=0)
    wide = high - low
    values = [np.clip(part, low - wide, high + wide) for part in values]
    mean, spread = values[0].mean(axis=0), values[0].std(axis=0)
    flat = wide <= ROUNDING * np.maximum(np.abs(low), np.abs(high))
    if table.shares_unit and not flat.all():
        original = np.ldexp(spread, power)
        spread = np.ldexp(np.sqrt(np.mean(original[~flat] ** 2)), -power)
    spread = np.where(flat, 1, spread)
    found = [np.where(flat, 0, (part - mean) / spread) for part in values]
    return [
        np.concatenate([part, mark], axis=1).astype(np.float32)
        for part, mark in zip(found, _centred(marks), strict=True)
    ]


def _categories(table: Table, parts: tuple[Rows, ...]) -> list[NDArray[np.float32]]:
    from sklearn.preprocessing import OneHotEncoder

    if not table.category_names:
        return [np.empty((len(rows), 0), np.float32) for rows in parts]
    # A level without training rows gives a constant column, which `_centred` makes 0.
    encoder = OneHotEncoder(
        categories=[np.arange(len(levels), dtype=np.int32) for levels in table.levels],
        drop="if_binary",
        sparse_output=False,
        dtype=np.float64,
    ).fit(table.categories[parts[0]])
    hot = [encoder.transform(table.categories[rows]) for rows in parts]
    return [part.astype(np.float32) for part in _centred(hot)]


def _centred(parts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Centre 0/1 columns on the training rows' mean."""
    mean, spread = parts[0].mean(axis=0), parts[0].std(axis=0)
    flat = spread == 0
    spread = np.maximum(spread, LEAST_SPREAD)
    return [np.where(flat, 0, (part - mean) / spread) for part in parts]


def _text(table: Table, column: int, parts: tuple[Rows, ...]) -> list[NDArray[np.float32]]:
    """Features of a text column: TF-IDF of trigrams, reduced by an SVD of the training rows."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer

    codes, grams = table.texts[:, column], table.grams[column]
    train = codes[parts[0]]
    step = -(-len(train) // TEXT_ROWS)
    fitted = grams[train[::step]]
    weights = TfidfTransformer().fit(fitted)
    size = min(TEXT_FEATURES, *(n - 1 for n in fitted.shape))
    found = np.zeros((grams.shape[0], TEXT_FEATURES))
    if size:
        svd = TruncatedSVD(size, random_state=0).fit(weights.transform(fitted))
        found[:, :size] = svd.transform(weights.transform(grams))
    mean, spread = found[train].mean(axis=0), found[train].std(axis=0)
    # One scale for all keeps the directions' relative weight; the first ones carry most.
    found = (found - mean) / (spread.max() or 1.0)
    return [found[codes[rows]].astype(np.float32) for rows in parts]
