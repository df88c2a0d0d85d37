"""The card: what a function is, what it claims, and what others call it. It reads no file."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

Kind = Literal["unary", "gated", "rows", "heads"]
Role = Literal[
    "number",  # a real number; of unary functions and rows also an array of them
    "weights",  # losses: an array of weights, of classes or of elements
    "axis",
    "mask",  # an array of bool
    "seed",
    "switch",  # True or False
    "label",  # the label of rows that do not count
    "reduction",
    "bias",  # layers: an array, one number for each class
    "choice",  # one of a few words
    "count",  # a positive integer
]

BELOW_ZERO = -math.ulp(0.0)
"""The lower end of a domain to which 0 itself belongs."""
ABOVE_ONE = math.nextafter(1.0, math.inf)
"""The upper end of a domain to which 1 itself belongs."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a function, after ``x`` (unary) or by keyword (rows, heads)."""

    name: str
    default: Any
    doc: str
    """One sentence, without the default."""
    domain: tuple[float, float] = (-math.inf, math.inf)
    """Open interval of values for which the formula makes sense; others raise a ValueError."""
    role: Role = "number"
    """What kind of argument it is."""
    learnable: bool = False
    """True where networks train it: ``backward`` then returns its gradient after dx."""
    as_operands: Callable[[float | None], tuple[float, ...]] | None = None
    """Losses: what the kernel takes in place of the number, which may then be None."""
    unweighted: bool = False
    """Losses: the factor of a term that weights of classes do not multiply."""
    any_sign: bool = False
    """The output determines the slope where the parameter is negative too."""
    symbol: str = ""
    """How mathematics writes it, where that is shorter than its name."""

    @property
    def operand(self) -> bool:
        """A number, which formula and kernel take."""
        return self.role == "number"

    @property
    def interval(self) -> str:
        """The domain as mathematics writes it."""
        low, high = self.domain
        left = "[0" if low is BELOW_ZERO else f"({low:g}"
        return left + (", 1]" if high is ABOVE_ONE else f", {high:g})")

    def fits(self, x: str) -> str:
        """The condition, in Python, that a number is in the domain. A processor that flushes
        subnormals does not tell BELOW_ZERO from 0, so an end that belongs to it is compared by <=.
        """
        low, high = self.domain
        left = "0.0 <=" if low is BELOW_ZERO else f"{low!r} <"
        return f"{left} {x} {'<= 1.0' if high is ABOVE_ONE else f'< {high!r}'}"

    def holds(self, x: Any) -> Any:
        """Whether a number is in the domain; for an array, which are."""
        low, high = self.domain
        above = x >= 0 if low is BELOW_ZERO else x > low
        return above & (x <= 1 if high is ABOVE_ONE else x < high)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The same function in another framework, and where that one differs."""

    framework: str
    name: str
    differs: str = ""
    ignored: tuple[tuple[str, float], ...] = ()
    """Arguments of its that Ogive's function, called from that framework, takes to no effect, after
    its own; with the peer's defaults."""


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
    """sup |f'|, where f has a derivative."""
    smoothness: float
    """Continuous derivatives everywhere: 0 for ReLU, 1 for ELU at alpha 1, inf for tanh; -1 where
    f itself jumps."""
    breaks: tuple[float, ...] = ()
    """Where the formula changes branch; quadrature splits here."""
    derivative_at_breaks: tuple[float, ...] = ()
    """The derivative Ogive returns at each break."""
    second_derivative_at_breaks: tuple[float, ...] = ()
    """The second derivative it returns there: one-sided, of the branch that gives the derivative.
    Left out where the branches are straight lines: such a function has no second derivative."""


