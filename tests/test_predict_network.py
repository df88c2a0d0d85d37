"""A deep plain network is predicted before training: the recursion, the table, real networks."""

import dataclasses
import inspect
import json
import math

import numpy as np
import pytest

import ogive
import predict_table
from ogive.predict import PredictError, gradient_ratio, network


@pytest.mark.parametrize(
    ("name", "torch_default", "glorot", "he"),
    [
        ("relu", "-7.78", "-3.01", "0.00"),
        ("gelu", "-10.6", "-5.70", "-2.11"),
        ("tanh", "-5.00", "-0.72", "+0.36"),
        ("sigmoid", "-17.1", "-12.6", "-9.99"),
    ],
)
def test_twenty_square_layers_are_the_documented_table_to_its_digits(
    name, torch_default, glorot, he
):
    wanted = {"torch": torch_default, "glorot": glorot, "lecun": glorot, "he": he}
    for init, text in wanted.items():
        found = network(name, 20, init=init)
        digits = len(text.partition(".")[2])
        assert round(found.log10_gradient_ratio, digits) + 0.0 == float(text)
        ratio = gradient_ratio(name, 20, weight_variance=found.weight_variance)
        assert found.log10_gradient_ratio == pytest.approx(ratio, rel=1e-12, abs=1e-12)


def test_every_argument_of_a_network_enters_its_recursion():
    """GELU in closed form: K -> sw2 E f^2 + sb2, chi = sw2 E f'^2, and the correlation's map."""
    assert set(inspect.signature(network).parameters) == {
        "activation", "depth", "init", "bias_std", "width", "variance", "input_correlation",
        "derivative", "breaks", "parameters",
    }  # fmt: skip
    f = network("erf", 6, init=1.7, bias_std=0.3, width=40, variance=0.6, input_correlation=-0.4)
    k, c = 0.6, -0.4
    for layer in range(6):
        assert f.mean_square[layer] == pytest.approx(k, rel=1e-13)
        assert f.correlation[layer] == pytest.approx(c, rel=1e-12)
        assert f.chi[layer] == pytest.approx(1.7 * 4 / math.pi / math.sqrt(1 + 4 * k), rel=1e-13)
        square = 2 / math.pi * math.asin(2 * k / (1 + 2 * k))
        both = 2 / math.pi * math.asin(2 * c * k / (1 + 2 * k))
        k, c = 1.7 * square + 0.09, (1.7 * both + 0.09) / (1.7 * square + 0.09)
    assert (f.mean_square[6], f.correlation[6]) == pytest.approx((k, c), rel=1e-12)
    assert f.gradient[-1] == 1
    for layer in range(6):
        assert f.gradient[layer] == pytest.approx(math.prod(f.chi[layer:]), rel=1e-12)
    assert f.log10_gradient_ratio == pytest.approx(math.log10(f.gradient[0]) / 2, rel=1e-12)
    assert f.depth_scale == pytest.approx(1 / abs(math.log(f.chi[-1])), rel=1e-12)
    given = network("leaky_relu", 3, negative_slope=0.3)
    assert given.parameters == {"negative_slope": 0.3}
    assert given.chi[0] == pytest.approx(1.09, rel=1e-13)
    python = network(np.sin, 5, derivative=np.cos, breaks=[0.5])
    assert python.chi[0] == pytest.approx(1 + math.exp(-2), rel=1e-13)
    assert python.activation == "sin"


def test_depth_scale_and_trainable_depth_are_those_of_a_constant_chi():
    found = network("relu", 30, init=1.8)
    assert found.depth_scale == pytest.approx(-1 / math.log(0.9), rel=1e-12)
    assert found.trainable_depth == math.floor(6 * found.depth_scale)
    assert network("relu", 30).depth_scale == network("relu", 30).trainable_depth == math.inf
    slow = network("leaky_relu", 2, negative_slope=0.1)
    assert slow.trainable_depth == math.floor(6 / math.log(1.01))


