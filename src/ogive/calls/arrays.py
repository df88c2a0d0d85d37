"""Arrays as they are given: their containers, coercion and axes."""

from __future__ import annotations

import math
import operator
import sys
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .formats import ALL_NAMES, BFLOAT16, NUMBER_OF


def as_parameter(value: Any, name: str) -> Any:
    """A parameter as the kernels take it: float64, whatever the format of x.

    A float32 array would be right too, but NumPy would convert it in pieces of its own buffer
    size, and the call could not be shared among threads.
    """
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{name} is an integer beyond float64") from None
    if type(value) is not np.ndarray and hasattr(value, "__array_ufunc__"):
        return value  # a container, which is asked what it does
    array = as_array(value, name)
    if array.dtype != np.float64:
        check_real(array.dtype, name)
        return array.astype(np.float64)
    return array


def check_real(dtype: np.dtype[Any], name: str) -> None:
    """Refuses what is not a real number that float64 holds."""
    if not (dtype.kind in "biuf" and dtype.itemsize <= 8) and dtype != BFLOAT16:
        raise not_real(name, dtype)


def not_real(name: str, dtype: Any) -> TypeError:
    dtype = str(dtype).removeprefix("torch.")
    return TypeError(f"{name} must be real numbers that float64 holds, not of dtype {dtype}")


def first(bad: Any) -> tuple[int, ...]:
    """The index of the first True."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))


def at(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


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
    """A dask array; dask's frames and delayed values are none."""
    return type(x).__module__.startswith("dask.array")


def is_labelled(x: Any) -> bool:
    """An xarray object, whose own data may be a NumPy or a dask array. Its class is asked: a data
    set and a delayed value have attributes of any name.
    """
    kind = type(x)
    return hasattr(kind, "dims") and hasattr(kind, "data")


def package_of(x: Any) -> str:
    return type(x).__module__.partition(".")[0]


NUMBERS = (float, int, list, tuple, np.generic)
"""What NumPy makes an array of, and nobody else has a say in."""


def as_array(x: Any, what: str = "x") -> Any:
    """The NumPy or dask array that x is or holds, for whatever combines its elements.

    Containers come through here, but for those given to a plain ufunc, which NumPy asks itself:
    there a mask or a missing value stays where it is, and a unit is its class's affair. Here they
    are refused, since the result would be made of the numbers without them.
    """
    if type(x) is np.ndarray:
        return x
    if not isinstance(x, NUMBERS):
        x = unpacked(x, what)
        if isinstance(x, np.ndarray) or is_dask(x):
            return x
    try:
        array = np.asarray(x)
    except (TypeError, ValueError) as error:  # ragged lists, tensors elsewhere
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{what}: {error}") from None
    if array.ndim == 0 and isinstance(x, int) and array.dtype.kind == "O":
        raise ValueError(f"{what} is an integer beyond 64 bits: give it as a float")
    if array.ndim == 0 and array.dtype.kind in "OSU":
        raise TypeError(
            f"{what} is a {type(x).__name__}, not an array of numbers: convert it first, a sparse "
            "matrix by x.toarray()"
        )
    return array


def unpacked(x: Any, what: str) -> Any:
    """The array in a container, or what NumPy is to make one of."""
    if is_labelled(x):
        x = x.data
    if is_dask(x):
        as_array(x._meta, what)
    elif isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{what} is a masked array, and what is under its mask would count: give it as "
            "x.filled(value), with where=~x.mask or, for labels, that value as ignore_index"
        )
    elif isinstance(x, np.matrix):
        return np.asarray(x)
    elif package_of(x) == "pandas" and hasattr(x, "isna"):
        return from_pandas(x, what)
    elif package_of(x) == "polars":
        return from_polars(x, what)
    elif package_of(x) == "pyarrow" and (hasattr(x, "null_count") or hasattr(x, "columns")):
        check_columns([np.asarray(c.is_null()) for c in getattr(x, "columns", [x])], x, what)
    elif (
        hasattr(x, "__array_ufunc__")
        and not isinstance(x, np.ndarray)
        and package_of(x) != "xarray"
    ):
        raise TypeError(whose_own(x, what))
    return x


def as_out(out: Any, what: str) -> np.ndarray[Any, Any]:
    """What a result is written to other than by NumPy, which alone knows what becomes of a mask."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{what} must be a NumPy array, not {type(out).__name__}")
    if isinstance(out, np.ma.MaskedArray):
        raise TypeError(
            f"{what} is a masked array, whose mask would stay over results that have none: give "
            "the memory under it, as out.data"
        )
    if not out.flags.writeable:
        raise ValueError(f"{what} is read-only")
    return out


def whose_own(x: Any, what: str) -> str:
    return (
        f"{what} is a {type(x).__name__}, whose class decides what a ufunc makes of it: give its "
        "numbers, as a plain array"
    )


def as_plain(x: Any, what: str) -> np.ndarray[Any, Any]:
    """The same for what is no ufunc at all: an array whose class has no say in it."""
    if type(x) is np.ndarray:
        return x
    array = as_array(x, what)
    if isinstance(array, np.ndarray) and (
        type(array).__array_ufunc__ is not np.ndarray.__array_ufunc__
    ):
        raise TypeError(whose_own(x, what))
    return np.asarray(array)


def promoted(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The format of results for arrays of a dtype: integers and bool as np.exp promotes them."""
    return np.result_type(dtype, np.float16) if dtype.kind in "biu" else dtype


