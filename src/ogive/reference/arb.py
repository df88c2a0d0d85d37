"""Enclosures of a card's formula, in python-flint's arb balls.

An enclosure is proved to contain the true value. Precision is raised until the enclosure is as
narrow as required, so cancellation and far tails are no problem.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import flint
from flint import arb

from ogive.catalog import Card
from ogive.formula.tape import Program, Tape, defaults, unary
from ogive.formula.tape import gated as gated_program

from .ulp import Format, power

_MOST_BITS = 1 << 17
# Exponent beyond every format: larger numbers round as this one does.
_FAR_OUT = 1200


@contextmanager
def precision(bits: int) -> Iterator[None]:
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


class Context:
    """Ball arithmetic. An exponential that is too large for it is infinite."""

    @property
    def pi(self) -> arb:
        return arb.pi()

    @staticmethod
    def const(c: Fraction | float) -> arb:
        c = Fraction(c)
        return arb(c.numerator) / c.denominator

    @staticmethod
    def split(x: arb, c: arb, below: arb, above: arb) -> arb:
        if x <= c:
            return arb(below)
        return arb(above) if x > c else arb(below).union(arb(above))

    @staticmethod
    def threshold(values: Sequence[arb], power: int) -> arb:
        """The tau for which the ((v - tau)_+)^power sum to 1; NaN if the precision is too low to
        sort the values.

        Value k of the sorted ones lies above tau if and only if sum_{j <= k} (v_j - v_k)^power < 1.
        If that is undecided, the result encloses both cases, which differ little since tau is
        continuous.
        """
        ordered = sorted(values, key=lambda v: v.mid(), reverse=True)
        first, second, found = arb(0), arb(0), None
        for k, v in enumerate(ordered, 1):
            before = ordered[k - 2] if k > 1 else None
            if before is not None and v.overlaps(before) and not _same(v, before):
                return arb("nan")
            first, second = first + v, second + v * v
            short = first - k * v if power == 1 else second - 2 * v * first + k * v * v
            if short >= 1:
                break
            if power == 1:
                tau = (first - 1) / k
            else:
                spread = (1 - second) * k + first * first  # k^2 (1 - variance k)/k
                tau = (first - spread.sqrt()) / k
            found = tau if found is None or short < 1 else found.union(tau)
        return arb("nan") if found is None else found

    @staticmethod
    def exp(a: arb) -> arb:
        e = a.exp()
        return arb("inf") if a > _FAR_OUT and not e.is_finite() else e

    @staticmethod
    def expm1(a: arb) -> arb:
        return a.expm1()

    @staticmethod
    def log(a: arb) -> arb:
        return a.log()

    @staticmethod
    def log1p(a: arb) -> arb:
        return a.log1p()

    @staticmethod
    def erf(a: arb) -> arb:
        return a.erf()

    @staticmethod
    def erfc(a: arb) -> arb:
        return a.erfc()

    @staticmethod
    def tanh(a: arb) -> arb:
        return a.tanh()

    @staticmethod
    def sqrt(a: arb) -> arb:
        return a.sqrt()

    @staticmethod
    def sum(values: Sequence[Any]) -> Any:
        return sum(values[1:], values[0])

    @staticmethod
    def logistic(a: arb) -> arb:
        if a < 0:
            e = a.exp()
            return e / (1 + e)
        return 1 / (1 + (-a).exp())

    @staticmethod
    def softplus(a: arb) -> arb:
        return a + (-a).exp().log1p() if a > 0 else a.exp().log1p()

    @staticmethod
    def sech2(a: arb) -> arb:
        q = (-2 * abs(a)).exp()
        return 4 * q / ((1 + q) * (1 + q))

    @staticmethod
    def tanh_gap(a: arb) -> arb:
        """a - tanh(a)"""
        return a - a.tanh()

    @staticmethod
    def root_sum(a: arb, c: arb) -> arb:
        """a + sqrt(a^2 + c)"""
        root = (a * a + c).sqrt()
        return c / (root - a) if a < 0 else a + root

    @staticmethod
    def root_share(a: arb, c: arb) -> arb:
        """1 + a/sqrt(a^2 + c), the derivative of root_sum"""
        return Context.root_sum(a, c) / (a * a + c).sqrt()

    @staticmethod
    def gauss(a: arb) -> arb:
        """2/sqrt(pi) e^(-a^2), the derivative of erf."""
        return (-(a * a)).exp() * 2 / arb.const_sqrt_pi()


def _same(a: arb, b: arb) -> bool:
    return bool(a.mid() == b.mid() and a.rad() == b.rad())


CONTEXT = Context()


def _settled(ball: arb, bits: int) -> bool:
    """Whether a ball is narrow enough, or infinite, or below every format."""
    if not ball.is_finite():
        return bool(ball == arb("inf") or ball == arb("-inf"))
    return (
        ball.is_zero()
        or int(ball.rel_accuracy_bits()) >= bits
        or bool(abs(ball) < power(-_FAR_OUT))
    )


def _prove(compute: Callable[[], list[arb]], bits: int) -> list[arb]:
    working = bits + 32
    while True:
        with precision(working):
            balls = compute()
        if all(_settled(b, bits) for b in balls):
            return balls
        working *= 2
        if working > _MOST_BITS:
            raise ArithmeticError(f"no enclosure to {bits} bits: {balls}")


def enclose(card: Card, x: float, *parameters: float, order: int = 0, bits: int = 80) -> arb:
    """Enclosure of a unary function's derivative of the given order at x, to 2^-bits relative.

    NaN gives NaN. An infinity gives the limit, computed at a point beyond every format. Without
    parameters, the defaults are used.
    """
    program = unary(card.name, parameters or defaults(card.name), (order,))
    if math.isnan(x):
        return arb("nan")
    if math.isinf(x):
        far = power(_FAR_OUT) * int(math.copysign(1, x))
        ball = _prove(lambda: program.run(CONTEXT, [far]), bits)[0]
        beyond = power(_FAR_OUT // 2)
        if abs(ball) < 1 / beyond:
            return arb(0)
        if abs(ball) > beyond:
            return arb("inf") if ball > 0 else arb("-inf")
        return ball
    return _prove(lambda: program.run(CONTEXT, [arb(x)]), bits)[0]


def rounded(card: Card, x: float, *parameters: float, fmt: Format, order: int = 0) -> float:
    """The correctly rounded result in a format. A zero has the sign of the exact result; if that is
    exactly 0, or too small to decide, the sign has no meaning.
    """
    program = unary(card.name, parameters or defaults(card.name), (order,))
    if program.is_gap(0) and 32 < abs(x) < math.inf:
        # 1 - |tanh(x)| is below 2^-91: no number or tie of a format lies between it and 0.
        with precision(_FAR_OUT):
            beside = arb(x) - math.copysign(1, x) * (1 - power(-100))
        return fmt.round(beside)
    bits = fmt.precision + 16
    while True:
        ball = enclose(card, x, *parameters, order=order, bits=bits)
        low, high = decide(ball, fmt)
        if low == high or math.isnan(low):
            return low
        bits *= 2
        if bits > _MOST_BITS:
            raise ArithmeticError(f"{card.name}({x!r}) cannot be rounded: it may be a tie")


def decide(ball: arb, fmt: Format) -> tuple[float, float]:
    """The rounded ends of an enclosure; if equal, they are the correctly rounded result."""
    if not ball.is_finite():
        return float(ball), float(ball)
    known = min(max(int(ball.rel_accuracy_bits()), fmt.precision), _MOST_BITS)
    with precision(known + 64):  # the ends are themselves rounded, outwards
        return fmt.round(ball.lower()), fmt.round(ball.upper())


def gated(card: Card, a: float, b: float, bits: int = 80) -> list[arb]:
    """Enclosures of a gated function's value and its derivatives by a and b, at finite points."""
    program = gated_program(card.name)
    return _prove(lambda: program.run(CONTEXT, [arb(a), arb(b)]), bits)


