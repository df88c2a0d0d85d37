"""Nothing is fitted, chosen or drawn from what a block may not see: its parts and seeds never mix.

Rows are distinguished by what they hold, so that each part is found to get the very rows of its
block; what was not to be seen is replaced, and nothing that must not depend on it changes.
"""

import dataclasses
import math

import numpy as np
import pytest
from sklearn import metrics

from ogive.study import models, training
from ogive.study.blocks import Arrays, Block, blocks
from ogive.study.metrics import unpack
from ogive.study.models import fit
from ogive.study.network import Network
from ogive.study.result import Tuning
from ogive.study.table import LEAST_SPREAD, Table, prepare
from ogive.study.training import Job, train
from study_cases import TINY, made_table, prepared

ROWS = 90
TASKS = ("classification", "regression")


def every_kind(task, **changed):
    """A table with every kind of column that `prepare` fits something for."""
    draw = np.random.default_rng(3)
    numbers = draw.standard_normal((ROWS, 3)) * [1.0, 50.0, 1e-3] + [0.0, 7.0, 0.0]
    numbers[draw.random(ROWS) < 0.2, 1] = np.nan
    values = tuple(f"{word} {at}" for at in range(15) for word in ("mill lane", "high street"))
    y = draw.integers(3, size=ROWS) if task == "classification" else 40 + 9 * draw.normal(size=ROWS)
    made = Table(
        name="every kind",
        task=task,
        target="y",
        y=y,
        classes=("a", "b", "c") if task == "classification" else (),
        numbers=numbers,
        number_names=("plain", "gappy", "small"),
        indicated=(1,),
        categories=np.stack([draw.integers(2, size=ROWS), draw.integers(4, size=ROWS)], 1).astype(
            np.int32
        ),
        category_names=("two", "four"),
        levels=(("u", "v"), ("p", "q", "r", "s")),
        texts=draw.integers(len(values), size=(ROWS, 1)).astype(np.int32),
        text_names=("street",),
        values=(values,),
    )
    return dataclasses.replace(made, **changed)


def with_other(table, rows):
    """The same table, with other contents in these rows and in all columns, the target too."""
    draw = np.random.default_rng(11)
    found = {name: getattr(table, name).copy() for name in ("numbers", "categories", "texts", "y")}
    found["numbers"][rows] = 1e3 * draw.standard_normal((len(rows), 3)) + 100
    found["numbers"][rows[::3], 1] = np.nan
    for name, count in (("categories", 2), ("texts", len(table.values[0]))):
        found[name][rows] = draw.integers(count, size=found[name][rows].shape)
    found["y"][rows] = 0 if table.classes else -1e4
    return dataclasses.replace(table, **found)


