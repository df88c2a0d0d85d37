"""Every claim of every card, proved or refuted from its formula.

Statements about all real x are proved by interval arithmetic over a cover of the whole line, down
to far below and up to far above every float; identities by algebra. Ogive's kernels take no part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import acb, arb

import ogive
from ogive.catalog import Claims, find, names
from ogive.formula import sympy as symbolic
from ogive.formula import tape
from ogive.reference import arb as enclosures
from ogive.reference import ulp

UNARY = names("unary")
BITS = 120


@dataclass(frozen=True)
class Interval:
    """[low, high] with exact ends: unlike a ball it may be half-infinite in effect."""

    low: arb
    high: arb

    @staticmethod
    def over(*values: arb) -> Interval:
        if any(v.is_nan() for v in values):
            return Interval(arb("nan"), arb("nan"))  # nothing is known: every comparison is false
        low, high = values[0].lower(), values[0].upper()
        for v in values[1:]:
            low = v.lower() if v.lower() < low else low
            high = v.upper() if v.upper() > high else high
        return Interval(low, high)

    def __add__(self, other: Interval) -> Interval:
        return Interval((self.low + other.low).lower(), (self.high + other.high).upper())

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        return Interval.over(
            *(a * b for a in (self.low, self.high) for b in (other.low, other.high))
        )

    def __truediv__(self, other: Interval) -> Interval:
        if other.low <= 0 <= other.high:
            return Interval.over(arb("nan"))
        return Interval.over(
            *(a / b for a in (self.low, self.high) for b in (other.low, other.high))
        )

    def hull(self, other: Interval) -> Interval:
        return Interval.over(self.low, self.high, other.low, other.high)


POSITIVE = ("exp", "erfc", "logistic", "softplus", "sech2", "gauss", "root_sum", "root_share")


class Intervals:
    """Arithmetic of intervals; each function is monotone, or even and monotone on each side.

    An interval of x stands for (low, high], so the one that begins at a break lies above it.
    """

    @staticmethod
    def const(c: Fraction) -> Interval:
        return Interval.over(enclosures.CONTEXT.const(c))

    @property
    def pi(self) -> Interval:
        return Interval.over(enclosures.CONTEXT.pi)

    @staticmethod
    def split(x: Interval, c: Interval, below: Interval, above: Interval) -> Interval:
        if x.high <= c.low:
            return below
        return above if x.low >= c.high else below.hull(above)

    def __getattr__(self, name: str) -> Callable[[Interval], Interval]:
        f = getattr(enclosures.CONTEXT, name)

        def image(a: Interval, *constants: Interval) -> Interval:
            rest = [c.low for c in constants]
            peak = [f(arb(0))] if name in ("sech2", "gauss") and a.low <= 0 <= a.high else []
            found = Interval.over(f(a.low, *rest), f(a.high, *rest), *peak)
            return Interval(arb(0), found.high) if name in POSITIVE and found.low < 0 else found

        return image


def cover(claims: Claims, step: Fraction, factor: int) -> Iterator[Interval]:
    """Intervals that together hold every real from -2^1100 to 2^1100; breaks are ends."""
    ends = {Fraction(c) for c in claims.breaks} | {Fraction(0)}
    ends |= {k * step for k in range(int(-48 / step), int(48 / step) + 1)}
    doublings = range(0, 1096, factor)
    ends |= {sign * Fraction(48) * 2**k for k in (*doublings, 1095) for sign in (-1, 1)}
    ordered = [enclosures.CONTEXT.const(e) for e in sorted(ends)]
    yield from (Interval(a, b) for a, b in itertools.pairwise(ordered))


def over(name: str, piece: Interval, order: int) -> Interval:
    program = tape.unary(name, tape.defaults(name), (order,))
    found: Interval = program.run(Intervals(), [piece])[0]
    return found


def tight(name: str, piece: Interval, order: int) -> Interval:
    """f or f' over a piece, by the mean value theorem where that is sharper."""
    plain = over(name, piece, order)
    middle = arb(((piece.low + piece.high) / 2).mid())
    half = Interval.over(piece.low - middle, piece.high - middle)
    program = tape.unary(name, tape.defaults(name), (order,))
    centre = program.run(enclosures.CONTEXT, [middle])[0]
    mean = Interval.over(centre) + over(name, piece, order + 1) * half
    low = mean.low if mean.low > plain.low else plain.low
    return Interval(low, mean.high if mean.high < plain.high else plain.high)


