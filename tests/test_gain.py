"""Gains and predictions are exact: closed forms, published values, and a real wide network."""

import inspect
import itertools
import math

import numpy as np
import pytest

import ogive
from ogive.predict import gradient_ratio, moments


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def elu_square(q):
    return (
        q / 2
        + math.exp(2 * q) * phi(-2 * math.sqrt(q))
        - 2 * math.exp(q / 2) * phi(-math.sqrt(q))
        + 0.5
    )


def gelu_square(q):
    s = math.sqrt(1 + 2 * q)
    return q * (0.25 + (q / ((1 + q) * s) + math.atan(q / s) / 2) / math.pi)


def gelu_slope_square(q):
    s = math.sqrt(1 + 2 * q)
    tail = (1 / s**2 + (1 - q**2) / (1 + q) ** 2 + 1) * q / (2 * math.pi * s)
    return 0.25 + math.atan(q / s) / (2 * math.pi) + tail


CLOSED = {
    "relu": (
        lambda q: math.sqrt(q / (2 * math.pi)),
        lambda q: q / 2,
        lambda q: 0.5,
    ),
    "leaky_relu": (
        lambda q: 0.99 * math.sqrt(q / (2 * math.pi)),
        lambda q: (1 + 1e-4) * q / 2,
        lambda q: (1 + 1e-4) / 2,
    ),
    "gelu": (lambda q: q / math.sqrt(2 * math.pi * (1 + q)), gelu_square, gelu_slope_square),
    "elu": (
        lambda q: math.sqrt(q / (2 * math.pi)) + math.exp(q / 2) * phi(-math.sqrt(q)) - 0.5,
        elu_square,
        lambda q: 0.5 + math.exp(2 * q) * phi(-2 * math.sqrt(q)),
    ),
}


@pytest.mark.parametrize(
    ("name", "q"),
    # Not ELU from 40 on: the closed form itself, exp(2q) times a tail, loses its digits there.
    [(n, q) for n in CLOSED for q in (1e-3, 0.3, 1.0, 2.7, 40.0, 1e4) if n != "elu" or q < 40],
)
def test_moments_equal_their_closed_forms_to_1e_12(name, q):
    found = moments(name, q)
    wanted = [form(q) for form in CLOSED[name]]
    # 1e-12 of the function's scale: ELU's mean at small q is a difference of larger terms.
    got = [found.mean, found.square, found.slope_square]
    assert got == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "silu", "softplus", "softsign"])
@pytest.mark.parametrize("q", [0.01, 1.0, 30.0])
def test_moments_without_closed_form_agree_with_adaptive_quadrature(name, q):
    from scipy.integrate import quad

    def density(z):
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    def integrand(z):
        return float(getattr(ogive, name)(math.sqrt(q) * z)) ** 2 * density(z)

    pieces = [quad(integrand, a, a + 1, epsabs=1e-16, epsrel=1e-13)[0] for a in range(-12, 12)]
    assert moments(name, q).square == pytest.approx(sum(pieces), rel=1e-12)


def moved(card):
    """No parameters; and other values of all that the formula sees, but within their domains."""
    yield {}
    changed = {}
    for at, each in enumerate(card.parameters):
        if each.operand:
            value = each.default + 0.3 * (-1) ** at
            low, high = each.domain
            changed[each.name] = value if low < value < high else each.default
    if changed:
        yield changed


def by_quadrature(card, q, parameters):
    """The three moments, each with the size of what is summed, from branch to branch."""
    from scipy.integrate import quad

    # Branches end where the card says, or at a parameter or its opposite.
    ends = {*card.claims.breaks, *parameters.values(), *(-v for v in parameters.values())}
    ends = {e / math.sqrt(q) for e in ends} | set(range(-14, 15))
    pieces = list(itertools.pairwise(sorted(e for e in ends if abs(e) <= 14)))
    f, slope = getattr(ogive, card.name), getattr(ogive.derivative, card.name)
    for of, power in ((f, 1), (f, 2), (slope, 2)):

        def integrand(z, of=of, power=power):
            y = float(of(math.sqrt(q) * z, **parameters))
            return y**power * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

        parts = [quad(integrand, *piece, epsabs=1e-16, epsrel=1e-12)[0] for piece in pieces]
        yield math.fsum(parts), math.fsum(map(abs, parts))


