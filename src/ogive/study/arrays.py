"""Arrays as tables: NPY and NPZ files, and data passed in from Python."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import StudyError
from .raw import Raw, from_frame, listed, plural, suggestion
from .table import Options

PARTS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
}
FEATURES = ("x", "data", "features", "images", "inputs", "input")
LABELS = ("y", "label", "labels", "target", "targets", "classes", "class")

Arrays = dict[str, NDArray[Any]]


def from_npy(data: bytes, name: str) -> Raw:
    """One array, whose last column is the target unless another is named."""
    (array,) = _loaded(data, name).values()
    if array.dtype.names:
        return from_frame(pd.DataFrame(array))
    if array.ndim != 2:
        raise StudyError(f"{name}: needs two dimensions (rows, columns), not shape {array.shape}")
    return from_frame(pd.DataFrame(array, columns=_numbered("column ", array.shape[1], 1)))


def from_npz(data: bytes, name: str, options: Options) -> Raw:
    """One array of features and one of labels, possibly with separate test arrays."""
    found = {key: array for key, array in _loaded(data, name).items() if key not in options.drop}
    named: dict[str, Arrays] = {}
    for key, array in found.items():
        part, role = _part(key)
        named.setdefault(part, {})[role] = array
    main = named.get("train") or named.get("", {})
    other = named.get("", {}) if "train" in named else {}
    label = _label(main, options.target, name, list(found))
    y = _labels(main[label], name, label)
    roles = _features(main, label, len(y), name)
    raw = _joined({role: main[role] for role in roles}, y, label, main | other)
    used = {id(main[role]) for role in (*roles, label)} | {
        id(a) for a in (main | other).values() if a.ndim == 1 and len(a) != len(y)
    }
    frames, tests = [raw.frame], [np.zeros(len(y), np.bool)]
    for part in ("validation", "test"):
        arrays = named.get(part, {})
        if not all(role in arrays for role in (*roles, label)):
            continue
        used |= {id(arrays[role]) for role in (*roles, label)}
        labels = _labels(arrays[label], name, label)
        for role in roles:
            if arrays[role].shape[1:] != main[role].shape[1:] or len(arrays[role]) != len(labels):
                raise StudyError(
                    f"{name}: the {part} part's {role!r} has shape {arrays[role].shape}, "
                    f"which does not fit {main[role].shape} and {plural(len(labels), 'label')}"
                )
        more = _joined({role: arrays[role] for role in roles}, labels, label, main | other)
        frames.append(more.frame)
        tests.append(np.full(len(labels), part == "test"))
        if part == "validation":
            raw.notes.append(
                f"The validation part's {plural(len(labels), 'row')} joined the training rows: "
                "every split chooses its own"
            )
        else:
            raw.notes.append(
                f"Test rows are the {plural(len(labels), 'row')} that the file gives for testing"
            )
    mask = next((a for r, a in named.get("test", {}).items() if r == "" and a.ndim == 1), None)
    if mask is not None:
        used.add(id(mask))
        tests[0] = _test_rows(mask, len(y), name)
        raw.notes.append(
            f"Test rows are the {tests[0].sum():,} rows that the file gives for testing"
        )
    left = [key for key, array in found.items() if id(array) not in used]
    if left:
        raw.notes.append(f"Arrays left out: {listed(left)}")
    raw.frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else raw.frame
    given = np.concatenate(tests)
    raw.test = given if given.any() else None
    return raw


def from_python(source: Any, target: Any) -> tuple[Raw, str | None]:
    """Data given to `ogive.study.run` (a frame, arrays, records), and the target's name."""
    if isinstance(source, tuple) and len(source) == 2 and not _is_name(source[1]):
        if target is not None and not _is_name(target):
            raise StudyError("the target is given twice: in the pair (x, y) and as `target`")
        source, target = source
    elif isinstance(source, Mapping) and {"data", "target"} <= set(source) and target is None:
        source, target = source["data"], source["target"]
    frame = _frame(source)
    if target is None or _is_name(target):
        raw = from_frame(frame)
        return raw, None if target is None else _label_of(raw, frame, target)
    name = getattr(target, "name", None)
    name = str(name) if name is not None and name not in frame.columns else "target"
    while name in frame.columns:
        name += "_"
    y = np.asarray(target, None if hasattr(target, "dtype") else object)
    if hasattr(target, "array"):  # a pandas Series keeps its categories
        y = target.array
    if y.ndim == 2:
        y = _labels(np.asarray(y), "frame", name)
    if len(y) != len(frame):
        raise StudyError(f"there are {len(frame)} rows of features, but {len(y)} targets")
    raw = from_frame(frame.assign(**{name: y}))
    raw.target = name
    raw.shares_unit = getattr(source, "dtype", None) == np.uint8
    return raw, name


def _is_name(target: Any) -> bool:
    return isinstance(target, (str, int, np.integer)) or (
        isinstance(target, tuple) and all(isinstance(part, (str, int)) for part in target)
    )


def _label_of(raw: Raw, frame: pd.DataFrame, target: Any) -> str:
    """The column's name as text, for a label of any type."""
    labels = list(frame.columns)
    if target in labels:
        return str(raw.frame.columns[len(raw.index) + labels.index(target)])
    return str(target)