def escapes(name: str, order: int, low: float, high: float) -> list[Interval]:
    """Pieces of the line on which f (or f') cannot be shown to stay in [low, high]."""
    stack, found = list(cover(claims_of(name), Fraction(1, 4), 8)), []
    low, high = low - slack(low), high + slack(high)
    while stack:
        piece = stack.pop()
        values = tight(name, piece, order)
        if values.low >= low and values.high <= high:
            continue
        if piece.high - piece.low < ulp.power(-30):
            found.append(piece)
            break
        middle = arb(((piece.low + piece.high) / 2).mid())
        stack += [Interval(piece.low, middle), Interval(middle, piece.high)]
    return found


def slack(bound: float) -> float:
    """Claims are doubles: they are held to within two units in their last place."""
    return 2 * math.ulp(bound) if math.isfinite(bound) else 0.0


def claims_of(name: str) -> Claims:
    claims = find(name).claims
    assert claims is not None
    return claims


@pytest.fixture(autouse=True)
def _enough_bits() -> Iterator[None]:
    with enclosures.precision(BITS):
        yield


@pytest.mark.parametrize("name", names())
def test_unary_cards_and_no_others_claim_things_of_a_real_line(name: str) -> None:
    card = find(name)
    assert (card.claims is not None) == (card.kind == "unary")
    assert bool(card.row_claims) == (card.kind != "unary")


@pytest.mark.parametrize("name", UNARY)
def test_range_holds_everywhere(name: str) -> None:
    assert not escapes(name, 0, *claims_of(name).range)


@pytest.mark.parametrize("name", UNARY)
def test_range_is_reached(name: str) -> None:
    """No smaller range would do: f comes as close to both ends as one likes."""
    claims, card = claims_of(name), find(name)
    candidates = [*claims.breaks, -1e300, 1e300, *critical(name)]
    values = [enclosures.enclose(card, x) for x in candidates]
    for end in claims.range:
        if math.isinf(end):
            assert any(abs(v) > 1e297 and (v > 0) == (end > 0) for v in values)
        else:
            assert any(abs(v - end) <= max(slack(end), 1e-290) for v in values), end


def critical(name: str) -> list[float]:
    from ogive.reference.ball import critical_points

    return list(critical_points(find(name)))


@pytest.mark.parametrize("name", UNARY)
def test_limits(name: str) -> None:
    claims, card = claims_of(name), find(name)
    for order, limits in ((0, claims.limits), (1, claims.derivative_limits)):
        for side, limit in zip((-math.inf, math.inf), limits, strict=True):
            got = enclosures.rounded(card, side, fmt=ulp.FLOAT64, order=order)
            assert got == limit
            if order == 0 and limit == 0:  # the sign from which f comes
                near = enclosures.enclose(card, math.copysign(80.0, side))
                assert near == 0 or (near > 0) == (math.copysign(1, limit) > 0)
            # Ogive's own answer at the infinity.
            namespace = ogive.derivative if order else ogive
            own = float(getattr(namespace, name)(side))
            assert own == limit
            assert order or math.copysign(1, own) == math.copysign(1, limit)


