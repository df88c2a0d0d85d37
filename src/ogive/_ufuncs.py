"""Makes the native (g)ufuncs, and what unary functions and rows share around them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from . import _native

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


def as_parameter(value: Any) -> Any:
    """A parameter as the kernels take it: float64, whatever the format of x.

    A float32 array would be right too, but NumPy would convert it in pieces of its own buffer
    size, and the call could not be shared among threads.
    """
    if type(value) is np.ndarray and value.dtype != np.float64 and value.dtype.kind in "biuf":
        return value.astype(np.float64)
    return value


def plain(x: Any) -> bool:
    """Whether x is an array, or becomes one without losing anything."""
    return isinstance(x, np.ndarray) or not hasattr(x, "__array_ufunc__")


def is_dask(x: Any) -> bool:
    return hasattr(x, "__dask_graph__") and hasattr(x, "chunks")


def rewrap(like: Any, values: np.ndarray[Any, Any]) -> Any:
    """Puts values of the same shape into the container (pandas, xarray) they came from."""
    if not hasattr(like, "__array_wrap__") or values.shape != like.shape:
        return values
    return like.__array_wrap__(values)
