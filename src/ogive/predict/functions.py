"""An activation as predictions see it: a catalog's function at its parameters, or a Python one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ogive
from ogive.catalog import Card, find
from ogive.formula import tape

from .closed import DUALS, FORMS
from .errors import PredictError
from .quadrature import Floats

Activation = str | Card | Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]]
"""A name or card; or a Python function of arrays, given with its derivative."""


@dataclass(frozen=True)
class Function:
    """f and f' over arrays, and what their integration needs."""

    name: str
    value: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    breaks: tuple[float, ...]
    """Where f or a derivative of it jumps."""
    gated: bool = False
    """A layer computes v f(u) of two linear maps u and v."""
    closed: Callable[[float], tuple[float, float, float] | None] | None = None
    """E f, E f^2 and E f'^2 at a variance, where there is a closed form."""
    dual: Callable[[float, float], float] | None = None
    """E f(z1) f(z2) at a variance and a correlation, where there is one."""


def resolve(
    activation: Activation,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> Function:
    """The function that is meant.

    Raises
    ------
    PredictError
        A ValueError: unknown name (the nearest are suggested), a function of whole rows, a
        parameter it does not have or outside its domain, a Python function without its derivative.
    """
    if isinstance(activation, tuple):
        if len(activation) != 2 or not all(map(callable, activation)):
            raise PredictError("give a Python function and its derivative: (f, derivative of f)")
        activation, derivative = activation
    if isinstance(activation, (str, Card)):
        if derivative is not None or len(breaks):
            raise PredictError("derivative and breaks belong to a Python function, not to a name")
        return _of_catalog(_card(activation), parameters)
    name = getattr(activation, "__name__", type(activation).__name__)
    if not callable(activation):
        raise PredictError(f"activation must be a name, a card or a function, not {activation!r}")
    if derivative is None:
        raise PredictError(f"{name} is a Python function: give its derivative too (derivative=...)")
    return Function(
        name,
        partial(activation, **parameters),
        partial(derivative, **parameters),
        tuple(map(float, breaks)),
    )


def _card(activation: str | Card) -> Card:
    if isinstance(activation, Card):
        return activation
    try:
        return find(activation)
    except ValueError as error:
        raise PredictError(str(error)) from None


def _of_catalog(card: Card, parameters: dict[str, float]) -> Function:
    gated = card.kind == "gated"
    if gated:
        unary = find(card.gate)
        if parameters:
            raise PredictError(f"{card.name} has no parameter {next(iter(parameters))!r}")
    elif card.kind == "unary":
        unary = card
    else:
        acts = "is a loss" if card.kind == "heads" else "acts on whole rows"
        raise PredictError(
            f"{card.name} is not a unary function: it {acts}, so no single input's distribution "
            "determines its output"
        )
    _check(unary, parameters)
    given = [parameters.get(p.name, p.default) for p in unary.parameters if p.operand]
    finite = all(math.isfinite(each) for each in given)
    form = FORMS.get(unary.name) if finite else None
    dual = DUALS.get(unary.name) if finite else None
    return Function(
        card.name,
        partial(getattr(ogive, unary.name), **parameters),
        partial(getattr(ogive.derivative, unary.name), **parameters),
        _breaks(unary, given if parameters and finite else None),
        gated,
        None if form is None else lambda variance: form(variance, *given),
        None if dual is None else lambda variance, c: dual(variance, c, *given),
    )


def _breaks(card: Card, given: Sequence[float] | None) -> tuple[float, ...]:
    """Where the formula changes branch at these parameters."""
    if given is None:
        return card.claims.breaks if card.claims else ()
    return tuple(tape.unary(card.name, tuple(map(float, given)), (0,)).breaks)


def _check(card: Card, parameters: dict[str, float]) -> None:
    known = {parameter.name: parameter for parameter in card.parameters if parameter.operand}
    for name, value in parameters.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            has = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
            raise PredictError(f"{card.name} has no parameter {name!r}; {has}")
        if not known[name].holds(value):
            low, high = known[name].domain
            raise PredictError(
                f"{card.name}: {name} must lie between {low} and {high}, not {value}"
            )
