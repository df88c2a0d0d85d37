"""Unary functions where something is out of range that the result is not: a parameter of any size,
a slope that overflows, dy of 0; and backward of halves, which is correctly rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ogive
from cases import BF16, DTYPE_IDS, DTYPES, UNARY, assert_same_bits, operands
from ogive.catalog import find, names
from ogive.reference import arb, measure, ulp

FORMATS = (ulp.FLOAT16, ulp.BFLOAT16, ulp.FLOAT32, ulp.FLOAT64)
HALVES = FORMATS[:2]
every_format = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
every_half = pytest.mark.parametrize("fmt", HALVES, ids=lambda fmt: fmt.name)
# rrelu's slope in evaluation is a mean of its two, which no formula of one parameter says.
WITH_PARAMETERS = [name for name in names("unary") if find(name).parameters and name != "rrelu"]


def number(rng: np.random.Generator, fmt: ulp.Format) -> Any:
    info = ml_dtypes.finfo(fmt.dtype)
    wide = math.exp2(rng.uniform(math.log2(float(info.smallest_subnormal)), fmt.greatest))
    kinds = [rng.normal(0, 3), rng.normal(0, 300), wide, -wide, 0.0, -0.0, 1.0, float(info.max)]
    with np.errstate(all="ignore"):
        return np.asarray(kinds[rng.integers(len(kinds))], fmt.dtype)[()]


def parameters(rng: np.random.Generator, name: str, fmt: ulp.Format) -> tuple[float, ...]:
    if find(name).ordered:  # bounds, which count as numbers of the format
        return tuple(sorted(float(number(rng, fmt)) for _ in find(name).parameters))
    chosen = []
    for parameter in find(name).parameters:
        size = math.exp2(rng.uniform(-1073, 1023))
        kinds = [size, parameter.default * rng.uniform(0.2, 3), 1 / 6, 0.5]
        sign = 1 if parameter.domain[0] > -1 else rng.choice([-1, 1])
        chosen.append(float(kinds[rng.integers(4)] * sign))
    return tuple(chosen)


@every_format
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_results_at_parameters_of_any_size(name: str, fmt: ulp.Format) -> None:
    card, rng = find(name), np.random.default_rng(6)
    for mode in measure.results(name):
        for _ in range(60):
            x, p = number(rng, fmt), parameters(rng, name, fmt)
            found = float(getattr(ogive if mode == "value" else getattr(ogive, mode), name)(x, *p))
            exact = arb.enclose(card, float(x), *p, order=measure.ORDERS[mode], bits=120)
            low, high = arb.decide(exact, fmt)
            if fmt in HALVES or math.isinf(low):
                assert found in (low, high), (mode, x, p, found, low)
            else:
                unit = float(fmt.spacing(np.array([low]))[0])
                limit = measure.CONTRACT[fmt.name, mode] + 0.5
                assert abs(found - low) <= limit * unit, (mode, x, p, found, low)


@every_format
def test_no_dy_brings_no_gradient(fmt: ulp.Format) -> None:
    """Also where the slope is infinite, or as good as that."""
    x = np.concatenate([np.ldexp([1.0, -1.0], k) for k in range(0, fmt.greatest + 1, 3)])
    x = np.concatenate([x, [800.0, np.inf, -np.inf]]).astype(fmt.dtype)
    for call in UNARY:
        if call.mode == "backward":
            dx = call(np.zeros_like(x), x)
            assert (dx == 0).all(), call.id
    y = np.abs(x)
    for name in ("exp", "relu_squared"):
        assert (getattr(ogive.backward_from_output, name)(np.zeros_like(y), y) == 0).all()


def test_a_product_in_range_of_a_slope_that_is_not() -> None:
    assert ogive.backward.exp(0.0, 800.0) == 0
    e = math.exp(100.0)
    assert math.isclose(ogive.backward.exp(math.exp(-700.0), 800.0), e, rel_tol=1e-12)
    assert ogive.backward.relu_squared(2.0**-1070, 2.0**1023) == 2.0**-46
    assert ogive.backward.relu_squared(-0.25, 2.0**1023) == -(2.0**1022)
    assert ogive.backward.exp(np.inf, 1.0) == np.inf
    assert np.isnan(ogive.backward.exp(0.0, np.nan))
    assert ogive.second_derivative.softplus(np.float32(1), 1e300) == 0


SLOPES: dict[str, Callable[..., Fraction]] = {
    "relu_squared": lambda x: 2 * max(x, Fraction(0)),
    "hard_sigmoid": lambda x: Fraction(abs(x) < 3, 6),
    "hard_swish": lambda x: (2 * x + 3) / 6 if abs(x) < 3 else Fraction(x >= 3),
    "leaky_relu": lambda x, a: Fraction(1) if x > 0 else Fraction(a),
    "prelu": lambda x, a: Fraction(1) if x > 0 else Fraction(a),
    "rrelu": lambda x, a, b: Fraction(1) if x > 0 else Fraction((a + b) / 2),
    "threshold": lambda x, at, _: Fraction(x > at),
    "softshrink": lambda x, a: Fraction(abs(x) > a),
    "hardshrink": lambda x, a: Fraction(abs(x) > a),
    "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
}
OUTPUT_SLOPES: dict[str, Callable[..., Fraction]] = {
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
    "elu": lambda y, a: Fraction(1) if y > 0 else y + Fraction(a),
    "celu": lambda y, a: Fraction(1) if y > 0 else (y + Fraction(a)) / Fraction(a),
    "hard_sigmoid": lambda y: Fraction(0 < y < 1, 6),
    "squareplus": lambda y, b: y * y / (y * y + Fraction(b) / 4),
    "exp": lambda y: y,
}


def rounded(exact: Fraction, fmt: ulp.Format) -> float:
    with arb.precision(2000):
        return (
            fmt.round(arb.CONTEXT.const(exact))
            if exact.denominator & (exact.denominator - 1) == 0
            else arb.decide(arb.CONTEXT.const(exact), fmt)[0]
        )


def halves(rng: np.random.Generator, fmt: ulp.Format, n: int) -> Any:
    """Few digits, whose products are ties; subnormal numbers; and any."""
    least = fmt.least - fmt.precision + 1
    kinds = [
        np.ldexp(rng.integers(-40, 41, n).astype(float), rng.integers(-6, 3, n)),
        np.ldexp(rng.integers(-300, 301, n).astype(float), least),
        rng.normal(0, 2, n),
        np.exp2(rng.uniform(least, fmt.greatest, n)) * rng.choice([-1, 1], n),
    ]
    return np.choose(rng.integers(0, 4, n), kinds).astype(fmt.dtype)


def shares(name: str, rng: np.random.Generator) -> tuple[float, ...]:
    short = (1 / 6, 1 / 3, 0.1, 0.5, 0.25, 1.0, 2.0, 4.0, rng.uniform(0.01, 1))
    return tuple(float(short[rng.integers(len(short))]) for p in find(name).parameters if p.operand)


@every_half
@pytest.mark.parametrize("name", SLOPES)
def test_backward_of_halves_is_the_exact_product_rounded_once(name: str, fmt: ulp.Format) -> None:
    rng = np.random.default_rng(7)
    for _ in range(12):
        p, dy, x = shares(name, rng), halves(rng, fmt, 100), halves(rng, fmt, 100)
        found = getattr(ogive.backward, name)(dy, x, *p)
        dx = found[0] if isinstance(found, tuple) else found
        for d, v, got in zip(*(a.astype(float).tolist() for a in (dy, x, dx)), strict=True):
            want = rounded(Fraction(d) * SLOPES[name](Fraction(v), *p), fmt)
            assert got == want, (d, v, p, got, want)
        if hasattr(ogive.lean, name):
            _, mask = getattr(ogive.lean, name)(x, *p)
            assert_same_bits(getattr(ogive.lean_backward, name)(dy, mask, *p), dx)


@every_half
@pytest.mark.parametrize("name", OUTPUT_SLOPES)
def test_backward_of_halves_from_the_output(name: str, fmt: ulp.Format) -> None:
    rng = np.random.default_rng(8)
    for _ in range(12):
        p, dy, y = shares(name, rng), halves(rng, fmt, 100), np.abs(halves(rng, fmt, 100))
        if name in ("tanh", "sigmoid"):
            y = np.minimum(y, np.ones(1, fmt.dtype))
        if name in ("elu", "celu"):
            y = np.where(y.astype(float) < p[0], -y, y)
        found = getattr(ogive.backward_from_output, name)(dy, y, *p)
        for d, v, got in zip(*(a.astype(float).tolist() for a in (dy, y, found)), strict=True):
            want = rounded(Fraction(d) * OUTPUT_SLOPES[name](Fraction(v), *p), fmt)
            assert got == want, (d, v, p, got, want)


@every_half
@pytest.mark.parametrize("name", [n for n in names("unary") if n != "rrelu"])
def test_backward_of_halves_next_to_0(name: str, fmt: ulp.Format) -> None:
    """Where the slope is next to a short number, and dy so small that half of it is a tie."""
    card, rng = find(name), np.random.default_rng(9)
    p = tuple(q.default for q in card.parameters if q.operand)
    least = fmt.least - fmt.precision + 1
    dy = np.ldexp(rng.integers(-200, 200, 150).astype(float), least).astype(fmt.dtype)
    x = np.exp2(rng.uniform(least, -5, 150)) * rng.choice([-1, 1], 150)
    x = x.astype(fmt.dtype)
    found = getattr(ogive.backward, name)(dy, x, *p)
    dx = found[0] if isinstance(found, tuple) else found
    for d, v, got in zip(*(a.astype(float).tolist() for a in (dy, x, dx)), strict=True):
        exact = arb.enclose(card, v, *p, order=1, bits=400)
        with arb.precision(600):
            assert got in arb.decide(exact * d, fmt), (d, v, got)


def odd(parameter: float, dtype: Any, how: str) -> Any:
    """An array of a parameter in memory that a loop cannot read as it is."""
    if how == "byte-swapped":
        return np.full(60, parameter, np.dtype(dtype).newbyteorder("S"))
    if how == "unaligned":
        memory = np.zeros(60 * np.dtype(dtype).itemsize + 1, np.uint8)
        values = memory[1:].view(dtype)
        values[...] = parameter
        return values
    values = np.full(60, parameter, dtype)
    values.flags.writeable = False
    return values


@pytest.mark.parametrize("how", ["byte-swapped", "unaligned", "read-only"])
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_parameters_in_odd_memory(dtype: Any, how: str) -> None:
    for call in UNARY:
        given = [p for p in find(call.name).parameters if p.operand]
        if not given or (how == "byte-swapped" and dtype == BF16):
            continue
        for kind in (np.float64, np.float32, np.int32):
            plain = [np.full(60, p.default, kind) for p in given]
            if any((a <= p.domain[0]).any() for a, p in zip(plain, given, strict=True)):
                continue
            arrays = [a[:60] for a in operands(call, dtype)]
            there = [odd(float(a[0]), kind, how) for a in plain]
            found, expected = call(*arrays, *there), call(*arrays, *plain)
            assert_same_bits(found, expected, f"{call.id} {kind}")
    w = odd(0.25, np.float64, how)
    dx, dweight = ogive.backward.prelu(np.ones(60), -np.ones(60), w)
    np.testing.assert_array_equal(dx, 0.25)
    np.testing.assert_array_equal(dweight, -1)
    assert dweight.dtype == np.float64
