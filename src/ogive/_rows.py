"""Rows as the user calls them: along any axis, with a temperature and a mask."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .calls.arrays import (
    as_array,
    as_out,
    checked_axis,
    first_indices,
    is_dask,
    rewrap,
    rewrap_reduced,
    row_back,
    row_last,
)
from .calls.checks import checked_switch, row_temperature, seed_key
from .calls.loop import Loop, loop
from .calls.ufuncs import ufunc
from .catalog import Card


def function(card: Card, mode: str) -> Callable[..., Any]:
    """One mode of a rows function."""
    if card.draws:
        return {"value": drawn_value, "backward": drawn_backward, "jacobian": drawn_jacobian}[mode](
            card
        )
    makers = {
        "value": value,
        "backward": backward,
        "backward_from_output": backward_from_output,
        "jacobian": jacobian,
    }
    return makers[mode](card)


def row_out(out: Any, shape: tuple[int, ...]) -> Any:
    """An array that can take a result of that shape; the loop says which formats it casts to."""
    if out is None:
        return None
    out = as_out(out, "out")
    if out.shape != shape:
        raise ValueError(f"out of shape {out.shape} does not fit the result's {shape}")
    if out.dtype.kind in "biuSU":
        raise TypeError(f"out of dtype {out.dtype} cannot take the result, a floating-point number")
    return out


@lru_cache(maxsize=64)
def no_mask(length: int) -> Any:
    return np.broadcast_to(np.True_, (length,))


def row_mask(where: Any, x: Any, axis: int) -> Any:
    """The mask with its row last, broadcast where it is shorter than the rows it applies to."""
    if where is None:
        return no_mask(x.shape[axis])
    mask = as_array(where, "where")
    if mask.dtype != np.bool_:
        raise TypeError(f"where must be a boolean mask, not of dtype {mask.dtype}")
    try:
        mask = np.broadcast_to(mask, x.shape)
    except ValueError:
        raise ValueError(f"where of shape {mask.shape} does not fit x of shape {x.shape}") from None
    return row_last(mask, axis)


def in_chunks(taken: Loop, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands of a gufunc with the chunks that the dask array among them has, if there is one:
    dask does not look for them itself.
    """
    if not any(type(a) is not np.ndarray and is_dask(a) for a in operands):
        return operands
    import dask.array

    given = [(a, np.ndim(a) - of.row) for a, of in zip(operands, taken.operands, strict=True)]
    like, most = max((pair for pair in given if is_dask(pair[0])), key=lambda pair: pair[1])

    def alike(operand: Any, lead: int) -> Any:
        if operand is like or lead < 1:  # one for all rows
            return operand
        beside = zip(operand.shape, like.chunks[most - lead : most], strict=False)
        chunks = [own if size == sum(own) else (size,) for size, own in beside]
        held: Any = dask.array
        return held.asarray(operand).rechunk((*chunks, *operand.shape[lead:]))

    return tuple(alike(*pair) for pair in given)


def value(card: Card) -> Callable[..., Any]:
    kernel, taken = ufunc(card.name, "value"), loop(card.name, "value")
    reduces = taken.reduces
    of_x = f"{card.name}: x"

    def call(
        x: Any,
        axis: int = -1,
        temperature: Any = 1.0,
        where: Any = None,
        out: Any = None,
    ) -> Any:
        rows = as_array(x, of_x)
        axis = checked_axis(rows.ndim, axis, card.name)
        target = None if out is None else row_out(out, _shape(rows, axis, reduces))
        target = target if target is None or reduces else row_last(target, axis)
        mask = row_mask(where, rows, axis)
        operands = (
            row_last(rows, axis),
            row_temperature(temperature, _shape(rows, axis, True)),
            mask,
        )
        if type(rows) is not np.ndarray or type(mask) is not np.ndarray:
            operands = in_chunks(taken, operands)
        result = kernel(*operands, out=target)
        if out is not None:
            return out
        if reduces:
            return rewrap_reduced(x, result, axis)
        result = row_back(result, axis)
        return rewrap(x, result)

    return call


def _shape(rows: Any, axis: int, reduces: bool) -> tuple[int, ...]:
    shape: tuple[int, ...] = rows.shape
    return shape[:axis] + shape[axis + 1 :] if reduces else shape


def backward(card: Card) -> Callable[..., Any]:
    kernel, taken = ufunc(card.name, "backward"), loop(card.name, "backward")
    reduces = not taken.operands[0].row
    of_dy, of_x = f"backward.{card.name}: dy", f"backward.{card.name}: x"

    def call(
        dy: Any, x: Any, axis: int = -1, temperature: Any = 1.0, where: Any = None, out: Any = None
    ) -> Any:
        rows, upstream = as_array(x, of_x), as_array(dy, of_dy)
        axis = checked_axis(rows.ndim, axis, card.name)
        expected = _shape(rows, axis, reduces)
        if upstream.shape != expected and (upstream.ndim or not reduces):
            raise ValueError(f"dy of shape {upstream.shape} does not fit the output's {expected}")
        target = None if out is None else row_last(row_out(out, rows.shape), axis)
        mask = row_mask(where, rows, axis)
        operands = (
            upstream if reduces else row_last(upstream, axis),
            row_last(rows, axis),
            row_temperature(temperature, _shape(rows, axis, True)),
            mask,
        )
        if not type(upstream) is type(rows) is type(mask) is np.ndarray:
            operands = in_chunks(taken, operands)
        result = kernel(*operands, out=target)
        if out is not None:
            return out
        result = row_back(result, axis)
        return rewrap(x, result)

    return call