def row(
    card: Card,
    x: Sequence[float],
    *,
    temperature: float = 1.0,
    u: Sequence[Fraction] | None = None,
    bits: int = 80,
) -> list[arb]:
    """Enclosures of a row function's results (one for a reduction); a random function takes its
    uniform numbers u.
    """

    def compute() -> list[arb]:
        if u is None:
            result = card.formula(CONTEXT, [arb(v) / temperature for v in x])
        else:
            drawn = [CONTEXT.const(v) for v in u]
            result = card.formula(CONTEXT, [arb(v) for v in x], drawn, arb(temperature))
        return result if isinstance(result, list) else [result]

    return _prove(compute, bits)


def row_backward(
    card: Card,
    x: Sequence[float],
    dy: Sequence[float],
    *,
    temperature: float = 1.0,
    u: Sequence[Fraction] | None = None,
    bits: int = 80,
) -> list[arb]:
    """Enclosures of sum_i dy_i d y_i / d x_j for every j."""
    tape = Tape()
    logits = [tape.input(f"x{i}") for i in range(len(x))]
    if u is None:
        result = card.formula(tape, [v / temperature for v in logits])
    else:
        result = card.formula(tape, logits, [tape.node(v) for v in u], tape.node(temperature))
    results = result if isinstance(result, list) else [result]
    total = tape.sum([tape.node(g) * y for g, y in zip(dy, results, strict=True)])
    program = Program(logits, tape.gradient(total, logits))
    return _prove(lambda: program.run(CONTEXT, [arb(v) for v in x]), bits)


