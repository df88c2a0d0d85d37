"""Sparse rows: the support is the exact one, and every element within one ulp, whatever cancels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits
from ogive.catalog import find, names
from ogive.reference import arb, ulp

SPARSE = [name for name in names("rows") if "sparse" in find(name).row_claims]
POWER = {"sparsemax": 1, "entmax15": 2}

every_sparse = pytest.mark.parametrize("name", SPARSE)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)


def hard_rows(seed: int) -> Iterator[Any]:
    """Logits at or just beside the threshold, or far apart in size, so that sums of them cancel."""
    random = np.random.default_rng(seed)
    yield np.r_[1.0, np.zeros(30)]
    yield np.r_[2.0, np.zeros(30)]
    yield 1 - np.ldexp(1.0, -np.arange(40))
    for n in (2, 3, 9, 20):
        sizes = np.ldexp(1.0, -random.integers(0, 120, n))
        yield np.where(random.random(n) < 0.5, sizes, random.choice([1, 0, 0.5, 2, -1], n))
        yield 1 + random.integers(-20, 20, n) * 2.0**-23
        yield 2 * random.integers(0, 2, n) + random.normal(0, 1e-20, n)
        yield random.choice([1e8, 1e8 + 8, 1e8 - 8, 0], n)
        yield 2 - np.ldexp(1.0, -random.integers(0, 60, n))
        yield random.integers(-3, 3, n) / random.choice([1, 2, 3, 7])


def worst(name: str, z: Any, fmt: ulp.Format, temperature: float) -> float:
    got = getattr(ogive, name)(z, temperature=temperature)
    exact = arb.row(find(name), z.tolist(), temperature=temperature, bits=64)
    return max(ulp.error(float(g), e, fmt) for g, e in zip(got, exact, strict=True))


@every_sparse
@pytest.mark.parametrize("temperature", [1.0, 0.7, 3.0, 2.0**-20, 1e30])
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_elements_beside_the_threshold_keep_their_digits(
    name: str, temperature: float, dtype: Any
) -> None:
    fmt = ulp.FORMATS[dtype.name]
    for z in hard_rows(1):
        with np.errstate(over="ignore"):
            logits = (z * temperature).astype(dtype)
        if np.isfinite(logits).all():
            assert worst(name, logits, fmt, temperature) <= 1.0


def support(z: Any, power: int) -> Any:
    """By the definition, in rational numbers: z_i is in if those above it sum to less than 1."""
    v = [Fraction(float(x)) / power for x in z]
    return [sum((max(a - b, 0) ** power for a in v), Fraction(0)) < 1 for b in v]


@every_sparse
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_support_is_the_one_that_rational_numbers_give(name: str, dtype: Any) -> None:
    for seed in range(5):
        for z in hard_rows(seed):
            logits = z.astype(dtype).astype(np.float64)
            inside = np.array(support(logits, POWER[name]))
            assert np.array_equal(getattr(ogive, name)(logits) > 0, inside)
            dy = np.arange(1, logits.size + 1.0)
            dx = getattr(ogive.backward, name)(dy, logits)
            assert not dx[~inside].any()


@every_sparse
def test_a_logit_exactly_at_the_threshold_is_outside(name: str) -> None:
    power = POWER[name]
    for count in (1, 2, 30):
        z = np.r_[float(power), np.zeros(count)]
        assert getattr(ogive, name)(z).tolist() == [1, *[0] * count]
        assert not getattr(ogive.jacobian, name)(z).any()
        z[0] = np.nextafter(z[0], 0)
        assert np.all(getattr(ogive, name)(z)[1:] > 0)
        assert getattr(ogive.jacobian, name)(z).any(axis=0).all()


@every_sparse
@every_dtype
def test_equal_logits_share_equally(name: str, dtype: Any) -> None:
    for n in (1, 2, 3, 16, 1000, 200_000):
        for level in (0.0, 3.0, -60000.0):
            got = getattr(ogive, name)(np.full(n, level, dtype))
            assert np.all(got == dtype.type(1 / n))
            assert not getattr(ogive.backward, name)(np.full(n, 3.0, dtype), got).any()


@every_sparse
def test_a_very_long_row(name: str) -> None:
    random = np.random.default_rng(0)
    for spread in (1e-4, 0.1, 10.0):
        z = random.normal(0, spread, 200_000)
        y = getattr(ogive, name)(z)
        assert abs(math.fsum(y) - 1) < 1e-13
        tau = z[y > 0].min() - z[y == 0].max() if (y == 0).any() else 1.0
        assert tau > 0
        power = POWER[name]
        root = (y if power == 1 else np.sqrt(y))[y > 0]
        level = z[y > 0] / power - root
        assert np.ptp(level) < 1e-12
        dx = getattr(ogive.backward, name)(random.normal(0, 1, z.size), z)
        assert abs(math.fsum(dx)) <= 1e-12 * np.abs(dx).max() * np.count_nonzero(y)


def test_distances_that_halve_each_time_are_no_harder() -> None:
    z = -np.ldexp(1.0, -np.arange(250))
    for name in SPARSE:
        y = getattr(ogive, name)(z)
        assert np.array_equal(y > 0, support(z, POWER[name]))


@every_sparse
@every_dtype
def test_a_gradient_row_sums_to_zero_and_stays_on_the_support(name: str, dtype: Any) -> None:
    random = np.random.default_rng(2)
    z = random.normal(0, 1, (50, 40)).astype(dtype)
    dy = random.normal(0, 1, z.shape).astype(dtype)
    y = getattr(ogive, name)(z)
    rounding = float(ml_dtypes.finfo(dtype).eps) * (4 if dtype == np.float64 else 0.5)
    for dx in (
        getattr(ogive.backward, name)(dy, z).astype(np.float64),
        getattr(ogive.backward_from_output, name)(dy, y).astype(np.float64),
    ):
        assert not dx[y == 0].any()
        assert np.all(np.abs(dx.sum(axis=1)) <= rounding * np.abs(dx).sum(axis=1))


@every_sparse
def test_extreme_temperatures_and_logits_end_and_are_right(name: str) -> None:
    function = getattr(ogive, name)
    most = np.finfo(np.float64).max
    for temperature in (5e-324, 1e-310, 2.0**-1022, 1e-300, 1e300, most):
        got = function(np.array([1.0, 1.0, 0.0, -most, most / 4, most]), temperature=temperature)
        assert math.isclose(got.sum(), 1, rel_tol=1e-12)
        assert got[-1] == got.max()
        alike = function(np.array([temperature, temperature]), temperature=temperature)
        assert alike.tolist() == [0.5, 0.5]
    assert_same_bits(function(np.array([-most, most])), np.array([0.0, 1.0]))
