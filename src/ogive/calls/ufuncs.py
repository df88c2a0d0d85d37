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
    """`functools.cache` that returns the same object to threads that call it at the same time,
    since pickle requires that a function's name leads to the same object. It has no lock, which a
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
    """The ufunc of a kernel's mode, with the name by which pickle finds it in ``ogive``."""
    public = name if mode == "value" else f"{mode}.{name}"
    number = -1 if BFLOAT16 is None else BFLOAT16.num
    made: np.ufunc = _native.ufunc(name, mode, public, doc, number)
    return made


def rounded(values: Any, dtype: np.dtype[Any]) -> Any:
    """Round float64 to any format once, without warnings, in any flush-to-zero mode."""
    return ufunc("narrowed", "value")(values, signature=(np.dtype(np.float64), dtype))
