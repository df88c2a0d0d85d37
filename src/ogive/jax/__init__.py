"""The catalog in JAX: the same names and, on the CPU, the same bits as in NumPy.

    y = ogive.jax.gelu(x)                  loss = ogive.jax.cross_entropy(z, labels)
    dx = ogive.jax.backward.gelu(dy, x)    jax.jit(jax.grad(ogive.jax.cross_entropy))(z, labels)

Every transform of JAX works: jit, grad, jvp, vmap, checkpoint, scan, export, sharding. On the CPU
the kernels run on XLA's threads; elsewhere the cards' formulas in XLA's operations.
"""

from __future__ import annotations

import importlib
from typing import Any

try:
    import jax as _jax  # noqa: F401
except ImportError as _error:
    raise ImportError("ogive.jax needs JAX: pip install jax") from _error

from ._config import config
from ._parallel import vocab_parallel_cross_entropy
from ._public import MODES as _MODES
from ._public import namespace
from ._random import key_seed

_of_catalog, _names = namespace("value")
__all__ = [*_names(), "config", "key_seed", "vocab_parallel_cross_entropy"]


def __getattr__(name: str) -> Any:
    if name in _MODES:
        return importlib.import_module(f"{__name__}.{name}")
    return _of_catalog(name)


def __dir__() -> list[str]:
    return [*__all__, *_MODES]