def _frame(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, pd.Series):
        return source.to_frame()
    for method in ("compute", "to_pandas"):  # dask; polars, pyarrow, xarray and the like
        if hasattr(source, method):
            source = getattr(source, method)()
            if isinstance(source, pd.DataFrame):
                return source
    if hasattr(source, "toarray"):  # SciPy's sparse arrays
        source = source.toarray()
    if isinstance(source, Mapping):
        try:
            return pd.DataFrame(dict(source))
        except ValueError as error:
            raise StudyError(f"columns do not fit together: {error}") from error
    if isinstance(source, Sequence) and source and isinstance(source[0], Mapping):
        return pd.DataFrame.from_records(list(source))
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise StudyError(f"the rows do not fit together: {error}") from error
    if array.dtype.names:
        return pd.DataFrame(array)
    if array.ndim < 2:
        raise StudyError(
            f"a study takes a file, a frame or an array of two dimensions, "
            f"not {type(source).__name__} of shape {array.shape}"
        )
    width = int(np.prod(array.shape[1:]))
    return pd.DataFrame(
        array.reshape(len(array), width), columns=_numbered("x", width) if width else []
    )


def _loaded(data: bytes, name: str) -> Arrays:
    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {key: found[key] for key in found.files}
    except ValueError as error:
        if "pickle" in str(error):
            raise StudyError(
                f"{name}: holds Python objects, which may run code when they are read; "
                "save plain arrays"
            ) from error
        raise StudyError(f"{name}: cannot be read: {str(error).splitlines()[0]}") from error
    except Exception as error:  # zipfile, NumPy and zlib each raise their own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise StudyError(f"{name}: cannot be read: {reason}") from error


def _part(key: str) -> tuple[str, str]:
    """``x_train`` is the role x of the part train."""
    words = [word for word in re.split(r"[_\-. ]+|(?<=[a-z])(?=[A-Z])", key) if word]
    for i, word in enumerate(words):
        if word.lower() in PARTS:
            return PARTS[word.lower()], "_".join(words[:i] + words[i + 1 :]).lower()
    return "", key


def _label(main: Arrays, wanted: str | int | None, name: str, keys: list[str]) -> str:
    if not main:
        raise StudyError(f"{name}: holds no arrays to train on; found {listed(keys) or 'none'}")
    if wanted is not None:
        for role in (str(wanted), _part(str(wanted))[1]):
            if role in main:
                return role
        raise StudyError(f"{name}: no array {str(wanted)!r}; {suggestion(str(wanted), keys)}")
    likely = [role for role in main if role.lower() in LABELS]
    if len(likely) != 1:
        likely = [role for role, array in main.items() if array.ndim == 1]
    if len(likely) != 1:
        found = listed([f"{role} {array.shape}" for role, array in main.items()])
        raise StudyError(f"{name}: name the array to predict with --target; found {found}")
    return likely[0]


def _labels(y: NDArray[Any], name: str, label: str) -> NDArray[Any]:
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2 and y.size and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return np.asarray(y.argmax(axis=1))  # one-hot
    if y.ndim != 1:
        raise StudyError(
            f"{name}: the target {label!r} must have one dimension, not shape {y.shape}"
        )
    return y


def _features(main: Arrays, label: str, rows: int, name: str) -> list[str]:
    fitting = [r for r, a in main.items() if r != label and a.ndim >= 1 and len(a) == rows]
    tables = [role for role in fitting if main[role].ndim >= 2]
    chosen = [role for role in tables if role.lower() in FEATURES]
    if len(tables) > 1 and len(chosen) == 1:
        return chosen
    if len(tables) > 1 or not fitting or not rows:
        found = listed([f"{r} {a.shape}" for r, a in main.items() if r != label]) or "none"
        raise StudyError(
            f"{name}: needs one array of {rows} rows of features beside {label!r}; found {found}"
            + ("; --drop leaves an array out" if len(tables) > 1 else "")
        )
    return fitting


def _joined(features: Arrays, y: NDArray[Any], label: str, others: Arrays) -> Raw:
    columns: dict[str, NDArray[Any]] = {}
    pieces = []
    for role, array in features.items():
        if array.ndim == 1:
            columns[role] = array
            continue
        flat = array.reshape(len(array), -1)
        names = _numbered(role, flat.shape[1]) if flat.shape[1] > 1 else [role]
        for key in ("feature_names", "columns", "names"):
            given = others.get(key)
            if given is not None and given.shape == (flat.shape[1],) and array.ndim == 2:
                names = [v.decode() if isinstance(v, bytes) else str(v) for v in given]
        pieces.append(pd.DataFrame(flat, columns=names))
    if columns:
        pieces.append(pd.DataFrame(columns))
    frame = pd.concat([*pieces, pd.DataFrame({label: y})], axis=1)
    raw = from_frame(frame)
    raw.target = str(raw.frame.columns[-1])
    raw.shares_unit = all(a.dtype == np.uint8 and a.ndim > 1 for a in features.values())
    return raw


def _test_rows(given: NDArray[Any], rows: int, name: str) -> NDArray[np.bool]:
    """Which rows are for testing, given as booleans or as row numbers from 0."""
    if given.dtype == np.bool and len(given) == rows:
        return np.asarray(given)
    mask = np.zeros(rows, np.bool)
    if given.dtype.kind not in "iu" or not len(given) or given.max() >= rows or given.min() < 0:
        raise StudyError(
            f"{name}: array 'test' must be a mask of {rows} rows or row numbers from 0"
        )
    mask[given] = True
    return mask


def _numbered(name: str, count: int, first: int = 0) -> list[str]:
    return [f"{name}{i + first}" for i in range(count)]
