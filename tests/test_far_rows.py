"""Rows whose logits, or whose temperature, have any size that a format holds."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from flint import arb as ball

import ogive
from cases import DTYPE_IDS, DTYPES, PLAIN_ROWS, ROW_LOSSES
from ogive.reference import arb, ulp

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
BITS = 4400  # of both ends of float64 in one number
SIMPLEX = [name for name in PLAIN_ROWS if name not in ("log_softmax", "logsumexp")]


def row(rng: np.random.Generator, n: int, dtype: Any) -> Any:
    info = ml_dtypes.finfo(dtype)
    least, most = (math.log2(float(v)) for v in (info.smallest_subnormal, info.max))
    far = np.exp2(rng.uniform(least, most, n)) * rng.choice([-1, 1], n)
    kinds = [far, rng.normal(0, 3, n), np.zeros(n), np.full(n, float(info.max)), far]
    chosen = np.choose(rng.integers(0, 5, n), kinds) * np.where(rng.random(n) < 0.1, -1, 1)
    with np.errstate(all="ignore"):
        x = chosen.astype(dtype)
    x[~np.isfinite(x)] = 0
    return x


def temperature(rng: np.random.Generator) -> float:
    return float(rng.choice([1.0, math.exp2(rng.uniform(-1074, 1023)), rng.uniform(0.1, 9)]))


@every_dtype
def test_probabilities_are_probabilities(dtype: Any) -> None:
    rng = np.random.default_rng(3)
    unit = float(ml_dtypes.finfo(dtype).eps)
    for n in (1, 2, 3, 5, 17, 64, 65, 130):
        for _ in range(40):
            x, t = row(rng, n, dtype), temperature(rng)
            for name in SIMPLEX:
                p = getattr(ogive, name)(x, temperature=t).astype(np.float64)
                assert ((p >= 0) & (p <= 1)).all(), (name, x, t)
                assert abs(p.sum() - 1) <= n * unit, (name, x, t)
            drawn = ogive.gumbel_softmax(x, temperature=t, seed=1).astype(np.float64)
            assert abs(drawn.sum() - 1) <= n * unit, (x, t)
            assert (ogive.log_softmax(x, temperature=t) <= 0).all(), (x, t)


def exact_rows(x: list[float], t: float) -> dict[str, list[ball]]:
    """softmax, log_softmax and logsumexp without any rounding that counts."""
    with arb.precision(BITS):
        top = ball(max(x))
        d = [(ball(v) - top) / ball(t) for v in x]
        e = [v.exp() if v > -20_000 else ball(0) for v in d]
        total = sum(e, ball(0))
        return {
            "softmax": [v / total for v in e],
            "log_softmax": [v - total.log() for v in d],
            "logsumexp": [top / ball(t) + total.log()],
        }


@pytest.mark.parametrize("fmt", [ulp.FLOAT32, ulp.FLOAT64], ids=lambda fmt: fmt.name)
def test_results_are_right_at_any_size(fmt: ulp.Format) -> None:
    rng = np.random.default_rng(4)
    for _ in range(300):
        n = int(rng.integers(1, 6))
        x, t = row(rng, n, fmt.dtype), temperature(rng)
        for name, wanted in exact_rows(x.astype(np.float64).tolist(), t).items():
            got = np.atleast_1d(getattr(ogive, name)(x, temperature=t))
            for found, exact in zip(got.astype(np.float64).tolist(), wanted, strict=True):
                with arb.precision(BITS):
                    want = fmt.round(exact.mid())
                if math.isinf(want):
                    assert found == want, (name, x, t)
                    continue
                unit = fmt.spacing(np.array([want]))[0]
                assert abs(found - want) <= 2.5 * unit, (name, x, t, found, want)


def test_one_huge_logit_among_small_ones() -> None:
    x = np.array([-3.12e55, 0.0, 3.469e233])
    np.testing.assert_array_equal(ogive.softmax(x), [0, 0, 1])
    assert (ogive.log_softmax(x) <= 0).all()
    loss, dz = ogive.value_and_grad.cross_entropy(x, 2)
    assert loss == 0
    np.testing.assert_array_equal(dz, 0)


@every_dtype
def test_losses_of_far_rows(dtype: Any) -> None:
    """Never negative, and their gradients are bounded and sum to 0 where the card says so."""
    rng = np.random.default_rng(5)
    unit = float(ml_dtypes.finfo(dtype).eps)
    for _ in range(100):
        n = int(rng.integers(1, 70))
        x, label = row(rng, n, dtype), int(rng.integers(0, n))
        for name in ROW_LOSSES:
            loss, dz = getattr(ogive.value_and_grad, name)(x, label)
            g, claims = dz.astype(np.float64), ogive.card(name).row_claims
            assert loss >= 0, (name, x, label)
            # Of a loss whose gradient is a difference of probabilities, 1; of focal 2.5.
            bound = 1 if any(claim.endswith("_minus_target") for claim in claims) else 2.5
            assert (abs(g) <= bound * (1 + unit)).all(), (name, x, label)
            if "gradient_sums_to_zero" in claims:
                assert abs(g.sum()) <= 3 * n * unit, (name, x, label)


def test_rows_of_doubles_are_right_near_zero() -> None:
    """A sum of powers that loses digits moves the whole row, which a short row does not show."""
    rng = np.random.default_rng(6)
    for n, rows in ((2, 20), (10, 20), (64, 30), (300, 3)):
        for offset in (0, 100, 1e6):
            for x in rng.normal(offset, 3, (rows, n)):
                for name, wanted in exact_rows(x.tolist(), 1).items():
                    got = np.atleast_1d(getattr(ogive, name)(x))
                    exact = np.array([ulp.FLOAT64.round(ball(v).mid()) for v in wanted])
                    assert (abs(got - exact) <= 3 * np.spacing(abs(exact))).all(), (name, x)