def test_regimes_and_sentences_follow_the_ratio():
    for init, regime, words in (
        ("torch", "vanishing", "gradients vanish: the first layer's are 10^−7.78"),
        ("he", "stable", "gradients hold: the first layer's are 10^0.00"),
        (8.0, "exploding", "gradients explode: the first layer's are 10^6.02"),
    ):
        found = network("relu", 20, init=init)
        assert found.regime == regime
        assert words in found.sentence
        assert found.sentence in repr(found)
    assert "signals overflow" in network("exp", 20).sentence
    assert network("exp", 20).log10_gradient_ratio == math.inf
    dead = network("threshold", 3, threshold=100.0, value=1.0)
    assert dead.log10_gradient_ratio == -math.inf
    assert "no gradient reaches the first layer" in dead.sentence


def test_a_result_is_frozen_and_plain_numbers_leave_it():
    found = network("exp", 9, width=8)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.depth = 3
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["mean_square"][-1] is None
    assert plain["chi"][0] == found.chi[0]
    assert set(plain) == {field.name for field in dataclasses.fields(found)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: network("relu", 0), "depth must be a whole number of at least 1, not 0"),
        (lambda: network("relu", 2.5), "depth must be a whole number"),
        (lambda: network("relu", True), "depth must be a whole number"),
        (lambda: network("relu", 2, width=0), "width must be a whole number"),
        (lambda: network("relu", 2, init="hee"), "not 'hee'; did you mean he"),
        (lambda: network("relu", 2, init=-1.0), "a positive number .* not -1.0"),
        (lambda: network("relu", 2, init="0"), "a positive number"),
        (lambda: network("relu", 2, init=math.nan), "a positive number"),
        (lambda: network("relu", 2, init=True), "a positive number"),
        (lambda: network("relu", 2, init="inf"), "a positive number"),
        (lambda: network("relu", 2, bias_std=-0.1), "bias_std must be a finite number"),
        (lambda: network("relu", 2, variance=0.0), "variance must be a finite number"),
        (lambda: network("relu", 2, input_correlation=2), "input_correlation must lie"),
        (lambda: network("rely", 2), "did you mean"),
        (lambda: network("threshold", 2, init="gain", threshold=99.0), "has no gain"),
    ],
)  # fmt: skip
def test_what_no_prediction_can_be_made_from_is_named(call, message):
    with pytest.raises(PredictError, match=message):
        call()


def test_other_names_of_an_initialisation_are_known():
    assert network("relu", 3, init="Kaiming") == network("relu", 3, init="he")
    assert network("relu", 3, init=" xavier").init == "glorot"
    assert network("gelu", 3, init="gain").weight_variance == ogive.gain("gelu") ** 2
    assert network("gelu", 3, init="1.25").weight_variance == 1.25
    assert network("gelu", 3, init=np.float32(1.25)).init == "1.25"


NAMES = ["gelu", "tanh", "sigmoid", "leaky_relu"]


def test_real_networks_of_width_512_do_what_was_predicted():
    """Two draws each, within 0.15 per 10 layers and two standard errors of what chance does.

    Ten draws of every function of the catalog: tools/predict_table.py, whose table is in docs.
    """
    for name, found, measured in predict_table.rows(NAMES, ("torch", "he"), 2, 512, 10):
        chance = 2 * found.spread / math.sqrt(2)
        difference = abs(np.mean(measured) - found.log10_gradient_ratio)
        assert difference <= 0.15 + chance, (name, found.init)


def test_the_spread_of_narrow_networks_was_predicted():
    for name, init in (("relu", "he"), ("gelu", "gain"), ("tanh", "he")):
        found = network(name, 8, init=init, width=48)
        measured = [
            predict_table.Draws(seed, 48, 8).log10_ratio(name, found.weight_variance)
            for seed in range(120)
        ]
        # A standard deviation of 120 draws is known within 7 %.
        assert np.std(measured) == pytest.approx(found.spread, rel=0.3), (name, init)
        assert network(name, 8, init=init).spread is None