def head(card: Card, z: Any, t: Any, bits: int = 80, **options: Any) -> tuple[arb, list[arb]]:
    """Enclosures of one row's loss and of its gradient by the logits.

    ``z`` and ``t`` are lists, or single values for a head of single logits.
    """
    tape = Tape()
    names, loss = _row(card, tape, z, t, options)
    values = list(z) if isinstance(z, (list, tuple)) else [z]
    return _with_gradient(tape, loss, names, values, bits)


def hessian(card: Card, z: Any, t: Any, bits: int = 80, **options: Any) -> list[list[arb]]:
    """Enclosures of the Hessian of one row's loss by its logits; arguments as for `head`."""
    tape = Tape()
    names, loss = _row(card, tape, z, t, options)
    slopes = tape.gradient(loss, names)
    bends = [tape.derivative(slope, name) for slope in slopes for name in names]
    values = list(z) if isinstance(z, (list, tuple)) else [z]
    program = Program(names, bends)
    found = _prove(lambda: program.run(CONTEXT, [arb(v) for v in values]), bits)
    return [found[i : i + len(names)] for i in range(0, len(found), len(names))]


def _row(card: Card, tape: Tape, z: Any, t: Any, options: dict[str, Any]) -> tuple[list[Any], Any]:
    """The logits of a row and its loss, on a tape."""
    single = not isinstance(z, (list, tuple))
    names = [tape.input(f"z{i}") for i in range(1 if single else len(z))]
    loss = card.formula(
        tape,
        names[0] if single else names,
        tape.node(t) if single else [tape.node(v) for v in t],
        **{key: _exact(tape, option) for key, option in options.items()},
    )
    return names, loss


def layer(
    card: Card, x: list[float], W: list[list[float]], t: list[float], bits: int = 80, **options: Any
) -> tuple[arb, list[arb]]:
    """The same for a head with a linear layer: one list of its gradients by x, by W (row by row),
    and by the bias if there is one.
    """
    tape = Tape()
    inputs = [tape.input(f"x{k}") for k in range(len(x))]
    matrix = [[tape.input(f"w{c},{k}") for k in range(len(x))] for c in range(len(W))]
    bias = options.pop("bias", None) or []
    shift = [tape.input(f"b{c}") for c in range(len(bias))]
    loss = card.formula(
        tape,
        inputs,
        matrix,
        [tape.node(v) for v in t],
        shift or None,
        **{key: _exact(tape, option) for key, option in options.items()},
    )
    names = [*inputs, *itertools.chain(*matrix), *shift]
    return _with_gradient(tape, loss, names, [*x, *itertools.chain(*W), *bias], bits)


def _exact(tape: Tape, option: Any) -> Any:
    if option is None or isinstance(option, int):
        return option
    return [tape.node(v) for v in option] if hasattr(option, "__len__") else tape.node(option)


def _with_gradient(
    tape: Tape, loss: Any, names: list[Any], values: list[float], bits: int
) -> tuple[arb, list[arb]]:
    program = Program(names, [loss, *tape.gradient(loss, names)])
    found = _prove(lambda: program.run(CONTEXT, [arb(v) for v in values]), bits)
    return found[0], found[1:]
