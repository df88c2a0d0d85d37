"""Losses as users call them: all options of NumPy's, checked when they are traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import checkify

from ..calls import checks, codegen
from ..calls.arrays import checked_axis
from ..calls.losses import Loss, loss_of
from ..catalog import Card
from ._elementwise import floating
from ._formulas import loss_twin
from ._loss_kernels import loss_p

Array = Any
Tracer = jax.core.Tracer


def known(x: Any) -> bool:
    """Whether values can be looked at now."""
    return not isinstance(x, Tracer)


def checked_target(target: Any, z: Array, of: Loss, ignored: int | None, hard: bool) -> Array:
    """The target in a format of the kernel's, its values checked where they are known."""
    if hard:
        if known(target):
            checks.checked_labels(np.asarray(target), z.shape[-1], ignored)
        return target.astype(jnp.int32) if target.dtype == jnp.bool_ else target
    if known(target):
        checks.checked_probabilities(np.asarray(target), np.dtype(z.dtype), of.most)
    return target.astype(z.dtype)


def checked_inside(target: Array, z: Array, of: Loss, ignored: int | None, hard: bool) -> None:
    """The same at run time, through checkify."""
    if hard:
        good = (target >= 0) & (target < z.shape[-1])
        if ignored is not None:
            good |= target == ignored
        says = f"labels must be in [0, {z.shape[-1]}) for {z.shape[-1]} classes"
    else:
        good = (target >= 0) & (target <= of.most) & jnp.isfinite(target)
        says = "probabilities must be " + (
            "finite and >= 0" if of.most == np.inf else f"between 0 and {of.most:g}"
        )
    flat = good.reshape(-1)
    at = jnp.argmin(flat)
    checkify.check(
        jnp.all(flat), "target[{at}] = {value}: " + says, at=at, value=target.reshape(-1)[at]
    )


def evaluate(
    of: Loss, z: Any, target: Any, axis: Any, weights: tuple[Any, ...], ignore_index: Any,
    numbers: tuple[Any, ...], reduction: Any, gradient: bool, checked: Any,
) -> Any:  # fmt: skip
    """The loss, with its gradient where asked."""
    logits = floating(z, of.name)
    axis = checked_axis(logits.ndim, axis, of.name) if of.over_rows else -1
    how = checks.checked_reduction(reduction)
    checked = checks.checked_switch("checked", checked)
    given = jnp.asarray(target)
    own = [
        None if w is None else floating(w, name)
        for name, w in zip(of.weights, weights, strict=True)
    ]
    for name, w in zip(of.weights, own, strict=True):
        if w is not None and known(w):
            checks.checked_weights(name, np.asarray(w))
    integers = given.dtype == jnp.bool_ or jnp.issubdtype(given.dtype, jnp.integer)
    mode = of.checked_mode(
        logits.shape, axis, own, given.shape, given.dtype, integers, ignore_index
    )
    ignored = checks.checked_ignore_index(ignore_index)
    hard = mode == "labels"
    rows = jnp.moveaxis(logits, axis, -1) if of.over_rows else logits
    goal = given if hard or not of.over_rows else jnp.moveaxis(given, axis, -1)
    goal = checked_target(goal, rows, of, ignored, hard)
    if checked:
        checked_inside(goal, rows, of, ignored, hard)
    widths = [None if w is None else w.astype(wide(w)) for w in own]
    if not of.over_rows:
        widths = [None if w is None else jnp.broadcast_to(w, rows.shape) for w in widths]
    if any(isinstance(n, jax.Array) for n in numbers):
        loss, *dz = with_traced_numbers(of, rows, goal, widths, ignored, numbers, how, gradient)
    else:
        of.checked_numbers(*numbers)
        loss, *dz = loss_p.bind(
            rows, goal, *(w for w in widths if w is not None), name=of.name, mode=mode,
            numbers=tuple(n if n is None else float(n) for n in numbers),
            weighted=tuple(w is not None for w in widths),
            ignored=() if ignored is None else (ignored,), reduction=how, batch=0,
            gradient=gradient,
        )  # fmt: skip
    if not gradient:
        return loss
    return loss, jnp.moveaxis(dz[0], -1, axis) if of.over_rows else dz[0]


def wide(x: Array) -> Any:
    return jnp.promote_types(x.dtype, jnp.float32)


def with_traced_numbers(
    of: Loss, z: Array, target: Array, weights: list[Any], ignored: int | None,
    numbers: tuple[Any, ...], how: str, gradient: bool,
) -> list[Array]:  # fmt: skip
    """Options that are arrays, which may have derivatives: by the formula."""
    options = dict(zip((p.name for p in of.numbers), numbers, strict=True))
    options |= {k: w for k, w in zip(of.weights, weights, strict=True) if w is not None}

    def value(z: Array) -> Array:
        return loss_twin(of.name, z, target, options, ignored, how)

    if not gradient:
        return [value(z)]
    return [value(z), jax.grad(lambda z: jnp.sum(value(z)))(z)]


def function(card: Card, mode: str) -> Callable[..., Any]:
    """A loss, alone or with its gradient."""
    taken = ["z: Any", "target: Any", *(codegen.parameter(p, "Any") for p in card.parameters)]
    taken += ["*", "checked: bool = False"]
    each = {role: card.named(role) for role in ("axis", "weights", "label", "number")}
    one = {role: names[0] if names else "None" for role, names in each.items()}
    given = [
        one["axis"], f"({codegen.items(each['weights'])})", one["label"],
        f"({codegen.items(each['number'])})", "reduction", str(mode == "value_and_grad"), "checked",
    ]  # fmt: skip
    scope = {"Any": Any, "evaluate": evaluate, "loss": loss_of(card.name)}
    lines = [f"return evaluate(loss, z, target, {', '.join(given)})"]
    return codegen.written(card.name, taken, lines, scope, f"jax {mode} {card.name}")