def test_moments_of_every_function_with_branches_are_summed_from_branch_to_branch():
    seen = set()
    for card in ogive.catalog("unary"):
        if not card.claims.breaks:
            continue
        for parameters, q in itertools.product(moved(card), (0.3, 7.3)):
            found = moments(card, q, **parameters)
            got = found.mean, found.square, found.slope_square
            for value, (right, size) in zip(got, by_quadrature(card, q, parameters), strict=True):
                assert abs(value - right) <= 2e-12 * size, (card.name, q, parameters)
        seen.add(card.name)
    assert {"hard_sigmoid", "hardshrink", "relu6"} <= seen


def test_what_lets_nothing_through_has_no_gain_and_no_gradient():
    with pytest.raises(ValueError, match=r"^threshold has no gain: E f\(z\)\^2 is 0.0$"):
        ogive.gain("threshold", threshold=100.0, value=0.0)
    with pytest.raises(ValueError, match=r"^threshold has no gain"):
        ogive.gain(ogive.card("threshold"), threshold=100.0, value=0.0)
    closed = {"threshold": 100.0, "value": 1.0}
    assert gradient_ratio("threshold", 2, weight_variance=1.0, **closed) == -math.inf
    assert gradient_ratio("threshold", 0, weight_variance=1.0, **closed) == 0
    assert gradient_ratio("relu", 3, weight_variance=0.2) == pytest.approx(1.5 * math.log10(0.1))
    # Signals of ReLU squared overflow before gradients do.
    assert gradient_ratio("relu_squared", 60, weight_variance=9.0) == math.inf


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        ("relu", 1.4142),
        ("elu", 1.2452),
        ("selu", 1.0),
        ("gelu", 1.5335),
        ("silu", 1.6765),
        ("softplus", 1.0419),
        ("sigmoid", 1.8462),
        ("tanh", 1.5925),
        ("softsign", 2.3375),
        ("identity", 1.0),
    ],
)
def test_gain_is_the_documented_value(name, gain):
    assert ogive.gain(name) == pytest.approx(gain, abs=5e-5)


def test_gain_takes_the_functions_parameters_and_cards():
    assert ogive.gain("leaky_relu", negative_slope=0.2) == pytest.approx(
        math.sqrt(2 / 1.04), rel=1e-12
    )
    assert ogive.gain("prelu", weight=1.0) == pytest.approx(1.0, rel=1e-12)
    assert ogive.gain(ogive.card("gelu")) == ogive.gain("gelu")


def below(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def density(x):
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


@pytest.mark.parametrize("bounds", [(-0.37, 0.41), (-0.3, 1.7), (0.2, 0.9)])
def test_gain_knows_where_the_bounds_lie(bounds):
    low, high = bounds
    inside = below(high) - below(low) - (high * density(high) - low * density(low))
    square = low**2 * below(low) + high**2 * below(-high) + inside
    found = ogive.gain("hard_tanh", min_val=low, max_val=high)
    assert found == pytest.approx(1 / math.sqrt(square), rel=1e-12)


@pytest.mark.parametrize("width", [0.0, 0.3, 1.1])
def test_gain_knows_where_a_shrink_begins(width):
    square = 2 * ((1 + width**2) * below(-width) - width * density(width))
    found = ogive.gain("softshrink", lambd=width)
    assert found == pytest.approx(1 / math.sqrt(square), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "torch_default", "glorot", "he"),
    [
        ("relu", -7.78, -3.01, 0.00),
        ("gelu", -10.6, -5.70, -2.11),
        ("tanh", -5.00, -0.72, 0.36),
        ("sigmoid", -17.1, -12.6, -9.99),
    ],
)
def test_gradient_ratio_over_twenty_layers_is_the_documented_table(name, torch_default, glorot, he):
    found = [gradient_ratio(name, 20, weight_variance=w) for w in (1 / 3, 1, 2)]
    assert found == pytest.approx([torch_default, glorot, he], abs=0.06)


