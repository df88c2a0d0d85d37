"""Focal losses: enclosures under all options, confident rows, cross-entropy where gamma is 0."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits
from ogive.catalog import find
from ogive.reference import arb as enclosures
from ogive.reference import ulp
from test_heads import IGNORED, LABELS, LOGITS, SHARES, WEIGHT

GRAD, HESS = ogive.value_and_grad, ogive.value_grad_hess
GAMMAS = [0, 0.5, 1, 2, 2.5, 5, 9]
FOCAL, SIGMOID = find("focal"), find("sigmoid_focal")
random = np.random.default_rng(0)
ROWS = [
    *(random.normal(0, scale, n).astype(np.float32) for n in (2, 3, 7) for scale in (1, 4)),
    *(np.float32([gap, 0, -1, 0.5]) for gap in (17, 40, 80)),
    *(np.float32([0, 0.25, gap]) for gap in (20, 60)),
    np.float32([1e8, 1e8 + 8, 1e8 - 16]),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"label_smoothing": 0.1},
    {"weight": [0.5, 2.0, 1.0, 0.25, 3.0]},
    {"label_smoothing": 0.1, "weight": [0.5, 2.0, 1.0, 0.25, 3.0]},
]


def unit_beside_zero(exact: list[Any]) -> Any:
    """What cancels (a derivative near its zero) is measured by 2^-20 of the row's largest."""
    largest = max(float(abs(e)) for e in exact)
    return enclosures.arb(float(np.spacing(np.float32(largest)))) * 2.0**-20


@pytest.mark.parametrize("gamma", GAMMAS)
def test_a_label_gives_loss_and_derivatives_within_one_ulp(gamma: float) -> None:
    for z in ROWS:
        for label in (0, z.size - 1):
            t = np.eye(z.size)[label].tolist()
            loss, dz, h = HESS.focal(z[None], [label], gamma=gamma, reduction="none")
            exact, slopes = enclosures.head(FOCAL, z.tolist(), t, gamma=gamma)
            bends = enclosures.hessian(FOCAL, z.tolist(), t, gamma=gamma)
            assert ulp.error(float(loss[0]), exact, ulp.FLOAT32) <= 0.6
            for c in range(z.size):
                assert ulp.error(float(dz[0, c]), slopes[c], ulp.FLOAT32) <= 0.6
                assert ulp.error(float(h[0, c]), bends[c][c], ulp.FLOAT32) <= 0.6


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("options", OPTIONS, ids="-".join)
def test_probabilities_and_options_together(options: dict[str, Any], gamma: float) -> None:
    t = np.float32([0.5, 0.125, 0.25, 0.0, 0.0625])
    for z in ([1.5, -2.0, 0.25, 7.0, 0.5], [30.0, 0.0, 1.0, -1.0, 2.0]):
        loss, dz, h = HESS.focal(np.float32([z]), t[None], gamma=gamma, reduction="none", **options)
        exact, slopes = enclosures.head(FOCAL, z, t.tolist(), gamma=gamma, **options)
        whole = enclosures.hessian(FOCAL, z, t.tolist(), gamma=gamma, **options)
        bends = [whole[c][c] for c in range(5)]
        assert ulp.error(float(loss[0]), exact, ulp.FLOAT32) <= 1.0
        for got, want in ((dz[0], slopes), (h[0], bends)):
            for a, b in zip(got.tolist(), want, strict=True):
                assert ulp.error(a, b, ulp.FLOAT32, least_unit=unit_beside_zero(want)) <= 1.0


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("alpha", [None, 0.25, 1.0])
def test_the_sigmoid_form_within_one_ulp(alpha: float | None, gamma: float) -> None:
    points = (-90.0, -20.0, -1.5, 0.0, 0.75, 17.0, 88.0)
    for z, t, eps in itertools.product(points, (0.0, 0.25, 1.0), (0, 0.1)):
        options = {"alpha": alpha, "gamma": gamma, "label_smoothing": eps}
        loss, dz, h = HESS.sigmoid_focal(
            np.float32([z]), np.float32([t]), reduction="none", **options
        )
        exact, (slope,) = enclosures.head(SIGMOID, z, t, **options)
        ((bend,),) = enclosures.hessian(SIGMOID, z, t, **options)
        assert ulp.error(float(loss[0]), exact, ulp.FLOAT32) <= 1.0
        least = ulp.power(-43)
        assert ulp.error(float(dz[0]), slope, ulp.FLOAT32, least_unit=least) <= 1.0
        assert ulp.error(float(h[0]), bend, ulp.FLOAT32, least_unit=least) <= 1.0