def backward_from_output(card: Card) -> Callable[..., Any]:
    kernel, taken = (
        ufunc(card.name, "backward_from_output"),
        loop(card.name, "backward_from_output"),
    )
    of_dy, of_y = (f"backward_from_output.{card.name}: {name}" for name in ("dy", "y"))

    def call(dy: Any, y: Any, axis: int = -1, temperature: Any = 1.0, out: Any = None) -> Any:
        rows, upstream = as_array(y, of_y), as_array(dy, of_dy)
        axis = checked_axis(rows.ndim, axis, card.name)
        if upstream.shape != rows.shape:
            raise ValueError(f"dy of shape {upstream.shape} does not fit y of shape {rows.shape}")
        target = None if out is None else row_last(row_out(out, rows.shape), axis)
        operands = (
            row_last(upstream, axis),
            row_last(rows, axis),
            row_temperature(temperature, _shape(rows, axis, True)),
        )
        if not type(upstream) is type(rows) is np.ndarray:
            operands = in_chunks(taken, operands)
        result = kernel(*operands, out=target)
        if out is not None:
            return out
        result = row_back(result, axis)
        return rewrap(y, result)

    return call


def jacobian(card: Card) -> Callable[..., Any]:
    """The Jacobian row by row: backward of each unit vector, all of them as one batch."""
    kernel, taken = ufunc(card.name, "backward"), loop(card.name, "backward")
    reduces = not taken.operands[0].row
    of_x = f"jacobian.{card.name}: x"

    def call(x: Any, axis: int = -1, temperature: Any = 1.0, where: Any = None) -> Any:
        rows = as_array(x, of_x)
        axis = checked_axis(rows.ndim, axis, card.name)
        length = rows.shape[axis]
        mask = row_mask(where, rows, axis)
        rows = row_last(rows, axis)
        dtype = np.result_type(rows.dtype, np.float16) if rows.dtype.kind in "biu" else rows.dtype
        temperature = row_temperature(temperature, rows.shape[:-1])
        operands = (
            np.ones(rows.shape[:-1], dtype) if reduces else np.eye(length, dtype=dtype),
            rows if reduces else rows[..., np.newaxis, :],
            temperature[..., np.newaxis] if np.ndim(temperature) and not reduces else temperature,
            mask[..., np.newaxis, :] if mask.ndim > 1 and not reduces else mask,
        )
        if not type(rows) is type(mask) is np.ndarray:
            operands = in_chunks(taken, operands)
        return kernel(*operands)

    return call


def drawn_value(card: Card) -> Callable[..., Any]:
    """A function of a row and of noise, which a seed and the element's index decide."""
    kernel, taken = ufunc(card.name, "value"), loop(card.name, "value")
    of_x = f"{card.name}: x"

    def call(
        x: Any,
        axis: int = -1,
        temperature: Any = 1.0,
        hard: bool = False,
        seed: Any = None,
        out: Any = None,
    ) -> Any:
        key = seed_key(card.name, seed)
        rows = as_array(x, of_x)
        axis = checked_axis(rows.ndim, axis, card.name)
        target = row_out(out, rows.shape)
        last = row_last(rows, axis)
        operands = (
            last,
            row_temperature(temperature, last.shape[:-1]),
            key,
            first_indices(last),
            checked_switch("hard", hard),
        )
        if type(rows) is not np.ndarray:
            operands = in_chunks(taken, operands)
        result = kernel(*operands, out=target if target is None else row_last(target, axis))
        return out if out is not None else rewrap(x, row_back(result, axis))

    return call


def drawn_backward(card: Card) -> Callable[..., Any]:
    kernel, taken = ufunc(card.name, "backward"), loop(card.name, "backward")
    of_dy, of_x = f"backward.{card.name}: dy", f"backward.{card.name}: x"

    def call(
        dy: Any,
        x: Any,
        axis: int = -1,
        temperature: Any = 1.0,
        hard: bool = False,
        seed: Any = None,
        out: Any = None,
    ) -> Any:
        key = seed_key(card.name, seed)
        checked_switch("hard", hard)  # the gradient is that of the soft result
        rows, upstream = as_array(x, of_x), as_array(dy, of_dy)
        axis = checked_axis(rows.ndim, axis, card.name)
        if upstream.shape != rows.shape:
            raise ValueError(f"dy of shape {upstream.shape} does not fit the output's {rows.shape}")
        target = row_out(out, rows.shape)
        last = row_last(rows, axis)
        operands = (
            row_last(upstream, axis),
            last,
            row_temperature(temperature, last.shape[:-1]),
            key,
            first_indices(last),
        )
        if not type(upstream) is type(rows) is np.ndarray:
            operands = in_chunks(taken, operands)
        result = kernel(*operands, out=target if target is None else row_last(target, axis))
        return out if out is not None else rewrap(x, row_back(result, axis))

    return call


def drawn_jacobian(card: Card) -> Callable[..., Any]:
    kernel, taken = ufunc(card.name, "backward"), loop(card.name, "backward")
    of_x = f"jacobian.{card.name}: x"

    def call(
        x: Any, axis: int = -1, temperature: Any = 1.0, hard: bool = False, seed: Any = None
    ) -> Any:
        key = seed_key(card.name, seed)
        checked_switch("hard", hard)
        rows = as_array(x, of_x)
        axis = checked_axis(rows.ndim, axis, card.name)
        rows = row_last(rows, axis)
        dtype = np.result_type(rows.dtype, np.float16) if rows.dtype.kind in "biu" else rows.dtype
        temperature = row_temperature(temperature, rows.shape[:-1])
        operands = (
            np.eye(rows.shape[-1], dtype=dtype),
            rows[..., np.newaxis, :],
            temperature[..., np.newaxis] if np.ndim(temperature) else temperature,
            key,
            first_indices(rows)[..., np.newaxis],
        )
        return kernel(*in_chunks(taken, operands))

    return call