@pytest.mark.parametrize("name", UNARY)
def test_parity(name: str) -> None:
    claims, card = claims_of(name), find(name)
    x = sp.Symbol("x", positive=True)
    expression = symbolic.expression(card).subs(default_values(name))
    right, left = expression.subs(symbolic.X, x), expression.subs(symbolic.X, -x)
    match claims.parity:
        case "odd":
            assert sp.simplify(left + right) == 0
        case "even":
            assert sp.simplify(left - right) == 0
        case None:
            a, b = (enclosures.enclose(card, v) for v in (1.5, -1.5))
            assert not (a + b).contains(0)
            assert not (a - b).contains(0)


def default_values(name: str) -> dict[Any, Any]:
    card = find(name)
    symbols = symbolic.parameter_symbols(card)
    return {s: sp.Rational(v) for s, v in zip(symbols, tape.defaults(name), strict=True)}


@pytest.mark.parametrize("name", UNARY)
def test_monotone(name: str) -> None:
    claims, card = claims_of(name), find(name)
    if claims.monotone:
        # The slope is never negative, and f does not fall where it breaks: it never decreases.
        assert all(over(name, piece, 1).low >= 0 for piece in cover(claims, Fraction(1, 64), 1))
        for c in claims.breaks:
            steps = [beside(name, c, side, 0) for side in (-1, 0, 1)]
            with enclosures.precision(1000):
                assert all(b - a > -ulp.power(-300) for a, b in itertools.pairwise(steps))
    else:
        xs = [-5.0, -3.0, -1.0, -0.5, 0.0, 1.0]
        values = [enclosures.enclose(card, x) for x in xs]
        assert any(a > b for a, b in itertools.pairwise(values))


@pytest.mark.parametrize("name", UNARY)
def test_lipschitz_constant_holds_and_is_reached(name: str) -> None:
    claims, card = claims_of(name), find(name)
    bound = claims.lipschitz
    assert not escapes(name, 1, -bound, bound)
    beside_breaks = [math.nextafter(c, s * math.inf) for c in claims.breaks for s in (-1, 1)]

    def slope(x: float) -> float:
        return float(abs(enclosures.enclose(card, x, order=1)))

    steepest = max((k / 16 for k in range(-64, 65)), key=slope)
    nearby = [steepest + k / 512 for k in range(-32, 33)]
    reached = max(map(slope, [*claims.breaks, *beside_breaks, -1e30, 1e30, *nearby]))
    if math.isinf(bound):
        assert reached > 1e29
    else:
        assert bound - 2e-5 <= reached <= bound + slack(bound)


@pytest.mark.parametrize("name", UNARY)
def test_zero_centred(name: str) -> None:
    claims = claims_of(name)
    mean = expectation(name)
    if claims.zero_centred:
        assert mean.contains(0) or abs(mean) < 1e-15  # SELU's constants are rounded to double
    else:
        assert not abs(mean) < 1e-6


class Complex(enclosures.Context):
    """Complex balls; what the integrator asks of a formula whose branches are settled.

    Parameters
    ----------
    z
        The variable.
    inside
        A point of the interval it runs over, which contains no break.
    """

    def __init__(self, z: Any, inside: float):
        self.z, self.inside = z, arb(inside)

    def split(self, x: Any, c: Any, *, below: Any, above: Any) -> Any:  # type: ignore[override]
        return below if (self.inside if x is self.z else -self.inside) <= c else above

    @staticmethod
    def exp(a: Any) -> Any:
        return a.exp()

    @staticmethod
    def sqrt(a: Any) -> Any:
        return a.sqrt(analytic=True) if isinstance(a, acb) else arb(a).sqrt()


def expectation(name: str) -> arb:
    """E f(z) for a standard normal z, enclosed; beyond 14 the tail is below 1e-40."""
    card, total = find(name), acb(0)
    weight = 1 / (2 * arb.pi()).sqrt()
    parameters = [arb(p) for p in tape.defaults(name)]
    ends = sorted({-14.0, 0.0, 14.0, *claims_of(name).breaks})
    for low, high in itertools.pairwise(ends):

        def integrand(z: Any, _: Any, inside: float = (low + high) / 2) -> Any:
            return card.formula(Complex(z, inside), z, *parameters) * (-z * z / 2).exp() * weight

        total += acb.integral(integrand, low, high)
    return total.real