def test_gradient_ratio_follows_its_recursion_with_every_argument():
    """K -> sw2 E f^2 + sb2, and a factor sw2 E f'^2 each layer: GELU's, in closed form."""
    assert set(inspect.signature(gradient_ratio).parameters) == {
        "activation", "layers", "weight_variance", "bias_variance", "variance", "parameters",
        "derivative", "breaks",  # of Python functions: test_predict_moments
    }  # fmt: skip
    for layers, weights, biases, start in (
        (0, 2.0, 0.5, 1.0), (1, 2.0, 0.5, 3.0), (5, 2.0, 0.0, 0.2), (5, 0.7, 0.3, 1.0),
        (9, 3.0, 1.0, 5.0),
    ):  # fmt: skip
        total, k = 0.0, start
        for _ in range(layers):
            total += math.log10(weights * gelu_slope_square(k)) / 2
            k = weights * gelu_square(k) + biases
        found = gradient_ratio(
            "gelu", layers, weight_variance=weights, bias_variance=biases, variance=start
        )
        assert found == pytest.approx(total, rel=1e-10, abs=1e-12), (layers, weights, biases, start)
    slope = gradient_ratio("leaky_relu", 4, weight_variance=3.0, negative_slope=0.5)
    assert slope == pytest.approx(2 * math.log10(3 * 1.25 / 2), rel=1e-12)


def test_signals_that_overflow_or_vanish_have_an_infinite_ratio():
    assert gradient_ratio("identity", 40, weight_variance=1e30) == math.inf
    assert gradient_ratio("relu", 3, weight_variance=0.0) == -math.inf
    assert gradient_ratio("threshold", 3, weight_variance=1.0, threshold=1e3) == -math.inf


def test_how_far_an_output_is_off_centre_has_no_sign():
    assert moments("relu").off_centre == pytest.approx(1 / math.sqrt(math.pi), rel=1e-12)
    assert moments("tanh").off_centre == pytest.approx(0, abs=1e-12)
    found = moments("log_sigmoid")
    assert found.mean < 0
    assert found.off_centre == pytest.approx(-found.mean / math.sqrt(found.square), rel=1e-12)


def test_moments_are_those_at_the_parameters():
    found = moments("leaky_relu", 2.0, negative_slope=0.5)
    wanted = 0.5 * math.sqrt(2 / (2 * math.pi)), 1.25, 0.625
    got = found.mean, found.square, found.slope_square
    assert got == pytest.approx(wanted, rel=1e-12)
    assert {type(each) for each in got} == {float}  # shown as numbers, not as NumPy's


def test_a_parameter_at_the_open_end_of_its_domain_is_refused():
    for card in ogive.catalog("unary"):
        for parameter in card.parameters:
            for end in parameter.domain if parameter.operand else ():
                with pytest.raises(ValueError, match=f"{parameter.name} must lie between"):
                    moments(card, **{parameter.name: end})


def test_gradient_ratio_predicts_a_real_network_of_width_512():
    from ogive.study.network import Network

    ratios = []
    for seed in range(10):
        network = Network("tanh", depth=11, width=512, features=512, classes=10, seeds=(seed,))
        x = np.random.default_rng(seed).standard_normal((1, 64, 512), dtype=np.float32)
        done = network.forward(x)
        labels = np.arange(64)[None] % 10
        g = network.backward(done, network.head.loss(done.logits, labels)[1])
        ratios.append(math.log10(np.linalg.norm(g[0]) / np.linalg.norm(g[-1])))
    predicted = gradient_ratio("tanh", 10, weight_variance=ogive.gain("tanh") ** 2)
    assert abs(float(np.mean(ratios)) - predicted) <= 0.15


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ogive.gain("gellu"), "did you mean gelu"),
        (lambda: ogive.gain("softmax"), "softmax is not a unary function"),
        (lambda: ogive.gain("cross_entropy"), "not a unary function"),
        (lambda: ogive.gain("leaky_relu", slope=0.1), "it has negative_slope"),
        (lambda: ogive.gain("relu", alpha=1.0), "it has none"),
        (lambda: ogive.gain("leaky_relu", negative_slope=math.nan), "must lie between"),
        (lambda: moments("relu", 0.0), "variance must be positive"),
        (lambda: moments("relu", math.inf), "variance must be positive"),
        (lambda: gradient_ratio("relu", -1, weight_variance=2), "must not be negative"),
    ],
)
def test_what_has_no_gain_is_an_error_that_says_why(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_gain_needs_numpy_alone():
    import subprocess
    import sys

    code = (
        "import sys, ogive; ogive.gain('gelu'); "
        "print([m for m in ('scipy', 'sklearn', 'pandas', 'typer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
