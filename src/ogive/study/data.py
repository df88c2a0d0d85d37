"""Loads a table, says what it did to it, and splits it. Whatever cannot be used is an error."""

from __future__ import annotations

import csv
import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import StudyError
from .result import DataDescription, Splits
from .table import Table
from .training import Parts

BUNDLED = ("digits", "breast_cancer", "wine", "iris")
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
LEAST_ROWS_PER_CLASS = 10
"""So that every class reaches the smallest split."""
MOST_CATEGORIES = 100
MOST_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A classification table: numbers (NaN where missing) and class indices."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.int64]
    features: tuple[str, ...]
    classes: tuple[str, ...]
    treatments: tuple[str, ...] = ()
    shares_unit: bool = False
    """All columns measure the same thing in the same unit, as pixels do: one scale for all keeps
    the faint columns faint, where a scale for each would blow up their noise."""

    @property
    def hash(self) -> str:
        """SHA-256 of everything that training sees."""
        digest = hashlib.sha256()
        for part in (repr((self.features, self.classes, self.x.shape)), self.shares_unit):
            digest.update(repr(part).encode())
        digest.update(np.ascontiguousarray(self.x, "<f8").tobytes())
        digest.update(np.ascontiguousarray(self.y, "<i8").tobytes())
        return digest.hexdigest()


def load(source: str, target: str | None = None) -> Dataset:
    """A bundled data set, a CSV, Parquet or NPZ file, or ``openml:ID``.

    Raises
    ------
    StudyError
        The data cannot be used; the message names the file, column and row.
    """
    if source in BUNDLED:
        if target is not None:
            raise StudyError(f"{source} has its own target; --target is for files")
        return _bundled(source)
    if source.startswith("openml:"):
        return _openml(source.removeprefix("openml:"), target)
    path = Path(source)
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": _read_csv, ".tsv": _read_csv, ".parquet": _read_parquet, ".pq": _read_parquet,
    }  # fmt: skip
    suffix = path.suffix.lower()
    if suffix not in {*readers, ".npz"}:
        near = difflib.get_close_matches(source, BUNDLED, n=1)
        known = f"known: {', '.join(BUNDLED)}, a .csv, .parquet or .npz file, openml:ID"
        hint = f"did you mean {near[0]}?" if near else known
        raise StudyError(f"unknown data {source!r}; {hint}")
    if not path.exists():
        raise StudyError(f"{path}: no such file")
    if target is None:
        raise StudyError(f"{path}: name the column to predict with --target COLUMN")
    try:
        if suffix == ".npz":
            return _read_npz(path, target)
        table = readers[suffix](path)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error
    return from_table(table, target, path.name)