@pytest.mark.parametrize("gamma", [0.5, 2, 2.5])
def test_float64_within_eight_ulps(gamma: float) -> None:
    for z in (row.astype(np.float64) for row in ROWS):
        t = np.eye(z.size)[0].tolist()
        loss, dz = GRAD.focal(z[None], [0], gamma=gamma, reduction="none")
        exact, slopes = enclosures.head(FOCAL, z.tolist(), t, gamma=gamma)
        errors = [ulp.error(float(loss[0]), exact, ulp.FLOAT64)]
        errors += [ulp.error(float(a), b, ulp.FLOAT64) for a, b in zip(dz[0], slopes, strict=True)]
        assert max(errors) <= 8


@pytest.mark.parametrize("gamma", GAMMAS)
def test_a_gradient_row_sums_to_zero(gamma: float) -> None:
    for z in ROWS:
        for label in range(z.size):
            _, dz = GRAD.focal(z[None], [label], gamma=gamma)
            rounding = np.spacing(np.abs(dz)).astype(np.float64).sum() / 2
            allowed = max(rounding, float(np.spacing(np.abs(dz).max())))
            assert abs(dz.astype(np.float64).sum()) <= allowed


def some_options() -> Any:
    for target, eps, weight, reduction in itertools.product(
        (LABELS, SHARES), (0.0, 0.1), (None, WEIGHT), ("mean", "sum", "none")
    ):
        yield target, {"label_smoothing": eps, "weight": weight, "reduction": reduction}
    yield LABELS, {"ignore_index": IGNORED, "weight": WEIGHT}


def assert_same(got: Any, want: Any, why: str = "") -> None:
    """The same bits, save for float32 and float64, whose cross-entropies run in lanes."""
    if got.dtype == np.float32:
        np.testing.assert_array_max_ulp(got, want, 1)
    elif got.dtype == np.float64:  # each is within a few ulps
        np.testing.assert_array_max_ulp(got, want, 8)
    else:
        assert_same_bits(got, want, why)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_gamma_0_is_cross_entropy(dtype: Any) -> None:
    z = np.concatenate([LOGITS, LOGITS * 12]).astype(dtype)
    z[-1, 2], z[-2, 0] = -np.inf, np.inf
    for target, options in some_options():
        twice = np.concatenate([target, target])
        twice = twice if twice.ndim == 1 else twice.astype(dtype)
        for hessian in ("exact", "abs", "upper"):
            got = HESS.focal(z, twice, gamma=0, hessian=hessian, **options)
            want = HESS.cross_entropy(z, twice, hessian=hessian, **options)
            for a, b in zip(got, want, strict=True):
                assert_same(a, b, f"{options}, {hessian}")
    t = np.float32([[0, 1, 0.25, 1, 0.5]] * len(z)).astype(dtype)
    for weight, eps in itertools.product((None, np.linspace(0, 2, 5)), (0.0, 0.1)):
        same = {"weight": weight, "label_smoothing": eps}
        got = HESS.sigmoid_focal(z, t, alpha=None, gamma=0, **same)
        for a, b in zip(got, HESS.binary_cross_entropy(z, t, **same), strict=True):
            assert_same(a, b)


def test_the_definition_of_the_detection_paper() -> None:
    """-alpha_t (1 - p_t)^gamma log p_t, as torchvision writes it."""
    z, t = np.meshgrid(np.linspace(-6, 6, 41), [0.0, 1.0])
    p = 1 / (1 + np.exp(-z))
    p_t, alpha_t = p * t + (1 - p) * (1 - t), 0.25 * t + 0.75 * (1 - t)
    np.testing.assert_allclose(
        ogive.sigmoid_focal(z, t, reduction="none"), -alpha_t * (1 - p_t) ** 2 * np.log(p_t),
        rtol=1e-9,
    )  # fmt: skip
    p = ogive.softmax(LOGITS.astype(float))[np.arange(len(LABELS)), LABELS]
    np.testing.assert_allclose(
        ogive.focal(LOGITS.astype(float), LABELS, gamma=3, reduction="none"),
        -((1 - p) ** 3) * np.log(p),
        rtol=1e-9,
    )


@pytest.mark.parametrize("gamma", [0.5, 1, 2, 5])
@pytest.mark.parametrize("soft", [False, True])
def test_no_direction_bends_more_than_the_upper_hessian(gamma: float, soft: bool) -> None:
    t = [0.5, 0.125, 0.25, 0.0, 0.0625] if soft else [0.0, 0.0, 0.0, 1.0, 0.0]
    goal = np.float32([t]) if soft else [3]
    for z in ([1.5, -2.0, 0.25, 7.0, 0.5], [0.0] * 5, [9.0, 0.0, 1.0, -1.0, 0.0]):
        _, _, h = HESS.focal([z], goal, gamma=gamma, reduction="none", hessian="upper")
        whole = enclosures.hessian(FOCAL, z, t, gamma=gamma)
        matrix = np.array([[float(b) for b in row] for row in whole])
        assert np.all(h >= 0)
        assert np.linalg.eigvalsh(np.diag(h[0]) - matrix).min() >= -1e-14 * np.abs(matrix).max()
    exact = HESS.sigmoid_focal(LOGITS, SHARES, gamma=gamma)[2]
    assert (exact < 0).any() == (gamma > 0)
    upper = HESS.sigmoid_focal(LOGITS, SHARES, gamma=gamma, hessian="upper")[2]
    assert_same_bits(upper, np.maximum(exact, 0))


