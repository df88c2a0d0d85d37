"""Losses as a primitive of JAX: value and gradient in one pass of the kernel, reduced as NumPy
reduces them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ..calls.checks import REDUCTIONS
from ..calls.losses import loss_of
from . import _partition
from ._formulas import loss_twin
from ._kernels import bits_of, outside_jit, why_no_kernels, zero_like
from ._warn import warn_of_formula

Array = Any
CODES = {"none": 0, "sum": 1, "mean": 2}
"""Reductions as the handler numbers them."""
assert set(CODES) == set(REDUCTIONS)

loss_p = Primitive("ogive_loss")
loss_p.multiple_results = True
# Operands: logits, classes last; the target; the weights that there are. Parameters: name; mode,
# "labels" or "probabilities"; numbers, as users give them; weighted, which weights there are;
# ignored, () or the one label; reduction; batch, how many first axes are of calls of their own;
# gradient, whether dz is a result too.


def of_results(
    z: Any, target: Any, *weights: Any, name: str, reduction: str, batch: int, gradient: bool,
    **_: Any,
) -> list[Any]:  # fmt: skip
    shape = z.shape[:batch]
    if reduction == "none":
        shape = z.shape[:-1] if loss_of(name).over_rows else z.shape
    loss, dz = (_partition.result(z, own, (z, target, *weights)) for own in (shape, z.shape))
    return [loss, dz] if gradient else [loss]


def by_twin(
    z: Array, target: Array, *weights: Array, name: str, mode: str, numbers: tuple[Any, ...],
    weighted: tuple[bool, ...], ignored: tuple[int, ...], reduction: str, batch: int,
    gradient: bool,
) -> list[Array]:  # fmt: skip
    """The same in JAX's operations."""
    of, rest = loss_of(name), iter(weights)
    options = dict(zip((p.name for p in of.numbers), numbers, strict=True))
    options |= {k: next(rest) for k, there in zip(of.weights, weighted, strict=True) if there}
    label = ignored[0] if ignored else None

    def one(z: Array, target: Array) -> list[Array]:
        def value(z: Array) -> Array:
            return loss_twin(name, z, target, options, label, reduction)

        if not gradient:
            return [value(z)]
        return [value(z), jax.grad(lambda z: jnp.sum(value(z).astype(jnp.float32)))(z)]

    for _ in range(batch):
        one = jax.vmap(one)
    return one(z, target)


loss_p.def_impl(outside_jit(loss_p))
loss_p.def_abstract_eval(of_results)


def by_twin_with_warning(*arrays: Array, **parameters: Any) -> list[Array]:
    warn_of_formula(parameters["name"], why_no_kernels())
    return by_twin(*arrays, **parameters)


def lowered_to_kernel(ctx: Any, *values: Any, **parameters: Any) -> Any:
    z = ctx.avals_in[0]
    if why_no_kernels() or 0 in z.shape:
        rule = by_twin if 0 in z.shape else by_twin_with_warning
        return mlir.lower_fun(rule, multiple_results=True)(ctx, *values, **parameters)
    if _partition.over_devices(ctx):
        split = partial(_partition.losses, inner_p)
        return mlir.lower_fun(split, multiple_results=True)(ctx, *values, **parameters)
    return lowered_here(ctx, *values, **parameters)


def lowered_here(
    ctx: Any, *values: Any, name: str, mode: str, numbers: tuple[Any, ...],
    weighted: tuple[bool, ...], ignored: tuple[int, ...], reduction: str, batch: int,
    **_: Any,
) -> Any:  # fmt: skip
    of, z = loss_of(name), ctx.avals_in[0]
    own = [None if there else 1.0 for there in weighted]
    bits, fixed = bits_of(of.between(own, of.checked_numbers(*numbers)))
    samples = int(np.prod(z.shape[:batch], dtype=np.int64))
    rule = jax.ffi.ffi_lowering("ogive_loss")
    return rule(
        ctx, *values, kernel=name, mode=mode, numbers=bits, fixed=fixed,
        plan=np.array([CODES[reduction], samples]), ignored=np.array(ignored, np.int64),
    )  # fmt: skip


mlir.register_lowering(loss_p, mlir.lower_fun(by_twin_with_warning, multiple_results=True))
mlir.register_lowering(loss_p, lowered_to_kernel, platform="cpu")
inner_p = Primitive("ogive_loss_on_shard")
inner_p.multiple_results = True
inner_p.def_abstract_eval(of_results)
mlir.register_lowering(inner_p, lowered_here, platform="cpu")
_partition.lowered_for_devices(loss_p)


def jvp(primals: Any, tangents: Any, **parameters: Any) -> Any:
    """Along the logits by the kernel's gradient; along all else, and of the gradient, by the
    formula.
    """
    zero = [isinstance(t, ad.Zero) or t.dtype == jax.dtypes.float0 for t in tangents]
    wants_gradient = parameters["gradient"]
    found = loss_p.bind(*primals, **parameters | {"gradient": True})
    dz = found[1]
    found = found if wants_gradient else found[:1]
    sums: list[Any] = [None] * len(found)
    if not zero[0]:
        sums[0] = along_logits(dz, tangents[0], **parameters)
    first = [k for k, none in enumerate(zero) if not none and k]
    every = [k for k, none in enumerate(zero) if not none]
    for which, some in ((0, first), (1, every)):
        if not some or which >= len(found):
            continue

        def of_some(*given: Array, some: list[int] = some, which: int = which) -> Array:
            at = dict(zip(some, given, strict=True))
            arrays = [at.get(k, a) for k, a in enumerate(primals)]
            return by_twin(*arrays, **parameters | {"gradient": which == 1})[which]

        _, t = jax.jvp(of_some, [primals[k] for k in some], [tangents[k] for k in some])
        sums[which] = t if sums[which] is None else sums[which] + t
    return found, [zero_like(y) if t is None else t for y, t in zip(found, sums, strict=True)]


def along_logits(dz: Array, t: Array, *, name: str, reduction: str, batch: int, **_: Any) -> Array:
    """The tangent of the loss from that of the logits."""
    products = dz * t
    if reduction != "none":
        axes = tuple(range(batch, dz.ndim))
        return jnp.sum(products.astype(jnp.promote_types(dz.dtype, jnp.float32)), axes).astype(
            dz.dtype
        )
    return jnp.sum(products, -1) if loss_of(name).over_rows else products


ad.primitive_jvps[loss_p] = jvp


def batch(arrays: Any, axes: Any, **parameters: Any) -> Any:
    if any(axis is not None for axis in axes[2:]):  # weights of their own
        found = jax.vmap(partial(by_twin, **parameters), axes)(*arrays)
        return found, [0] * len(found)
    (size,) = {a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None}
    z, target = (
        jnp.broadcast_to(a, (size, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(arrays[:2], axes[:2], strict=True)
    )
    weights = arrays[2:]
    if not loss_of(parameters["name"]).over_rows:  # one weight for each element
        weights = [jnp.broadcast_to(w, (size, *w.shape)) for w in weights]
    more = parameters | {"batch": parameters["batch"] + 1}
    found = loss_p.bind(z, target, *weights, **more)
    return found, [0] * len(found)


batching.primitive_batchers[loss_p] = batch
