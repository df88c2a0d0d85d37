"""Equal activations are not told apart, and a worse one is: the calibration, in small."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from calibrate import DIFFERENT, SETS, different_run, one_run, summarise, table
from ogive.study.blocks import Block
from ogive.study.conclude import CLAIMED
from ogive.study.statistics import Measured, SharedRows, compare, holm
from report_sample import comparisons
from study_cases import made_table


@pytest.fixture(autouse=True)
def few_fresh_rows(monkeypatch):
    for name, kind in SETS.items():
        monkeypatch.setitem(SETS, name, dataclasses.replace(kind, fresh=1000))


@pytest.mark.parametrize("name", ["noisy", "nothing", "amounts"])
def test_a_study_of_equal_activations_says_nothing_false(name):
    found = one_run(name, 0)
    assert not found["differ"]
    assert found["wrong"] == []
    assert np.mean(found["score_covered"]) >= 0.5
    assert np.mean(found["difference_covered"]) >= 0.6
    assert (found["trains"] == 0) == (not SETS[name].trains)
    line = summarise([found])[name]
    assert line["runs"] == 1
    assert f"| {name}: " in table({name: line})


def test_the_same_run_gives_the_same_line():
    first = one_run("amounts", 3)
    assert one_run("amounts", 3) == first
    assert first["score"] != one_run("amounts", 4)["score"]


def test_true_differences_are_those_over_many_tables():
    draw = np.random.default_rng(5)
    equal = one_run("noisy", 0)
    lines = []
    for run in range(200):
        mean = draw.normal(0.02, 0.01, len(DIFFERENT))
        made = {one: [m, 0.01, m - 0.0196, m + 0.0196]
                for one, m in zip(DIFFERENT, mean, strict=True)}  # fmt: skip
        lines.append({"set": "noisy, different", "run": run, "different": made})
    found = summarise([equal, *lines])["noisy"]["different"]
    for one in DIFFERENT:
        assert found[one]["truth"] == pytest.approx(0.02, abs=0.003)
        assert found[one]["spread"] == pytest.approx(1, abs=0.15)
        assert 0.9 <= found[one]["covered"] <= 0.99
    assert "| noisy | tanh | 200 | +" in table(summarise([equal, *lines]))


def test_one_table_of_different_activations():
    found = different_run("rings", 0)["different"]
    # No linear map sees a ring.
    mean, scale, low, high = found["identity"]
    assert low < mean < high < 0 < scale


def shared(made):
    rows = 1 + max(block.train.max() for block in made)
    return SharedRows.of(made, made_table(rows=rows + 9, task="regression"))


def blocks(rows, folds=10):
    fold = np.random.default_rng(0).permutation(rows) % folds
    return [
        Block(
            np.flatnonzero((fold != j) & (fold != (j + 1) % folds)),
            np.flatnonzero(fold == (j + 1) % folds),
            np.flatnonzero(fold == j),
        )
        for j in range(folds)
    ]


def study(draw, made, activations, rows, hard=0.1, effect=0.0):
    """p-values of networks against the first: right on easy rows, lucky on the others."""
    hard = draw.random(rows) < hard
    right = {
        part: [
            np.where(hard[getattr(b, part)], draw.random((activations, len(getattr(b, part)))), 0)
            < 0.5
            for b in made
        ]
        for part in ("test", "validation")
    }
    for parts in right.values():
        for values in parts:  # the second also errs elsewhere, as a weaker network does
            values[1] &= draw.random(values.shape[1]) >= effect
    where, p = shared(made), []
    for other in range(1, activations):
        tested, validated = (
            [v[other].astype(float) - v[0] for v in right[part]] for part in ("test", "validation")
        )
        found = compare(Measured(np.array([t.mean() for t in tested]), tested, validated), where)
        p.append(found.p)
    return p


def test_false_alarms_of_the_test_stay_below_their_level():
    draw, made = np.random.default_rng(1), blocks(400)
    alarms = sum(min(holm(study(draw, made, 10, 400))[0]) < 0.05 for _ in range(150))
    # 5 % of 150, and what chance adds.
    assert alarms <= stats.binom.ppf(0.99, 150, 0.05)


def test_a_true_difference_of_3_points_is_found_among_ten_activations():
    draw, made = np.random.default_rng(2), blocks(1797)
    found = 0
    for _ in range(60):
        p = study(draw, made, 2, 1797, hard=0.04, effect=0.03)
        found += holm([*p, *[1.0] * 9])[0][0] < 0.05
    assert found >= 0.8 * 60


def test_the_family_holds_what_a_default_study_says():
    from calibrate import DEFAULT_FAMILY

    activations, depths, models = 10, 3, 2
    pairs = activations + (activations - 1) + models + len(CLAIMED)
    assert depths * pairs == DEFAULT_FAMILY
    assert comparisons([], "classification") == []
