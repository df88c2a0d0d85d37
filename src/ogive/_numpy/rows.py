"""Rows as the user calls them: along any axis, with a temperature and a mask."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from ..calls import codegen, rules
from ..calls.arrays import (
    as_array,
    as_out,
    checked_axis,
    first_indices,
    is_dask,
    promoted,
    rewrap,
    rewrap_reduced,
    row_back,
    row_last,
)
from ..calls.checks import check_mask, checked_switch, row_temperature, seed_key
from ..calls.loop import Loop, loop
from ..calls.ufuncs import ufunc
from ..catalog import Card
from ..catalog.card import Role

TYPES = {"axis": "'int'", "switch": "'bool'"}
"""Types of options by their role; of the others 'Any'."""


def function(card: Card, mode: str) -> Callable[..., Any]:
    """One mode of a function of rows, along any axis."""
    # A mask is in the output already.
    options = [p for p in card.parameters if not (p.role == "mask" and rules.reads_output(mode))]
    taken = [f"{name}: 'Any'" for name in rules.inputs(card, mode)]
    taken += [codegen.parameter(p, TYPES.get(p.role, "'Any'")) for p in options]
    scope: dict[str, Any]
    if mode == "jacobian":
        by_role = {p.role: p.name for p in options}
        roles: tuple[Role, ...] = ("axis", "number", "mask", "switch", "seed")
        given = [by_role.get(role, "None") for role in roles]
        scope = {"run": jacobian_rows(card)}
        lines = [f"return run(x, {', '.join(given)})"]
    else:
        taken.append("out: 'Any' = None")
        lines, scope = call_of_kernel(card, mode)
    return codegen.written(card.name, taken, lines, scope, f"{mode} {card.name}", returns="'Any'")


def call_of_kernel(card: Card, mode: str) -> tuple[list[str], dict[str, Any]]:
    """The lines of a mode that is one call of its kernel, and the names in them."""
    kernel, inputs = loop(card.name, mode), rules.inputs(card, mode)
    pulls, x = rules.pulls_back(mode), inputs[-1]
    of_output, of_rows = rules.reads_output(mode), not loop(card.name, "value").reduces
    (axis,), (temperature,) = card.named("axis"), card.named("number")
    masks = card.named("mask") if kernel.masked else ()
    seeds, switches = card.named("seed"), card.named("switch")
    lead = f"rows.shape[:{axis}] + rows.shape[{axis} + 1 :]"
    expected = "rows.shape" if of_rows else lead
    misfit = "upstream.shape != expected" + ("" if of_rows else " and upstream.ndim")
    # What a kernel takes, in the order of the op table.
    last = {True: f"row_last({{}}, {axis})", False: "{}"}
    operands = [last[of_rows].format("upstream")] if pulls else []
    operands += ["last", f"row_temperature({temperature}, {lead})"]
    operands += ["mask"] if masks else []
    operands += ["key", "first_indices(last)"] if seeds else []
    # The gradient is that of the soft result.
    operands += [] if pulls else switches
    arrays = ["rows", *(["upstream"] if pulls else []), *(["mask"] if masks else [])]
    plain = " is ".join([*(f"type({array})" for array in arrays), "ndarray"])
    target = f"row_out(out, {'rows.shape' if pulls else expected})"
    lines = [
        *(f"key = seed_key(name, {seed})" for seed in seeds),
        *(f"{switch} = checked_switch({switch!r}, {switch})" for switch in switches),
        f"rows = as_array({x}, of_{x})",
        "upstream = as_array(dy, of_dy)" if pulls else "",
        f"{axis} = checked_axis(rows.ndim, {axis}, name)",
        f"expected = {expected}" if pulls else "",
        f"if {misfit}: refuse_gradient(upstream, expected, {of_output})" if pulls else "",
        f"target = None if out is None else {last[of_rows or pulls].format(target)}",
        *(f"mask = row_mask({mask}, rows, {axis})" for mask in masks),
        f"last = row_last(rows, {axis})",
        f"operands = {', '.join(operands)}",
        f"if not {plain}: operands = in_chunks(taken, operands)",
        "result = kernel(*operands, out=target)",
        "if out is not None: return out",
        f"return rewrap({x}, row_back(result, {axis}))" if of_rows or pulls
        else f"return rewrap_reduced({x}, result, {axis})",
    ]  # fmt: skip
    scope: dict[str, Any] = {
        "kernel": ufunc(card.name, mode), "taken": kernel, "name": card.name, "ndarray": np.ndarray,
        "as_array": as_array, "checked_axis": checked_axis, "checked_switch": checked_switch,
        "first_indices": first_indices, "in_chunks": in_chunks, "refuse_gradient": refuse_gradient,
        "rewrap": rewrap, "rewrap_reduced": rewrap_reduced, "row_back": row_back,
        "row_last": row_last, "row_mask": row_mask, "row_out": row_out,
        "row_temperature": row_temperature, "seed_key": seed_key,
        **{f"of_{each}": argument(card, mode, each) for each in inputs},
    }  # fmt: skip
    return lines, scope


def argument(card: Card, mode: str, name: str) -> str:
    """What errors call an array that a mode takes."""
    return f"{card.name}: {name}" if mode == "value" else f"{mode}.{card.name}: {name}"


def refuse_gradient(dy: Any, expected: tuple[int, ...], of_output: bool) -> NoReturn:
    fits = "y of shape" if of_output else "the output's"
    raise ValueError(f"dy of shape {dy.shape} does not fit {fits} {expected}")


def jacobian_rows(card: Card) -> Callable[..., Any]:
    """The Jacobian row by row: backward of each unit vector, all of them as one batch."""
    kernel, taken = ufunc(card.name, "backward"), loop(card.name, "backward")
    reduces = loop(card.name, "value").reduces
    masked, of_x = taken.masked, argument(card, "jacobian", "x")

    def run_jacobian(x: Any, axis: int, temperature: Any, where: Any, hard: Any, seed: Any) -> Any:
        if card.draws:
            key = seed_key(card.name, seed)
            checked_switch("hard", hard)
        rows = as_array(x, of_x)
        axis = checked_axis(rows.ndim, axis, card.name)
        mask = row_mask(where, rows, axis) if masked else None
        rows = row_last(rows, axis)
        dtype = promoted(rows.dtype)
        temperature = row_temperature(temperature, rows.shape[:-1])
        if reduces:
            dy = np.ones(rows.shape[:-1], dtype)
        else:  # each row against all unit vectors
            dy = np.eye(rows.shape[-1], dtype=dtype)
            if type(temperature) is not float and np.ndim(temperature):
                temperature = temperature[..., np.newaxis]
            if mask is not None and mask.ndim > 1:
                mask = mask[..., np.newaxis, :]
            rows = rows[..., np.newaxis, :]
        operands: tuple[Any, ...] = (dy, rows, temperature)
        if mask is not None:
            operands += (mask,)
        if card.draws:
            operands += (key, first_indices(rows))
        plain = type(rows) is np.ndarray and (mask is None or type(mask) is np.ndarray)
        return kernel(*(operands if plain else in_chunks(taken, operands)))

    return run_jacobian


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
    check_mask(mask.shape, mask.dtype, mask.dtype == np.bool_, x.shape)
    return row_last(np.broadcast_to(mask, x.shape), axis)


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
