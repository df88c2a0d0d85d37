"""Moments that predictions rest on are exact: closed forms, and quadrature of another kind."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import roots_hermitenorm

import ogive
from ogive.predict import PredictError, dual_activation, gain, gradient_ratio, moments
from ogive.predict.closed import FORMS, scaled_tail
from ogive.predict.functions import resolve
from ogive.predict.gaussian import _by_quadrature

PARAMETERS = {
    "leaky_relu": {"negative_slope": 0.3}, "elu": {"alpha": 0.5}, "celu": {"alpha": 2.0},
    "prelu": {"weight": -0.4}, "rrelu": {"lower": 0.1, "upper": 0.2},
    "hard_tanh": {"min_val": -0.4, "max_val": 1.7},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms_and_quadrature_agree(name):
    for variance, given in itertools.product(
        (1e-4, 0.02, 0.3, 1.0, 7.3), ({}, PARAMETERS.get(name, {}))
    ):
        function = resolve(name, **given)
        if name == "exp" and variance > 1:
            continue  # most of the square lies beyond what panels cover
        form = function.closed(variance)
        if form is None:
            assert variance < 0.1, "used wherever its terms do not cancel"
            continue
        by_panels = _by_quadrature(function, variance)
        for one, other, scale in zip(form, by_panels, (math.sqrt(by_panels[1]), 0, 0), strict=True):
            assert one == pytest.approx(other, rel=1e-12, abs=1e-13 * scale), (variance, given)


def test_tails_of_closed_forms_stay_exact_where_exponentials_overflow():
    from scipy.special import erfcx

    for t in (0.0, 0.3, 5.0, 15.999, 16.0, 40.0, 1e4):
        assert scaled_tail(t) == pytest.approx(erfcx(t / math.sqrt(2)) / 2, rel=1e-13)
    for q in (100.0, 1e4, 1e8):
        one, two = (erfcx(k * math.sqrt(q / 2)) / 2 for k in (1, 2))
        wanted = q / 2 + 0.5 + two - 2 * one
        assert moments("elu", q).square == pytest.approx(wanted, rel=1e-12)
    assert moments("exp", 40.0).square == pytest.approx(math.exp(80), rel=1e-13)
    assert moments("exp", 1e3).square == math.inf


def test_a_python_function_is_taken_with_its_derivative():
    for q in (0.2, 1.0, 9.0):
        wanted = [(1 - math.exp(-2 * q)) / 2, (1 + math.exp(-2 * q)) / 2]
        for found in (moments(np.sin, q, derivative=np.cos), moments((np.sin, np.cos), q)):
            assert [found.square, found.slope_square] == pytest.approx(wanted, rel=1e-13)
    assert gain(np.sin, derivative=np.cos) == pytest.approx(1 / math.sqrt(wanted_at_one()))

    def step(x, at):
        return np.where(x > at, x, 0.0)

    def slope(x, at):
        return np.where(x > at, 1.0, 0.0)

    for at in (0.37, -1.9):
        found = moments(step, 2.0, derivative=slope, breaks=[at], at=at)
        right = moments("threshold", 2.0, threshold=at, value=0.0)
        assert found == right
        ratio = gradient_ratio(step, 3, weight_variance=1.1, derivative=slope, breaks=[at], at=at)
        right = gradient_ratio("threshold", 3, weight_variance=1.1, threshold=at, value=0.0)
        assert ratio == pytest.approx(right, rel=1e-12)


def wanted_at_one():
    return (1 - math.exp(-2)) / 2


def test_a_gated_unit_is_the_product_of_two_independent_inputs():
    for card in ogive.catalog("gated"):
        assert gain(card.name) == pytest.approx(gain(card.gate), rel=1e-14)
        for q in (0.3, 4.0):
            inner, found = moments(card.gate, q), moments(card, q)
            assert found.mean == 0
            assert found.square == pytest.approx(q * inner.square, rel=1e-14)
            # d/du = v f'(u), d/dv = f(u)
            right = q * inner.slope_square + inner.square
            assert found.slope_square == pytest.approx(right, rel=1e-14)
    assert gain("swiglu") == pytest.approx(1.6765, abs=5e-5)


def by_polynomials(name, c, q, terms=160):
    """E f(z1) f(z2) as the sum of c^n a_n^2 over Hermite coefficients of a smooth function."""
    x, w = roots_hermitenorm(300)
    w = w / w.sum()
    y = getattr(ogive, name)(math.sqrt(q) * x)
    before, now, total = np.zeros_like(x), np.ones_like(x), 0.0
    for n in range(terms):
        total += c**n * float(w @ (y * now)) ** 2
        before, now = now, (x * now - math.sqrt(n) * before) / math.sqrt(n + 1)
    return total


@pytest.mark.parametrize("c", [-0.7, 0.0, 0.4, 0.8])
def test_products_of_correlated_inputs_agree_with_their_expansion(c):
    for name in ("gelu", "silu", "softplus"):
        wanted = by_polynomials(name, c, 0.7)
        assert dual_activation(name, c, 0.7) == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("c", [-0.99, 0.6])
def test_products_of_correlated_inputs_equal_their_closed_forms(c):
    for q in (0.04, 30.0):
        wanted = 2 / math.pi * math.asin(2 * c * q / (1 + 2 * q))
        odd = dual_activation(ogive.erf, c, q, derivative=ogive.derivative.erf)
        assert odd == pytest.approx(wanted, rel=1e-12, abs=1e-15)
        assert dual_activation("erf", c, q) == pytest.approx(wanted, rel=1e-14, abs=1e-18)
        angle = math.acos(c)
        wanted = q * (math.sin(angle) + (math.pi - angle) * c) / (2 * math.pi)
        assert dual_activation("relu", c, q) == pytest.approx(wanted, rel=1e-11)
        kinked = dual_activation(ogive.relu, c, q, derivative=ogive.derivative.relu)
        assert kinked == pytest.approx(wanted, rel=1e-11)
        swapped = dual_activation("swiglu", c, q)
        assert swapped == pytest.approx(c * q * dual_activation("silu", c, q), rel=1e-12)


def below(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def density(x):
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def shrunk(mean, s, width=0.8):
    """E f of a normal variable, f(x) = x beyond +-width and 0 within."""
    a, b = (-width - mean) / s, (width - mean) / s
    return mean - mean * (below(b) - below(a)) + s * (density(b) - density(a))


def clipped(mean, s, high=6.0):
    """E of a normal variable between 0 and `high`."""
    a, b = -mean / s, (high - mean) / s
    middle = mean * (below(b) - below(a)) - s * (density(b) - density(a))
    return middle + high * below(-b)


def test_products_of_functions_with_breaks_are_split_there():
    for name, given, mean_of in (("hardshrink", {"lambd": 0.8}, shrunk), ("relu6", {}, clipped)):
        for c, q in ((0.7, 2.0), (-0.95, 8.0)):
            s, f = math.sqrt(q), getattr(ogive, name)

            def outer(u, f=f, given=given, s=s, c=c, mean_of=mean_of):
                inner = mean_of(c * s * u, s * math.sqrt(1 - c * c))
                return float(f(s * u, **given)) * density(u) * inner

            ends = {b * d / s for b in (-0.8, 0.8, 6, 0) for d in (1, 1 / c)} | set(range(-9, 10))
            pieces = itertools.pairwise(sorted(e for e in ends if abs(e) <= 9))
            total = sum(quad(outer, *piece, epsabs=1e-15, epsrel=1e-12)[0] for piece in pieces)
            found = dual_activation(name, c, q, **given)
            assert found == pytest.approx(total, rel=1e-11, abs=1e-14), (name, c)
    assert dual_activation("gelu", 1.0, 0.3) == moments("gelu", 0.3).square
    assert dual_activation("tanh", -1.0) == pytest.approx(-moments("tanh").square, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moments(np.sin), "give its derivative"),
        (lambda: moments("gelu", derivative=np.cos), "belong to a Python function"),
        (lambda: moments((np.sin,)), "a Python function and its derivative"),
        (lambda: moments(3.0), "must be a name, a card or a function, not 3.0"),
        (lambda: gain("swiglu", alpha=1.0), "swiglu has no parameter 'alpha'"),
        (lambda: moments("gellu"), "did you mean gelu"),
        (lambda: moments("softmax"), "softmax is not a unary function"),
        (lambda: dual_activation("gelu", 1.1), "correlation must lie between -1 and 1"),
    ],
)  # fmt: skip
def test_what_has_no_moments_is_an_error_that_says_why(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert issubclass(PredictError, ValueError)
