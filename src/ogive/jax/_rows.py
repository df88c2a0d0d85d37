"""Functions of rows as users call them: along any axis, with a temperature and a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..calls import codegen
from ..calls.arrays import checked_axis
from ..calls.checks import broadcasts, check_mask, checked_switch, row_temperature
from ..calls.loop import loop
from ..catalog import Card
from ._elementwise import floating
from ._kernels import call
from ._random import seed_of

Array = Any


def checked_temperature(temperature: Any, lead: tuple[int, ...], name: str) -> Any:
    """A positive number, or one for each row; values that are not known yet are not checked."""
    if isinstance(temperature, jax.core.Tracer):
        if not broadcasts(temperature.shape, lead):
            raise ValueError(
                f"temperature of shape {temperature.shape} does not fit the rows' {lead}"
            )
        values = floating(temperature, name)
    else:
        values = row_temperature(
            np.asarray(temperature) if isinstance(temperature, jax.Array) else temperature, lead
        )
        if np.ndim(values) == 0:
            return float(values)
    values = jnp.asarray(values)
    values = values.astype(jnp.promote_types(values.dtype, jnp.float32))
    return jnp.broadcast_to(values, lead) if values.ndim else values


def evaluate(
    card: Card, x: Any, axis: Any, temperature: Any, where: Any, *, seed: Any = None,
    hard: Any = None,
) -> Array:  # fmt: skip
    """y along an axis."""
    given = floating(x, card.name)
    axis = checked_axis(given.ndim, axis, card.name)
    reduces = loop(card.name, "value").reduces
    whole = given if given.ndim else given.reshape(1)
    rows = jnp.moveaxis(whole, axis, -1)
    lead = rows.shape[:-1]
    number = checked_temperature(temperature, lead, card.name)
    numbers = [number]
    if card.draws:
        first = jnp.arange(max(1, rows.size), dtype=jnp.int32)[:: max(1, rows.shape[-1])]
        index = first[: rows.size // max(1, rows.shape[-1])].reshape(lead) if lead else 0
        numbers += [seed_of(card.name, seed), index, checked_switch("hard", hard)]
    elif where is None or where is True:
        numbers.append(True)
    else:
        mask = jnp.asarray(where)
        check_mask(mask.shape, mask.dtype, mask.dtype == jnp.bool_, given.shape, f"{card.name}: ")
        mask = jnp.broadcast_to(mask, given.shape).reshape(whole.shape)
        numbers.append(jnp.moveaxis(mask, axis, -1))
    if rows.size:
        y = call(card.name, "value", [rows], numbers)
    else:  # nothing for a kernel to read; a logarithm of a sum of nothing is -inf
        y = jnp.full(lead if reduces else rows.shape, -jnp.inf, rows.dtype)
    if reduces:
        return y if given.ndim else y.reshape(())
    return jnp.moveaxis(y, -1, axis).reshape(given.shape)


def function(card: Card) -> Callable[..., Array]:
    """A function of rows by its name."""
    taken = ["x: Any", *(codegen.parameter(p, "Any") for p in card.parameters)]
    (axis,), (temperature,) = card.named("axis"), card.named("number")
    rest = [
        ", ".join(f"{p.name}={p.name}" for p in card.parameters if p.role in ("seed", "switch"))
    ]
    mask = card.named("mask")
    lines = [
        f"return evaluate(card, x, {axis}, {temperature}, {mask[0] if mask else None}, {rest[0]})"
    ]
    scope = {"Any": Any, "card": card, "evaluate": evaluate}
    return codegen.written(card.name, taken, lines, scope, f"jax {card.name}")
