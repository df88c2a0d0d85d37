"""Unary and gated functions as users call them, their signatures written out from the cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..calls import codegen, rules
from ..calls.checks import check_order, check_parameter, checked_switch
from ..calls.formats import DTYPES
from ..catalog import Card, Parameter
from ._kernels import call
from ._random import seed_of

Array = Any
FLOATS = frozenset(DTYPES.values())
"""The dtypes that kernels take."""


def floating(x: Any, name: str) -> Array:
    """An array in a format that kernels take; integers as JAX's default float."""
    if not isinstance(x, (jax.Array, np.ndarray, np.generic, int, float)):
        raise TypeError(f"ogive.jax.{name}: expected an array or a number, not {type(x).__name__}")
    array = jnp.asarray(x)
    if array.dtype in FLOATS:
        return array
    if jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_:
        return array.astype(jnp.result_type(float))
    raise TypeError(
        f"ogive.jax.{name} takes float16, bfloat16, float32 and float64, not {array.dtype}"
    )


def ready(x: Any) -> bool:
    """Whether it is an array already; a tracer may stand for a number, whose tangent is one too."""
    return isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer)


def together(name: str, *given: Any) -> list[Array]:
    """Arrays in one format and one shape."""
    first = given[0]
    if ready(first) and first.dtype in FLOATS:  # as most are
        like = first.dtype, first.shape
        if all(ready(x) and (x.dtype, x.shape) == like for x in given[1:]):
            return list(given)
    arrays = [floating(x, name) for x in given]
    dtype = jnp.result_type(*arrays)
    try:
        shape = jnp.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = " and ".join(str(a.shape) for a in arrays)
        raise ValueError(f"ogive.jax.{name}: shapes {shapes} do not fit together") from None
    # Weak types stay so: a cast would end that.
    cast = [a if a.dtype == dtype else a.astype(dtype) for a in arrays]
    return [a if a.shape == shape else jnp.broadcast_to(a, shape) for a in cast]


def number(parameter: Parameter, value: Any) -> Any:
    """A parameter: Python's number, checked, or an array, which is checked where its values are
    known.
    """
    if isinstance(value, (jax.Array, np.ndarray)):
        if not isinstance(value, jax.core.Tracer):
            check_parameter(parameter, np.asarray(value))
        array = floating(value, parameter.name)
        return array.astype(jnp.promote_types(array.dtype, jnp.float32))
    if type(value) is not float or value != parameter.default:
        check_parameter(parameter, value)
    return float(value)


def evaluate(card: Card, mode: str, tensors: tuple[Any, ...], given: tuple[Any, ...]) -> Array:
    """One mode of a function of elements, with its parameters broadcast."""
    parameters = [p for p in card.parameters if p.operand]
    numbers = [number(p, value) for p, value in zip(parameters, given, strict=True)]
    if card.ordered:
        by_name = dict(zip((p.name for p in parameters), numbers, strict=True))
        check_order(card.ordered, *(by_name[name] for name in card.ordered))
    name = card.name if mode == "value" else f"{mode}.{card.name}"
    arrays = together(name, *tensors)
    shaped = [n for n in numbers if isinstance(n, jax.Array) and n.ndim]
    if shaped:
        shape = jnp.broadcast_shapes(arrays[0].shape, *(n.shape for n in shaped))
        arrays = [jnp.broadcast_to(a, shape) for a in arrays]
        numbers = [
            jnp.broadcast_to(n, shape) if isinstance(n, jax.Array) and n.ndim else n
            for n in numbers
        ]
    return call(card.name, mode, arrays, numbers)


def with_parameter_gradient(card: Card, tensors: tuple[Any, ...], given: tuple[Any, ...]) -> Any:
    """Backward of a function whose one parameter is trained: dx, and the parameter's gradient."""
    dy, x = tensors
    dx = evaluate(card, "backward", tensors, given)
    weight = floating(given[0], card.name)
    y, pull = jax.vjp(lambda w: evaluate(card, "value", (x,), (w,)), weight)
    return dx, pull(jnp.broadcast_to(floating(dy, card.name), y.shape).astype(y.dtype))[0]


def in_training(
    card: Card, mode: str, tensors: tuple[Any, ...], given: tuple[Any, ...], seed: Any
) -> Array:
    """A random function's training form: each element's slope follows from the seed and its place
    in C order, as in NumPy.
    """
    arrays = together(card.name, *tensors)
    numbers = [
        number(p, value)
        for p, value in zip((p for p in card.parameters if p.operand), given, strict=True)
    ]
    shape = arrays[0].shape
    rows = [a.reshape(-1) for a in arrays]
    found = call(card.name, f"sampled_{mode}", rows, [*numbers, seed_of(card.name, seed), 0])
    return found.reshape(shape)


def function(card: Card, mode: str) -> Callable[..., Array]:
    """One mode of a unary or gated function."""
    inputs = rules.inputs(card, mode)
    taken = [f"{name}: Any" for name in inputs]
    taken += [codegen.parameter(p, "Any") for p in card.parameters]
    given = f"({codegen.items(p.name for p in card.parameters if p.operand)})"
    arrays = f"({codegen.items(inputs)})"
    lines = [f"return evaluate(card, mode, {arrays}, {given})"]
    if rules.learned(card, mode):
        lines = [f"return with_parameter_gradient(card, {arrays}, {given})"]
    if card.draws:
        (switch,), (seed,) = card.named("switch"), card.named("seed")
        sampled = f"in_training(card, mode, {arrays}, {given}, {seed})"
        lines.insert(0, f"if checked_switch({switch!r}, {switch}): return {sampled}")
    scope = {
        "Any": Any, "card": card, "mode": mode, "evaluate": evaluate, "in_training": in_training,
        "checked_switch": checked_switch, "with_parameter_gradient": with_parameter_gradient,
    }  # fmt: skip
    return codegen.written(card.name, taken, lines, scope, f"jax {mode} {card.name}")
