"""A card's formula in the operations of torch or JAX: where there is no kernel, and for derivatives
of any order.

Cards state mathematics and care for no overflow. Here an exponential stays a logarithm until it is
added to something, so that the same text is stable: ``exp(a)/sum(exp(b))`` is ``exp(a - lse(b))``.

A framework brings `Arrays`, an object with its functions under NumPy's names and a few of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..catalog import Card
from . import tape

Array = Any


class Arrays(Protocol):
    """What formulas need of a framework. Beside these: ``exp``, ``expm1``, ``log``, ``log1p``,
    ``tanh``, ``cosh``, ``sqrt``, ``abs``, ``logaddexp``, ``where``, ``isnan``, ``isfinite``,
    ``zeros_like``, ``full_like`` and ``broadcast_to``, as NumPy has them.
    """

    def __getattr__(self, name: str) -> Callable[..., Array]: ...
    def is_array(self, x: Any) -> bool: ...
    def cast(self, x: Array, dtype: Any) -> Array: ...
    def wide(self, x: Array) -> Array:
        """Halves as float32: sums of them keep too few digits."""

    def double(self, x: Array) -> Array: ...
    def number(self, value: float, like: Array) -> Array:
        """One number in the format of an array."""

    def constant(self, x: Array) -> Array:
        """x without a derivative."""

    def epsilon(self, x: Array) -> float:
        """The distance from 1 to the next number of x's format."""

    def erf(self, x: Array) -> Array: ...
    def erfc(self, x: Array) -> Array: ...
    def sigmoid(self, x: Array) -> Array: ...
    def at_least_0(self, x: Array) -> Array: ...

    # Along the last axis, which stays.

    def logsumexp(self, x: Array) -> Array: ...
    def total(self, x: Array) -> Array:
        """The sum; of booleans, their count."""

    def greatest(self, x: Array) -> Array: ...
    def any_of(self, mask: Array) -> Array: ...
    def falling(self, x: Array) -> Array:
        """Sorted from the largest down."""

    def running(self, x: Array) -> Array:
        """The sum of all elements up to each."""

    def places(self, x: Array) -> Array:
        """1, 2, ... n for the n elements of a row, in x's format."""

    def take(self, x: Array, index: Array) -> Array: ...
    def labels(self, target: Array) -> Array:
        """Labels as indices with an axis more; those below 0 as 0."""

    def one_hot(self, index: Array, z: Array) -> Array: ...


class Exponential:
    """sign · e^log for an array `log`; the sign is 1 or -1."""

    __array_ufunc__ = None  # an array of NumPy's leaves arithmetic with it to the methods below

    def __init__(self, m: Arrays, log: Array, sign: int = 1):
        self.m, self.log, self.sign = m, log, sign

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.log.shape)

    def array(self) -> Array:
        return self.sign * self.m.exp(self.log)

    def plus_one(self) -> Exponential:
        return Exponential(self.m, self.m.logaddexp(self.log, self.m.zeros_like(self.log)))

    def __neg__(self) -> Exponential:
        return Exponential(self.m, self.log, -self.sign)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Exponential):
            return Exponential(self.m, self.log + other.log, self.sign * other.sign)
        return self.array() * other

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Exponential):
            return Exponential(self.m, self.log - other.log, self.sign * other.sign)
        return self.array() / other

    def __rtruediv__(self, other: Any) -> Any:
        inverse = Exponential(self.m, -self.log, self.sign)
        return inverse if _is_one(other) else other * inverse.array()

    def __add__(self, other: Any) -> Any:
        if _is_one(other) and self.sign == 1:
            return self.plus_one()
        return self.array() + value(other)

    def __rsub__(self, other: Any) -> Any:
        if _is_one(other) and self.sign == 1:  # 1 - e^log, right where log is near 0
            return -self.m.expm1(self.log)
        return other - self.array()

    def __sub__(self, other: Any) -> Any:
        return self + -other

    __rmul__, __radd__ = __mul__, __add__


def _is_one(x: Any) -> bool:
    return isinstance(x, (int, float)) and x == 1


def value(x: Any) -> Any:
    return x.array() if isinstance(x, Exponential) else x


class Row(list[Any]):
    """A row as a list of one item: an array whose last axis holds its elements.

    Formulas loop over a row's elements; with this they treat all rows at once.
    """

    def __init__(self, m: Arrays, values: Any):
        super().__init__([values])
        self.m = m
        self.length: int = values.shape[-1]

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        return iter([super().__getitem__(0)])

    def __getitem__(self, label: Any) -> Any:
        """The element of each row that its label, (…, 1), names."""
        values = super().__getitem__(0)
        return values[label] if values.ndim == 1 else self.m.take(values, label)


