"""Makes the native (g)ufuncs, and what unary functions and rows share around them."""

from __future__ import annotations

import math
import operator
from functools import cache
from typing import Any

import numpy as np

from . import _native
from .catalog import Parameter

# ml_dtypes is the one optional package asked for at import: its bfloat16 must be known when a
# ufunc is made, and it costs 10 ms. Where it is absent there are no bfloat16 arrays either.
try:
    from ml_dtypes import bfloat16

    BFLOAT16 = np.dtype(bfloat16)
except ImportError:
    BFLOAT16 = None


@cache
def ufunc(name: str, mode: str, doc: str = "") -> np.ufunc:
    """The ufunc of a kernel's mode; its name is the attribute of ``ogive`` that pickle finds."""
    public = name if mode == "value" else f"{mode}.{name}"
    number = -1 if BFLOAT16 is None else BFLOAT16.num
    made: np.ufunc = _native.ufunc(name, mode, public, doc, number)
    return made


def rounded(values: Any, dtype: np.dtype[Any]) -> Any:
    """float64 to any format, once, without warnings and whatever the processor's flush mode."""
    return ufunc("narrowed", "value")(values, signature=(np.dtype(np.float64), dtype))


def as_parameter(value: Any) -> Any:
    """A parameter as the kernels take it: float64, whatever the format of x.

    A float32 array would be right too, but NumPy would convert it in pieces of its own buffer
    size, and the call could not be shared among threads.
    """
    if type(value) is np.ndarray and value.dtype != np.float64 and value.dtype.kind in "biuf":
        return value.astype(np.float64)
    return value


PLAIN = (int, float)
MOST_CHECKED = 1 << 16
"""Larger arrays of parameters are not searched: it would cost as much as the function itself."""


def check_parameter(parameter: Parameter, given: Any) -> None:
    """Refuse a number, or one of a few, outside the domain that the card states."""
    values = given if isinstance(given, np.ndarray) else None
    if isinstance(given, (int, float, list, tuple, np.generic)):
        values = np.asarray(given)
    if values is None or values.size > MOST_CHECKED or values.dtype.kind not in "biuf":
        return
    low, high = parameter.domain
    bad = ~((values > low) & (values < high))
    if bad.any():
        index = np.unravel_index(int(np.argmax(bad)), bad.shape)
        place = f"[{', '.join(map(str, index))}]" if index else ""
        raise ValueError(
            f"{parameter.name}{place} = {values[index]}: it must be in {parameter.interval}"
        )


def check_order(names: tuple[str, ...], low: Any, high: Any) -> None:
    """Refuse two plain numbers of which the first exceeds the second; where arrays do, kernels give
    NaN.
    """
    if type(low) in PLAIN and type(high) in PLAIN and low > high:
        raise ValueError(f"{names[0]} = {low} is above {names[1]} = {high}")


def seed_key(name: str, seed: Any) -> Any:
    """Any integer as the 64 bits that key the generator."""
    if seed is None:
        raise ValueError(f"{name}: seed is needed, so that backward draws the same numbers")
    try:
        key = operator.index(seed)
    except TypeError:
        raise TypeError(f"{name}: seed must be an integer, not {seed!r}") from None
    return np.uint64(key & 0xFFFFFFFFFFFFFFFF).view(np.int64)


def first_indices(rows: Any) -> Any:
    """The index of each row's first element, counted in C order with the row last; chunked as the
    rows are.
    """
    lead: tuple[int, ...] = rows.shape[:-1]
    if not is_dask(rows) or not lead:
        return np.arange(math.prod(lead), dtype=np.int64).reshape(lead) * rows.shape[-1]
    import dask.array as da

    steps = [math.prod(rows.shape[axis + 1 :]) for axis in range(len(lead))]
    return da.fromfunction(
        lambda *index: sum(i.astype(np.int64) * step for i, step in zip(index, steps, strict=True)),
        chunks=rows.chunks[:-1],
        shape=lead,
        dtype=np.int64,
    )


def is_dask(x: Any) -> bool:
    return type(x).__module__.split(".")[0] == "dask"


def is_labelled(x: Any) -> bool:
    """An xarray object, whose own data may be a NumPy or a dask array."""
    return hasattr(x, "dims") and hasattr(x, "data")


def as_array(x: Any) -> Any:
    """What a gufunc takes: the NumPy or dask array that x is or holds."""
    if is_labelled(x):
        x = x.data
    return x if isinstance(x, np.ndarray) or is_dask(x) else np.asarray(x)


def rewrap(like: Any, values: Any) -> Any:
    """Puts values of the same shape into the container (xarray, pandas) they came from."""
    if isinstance(like, np.ndarray) or is_dask(like) or values.shape != np.shape(like):
        return values
    if is_labelled(like):
        return like.copy(data=values)
    if type(like).__module__.split(".")[0] == "pandas":
        labels = {"columns": like.columns} if values.ndim == 2 else {"name": like.name}
        return type(like)(values, index=like.index, **labels)
    return values


def rewrap_reduced(like: Any, values: Any, axis: int) -> Any:
    """One number a row, with the labels that are left of the container the rows came from."""
    if isinstance(like, np.ndarray) or is_dask(like) or np.ndim(like) < 2:
        return values
    if is_labelled(like):
        return like.isel({like.dims[axis]: 0}, drop=True).copy(data=values)
    if type(like).__module__.split(".")[0] == "pandas":
        labels = like.index if axis == 1 else like.columns
        return like._constructor_sliced(values, index=labels)
    return values


def row_last(x: Any, axis: int) -> Any:
    """x with an axis (0 or more) moved last; np.moveaxis costs microseconds where nothing moves."""
    return x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)


def row_back(x: Any, axis: int) -> Any:
    return x if axis == x.ndim - 1 else np.moveaxis(x, -1, axis)
