"""Layers and losses as Equinox modules, and `swap` for models that hold functions of `jax.nn`."""

from __future__ import annotations

from typing import Any

try:
    import equinox as eqx
except ImportError as _error:
    raise ImportError("ogive.jax.equinox needs Equinox: pip install equinox") from _error
import jax
import jax.numpy as jnp

from ._layers import Layer, layers
from ._replace import Swapped


class OfFunction(eqx.Module):
    """A function of the catalog with its options."""

    function: Any = eqx.field(static=True)
    options: dict[str, Any] = eqx.field(static=True)

    def __init__(self, **options: Any):
        self.options = type(self).layer.checked(options)  # type: ignore[attr-defined]
        self.function = type(self).layer.function  # type: ignore[attr-defined]

    def __call__(self, *arrays: Any, key: Any = None) -> Any:
        """The function of the arrays; Equinox hands every layer a key."""
        return type(self).layer.call(arrays, self.options, key)  # type: ignore[attr-defined]


class Learned(eqx.Module):
    """A function with a parameter that is trained, one number or one for each channel."""

    weight: jax.Array

    def __init__(self, num_parameters: int = 1, init: float | None = None):
        parameter = type(self).layer.learned  # type: ignore[attr-defined]
        start = parameter.default if init is None else init
        self.weight = jnp.full((num_parameters,), float(start))

    def __call__(self, x: Any, *, key: Any = None) -> Any:
        """The function, with channels last."""
        return type(self).layer.function(x, self.weight)  # type: ignore[attr-defined]


def _made(layer: Layer) -> type[eqx.Module]:
    base = Learned if layer.learned is not None else OfFunction
    made = type(layer.title, (base,), {"__doc__": layer.summary, "__module__": __name__})
    made.layer = layer  # type: ignore[attr-defined]
    return made


_CLASSES = {layer.title: _made(layer) for layer in layers()}
globals().update(_CLASSES)
__all__ = [*_CLASSES, "swap"]


def swap(model: Any) -> Swapped:
    """A copy of a model in which functions of `jax.nn` that it holds are Ogive's.

    Parameters
    ----------
    model
        An Equinox module, or any pytree with functions as leaves.

    Returns
    -------
    Swapped
        ``.model`` is the copy; printing it shows what was changed and what was left.

    Examples
    --------
    >>> import jax, equinox as eqx, ogive.jax.equinox
    >>> mlp = eqx.nn.MLP(2, 1, 8, 1, activation=jax.nn.silu, key=jax.random.key(0))
    >>> ogive.jax.equinox.swap(mlp).changed
    [('.activation', 'jax.nn.silu', 'ogive.jax.silu')]
    """
    done = Swapped(model)
    done.model = jax.tree_util.tree_map_with_path(
        lambda path, leaf: done.note(jax.tree_util.keystr(path), leaf), model
    )
    return done