class Context:
    """The mathematics of formulas, over arrays."""

    pi = math.pi
    const = float

    def __init__(self, m: Arrays):
        self.m = m
        self.erf, self.erfc, self.tanh = m.erf, m.erfc, m.tanh

    def exp(self, x: Any) -> Any:
        return Exponential(self.m, x) if self.m.is_array(x) else math.exp(x)

    def expm1(self, x: Any) -> Any:
        return self.m.expm1(x) if self.m.is_array(x) else math.expm1(x)

    def log(self, x: Any) -> Any:
        return x.log if isinstance(x, Exponential) else self.m.log(x)

    def log1p(self, x: Any) -> Any:
        if isinstance(x, Exponential) and x.sign == 1:
            return x.plus_one().log
        return self.m.log1p(value(x))

    def sqrt(self, x: Any) -> Any:
        return self.m.sqrt(x) if self.m.is_array(x) else math.sqrt(x)

    def sum(self, values: list[Any]) -> Any:
        (x,) = values  # a row
        if isinstance(x, Exponential):
            return Exponential(self.m, self.m.logsumexp(x.log), x.sign)
        return self.m.total(x)

    def split(self, x: Any, c: Any, below: Any, above: Any) -> Any:
        if not self.m.is_array(x):
            return below if x <= c else above
        below, above = value(below), value(above)
        if not self.m.is_array(below):  # two numbers would be taken for the default dtype's
            below = self.m.number(below, x)
        return self.m.cast(self.m.where(x <= c, below, above), x.dtype)

    def threshold(self, values: list[Any], power: int) -> Any:
        """tau for which the sum of (x_j - tau)^power over x_j > tau is 1, from sorted prefixes."""
        (x,) = values
        falling, count = self.m.falling(x), self.m.places(x)
        total = self.m.running(falling)
        mean = total / count
        spread = self.m.running(falling * falling) / count - mean * mean

        def tau(count: Array, mean: Array, spread: Array) -> Array:
            if power == 1:
                return mean - 1 / count
            return mean - self.m.sqrt(self.m.at_least_0(1 / count - spread))

        # x_(k) > tau_k holds for the first so many; the last of them closes the support. Only its
        # tau is differentiated: the root of another may be one of 0. Short numbers are often tau
        # itself: what cannot be told from it is outside, as it then is.
        if power == 1:
            own = count * falling + 1
            holds = own - total > 4 * self.m.epsilon(x) * (abs(own) + abs(total))
        else:
            holds = falling > tau(count, mean, spread)
        inside = self.m.constant(holds) | (count == 1)
        last = self.m.total(inside) - 1
        of_last = self.m.take(mean, last), self.m.take(spread, last)
        found = tau(self.m.cast(last + 1, x.dtype), *of_last)
        # Nor may rounding leave tau below the first element outside.
        is_whole = last + 1 == x.shape[-1]
        outside = self.m.take(falling, last + self.m.cast(~is_whole, last.dtype))
        missing = self.m.constant(self.m.at_least_0(outside - found))
        return found + missing * self.m.cast(~is_whole, x.dtype)


class Steps(Context):
    """The operations of a tape, over arrays: each result by itself, without a derivative."""

    def exp(self, x: Any) -> Any:
        return self.m.exp(x) if self.m.is_array(x) else math.exp(x)

    def log(self, x: Any) -> Any:
        return self.m.log(x) if self.m.is_array(x) else math.log(x)

    def log1p(self, x: Any) -> Any:
        return self.m.log1p(x) if self.m.is_array(x) else math.log1p(x)

    def logistic(self, a: Array) -> Array:
        return self.m.sigmoid(a)

    def softplus(self, a: Array) -> Array:
        return self.m.logaddexp(a, self.m.zeros_like(a))

    def sech2(self, a: Array) -> Array:
        cosh = self.m.cosh(a)
        return 1 / (cosh * cosh)

    def gauss(self, a: Array) -> Array:
        return 2 / math.sqrt(math.pi) * self.m.exp(-a * a)

    def tanh_gap(self, a: Array) -> Array:
        return a - self.m.tanh(a)

    def root_sum(self, a: Array, c: float) -> Array:
        root = self.m.sqrt(a * a + c)
        return self.m.where(a < 0, c / (root - a), a + root)

    def root_share(self, a: Array, c: float) -> Array:
        root = self.m.sqrt(a * a + c)
        return self.m.where(a < 0, c / (root - a) / root, 1 + a / root)


