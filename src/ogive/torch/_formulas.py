"""A card's formula as torch operations: for devices without a kernel, and for derivatives of any
order.

Cards state mathematics and care for no overflow. Here an exponential stays a logarithm until it is
added to something, so that the same text is stable: ``exp(a)/sum(exp(b))`` is ``exp(a - lse(b))``.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ogive

from ..catalog import Card, find
from ..formula import tape
from ._formats import HALVES


class Exponential:
    """sign · e^log for a tensor `log`; the sign is 1 or -1."""

    def __init__(self, log: Tensor, sign: int = 1):
        self.log, self.sign = log, sign

    def tensor(self) -> Tensor:
        return self.sign * self.log.exp()

    def __neg__(self) -> Exponential:
        return Exponential(self.log, -self.sign)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Exponential):
            return Exponential(self.log + other.log, self.sign * other.sign)
        return self.tensor() * other

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Exponential):
            return Exponential(self.log - other.log, self.sign * other.sign)
        return self.tensor() / other

    def __rtruediv__(self, other: Any) -> Any:
        inverse = Exponential(-self.log, self.sign)
        return inverse if _is_one(other) else other * inverse.tensor()

    def __add__(self, other: Any) -> Any:
        if _is_one(other) and self.sign == 1:
            return Exponential(torch.logaddexp(self.log, torch.zeros_like(self.log)))
        return self.tensor() + (other.tensor() if isinstance(other, Exponential) else other)

    def __rsub__(self, other: Any) -> Any:
        if _is_one(other) and self.sign == 1:  # 1 - e^log, right where log is near 0
            return -torch.expm1(self.log)
        return other - self.tensor()

    def __sub__(self, other: Any) -> Any:
        return self + -other

    __rmul__, __radd__ = __mul__, __add__


def _is_one(x: Any) -> bool:
    return isinstance(x, (int, float)) and x == 1


class Row(list[Any]):
    """The numbers of a row as a list of one: a tensor whose last axis they are.

    Formulas go over a row element by element; so they go over all rows at once.
    """

    def __init__(self, values: Any, length: int):
        super().__init__([values])
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        return iter([super().__getitem__(0)])

    def __getitem__(self, label: Any) -> Any:
        """The element of each row that its label, (…, 1), names."""
        values = super().__getitem__(0)
        if values.dim() == 1:
            return values[label]
        return torch.gather(values, -1, label)


def _value(x: Any) -> Any:
    return x.tensor() if isinstance(x, Exponential) else x


class Context:
    """The mathematics of formulas, over tensors."""

    pi = math.pi

    @staticmethod
    def exp(x: Any) -> Any:
        return Exponential(x) if isinstance(x, Tensor) else math.exp(x)

    const = float

    @staticmethod
    def expm1(x: Any) -> Any:
        return torch.expm1(x) if isinstance(x, Tensor) else math.expm1(x)

    @staticmethod
    def log(x: Any) -> Any:
        return x.log if isinstance(x, Exponential) else torch.log(x)

    @staticmethod
    def log1p(x: Any) -> Any:
        if isinstance(x, Exponential) and x.sign == 1:
            return torch.logaddexp(x.log, torch.zeros_like(x.log))
        return torch.log1p(_value(x))

    @staticmethod
    def erf(x: Any) -> Any:
        return torch.erf(x)

    @staticmethod
    def erfc(x: Any) -> Any:
        return torch.erfc(x)

    @staticmethod
    def tanh(x: Any) -> Any:
        return torch.tanh(x)

    @staticmethod
    def sqrt(x: Any) -> Any:
        return torch.sqrt(x) if isinstance(x, Tensor) else math.sqrt(x)

    @staticmethod
    def sum(values: list[Any]) -> Any:
        (x,) = values  # a row
        if isinstance(x, Exponential):
            return Exponential(torch.logsumexp(x.log, -1, keepdim=True), x.sign)
        return x.sum(-1, keepdim=True)

    @staticmethod
    def split(x: Any, c: Any, below: Any, above: Any) -> Any:
        if not isinstance(x, Tensor):
            return below if x <= c else above
        below, above = _value(below), _value(above)
        if not isinstance(below, Tensor):  # two numbers would be taken for the default dtype's
            below = torch.as_tensor(below, dtype=x.dtype, device=x.device)
        y: Tensor = torch.where(x <= c, below, above)
        return y.to(x.dtype)

    @staticmethod
    def threshold(values: list[Any], power: int) -> Any:
        """tau for which the sum of (x_j - tau)^power over x_j > tau is 1, from sorted prefixes."""
        (x,) = values
        falling = x.sort(-1, descending=True).values
        count = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype, device=x.device)
        mean = falling.cumsum(-1) / count
        spread = (falling * falling).cumsum(-1) / count - mean * mean

        def tau(count: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
            if power == 1:
                return mean - 1 / count
            return mean - torch.sqrt(torch.clamp(1 / count - spread, min=0))

        # x_(k) > tau_k holds for the first so many; the last of them closes the support. Only its
        # tau is differentiated: the root of another may be one of 0.
        inside = (falling > tau(count, mean, spread)).detach() | (count == 1)
        last = inside.sum(-1, keepdim=True) - 1
        return tau((last + 1).to(x.dtype), mean.gather(-1, last), spread.gather(-1, last))


CONTEXT = Context()


def _either(of_tensor: Callable[[Tensor], Tensor], of_number: Callable[[float], float]) -> Any:
    return staticmethod(lambda a: of_tensor(a) if isinstance(a, Tensor) else of_number(a))


class Steps(Context):
    """The operations of a tape, over tensors: each result by itself, without a derivative."""

    exp = _either(torch.exp, math.exp)
    log = _either(torch.log, math.log)
    log1p = _either(torch.log1p, math.log1p)
    logistic = staticmethod(torch.sigmoid)
    sqrt = _either(torch.sqrt, math.sqrt)

    @staticmethod
    def softplus(a: Tensor) -> Tensor:
        return torch.logaddexp(a, torch.zeros_like(a))

    @staticmethod
    def sech2(a: Tensor) -> Tensor:
        return 1 / torch.cosh(a).square()

    @staticmethod
    def gauss(a: Tensor) -> Tensor:
        return 2 / math.sqrt(math.pi) * torch.exp(-a * a)

    @staticmethod
    def tanh_gap(a: Tensor) -> Tensor:
        return a - torch.tanh(a)

    @staticmethod
    def root_sum(a: Tensor, c: float) -> Tensor:
        root = torch.sqrt(a * a + c)
        return torch.where(a < 0, c / (root - a), a + root)

    @staticmethod
    def root_share(a: Tensor, c: float) -> Tensor:
        root = torch.sqrt(a * a + c)
        return torch.where(a < 0, c / (root - a) / root, 1 + a / root)


STEPS = Steps()


def derivative(card: Card, order: int) -> Callable[..., Tensor]:
    """f's derivative of an order, of (x, *parameters), in float64. Where steps overflow on the way
    it has vanished long since.
    """
    program = tape.with_parameters(card.name, (order,))

    def function(x: Tensor, *parameters: float) -> Tensor:
        wide = x.double()
        (found,) = program.run(STEPS, [wide, *parameters])
        if not isinstance(found, Tensor):
            found = torch.full_like(wide, found)
        found = torch.where(found.isnan() & ~wide.isnan(), 0, found)
        return found.expand(x.shape).to(x.dtype)

    return function


def unary(card: Card) -> Callable[..., Tensor]:
    """f(x, *parameters) by torch's own function, or by the card's formula where torch has none."""
    for peer in card.peers:
        if peer.framework == "torch":
            function = peer_function(peer.name, "x")
            if not isinstance(function, type):  # a module, as for identity
                return function
    return lambda x, *parameters: _value(card.formula(CONTEXT, x, *parameters))


def slope_from_output(card: Card) -> Callable[..., Tensor] | None:
    """f'(x) from y = f(x) and the parameters, derived from the formula. None where y does not tell
    it, where it is the same for all, or a root, whose own slope at 0 is infinite.
    """
    program = tape.from_output(card.name)
    if program is None or program.nodes[program.results[0]].op == "const":
        return None
    if any(node.op == "sqrt" for node in program.nodes):
        return None

    def slope(y: Tensor, *parameters: float) -> Tensor:
        (found,) = program.run(CONTEXT, [y, *parameters])
        return _value(found)  # type: ignore[no-any-return]

    return slope


def peer_function(text: str, variable: str) -> Callable[..., Tensor]:
    """The function that a card names as torch's: a path, a path with options, or an expression."""
    tree = ast.parse(text, mode="eval").body
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if variable in names:
        code = f"lambda {variable}: {text}"
    elif isinstance(tree, ast.Call):
        options = ", ".join(ast.unparse(word) for word in tree.keywords)
        code = f"lambda x, *rest: {ast.unparse(tree.func)}(x, *rest, {options})"
    else:
        code = text
    function: Callable[..., Tensor] = eval(
        compile(code, f"<ogive {text}>", "eval"), {"torch": torch}
    )
    return function


