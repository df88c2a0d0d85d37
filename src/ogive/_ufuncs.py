"""Makes the native (g)ufuncs, and checks the parameters of unary and row functions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

import numpy as np

from . import _native
from .calls.arrays import at, check_real, first, is_dask, is_labelled
from .calls.formats import BFLOAT16
from .catalog import Parameter

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


PLAIN = (int, float)
MOST_CHECKED = 1 << 16
"""Larger arrays of parameters are not checked, which would cost as much as the function itself."""


def check_parameter(parameter: Parameter, given: Any) -> None:
    """Refuse a parameter (a number or a small array) outside the domain that the card states."""
    held = given.data if is_labelled(given) else given
    if is_dask(held) or np.size(held) > MOST_CHECKED:
        return
    values = np.asarray(np.ma.filled(held, parameter.default))
    check_real(values.dtype, parameter.name)
    if values.dtype.kind == "V":
        values = values.astype(np.float64)
    low, high = parameter.domain
    bad = ~((values > low) & (values < high))
    if bad.any():
        index = first(bad)
        raise ValueError(
            f"{at(parameter.name, index)} = {values[index]}: it must be in {parameter.interval}"
        )


def check_order(names: tuple[str, ...], low: Any, high: Any) -> None:
    """Refuse two plain numbers if the first exceeds the second; for arrays the kernels give NaN."""
    if type(low) in PLAIN and type(high) in PLAIN and low > high:
        raise ValueError(f"{names[0]} = {low} is above {names[1]} = {high}")


def seed_key(name: str, seed: Any) -> Any:
    """An integer of any size as the generator's 64-bit key."""
    if seed is None:
        raise ValueError(f"{name}: seed is needed, so that backward draws the same numbers")
    try:
        key = operator.index(seed)
    except TypeError:
        raise TypeError(f"{name}: seed must be an integer, not {seed!r}") from None
    return np.uint64(key & 0xFFFFFFFFFFFFFFFF).view(np.int64)
