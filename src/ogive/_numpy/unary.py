"""Unary functions as the user calls them: a ufunc, or a function with defaults around one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..calls import codegen, rules
from ..calls.arrays import (
    as_array,
    as_parameter,
    as_plain,
    broadcast_axes,
    first_indices,
    is_dask,
    order_of_sums,
    rewrap,
)
from ..calls.checks import check_order, check_parameter, seed_key
from ..calls.ufuncs import rounded, ufunc
from ..catalog import Card, Parameter
from .docstrings import docstring


def function(card: Card, mode: str) -> Any:
    """A ufunc where there are no parameters, else a function around one."""
    if not card.parameters:
        return ufunc(card.name, mode, docstring(card, mode))
    made = with_defaults(card, mode)
    if rules.learned(card, mode):
        return with_parameter_gradient(card, made)
    return made


def with_defaults(card: Card, mode: str) -> Callable[..., Any]:
    """A function with the card's parameters in its signature."""
    inputs, operands = rules.inputs(card, mode), card.named("number")
    bounded = [p for p in card.parameters if p.operand and p.domain != Parameter.domain]
    given = ", ".join([*inputs, *operands])
    # A number that fits costs two comparisons and no call.
    bounds = [
        f"if not (type({p.name}) in plain and {p.fits(p.name)}): check_{p.name}({p.name})"
        for p in reversed(bounded)
    ]
    lines = [
        f"check_order({', '.join(card.ordered)})" if card.ordered else "",
        *bounds,
        *(f"if type({p}) is not float: {p} = as_parameter({p}, {p!r})" for p in operands),
        in_training(card, inputs) if card.draws else "",
        f"if out is None and where is True and not kwargs: return direct({given})",
        f"return direct({given}, out=out, where=where, **kwargs)",
    ]
    scope: dict[str, Any] = {
        "direct": ufunc(card.name, mode), "as_parameter": as_parameter,
        "plain": (float, int), "check_order": partial(check_order, card.ordered),
        **{f"check_{p.name}": partial(check_parameter, p) for p in bounded},
    }  # fmt: skip
    if card.draws:
        scope["sampled"] = sampled(card.name, mode)
    taken = [*inputs, *map(codegen.parameter, card.parameters)]
    taken += ["out=None", "*", "where=True", "**kwargs"]
    return codegen.written(card.name, taken, lines, scope, f"{mode} {card.name}")


def in_training(card: Card, inputs: tuple[str, ...]) -> str:
    """The statement that takes a random function's training form, where it is asked for."""
    (switch,), (seed,) = card.named("switch"), card.named("seed")
    low, high = card.named("number")
    return f"""if {switch}:
    if where is not True or kwargs:
        raise TypeError('where and further keywords need {switch}=False')
    return sampled(({codegen.items(inputs)}), {low}, {high}, {seed}, out)"""


def sampled(name: str, mode: str) -> Callable[..., Any]:
    """The training form: each element's parameter is drawn from (seed, its position in C order)."""
    loop = ufunc(name, f"sampled_{mode}")

    def draw(arrays: tuple[Any, ...], lower: Any, upper: Any, seed: Any, out: Any) -> Any:
        if np.ndim(lower) or np.ndim(upper):
            raise ValueError("lower and upper must be single numbers in training")
        key = seed_key(name, seed)
        like, names = arrays[-1], rules.INPUTS[mode]
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
    of_dy, of_x = (f"backward.{card.name}: {name}" for name in rules.INPUTS["backward"])

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
    if given.ndim == 0 and dy.shape == x.shape:  # most calls, by the shortest way
        rows = [a.reshape(-1) for a in (dy, x)]
        number = as_parameter(given, "weight")
        weights = np.ndarray(rows[0].shape, np.float64, number, strides=(0,))
        return rounded(np.asarray(products(*rows, weights)), dtype)
    shape = np.broadcast_shapes(dy.shape, x.shape, given.shape)
    summed = broadcast_axes(given.shape, shape)
    operands = [np.broadcast_to(a, shape) for a in (dy, x, as_parameter(given, "weight"))]
    if len(summed) == len(shape):
        operands = [a.reshape(-1) for a in operands]  # one weight: one long row
        total = products(*operands)
    elif summed:
        longest, rest = order_of_sums(summed, shape)
        partial = products(*(np.moveaxis(a, longest, -1) for a in operands))
        # NumPy sums in the order of memory; one order, whatever the layout of dy and x.
        total = np.add.reduce(np.ascontiguousarray(partial), axis=rest) if rest else partial
    else:
        total = products(*(a[..., np.newaxis] for a in operands))
    return rounded(np.asarray(total).reshape(given.shape), dtype)


def gradient_format(weight: Any, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The format of a parameter's gradient: that of an array of weights, else that of dx."""
    floating = isinstance(weight, np.ndarray) and weight.dtype.kind not in "biu"
    return weight.dtype.newbyteorder("=") if floating else dtype


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
