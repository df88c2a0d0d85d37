"""Calls whose operands are split over several devices: elements and rows stay where they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

from ..calls.losses import loss_of
from ..catalog import find


def over_devices(ctx: Any) -> bool:
    """Whether what is lowered is one program for several devices, which XLA splits."""
    axes = ctx.module_context.axis_context
    count = getattr(axes, "num_devices", None)
    return bool(count and count > 1)


def elementwise_or_rows(
    inner: Any, tensors_of: Callable[[str, str], int], *arrays: Any, **parameters: Any
) -> Any:
    """The call of `inner` on each device's part. Every axis but that of rows may be split."""
    name, mode = parameters["name"], parameters["mode"]
    count = tensors_of(name, mode)
    whole = arrays[count - 1].ndim
    rows = find(name).kind == "rows"
    axes = [f"i{k}" for k in range(whole)]

    def factors(a: Any) -> list[str]:
        if a.ndim == 0:
            return []
        return axes[: a.ndim] if a.ndim < whole and rows else axes[whole - a.ndim :]

    found = inner.abstract_eval(*[a.aval for a in arrays], **parameters)[0]
    results = [axes[: len(aval.shape)] for aval in found]
    rule = f"{', '.join(' '.join(factors(a)) or '' for a in arrays)} -> " + ", ".join(
        " ".join(each) for each in results
    )

    def run(*parts: Any) -> Any:
        return tuple(inner.bind(*parts, **parameters))

    def infer(mesh: Any, given: Any, wanted: Any) -> Any:
        spec = given[count - 1].sharding.spec
        return tuple(
            NamedSharding(mesh, PartitionSpec(*spec[: len(each.shape)])) for each in wanted
        )

    whole_axes = (axes[-1],) if rows and axes else ()
    return spread(run, infer, rule, whole_axes)(*arrays)


def spread(
    run: Callable[..., Any], infer: Callable[..., Any], rule: str, whole: tuple[str, ...]
) -> Callable[..., Any]:
    """`run` on each device's part, by a rule that names the axes; `whole` are not split."""
    split = custom_partitioning(run)

    def partition(mesh: Any, given: Any, wanted: Any) -> Any:
        operands, outputs = (tuple(each.sharding for each in side) for side in (given, wanted))
        return mesh, run, outputs, operands

    split.def_partition(
        partition, infer_sharding_from_operands=infer, sharding_rule=rule,
        need_replication_factors=whole,
    )  # fmt: skip
    return split


def losses(inner: Any, *arrays: Any, reduction: str, **parameters: Any) -> Any:
    """A loss of which each device has some rows: theirs one by one, and then the reduction in
    XLA's operations, which sum over devices.
    """
    z, target, *weights = arrays
    of, batch = loss_of(parameters["name"]), parameters["batch"]
    rows = [f"i{k}" for k in range(z.ndim - of.over_rows)]
    classes = ["c"] if of.over_rows else []
    hard = of.over_rows and target.ndim < z.ndim
    each = {**parameters, "reduction": "none"}
    given = [rows + classes, rows if hard else rows + classes]
    given += [classes if of.over_rows else rows] * len(weights)
    results = [rows, rows + classes] if parameters["gradient"] else [rows]
    rule = " -> ".join(", ".join(" ".join(a) for a in side) for side in (given, results))

    def run(*parts: Any) -> Any:
        return tuple(inner.bind(*parts, **each))

    def infer(mesh: Any, operands: Any, wanted: Any) -> Any:
        spec = operands[0].sharding.spec
        return tuple(NamedSharding(mesh, PartitionSpec(*spec[: len(w.shape)])) for w in wanted)

    loss, *dz = spread(run, infer, rule, tuple(classes))(*arrays)
    if reduction == "none":
        return [loss, *dz]
    wide = loss.astype(jnp.promote_types(loss.dtype, jnp.float32))
    axes = tuple(range(batch, loss.ndim))
    total: Any = 1.0
    if reduction == "mean" and not hard:
        total = max(1, math.prod(loss.shape[batch:]))
    elif reduction == "mean":
        counts = jnp.full(target.shape, True)
        if parameters["ignored"]:
            counts = target != parameters["ignored"][0]
        if weights:
            label = jnp.clip(target, 0, z.shape[-1] - 1)
            counts = jnp.where(counts, weights[0][label], 0)
        total = jnp.sum(counts.astype(wide.dtype), axes)
        total = jnp.where(jnp.all(counts == 0, axes), jnp.inf, total)
    value = (jnp.sum(wide, axes) / total).astype(z.dtype)
    by = jnp.reshape(jnp.asarray(total), (*value.shape, *(1,) * (z.ndim - value.ndim)))
    return [value, *((d / by.astype(wide.dtype)).astype(z.dtype) for d in dz)]
