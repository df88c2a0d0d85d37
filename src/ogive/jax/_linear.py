"""A linear layer and its loss, a few rows at a time: the logits are never whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..calls import checks, codegen
from ..calls.losses import Loss, checked_chunk, loss_of
from ..catalog import Card
from ._elementwise import floating
from ._loss_kernels import loss_p
from ._losses import known, wide

Array = Any


def evaluate(
    of: Loss, x: Any, W: Any, target: Any, bias: Any, weight: Any, ignore_index: Any,
    numbers: tuple[Any, ...], reduction: Any, chunk_rows: Any, gradient: bool,
) -> Any:  # fmt: skip
    """The loss of ``x @ W.T + bias``, with the gradients of x, W and bias where asked."""
    name = "linear_cross_entropy"
    x, W = floating(x, name), floating(W, name)
    if W.ndim != 2 or x.ndim < 1 or x.shape[-1] != W.shape[1]:
        raise ValueError(f"{name}: x of shape {x.shape} does not fit W of shape {W.shape}")
    dtype = jnp.result_type(x, W)
    given = jnp.asarray(target)
    if given.shape != x.shape[:-1] or not jnp.issubdtype(given.dtype, jnp.integer):
        raise ValueError(
            f"{name}: target of shape {given.shape} and dtype {given.dtype}: labels of shape "
            f"{x.shape[:-1]} are needed"
        )
    b = None if bias is None else floating(bias, name)
    if b is not None and b.shape != W.shape[:1]:
        raise ValueError(f"{name}: bias of shape {b.shape} does not fit {W.shape[0]} classes")
    how, ignored = checks.checked_reduction(reduction), checks.checked_ignore_index(ignore_index)
    own = None if weight is None else floating(weight, "weight")
    if own is not None:
        checks.check_class_weights("weight", own.shape, (W.shape[0],), 0)
    if known(given):
        checks.checked_labels(np.asarray(given), W.shape[0], ignored)
    of.checked_numbers(*numbers)
    rows = math.prod(x.shape[:-1])
    chunk = max(1, min(checked_chunk(chunk_rows, W.shape, dtype.itemsize), rows))
    plan = Plan(of.name, tuple(numbers), how, chunk)
    flat = x.reshape(rows, x.shape[-1]).astype(dtype)
    arrays = flat, W.astype(dtype), b, labels_of(given.reshape(-1), W.shape[0], ignored), own
    if not gradient:
        loss = layer_loss(plan, *arrays)
        return loss.reshape(x.shape[:-1]) if how == "none" else loss
    loss, (dx, dW, db) = with_gradients(plan, *arrays)
    loss = loss.reshape(x.shape[:-1]) if how == "none" else loss
    return loss, (dx.reshape(x.shape), dW, db)


@dataclass(frozen=True)
class Plan:
    """What is fixed when a layer is traced; equal ones are compiled once."""

    name: str
    numbers: tuple[Any, ...]
    reduction: str
    chunk: int


def labels_of(target: Array, classes: int, ignored: int | None) -> Array:
    """Labels as int32: -1 where a row does not count, a class too many where there is no such."""
    counts = jnp.full(target.shape, True) if ignored is None else target != ignored
    bad = counts & ((target < 0) | (target >= classes))
    return jnp.where(counts, jnp.where(bad, classes, target), -1).astype(jnp.int32)


def total_of(plan: Plan, labels: Array, weight: Array | None) -> Array:
    """What a mean divides by."""
    if plan.reduction != "mean":
        return jnp.ones((), jnp.float32)
    counts = (labels >= 0).astype(jnp.float32)
    if weight is not None:
        label = jnp.clip(labels, 0, weight.shape[0] - 1)
        counts = jnp.where(labels >= 0, weight[label], 0).astype(jnp.float32)
    return jnp.where(jnp.all(counts == 0), jnp.inf, jnp.sum(counts))


def of_chunk(
    plan: Plan, x: Array, W: Array, b: Array | None, labels: Array, weight: Array | None,
    gradient: bool,
) -> list[Array]:  # fmt: skip
    """Losses of some rows, and the gradients of their logits."""
    z = jnp.matmul(x, W.T)
    z = z if b is None else z + b.astype(z.dtype)
    found: list[Array] = loss_p.bind(
        z, labels, *(() if weight is None else (weight.astype(wide(weight)),)), name=plan.name,
        mode="labels", numbers=plan.numbers, weighted=(weight is not None,), ignored=(-1,),
        reduction="none", batch=0, gradient=gradient,
    )  # fmt: skip
    return found


def in_chunks(plan: Plan, *arrays: Array) -> list[Array]:
    """Arrays of rows as chunks of them; what is missing in the last one does not count."""
    rows = arrays[0].shape[0]
    missing = -rows % plan.chunk
    padded = []
    for a in arrays:
        fill = -1 if jnp.issubdtype(a.dtype, jnp.integer) else 0
        more = jnp.full((missing, *a.shape[1:]), fill, a.dtype)
        padded.append(jnp.concatenate([a, more]).reshape(-1, plan.chunk, *a.shape[1:]))
    return padded


def reduced(plan: Plan, losses: Array, total: Array, dtype: Any) -> Array:
    if plan.reduction == "none":
        return losses.astype(dtype)
    return (jnp.sum(losses.astype(jnp.promote_types(dtype, jnp.float32))) / total).astype(dtype)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def layer_loss(
    plan: Plan, x: Array, W: Array, b: Array | None, labels: Array, weight: Array | None
) -> Array:
    def one(_: None, chunk: Any) -> tuple[None, Array]:
        return None, of_chunk(plan, chunk[0], W, b, chunk[1], weight, False)[0]

    _, losses = jax.lax.scan(one, None, tuple(in_chunks(plan, x, labels)))
    losses = losses.reshape(-1)[: x.shape[0]]
    return reduced(plan, losses, total_of(plan, labels, weight), x.dtype)


def gradients(
    plan: Plan, x: Array, W: Array, b: Array | None, labels: Array, weight: Array | None,
    upstream: Array,
) -> tuple[Array, ...]:  # fmt: skip
    """Losses, dx, dW and db, for a factor of each row. dW is summed in float32 at least."""
    sums = jnp.promote_types(W.dtype, jnp.float32)

    def one(carry: Any, chunk: Any) -> Any:
        dW, db = carry
        own, label, factor = chunk
        loss, dz = of_chunk(plan, own, W, b, label, weight, True)
        dz = (dz * factor[:, None]).astype(own.dtype)
        dW = dW + jnp.matmul(dz.T, own, preferred_element_type=sums)
        return (dW, db + jnp.sum(dz.astype(sums), 0)), (loss, jnp.matmul(dz, W))

    zeros = jnp.zeros(W.shape, sums), jnp.zeros(W.shape[:1], sums)
    chunks = tuple(in_chunks(plan, x, labels, upstream))
    (dW, db), (losses, dx) = jax.lax.scan(one, zeros, chunks)
    rows = x.shape[0]
    return (
        losses.reshape(-1)[:rows], dx.reshape(-1, x.shape[1])[:rows], dW.astype(W.dtype),
        db.astype(W.dtype),
    )  # fmt: skip


def with_gradients(
    plan: Plan, x: Array, W: Array, b: Array | None, labels: Array, weight: Array | None
) -> Any:
    total = total_of(plan, labels, weight)
    factor = jnp.full(x.shape[:1], 1.0, jnp.float32) / total
    losses, dx, dW, db = gradients(plan, x, W, b, labels, weight, factor)
    return reduced(plan, losses, total, x.dtype), (dx, dW, None if b is None else db)


def forward(
    plan: Plan, x: Array, W: Array, b: Array | None, labels: Array, weight: Array | None
) -> Any:
    if plan.reduction == "none":  # backward knows each row's factor; it computes once more
        return layer_loss(plan, x, W, b, labels, weight), (x, W, b, labels, weight)
    loss, found = with_gradients(plan, x, W, b, labels, weight)
    return loss, (*found, labels, weight)


def backward(plan: Plan, kept: Any, ct: Array) -> Any:
    if plan.reduction == "none":
        x, W, b, labels, weight = kept
        _, dx, dW, db = gradients(plan, x, W, b, labels, weight, ct.astype(jnp.float32))
        return dx, dW, None if b is None else db, None, None
    dx, dW, db, labels, weight = kept
    scaled = [None if d is None else (d * ct).astype(d.dtype) for d in (dx, dW, db)]
    return *scaled, None, None


layer_loss.defvjp(forward, backward)


def function(card: Card, mode: str) -> Callable[..., Any]:
    """The layer's loss, alone or with its gradients."""
    taken = [f"{name}: Any" for name, _ in card.inputs]
    own = [p for p in card.parameters if p.role != "choice"]  # how NumPy sums partial results
    taken += [codegen.parameter(p, "Any") for p in own]
    (bias,), (weight,), (label,) = (card.named(r) for r in ("bias", "weights", "label"))
    given = [name for name, _ in card.inputs] + [bias, weight, label]
    given += [f"({codegen.items(card.named('number'))})", "reduction", *card.named("count")]
    given.append(str(mode == "value_and_grad"))
    scope = {"Any": Any, "evaluate": evaluate, "loss": loss_of(card.loss_of)}
    lines = [f"return evaluate(loss, {', '.join(given)})"]
    return codegen.written(card.name, taken, lines, scope, f"jax {mode} {card.name}")
