"""The native (g)ufuncs, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

import numpy as np

from .. import _native
from .formats import BFLOAT16

Made = TypeVar("Made")


def once(make: Callable[..., Made]) -> Callable[..., Made]:
    """`functools.cache` that gives one object also to threads that ask for it at the same time: a
    function is pickled by the name under which that very object is found. Without a lock, which a
    fork could leave held.
    """
    made: dict[tuple[Any, ...], Made] = {}

    @cache
    @wraps(make)
    def found(*key: Any) -> Made:
        return made.setdefault(key, make(*key))

    return found


@once
def ufunc(name: str, mode: str, doc: str = "") -> np.ufunc:
    """The ufunc of a kernel's mode; its name is the attribute of ``ogive`` that pickle finds."""
    public = name if mode == "value" else f"{mode}.{name}"
    number = -1 if BFLOAT16 is None else BFLOAT16.num
    made: np.ufunc = _native.ufunc(name, mode, public, doc, number)
    return made


def rounded(values: Any, dtype: np.dtype[Any]) -> Any:
    """float64 to any format, once, without warnings and whatever the processor's flush mode."""
    return ufunc("narrowed", "value")(values, signature=(np.dtype(np.float64), dtype))