@pytest.mark.parametrize("shares_unit", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_no_statistic_of_a_split_sees_other_rows_than_its_training_rows(task, shares_unit):
    table = every_kind(task, shares_unit=shares_unit)
    for block in blocks(table, 5, seed=0)[0][:2]:
        parts = block.train, block.validation, block.test
        before = prepare(table, *parts)
        for name, unseen in (("validation", 1), ("test", 2)):
            after = prepare(with_other(table, parts[unseen]), *parts)
            seen = [part for part in range(3) if part != unseen]
            for part in seen:
                for at, column in enumerate(table.inputs):
                    np.testing.assert_array_equal(
                        after.x[part][:, at], before.x[part][:, at], f"{column}: saw {name} rows"
                    )
                np.testing.assert_array_equal(after.y[part], before.y[part], f"y: saw {name} rows")
            assert (after.target_mean, after.target_scale) == (
                before.target_mean,
                before.target_scale,
            )
            assert not np.array_equal(after.x[unseen], before.x[unseen])


@pytest.mark.parametrize("task", TASKS)
def test_every_column_is_what_its_formula_makes_of_the_training_rows(task):
    table = every_kind(task)
    block = blocks(table, 5, seed=1)[0][3]
    # Far beyond what the training rows hold, so that values are cut to their range.
    table = with_other(table, block.validation[::2])
    found = prepare(table, block.train, block.validation, block.test)
    known = {}
    for at, name in enumerate(table.number_names):
        column = table.numbers[:, at]
        filled = np.where(np.isnan(column), np.nanmedian(column[block.train]), column)
        low, high = filled[block.train].min(), filled[block.train].max()
        known[name] = np.clip(filled, 2 * low - high, 2 * high - low), 0.0
    known["gappy is missing"] = np.isnan(table.numbers[:, 1]), LEAST_SPREAD
    known["two=v"] = table.categories[:, 0] == 1, LEAST_SPREAD
    for level, name in enumerate(table.levels[1]):
        known[f"four={name}"] = table.categories[:, 1] == level, LEAST_SPREAD
    assert [name for name in table.inputs if "(text" not in name] == list(known)
    for part, rows in enumerate((block.train, block.validation, block.test)):
        for at, (name, (column, least)) in enumerate(known.items()):
            fitted = column[block.train].astype(float)
            right = (column[rows] - fitted.mean()) / max(fitted.std(), least)
            np.testing.assert_allclose(found.x[part][:, at], right, atol=1e-5, err_msg=name)
        y, fitted = table.y[rows], table.y[block.train]
        right = (y - fitted.mean()) / fitted.std() if task == "regression" else y
        np.testing.assert_allclose(found.y[part], right, atol=1e-5)
        # The texts of one row are told apart from others by the training rows' directions.
        texts = found.x[part][:, len(known) :]
        assert np.isfinite(texts).all()
    assert np.abs(found.x[0][:, len(known) :].mean(axis=0)).max() < 1e-5
    assert found.x[0][:, len(known) :].std(axis=0).max() == pytest.approx(1, rel=1e-5)


def test_texts_are_weighed_and_projected_as_the_training_rows_say():
    """TF-IDF: log((1 + rows)/(1 + rows with it)) + 1, of length 1; then the singular vectors."""
    table = every_kind("classification")
    block = blocks(table, 5, seed=0)[0][0]
    found = prepare(table, block.train, block.test)
    texts = found.x[1][:, ["(text" in name for name in table.inputs]]
    codes, grams = table.texts[:, 0], table.grams[0].toarray()
    train = codes[block.train]
    with_it = (grams[train] > 0).sum(axis=0)
    weighed = grams * (np.log((1 + len(train)) / (1 + with_it)) + 1)
    weighed /= np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-300)
    vectors = np.linalg.svd(weighed[train], full_matrices=False)[2]
    right = (weighed @ vectors.T)[codes[block.test]]
    first = texts[:, 0] - texts[:, 0].mean()
    exact = right[:, 0] - right[:, 0].mean()
    alike = abs(first @ exact) / (np.linalg.norm(first) * np.linalg.norm(exact))
    assert alike == pytest.approx(1, abs=1e-3)


def numbered(rows=70):
    """Blocks of unequal parts, and their arrays; the target to predict is the row's number."""
    table = dataclasses.replace(made_table(rows, task="regression"), y=np.arange(float(rows)))
    order = np.random.default_rng(0).permutation(rows)
    made = [
        Block(order[:40], order[40:51], order[51:]),
        Block(order[20:66], order[:14], order[14:20]),
        Block(order[::2], order[1::4], order[3::4]),
    ]
    return made, Arrays(table, made)


@pytest.mark.parametrize("size", [4, 11, 256])
def test_every_part_of_a_block_holds_its_rows_in_order(size):
    made, arrays = numbered()

    def numbers(split, places):
        mean, scale = arrays.scale[split]
        return np.rint(arrays.y[split, places] * scale + mean).astype(int).tolist()

    splits = np.array([2, 0, 1])
    for part, chunks in (("validation", arrays.validation_chunks), ("test", arrays.test_chunks)):
        places, counted = (np.concatenate(each, 1) for each in zip(*chunks(splits, size),
                                                                   strict=True))  # fmt: skip
        for lane, split in enumerate(splits):
            told = numbers(split, places[lane][counted[lane]])
            assert told == getattr(made[split], part).tolist(), (part, split)
    for split, block in enumerate(made):
        assert numbers(split, arrays.train[split]) == block.train.tolist()
        assert arrays.train_count[split] == len(block.train)
        assert arrays.validation_count[split] == len(block.validation)
        assert arrays.test_count[split] == len(block.test)
        np.testing.assert_array_equal(arrays.validated(split).y, block.validation)
        np.testing.assert_array_equal(arrays.tested(split).y, block.test)
    x, y = arrays.probe(splits, 12)
    for lane, split in enumerate(splits):
        np.testing.assert_array_equal(x[lane], arrays.x[split, :12])
        np.testing.assert_array_equal(y[lane], arrays.y[split, :12])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", ["constant", "linear", "boosting"])
