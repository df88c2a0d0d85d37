"""Seeds: the numbers that NumPy draws from one, JAX draws too."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..calls.checks import seed_key


def seed_of(name: str, seed: Any) -> Any:
    """What kernels draw from: an integer, or an array of one, or a key of `jax.random`, which
    stands for the integer `ogive.jax.key_seed(key)`.
    """
    if isinstance(seed, jax.Array):
        if jnp.issubdtype(seed.dtype, jax.dtypes.prng_key) or seed.dtype == jnp.uint32:
            return key_seed(seed) if seed.ndim or seed.dtype != jnp.uint32 else seed
        if jnp.issubdtype(seed.dtype, jnp.integer):
            return seed
        raise TypeError(f"{name}: seed must be an integer or a key, not of dtype {seed.dtype}")
    return int(seed_key(name, seed))


def key_seed(key: Any) -> Any:
    """The seed that a key of `jax.random` stands for: 32 random bits.

    Parameters
    ----------
    key
        A key, new or old style.

    Returns
    -------
    jax.Array
        A uint32, which ``ogive.rrelu(x, training=True, seed=int(...))`` takes too.

    Examples
    --------
    >>> import jax, ogive.jax
    >>> ogive.jax.key_seed(jax.random.key(0)).dtype
    dtype('uint32')
    """
    return jax.random.bits(key, (), jnp.uint32)