def gated(card: Card) -> Callable[[Tensor, Tensor], Tensor]:
    gate = unary(find(card.gate))
    return lambda a, b: a * gate(b)


def rows(card: Card) -> Callable[..., Tensor]:
    """f(x, temperature, where) along the last axis."""
    reverses, shifts = (
        claim in card.row_claims for claim in ("order_reversing", "shift_invariant")
    )
    nothing = getattr(ogive, card.name)([0.0], where=[False])
    of_nothing, reduces = float(np.ravel(nothing)[0]), np.ndim(nothing) == 0

    def function(x: Tensor, temperature: Any = 1.0, where: Tensor | None = None) -> Tensor:
        z = wide(x)
        if not z.shape[-1]:
            return (z.sum(-1) + of_nothing if reduces else z).to(x.dtype)
        if isinstance(temperature, Tensor):
            temperature = temperature.unsqueeze(-1)
        if where is not None:
            where = where.expand(x.shape)
            z = torch.where(where, z, 0)  # what is masked has no derivative by the temperature
        z = apart(z / temperature, where, reverses, shifts)
        found = card.formula(CONTEXT, Row(z, x.shape[-1]))
        y: Tensor = _value(found).squeeze(-1) if reduces else _value(found[0])
        if where is not None:
            y = torch.where(where.any(-1) if reduces else where, y, of_nothing)
        return y.to(x.dtype)

    return function