@pytest.mark.parametrize("name", UNARY)
def test_smoothness_at_the_breaks(name: str) -> None:
    """Derivatives up to `smoothness` meet at every break, and the next one jumps."""
    claims = claims_of(name)
    if claims.smoothness == math.inf:
        # No branch anywhere in the formula: the primitives are analytic.
        program = tape.unary(name, tape.defaults(name), (0,))
        assert not claims.breaks
        assert all(node.op != "split" for node in program.nodes)
        return
    gaps = [
        (order, abs(beside(name, c, -1, order) - beside(name, c, 1, order)))
        for c in claims.breaks
        for order in range(int(claims.smoothness) + 2)
    ]
    for order, gap in gaps:
        assert order > claims.smoothness or gap < 1e-20
    assert any(order > claims.smoothness and gap > 1e-3 for order, gap in gaps)


def beside(name: str, x: float, side: int, order: int) -> arb:
    """f or a derivative as x is approached from one side, or at it."""
    program = tape.unary(name, tape.defaults(name), (order,))
    with enclosures.precision(1000):
        found: arb = program.run(enclosures.CONTEXT, [arb(x) + side * ulp.power(-400)])[0]
    return found


@pytest.mark.parametrize("name", UNARY)
def test_derivative_at_the_breaks(name: str) -> None:
    claims, card = claims_of(name), find(name)
    assert len(claims.breaks) == len(claims.derivative_at_breaks)
    program = tape.unary(name, tape.defaults(name), (0,))
    assert set(claims.breaks) == program.breaks
    for c, slope in zip(claims.breaks, claims.derivative_at_breaks, strict=True):
        assert enclosures.rounded(card, c, fmt=ulp.FLOAT64, order=1) == slope
        assert float(getattr(ogive.derivative, name)(c)) == slope


@pytest.mark.parametrize("name", UNARY)
def test_second_derivative_at_the_breaks(name: str) -> None:
    """It is claimed where the function is curved on either side, and only there."""
    claims, card = claims_of(name), find(name)
    program = tape.unary(name, tape.defaults(name), (2,))
    curved = program.nodes[program.results[0]].constant != 0
    assert len(claims.second_derivative_at_breaks) == len(claims.breaks) * curved
    for c, bend in zip(claims.breaks, claims.second_derivative_at_breaks, strict=False):
        assert enclosures.rounded(card, c, fmt=ulp.FLOAT64, order=2) == bend
        assert float(getattr(ogive.second_derivative, name)(c)) == bend


# The other kinds: each property is proved by algebra, that of rows and heads for three logits, and
# its name is what a card lists.

# Logits are written as logarithms, so that what is left to compare is rational.
E, T = (list(sp.symbols(f"{letter}0:3", positive=True)) for letter in "et")
S = sp.Symbol("s", positive=True)
Z = [sp.log(e) for e in E]
SHIFTED = [sp.log(S * e) for e in E]
SOFTMAX = [e / sum(E) for e in E]
# Uniform numbers, written so that their double logarithm is one logarithm.
DRAWN = [sp.exp(-w) for w in sp.symbols("w0:3", positive=True)]


class Supported(symbolic.Context):
    """Expressions where the first logits, as many as `size`, are those above the threshold."""

    def __init__(self, size: int):
        self.size, self.above = size, set[Any]()

    def threshold(self, values: list[Any], power: int) -> Any:
        k, inside = self.size, values[: self.size]
        mean = sum(inside) / sp.Integer(k)
        if power == 1:
            tau = mean - sp.Rational(1, k)
        else:
            tau = mean - sp.sqrt((1 - sum((v - mean) ** 2 for v in inside)) / k)
        self.above = {v - tau for v in inside}
        return tau

    def split(self, x: Any, c: Any, *, below: Any, above: Any) -> Any:  # type: ignore[override]
        return above if x in self.above else below