def as_logits(z: Any, name: str, what: str = "logits") -> np.ndarray[Any, Any]:
    """Logits as an aligned array of a supported format, integers promoted as np.exp promotes."""
    array = z if type(z) is np.ndarray else as_plain(z, f"{name}: {what}")
    native = promoted(array.dtype).newbyteorder("=")
    if native not in NUMBER_OF:
        raise TypeError(
            f"{name}: {what} of dtype {array.dtype} are not real numbers of a supported format "
            f"({ALL_NAMES})"
        )
    return array if native == array.dtype and array.flags.aligned else array.astype(native)


def from_pandas(x: Any, what: str) -> np.ndarray[Any, Any]:
    """The numbers of a Series, a DataFrame, an Index or an array of pandas. A NaN is a number; a
    missing value (NA) is none.
    """
    dtypes = [x.dtype] if x.ndim == 1 else list(x.dtypes)
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return np.asarray(x)
    missing = sys.modules["pandas"].NA
    nullable = [getattr(dtype, "na_value", None) is missing for dtype in dtypes]
    check_complete(np.asarray(x.isna()) & nullable, what, "fillna")
    if x.ndim == 1:
        return np.asarray(x)
    # Of several nullable columns pandas makes an array of objects.
    return np.stack([np.asarray(x.iloc[:, k]) for k in range(len(dtypes))], axis=1)


def check_columns(missing: list[Any], x: Any, what: str) -> None:
    """Refuses nulls in a column x, or in the columns of a frame or table x."""
    whole = np.stack(missing, axis=1) if hasattr(x, "columns") else missing[0]
    check_complete(whole, what, "fill_null")


def from_polars(x: Any, what: str) -> np.ndarray[Any, Any]:
    if not hasattr(x, "to_numpy"):
        raise TypeError(f"{what} is a {type(x).__name__}, which holds no numbers yet: collect it")
    columns = x.get_columns() if hasattr(x, "columns") else [x]
    check_columns([column.is_null().to_numpy() for column in columns], x, what)
    return np.asarray(x)


def check_complete(missing: Any, what: str, cure: str) -> None:
    if missing.any():
        raise ValueError(f"{at(what, first(missing))} is missing: fill it first, as by {cure}")


def rewrap(like: Any, values: Any) -> Any:
    """Puts values of the same shape into the container (xarray, pandas) they came from."""
    if isinstance(like, np.ndarray) or is_dask(like) or values.shape != np.shape(like):
        return values
    if is_labelled(like):
        return like.copy(data=values)
    if package_of(like) == "pandas" and hasattr(like, "index"):
        labels = {"columns": like.columns} if values.ndim == 2 else {"name": like.name}
        return type(like)(values, index=like.index, **labels)
    return values


def rewrap_reduced(like: Any, values: Any, axis: int) -> Any:
    """One number per row, with the labels that are left of the container the rows came from."""
    if isinstance(like, np.ndarray) or is_dask(like) or np.ndim(like) < 2:
        return values
    if is_labelled(like):
        row = {like.dims[axis]: 0}
        left = like.isel(row, drop=True) if hasattr(like, "coords") else like.isel(row)
        return left.copy(data=values)
    if package_of(like) == "pandas":
        labels = like.index if axis == 1 else like.columns
        return like._constructor_sliced(values, index=labels)
    return values


def checked_axis(ndim: int, axis: Any, name: str) -> int:
    """An axis, counted from 0."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise TypeError(f"{name}: axis must be an integer, not {axis!r}") from None
    found: int = normalize_axis_index(number, ndim, f"{name}: axis")
    return found


def row_last(x: Any, axis: int) -> Any:
    """x with an axis (0 or more) moved last; np.moveaxis costs microseconds where nothing moves."""
    return x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)


def row_back(x: Any, axis: int) -> Any:
    return x if axis == x.ndim - 1 else np.moveaxis(x, -1, axis)


def order_of_sums(axes: list[int], shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """How to sum over some axes: the longest, which a kernel sums along as its row, and the others
    as they are counted without it.
    """
    longest = max(axes, key=lambda axis: shape[axis])
    return longest, tuple(axis - (axis > longest) for axis in axes if axis != longest)


def broadcast_axes(of: tuple[int, ...], to: tuple[int, ...]) -> list[int]:
    """The axes along which a shape is repeated to make another."""
    lead = len(to) - len(of)
    return [
        axis for axis in range(len(to))
        if axis < lead or (of[axis - lead] == 1 and to[axis] != 1)
    ]  # fmt: skip