def test_edges() -> None:
    inf, nan = np.inf, np.nan
    z = np.float32(
        [[inf, 0, 1], [0, -inf, 1], [0, -inf, 1], [nan, 0, 0], [-inf] * 3, [inf, inf, 0]]
    )
    for gamma in (0.5, 2, 2.5):
        loss, dz, h = HESS.focal(z, [0, 0, 1, 0, 0, 0], gamma=gamma, reduction="none")
        assert loss[0] == 0
        assert loss[2] == inf
        assert np.isnan(loss).tolist() == [False] * 3 + [True] * 3
        assert np.isnan(dz).all(axis=1).tolist() == [False] * 3 + [True] * 3
        assert np.isnan(h).all(axis=1).tolist() == [False] * 3 + [True] * 3
        assert not dz[0].any()
        assert dz[1, 1] == 0
        assert dz[2, 1] == -1
        loss, dz, h = HESS.sigmoid_focal(
            [inf, -inf, inf, -inf, nan], [1, 0, 0, 1, 1], None, gamma, reduction="none"
        )
        assert loss[:4].tolist() == [0, 0, inf, inf]
        assert dz[:4].tolist() == [0, 0, 1, -1]
        assert h[:4].tolist() == [0, 0, 0, 0]
        assert np.isnan([loss[4], dz[4], h[4]]).all()
    one = GRAD.focal(np.zeros((2, 1)), [0, 0], gamma=0.5)
    assert one[0] == 0
    assert not one[1].any()
    assert GRAD.focal(LOGITS, np.ones(len(LOGITS), int), ignore_index=1)[0] == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"gamma": -1}, ValueError, "gamma must be in"),
        ({"gamma": np.nan}, ValueError, "gamma must be in"),
        ({"gamma": np.inf}, ValueError, "gamma must be in"),
        ({"gamma": "2"}, TypeError, "gamma must be a number"),
        ({"label_smoothing": 2}, ValueError, "label_smoothing"),
        ({"weight": [1, 2]}, ValueError, "weight of shape"),
        ({"reduction": "avg"}, ValueError, "reduction"),
    ],
)
def test_bad_options_are_named_and_nothing_is_written(options: Any, error: Any, words: str) -> None:
    out = np.full_like(LOGITS, 7)
    with pytest.raises(error, match=words):
        GRAD.focal(LOGITS, LABELS, out=out, **options)
    with pytest.raises(error, match=words):
        GRAD.sigmoid_focal(LOGITS, SHARES, out=out, **options)
    assert np.all(out == 7)


def test_bad_targets_and_alphas_are_named() -> None:
    with pytest.raises(ValueError, match=r"target\[2\] = 9"):
        ogive.focal(LOGITS, [0, 1, 9, 2, 2, 1, 0])
    with pytest.raises(ValueError, match="focal: axis"):
        ogive.focal(1.0, 0)
    with pytest.raises(ValueError, match=r"\(7, 0\) have no classes"):
        ogive.focal(LOGITS[:, :0], LABELS)
    with pytest.raises(ValueError, match=r"target\[0, 0\] = 2"):
        ogive.sigmoid_focal(LOGITS, LOGITS * 0 + 2)
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\]"):
        ogive.sigmoid_focal(LOGITS, SHARES, alpha=1.5)
    with pytest.raises(ValueError, match=r"\(7,\) does not fit logits of shape \(7, 5\)"):
        ogive.sigmoid_focal(LOGITS, LABELS)


def test_classes_along_any_axis_and_the_gradient_in_place() -> None:
    z = np.random.default_rng(2).normal(0, 3, (4, 5, 6)).astype(np.float32)
    for axis in range(-3, 3):
        last = np.moveaxis(z, axis, -1)
        labels = np.arange(last[..., 0].size).reshape(last.shape[:-1]) % z.shape[axis]
        want, want_dz = GRAD.focal(last, labels, reduction="none")
        moved = z.copy()
        loss, dz = GRAD.focal(moved, labels, axis=axis, reduction="none", out=moved)
        assert dz is moved
        assert_same_bits(loss, want)
        assert_same_bits(np.moveaxis(dz, axis, -1), want_dz)
