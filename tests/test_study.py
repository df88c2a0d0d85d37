"""The engine: gradients are right, networks are independent, and the task is really learned."""

import dataclasses
import math

import numpy as np
import pytest
from sklearn import metrics

from ogive.study import StudyError
from ogive.study.blocks import Target, blocks
from ogive.study.metrics import pack, scores, shares, unpack
from ogive.study.network import Draws, Head, Network
from ogive.study.settings import ACTIVATIONS, settings
from ogive.study.training import TUNING_SEED, Course, Job, best_rate, seed_of, train
from study_cases import TINY, load, made_table, prepared, study, trials_of, without_clocks


@pytest.fixture(scope="module")
def iris():
    return load("iris")


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_is_the_gradient_of_the_loss(name, classes):
    network = Network(name, depth=3, width=5, features=4, classes=classes, seeds=(0, 1))
    draw = np.random.default_rng(0)
    x = draw.standard_normal((2, 6, 4)).astype(np.float32)
    y = draw.integers(classes, size=(2, 6)) if classes else draw.standard_normal((2, 6))
    y = y if classes else y.astype(np.float32)
    draws = Draws((0, 1), step=3)

    def loss():
        return network.head.loss(network.forward(x, draws).logits, y)[0].sum(dtype=np.float64)

    done = network.forward(x, draws)
    network.backward(done, network.head.loss(done.logits, y)[1])
    analytic, kept = network.gradients.copy(), network.parameters.copy()
    direction = draw.standard_normal(kept.shape).astype(np.float32)
    step = np.float32(5e-5)  # no unit crosses its kink
    sides = []
    for sign in (1, -1):
        network.parameters[...] = kept + np.float32(sign) * step * direction
        sides.append(loss())
    numeric = (sides[0] - sides[1]) / (2 * float(step))
    assert numeric == pytest.approx(float((analytic * direction).sum()), rel=0.03, abs=0.05)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", ["relu", "prelu", "rrelu"])
def test_a_network_is_the_same_alone_and_in_a_batch(name, optimizer):
    arrays, _, chosen = prepared(made_table(), **{**TINY, "epochs": 4}, optimizer=optimizer)
    together = train(arrays, Job(activation=name, depth=2, splits=(0, 1, 2, 3, 4)), chosen)
    for split in (0, 3):
        (alone,) = train(arrays, Job(activation=name, depth=2, splits=(split,)), chosen)
        assert without_clocks(alone) == without_clocks(together[split])
    assert together[0].train_loss != together[1].train_loss


def test_tuned_relu_of_depth_2_classifies_97_percent_of_digits():
    arrays, _, chosen = prepared(load("digits"), splits=10)
    trials = train(arrays, Job(activation="relu", depth=2, splits=(0, 3, 6, 9)), chosen)
    assert np.mean([trial.scores.accuracy for trial in trials]) >= 0.97


def test_amounts_are_learned():
    arrays, _, chosen = prepared(made_table(300, task="regression", noise=0.2), depths=(2,))
    trials = train(arrays, Job(activation="tanh", depth=2, splits=(0, 1, 2, 3, 4)), chosen)
    assert np.mean([trial.scores.r2 for trial in trials]) > 0.8
    assert {trial.scores.accuracy for trial in trials} == {None}


def test_rates_are_chosen_on_validation_rows_by_other_draws_than_those_reported():
    arrays, _, chosen = prepared(made_table(), **TINY)
    trials = train(arrays, Job(activation="relu", depth=1, splits=(0, 1, 2, 3, 4)), chosen)
    tried = {tuning.seed for trial in trials for tuning in trial.tuning}
    reported = {trial.seed for trial in trials}
    assert len(reported) == len(tried) == 5
    assert not reported & tried
    for trial in trials:
        assert trial.seed == seed_of(chosen, trial.split)
        assert [tuning.rate for tuning in trial.tuning] == list(chosen.rates)
        losses = [math.inf if t.loss is None else t.loss for t in trial.tuning]
        assert losses[chosen.rates.index(trial.rate)] == min(losses)
        assert trial.rate == best_rate(trial.tuning)


