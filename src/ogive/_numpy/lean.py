"""The lean API: forward keeps one bit per element for backward, and y if the bit is not enough."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import _native
from ..calls import codegen
from ..calls.arrays import (
    as_array,
    as_logits,
    as_out,
    as_plain,
    check_real,
    is_dask,
    rewrap,
)
from ..calls.checks import check_order, check_parameter
from ..calls.formats import NUMBER_OF
from ..calls.rules import inputs
from ..catalog import Card, Parameter

Array = np.ndarray[Any, Any]


def function(card: Card, mode: str) -> Callable[..., Any]:
    """The function of either mode."""
    operands = [p for p in card.parameters if p.operand]
    arrays = inputs(card, mode)
    numbers = codegen.items(f"number(parameters[{i}], {p.name})" for i, p in enumerate(operands))
    scope: dict[str, Any] = {
        "run": MAKERS[mode](card.name), "number": number, "parameters": operands,
        "check_order": partial(check_order, card.ordered),
    }  # fmt: skip
    return codegen.written(
        card.name,
        [*arrays, *map(codegen.parameter, operands), "*", "out=None"],
        [
            f"check_order({', '.join(card.ordered)})" if card.ordered else "",
            f"return run({', '.join(arrays)}, out=out, numbers=({numbers}))",
        ],
        scope,
        f"{mode} {card.name}",
    )


def forward(name: str) -> Callable[..., Any]:
    def run(x: Any, out: Any, numbers: tuple[float, ...]) -> tuple[Any, Any]:
        given = real(x, name, "x")
        if out is not None and (not isinstance(out, tuple) or len(out) != 2):
            raise TypeError(f"{name}: out must be a tuple (y, mask), either of which may be None")
        wanted = out or (None, None)
        bits = ((given.size + 7) // 8,)
        check_out(wanted[0], given.shape, given.dtype, f"{name}: out[0]")
        check_out(wanted[1], bits, np.dtype(np.uint8), f"{name}: out[1]")
        y = place(wanted[0], given.shape, given.dtype, given)
        mask = place(wanted[1], bits, np.dtype(np.uint8), given, y)
        _native.call_flat(name, "lean", NUMBER_OF[given.dtype], (given, *numbers, y, mask))
        return handed(x, y, wanted[0]), handed(None, mask, wanted[1])

    return run


def backward(name: str) -> Callable[..., Any]:
    def run(dy: Any, *kept: Any, out: Any, numbers: tuple[float, ...]) -> Any:
        *outputs, mask = kept
        arrays = [real(dy, name, "dy"), *(real(y, name, "y") for y in outputs)]
        shape = arrays[0].shape
        for y in arrays[1:]:
            if y.shape != shape:
                raise ValueError(f"{name}: dy of shape {shape} does not fit y of shape {y.shape}")
        dtype = arrays[0].dtype
        if any(a.dtype != dtype for a in arrays):
            given = zip((dy, *outputs), arrays, strict=True)
            dtype = np.result_type(*(a if type(a) in (int, float) else b.dtype for a, b in given))
            arrays = [a.astype(dtype, copy=False) for a in arrays]
        bits = checked_mask(mask, arrays[0], name)
        check_out(out, shape, dtype, f"{name}: out")
        dx = place(out, shape, dtype, *arrays, bits)
        _native.call_flat(name, "lean_backward", NUMBER_OF[dtype], (*arrays, bits, *numbers, dx))
        return handed(dy, dx, out)

    return run


MAKERS = {"lean": forward, "lean_backward": backward}
"""What makes the function of each mode."""


def real(x: Any, name: str, what: str) -> Array:
    """An array of a supported format, contiguous in C order."""
    if type(x) is np.ndarray and x.dtype in NUMBER_OF and x.flags.c_contiguous and x.flags.aligned:
        return x  # skips checks that cost microseconds
    array = as_array(x, f"{name}: {what}")
    if is_dask(array):
        raise TypeError(f"{name}: {what} is a dask array; the mask needs all of it: use map_blocks")
    return np.asarray(as_logits(array, name, what), order="C")


def number(parameter: Parameter, value: Any) -> float:
    """One number, since the bits do not record parameters that vary by element."""
    if type(value) is not float:
        value = as_plain(value, parameter.name)
        check_real(value.dtype, parameter.name)
        if value.ndim:
            raise ValueError(
                f"{parameter.name} must be one number in the lean forms, not an array of shape "
                f"{value.shape}"
            )
    if parameter.domain != Parameter.domain:
        check_parameter(parameter, value)
    return float(value)


def checked_mask(mask: Any, dy: Array, name: str) -> Array:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8:
        found = f"of dtype {mask.dtype}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise TypeError(f"{name}: mask must be the uint8 array of ogive.lean.{name}, not {found}")
    expected = ((dy.size + 7) // 8,)
    if mask.shape != expected:
        raise ValueError(
            f"{name}: mask of shape {mask.shape} does not fit dy of shape {dy.shape}, which has "
            f"{dy.size} elements and so a mask of shape {expected}"
        )
    return np.ascontiguousarray(mask)


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if out is None:
        return
    as_out(out, what)
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"{what} is of shape {out.shape} and dtype {out.dtype}, expected {shape} and {dtype}"
        )


def place(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *read: Array) -> Array:
    """Where the kernel writes: `out` itself, unless its layout or an overlap forbids it."""
    if out is None or not (out.flags.carray and out.dtype.isnative):
        return np.empty(shape, dtype)
    for each in read:
        if each is out:
            continue
        same = each.dtype == dtype and each.shape == shape and each.ctypes.data == out.ctypes.data
        if not same and np.may_share_memory(each, out):
            return np.empty(shape, dtype)
    plain: Array = out if type(out) is np.ndarray else np.asarray(out)
    return plain


def handed(like: Any, result: Array, out: Any) -> Any:
    """The result in the caller's form: in `out`, as a number, or in the container of `like`."""
    if out is None:
        if result.ndim == 0:
            return result[()]
        return result if like is None or type(like) is np.ndarray else rewrap(like, result)
    if result is not out and not np.may_share_memory(result, out):
        out[...] = result
    return out
