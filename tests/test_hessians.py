"""The diagonal Hessians of heads: each kind is what its card says, beside an unchanged gradient.

References: enclosures of the second derivatives of the cards' formulas.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits
from ogive.catalog import find
from ogive.reference import arb as enclosures
from ogive.reference import ulp
from test_heads import (
    BINARY_CHOICES,
    CHOICES,
    CLASSES,
    LABELS,
    LOGITS,
    SHARES,
    WEIGHT,
    keywords,
    pairs,
    unique,
)

HESS = ogive.value_grad_hess
KINDS = ("exact", "abs", "upper")
CARD = find("cross_entropy")
OPTIONS: dict[str, dict[str, Any]] = {
    "smoothing": {"label_smoothing": 0.1},
    "weight": {"weight": [0.5, 2.0, 1.0, 0.25, 3.0]},
    "z_loss": {"z_loss": 0.01},
    "softcap": {"softcap": 5.0},
    "temperature": {"temperature": 0.7},
}
CHOSEN = [(), *itertools.combinations(OPTIONS, 1), *itertools.combinations(OPTIONS, 2), (*OPTIONS,)]
Z = [1.5, -2.0, 0.25, 7.0, 0.5]


def merged(chosen: tuple[str, ...]) -> dict[str, Any]:
    return {k: v for name in chosen for k, v in OPTIONS[name].items()}


def target(soft: bool) -> tuple[Any, list[float], dict[str, Any]]:
    """As the call takes it, as the formula takes it, and the label for the formula."""
    if soft:
        t = np.float32([0.5, 0.125, 0.25, 0.0, 0.0625])
        return t[None], t.tolist(), {}
    return [3], np.eye(CLASSES)[3].tolist(), {"label": 3}


@pytest.mark.parametrize("soft", [False, True], ids=["label", "probabilities"])
@pytest.mark.parametrize("chosen", CHOSEN, ids="-".join)
def test_the_exact_hessian_is_the_second_derivative(chosen: tuple[str, ...], soft: bool) -> None:
    options, (goal, t, label) = merged(chosen), target(soft)
    _, _, h = HESS.cross_entropy(np.float32([Z]), goal, reduction="none", **options)
    whole = enclosures.hessian(CARD, Z, t, **options, **label)
    bends = [whole[c][c] for c in range(CLASSES)]
    # The bend of the softcap may cancel the rest; the unit is never below 2^-20 of the largest.
    largest = max(float(abs(b)) for b in bends)
    unit = enclosures.arb(float(np.spacing(np.float32(largest)))) * 2.0**-20
    for got, bend in zip(h[0].tolist(), bends, strict=True):
        assert ulp.error(got, bend, ulp.FLOAT32, least_unit=unit) <= 1.0


@pytest.mark.parametrize("soft", [False, True], ids=["label", "probabilities"])
@pytest.mark.parametrize("chosen", CHOSEN, ids="-".join)
def test_no_direction_bends_more_than_the_upper_hessian(
    chosen: tuple[str, ...], soft: bool
) -> None:
    options, (goal, t, label) = merged(chosen), target(soft)
    # In the last one a softcap bends down: its Hessian is negative, and `upper` stays above 0.
    for z in (Z, [-3.0, 0.0, 3.0, 0.5, 0.25], [0.0] * CLASSES, [-9.0, -8.0, -7.5, -9.0, -8.5],
              [9.0, 0.0, 1.0, -1.0, 0.0]):  # fmt: skip
        _, _, h = HESS.cross_entropy([z], goal, reduction="none", hessian="upper", **options)
        whole = enclosures.hessian(CARD, z, t, **options, **label)
        matrix = np.array([[float(b) for b in row] for row in whole])
        assert np.all(h >= 0)
        assert np.linalg.eigvalsh(np.diag(h[0]) - matrix).min() >= -1e-14 * np.abs(matrix).max()


def test_the_upper_hessian_is_twice_the_exact_one_without_options() -> None:
    exact = HESS.cross_entropy(LOGITS, LABELS, weight=WEIGHT)[2]
    upper = HESS.cross_entropy(LOGITS, LABELS, weight=WEIGHT, hessian="upper")[2]
    assert_same_bits(upper, 2 * exact)


@unique(pairs(CHOICES))
def test_loss_and_gradient_are_those_of_value_and_grad(options: dict[str, Any]) -> None:
    if not options["hard"]:
        options = options | {"ignore_index": None}
    goal = LABELS if options["hard"] else SHARES
    given = keywords(options)
    want_loss, want_dz = ogive.value_and_grad.cross_entropy(LOGITS, goal, **given)
    for kind in KINDS:
        loss, dz, h = HESS.cross_entropy(LOGITS, goal, **given, hessian=kind)
        assert_same_bits(loss, want_loss, kind)
        assert_same_bits(dz, want_dz, kind)
        assert (h.dtype, h.shape) == (dz.dtype, dz.shape)
        if kind == "abs":
            assert_same_bits(h, np.abs(dz))
        if options["ignore_index"] is not None:
            assert not h[goal == options["ignore_index"]].any(), kind


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_hessian_is_that_of_the_reduced_loss(reduction: str) -> None:
    options: dict[str, Any] = {"weight": WEIGHT, "ignore_index": 1}
    kept = (LABELS != 1) * WEIGHT[LABELS]
    _, _, each = HESS.cross_entropy(LOGITS.astype(float), LABELS, **options, reduction="none")
    _, _, h = HESS.cross_entropy(LOGITS.astype(float), LABELS, **options, reduction=reduction)
    np.testing.assert_allclose(h, each / (kept.sum() if reduction == "mean" else 1), rtol=1e-15)


@unique(pairs(BINARY_CHOICES))
def test_binary_hessians_beside_an_unchanged_gradient(options: dict[str, Any]) -> None:
    want_loss, want_dz = ogive.value_and_grad.binary_cross_entropy(LOGITS, SHARES, **options)
    exact = HESS.binary_cross_entropy(LOGITS, SHARES, **options)[2]
    for kind in KINDS:
        loss, dz, h = HESS.binary_cross_entropy(LOGITS, SHARES, **options, hessian=kind)
        assert_same_bits(loss, want_loss, kind)
        assert_same_bits(dz, want_dz, kind)
        assert_same_bits(h, np.abs(dz) if kind == "abs" else exact, kind)


@pytest.mark.parametrize(
    "options",
    [{}, {"pos_weight": 3.0}, {"weight": 0.5, "pos_weight": 0.25, "label_smoothing": 0.1}],
)
def test_the_exact_binary_hessian_is_the_second_derivative(options: dict[str, float]) -> None:
    card = find("binary_cross_entropy")
    for z, t in itertools.product((-90.0, -20.0, -1.5, 0.0, 0.75, 17.0, 88.0), (0.0, 0.25, 1.0)):
        _, _, h = HESS.binary_cross_entropy(
            np.float32([z]), np.float32([t]), reduction="none", **options
        )
        ((bend,),) = enclosures.hessian(card, z, t, **options)
        assert ulp.error(float(h[0]), bend, ulp.FLOAT32) <= 1.0


@pytest.mark.parametrize("gap", [17.0, 40.0, 100.0])
def test_a_confident_row_keeps_its_hessian(gap: float) -> None:
    """1 - p of the likeliest class is formed from the others, not from a p that rounds to 1."""
    _, _, h = HESS.cross_entropy(np.float32([[gap, 0, -1]]), [0])
    rest = math.exp(-gap) + math.exp(-gap - 1)
    assert h[0, 0] == np.float32(rest / (1 + rest) ** 2)
    assert np.all(h > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_undefined_rows_are_nan_and_others_stay(kind: str) -> None:
    z = np.float32([[1, 2, 0], [np.nan, 1, 2], [np.inf, 0, 1], [-np.inf, 0, 1]])
    loss, _, h = HESS.cross_entropy(z, [0, 0, 0, 2], reduction="none", hessian=kind)
    assert np.isnan(loss).tolist() == [False, True, False, False]
    assert np.isnan(h).all(axis=1).tolist() == [False, True, False, False]
    assert not h[2].any()
    assert h[3, 0] == 0
    b = np.float32([np.inf, -np.inf, np.nan])
    _, _, h = HESS.binary_cross_entropy(b, [1, 0, 1], hessian=kind)
    assert h[:2].tolist() == [0, 0]
    assert np.isnan(h[2])


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_layouts_and_threads_change_no_bits(dtype: Any) -> None:
    random = np.random.default_rng(4)
    z = random.normal(0, 3, (20_011, 10)).astype(dtype)
    labels = random.integers(0, 10, len(z))
    shares = (z > 0).astype(dtype)
    ogive.set_num_threads(1)
    heads = (
        lambda z, **o: HESS.cross_entropy(z, labels[: len(z)], reduction="none", **o),
        lambda z, **o: HESS.cross_entropy(
            z, shares[: len(z)], reduction="none", softcap=9.0, hessian="upper", **o
        ),
        lambda z, **o: HESS.binary_cross_entropy(z, shares[: len(z)], reduction="none", **o),
    )
    for head in heads:
        want = head(z)
        ogive.set_num_threads(3)
        turned = np.asfortranarray(z)
        into = (np.empty_like(turned), np.empty_like(turned))
        for got in (head(z), head(turned), head(turned, out=into), head(z[:5])):
            for a, b in zip(got, want, strict=True):
                assert a.dtype == dtype
                assert_same_bits(a, b[: len(a)])
        ogive.set_num_threads(1)


def test_a_hessian_of_no_known_kind_is_refused() -> None:
    for head in (HESS.cross_entropy, HESS.binary_cross_entropy):
        goal = LABELS if head is HESS.cross_entropy else SHARES
        for kind in ("diagonal", None, 1):
            with pytest.raises(ValueError, match="hessian must be 'exact', 'abs' or 'upper'"):
                head(LOGITS, goal, hessian=kind)
    for call in (ogive.cross_entropy, ogive.value_and_grad.cross_entropy):
        with pytest.raises(TypeError, match="unexpected keyword argument 'hessian'"):
            call(LOGITS, LABELS, hessian="exact")


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.zeros_like(LOGITS), TypeError, "out must be a tuple"),
        ((None,), TypeError, "out must be a tuple"),
        ((None, np.zeros(3, np.float32)), ValueError, r"out: h of shape \(3,\)"),
        ((np.zeros_like(LOGITS, float), None), ValueError, "out: dz .*float64"),
        ((LOGITS, LOGITS), ValueError, "dz and h share memory"),
    ],
)
def test_an_out_that_cannot_take_both_is_refused(out: Any, error: Any, words: str) -> None:
    kept = LOGITS.copy()
    with pytest.raises(error, match=words):
        HESS.cross_entropy(LOGITS, LABELS, out=out)
    assert np.array_equal(LOGITS, kept)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("n", [3, 70], ids=["side by side", "one by one"])
def test_every_format_has_the_loss_and_gradient_of_value_and_grad(dtype: Any, n: int) -> None:
    rng = np.random.default_rng(n)
    z = (3 * rng.standard_normal((4000, n))).astype(dtype)
    labels = rng.integers(0, n, len(z))
    targets = (rng.random(z.shape) < 0.5).astype(dtype)
    for name, goal in (("cross_entropy", labels), ("binary_cross_entropy", targets)):
        want = getattr(ogive.value_and_grad, name)(z, goal, reduction="none")
        found = getattr(HESS, name)(z, goal, reduction="none")
        for a, b in zip(found, want, strict=False):
            assert_same_bits(a, b, name)