def test_test_rows_choose_nothing():
    table = made_table()
    arrays, _, chosen = prepared(table, **TINY)
    job = Job(activation="relu", depth=2, splits=(0, 1))
    before = train(arrays, job, chosen)
    for split in job.splits:
        start = arrays.train_count[split] + arrays.validation_count[split]
        arrays.x[split, start:] = 1e3
        arrays.y[split, start:] = 0
    for one, other in zip(before, train(arrays, job, chosen), strict=True):
        assert other.scores != one.scores
        for name in ("rate", "tuning", "train_loss", "validation_loss", "best_round", "dead"):
            assert getattr(other, name) == getattr(one, name)


def test_batches_are_drawn_by_the_seed_and_pass_over_all_training_rows():
    arrays, _, chosen = prepared(made_table(), **TINY)
    job = Job(activation="relu", depth=1, splits=(0, 1))

    def drawn(seeds, count):
        course = Course(arrays, job, chosen, np.array([0, 1]), seeds, [0.1, 0.1], chosen.steps)
        return [course._next(0, count), course._next(1, count)]

    rows = int(arrays.train_count[0])
    first, second = drawn([7, 8], rows)
    assert sorted(first) == sorted(second) == list(range(rows))
    assert list(first) != list(second)
    np.testing.assert_array_equal(drawn([7, 8], rows)[0], first)
    assert list(drawn([9, 8], rows)[0]) != list(first)
    # In pieces, and beyond one pass, it is the same sequence.
    course = Course(arrays, job, chosen, np.array([0, 1]), [7, 8], [0.1, 0.1], chosen.steps)
    pieces = np.concatenate([course._next(0, 13) for _ in range(rows // 13 + 1)])
    np.testing.assert_array_equal(pieces[:rows], first)


def test_all_activations_of_a_block_start_from_the_same_draws():
    weights = [
        Network(name, depth=2, width=5, features=4, classes=3, seeds=(3,)).weights
        for name in ("relu", "tanh", "prelu")
    ]
    for layer in range(3):
        one = [w[layer] / np.linalg.norm(w[layer]) for w in weights]
        np.testing.assert_allclose(one[1], one[0], atol=1e-6)
        np.testing.assert_allclose(one[2], one[0], atol=1e-6)


def test_the_weights_of_the_best_round_are_kept():
    table = made_table(60, noise=3.0)  # noise that a large network learns by heart
    arrays, _, chosen = prepared(table, epochs=40, width=64, depths=(2,), rates=(0.3,))
    trials = train(arrays, Job(activation="relu", depth=2, splits=(0, 1, 2, 3, 4)), chosen)
    assert any(len(trial.validation_loss) < chosen.rounds for trial in trials)
    for trial in trials:
        assert 1 <= trial.best_round <= len(trial.validation_loss) <= chosen.rounds
        assert len(trial.dead[0]) == len(trial.checkpoint_steps) == chosen.checkpoints
        wrong = 1 - unpack(trial.validation_rows)
        seen = arrays.validation_count[trial.split]
        assert len(wrong) == seen


def test_gradients_start_as_predicted_and_signals_at_the_matched_size():
    arrays, _, chosen = prepared(load("digits"), epochs=1, rates=(0.1,))
    (trial,) = train(arrays, Job(activation="sigmoid", depth=8, splits=(0,)), chosen)
    assert trial.gradient_ratio == pytest.approx(trial.predicted_gradient_ratio, abs=0.3)
    assert trial.predicted_gradient_ratio < -2
    np.testing.assert_allclose(trial.magnitude, 1, rtol=0.3)


def test_units_are_dead_only_when_no_row_activates_them(iris):
    arrays, _, chosen = prepared(iris, epochs=2, width=16)
    job = Job(activation="relu", depth=2, splits=(0,))
    (healthy,) = train(arrays, job, dataclasses.replace(chosen, rates=(0.03,)))
    (burnt,) = train(arrays, job, dataclasses.replace(chosen, rates=(5.0,)))
    assert all(layer[0] < 0.3 for layer in healthy.dead)
    assert max(layer[-1] for layer in burnt.dead) > 0.3
    # A dead unit is flat on every row, so it is saturated too.
    for dead, saturated in zip(burnt.dead, burnt.saturated, strict=True):
        assert all(s >= d for d, s in zip(dead, saturated, strict=True))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_rate_that_is_too_large_is_a_result_not_a_crash(iris, optimizer):
    arrays, _, chosen = prepared(iris, epochs=2, rates=(1e9,), optimizer=optimizer)
    trials = train(arrays, Job(activation="identity", depth=8, splits=(0, 1)), chosen)
    for trial in trials:
        assert trial.diverged_at is not None
        assert trial.tuning[0].loss is None
        assert trial.scores.accuracy < 0.7


def test_a_network_that_never_improves_keeps_its_first_weights(iris):
    result = study(iris, activations=("identity",), depths=(8,), rates=(1e9,))
    (cell,) = result.cells
    assert cell.diverged == len(cell.trials)
    assert cell.state != "trains"
    assert "stopped being finite" in " ".join(result.answer.cautions)


def test_prelu_learns_a_slope_for_each_layer(iris):
    arrays, _, chosen = prepared(iris, epochs=5, rates=(0.05,))
    (trial,) = train(arrays, Job(activation="prelu", depth=3, splits=(0,)), chosen)
    assert [layer[0] for layer in trial.slopes] == [0.25] * 3
    assert all(layer[-1] != 0.25 for layer in trial.slopes)
    (trial,) = train(arrays, Job(activation="relu", depth=3, splits=(0,)), chosen)
    assert trial.slopes == ()


def test_a_trial_holds_each_test_row(iris):
    arrays, made, chosen = prepared(iris, epochs=5)
    (trial,) = train(arrays, Job(activation="tanh", depth=2, splits=(2,)), chosen)
    rows = unpack(trial.test_rows)
    assert len(rows) == len(made[2].test)
    assert rows.mean() == pytest.approx(trial.scores.accuracy)
    assert trial.scores.accuracy > 0.7


def probabilities(classes, rows=90, seed=0):
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.arange(rows) % classes)
    p = draw.random((rows, classes)) + 0.7 * np.eye(classes)[y]
    p = np.round(p, 1)  # ties
    return Target(y=y, classes=classes), p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_scores_are_scikit_learns_and_rows_share_in_them(classes):
    target, p = probabilities(classes)
    found = scores(target, p)
    guess = p.argmax(axis=1)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(target.y, guess))
    balanced = metrics.balanced_accuracy_score(target.y, guess)
    assert found.balanced_accuracy == pytest.approx(balanced)
    auc = metrics.roc_auc_score(
        target.y, p[:, 1] if classes == 2 else p, multi_class="ovr", average="macro"
    )
    assert found.auc == pytest.approx(auc)
    assert found.log_loss == pytest.approx(metrics.log_loss(target.y, p))
    for metric in ("accuracy", "balanced_accuracy", "auc"):
        rows = shares(metric, target, p)
        assert rows.shape == target.y.shape
        assert rows.mean() == pytest.approx(found.of(metric))


def test_scores_of_amounts_are_scikit_learns():
    draw = np.random.default_rng(0)
    y = draw.standard_normal(50)
    guess = y + 0.5 * draw.standard_normal(50)
    target = Target(y=y, classes=0)
    found = scores(target, guess)
    assert found.r2 == pytest.approx(metrics.r2_score(y, guess))
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(y, guess))
    assert shares("r2", target, guess).mean() == pytest.approx(found.r2)
    assert scores(target, guess * np.nan).r2 is None