def test_models_are_fitted_on_training_and_validation_rows_and_asked_about_test_rows(
    model, task, monkeypatch
):
    table = made_table(task=task)
    arrays, made, chosen = prepared(table, **TINY)
    seen = {}
    real = models._estimator

    class Recording:
        def __init__(self, estimator):
            self.of = estimator

        def fit(self, x, y):
            seen["fitted"] = x.copy(), y.copy()
            self.of.fit(x, y)

        def __getattr__(self, name):
            if name in ("predict", "predict_proba"):
                return lambda x: seen.setdefault("asked", []).append(x) or getattr(self.of, name)(x)
            return getattr(self.of, name)

    monkeypatch.setattr(models, "_estimator", lambda *given: Recording(real(*given)))
    split = 2
    trial = fit(arrays, model, split, chosen)
    block = made[split]
    right = prepare(table, block.train, block.validation, block.test)
    np.testing.assert_array_equal(seen["fitted"][0], np.concatenate(right.x[:2]))
    np.testing.assert_array_equal(seen["fitted"][1], np.concatenate(right.y[:2]))
    asked = [right.x[2], right.x[1]] if model == "constant" else [right.x[2]]
    assert len(seen["asked"]) == len(asked)
    for got, rows in zip(seen["asked"], asked, strict=True):
        np.testing.assert_array_equal(got, rows)
    # The score is scikit-learn's, of another fit on the same rows.
    again = real(model, chosen).fit(np.concatenate(right.x[:2]), np.concatenate(right.y[:2]))
    said = again.predict(right.x[2])
    if task == "regression":
        said = said * right.target_scale + right.target_mean
        score = metrics.r2_score(table.y[block.test], said)
        assert trial.scores.r2 == pytest.approx(score, abs=1e-6)
    else:
        score = metrics.accuracy_score(table.y[block.test], said)
        assert trial.scores.accuracy == pytest.approx(score)
    assert len(unpack(trial.test_rows)) == len(block.test)
    rows = unpack(trial.validation_rows)
    assert len(rows) == (len(block.validation) if model == "constant" else 0)


