"""Activation functions and losses: value, derivative and backward, within known errors.

    y = ogive.gelu(x)                              dx = ogive.backward.gelu(dy, x)
    loss, dz = ogive.value_and_grad.cross_entropy(z, target)

Every function of the catalog is an attribute here; ``ogive.catalog()`` lists their cards.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import (
    backward,
    backward_from_output,
    catalog,
    derivative,
    jacobian,
    lean,
    lean_backward,
    objectives,
    second_derivative,
    value_and_grad,
    value_grad_hess,
)
from ._native import get_num_threads, isa, set_num_threads
from ._numpy.api import namespace
from ._version import __version__
from .catalog import find as card

if TYPE_CHECKING:
    from types import ModuleType

    from .catalog import Card

__all__ = [
    "__version__",
    "backward",
    "backward_from_output",
    "card",
    "catalog",
    "conventions",
    "derivative",
    "gain",
    "get_num_threads",
    "isa",
    "jacobian",
    "lean",
    "lean_backward",
    "objectives",
    "second_derivative",
    "set_num_threads",
    "value_and_grad",
    "value_grad_hess",
]


def gain(activation: str | Card, **parameters: float) -> float:
    """The factor on 1/sqrt(fan_in) weights that keeps a layer's mean square at 1.

    ``1/sqrt(E f(z)^2)`` for z ~ N(0, 1), by quadrature to a relative error of 1e-12; see
    :func:`ogive.predict.gain`.
    """
    from .predict import gain as exact_gain  # imported on demand, since it needs the cards

    return exact_gain(activation, **parameters)


def _display() -> ModuleType:
    """The module that displays cards and study results, which do not import the report."""
    from .report import display  # imported on demand, since most programs display nothing

    return display


catalog.Card.display = staticmethod(_display)
_function, _names = namespace(__name__, "value")


def __getattr__(name: str) -> Any:
    if name in ("predict", "study", "watch"):  # imported on demand, since they need more than NumPy
        return import_module(f".{name}", __name__)
    if name == "conventions":  # a table to read, which no computation needs
        return import_module(".catalog.conventions", __name__).conventions
    return _function(name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_names()])
