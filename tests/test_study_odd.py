"""Tables at the edge of what can be studied give a result or one clear line, never a crash."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ogive.study import StudyError, run
from study_cases import TINY, load, made_table, study

QUICK = {"activations": ("relu", "tanh"), "depths": (1,), "epochs": 2, "width": 8}


def classes(rows, count, features=2, seed=0):
    draw = np.random.default_rng(seed)
    y = np.arange(rows) % count
    frame = pd.DataFrame(draw.standard_normal((rows, features)) + y[:, None], dtype=float)
    frame.columns = [f"x{i}" for i in range(features)]
    frame["y"] = [f"c{c:02}" for c in y]
    return frame


TABLES = {
    "twelve rows": classes(12, 2),
    "one feature": classes(60, 2, features=1),
    "more features than rows": classes(30, 2, features=60),
    "26 classes of five": classes(130, 26),
    "a class of five": pd.concat([classes(80, 2), classes(5, 1).assign(y="rare")]),
    "2 rows of 100 positive": classes(100, 2).assign(y=["yes"] * 6 + ["no"] * 94),
    "repeated rows": pd.concat([classes(20, 2)] * 5),
    "noise": classes(60, 2).assign(y=list("ab" * 30), x0=np.random.default_rng(1).random(60)),
}


LOPSIDED = ("26 classes of five", "a class of five", "2 rows of 100 positive")


@pytest.mark.parametrize(
    ("name", "metric"),
    [*((name, None) for name in TABLES),
     *((name, metric) for name in LOPSIDED for metric in ("auc", "balanced_accuracy"))],
)  # fmt: skip
def test_small_and_lopsided_tables(name, metric):
    result = run(TABLES[name], target="y", jobs=1, metric=metric, **QUICK)
    assert result.answer.sentence
    for cell in result.cells:
        assert 0 <= cell.interval.low <= cell.score <= cell.interval.high <= 1
        assert np.isfinite(cell.trains.scale)
    assert result.to_frame()["score"].notna().all()
    assert type(result).from_json(result.to_json()) == result


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e6])
def test_amounts_of_any_size(spread):
    draw = np.random.default_rng(0)
    x = draw.standard_normal((60, 3))
    result = study(load((x, 5 + spread * x[:, 0])), **QUICK)
    assert result.settings.metric == "r2"
    for cell in result.cells:
        assert cell.scores.rmse < 2 * spread
        assert cell.interval.high <= 1


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_test_part_that_came_with_the_data(task):
    table = made_table(200, task=task)
    given = np.arange(200) >= 150
    result = study(dataclasses.replace(table, test=given), **TINY)
    assert result.data.splits.given_test
    assert "own test part" in " ".join(result.answer.cautions)
    free = study(table, **TINY)
    for one, other in zip(result.cells, free.cells, strict=True):
        # 50 rows, however often they are tested, tell less than 200.
        assert one.trains.overlap > 1e-3
        if task == "classification":
            widths = [cell.interval.high - cell.interval.low for cell in (one, other)]
            assert widths[0] > widths[1]


def test_few_splits_are_possible_and_say_less():
    table = made_table(200)
    few, many = (study(table, splits=splits, **QUICK) for splits in (2, 10))
    assert few.comparisons[0].blocks == 2
    assert few.answer.matters == "not shown"
    width = [r.comparisons[-1].interval.high - r.comparisons[-1].interval.low for r in (few, many)]
    assert width[0] > width[1]


def test_only_one_activation_or_no_relu():
    alone = study(made_table(), **{**QUICK, "activations": ("gelu",)})
    assert "nothing to choose" in alone.answer.sentence
    assert alone.settings.baseline == "gelu"
    pair = study(made_table(), **{**QUICK, "activations": ("tanh", "elu")})
    assert (pair.settings.baseline, len(pair.cells)) == ("tanh", 2)
    assert "tanh" in pair.answer.sentence


def test_ten_rows_at_least():
    with pytest.raises(StudyError, match="rows"):
        run(classes(8, 2), target="y", jobs=1, **QUICK)