class Subject(str):
    """A function's name, with the arithmetic that its formula runs in."""

    context: Any


def subjects(name: str) -> list[Subject]:
    """One for each size of the support where the formula has a threshold."""
    contexts = map(Supported, (1, 2, 3)) if uses_threshold(name) else [symbolic.Context()]
    found = []
    for context in contexts:
        found.append(Subject(name))
        found[-1].context = context
    return found


def uses_threshold(name: str) -> bool:
    card, program = find(name), tape.Tape()
    logits = [program.input(f"x{i}") for i in range(3)]
    if card.kind == "rows":
        result = card.formula(
            program, logits, *([[program.input(f"u{i}") for i in range(3)]] if draws(name) else [])
        )
    elif card.kind == "heads" and card.over_rows and not card.layer:
        result = card.formula(program, logits, [program.input(f"t{i}") for i in range(3)])
    else:
        return False
    nodes = tape.ordered(result if isinstance(result, list) else [result])
    return any(node.op.startswith("threshold") for node in nodes)


def draws(name: str) -> bool:
    return find(name).draws


def run_row(subject: Subject, z: list[Any]) -> list[Any]:
    result = find(subject).formula(subject.context, z, *([DRAWN] if draws(subject) else []))
    return result if isinstance(result, list) else [result]


def in_context_of(subject: Subject, name: str) -> Subject:
    other = Subject(name)
    other.context = subject.context
    return other


def run_head(subject: Subject, z: Any, t: Any) -> Any:
    return find(subject).formula(subject.context, z, t)


# Rows of distinct logits, the largest first.
SAMPLES = [
    sorted(np.random.default_rng(n).normal(0, scale, n).tolist(), reverse=True)
    for n in (2, 3, 5, 40)
    for scale in (0.1, 1.0, 6.0)
]


def samples(subject: Subject) -> Iterator[list[arb]]:
    return (enclosures.row(find(subject), z) for z in SAMPLES)


# A layer of two inputs for three classes; whole numbers keep e^z rational.
X = [sp.log(e) for e in E[:2]]
LAYER, BIAS = [[1, 2], [3, -1], [0, 1]], sp.symbols("b0:3")
WEIGHTS = [[sp.Symbol(f"w{c}{k}") for k in range(2)] for c in range(3)]


def run_layer(name: str) -> tuple[Any, list[Any]]:
    """The loss of a layer, to be evaluated `at` its weights; its softmax minus target."""
    loss = find(name).formula(symbolic.Context(), X, WEIGHTS, T, BIAS)
    exponentials = [
        sp.exp(b) * sp.prod(e**w for e, w in zip(E, row, strict=False))
        for b, row in zip(BIAS, LAYER, strict=True)
    ]
    return loss, [e / sum(exponentials) * sum(T) - t for e, t in zip(exponentials, T, strict=True)]


def at_layer(expression: Any) -> Any:
    return expression.subs(dict(zip(sp.flatten(WEIGHTS), sp.flatten(LAYER), strict=True)))


def gradients_are_products(name: str) -> bool:
    """dx = Wᵀ dz, dW = dz xᵀ, db = dz, where dz is softmax times sum(t), minus target."""
    loss, dz = run_layer(name)
    return all(
        is_zero(at_layer(sp.diff(loss, WEIGHTS[c][k])) - dz[c] * X[k])
        for c in range(3) for k in range(2)
    ) and all(
        is_zero(by_logit(at_layer(loss), k) - sum(dz[c] * LAYER[c][k] for c in range(3)))
        for k in range(2)
    ) and all(is_zero(at_layer(sp.diff(loss, BIAS[c])) - dz[c]) for c in range(3))  # fmt: skip


def bias_gradient_sums_to_zero(name: str) -> bool:
    loss, _ = run_layer(name)
    return is_zero(at_layer(sum(sp.diff(loss, b) for b in BIAS)))


