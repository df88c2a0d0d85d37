"""Cross-entropy of logits whose classes are split over the devices of a mesh axis."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..calls import checks

Array = Any


def vocab_parallel_cross_entropy(
    z: Any, target: Any, axis_name: str, *, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, reduction: str = "mean",
) -> Array:  # fmt: skip
    """Cross-entropy inside ``shard_map``, for logits whose last axis is one device's classes.

    Devices exchange one maximum and three sums per row; the logits stay where they are. Label
    smoothing spreads over all classes, and a mean divides by the rows that count.

    Parameters
    ----------
    z : jax.Array
        Logits of this device's classes, shape (..., K / devices); the devices' classes follow one
        another in the order of the axis.
    target : jax.Array
        Labels in [0, K), shape (...), the same on every device. Others than `ignore_index` give
        NaN.
    axis_name : str
        The axis of the mesh over which classes are split.
    ignore_index : int, optional
        The label of rows that do not count.
    label_smoothing, z_loss : float
        As in `cross_entropy`.
    reduction : {"mean", "sum", "none"}
        As in `cross_entropy`.

    Returns
    -------
    jax.Array
        The loss, the same on every device.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, ogive.jax
    >>> mesh = jax.make_mesh((1,), ("classes",))
    >>> of = jax.sharding.PartitionSpec
    >>> loss = jax.shard_map(
    ...     lambda z, t: ogive.jax.vocab_parallel_cross_entropy(z, t, "classes"),
    ...     mesh=mesh, in_specs=(of(None, "classes"), of()), out_specs=of())
    >>> print(loss(jnp.array([[1.0, 2.0, 3.0]]), jnp.array([2])))
    0.40760598
    """
    how = checks.checked_reduction(reduction)
    ignored = checks.checked_ignore_index(ignore_index)
    own = z.shape[-1]
    wide = z.astype(jnp.promote_types(z.dtype, jnp.float32))
    classes = own * jax.lax.psum(1, axis_name)
    first = jax.lax.axis_index(axis_name) * own
    counts = jnp.full(target.shape, True) if ignored is None else target != ignored
    good = (target >= 0) & (target < classes)
    here = jnp.arange(own) == (jnp.where(good, target, 0) - first)[..., None]
    most = jax.lax.pmax(jnp.max(jax.lax.stop_gradient(wide), -1), axis_name)
    most = jnp.where(jnp.isfinite(most), most, 0)
    of_label = jax.lax.psum(jnp.sum(jnp.where(here, wide, 0), -1), axis_name)
    # Relative to the label where it is the likeliest: the sum over the others is then small, and
    # log1p keeps it.
    confident = of_label >= most
    origin = jnp.where(confident, of_label, most)
    others = jnp.where(here, 0, jnp.exp(wide - origin[..., None]))
    rest = jax.lax.psum(jnp.sum(others, -1), axis_name)
    gap = jnp.where(
        confident, jnp.log1p(rest),
        jnp.log(rest + jnp.exp(of_label - origin)) + (origin - of_label),
    )  # fmt: skip
    loss = gap
    if label_smoothing:
        mean = jax.lax.psum(jnp.sum(wide - of_label[..., None], -1), axis_name) / classes
        loss = loss - label_smoothing * mean
    if z_loss:
        loss = loss + z_loss * (gap + of_label) ** 2
    loss = jnp.where(counts, jnp.where(good, loss, jnp.nan), 0)
    if how == "none":
        return loss.astype(z.dtype)
    total: Any = 1.0
    if how == "mean":
        kept = jnp.sum(counts.astype(loss.dtype))
        total = jnp.where(kept == 0, jnp.inf, kept)
    return (jnp.sum(loss) / total).astype(z.dtype)
