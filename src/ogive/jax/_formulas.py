"""Cards' formulas in JAX's operations: on devices without a kernel, inside regions that XLA is to
fuse, and for derivatives that no kernel has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ogive

from ..calls.loop import loop
from ..calls.losses import loss_of
from ..catalog import Card, find
from ..formula.tensors import Formulas

Array = Any
HALVES = (jnp.float16, jnp.bfloat16)


class JaxArrays:
    """`ogive.formula.tensors.Arrays`; see there for what each is."""

    def __getattr__(self, name: str) -> Any:
        """What JAX calls as NumPy does."""
        return getattr(jnp, name)

    @staticmethod
    def constant(x: Array) -> Array:
        return jax.lax.stop_gradient(x)

    @staticmethod
    def erf(x: Array) -> Array:
        return jax.lax.erf(x)

    @staticmethod
    def erfc(x: Array) -> Array:
        return jax.lax.erfc(x)

    @staticmethod
    def sigmoid(x: Array) -> Array:
        return jax.nn.sigmoid(x)

    @staticmethod
    def take(x: Array, index: Array) -> Array:
        return jnp.take_along_axis(x, index, -1)

    @staticmethod
    def is_array(x: Any) -> bool:
        return isinstance(x, jax.Array)

    @staticmethod
    def cast(x: Array, dtype: Any) -> Array:
        return jnp.asarray(x).astype(dtype)

    @staticmethod
    def wide(x: Array) -> Array:
        return x.astype(jnp.float32) if x.dtype in HALVES else x

    @staticmethod
    def double(x: Array) -> Array:
        """float64 where JAX has it switched on."""
        return x.astype(jnp.result_type(float))

    @staticmethod
    def number(value: float, like: Array) -> Array:
        return jnp.asarray(value, like.dtype)

    @staticmethod
    def at_least_0(x: Array) -> Array:
        return jnp.maximum(x, 0)

    @staticmethod
    def epsilon(x: Array) -> float:
        return float(jnp.finfo(x.dtype).eps)

    @staticmethod
    def logsumexp(x: Array) -> Array:
        return jax.nn.logsumexp(x, -1, keepdims=True)

    @staticmethod
    def total(x: Array) -> Array:
        return jnp.sum(x, -1, keepdims=True)

    @staticmethod
    def greatest(x: Array) -> Array:
        return jnp.max(x, -1, keepdims=True)

    @staticmethod
    def any_of(mask: Array) -> Array:
        return jnp.any(mask, -1, keepdims=True)

    @staticmethod
    def falling(x: Array) -> Array:
        return -jnp.sort(-x, -1)

    @staticmethod
    def running(x: Array) -> Array:
        return jnp.cumsum(x, -1)

    @staticmethod
    def places(x: Array) -> Array:
        return jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)

    @staticmethod
    def labels(target: Array) -> Array:
        return jnp.maximum(target, 0)[..., None]

    @staticmethod
    def one_hot(index: Array, z: Array) -> Array:
        return (index == jnp.arange(z.shape[-1])).astype(z.dtype)


FORMULAS = Formulas(JaxArrays())
Twin = Callable[..., Any]
"""A kernel's mode as a function of the same operands, every number among them."""


@cache
def twin(name: str, mode: str) -> Twin:
    """A mode of a function, in JAX's operations. Those with several results give a tuple."""
    card = find(name)
    if mode == FORWARD:
        return pushed(name)
    if card.kind == "gated":
        return gated(card, mode)
    if card.kind == "rows":
        return rows(card, mode)
    if mode == "value":
        return of_dtype(FORMULAS.unary(card))
    if mode == "backward_from_output":
        slope = FORMULAS.slope_from_output(card)
        assert slope is not None
        return of_dtype(lambda dy, y, *numbers: dy * slope(y, *numbers))
    order = {"derivative": 1, "second_derivative": 2, "backward": 1}[mode]
    derivative = FORMULAS.derivative(card, order)
    if mode != "backward":
        return derivative
    return of_dtype(lambda dy, x, *numbers: dy * derivative(x, *numbers))