def by_logit(expression: Any, i: int) -> Any:
    return E[i] * sp.diff(expression, E[i])


def jacobian(subject: Subject) -> sp.Matrix:
    return sp.Matrix([[by_logit(y, j) for j in range(3)] for y in run_row(subject, Z)])


def is_zero(expression: Any) -> bool:
    def expanded(argument: Any) -> Any:
        return sp.expand_log(sp.log(sp.factor(argument)), force=True)

    simple = sp.expand(sp.expand(expression).replace(sp.log, expanded))
    return bool(sp.cancel(sp.together(simple)) == 0)


def shifts(subject: Subject, by: Any) -> bool:
    """f(z + s) = f(z) + by."""
    pairs = zip(run_row(subject, SHIFTED), run_row(subject, Z), strict=True)
    return all(is_zero(after - before - by) for after, before in pairs)


def ordered_as(subject: Subject, sign: int) -> bool:
    """y_i - y_j is a positive multiple of e^z_i - e^z_j, or a negative one; of a sparse row, on
    samples: y never falls (or rises) with z.
    """
    if isinstance(subject.context, Supported):
        pairs = [pair for y in samples(subject) for pair in itertools.pairwise(y)]
        return all(sign * (a - b) >= 0 for a, b in pairs)
    y = run_row(subject, Z)
    return all(
        sp.cancel(sign * (y[i] - y[j]) / (E[i] - E[j])).is_positive
        for i, j in itertools.combinations(range(3), 2)
    )


def gated(name: str, a: Any, b: Any) -> Any:
    return sp.piecewise_fold(sp.sympify(find(name).formula(symbolic.Context(), a, b)))


A, B = sp.symbols("a b", real=True)

PROPERTIES: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("gated", "linear_in_a"): lambda n: (
        sp.simplify(gated(n, A + S, B) - gated(n, A, B) - S * gated(n, 1, B)) == 0
    ),
    ("gated", "symmetric_in_a_and_b"): lambda n: sp.simplify(gated(n, A, B) - gated(n, B, A)) == 0,
    ("gated", "gate_is_never_negative"): lambda n: claims_of(find(n).gate).range[0] >= 0,
    ("gated", "gate_opens_from_zero_to_one"): lambda n: (
        claims_of(find(n).gate).range == (0, 1) and claims_of(find(n).gate).monotone
    ),
    ("rows", "positive"): lambda n: all(y.is_positive for y in run_row(n, Z)),
    ("rows", "sums_to_one"): lambda n: is_zero(sum(run_row(n, Z)) - 1),
    ("rows", "exponentials_sum_to_one"): lambda n: is_zero(sum(map(sp.exp, run_row(n, Z))) - 1),
    ("rows", "never_negative"): lambda n: all(v >= 0 for y in samples(n) for v in y),
    ("rows", "sparse"): lambda n: any(v.is_zero() for y in samples(n) for v in y),
    ("rows", "order_preserving"): lambda n: ordered_as(n, 1),
    ("rows", "order_reversing"): lambda n: ordered_as(n, -1),
    ("rows", "shift_invariant"): lambda n: shifts(n, 0),
    ("rows", "shift_equivariant"): lambda n: shifts(n, sp.log(S)),
    ("rows", "jacobian_columns_sum_to_zero"): lambda n: all(
        is_zero(sum(jacobian(n).col(j))) for j in range(3)
    ),
    ("rows", "jacobian_symmetric"): lambda n: all(map(is_zero, jacobian(n) - jacobian(n).T)),
    ("rows", "gradient_sums_to_one"): lambda n: is_zero(sum(jacobian(n)) - 1),
    ("rows", "above_maximum"): lambda n: all(
        (sp.exp(run_row(n, Z)[0]) - sp.exp(z)).is_positive for z in Z
    ),
    ("heads", "gradient_is_softmax_minus_target"): lambda n: all(
        is_zero(by_logit(run_head(n, Z, T), i) - (SOFTMAX[i] * sum(T) - T[i])) for i in range(3)
    ),
    ("heads", "gradient_is_sparsemax_minus_target"): lambda n: all(
        is_zero(
            by_logit(run_head(n, Z, T), i)
            - (run_row(in_context_of(n, "sparsemax"), Z)[i] * sum(T) - T[i])
        )
        for i in range(3)
    ),
    ("heads", "gradient_sums_to_zero"): lambda n: is_zero(
        sum(by_logit(run_head(n, Z, T), i) for i in range(3))
    ),
    ("heads", "shift_invariant"): lambda n: is_zero(run_head(n, SHIFTED, T) - run_head(n, Z, T)),
    ("heads", "gradient_is_sigmoid_minus_target"): lambda n: is_zero(
        by_logit(run_head(n, Z[0], T[0]), 0) - (E[0] / (1 + E[0]) - T[0])
    ),
    ("heads", "gradients_are_products"): gradients_are_products,
    ("heads", "bias_gradient_sums_to_zero"): bias_gradient_sums_to_zero,
    ("heads", "is_cross_entropy_at_gamma_0"): lambda n: is_zero(
        find(n).formula(symbolic.Context(), Z, T, gamma=0)
        - find("cross_entropy").formula(symbolic.Context(), Z, T)
    ),
    ("heads", "is_binary_cross_entropy_at_gamma_0"): lambda n: is_zero(
        find(n).formula(symbolic.Context(), Z[0], T[0], gamma=0, alpha=None)
        - find("binary_cross_entropy").formula(symbolic.Context(), Z[0], T[0])
    ),
    ("heads", "symmetric_with_alpha_under_relabelling"): lambda n: is_zero(
        find(n).formula(symbolic.Context(), Z[0], T[0], alpha=S)
        - find(n).formula(symbolic.Context(), -Z[0], 1 - T[0], alpha=1 - S)
    ),
    ("heads", "symmetric_under_relabelling"): lambda n: is_zero(
        run_head(n, Z[0], T[0]) - run_head(n, -Z[0], 1 - T[0])
    ),
}