def test_a_prediction_that_is_not_finite_is_wrong():
    target, p = probabilities(3)
    p[:10] = np.nan
    found = scores(target, p)
    assert shares("accuracy", target, p)[:10].sum() == 0
    assert (found.auc, found.log_loss) == (None, None)


def test_packed_rows_come_back():
    values = np.array([0.0, 1.0, 0.1, -3e5])
    np.testing.assert_allclose(unpack(pack(values)), values, rtol=1e-6)


def test_two_classes_use_one_sigmoid():
    network = Network("relu", depth=1, width=4, features=4, classes=2, seeds=(0,))
    assert network.weights[-1].shape == (1, 4, 1)
    logits = np.array([[[-1.0], [2.0]]], np.float32)
    loss, _ = Head(2).loss(logits, np.array([[0, 1]]))
    np.testing.assert_allclose(loss[0], [math.log1p(math.exp(-1)), math.log1p(math.exp(-2))])
    np.testing.assert_array_equal(network.head.classify(logits), [[0, 1]])


def asked(table=None, **changed):
    table = table or made_table()
    return settings(table, blocks(table, 10, 0)[1], **changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"activations": ["gellu"]}, "did you mean gelu"),
        ({"activations": ["softmax"]}, "already the head"),
        ({"depths": [0]}, "depth must be at least 1"),
        ({"epochs": -1}, "epochs must be at least 1"),
        ({"width": 0}, "width must be at least 1"),
        ({"width": 10_000_000}, "width must be at most"),
        ({"rates": [0.1, -1]}, "rates must be positive numbers, not -1"),
        ({"rates": [0.0]}, "rates must be positive numbers, not 0"),
        ({"rates": [math.nan]}, "rates must be positive numbers, not nan"),
        ({"optimizer": "adm"}, "optimizer 'adm' is not known here; did you mean adam"),
        ({"metric": "acuracy"}, "did you mean accuracy"),
        ({"metric": "r2"}, "metric 'r2' is not known here"),
        ({"rope": -1}, "rope must be between 0 and 100 points"),
        ({"baseline": "gelu", "activations": ["relu"]}, "gelu is not among the activations"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changed, message):
    with pytest.raises(StudyError, match=message):
        asked(**changed)


