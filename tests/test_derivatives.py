"""Derivative, backward, Jacobian and the heads' gradients against enclosures of the formula's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from flint import arb

import ogive
from cases import PLAIN_ROWS, other_parameters
from ogive.catalog import find, names
from ogive.formula import tape
from ogive.reference import arb as enclosures
from ogive.reference import measure, ulp
from ogive.reference.ulp import FLOAT32, FLOAT64

UNARY = names("unary")
FROM_OUTPUT = [n for n in UNARY if n in dir(ogive.backward_from_output)]
random = np.random.default_rng(5)
X = np.concatenate([random.normal(0, 3, 60), random.uniform(-100, 40, 40), [0, -0.0]])
Z = random.normal(0, 3, 7).astype(np.float32)

Array = npt.NDArray[Any]


def worst(got: Array, exact: Sequence[arb], fmt: ulp.Format = FLOAT32) -> float:
    pairs = zip(np.ravel(got).tolist(), exact, strict=True)
    return max(ulp.error(float(g), e, fmt) for g, e in pairs)


@pytest.mark.parametrize(
    ("name", "parameters"), [(n, p) for n in UNARY for p in other_parameters(n)]
)
def test_value_and_derivatives_at_other_parameters(
    name: str, parameters: tuple[float, ...]
) -> None:
    card = find(name)
    for fmt, dtype, limits in (
        (FLOAT32, np.float32, (0.6, 1.0, 1.0)),
        (FLOAT64, np.float64, (2.0, 4.0, 4.0)),
    ):
        x = X.astype(dtype)
        for which in measure.results(name):
            order = measure.ORDERS[which]
            got = measure.function(card, which)(x, *parameters)
            exact = [enclosures.enclose(card, float(v), *parameters, order=order) for v in x]
            assert worst(got, exact, fmt) <= limits[order]


@pytest.mark.parametrize("name", UNARY)
def test_backward_is_dy_times_the_derivative(name: str) -> None:
    card, x = find(name), X.astype(np.float32)
    dy = random.normal(0, 1, x.size).astype(np.float32)
    got = getattr(ogive.backward, name)(dy, x)
    got = got[0] if isinstance(got, tuple) else got
    exact = [
        arb(float(g)) * enclosures.enclose(card, float(v), order=1)
        for g, v in zip(dy, x, strict=True)
    ]
    assert worst(got, exact) <= 1.0


@pytest.mark.parametrize("name", UNARY)
def test_the_largest_dy_brings_back_a_slope_that_would_vanish(name: str) -> None:
    card = find(name)
    x = np.concatenate([-np.linspace(8, 130, 60), np.linspace(8, 80, 40), [-312.0, 312.0]])
    x = x.astype(np.float32)
    dy = np.where(np.arange(x.size) % 2, 3e38, -3e38).astype(np.float32)
    got = getattr(ogive.backward, name)(dy, x)
    got = got[0] if isinstance(got, tuple) else got
    for g, v, out in zip(dy.tolist(), x.tolist(), got.tolist(), strict=True):
        exact = arb(g) * enclosures.enclose(card, v, order=1)
        if abs(exact) < 3.4e38:
            assert ulp.error(out, exact, FLOAT32) <= 1.0, (v, out, exact)
        else:
            assert abs(out) > 3.4e38, (v, out)
            assert (out > 0) == (exact > 0), (v, out)


@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_backward_from_output_is_as_good_as_the_output_allows(name: str) -> None:
    """y carries half an ulp of error; times |f''/f'| that is what the slope may lose."""
    card, x = find(name), X[X != 0].astype(np.float32)
    y = getattr(ogive, name)(x)
    got = getattr(ogive.backward_from_output, name)(np.ones_like(y), y)
    compared = 0
    for g, v, out in zip(got.tolist(), x.tolist(), y.tolist(), strict=True):
        slope, bend = (float(enclosures.enclose(card, v, order=k)) for k in (1, 2))
        lost = 0.6 * float(np.spacing(np.float32(abs(out)))) * abs(bend / slope) if slope else 0.0
        if slope == 0:
            compared += 1
            assert g == 0
        elif lost < 1e-3 * abs(slope):
            compared += 1
            allowed = 1.01 * lost + 2 * float(np.spacing(np.float32(abs(slope))))
            assert abs(g - slope) <= allowed, (v, g, slope)
    assert compared > 20


