"""Unary functions as the user calls them: a ufunc, or a function with defaults around one."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ._docstrings import docstring
from .calls.arrays import as_array, as_parameter, as_plain, first_indices, is_dask, rewrap
from .calls.checks import check_order, check_parameter, seed_key
from .calls.codegen import generated
from .calls.ufuncs import rounded, ufunc
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
    if mode == "backward" and card.learns:
        return with_parameter_gradient(card, made)
    return made


def with_defaults(card: Card, mode: str) -> Callable[..., Any]:
    """A function with the card's parameters in its signature.

    The source is written out and compiled, as `collections.namedtuple` does: a closure over
    ``*args`` would have no signature of its own and cost half a microsecond per call.
    """
    inputs, operands = ", ".join(INPUTS[mode]), [p.name for p in card.parameters if p.operand]
    signature = ", ".join(f"{p.name}={p.default!r}" for p in card.parameters)
    bounded = [p for p in card.parameters if p.operand and p.domain != Parameter.domain]
    order = f"check_order({', '.join(card.ordered)})" if card.ordered else ""
    # A number that fits costs two comparisons and no call.
    bounds = [
        f"if not (type({p.name}) in plain and {p.fits(p.name)}): check_{p.name}({p.name})"
        for p in reversed(bounded)
    ]
    conversions = [f"if type({p}) is not float: {p} = as_parameter({p}, {p!r})" for p in operands]
    in_training = f"""if training:
        if where is not True or kwargs:
            raise TypeError('where and further keywords need training=False')
        return sampled(({inputs},), {", ".join(operands)}, seed, out)"""
    checks = [order, *bounds, *conversions, in_training if card.draws else ""]
    code = f"""
def {card.name}({inputs}, {signature}, out=None, *, where=True, **kwargs):
    {NEXT_LINE.join(filter(None, checks))}
    if out is None and where is True and not kwargs:
        return direct({inputs}, {", ".join(operands)})
    return direct({inputs}, {", ".join(operands)}, out=out, where=where, **kwargs)
"""
    scope: dict[str, Any] = {
        "direct": ufunc(card.name, mode), "as_parameter": as_parameter, "inf": math.inf,
        "plain": (float, int), "check_order": partial(check_order, card.ordered),
        **{f"check_{p.name}": partial(check_parameter, p) for p in bounded},
    }  # fmt: skip
    if card.draws:
        scope["sampled"] = sampled(card.name, mode)
    return generated(card.name, code, scope, f"{mode} {card.name}")


NEXT_LINE = "\n    "


def sampled(name: str, mode: str) -> Callable[..., Any]:
    """The training form: each element's parameter is drawn from (seed, its position in C order)."""
    loop = ufunc(name, f"sampled_{mode}")

    def draw(arrays: tuple[Any, ...], lower: Any, upper: Any, seed: Any, out: Any) -> Any:
        if np.ndim(lower) or np.ndim(upper):
            raise ValueError("lower and upper must be single numbers in training")
        key = seed_key(name, seed)
        like, names = arrays[-1], INPUTS[mode]
        arrays = tuple(as_array(a, f"{name}: {n}") for a, n in zip(arrays, names, strict=True))
        shape = arrays[-1].shape
        if any(a.shape != shape for a in arrays):
            raise ValueError(f"dy of shape {arrays[0].shape} does not fit x of shape {shape}")
        if not shape:
            result = loop(*(a.reshape(1) for a in arrays), lower, upper, key, 0)[0]
            if out is None:
                return result
            out[...] = result
            return out
        result = loop(*arrays, lower, upper, key, first_indices(arrays[-1]), out=out)
        return rewrap(like, result)

    return draw


def with_parameter_gradient(card: Card, dx_of: Callable[..., Any]) -> Callable[..., Any]:
    """Backward of a function whose one parameter is learned: dx and the parameter's gradient."""
    products = ufunc(card.name, "parameter_backward")
    (parameter,) = card.parameters
    of_dy, of_x = (f"backward.{card.name}: {name}" for name in INPUTS["backward"])

    def backward(
        dy: Any, x: Any, weight: Any = parameter.default, out: Any = None
    ) -> tuple[Any, Any]:
        if out is None:
            dx = dx_of(dy, x, weight)
            dtype = getattr(dx, "dtype", None)
            dtype = dtype if isinstance(dtype, np.dtype) else np.asarray(dx).dtype
            dy, x = as_array(dy, of_dy), as_array(x, of_x)
            if is_dask(dy) or is_dask(x):
                return dx, lazy_gradient(products, dy, x, weight, dtype)
            return dx, summed_gradient(products, dy, x, weight, dtype)
        # First the sum, since out may be an input; the loop on nothing says which format it has.
        plain_dy, plain_x = as_plain(dy, of_dy), as_plain(x, of_x)
        dtype = dx_of(plain_dy.ravel()[:0], plain_x.ravel()[:0]).dtype
        total = summed_gradient(products, plain_dy, plain_x, weight, dtype)
        return dx_of(dy, x, weight, out=out), total

    return backward


def summed_gradient(products: np.ufunc, dy: Any, x: Any, weight: Any, dtype: np.dtype[Any]) -> Any:
    """Sums dy df/dweight, in float64, over every axis that weight was broadcast along."""
    given = as_plain(weight, "weight")
    dtype = gradient_format(weight, dtype)
    shape = np.broadcast_shapes(dy.shape, x.shape, given.shape)
    summed = broadcast_axes(given.shape, shape)
    operands = [np.broadcast_to(a, shape) for a in (dy, x, as_parameter(given, "weight"))]
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


def gradient_format(weight: Any, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The format of a parameter's gradient: that of an array of weights, else that of dx."""
    floating = isinstance(weight, np.ndarray) and weight.dtype.kind not in "biu"
    return weight.dtype.newbyteorder("=") if floating else dtype


def broadcast_axes(of: tuple[int, ...], to: tuple[int, ...]) -> list[int]:
    """The axes along which a shape is repeated to make another."""
    lead = len(to) - len(of)
    return [
        axis for axis in range(len(to))
        if axis < lead or (of[axis - lead] == 1 and to[axis] != 1)
    ]  # fmt: skip


def lazy_gradient(products: np.ufunc, dy: Any, x: Any, weight: Any, dtype: np.dtype[Any]) -> Any:
    """The same for dask arrays, chunk by chunk when it is computed."""
    da: Any = importlib.import_module("dask.array")

    def of_chunk(*operands: Any) -> Any:
        return products(*(a[..., np.newaxis] for a in operands))

    given = as_plain(weight, "weight")
    arrays = [da.asarray(a) for a in (dy, x, as_parameter(given, "weight"))]
    together = arrays[0] * arrays[1] * arrays[2]  # for its shape and chunks alone
    whole = [da.broadcast_to(a, together.shape).rechunk(together.chunks) for a in arrays]
    each = da.map_blocks(of_chunk, *whole, dtype=np.float64)
    total = each.sum(axis=tuple(broadcast_axes(given.shape, each.shape)))
    return total.reshape(given.shape).astype(gradient_format(weight, dtype))