@pytest.fixture
def drawn(monkeypatch):
    """Networks, draws of noise and batches of a training: with which seeds, in which order."""
    seen = {"networks": [], "noise": [], "batches": [], "rates": [], "stops": []}

    class Recorded(Network):
        def __init__(self, *given, seeds, **options):
            seen["networks"].append(tuple(int(seed) for seed in seeds))
            super().__init__(*given, seeds=seeds, **options)

        def forward(self, x, draws=None):
            if draws is not None:
                seen["noise"].append((len(seen["networks"]), draws.seeds, draws.step))
            return super().forward(x, draws)

    class Batches(training.Course):
        def _next(self, lane, count):
            rows = super()._next(lane, count)
            place = len(seen["networks"]), int(self.seeds[lane]), float(self.rates[lane])
            seen["batches"].append((place, self.arrays.train[int(self.splits[lane])], rows))
            return rows

        def stop(self, stopped):
            seen["stops"].append((len(seen["networks"]), self.active, stopped, self.best.copy()))
            super().stop(stopped)

    for name in ("Momentum", "Adam"):
        real = getattr(training, name)

        class Told(real):
            def step(self, network, rates, clip):
                seen["rates"].append((len(seen["networks"]), np.array(rates)))
                super().step(network, rates, clip)

        monkeypatch.setattr(training, name, Told)
    monkeypatch.setattr(training, "Network", Recorded)
    monkeypatch.setattr(training, "Course", Batches)
    return seen


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_rates_are_tuned_and_networks_reported_with_draws_of_their_own(drawn, optimizer):
    arrays, _, chosen = prepared(made_table(), **TINY, optimizer=optimizer)
    splits = (3, 1)
    trials = train(arrays, Job(activation="rrelu", depth=2, splits=splits), chosen)
    tuned, reported = drawn["networks"]
    rates = len(chosen.rates)
    assert reported == tuple(trial.seed for trial in trials)
    # Weights: one seed a block for all its rates, none of which is reported.
    assert tuned == tuple(t.seed for trial in trials for t in trial.tuning)
    assert not set(tuned) & set(reported)
    assert len(set(reported)) == len(set(tuned)) == len(splits)
    # Noise: the same seeds, and every step has its own.
    for phase, seeds, steps in ((1, set(tuned), chosen.tuning_steps), (2, set(reported), None)):
        noise = [(each, step) for at, each, step in drawn["noise"] if at == phase]
        assert {seed for each, _ in noise for seed in each} == seeds
        told = [step for _, step in noise]
        assert told == list(range(len(told)))
        assert steps is None or len(told) == steps
    # Batches: of the block's training rows, in an order that the seed alone decides.
    orders = {}
    for (phase, seed, rate), rows, batch in drawn["batches"]:
        assert set(batch) <= set(rows)
        orders.setdefault((phase, seed), {}).setdefault(rate, []).append(batch)
    assert {seed for _, seed in orders} == set(tuned) | set(reported)
    first = {}
    for key, by_rate in orders.items():
        runs = [np.concatenate(parts) for parts in by_rate.values()]
        assert len(runs) == (rates if key[0] == 1 else 1)
        longest = max(runs, key=len)
        # A rate that stopped early saw the same rows while it ran.
        for run in runs:
            np.testing.assert_array_equal(run, longest[: len(run)])
        first[key] = tuple(longest[:20])
    assert len(set(first.values())) == len(first)
    # The worse half of the rates stops after a third of the rounds.
    lengths = [len(told) for phase, told in drawn["rates"] if phase == 1]
    assert lengths[0] == len(tuned)
    assert lengths[-1] == len(tuned) // 2
    assert lengths.count(len(tuned)) == pytest.approx(len(lengths) / 3, abs=2)
    (halved,) = [each for each in drawn["stops"] if each[0] == 1 and each[2].sum() > 1]
    _, lanes, stopped, best = halved
    np.testing.assert_array_equal(lanes, np.arange(len(tuned)))
    for block, gone in zip(best.reshape(-1, rates), stopped.reshape(-1, rates), strict=True):
        assert block[~gone].max() <= block[gone].min()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_rate_falls_linearly_from_the_chosen_one_to_0(drawn, optimizer):
    arrays, _, chosen = prepared(made_table(), **TINY, optimizer=optimizer)
    trials = train(arrays, Job(activation="tanh", depth=1, splits=(0, 4)), chosen)
    told = [rates for phase, rates in drawn["rates"] if phase == 2]
    assert len(told) == chosen.steps
    for step, rates in enumerate(told):
        right = [trial.rate * (1 - step / chosen.steps) for trial in trials]
        np.testing.assert_allclose(rates, right, rtol=1e-5)
    tuned = [rates for phase, rates in drawn["rates"] if phase == 1]
    np.testing.assert_allclose(tuned[0], chosen.rates * 2, rtol=1e-6)
    assert len(tuned) == chosen.tuning_steps