def test_the_default_study_is_the_documented_one():
    chosen = asked(load("digits"))
    assert chosen.depths == (2, 8, 20)
    assert chosen.splits == 10
    assert set(chosen.activations) == {
        *("relu", "leaky_relu", "prelu", "rrelu", "sigmoid", "tanh"),
        *("identity", "gelu", "silu", "elu"),
    }
    assert (chosen.baseline, chosen.metric, chosen.rope) == ("relu", "accuracy", 0.01)
    assert chosen.models == ("constant", "linear", "boosting")
    assert asked(activations=["swish", "silu"]).activations == ("silu",)
    assert asked(activations=["elu", "gelu"]).baseline == "elu"
    assert chosen.splits + chosen.seed < TUNING_SEED


def test_a_rare_class_is_ranked_not_counted():
    draw = np.random.default_rng(0)
    y = (draw.random(400) < 0.1).astype(int)
    table = load((draw.standard_normal((400, 3)) + y[:, None], y))
    assert asked(table).metric == "auc"
    assert asked(table, metric="accuracy").metric == "accuracy"
    assert asked(made_table(task="regression")).metric == "r2"


def test_a_study_is_reproducible_and_its_seed_changes_it():
    table = made_table()
    one, again, other = (study(table, seed=seed) for seed in (0, 0, 1))
    assert trials_of(one) == trials_of(again)
    assert one.answer == again.answer
    assert one.comparisons == again.comparisons
    assert trials_of(one) != trials_of(other)


def test_the_order_of_rows_changes_no_result():
    table = made_table()
    order = np.random.default_rng(1).permutation(table.rows)
    moved = dataclasses.replace(
        table,
        **{name: getattr(table, name)[order] for name in ("y", "numbers", "categories", "texts")},
    )
    one, other = study(table), study(moved)
    assert one.answer.sentence == other.answer.sentence
    for ours, theirs in zip(one.cells, other.cells, strict=True):
        assert ours.score == pytest.approx(theirs.score, abs=1e-12)
