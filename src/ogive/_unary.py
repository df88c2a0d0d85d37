"""Unary functions as the user calls them: a ufunc, or a function with defaults around one."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import _native
from ._docstrings import docstring
from ._ufuncs import as_array, as_parameter, check_parameter, rewrap, rounded, ufunc
from .catalog import Card, Parameter

INPUTS = {
    "value": ("x",),
    "derivative": ("x",),
    "second_derivative": ("x",),
    "backward": ("dy", "x"),
    "backward_from_output": ("dy", "y"),
}


def function(card: Card, mode: str) -> Any:
    """A ufunc where there are no parameters, else a function around one."""
    if not card.parameters:
        return ufunc(card.name, mode, docstring(card, mode))
    made = with_defaults(card, mode)
    if mode == "backward" and "parameter_backward" in _native.entries()[card.name]:
        return with_parameter_gradient(card, made)
    return made


def with_defaults(card: Card, mode: str) -> Callable[..., Any]:
    """A function with the card's parameters in its signature.

    The source is written out and compiled, as `collections.namedtuple` does: a closure over
    ``*args`` would have no signature of its own and cost half a microsecond a call.
    """
    inputs = ", ".join(INPUTS[mode])
    signature = [f"{p.name}={p.default!r}" for p in card.parameters]
    operands = [f"as_parameter({p.name})" for p in card.parameters if p.operand]
    drawn = f"sampled_{mode}" in _native.entries()[card.name]
    lines = [
        f"def {card.name}({inputs}, {', '.join(signature)}, out=None, *, where=True, **kwargs):",
        "    if out is None and where is True and not kwargs:",
        f"        return direct({inputs}, {', '.join(operands)})",
        f"    return direct({inputs}, {', '.join(operands)}, out=out, where=where, **kwargs)",
    ]
    bounded = [p for p in card.parameters if p.operand and p.domain != Parameter.domain]
    if drawn:
        lines[1:1] = [
            "    if training:",
            "        if where is not True or kwargs:",
            "            raise TypeError('where and further keywords need training=False')",
            f"        return sampled(({inputs}), {', '.join(operands)}, seed, out)",
        ]
        if len(INPUTS[mode]) == 1:
            lines[4] = lines[4].replace(f"({inputs})", f"({inputs},)")
    scope: dict[str, Any] = {"direct": ufunc(card.name, mode), "as_parameter": as_parameter}
    scope |= {"inf": math.inf, "plain": (float, int)}
    for p in bounded:  # a number that fits costs two comparisons and no call
        low, high = p.domain
        fits = f"type({p.name}) in plain and {low!r} < {p.name} < {high!r}"
        lines.insert(1, f"    if not ({fits}): check_{p.name}({p.name})")
        scope[f"check_{p.name}"] = partial(check_parameter, p)
    if drawn:
        scope["sampled"] = sampled(card.name, mode)
    exec("\n".join(lines), scope)
    made: Callable[..., Any] = scope[card.name]
    return made


def sampled(name: str, mode: str) -> Callable[..., Any]:
    """The training form: each element's parameter is drawn from (seed, its position in C order)."""
    loop = ufunc(name, f"sampled_{mode}")

    def draw(arrays: tuple[Any, ...], lower: Any, upper: Any, seed: Any, out: Any) -> Any:
        if np.ndim(lower) or np.ndim(upper):
            raise ValueError("lower and upper must be single numbers in training")
        if seed is None:
            raise ValueError("seed is needed in training, so that backward draws the same slopes")
        key = np.uint64(operator.index(seed) & 0xFFFFFFFFFFFFFFFF).view(np.int64)
        like, arrays = arrays[-1], tuple(as_array(a) for a in arrays)
        shape = arrays[-1].shape
        if any(a.shape != shape for a in arrays):
            raise ValueError(f"dy of shape {arrays[0].shape} does not fit x of shape {shape}")
        if not shape:
            result = loop(*(a.reshape(1) for a in arrays), lower, upper, key, 0)[0]
            if out is None:
                return result
            out[...] = result
            return out
        rows = np.arange(int(np.prod(shape[:-1])), dtype=np.int64).reshape(shape[:-1])
        result = loop(*arrays, lower, upper, key, rows * shape[-1], out=out)
        return rewrap(like, result)

    return draw


def with_parameter_gradient(card: Card, dx_of: Callable[..., Any]) -> Callable[..., Any]:
    """Backward of a function whose one parameter is learned: dx and the parameter's gradient."""
    products = ufunc(card.name, "parameter_backward")
    (parameter,) = card.parameters

    def backward(
        dy: Any, x: Any, weight: Any = parameter.default, out: Any = None
    ) -> tuple[Any, Any]:
        if out is None:
            dx = dx_of(dy, x, weight)
            dtype = np.asarray(dx).dtype
            return dx, summed_gradient(products, np.asarray(dy), np.asarray(x), weight, dtype)
        # First the sum, since out may be an input; the loop on nothing says which format it has.
        dtype = dx_of(np.asarray(dy).ravel()[:0], np.asarray(x).ravel()[:0]).dtype
        total = summed_gradient(products, np.asarray(dy), np.asarray(x), weight, dtype)
        return dx_of(dy, x, weight, out=out), total

    return backward


def summed_gradient(products: np.ufunc, dy: Any, x: Any, weight: Any, dtype: np.dtype[Any]) -> Any:
    """Sums dy df/dweight, in float64, over every axis that weight was broadcast along."""
    given = np.asarray(weight)
    if isinstance(weight, np.ndarray) and given.dtype.kind not in "biu":
        dtype = given.dtype
    shape = np.broadcast_shapes(dy.shape, x.shape, given.shape)
    lead = len(shape) - given.ndim
    summed = [
        axis for axis in range(len(shape))
        if axis < lead or (given.shape[axis - lead] == 1 and shape[axis] != 1)
    ]  # fmt: skip
    operands = [np.broadcast_to(a, shape) for a in (dy, x, as_parameter(given))]
    if len(summed) == len(shape):
        operands = [a.reshape(-1) for a in operands]  # one weight: one long row
        total = products(*operands)
    elif summed:
        core = max(summed, key=lambda axis: shape[axis])
        partial = products(*(np.moveaxis(a, core, -1) for a in operands))
        rest = tuple(axis - (axis > core) for axis in summed if axis != core)
        # NumPy sums in the order of memory; one order, whatever the layout of dy and x.
        total = np.add.reduce(np.ascontiguousarray(partial), axis=rest) if rest else partial
    else:
        total = products(*(a[..., np.newaxis] for a in operands))
    return rounded(np.asarray(total).reshape(given.shape), dtype)