def stepped(optimizer, gradients, rates, clip):
    """The weights after these steps, as the papers write them, in double."""
    weights = velocity = mean = square = np.zeros(gradients.shape[1])
    for at, (gradient, rate) in enumerate(zip(gradients.astype(float), rates, strict=True), 1):
        gradient = gradient * min(1, clip / np.linalg.norm(gradient))
        if optimizer == "sgd":
            velocity = 0.9 * velocity + gradient
            weights = weights - rate * velocity
            continue
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        corrected = np.sqrt(square / (1 - 0.999**at)) + 1e-8
        weights = weights - rate * (mean / (1 - 0.9**at)) / corrected
    return weights


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_steps_are_those_of_momentum_and_of_adam_after_clipping(optimizer):
    draw = np.random.default_rng(0)
    network = Network("relu", depth=1, width=3, features=2, classes=3, seeds=(0, 1, 2))
    network.parameters[...] = 0
    made = training.Adam() if optimizer == "adam" else training.Momentum(0.9)
    made.hold(np.zeros_like(network.parameters))
    size = network.parameters.shape[1]
    # Some longer than the clip, some shorter.
    sizes = np.array([3.0, 0.1, 0.7, 2.0, 0.2, 5.0])[:, None, None]
    gradients = (sizes * draw.standard_normal((6, 3, size)) / math.sqrt(size)).astype(np.float32)
    rates = np.array([[0.1, 0.02, 0.3]] * 6, np.float32) * np.linspace(1, 0.5, 6)[:, None]
    for at, (gradient, rate) in enumerate(zip(gradients, rates.astype(np.float32), strict=True)):
        if at == 3:  # the first lane stops; the others go on as if nothing had happened
            kept = np.array([1, 2])
            network.keep(kept)
            made.keep(kept)
        lanes = slice(None) if at < 3 else slice(1, None)
        network.gradients[...] = gradient[lanes]
        made.step(network, rate[lanes], 1.0)
    for row, lane in enumerate((1, 2)):
        right = stepped(optimizer, gradients[:, lane], rates[:, lane], 1.0)
        # Adam's small constant is added before the correction there, and after it here.
        np.testing.assert_allclose(network.parameters[row], right, rtol=3e-4, atol=1e-6)


def test_what_is_reported_comes_from_the_weights_of_the_best_round():
    """The losses on validation and the scores on test rows are computed anew from the networks."""
    table = made_table(60, noise=3.0)  # noise that a large network learns by heart
    arrays, made, chosen = prepared(table, epochs=40, width=64, depths=(2,), rates=(0.3,))
    kept = {}

    def after(network, splits):
        kept.update(network=network, splits=splits)

    job = Job(activation="relu", depth=2, splits=(4, 0, 1, 3, 2))
    trials = train(arrays, job, dataclasses.replace(chosen, patience=3), after)
    # Some stop while others before and behind them still get better.
    ends = [len(trial.validation_loss) for trial in trials]
    assert any(ends[one] < trials[other].best_round for other in range(5) for one in range(other))
    assert kept["splits"].tolist() == list(job.splits)
    assert len({trial.best_round for trial in trials}) > 1
    assert any(trial.best_round < len(trial.validation_loss) for trial in trials)
    for lane, trial in enumerate(trials):
        block = made[trial.split]
        parts = prepare(table, block.train, block.validation, block.test)
        for part, packed in ((1, trial.validation_rows), (2, trial.test_rows)):
            logits = plain_logits(kept["network"], lane, parts.x[part])
            right = logits.argmax(axis=1) == parts.y[part]
            np.testing.assert_array_equal(unpack(packed), right)
            if part == 1:
                shifted = logits - logits.max(axis=1, keepdims=True)
                loss = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(right)), parts.y[1]]
                stated = trial.validation_loss[trial.best_round - 1]
                assert loss.mean() == pytest.approx(stated, rel=1e-3)
        # Of rounds with as few errors the last; patience counts from the last improvement.
        assert trial.scores.accuracy == pytest.approx(unpack(trial.test_rows).mean())
        assert len(trial.train_loss) == len(trial.validation_loss) <= chosen.rounds


def plain_layers(network, lane, x):
    """Pre-activations and outputs of every hidden layer, in double, from the textbook formula."""
    z, outputs = [], [x.astype(float)]
    for weight, bias in zip(network.weights[:-1], network.biases[:-1], strict=True):
        z.append(outputs[-1] @ weight[lane].astype(float) + bias[lane])
        outputs.append(np.maximum(z[-1], 0))
    return z, outputs


def plain_logits(network, lane, x):
    outputs = plain_layers(network, lane, x)[1]
    return outputs[-1] @ network.weights[-1][lane].astype(float) + network.biases[-1][lane]