def from_table(table: pd.DataFrame, target: str, name: str) -> Dataset:
    """A data set from a table: target to classes, text to one-hot columns."""
    _refuse_doubles(list(table.columns), name)
    if target not in table.columns:
        there = [str(c) for c in table.columns]
        near = difflib.get_close_matches(target, there, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {_listed(there)}"
        raise StudyError(f"{name}: no column {target!r}; {hint}")
    if table.empty:
        raise StudyError(f"{name}: no rows")
    y, classes = _classes(table[target], name, target)
    columns: list[NDArray[np.float64]] = []
    features: list[str] = []
    treatments: list[str] = []
    for column in table.columns.drop(target):
        values, names, treatment = _feature(table[column], name, str(column))
        columns += values
        features += names
        treatments += [treatment] if treatment else []
    if not columns:
        raise StudyError(f"{name}: no columns besides the target {target!r}")
    return _checked(
        Dataset(
            name=name,
            x=np.column_stack(columns),
            y=y,
            features=tuple(features),
            classes=classes,
            treatments=tuple(treatments),
        )
    )


def split(data: Dataset) -> tuple[Parts, DataDescription]:
    """Stratified parts, standardised by the training rows, and the description of it all.

    The shuffle is keyed by the data itself, so that nobody picks a lucky split.
    """
    from sklearn.model_selection import train_test_split

    rows, key = np.arange(len(data.y)), int(data.hash[:8], 16)
    try:
        rest, test = train_test_split(rows, test_size=TEST_SHARE, stratify=data.y, random_state=key)
        train, validation = train_test_split(
            rest,
            test_size=VALIDATION_SHARE / (1 - TEST_SHARE),
            stratify=data.y[rest],
            random_state=key,
        )
    except ValueError as error:
        raise StudyError(f"{data.name}: cannot be split by class: {error}") from error
    x, treatments = data.x.copy(), list(data.treatments)
    treatments += _fill(x, train, data)
    spread = x[train].std(axis=0)
    flat = spread == 0
    if flat.all():
        raise StudyError(f"{data.name}: every feature is constant in the training rows")
    if flat.any():
        names = [data.features[i] for i in np.flatnonzero(flat)]
        treatments.append(f"constant in the training rows, so dropped: {_listed(names)}")
    x, spread = x[:, ~flat], spread[~flat]
    if data.shares_unit:
        spread[:] = np.sqrt(np.mean(spread**2))
        treatments.append("centred by column, scaled by one number: all columns share a unit")
    else:
        treatments.append("standardised by the mean and deviation of the training rows")
    x = ((x - x[train].mean(axis=0)) / spread).astype(np.float32)
    parts = Parts(
        train_x=x[train],
        train_y=data.y[train],
        validation_x=x[validation],
        validation_y=data.y[validation],
        test_x=x[test],
        test_y=data.y[test],
        classes=len(data.classes),
    )
    return parts, DataDescription(
        name=data.name,
        rows=len(rows),
        features=tuple(f for f, drop in zip(data.features, flat, strict=True) if not drop),
        classes=data.classes,
        class_counts=tuple(int(n) for n in np.bincount(data.y)),
        splits=Splits(train=len(train), validation=len(validation), test=len(test)),
        treatments=tuple(treatments),
        hash=data.hash,
    )


def _fill(x: NDArray[np.float64], train: NDArray[np.int64], data: Dataset) -> list[str]:
    """Put the training rows' median where a value is missing; say where."""
    treatments = []
    for i in np.flatnonzero(np.isnan(x).any(axis=0)):
        missing, known = np.isnan(x[:, i]), x[train, i][~np.isnan(x[train, i])]
        if not len(known):
            raise StudyError(
                f"{data.name}: column {data.features[i]!r} has no value in any training row"
            )
        median = float(np.median(known))
        x[missing, i] = median
        treatments.append(
            f"{data.features[i]}: {missing.sum()} missing, filled with the training rows' "
            f"median {median:g}"
        )
    return treatments


def bundled(name: str) -> Table:
    """One of scikit-learn's real sets, as `load` will give every source."""
    data = _bundled(name)
    return Table(
        name=name,
        task="classification",
        target="target",
        y=data.y,
        classes=data.classes,
        numbers=data.x,
        number_names=data.features,
        categories=np.empty((len(data.y), 0), np.int32),
        category_names=(),
        levels=(),
        texts=np.empty((len(data.y), 0), np.int32),
        text_names=(),
        values=(),
        shares_unit=data.shares_unit,
    )


def _bundled(name: str) -> Dataset:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    return Dataset(
        name=name,
        x=np.asarray(bunch.data, np.float64),
        y=np.asarray(bunch.target, np.int64),
        features=tuple(str(f) for f in bunch.feature_names),
        classes=tuple(str(c) for c in bunch.target_names),
        shares_unit=name == "digits",
    )


def _openml(number: str, target: str | None) -> Dataset:
    if not number.isdigit():
        raise StudyError(f"openml:{number}: the part after the colon must be a data set's number")
    from sklearn.datasets import fetch_openml

    try:
        bunch = fetch_openml(data_id=int(number), as_frame=True, parser="auto")
    except Exception as error:  # a network, a server and a parser: all fail in their own ways
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise StudyError(f"openml:{number}: could not be fetched: {reason}") from error
    target = target or (bunch.target_names[0] if bunch.target_names else None)
    if target is None:
        raise StudyError(f"openml:{number}: names no target; choose one with --target COLUMN")
    return from_table(bunch.frame, target, f"openml:{number}")


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            if not header.strip():
                raise StudyError(f"{path}: is empty")
            comma = max(",;\t", key=header.count)
            file.seek(0)
            rows = csv.reader(file, delimiter=comma, strict=True)
            names = next(rows)
            _refuse_doubles(names, path.name)  # pandas would rename them in silence
            for row in rows:
                if row and len(row) != len(names):
                    raise StudyError(
                        f"{path}: line {rows.line_num} has {len(row)} fields, the header "
                        f"{len(names)}"
                    )
        # Only an empty field is missing: "NA" or "None" may well be a category.
        return pd.read_csv(
            path, sep=comma, encoding="utf-8-sig", keep_default_na=False, na_values=[""],
            low_memory=False,
        )  # fmt: skip
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: is not text in UTF-8 (byte {error.start})") from error
    except (csv.Error, pd.errors.ParserError) as error:
        raise StudyError(f"{path}: line {rows.line_num}: {error}") from error


def _refuse_doubles(columns: list[str], name: str) -> None:
    for i, column in enumerate(columns):
        if column in columns[:i]:
            raise StudyError(f"{name}: column {column!r} appears twice")


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise StudyError(f'{path}: Parquet needs pyarrow: pip install "pyarrow"') from error
    except Exception as error:  # pyarrow's own errors, which cannot be named without importing it
        if isinstance(error, OSError) and error.errno:
            raise
        raise StudyError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _read_npz(path: Path, target: str) -> Dataset:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except OSError:
        raise
    except Exception as error:  # zipfile, NumPy and zlib each have their own
        raise StudyError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    if target not in arrays:
        near = difflib.get_close_matches(target, arrays, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {_listed(list(arrays))}"
        raise StudyError(f"{path}: no array {target!r}; {hint}")
    y = arrays.pop(target)
    if y.ndim != 1:
        raise StudyError(f"{path}: array {target!r} must have one dimension, not shape {y.shape}")
    fitting = {n: a for n, a in arrays.items() if a.ndim >= 2 and len(a) == len(y)}
    if len(fitting) != 1:
        found = _listed([f"{n} {a.shape}" for n, a in arrays.items()]) or "none"
        raise StudyError(
            f"{path}: needs one array of {len(y)} rows of features beside {target!r}; found {found}"
        )
    ((name, features),) = fitting.items()
    table = pd.DataFrame(
        features.reshape(len(y), -1), columns=[f"{name}{i}" for i in range(features[0].size)]
    )
    table[target] = y
    data = from_table(table, target, path.name)
    # Whole bytes are pixels.
    return Dataset(**{**vars(data), "shares_unit": features.dtype == np.uint8})


def _classes(
    column: pd.Series, name: str, target: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Each row's class index, and the classes' names."""
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise StudyError(
            f"{name}: target {target!r} is missing in {_rows(missing)}; "
            "remove the rows or fill in their class"
        )
    found = column.nunique()
    if found == 1:
        raise StudyError(f"{name}: target {target!r} is constant: every row is {column.iloc[0]!s}")
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        broken = np.flatnonzero(np.mod(column.to_numpy(np.float64), 1) != 0)
        if (len(broken) and found > 10) or found > max(20, len(column) // 4):
            row = int(broken[0]) if len(broken) else 0
            raise StudyError(
                f"{name}: target {target!r} is continuous ({found} values, such as "
                f"{column.iloc[row]!s} in row {row + 1}); a study needs classes"
            )
    codes, levels = pd.factorize(column, sort=True)
    return codes.astype(np.int64), tuple(str(level) for level in levels)


def _feature(
    column: pd.Series, name: str, label: str
) -> tuple[list[NDArray[np.float64]], list[str], str | None]:
    """Numeric columns as they are; text as one column per category."""
    if pd.api.types.is_datetime64_any_dtype(column):
        raise StudyError(f"{name}: column {label!r} holds dates; turn them into numbers first")
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
        return [_finite(values, name, label)], [label], None
    text = column.astype("object").where(column.notna(), None)
    numbers = pd.to_numeric(text.dropna(), errors="coerce")
    if not len(numbers):
        raise StudyError(f"{name}: column {label!r} is empty")
    known = np.flatnonzero(column.notna())
    wrong = known[numbers.isna().to_numpy()]
    if len(wrong) <= len(numbers) // 10:  # a column of numbers with slips, not of categories
        if len(wrong):
            row = int(wrong[0])
            raise StudyError(
                f"{name}: column {label!r}, row {row + 1}: {text.iloc[row]!r} is not a number"
            )
        values = pd.to_numeric(text).to_numpy(np.float64, na_value=np.nan)
        return [_finite(values, name, label)], [label], None
    filled = text.map(lambda value: "missing" if value is None else str(value))
    levels = sorted(filled.unique())
    if len(levels) > MOST_CATEGORIES:
        raise StudyError(
            f"{name}: column {label!r} is text with {len(levels)} different values "
            f"(at most {MOST_CATEGORIES}); drop it or encode it"
        )
    hot = [(filled == level).to_numpy(np.float64) for level in levels]
    missing = int(text.isna().sum())
    note = f"{label}: text, one-hot in {len(hot)} columns"
    if missing:
        note += f"; {missing} missing are a category of their own"
    return hot, [f"{label}={v}" for v in levels], note


def _finite(values: NDArray[np.float64], name: str, label: str) -> NDArray[np.float64]:
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise StudyError(f"{name}: column {label!r} is infinite in {_rows(infinite)}")
    if np.isnan(values).all():
        raise StudyError(f"{name}: column {label!r} is empty")
    return values


def _checked(data: Dataset) -> Dataset:
    counts = np.bincount(data.y)
    rare = int(np.argmin(counts))
    if counts[rare] < LEAST_ROWS_PER_CLASS:
        raise StudyError(
            f"{data.name}: class {data.classes[rare]!r} has {counts[rare]} rows; the three splits "
            f"need at least {LEAST_ROWS_PER_CLASS} of each class"
        )
    return data


def _rows(indices: NDArray[np.int64]) -> str:
    shown = ", ".join(str(i + 1) for i in indices[:MOST_LISTED])
    more = f" and {len(indices) - MOST_LISTED} more" if len(indices) > MOST_LISTED else ""
    return f"row{'s' if len(indices) > 1 else ''} {shown}{more}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more
