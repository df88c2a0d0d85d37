"""Builds the public functions from the op table and the cards, each on first access."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .. import catalog
from ..calls import loop, rules
from ..calls.ufuncs import once
from . import gated, heads, lean, rows, unary
from .docstrings import docstring

PUBLIC_MODES = (
    "value", "derivative", "second_derivative", "backward", "backward_from_output", "lean",
    "lean_backward", "jacobian", "value_and_grad", "value_grad_hess",
)  # fmt: skip


def namespace(module: str, mode: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of the module that holds one mode of every function."""

    def names() -> list[str]:
        return [name for name in catalog.kinds() if mode in modes(name)]

    def function(name: str) -> Any:
        if name not in catalog.kinds() or mode not in modes(name):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        built = build(name, mode)
        setattr(sys.modules[module], name, built)
        return built

    return function, names


@cache
def modes(name: str) -> tuple[str, ...]:
    """The public modes of a function, derived from its kernel."""
    kernel, kind = loop.modes(name), catalog.kinds()[name]
    if kind == "heads":
        has = {"value", "value_and_grad"} if kernel else set()
        if any(loop.loop(name, each).has_hessian for each in kernel):
            has.add("value_grad_hess")
    elif kind == "rows":
        has = {*kernel, "jacobian"} if kernel else set()
    else:
        has = set(kernel)
    return tuple(mode for mode in PUBLIC_MODES if mode in has)


@once
def build(name: str, mode: str) -> Any:
    """The public object for one mode of one function."""
    card = catalog.find(name)
    if card.kind == "heads":
        built = heads.function(card, mode)
    elif card.kind == "rows":
        built = rows.function(card, mode)
    elif card.kind == "gated":
        built = gated.function(card, mode)
    elif mode in rules.LEAN:
        built = lean.function(card, mode)
    else:
        built = unary.function(card, mode)
    if isinstance(built, np.ufunc):
        return built
    public = "ogive" if mode == "value" else f"ogive.{mode}"
    built.__name__ = built.__qualname__ = name
    built.__module__ = public
    built.__doc__ = docstring(card, mode)
    return built
