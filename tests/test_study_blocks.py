"""Training, validation and test rows never meet; equal rows stay together; order means nothing."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ogive.study import StudyError
from ogive.study.blocks import MOST_TESTED, blocks
from ogive.study.data import load


def table(rows=200, classes=3, copies=0, seed=0, **changed):
    draw = np.random.default_rng(seed)
    y = draw.integers(classes, size=rows)
    frame = pd.DataFrame({f"x{i}": draw.standard_normal(rows) for i in range(3)})
    frame["y"] = [f"class {c}" for c in y]
    frame = pd.concat([frame, *[frame.iloc[:5]] * copies], ignore_index=True)
    return dataclasses.replace(load(frame, target="y"), **changed)


def loaded(x, y):
    return load(pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}), target="y")


SHAPES = {
    "plain": {},
    "few": {"rows": 30, "classes": 2},
    "copies": {"copies": 4},
    "many classes": {"rows": 300, "classes": 26},
}


@pytest.mark.parametrize("count", [2, 5, 10, 12, 20, 30])
@pytest.mark.parametrize("shape", SHAPES)
def test_parts_are_disjoint_and_cover_all_rows(shape, count):
    data = table(**SHAPES[shape])
    made, splits = blocks(data, count, seed=1)
    assert len(made) == splits.count == count
    assert ("equal rows kept together" in splits.kind) == (shape == "copies")
    for block in made:
        parts = np.concatenate([block.train, block.validation, block.test])
        assert sorted(parts) == list(range(data.rows))
        assert min(map(len, vars(block).values())) > 0
        if data.groups is not None:
            for one, other in ((block.train, block.test), (block.validation, block.test),
                               (block.train, block.validation)):  # fmt: skip
                assert not set(data.groups[one]) & set(data.groups[other])
    assert len({block.test.tobytes() for block in made}) == count


def test_every_row_is_tested_equally_often_and_validated_elsewhere():
    data = table()
    made, splits = blocks(data, 20, seed=0)
    assert splits.kind == "10-fold cross-validation, repeated 2 times, stratified by class"
    for part in ("test", "validation"):
        times = np.bincount(np.concatenate([getattr(block, part) for block in made]))
        assert set(times) == {2}
    for block in made:
        shares = np.bincount(data.y[block.test], minlength=3) / len(block.test)
        np.testing.assert_allclose(shares, np.bincount(data.y) / data.rows, atol=0.08)


def test_more_splits_begin_with_the_same():
    data = table()
    ten, thirty = blocks(data, 10, seed=0)[0], blocks(data, 30, seed=0)[0]
    for one, other in zip(ten, thirty, strict=False):
        np.testing.assert_array_equal(one.test, other.test)
        np.testing.assert_array_equal(one.train, other.train)
    other = blocks(data, 10, seed=1)[0]
    assert any(set(one.test) != set(two.test) for one, two in zip(ten, other, strict=True))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_rows_in_a_file_changes_nothing(shape):
    data = table(**SHAPES[shape])
    order = np.random.default_rng(9).permutation(data.rows)
    moved = dataclasses.replace(
        data,
        **{name: getattr(data, name)[order] for name in ("y", "numbers", "categories", "texts")},
        groups=None if data.groups is None else data.groups[order],
    )
    for one, other in zip(blocks(data, 10, 0)[0], blocks(moved, 10, 0)[0], strict=True):
        for part in ("train", "validation", "test"):
            ours, theirs = getattr(one, part), getattr(other, part)
            np.testing.assert_array_equal(data.numbers[ours], moved.numbers[theirs])


def test_a_test_part_that_came_with_the_data_is_the_test_part():
    given = np.arange(200) < 50
    data = table(test=given)
    made, splits = blocks(data, 10, seed=0)
    assert splits.given_test
    for block in made:
        assert set(block.test) == set(range(50))
        assert not set(block.train) & set(block.validation)
        assert set(block.train) | set(block.validation) == set(range(50, 200))
    assert len({block.validation.tobytes() for block in made}) == 10


def test_a_large_table_spends_its_rows_on_training():
    data = table(rows=120_000, classes=2)
    made, splits = blocks(data, 10, seed=0)
    assert (splits.test, splits.validation) == (MOST_TESTED, MOST_TESTED)
    assert splits.train == 120_000 - 2 * MOST_TESTED
    assert not set(made[0].test) & set(made[1].test)


def test_amounts_are_stratified_by_their_size():
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((300, 2)), draw.lognormal(0, 2, 300)
    data = load((x, y))
    assert data.task == "regression"
    for block in blocks(data, 10, seed=0)[0]:
        assert np.mean(y[block.test] > np.median(y)) == pytest.approx(0.5, abs=0.04)


def test_too_few_rows_are_refused():
    data = table(rows=12, classes=2, groups=np.arange(12) % 4)
    with pytest.raises(StudyError, match="4 different rows cannot be divided into 5 parts"):
        blocks(data, 14, seed=0)
    with pytest.raises(StudyError, match="splits must be at least 2, not 1"):
        blocks(table(), 1, seed=0)


@pytest.mark.parametrize(("rows", "rare", "folds"), [(60, 5, 5), (60, 7, 7), (200, 20, 10)])
def test_every_part_has_rows_of_every_class(rows, rare, folds):
    y = (np.arange(rows) < rare).astype(int)
    data = loaded(np.random.default_rng(0).normal(size=(rows, 2)), y)
    made, splits = blocks(data, 10, seed=0)
    assert (splits.folds, len(made)) == (folds, 10)
    for block in made:
        for part in (block.train, block.validation, block.test):
            assert set(data.y[part]) == {0, 1}


def test_every_part_of_a_regression_has_two_rows():
    x = np.random.default_rng(0).normal(size=(12, 2))
    made, splits = blocks(loaded(x, x[:, 0]), 10, seed=0)
    assert splits.folds == 6
    assert min(len(part) for block in made for part in (block.validation, block.test)) == 2