def apart(z: Tensor, where: Tensor | None, reverses: bool, shifts: bool) -> Tensor:
    """Rows from their largest element down, or from the smallest up, where only differences count,
    so that none is lost to rounding; and what is masked so far from the others that it has no
    share, at a number, since even 0 times an infinity would spoil the row's derivatives.
    """
    sign = -1 if reverses else 1
    falling = sign * z.detach()
    if where is not None:
        falling = torch.where(where, falling, -math.inf)
    most = falling.amax(-1, keepdim=True)
    if shifts:
        z = z - sign * torch.where(most.isfinite(), most, 0)
        most = torch.where(most.isfinite(), 0, most)
    if where is None:
        return z
    below = most - most.abs() - 1e4
    # Of an infinite one the row's values tell, and of a NaN; a row of nothing is replaced whole.
    below = torch.where(most == math.inf, 0, torch.where(below.isfinite(), below, most))
    return torch.where(where, z, sign * torch.where(where.any(-1, keepdim=True), below, 0))


def pull_back(card: Card) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """dx from (dy, y, temperature) along the last axis."""

    def function(dy: Tensor, y: Tensor, temperature: Any = 1.0) -> Tensor:
        n = y.shape[-1]
        if not n:
            return dy
        (dx,) = card.pull_back(CONTEXT, Row(wide(dy), n), Row(wide(y), n))  # type: ignore[misc]
        if isinstance(temperature, Tensor):
            temperature = temperature.unsqueeze(-1)
        return (_value(dx) / temperature).to(y.dtype)  # type: ignore[no-any-return]

    return function


def head(card: Card, over_rows: bool) -> Callable[..., Tensor]:
    """Losses of (z, target, **options): one a row of logits, classes last, or one an element.

    ``target`` are probabilities, or labels of rows of which those below 0 count nothing.
    """
    taken = inspect.signature(card.formula).parameters
    numbers = {p.name for p in card.parameters if p.operand}

    def function(z: Tensor, target: Tensor, **options: Any) -> Tensor:
        z = wide(z)
        given = {k: v for k, v in options.items() if k in taken and (v is not None or k in numbers)}
        gamma = given.get("gamma")  # of which a tensor may learn, or differ from sample to sample
        if isinstance(gamma, Real) and float(gamma).is_integer():
            given["gamma"] = int(float(gamma))  # whole powers are products
        for name in card.weights:
            if isinstance(given.get(name), Tensor):
                given[name] = given[name].to(z.dtype)
        if not over_rows:
            losses: Tensor = card.formula(CONTEXT, z, target.to(z.dtype), **given)
            return losses
        classes = z.shape[-1]
        given |= {name: Row(given[name], classes) for name in card.weights if name in given}
        t = target.to(z.dtype)
        if target.shape != z.shape:
            # Scattered, so that a label that is no class is an error where labels can be read.
            label = target.long().clamp(min=0).unsqueeze(-1)
            if "label" in taken:
                given["label"] = label
            t = torch.zeros_like(z).scatter(-1, label, 1.0)
        loss: Tensor = card.formula(CONTEXT, Row(z, classes), Row(t, classes), **given).squeeze(-1)
        return loss if target.shape == z.shape else torch.where(target < 0, 0.0, loss)

    return function


def wide(x: Tensor) -> Tensor:
    """Halves as float32: sums of them keep too few digits."""
    return x.float() if x.dtype in HALVES else x
