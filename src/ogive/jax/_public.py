"""Every function of the catalog in JAX, by mode and name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from .. import catalog
from .._numpy.docstrings import Framework, docstring
from ..calls.loop import modes
from . import _elementwise, _losses, _rows

JAX = Framework(
    package="ogive.jax", imports="jax, jax.numpy as np, ogive.jax",
    slope="jax.vmap(jax.grad({f}))(x)", takes_results=False,
)  # fmt: skip
MODES = (
    "derivative", "second_derivative", "backward", "backward_from_output", "value_and_grad",
)  # fmt: skip
"""Beside values: each a module of its name."""


@cache
def found(name: str, mode: str = "value") -> Callable[..., Any] | None:
    """A function's mode, or None where it has no such mode."""
    if name not in catalog.kinds():
        return None
    card = catalog.find(name)
    made = None
    if card.kind == "heads":
        if mode in ("value", "value_and_grad"):
            if card.layer:
                from . import _linear

                made = _linear.function(card, mode)
            else:
                made = _losses.function(card, mode)
    elif card.kind == "rows":
        made = _rows.function(card) if mode == "value" else None
    elif mode in modes(name):
        made = _elementwise.function(card, mode)
    if made is not None:
        made.__module__ = __package__ if mode == "value" else f"{__package__}.{mode}"
        made.__qualname__ = made.__name__ = name
        made.__doc__ = docstring(card, mode, JAX)
    return made


def names(mode: str) -> list[str]:
    return [name for name in catalog.names() if found(name, mode) is not None]


def namespace(mode: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of the module that holds one mode of every function."""
    module = __package__ if mode == "value" else f"{__package__}.{mode}"

    def function(name: str) -> Any:
        made = found(name, mode)
        if made is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        setattr(sys.modules[module], name, made)
        return made

    return function, lambda: names(mode)
