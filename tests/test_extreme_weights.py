"""Weighted means where the weights, their sum or one over it leave the range and the mean does
not.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import ogive
from cases import flat, other_number, public

GRAD = ogive.value_and_grad
SCALES = [2.0**1023, 1.7e308, 1e200, 1e-200, 1e-307, 2.0**-1060]
every_scale = pytest.mark.parametrize("scale", SCALES)
rng = np.random.default_rng(2)
Z, W = rng.normal(0, 2, (40, 5)), rng.normal(0, 1, (5, 3))
X = rng.normal(0, 1, (40, 3))
LABELS = np.arange(40) % 5
SHARES = rng.dirichlet(np.ones(5), 40)
WEIGHT = np.array([0.5, 1.0, 0.25, 0.75, 1.0])  # times a power of two none of them rounds


def found(name: str, mode: str, target: Any, **options: Any) -> list[Any]:
    """Loss and all derivatives."""
    arrays = (X, W) if ogive.card(name).layer else (Z,)
    return flat(public(name, mode)(*arrays, target, **options))


def with_numbers(name: str, target: Any, **options: Any) -> list[Any]:
    """Every number another than its default; without those that weights leave as they are, in a
    mean over probabilities.
    """
    numbers = {
        p.name: other_number(p)
        for p in ogive.card(name).parameters
        if p.operand and not (p.unweighted and target.ndim == 2)
    }
    return found(name, "value_and_grad", target, **numbers, **options)


def losses() -> dict[str, Any]:
    """Each loss with class weights, of labels and of probabilities: loss and all gradients."""
    calls: dict[str, Any] = {}
    for card in ogive.catalog("heads"):
        if not (card.over_rows and card.weights):
            continue
        calls[card.name] = partial(found, card.name, "value_and_grad")
        if card.has("number") and not card.layer:
            calls[f"{card.name} options"] = partial(with_numbers, card.name)
        if card.hessians:
            calls[f"{card.name} hessian"] = partial(found, card.name, "value_grad_hess")
    return calls


every_loss = pytest.mark.parametrize("name", losses())


@every_scale
@every_loss
def test_the_mean_over_labels_does_not_notice_the_scale(name: str, scale: float) -> None:
    call = losses()[name]
    for labels in (LABELS, np.zeros(40, int)):
        plain = call(labels, weight=WEIGHT)
        power = 2.0 ** np.floor(np.log2(scale))
        for found, expected in zip(call(labels, weight=WEIGHT * power), plain, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
        for found in call(labels, weight=WEIGHT * scale):
            assert np.isfinite(found).all()


@every_loss
def test_weights_far_apart(name: str) -> None:
    """Rows that weigh nothing beside the others change nothing, also where those have no rows."""
    call = losses()[name]
    labels = LABELS % 2
    mixed = call(labels, weight=np.array([1e300, 1e-300, 1e308, 1e308, 0]))
    heavy = call(np.where(labels == 0, 0, 1), weight=np.array([1.0, 0, 0, 0, 0]))
    if "options" not in name:  # smoothing asks something of every class
        for found, expected in zip(mixed, heavy, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", losses())
def test_the_mean_over_probabilities_is_in_range_if_it_is(name: str) -> None:
    call = losses()[name]
    plain = call(SHARES, weight=WEIGHT)
    for power in (2.0**1015, 2.0**-900):
        for found, expected in zip(call(SHARES, weight=WEIGHT * power), plain, strict=True):
            np.testing.assert_allclose(found, expected * power, rtol=1e-12)


def test_the_z_loss_of_a_row_does_not_grow_with_weights_it_does_not_count() -> None:
    shares = SHARES * [0, 1, 1, 1, 1]
    call = losses()["cross_entropy"]
    plain = call(shares, weight=np.ones(5), z_loss=0.3)
    found = call(shares, weight=np.array([2.0**1020, 1, 1, 1, 1]), z_loss=0.3)
    for a, b in zip(found, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_elementwise_weights() -> None:
    z, t = Z, (Z > 0.5).astype(float)
    for call in (GRAD.binary_cross_entropy, GRAD.sigmoid_focal):
        plain = call(z, t, weight=WEIGHT)
        found = call(z, t, weight=WEIGHT * 2.0**1018)
        np.testing.assert_allclose(found[0], plain[0] * 2.0**1018, rtol=1e-12)
        np.testing.assert_allclose(found[1], plain[1] * 2.0**1018, rtol=1e-12)
    plain = GRAD.binary_cross_entropy(z, t, pos_weight=WEIGHT)
    found = GRAD.binary_cross_entropy(z, t, pos_weight=WEIGHT * 2.0**600, weight=2.0**-600)
    assert np.isfinite(found[0])
    both = GRAD.binary_cross_entropy(z, t, pos_weight=1e200, weight=1e200, reduction="none")
    np.testing.assert_array_equal(np.isfinite(both[0]), t == 0)
    assert np.isfinite(both[1][t == 0]).all()


def test_a_mean_of_losses_whose_sum_overflows() -> None:
    z = np.array([[1.7e308, 0.0], [1.7e308, 0.0], [1.6e308, 0.0]])
    assert np.isclose(ogive.cross_entropy(z, np.ones(3, int)), 5 / 3 * 1e308)
    assert ogive.cross_entropy(z, np.ones(3, int), reduction="sum") == np.inf
    assert np.isclose(ogive.binary_cross_entropy(z[:, 0], np.zeros(3)), 5 / 3 * 1e308)


@every_scale
def test_sparsemax_loss_of_one_row_is_linear_in_its_weight(scale: float) -> None:
    z, t = np.array([0.3, 0.1, -0.2, 0.4]), 2
    plain, dz = GRAD.sparsemax_loss(z, t, reduction="none")
    found, dz_found = GRAD.sparsemax_loss(z, t, weight=np.full(4, scale), reduction="none")
    np.testing.assert_allclose(found, plain * scale, rtol=1e-12, atol=1e-322)
    np.testing.assert_allclose(dz_found, dz * scale, rtol=1e-12, atol=1e-322)