FORWARD = "forward"
"""What no kernel has: the derivative of rows along a tangent, the transpose of their pull-back."""


def of_dtype(function: Twin) -> Twin:
    """In the format of the last array that has the call's; halves are computed in float32."""

    def called(*operands: Any) -> Array:
        x = operands[0]
        given = [JaxArrays.wide(a) if JaxArrays.is_array(a) else a for a in operands]
        return function(*given).astype(x.dtype)

    return called


def gated(card: Card, mode: str) -> Twin:
    gate = FORMULAS.unary(find(card.gate))
    slope = FORMULAS.derivative(find(card.gate), 1)
    if mode == "value":
        return of_dtype(lambda a, b: a * gate(b))

    def backward(dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
        dtype = dy.dtype
        dy, a, b = map(JaxArrays.wide, (dy, a, b))
        return (dy * gate(b)).astype(dtype), (dy * a * slope(b)).astype(dtype)

    return backward


@cache
def value_of_rows(name: str) -> Twin:
    card = find(name)
    nothing = getattr(ogive, name)([0.0], where=[False])
    formula = FORMULAS.rows(card, float(np.ravel(nothing)[0]), np.ndim(nothing) == 0)

    def value(x: Array, temperature: Any, where: Any) -> Array:
        return formula(x, temperature, None if where is True else where)

    return value


def rows(card: Card, mode: str) -> Twin:
    if mode == "value":
        return value_of_rows(card.name)
    if mode == "backward_from_output":
        return FORMULAS.pull_back(card)

    def backward(dy: Array, x: Array, temperature: Any, where: Any) -> Array:
        _, pull = jax.vjp(lambda x: value_of_rows(card.name)(x, temperature, where), x)
        return pull(dy)[0]

    return backward


def pushed(name: str) -> Twin:
    """The transpose of a pull-back: the tangent of y from that of x."""
    mode = pulling(name)
    reduces = loop(name, "value").reduces

    def push(t: Array, kept: Array, *numbers: Any) -> Array:
        like = jax.ShapeDtypeStruct(t.shape[:-1] if reduces else t.shape, t.dtype)
        transposed = jax.linear_transpose(lambda dy: twin(name, mode)(dy, kept, *numbers), like)
        return transposed(t)[0]

    return push


def pulling(name: str) -> str:
    """The mode by which rows pull back."""
    return "backward" if find(name).pull_back is None else "backward_from_output"


# Losses.


@cache
def losses(name: str) -> Twin:
    of = loss_of(name)
    return FORMULAS.head(of.card, of.over_rows)


def loss_twin(
    name: str, z: Array, target: Array, options: dict[str, Any], ignored: int | None, reduction: str
) -> Array:
    """A loss of logits whose classes are last, in JAX's operations."""
    of = loss_of(name)
    hard = of.over_rows and target.ndim < z.ndim
    classes = z.shape[-1] if z.ndim else 1
    weight = options.get(of.class_weight) if of.class_weight else None
    if hard:
        target = target.astype(jnp.int32)
        counts = jnp.full(target.shape, True) if ignored is None else target != ignored
        bad = counts & ((target < 0) | (target >= classes))
        z = jnp.where(counts[..., None], z, 0)
        target = jnp.where(counts, jnp.where(bad, 0, target), -1)
    loss = losses(name)(z, target, **options)
    if hard:
        loss = jnp.where(bad, jnp.nan, loss)
    if reduction == "none":
        return loss.astype(z.dtype)
    total: Any = max(loss.size, 1)
    if hard:
        each = counts if weight is None else jnp.where(counts, weight[jnp.maximum(target, 0)], 0)
        total = jnp.sum(each.astype(loss.dtype))
        total = jnp.where(jnp.all(each == 0), jnp.inf, total)
    found = jnp.sum(loss)
    return (found / total if reduction == "mean" else found).astype(z.dtype)