class Formulas:
    """Functions of arrays from cards."""

    def __init__(self, m: Arrays):
        self.m, self.context, self.steps = m, Context(m), Steps(m)

    def unary(self, card: Card) -> Callable[..., Array]:
        """f(x, *parameters)."""
        return lambda x, *parameters: value(card.formula(self.context, x, *parameters))

    def derivative(self, card: Card, order: int) -> Callable[..., Array]:
        """f's derivative of an order, of (x, *parameters), in float64. Where intermediate steps
        overflow, the derivative has underflowed to 0 long before.
        """
        m, program = self.m, tape.with_parameters(card.name, (order,))

        def derivative_at(x: Array, *parameters: float) -> Array:
            wide = m.double(x)
            (found,) = program.run(self.steps, [wide, *parameters])
            if not m.is_array(found):
                found = m.full_like(wide, found)
            found = m.where(m.isnan(found) & ~m.isnan(wide), 0, found)
            return m.cast(m.broadcast_to(found, x.shape), x.dtype)

        return derivative_at

    def slope_from_output(self, card: Card) -> Callable[..., Array] | None:
        """f'(x) from y = f(x) and the parameters, derived from the formula. None where y does not
        tell it, where it is the same for all, or a root, whose own slope at 0 is infinite.
        """
        program = tape.from_output(card.name)
        if program is None or program.nodes[program.results[0]].op == "const":
            return None
        if any(node.op == "sqrt" for node in program.nodes):
            return None

        def slope(y: Array, *parameters: float) -> Array:
            (found,) = program.run(self.context, [y, *parameters])
            return value(found)

        return slope

    def rows(self, card: Card, of_nothing: float, reduces: bool) -> Callable[..., Array]:
        """f(x, temperature, where) along the last axis; `of_nothing` is that of masked elements."""
        m = self.m
        reverses, shifts = (
            claim in card.row_claims for claim in ("order_reversing", "shift_invariant")
        )

        def of_rows(x: Array, temperature: Any = 1.0, where: Array | None = None) -> Array:
            z = m.wide(x)
            if not z.shape[-1]:
                return m.cast(m.total(z)[..., 0] + of_nothing if reduces else z, x.dtype)
            if m.is_array(temperature):
                temperature = temperature[..., None]
            if where is not None:
                where = m.broadcast_to(where, x.shape)
                z = m.where(where, z, 0)  # what is masked has no derivative by the temperature
            z = self.spread(z / temperature, where, reverses, shifts)
            found = card.formula(self.context, Row(m, z))
            y = value(found)[..., 0] if reduces else value(found[0])
            if where is not None:
                y = m.where(m.any_of(where)[..., 0] if reduces else where, y, of_nothing)
            return m.cast(y, x.dtype)

        return of_rows

    def spread(self, z: Array, where: Array | None, reverses: bool, shifts: bool) -> Array:
        """Rows minus their largest element (or smallest), where only differences count, so that
        none is lost to rounding. Masked elements get a finite value so far from the others that
        their share is 0: an infinite one would make the row's derivatives NaN.
        """
        m, sign = self.m, -1 if reverses else 1
        falling = sign * m.constant(z)
        if where is not None:
            falling = m.where(where, falling, -math.inf)
        most = m.greatest(falling)
        if shifts:
            z = z - sign * m.where(m.isfinite(most), most, 0)
            most = m.where(m.isfinite(most), 0, most)
        if where is None:
            return z
        below = most - m.abs(most) - 1e4
        # Infinities and NaNs show in the row's values; a row of no elements is replaced whole.
        below = m.where(most == math.inf, 0, m.where(m.isfinite(below), below, most))
        return m.where(where, z, sign * m.where(m.any_of(where), below, 0))

    def pull_back(self, card: Card) -> Callable[[Array, Array, Any], Array]:
        """dx from (dy, y, temperature) along the last axis."""
        m = self.m

        def pulled_back(dy: Array, y: Array, temperature: Any = 1.0) -> Array:
            if not y.shape[-1]:
                return dy
            (dx,) = card.pull_back(  # type: ignore[misc]
                self.context, Row(m, m.wide(dy)), Row(m, m.wide(y))
            )
            if m.is_array(temperature):
                temperature = temperature[..., None]
            return m.cast(value(dx) / temperature, y.dtype)

        return pulled_back

    def head(self, card: Card, over_rows: bool) -> Callable[..., Array]:
        """Losses of (z, target, **options): one per row of logits, classes last, or one per
        element.

        ``target`` are probabilities, or labels of rows of which those below 0 count nothing.
        """
        m, numbers, takes_label = self.m, card.named("number"), card.takes_label

        def losses(z: Array, target: Array, **options: Any) -> Array:
            z = m.wide(z)
            given = {
                name: value for name, value in options.items()
                if name in numbers or (name in card.weights and value is not None)
            }  # fmt: skip
            for name in card.weights:
                if m.is_array(given.get(name)):
                    given[name] = m.cast(given[name], z.dtype)
            if not over_rows:
                return card.formula(self.context, z, m.cast(target, z.dtype), **given)
            given |= {name: Row(m, given[name]) for name in card.weights if name in given}
            t = m.cast(target, z.dtype)
            if target.shape != z.shape:
                # Scattered, so that a label that is no class is an error where labels can be read.
                label = m.labels(target)
                if takes_label:
                    given["label"] = label
                t = m.one_hot(label, z)
            loss = card.formula(self.context, Row(m, z), Row(m, t), **given)[..., 0]
            return loss if target.shape == z.shape else m.where(target < 0, 0.0, loss)

        return losses
