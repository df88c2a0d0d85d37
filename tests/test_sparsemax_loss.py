"""The sparsemax loss: against its definition in rational numbers; exactly 0, or not."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, HALVES, assert_same_bits
from ogive.catalog import find
from ogive.reference import arb as enclosures
from ogive.reference import ulp
from test_heads import IGNORED, LABELS, LOGITS, SHARES, WEIGHT
from test_sparse import hard_rows

GRAD = ogive.value_and_grad
CARD = find("sparsemax_loss")
random = np.random.default_rng(0)


def rational(z: Any, q: list[Fraction]) -> tuple[Fraction, list[Fraction]]:
    """c max_p (p.z - |p|^2/2) + |q|^2/(2c) - q.z, p on the simplex, and its gradient."""
    v = [Fraction(float(x)) for x in z]
    c = sum(q)
    ordered = sorted(v, reverse=True)
    size = max(k for k in range(1, len(v) + 1) if 1 + k * ordered[k - 1] > sum(ordered[:k]))
    tau = (sum(ordered[:size]) - 1) / size
    p = [max(x - tau, Fraction(0)) for x in v]
    best = sum(a * b - a * a / 2 for a, b in zip(p, v, strict=True))
    loss = (
        c * best + sum(b * b for b in q) / (2 * c) - sum(a * b for a, b in zip(q, v, strict=True))
    )
    return loss, [c * a - b for a, b in zip(p, q, strict=True)]


def error(got: float, exact: Fraction, fmt: ulp.Format, least_unit: Any = None) -> float:
    with enclosures.precision(400):
        ball = enclosures.CONTEXT.const(exact)
        return ulp.error(float(got), ball, fmt, least_unit=least_unit)


def check(z: Any, t: Any, fmt: ulp.Format, most: float = 1.0, **options: Any) -> None:
    __tracebackhide__ = True
    hard = np.ndim(t) == 0
    q = [Fraction(int(c == t)) if hard else Fraction(float(t[c])) for c in range(len(z))]
    weight = options.get("weight")
    if weight is not None:
        q = [Fraction(float(w)) * v for w, v in zip(weight, q, strict=True)]
    loss, dz = GRAD.sparsemax_loss(
        z[None], [t] if hard else t[None].astype(z.dtype), reduction="none", **options
    )
    exact, slopes = rational(z, q)
    assert exact >= 0
    assert loss[0] >= 0
    assert error(loss[0], exact, fmt) <= most, (z, t)
    largest = max(map(abs, slopes))
    # What cancels is measured by 2^-20 ulps of the row's largest.
    unit = ulp.power(math.frexp(float(largest))[1] - fmt.precision - 20) if largest else None
    for a, b in zip(dz[0], slopes, strict=True):
        assert error(a, b, fmt, unit) <= most, (z, t)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_labels_beside_the_threshold_and_far_from_it(dtype: Any) -> None:
    fmt = ulp.FORMATS[dtype.name]
    most = {2: 0.501, 4: 0.6, 8: 8}[dtype.itemsize]
    for seed in range(3):
        for z in hard_rows(seed):
            with np.errstate(over="ignore"):
                logits = z.astype(dtype)
            if np.isfinite(logits).all():
                for label in {0, z.size - 1, int(np.argmax(z))}:
                    check(logits, label, fmt, most)


@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 1.0, 0.25, 3.0]], ids=["plain", "weighted"])
def test_labels_and_probabilities_against_the_definition(weight: Any) -> None:
    for _ in range(100):
        z = random.normal(0, random.choice([0.1, 0.5, 2]), 5).astype(np.float32)
        check(z, int(random.integers(5)), ulp.FLOAT32, 0.6, weight=weight)
        t = random.dirichlet(np.ones(5)).astype(np.float32) * random.choice([0, 1, 1], 5)
        if t.any():
            check(z, t.astype(np.float32), ulp.FLOAT32, 1.0, weight=weight)


def test_targets_that_almost_agree_with_the_sparsemax_keep_the_digits_of_their_loss() -> None:
    for _ in range(200):
        z = random.normal(0, 0.5, 6).astype(np.float32)
        t = ogive.sparsemax(z)
        t[random.integers(6)] += np.float32(10.0 ** -random.integers(2, 8))
        check(z, t, ulp.FLOAT32)


def test_the_card_s_formula_is_the_definition() -> None:
    for _ in range(20):
        z, t = random.normal(0, 0.7, 5), random.dirichlet(np.ones(5))
        exact, slopes = enclosures.head(CARD, z.tolist(), t.tolist())
        want, want_slopes = rational(z, [Fraction(v) for v in t])
        assert float(exact) == pytest.approx(float(want), rel=1e-14)
        assert [float(s) for s in slopes] == pytest.approx(
            [float(s) for s in want_slopes], rel=1e-14
        )


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_a_margin_of_one_costs_exactly_nothing_and_less_does(dtype: Any) -> None:
    step = 1 - float(np.finfo(np.float16).eps) * (8 if dtype in HALVES else 1)
    z = np.array([[1, 0, -3], [9, 8, 8], [0, 1, 0], [step, 0, 0]]).astype(dtype)
    loss, dz = GRAD.sparsemax_loss(z, [0, 0, 1, 0], reduction="none")
    assert loss[:3].tolist() == [0, 0, 0]
    assert not dz[:3].any()
    assert loss[3] > 0
    assert dz[3, 0] < 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_never_negative_and_a_gradient_row_sums_to_zero(dtype: Any) -> None:
    z = (random.normal(0, 1, (3000, 9)) * random.choice([0.05, 1, 30], (3000, 1))).astype(dtype)
    labels = random.integers(0, 9, len(z))
    shares = ogive.sparsemax(z + random.normal(0, 0.1, z.shape).astype(dtype))
    for target in (labels, shares):
        loss, dz = GRAD.sparsemax_loss(z, target, reduction="none")
        assert np.all(loss >= 0)
        if target is labels:  # shares sum to 1 only as nearly as they are rounded
            rounding = np.spacing(np.abs(dz)).astype(float).sum(axis=1) / 2
            rounding = np.maximum(rounding, np.spacing(np.abs(dz).max(axis=1)))
            total = dz.astype(np.longdouble).sum(axis=1)
            assert np.all(np.abs(total) <= rounding * (1 if dtype == np.float32 else 4))
    leads = np.sort(z, axis=1)
    label_leads = (leads[:, -1].astype(float) - leads[:, -2] >= 1) & (z.argmax(axis=1) == labels)
    loss = ogive.sparsemax_loss(z, labels, reduction="none")
    assert np.array_equal(loss == 0, label_leads)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("target", [LABELS, SHARES], ids=["labels", "probabilities"])
def test_options_together(target: Any, reduction: str) -> None:
    for weight, ignored in itertools.product((None, WEIGHT), (None, IGNORED)):
        if target is SHARES and ignored is not None:
            with pytest.raises(ValueError, match="ignore_index applies to integer labels"):
                ogive.sparsemax_loss(LOGITS, target, ignore_index=ignored)
            continue
        w = np.ones(5) if weight is None else weight
        kept = np.ones(len(LOGITS), bool) if ignored is None else target != ignored
        q = w * (target.astype(float) if target is SHARES else np.eye(5)[target])
        p, c = ogive.sparsemax(LOGITS.astype(float)), q.sum(axis=1, keepdims=True)
        z = LOGITS.astype(float)
        best = (p * z - p * p / 2).sum(axis=1)
        with np.errstate(invalid="ignore"):
            even = np.nan_to_num((q * q).sum(axis=1) / (2 * c[:, 0]))
        want = (c[:, 0] * best + even - (q * z).sum(axis=1)) * kept
        want_dz = (c * p - q) * kept[:, None]
        total = w[target[kept]].sum() if target is LABELS else len(LOGITS)
        if reduction != "none":
            want = want.sum()
        if reduction == "mean":
            want, want_dz = want / total, want_dz / total
        options = {"weight": weight, "ignore_index": ignored, "reduction": reduction}
        loss, dz = GRAD.sparsemax_loss(LOGITS, target, **options)
        np.testing.assert_allclose(loss, want, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(dz, want_dz, rtol=1e-6, atol=1e-12)
        assert_same_bits(ogive.sparsemax_loss(LOGITS, target, **options), loss)
        z32 = LOGITS.copy()
        assert GRAD.sparsemax_loss(z32, target, **options, out=z32)[1] is z32
        assert_same_bits(z32, dz)
    assert GRAD.sparsemax_loss(LOGITS, np.zeros(len(LOGITS), int), ignore_index=0)[0] == 0


def test_edges() -> None:
    inf, nan = np.inf, np.nan
    z = np.float32(
        [[inf, 0, 1], [0, -inf, 1], [0, -inf, 1], [nan, 0, 0], [-inf] * 3, [inf, inf, 0]]
    )
    loss, dz = GRAD.sparsemax_loss(z, [0, 2, 1, 0, 0, 0], reduction="none")
    assert loss[:3].tolist() == [0, 0, inf]
    assert dz[:3].tolist() == [[0, 0, 0], [0, 0, 0], [0, -1, 1]]
    assert np.isnan(loss[3:]).all()
    assert np.isnan(dz[3:]).all()
    loss, dz = GRAD.sparsemax_loss(np.float32([[1, 2]]), np.float32([[0, 0]]))
    assert loss == 0
    assert not dz.any()
    most = np.finfo(np.float64).max
    loss, dz = GRAD.sparsemax_loss([[most, -most]], [0])
    assert loss == 0
    assert not dz.any()
    assert ogive.sparsemax_loss([[most, -most]], [1]) == inf


@pytest.mark.parametrize("axis", range(-3, 3))
def test_classes_along_any_axis(axis: int) -> None:
    z = np.random.default_rng(2).normal(0, 1, (4, 5, 6)).astype(np.float32)
    last = np.moveaxis(z, axis, -1)
    labels = np.arange(last[..., 0].size).reshape(last.shape[:-1]) % z.shape[axis]
    want, want_dz = GRAD.sparsemax_loss(last, labels, reduction="none")
    loss, dz = GRAD.sparsemax_loss(z, labels, axis=axis, reduction="none")
    assert_same_bits(loss, want)
    assert_same_bits(np.moveaxis(dz, axis, -1), want_dz)


@pytest.mark.parametrize(
    ("target", "options", "error", "words"),
    [
        ([0, 1, 9, 2, 2, 1, 0], {}, ValueError, r"target\[2\] = 9"),
        (LABELS, {"axis": 3}, ValueError, "sparsemax_loss: axis"),
        (LABELS, {"weight": [1, 2]}, ValueError, "weight of shape"),
        (LABELS, {"reduction": "avg"}, ValueError, "reduction"),
        (-SHARES, {}, ValueError, r"target\[0, 0\] = -0"),
        (LABELS.astype(float), {}, TypeError, "labels must be integers"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    target: Any, options: Any, error: Any, words: str
) -> None:
    out = np.full_like(LOGITS, 7)
    with pytest.raises(error, match=words):
        GRAD.sparsemax_loss(LOGITS, target, out=out, **options)
    assert np.all(out == 7)
