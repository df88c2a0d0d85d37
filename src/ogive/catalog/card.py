"""The card: what a function is, what it claims, and what others call it. No logic lives here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["unary", "rows", "heads"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a function, after ``x`` (unary) or by keyword (rows, heads)."""

    name: str
    default: Any
    doc: str
    """One sentence, without the default."""
    domain: tuple[float, float] = (-math.inf, math.inf)
    """Open interval of values for which the formula and the claims make sense (reals only)."""
    learnable: bool = False
    """True where networks train it: ``backward`` then returns its gradient after dx."""
    operand: bool = True
    """Unary only: False for a switch or seed that no formula sees."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The same function in another framework, and where that one differs."""

    framework: str
    name: str
    differs: str = ""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Statements about a unary function at its default parameters; tests prove or refute each."""

    range: tuple[float, float]
    """(infimum, supremum) of f over the reals."""
    limits: tuple[float, float]
    """(f(-inf), f(+inf)); a zero's sign is part of the claim."""
    derivative_limits: tuple[float, float]
    """(f'(-inf), f'(+inf)); a zero's sign is not part of the claim."""
    parity: Literal["odd", "even"] | None = None
    monotone: bool = False
    """f never decreases."""
    zero_centred: bool = False
    """E f(z) = 0 for z ~ N(0, 1)."""
    lipschitz: float
    """sup |f'|."""
    smoothness: float
    """Continuous derivatives everywhere: 0 for ReLU, 1 for ELU at alpha 1, inf for tanh."""
    breaks: tuple[float, ...] = ()
    """Where the formula changes branch; quadrature splits here."""
    derivative_at_breaks: tuple[float, ...] = ()
    """The derivative Ogive returns at each break."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything about one function that is not its floating-point algorithm."""

    name: str
    """The key everywhere: file stem, C++ struct, ufunc, CLI argument, test id."""
    kind: Kind
    title: str
    """As its framework spells the class: GELU, SiLU, LeakyReLU."""
    summary: str
    """One line, a full sentence."""
    formula: Callable[..., Any]
    """The definition over a math context: ``formula(m, x, *parameters)`` for unary functions,
    ``formula(m, x)`` with a list of logits for rows, ``formula(m, z, t, **options)`` for heads."""
    inputs: tuple[tuple[str, str], ...] = ()
    """Heads that take other arrays than (z, target): name and one sentence for each, in order."""
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    claims: Claims | None = None
    """Unary functions only."""
    row_claims: tuple[str, ...] = ()
    """Rows and heads: the names of the properties in tests/test_claims.py that hold."""
    peers: tuple[Peer, ...] = ()
    papers: tuple[str, ...] = ()
    """Author, title, year, arXiv or DOI."""
    edges: str = ""
    """What happens at NaN, infinities and kinks, where a reader might guess wrong."""
    notes: str = ""
    """What a user should know before choosing it."""
    returns: str = ""
    """Heads whose ``value_and_grad`` returns other than (loss, dz): what it returns."""
    out: str = ""
    """What such a head takes as ``out``."""
    hessians: tuple[tuple[str, str], ...] = ()
    """Heads with ``value_grad_hess``: what each kind of diagonal Hessian is."""