def holds(name: str, claim: str) -> bool:
    return all(PROPERTIES[find(name).kind, claim](subject) for subject in subjects(name))


@pytest.mark.parametrize(
    ("name", "claim"),
    [(n, c) for n in names() for c in find(n).row_claims],
)
def test_property_of_what_is_not_unary(name: str, claim: str) -> None:
    assert holds(name, claim)


@pytest.mark.parametrize("name", names("gated"))
def test_the_gate_of_a_gated_function_is_the_one_it_names(name: str) -> None:
    unary = find(find(name).gate)
    assert unary.kind == "unary"
    assert sp.simplify(gated(name, A, B) - A * unary.formula(symbolic.Context(), B)) == 0


def test_a_false_property_is_refuted() -> None:
    assert not holds("swiglu", "symmetric_in_a_and_b")
    assert not holds("swiglu", "gate_is_never_negative")
    assert not holds("reglu", "gate_opens_from_zero_to_one")
    assert not holds("log_softmax", "sums_to_one")
    assert not holds("logsumexp", "shift_invariant")
    assert not holds("softmax", "shift_equivariant")
    assert not holds("log_softmax", "jacobian_symmetric")
    assert not holds("softmin", "order_preserving")
    assert not holds("softmax", "order_reversing")
    assert not holds("log_softmax", "never_negative")
    assert not holds("softmax", "sparse")
    assert not holds("sparsemax", "order_reversing")
    assert not holds("sparsemax", "shift_equivariant")
    assert not holds("sigmoid_focal", "symmetric_under_relabelling")
    assert not holds("focal", "gradient_is_softmax_minus_target")
    assert not holds("sparsemax_loss", "gradient_is_softmax_minus_target")
    assert not holds("gumbel_softmax", "shift_equivariant")
