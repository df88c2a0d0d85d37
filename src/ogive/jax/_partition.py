"""Calls whose operands are split over several devices: elements and rows stay where they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jax.numpy as jnp
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

from ..calls.losses import loss_of
from ..catalog import find


def result(like: Any, shape: tuple[int, ...], avals: Any, weak_type: bool = False) -> Any:
    """The type of a result in the format of an operand, with its first axes: where these are, and
    inside shard_map over which axes of the mesh it may differ.
    """
    more: dict[str, Any] = {"shape": shape, "weak_type": weak_type}
    split = getattr(like, "sharding", None)
    if split is not None and len(shape) < like.ndim:
        more["sharding"] = NamedSharding(split.mesh, PartitionSpec(*split.spec[: len(shape)]))
    if hasattr(like, "vma"):
        more["vma"] = frozenset().union(*(aval.vma for aval in avals))
    return like.update(**more)


def lowered_for_devices(primitive: Any) -> None:
    """Tells JAX that a primitive's lowering asks for the devices, as `custom_partitioning` does."""
    with suppress(ImportError, AttributeError):  # private: elsewhere XLA gathers the operands
        from jax._src.dispatch import prim_requires_devices_during_lowering as primitives

        primitives.add(primitive)


def over_devices(ctx: Any) -> bool:
    """Whether what is lowered is one program for several devices, which XLA splits."""
    axes = ctx.module_context.axis_context
    devices = getattr(axes, "device_assignment", None)
    mesh = getattr(axes, "mesh", None)
    return bool(devices and len(devices) > 1) or bool(mesh is not None and mesh.size > 1)


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

    def run(*parts: Any) -> Any:
        return tuple(inner.bind(*parts, **parameters))

    def infer(mesh: Any, given: Any, wanted: Any) -> Any:
        spec = given[count - 1].sharding.spec
        return tuple(
            NamedSharding(mesh, PartitionSpec(*spec[: len(each.shape)])) for each in wanted
        )

    whole_axes = (axes[-1],) if rows and axes else ()
    return spread(run, infer, [factors(a) for a in arrays], results, whole_axes)(*arrays)


def spread(
    run: Callable[..., Any], infer: Callable[..., Any], given: list[list[str]],
    results: list[list[str]], whole: tuple[str, ...],
) -> Callable[..., Any]:  # fmt: skip
    """`run` on each device's part. Operands and results are given by the names of their axes, of
    which those in `whole` are not split: where they are, XLA puts them together first.
    """
    split = custom_partitioning(run)

    def put_together(sharding: Any, names: list[str]) -> Any:
        spec = [*sharding.spec, *[None] * (len(names) - len(sharding.spec))]
        kept = [None if name in whole else axis for name, axis in zip(names, spec, strict=True)]
        return NamedSharding(sharding.mesh, PartitionSpec(*kept))

    def partition(mesh: Any, operands: Any, wanted: Any) -> Any:
        sides = ((operands, given), (wanted, results))
        to_operands, to_results = (
            tuple(put_together(each.sharding, names) for each, names in zip(*side, strict=True))
            for side in sides
        )
        return mesh, run, to_results, to_operands

    split.def_partition(
        partition, infer_sharding_from_operands=infer,
        sharding_rule=" -> ".join(", ".join(map(" ".join, side)) for side in (given, results)),
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

    def run(*parts: Any) -> Any:
        return tuple(inner.bind(*parts, **each))

    def infer(mesh: Any, operands: Any, wanted: Any) -> Any:
        spec = operands[0].sharding.spec
        return tuple(NamedSharding(mesh, PartitionSpec(*spec[: len(w.shape)])) for w in wanted)

    loss, *dz = spread(run, infer, given, results, tuple(classes))(*arrays)
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
