"""Layers and losses as Flax NNX modules, and `swap` for models that hold functions of `jax.nn`."""

from __future__ import annotations

from typing import Any

try:
    from flax import nnx
except ImportError as _error:
    raise ImportError("ogive.jax.nnx needs Flax: pip install flax") from _error
import jax.numpy as jnp

from ._layers import Layer, layers
from ._replace import Swapped


class OfFunction(nnx.Module):
    """A function of the catalog with its options; random ones draw from ``rngs``."""

    layer: Layer

    def __init__(self, *, rngs: Any = None, **options: Any):
        self.options = self.layer.checked(options)
        self.rngs = rngs

    def __call__(self, *arrays: Any) -> Any:
        """The function of the arrays."""
        key = None
        if self.layer.card.draws and self.rngs is not None:
            key = self.rngs()
        return self.layer.call(arrays, dict(self.options), key)


class Learned(nnx.Module):
    """A function with a parameter that is trained, one number or one for each channel."""

    layer: Layer

    def __init__(self, num_parameters: int = 1, init: float | None = None, *, rngs: Any = None):
        assert self.layer.learned is not None
        start = self.layer.learned.default if init is None else init
        self.weight = nnx.Param(jnp.full((num_parameters,), float(start)))

    def __call__(self, x: Any) -> Any:
        """The function, with channels last."""
        return self.layer.function(x, self.weight[...])


def _made(layer: Layer) -> type[Any]:
    base = Learned if layer.learned is not None else OfFunction
    body = {"__doc__": layer.summary, "__module__": __name__, "layer": layer}
    return type(layer.title, (base,), body)


_CLASSES = {layer.title: _made(layer) for layer in layers()}
globals().update(_CLASSES)
__all__ = [*_CLASSES, "swap"]


def swap(model: Any) -> Swapped:
    """Puts Ogive's functions in the place of those of `jax.nn` that a model holds, in the model.

    Parameters
    ----------
    model : flax.nnx.Module
        The model: attributes, and items of lists, that are such functions are replaced.

    Returns
    -------
    Swapped
        Printing it shows what was changed and what was left; ``.model`` is the model.

    Examples
    --------
    >>> import jax, ogive.jax.nnx
    >>> from flax import nnx
    >>> model = nnx.Sequential(nnx.Linear(2, 8, rngs=nnx.Rngs(0)), jax.nn.silu)
    >>> ogive.jax.nnx.swap(model).changed
    [('layers.1', 'jax.nn.silu', 'ogive.jax.silu')]
    """
    done = Swapped(model)
    for path, node in nnx.iter_graph(model):
        if isinstance(node, nnx.Module):
            attributes = [(k, v) for k, v in vars(node).items() if not k.startswith("_")]
            for name, value in attributes:
                _replace(done, node, name, value, ".".join(map(str, (*path, name))))
    return done


def _replace(done: Swapped, holder: Any, name: str, value: Any, path: str) -> None:
    if isinstance(value, list | nnx.List):
        for k, item in enumerate(value):
            if _is_function(item):
                value[k] = done.note(f"{path}.{k}", item)
    elif isinstance(value, tuple):
        items = [done.note(f"{path}.{k}", v) if _is_function(v) else v for k, v in enumerate(value)]
        if any(a is not b for a, b in zip(items, value, strict=True)):
            setattr(holder, name, tuple(items))
    elif _is_function(value):
        new = done.note(path, value)
        if new is not value:
            setattr(holder, name, new)


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type | nnx.Module | nnx.Variable)