def test_prelu_returns_the_gradient_of_its_weight() -> None:
    x = random.normal(0, 2, (5, 3, 4)).astype(np.float32)
    dy = random.normal(0, 1, x.shape).astype(np.float32)
    for weight in (0.25, np.array([0.1, 0.2, 0.3])[:, None]):
        dx, dweight = ogive.backward.prelu(dy, x, weight)
        terms = np.where(x < 0, dy.astype(float) * x.astype(float), 0)
        want = terms.sum() if np.ndim(weight) == 0 else terms.sum(axis=(0, 2))[:, None]
        assert dx.shape == x.shape
        assert np.shape(dweight) == np.shape(want)
        assert np.asarray(dweight, dtype=float) == pytest.approx(want, rel=1e-6)


def test_prelu_writes_its_gradient_into_out_which_may_be_an_input() -> None:
    x = random.normal(0, 2, (5, 3)).astype(np.float32)
    dy = random.normal(0, 1, x.shape).astype(np.float32)
    weight = np.array([0.1, 0.2, 0.3])
    dx, dweight = ogive.backward.prelu(dy, x, weight)
    for place in (0, 1, None):
        given = [dy.copy(), x.copy()]
        out = np.empty_like(x) if place is None else given[place]
        got, total = ogive.backward.prelu(*given, weight, out=out)
        assert got is out
        assert np.array_equal(out, dx)
        assert np.array_equal(total, dweight)
        assert total.dtype == dweight.dtype
    out = np.full((2, 2), 7, np.float32)
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        ogive.backward.prelu(dy, x, weight, out=out)
    assert np.all(out == 7)
    wide = np.empty(x.shape)
    assert ogive.backward.prelu(dy, x, out=wide)[1].dtype == np.float32


def test_rrelu_draws_the_same_slopes_in_backward() -> None:
    x = -np.exp(random.normal(0, 2, 4000)).astype(np.float32)
    y = ogive.rrelu(x, training=True, seed=11)
    slope = ogive.backward.rrelu(np.ones_like(x), x, training=True, seed=11)
    assert y == pytest.approx(slope * x, rel=1e-6)
    assert slope.min() >= np.float32(1 / 8)
    assert slope.max() <= np.float32(1 / 3)
    # Uniform: mean and spread within five standard errors.
    assert abs(slope.mean() - 11 / 48) < 5 * (5 / 24) / math.sqrt(12 * x.size)
    assert slope.std() == pytest.approx((5 / 24) / math.sqrt(12), rel=0.05)
    assert not np.array_equal(y, ogive.rrelu(x, training=True, seed=12))


@pytest.mark.parametrize("gap", [0, 1, 20, 90])
@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_backward_of_rows(name: str, gap: float) -> None:
    card, z = find(name), Z + np.float32(gap) * (np.arange(Z.size) == 2)
    size = np.size(getattr(ogive, name)(z))
    dy = random.normal(0, 1, size).astype(np.float32)
    got = getattr(ogive.backward, name)(dy if size > 1 else dy[0], z)
    exact = enclosures.row_backward(card, z.tolist(), dy.tolist())
    # The upstream gradient meets cancellation of its own; the error counts against the largest.
    scale = max(float(abs(e)) for e in exact)
    assert got == pytest.approx([float(e) for e in exact], rel=2e-7, abs=2.0**-40 * scale)


