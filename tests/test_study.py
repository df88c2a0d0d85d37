"""The engine: gradients are right, networks are independent, and the task is really learned."""

import math

import numpy as np
import pytest

from ogive.study.data import load, split
from ogive.study.errors import StudyError
from ogive.study.network import Draws, Network
from ogive.study.settings import ACTIVATIONS, settings
from ogive.study.training import Batch, train


@pytest.fixture(scope="module")
def iris():
    return split(load("iris"))[0]


@pytest.fixture(scope="module")
def digits():
    return split(load("digits"))[0]


def batch(activation, depth=2, seeds=(0, 1), rate=0.05, purpose="final", epochs=2, **changed):
    return Batch(
        activation=activation,
        depth=depth,
        purpose=purpose,
        seeds=seeds,
        rates=changed.pop("rates", (rate,) * len(seeds)),
        epochs=epochs,
        width=changed.pop("width", 16),
        batch_size=changed.pop("batch_size", 8),
        momentum=0.9,
        clip=1.0,
        checkpoints=3,
    )


def unclocked(trial):
    return {**vars(trial), "seconds_per_step": None}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_is_the_gradient_of_the_loss(name, classes):
    network = Network(name, depth=3, width=5, features=4, classes=classes, seeds=(0, 1))
    draw = np.random.default_rng(0)
    x = draw.standard_normal((2, 6, 4)).astype(np.float32)
    labels = draw.integers(classes, size=(2, 6))
    draws = Draws((0, 1), step=3)

    def loss():
        return network.head.loss(network.forward(x, draws).logits, labels)[0].sum(dtype=np.float64)

    done = network.forward(x, draws)
    network.backward(done, network.head.loss(done.logits, labels)[1], draws)
    analytic, kept = network.gradients.copy(), network.parameters.copy()
    direction = draw.standard_normal(kept.shape).astype(np.float32)
    step = np.float32(5e-5)  # no unit crosses its kink
    sides = []
    for sign in (1, -1):
        network.parameters[...] = kept + np.float32(sign) * step * direction
        sides.append(loss())
    numeric = (sides[0] - sides[1]) / (2 * float(step))
    assert numeric == pytest.approx(float((analytic * direction).sum()), rel=0.03, abs=0.05)


@pytest.mark.parametrize("name", ["relu", "prelu", "rrelu"])
def test_a_network_is_the_same_alone_and_in_a_batch(iris, name):
    together = train(iris, batch(name, seeds=(0, 1, 0), rates=(0.05, 0.05, 0.1)))
    alone = [train(iris, batch(name, seeds=(s,), rate=r))[0] for s, r in
             ((0, 0.05), (1, 0.05), (0, 0.1))]  # fmt: skip
    assert [unclocked(t) for t in together] == [unclocked(t) for t in alone]
    assert together[0] != together[1]


def test_tuned_relu_of_depth_2_classifies_97_percent_of_digits(digits):
    chosen = settings(len(digits.train_x))
    trials = train(
        digits,
        Batch(
            activation="relu",
            depth=2,
            purpose="final",
            seeds=chosen.seeds,
            rates=(0.1,) * len(chosen.seeds),
            epochs=chosen.epochs,
            width=chosen.width,
            batch_size=chosen.batch_size,
            momentum=chosen.momentum,
            clip=chosen.clip,
            checkpoints=chosen.checkpoints,
        ),
    )
    assert np.mean([t.test_accuracy for t in trials]) >= 0.97


def test_gradients_start_as_predicted_and_signals_at_the_matched_size(digits):
    (trial,) = train(digits, batch("sigmoid", depth=8, seeds=(0,), width=64, epochs=1))
    assert trial.gradient_ratio == pytest.approx(trial.predicted_gradient_ratio, abs=0.3)
    assert trial.predicted_gradient_ratio < -2
    np.testing.assert_allclose(trial.magnitude, 1, rtol=0.3)


def test_units_are_dead_only_when_no_row_activates_them(iris):
    (healthy,) = train(iris, batch("relu", seeds=(0,)))
    (burnt,) = train(iris, batch("relu", seeds=(0,), rate=3.0))
    assert all(layer[0] < 0.3 for layer in healthy.dead)
    assert max(layer[-1] for layer in burnt.dead) > 0.3
    # A dead unit is flat on every row, so it is saturated too.
    for dead, saturated in zip(burnt.dead, burnt.saturated, strict=True):
        assert all(s >= d for d, s in zip(dead, saturated, strict=True))


def test_a_rate_that_is_too_large_is_a_result_not_a_crash(iris):
    (trial,) = train(iris, batch("identity", depth=8, seeds=(0,), rate=1e6))
    assert trial.diverged_at is not None
    assert trial.validation_loss[-1] is None
    assert trial.test_accuracy == 0.0


def test_prelu_learns_a_slope_for_each_layer(iris):
    (trial,) = train(iris, batch("prelu", depth=3, seeds=(0,), epochs=5))
    assert [layer[0] for layer in trial.slopes] == [0.25] * 3
    assert all(layer[-1] != 0.25 for layer in trial.slopes)
    assert train(iris, batch("relu", seeds=(0,)))[0].slopes == ()


def test_networks_that_choose_a_rate_never_see_the_test_split(iris):
    (trial,) = train(iris, batch("relu", seeds=(0,), purpose="tune"))
    assert trial.test_accuracy is None
    assert trial.test_correct is None


def test_test_rows_are_counted_one_by_one(iris):
    (trial,) = train(iris, batch("tanh", seeds=(0,), epochs=5))
    assert len(trial.test_correct) == len(iris.test_y)
    assert trial.test_correct.count("1") / len(iris.test_y) == pytest.approx(trial.test_accuracy)
    assert trial.test_accuracy > 0.7


def test_two_classes_use_one_sigmoid(iris):
    network = Network("relu", depth=1, width=4, features=4, classes=2, seeds=(0,))
    assert network.weights[-1].shape == (1, 4, 1)
    logits = np.array([[[-1.0], [2.0]]], np.float32)
    loss, _ = network.head.loss(logits, np.array([[0, 1]]))
    np.testing.assert_allclose(loss[0], [math.log1p(math.exp(-1)), math.log1p(math.exp(-2))])
    np.testing.assert_array_equal(network.head.classify(logits), [[0, 1]])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"activations": ["gellu"]}, "did you mean gelu"),
        ({"activations": ["softmax"]}, "already the head"),
        ({"depths": [0]}, "depth must be at least 1"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"epochs": -1}, "epochs must be at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(asked, message):
    with pytest.raises(StudyError, match=message):
        settings(1000, **asked)


def test_the_default_study_is_the_documented_one():
    chosen = settings(1257)
    assert chosen.depths == (2, 8, 20)
    assert len(chosen.seeds) == 5
    assert set(chosen.activations) == {
        *("relu", "leaky_relu", "prelu", "rrelu", "sigmoid", "tanh"),
        *("identity", "gelu", "silu", "elu"),
    }
    assert not set(chosen.seeds) & set(chosen.tuning_seeds)
    assert settings(1257, activations=["swish", "silu"]).activations == ("silu",)