def test_what_is_measured_in_the_layers_is_what_its_description_says():
    """Dead and saturated units, gradients, magnitudes and density, by formulas of one ReLU net."""
    # More rows than are computed at once.
    arrays, _, chosen = prepared(made_table(700), epochs=2, width=9, rates=(1.0,))
    kept = {}

    def after(network, splits):
        kept["end"] = network

    job = Job(activation="relu", depth=3, splits=(1, 2))
    trials = train(arrays, job, chosen, after)
    start = Network(
        "relu", depth=3, width=9, features=arrays.features, classes=3,
        seeds=tuple(trial.seed for trial in trials),
    )  # fmt: skip
    rows = min(arrays.train_count)
    assert training.CHUNK < rows < training.PROBE_ROWS
    for lane, trial in enumerate(trials):
        x, y = arrays.x[trial.split, :rows], arrays.y[trial.split, :rows]
        for network, at in ((start, 0), (kept["end"], -1)):
            z, outputs = plain_layers(network, lane, x)
            logits = plain_logits(network, lane, x)
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            g = p / p.sum(axis=1, keepdims=True) - np.eye(3)[y]
            for layer in (2, 1, 0):
                g = g @ network.weights[layer + 1][lane].astype(float).T * (z[layer] > 0)
                active = (z[layer] > 0).mean(axis=0)
                assert trial.dead[layer][at] == pytest.approx((active == 0).mean(), abs=1e-3)
                flat = (active <= 0.05).mean()
                assert trial.saturated[layer][at] == pytest.approx(flat, abs=1e-3)
                rms = math.sqrt(np.mean(g**2))
                assert trial.gradient[layer][at] == pytest.approx(rms, rel=2e-3)
            z, outputs = plain_layers(network, lane, x[: training.CHUNK])
            if at == 0:
                for layer in range(3):
                    size = math.sqrt(np.mean(z[layer] ** 2))
                    assert trial.magnitude[layer] == pytest.approx(size, rel=1e-3)
                    y_ = outputs[layer + 1]
                    centre = abs(y_.mean()) / math.sqrt(np.mean(y_**2))
                    assert trial.off_centre[layer] == pytest.approx(centre, rel=1e-3)
                ratio = math.log10(trial.gradient[0][0] / trial.gradient[-1][0])
                assert trial.gradient_ratio == pytest.approx(ratio, abs=1e-3)
            else:
                every = np.clip(np.concatenate(z), -6, 6).ravel()
                right = np.histogram(every, 48, (-6, 6))[0]
                assert np.abs(np.array(trial.density) - right).sum() <= 4
        assert trial.checkpoint_steps[0] == 0
        assert trial.checkpoint_steps[-1] == chosen.steps
    assert any(layer[-1] > 0 for trial in trials for layer in trial.dead)


def test_of_rates_that_do_as_well_the_smaller_is_chosen():
    def tried(*losses):
        pairs = zip((0.3, 0.1, 0.03, 0.01), losses, strict=True)
        return [Tuning(rate=rate, seed=0, loss=loss) for rate, loss in pairs]

    assert training.best_rate(tried(0.5, 0.5, 0.7, None)) == 0.1
    assert training.best_rate(tried(0.2, 0.5, 0.2, 0.3)) == 0.03
    assert training.best_rate(tried(None, 0.5, None, None)) == 0.1
    assert training.best_rate(tried(None, None, None, None)) == 0.01


def test_draws_differ_by_block_seed_stream_and_purpose():
    """The networks of a study do, and its tuning; a stream stands for the next seed."""
    _, _, chosen = prepared(made_table(), **TINY)
    seeds = {}
    for seed in (0, 1, 2):
        for stream in (0, 1):
            for split in range(chosen.splits):
                asked = dataclasses.replace(chosen, seed=seed)
                reported = training.seed_of(asked, split, stream)
                key = seed + stream, split
                assert seeds.setdefault(("reported", *key), reported) == reported
                seeds["tuning", *key] = reported + training.TUNING_SEED
    assert len(set(seeds.values())) == len(seeds)