class Display(Protocol):
    """What shows a card: as text in an interpreter, by rich, in a notebook."""

    def text(self, card: Card) -> str: ...

    def renderables(self, card: Card, width: int) -> Iterable[Any]:
        """What rich prints, for a terminal of so many columns."""

    def html(self, card: Card) -> str:
        """A fragment for a notebook."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Card:
    """Everything about one function that is not its floating-point algorithm.

    An interpreter shows it as text; rich and notebooks show it with a plot.
    """

    display: ClassVar[Callable[[], Display]]
    """Set by the package, since what shows a card (reports) lies above the catalog."""
    name: str
    """The key everywhere: file stem, C++ struct, ufunc, CLI argument, test id."""
    kind: Kind
    title: str
    """As its framework spells the class: GELU, SiLU, LeakyReLU."""
    summary: str
    """One line, a full sentence."""
    formula: Callable[..., Any]
    """The definition over a math context: ``formula(m, x, *parameters)`` for unary functions,
    ``formula(m, a, b)`` for gated ones, ``formula(m, x)`` with a list of logits for rows,
    ``formula(m, z, t, **options)`` for heads."""
    inputs: tuple[tuple[str, str], ...] = ()
    """Heads that take other arrays than (z, target): name and one sentence for each, in order."""
    loss_of: str = ""
    """Of such a head, the loss of the logits that it makes."""
    parameters: tuple[Parameter, ...] = ()
    ordered: tuple[str, ...] = ()
    """Two parameters of which the first must not exceed the second."""
    aliases: tuple[str, ...] = ()
    claims: Claims | None = None
    """Unary functions only."""
    pull_back: Callable[..., Any] | None = None
    """Rows whose output determines it: dy times the Jacobian, as ``pull_back(m, dy, y)`` of lists,
    for logits over a temperature of 1."""
    gate: str = ""
    """Gated functions only: the unary function f in y = a f(b)."""
    row_claims: tuple[str, ...] = ()
    """All others: the names of the properties in tests/test_claims.py that hold."""
    peers: tuple[Peer, ...] = ()
    papers: tuple[str, ...] = ()
    """Author, title, year, arXiv or DOI."""
    edges: str = ""
    """What happens at NaN, infinities and kinks, where a reader might guess wrong."""
    notes: str = ""
    """What a user should know before choosing it."""
    recomputes: bool = False
    """Heads whose gradient from labels, without other options, costs less to compute once more than
    to keep."""
    returns: str = ""
    """Heads whose ``value_and_grad`` returns other than (loss, dz): what it returns."""
    out: str = ""
    """What such a head takes as ``out``."""
    hessians: tuple[tuple[str, str], ...] = ()
    """Heads with ``value_grad_hess``: what each kind of diagonal Hessian is."""

    @property
    def draws(self) -> bool:
        """It is random: a seed is among its parameters."""
        return self.has("seed")

    @property
    def learns(self) -> bool:
        """Networks train one of its parameters."""
        return any(p.learnable for p in self.parameters)

    @property
    def layer(self) -> bool:
        """A loss that takes other arrays than (z, target)."""
        return bool(self.inputs)

    @property
    def over_rows(self) -> bool:
        """Each result follows from a whole row; in losses, from the logits of all classes."""
        return self.layer or self.has("axis")

    @property
    def takes_label(self) -> bool:
        """The formula of a loss takes the label of a row, where there is one, beside the row of
        probabilities.
        """
        return "label" in inspect.signature(self.formula).parameters

    @property
    def weights(self) -> tuple[str, ...]:
        """The names of its parameters that are arrays of weights."""
        return self.named("weights")

    def has(self, role: Role) -> bool:
        """Whether one of its parameters is of that kind."""
        return any(p.role == role for p in self.parameters)

    def named(self, *roles: Role) -> tuple[str, ...]:
        """The names of its parameters of some kinds."""
        return tuple(p.name for p in self.parameters if p.role in roles)

    def __repr__(self) -> str:
        return type(self).display().text(self)

    def __rich_console__(self, console: Any, options: Any) -> Any:
        return type(self).display().renderables(self, options.max_width)

    def _repr_html_(self) -> str:
        return type(self).display().html(self)
