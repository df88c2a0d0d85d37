"""Weights of losses: negative ones, and ones so large or small that their sum is no double."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits

CLASSES = [card.name for card in ogive.catalog("heads") if card.has("label")]
ELEMENTS = [card.name for card in ogive.catalog("heads") if not card.over_rows]
random = np.random.default_rng(3)
LABELS = np.array([0, 2, 1, -1, 2, 0, 1, 1])
Z, X, W = random.normal(0, 2, (8, 3)), random.normal(0, 1, (8, 4)), random.normal(0, 1, (3, 4))
WEIGHTS = np.array([0.5, -1.25, 3.0])


def found(name: str, dtype: Any, weight: Any, reduction: str) -> tuple[Any, ...]:
    """The loss and its gradients."""
    given = (X, W) if ogive.card(name).layer else (Z,)
    more: dict[str, Any] = {"ignore_index": -1} if name in CLASSES else {}
    target: Any = LABELS
    if name not in CLASSES:
        target = (LABELS[:, None] % 2 * np.ones(3)).astype(dtype)
    loss, gradient = getattr(ogive.value_and_grad, name)(
        *(a.astype(dtype) for a in given), target, weight=weight, reduction=reduction, **more
    )
    each = gradient if isinstance(gradient, tuple) else (gradient,)
    return loss, *(g for g in each if g is not None)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("name", [*CLASSES, *ELEMENTS])
def test_a_loss_of_opposite_weights_is_the_opposite(name: str, dtype: Any) -> None:
    for reduction in ("sum", "none") if not ogive.card(name).layer else ("sum",):
        both = (found(name, dtype, w, reduction) for w in (WEIGHTS, -WEIGHTS))
        for a, b in zip(*both, strict=True):
            eps = np.finfo(np.float32).eps if np.dtype(dtype).itemsize == 4 else 0
            np.testing.assert_allclose(-a.astype(float), b.astype(float), rtol=2 * eps, atol=0)


@pytest.mark.parametrize("name", CLASSES)
def test_a_mean_divides_by_the_weights_that_count(name: str) -> None:
    kept = LABELS[LABELS >= 0]
    for weights in (WEIGHTS, -WEIGHTS, -abs(WEIGHTS)):
        total = weights[kept].sum()
        both = (found(name, float, weights, how) for how in ("mean", "sum"))
        for mean, whole in zip(*both, strict=True):
            np.testing.assert_allclose(mean, whole / total, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("power", [-1070, -1030, -960, 960, 1020])
def test_a_mean_is_that_of_weights_times_a_power_of_two(name: str, dtype: Any, power: int) -> None:
    """Also where their sum, or its inverse, is beyond all doubles."""
    weights = np.array([0.5, 2.0, 1.5])
    both = (found(name, dtype, w, "mean") for w in (np.ldexp(weights, power), weights))
    for a, b in zip(*both, strict=True):
        assert_same_bits(np.asarray(a), np.asarray(b), f"2^{power}")


@pytest.mark.parametrize("name", CLASSES)
def test_what_counts_in_a_mean_may_be_far_smaller_than_what_does_not_occur(name: str) -> None:
    kept = LABELS != 1
    labels = LABELS[kept]
    given = (X[kept], W) if ogive.card(name).layer else (Z[kept],)
    plain = getattr(ogive, name)(*given, labels, ignore_index=-1)
    for tiny in (1e-100, 1e-300):
        weight = np.array([tiny, 1e300, tiny])
        loss = getattr(ogive, name)(*given, labels, weight=weight, ignore_index=-1)
        assert loss == pytest.approx(plain, rel=1e-13)


@pytest.mark.parametrize("name", CLASSES)
def test_weights_that_cancel_give_an_infinite_mean_and_none_give_zero(name: str) -> None:
    labels = np.array([0, 1])
    given = (X[:2], W) if ogive.card(name).layer else (Z[:2],)
    f = getattr(ogive.value_and_grad, name)
    loss, _ = f(*given, labels, weight=np.array([1.0, -1.0, 1.0]))
    assert np.isinf(loss)
    for weights in (np.zeros(3), np.array([0.0, 0.0, 5.0])):
        loss, gradient = f(*given, labels, weight=weights)
        assert loss == 0
        each = gradient if isinstance(gradient, tuple) else (gradient,)
        assert not any(g is not None and g.any() for g in each)


@pytest.mark.parametrize("name", [*CLASSES, *ELEMENTS])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=r"weight\[1\] = .*: weights must be finite"):
        found(name, float, np.array([1.0, wrong, 1.0]), "mean")