@pytest.mark.parametrize("name", [n for n in names("rows") if n in dir(ogive.backward_from_output)])
def test_backward_from_output_of_rows(name: str) -> None:
    dy = random.normal(0, 1, Z.size).astype(np.float32)
    got = getattr(ogive.backward_from_output, name)(dy, getattr(ogive, name)(Z))
    exact = [float(e) for e in enclosures.row_backward(find(name), Z.tolist(), dy.tolist())]
    assert got == pytest.approx(exact, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", [n for n in PLAIN_ROWS if n in dir(ogive.jacobian)])
def test_jacobian(name: str) -> None:
    card = find(name)
    got = getattr(ogive.jacobian, name)(Z)
    unit = np.eye(np.size(getattr(ogive, name)(Z)))
    rows = np.reshape(got, (unit.shape[0], Z.size))
    for i in range(unit.shape[0]):
        exact = enclosures.row_backward(card, Z.tolist(), unit[i].tolist())
        assert worst(rows[i], exact) <= 1.0


WEIGHT = [0.5, 2.0, 1.0, 0.25, 3.0, 1.5, 0.75]
OPTIONS: dict[str, dict[str, Any]] = {
    "weight": {"weight": WEIGHT},
    "label_smoothing": {"label_smoothing": 0.1},
    "z_loss": {"z_loss": 1e-3},
    "softcap": {"softcap": 5.0},
    "temperature": {"temperature": 0.7},
}
PAIRS = [(), *itertools.combinations(OPTIONS, 1), *itertools.combinations(OPTIONS, 2), (*OPTIONS,)]


@pytest.mark.parametrize("soft", [False, True], ids=["label", "probabilities"])
@pytest.mark.parametrize("chosen", PAIRS, ids="-".join)
def test_cross_entropy_with_any_options_together(chosen: tuple[str, ...], soft: bool) -> None:
    options: dict[str, Any] = {}
    for name in chosen:
        options |= OPTIONS[name]
    label = 3
    if soft:
        t = np.float32(random.dirichlet(np.ones(Z.size)))
        target: Any = t[None]
    else:
        t, target = np.eye(Z.size, dtype=np.float32)[label], [label]
    loss, gradient = ogive.value_and_grad.cross_entropy(
        Z[None], target, reduction="none", **options
    )
    hard = {} if soft else {"label": label}
    exact, slopes = enclosures.head(
        find("cross_entropy"), Z.tolist(), t.astype(float).tolist(), **options, **hard
    )
    assert worst(loss, [exact]) <= 1.0
    # A component may cancel to nothing; the unit is never below 2^-20 ulps of the largest.
    largest = max(float(abs(s)) for s in slopes)
    unit = arb(float(np.spacing(np.float32(largest)))) * 2.0**-20
    for got, slope in zip(gradient[0].tolist(), slopes, strict=True):
        assert ulp.error(got, slope, FLOAT32, least_unit=unit) <= 1.0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pos_weight": 3.0},
        {"label_smoothing": 0.2},
        {"weight": 0.5, "pos_weight": 0.25, "label_smoothing": 0.1},
    ],
)
def test_binary_cross_entropy_with_any_options_together(options: dict[str, float]) -> None:
    card = find("binary_cross_entropy")
    for z, t in itertools.product((-90.0, -20.0, -1.5, 0.0, 0.75, 17.0, 88.0), (0.0, 0.25, 1.0)):
        loss, gradient = ogive.value_and_grad.binary_cross_entropy(
            np.float32([z]), np.float32([t]), reduction="none", **options
        )
        exact, (slope,) = enclosures.head(card, z, t, **options)
        assert worst(loss, [exact]) <= 1.0
        assert ulp.error(float(gradient[0]), slope, FLOAT32, least_unit=ulp.power(-43)) <= 1.0


@pytest.mark.parametrize("name", UNARY)
def test_the_tape_differentiates_again(name: str) -> None:
    """f'' from the tape is the difference quotient of enclosed f'."""
    card, step = find(name), 2.0**-30
    for x in (-2.1, -0.6, 0.8, 3.3):
        low, high = (enclosures.enclose(card, x + s, order=1, bits=120) for s in (-step, step))
        bend = float(enclosures.enclose(card, x, order=2))
        assert float((high - low) / (2 * step)) == pytest.approx(bend, rel=1e-9, abs=1e-12)
    assert tape.unary(name, tape.defaults(name), (0, 1, 2)).results
