"""Whatever data is handed over, a table holds what it says; all fitting sees training rows only."""

import dataclasses
from datetime import time

import numpy as np
import pandas as pd
import pytest

from ogive.study.data import BUNDLED, Options, load, prepare
from ogive.study.errors import StudyError

ROWS = 60
TRAIN, OTHER = np.arange(40), np.arange(40, ROWS)


@pytest.fixture
def frame():
    draw = np.random.default_rng(0)
    y = np.array(["no", "yes"] * (ROWS // 2))
    x = draw.standard_normal(ROWS) + (y == "yes")
    colour = draw.choice(["red", "green", "blue"], ROWS)
    words = np.array(
        [f"{a} {b} {i}" for i, (a, b) in enumerate(draw.choice(["up", "down", "left"], (ROWS, 2)))]
    )
    found = pd.DataFrame(
        {"a": x, "b": draw.standard_normal(ROWS), "colour": colour, "words": words}
    )
    found.loc[found.index[::7], "b"] = np.nan
    return found.assign(y=y)


@pytest.mark.parametrize("name", BUNDLED)
def test_rows_come_back_as_they_were_asked_for(name):
    table = load(name)
    rows = np.random.default_rng(0).permutation(table.rows)
    parts = prepare(table, rows[: table.rows // 2], rows[table.rows // 2 :])
    assert sum(map(len, parts.x)) == sum(map(len, parts.y)) == table.rows
    for i, part in enumerate(np.array_split(rows, [table.rows // 2])):
        np.testing.assert_array_equal(parts.y[i], table.y[part])
    assert parts.x[0].dtype == np.float32
    assert parts.x[0].shape[1] == len(table.inputs)


# ------------------------------------------------------------------- what is fitted, and on what


def test_nothing_of_other_rows_is_seen_when_training_rows_are_prepared(frame):
    one = prepare(load(frame), TRAIN, OTHER)
    other = frame.copy()
    draw = np.random.default_rng(1)
    other.loc[OTHER, "a"] = draw.standard_normal(len(OTHER)) * 1e6
    other.loc[OTHER, "b"] = np.nan
    other.loc[OTHER, "colour"] = draw.choice(["red", "green", "blue"], len(OTHER))
    other.loc[OTHER, "words"] = [f"quite other {k}" for k in range(len(OTHER))]
    again = prepare(load(other), TRAIN, OTHER)
    assert one.x[0].shape[1] == again.x[0].shape[1]
    np.testing.assert_array_equal(one.x[0], again.x[0])
    assert not np.array_equal(one.x[1], again.x[1])


def test_columns_have_mean_0_and_deviation_1_in_the_training_rows(frame):
    table = load(frame)
    x = prepare(table, TRAIN, OTHER).x[0]
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    assert table.inputs[:5] == ("a", "b", "b is missing", "colour=blue", "colour=green")
    np.testing.assert_allclose(x[:, :5].std(axis=0), 1, rtol=1e-5)


def test_medians_are_those_of_the_training_rows(frame):
    frame.loc[OTHER, "b"] = frame.loc[OTHER, "b"] + 100
    table = load(frame)
    gap = OTHER[np.isnan(frame["b"][OTHER])][0]
    known = frame["b"][TRAIN].dropna()
    filled = frame["b"][TRAIN].fillna(known.median())
    wanted = (known.median() - filled.mean()) / filled.std(ddof=0)
    np.testing.assert_allclose(prepare(table, TRAIN, [gap]).x[1][0, 1], wanted, rtol=1e-6)


def test_what_is_constant_in_the_training_rows_is_0_everywhere(frame):
    frame["flat"] = np.where(np.arange(ROWS) < 40, 0.1, np.arange(ROWS))
    frame["rare"] = np.where(np.arange(ROWS) < 40, "usual", "other")
    table = load(frame, Options(target="y"))
    parts = prepare(table, TRAIN, OTHER)
    for name in ("flat", "rare=usual"):
        at = table.inputs.index(name)
        assert not parts.x[0][:, at].any()
        assert not parts.x[1][:, at].any()


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-30, 1.0, 1e30, 3e38])
def test_numbers_of_any_size_are_standardised(frame, size):
    plain = prepare(load(frame), TRAIN).x[0][:, 0]
    frame["a"] = frame["a"] * (size / 4)
    np.testing.assert_allclose(prepare(load(frame), TRAIN).x[0][:, 0], plain, rtol=1e-6)


def test_a_value_far_from_all_training_rows_is_cut_at_one_range_beyond_them(frame):
    low, high = frame["a"][TRAIN].min(), frame["a"][TRAIN].max()
    inside = prepare(load(frame), TRAIN, OTHER)
    wide = frame.copy()
    wide.loc[50, "a"] = 1e9
    cut = prepare(load(wide), TRAIN, OTHER)
    mean, spread = frame["a"][TRAIN].mean(), frame["a"][TRAIN].std(ddof=0)
    np.testing.assert_allclose(cut.x[1][10, 0], (2 * high - low - mean) / spread, rtol=1e-6)
    np.testing.assert_array_equal(np.delete(cut.x[1], 10, 0), np.delete(inside.x[1], 10, 0))


def test_targets_of_a_regression_are_standardised_and_can_be_had_back(frame):
    frame["y"] = np.linspace(3, 9, ROWS) ** 2
    parts = prepare(load(frame), TRAIN, OTHER)
    assert parts.y[0].dtype == np.float32
    for rows, y in zip((TRAIN, OTHER), parts.y, strict=True):
        np.testing.assert_allclose(
            y * parts.target_scale + parts.target_mean, frame["y"][rows], rtol=1e-5
        )
    np.testing.assert_allclose((parts.y[0].mean(), parts.y[0].std()), (0, 1), atol=1e-6)


def test_pixels_share_one_scale(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 255, (60, 4, 4), np.uint8)
    images[:, 0, 0] //= 100
    np.savez(tmp_path / "i.npz", images=images, y=np.arange(60) % 2)
    for table in (load(tmp_path / "i.npz"), load((images, np.arange(60) % 2))):
        x = prepare(table, np.arange(50)).x[0]
        assert x[:, 0].std() < 0.1 * x[:, 1].std()
        assert any("share a unit" in t for t in table.treatments)


def test_rare_levels_do_not_become_huge():
    rows = 2000
    level = np.where(np.arange(rows) % 1000 == 5, "rare", np.where(np.arange(rows) % 2, "b", "c"))
    x = np.random.default_rng(0).standard_normal(rows)
    table = load(pd.DataFrame({"x": x, "level": level, "y": x > 0}))
    assert np.abs(prepare(table, np.arange(rows)).x[0]).max() <= 10.1


def test_columns_that_are_missing_together_share_an_indicator(frame):
    frame["c"] = np.where(frame["b"].isna(), np.nan, np.random.default_rng(2).random(ROWS))
    table = load(frame, Options(target="y"))
    assert [name for name in table.inputs if "missing" in name] == ["b is missing"]


# ----------------------------------------------------------------------------------- repeats


def test_equal_rows_get_one_group(frame):
    doubled = pd.concat([frame, frame.iloc[[3, 3, 8]]], ignore_index=True)
    groups = load(doubled).groups
    assert len(np.unique(groups)) == ROWS
    assert groups[3] == groups[60] == groups[61]
    assert groups[8] == groups[62]
    assert load(frame).groups is None


def test_repeats_of_few_possible_rows_are_not_taken_for_copies():
    draw = np.random.default_rng(0)
    found = pd.DataFrame(draw.integers(0, 3, (500, 3)), columns=list("abc"))
    table = load(found.assign(y=draw.choice(["p", "q"], 500)))
    assert table.groups is None
    assert any("expected where so few values" in sentence for sentence in table.treatments)
    assert table.warnings == ()


def test_missing_values_and_minus_zero_do_not_tell_equal_rows_apart(frame):
    twice = pd.concat([frame, frame], ignore_index=True)
    digit = np.arange(2 * ROWS) % ROWS % 5
    twice["zero"] = np.where(digit > 0, digit, np.where(np.arange(2 * ROWS) < ROWS, 0.0, -0.0))
    assert np.signbit(twice["zero"]).any()
    groups = load(twice, Options(target="y")).groups
    np.testing.assert_array_equal(groups[:ROWS], groups[ROWS:])


# ----------------------------------------------------------------------------------- the hash


def test_the_hash_sees_every_value_and_name_and_nothing_else(frame):
    one = load(frame)
    assert one.hash == load(frame.copy()).hash
    changed = {}
    for column, value in (("a", 1e-9), ("colour", "violet"), ("words", "another"), ("y", "yes")):
        other = frame.copy()
        row = 7 if column != "y" else 0
        other.loc[row, column] = other.loc[row, column] + value if column == "a" else value
        changed[column] = load(other).hash
    changed["name"] = load(frame.rename(columns={"a": "z"})).hash
    changed["row"] = load(frame.iloc[:-1]).hash
    assert len({one.hash, *changed.values()}) == 7


# ------------------------------------------------------------------------- handed over in Python


def test_what_python_hands_over_is_the_same_table():
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((40, 3)), np.arange(40) % 2
    names = ["x0", "x1", "x2"]
    whole = pd.DataFrame(x, columns=names).assign(target=y)
    sparse = pytest.importorskip("scipy.sparse")

    class Other:
        def to_pandas(self):
            return whole

    ways = {
        "frame": load(whole),
        "frame, target": load(whole, target="target"),
        "option": load(whole, Options(target="target")),
        "array and values": load(x, target=y),
        "pair": load((x, y)),
        "pair of lists": load((x.tolist(), y.tolist())),
        "frame and series": load(whole[names], target=whole["target"].rename(None)),
        "mapping": load({**{n: whole[n].tolist() for n in names}, "target": y}),
        "bunch": load({"data": x, "target": y, "DESCR": "text"}),
        "records": load(whole.to_dict("records")),
        "sparse": load(sparse.csr_array(x), target=y),
        "column of targets": load((x, y[:, None])),
        "one-hot": load((x, np.eye(2)[y])),
        "polars, arrow": load(Other()),
        "shuffled index": load(whole.set_axis(draw.permutation(40))),
    }
    assert {way: table.hash for way, table in ways.items()} == dict.fromkeys(
        ways, ways["frame"].hash
    )


def test_labels_of_columns_may_be_anything(frame):
    draw = np.random.default_rng(0)
    numbered = pd.DataFrame(draw.standard_normal((40, 3))).assign(**{"3": np.arange(40) % 2})
    assert load(numbered, target="3").columns == ("0", "1", "2")
    assert load(numbered, target=1).columns == ("0", "2", "3")
    two = pd.DataFrame(
        draw.standard_normal((40, 2)), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    )
    assert load(two, target=("b", 2)).columns == ("a / 1",)
    doubled = pd.DataFrame(draw.standard_normal((40, 3)), columns=["x", "x", "y"])
    assert load(doubled).columns == ("x", "x (2)")


def test_dtypes_of_pandas_are_understood():
    draw = np.random.default_rng(0)
    k = draw.integers(0, 50, 40)
    y = ["p", "q"] * 20
    columns = {
        "Int64": pd.array([None if i % 5 == 0 else v for i, v in enumerate(k)], dtype="Int64"),
        "boolean": pd.array([None, True, False, True] * 10, dtype="boolean"),
        "bool": draw.random(40) > 0.5,
        "string": pd.array(draw.choice(["u", "v", "w"], 40), dtype="string"),
        "object": np.array([None if i % 6 == 0 else int(v) for i, v in enumerate(k)], object),
        "mixed": np.array([f"k{v % 3}" if i % 2 else int(v % 3) for i, v in enumerate(k)], object),
        "bytes": np.array([[b"left", b"right"][v % 2] for v in k], object),
        "period": pd.period_range("2020-01", periods=40, freq="M"),
        "zoned": pd.date_range("2020-01-01", periods=40, freq="37h", tz="Europe/Berlin"),
        "took": pd.to_timedelta(k * 3 + 1, unit="min"),
        "clock": [time(int(v) % 24, int(v)) for v in k],
        "interval": pd.cut(k, [-1, 10, 30, 60]),
        "sparse": pd.arrays.SparseArray(np.where(k > 30, k, 0)),
        "uint8": (k % 7).astype(np.uint8),
        "half": (k * 1.5).astype(np.float16),
    }
    table = load(pd.DataFrame(columns).assign(y=y))
    numbers = dict(zip(table.number_names, table.numbers.T, strict=True))
    assert set(table.category_names) == {"string", "mixed", "bytes", "interval"}
    np.testing.assert_array_equal(np.isnan(numbers["Int64"]), np.arange(40) % 5 == 0)
    np.testing.assert_array_equal(numbers["took"], (k * 3 + 1) * 60)
    np.testing.assert_array_equal(numbers["sparse"], np.where(k > 30, k, 0))
    assert table.levels[table.category_names.index("bytes")] == ("left", "right")
    assert {"period (days)", "zoned (hour)"} <= set(numbers)
    assert np.isfinite(prepare(table, np.arange(40)).x[0]).all()


def test_dtypes_of_arrow_are_understood():
    pa = pytest.importorskip("pyarrow")
    draw = np.random.default_rng(0)
    k = draw.integers(0, 50, 40).tolist()
    sheet = pa.table(
        {
            "whole": pa.array([None, *k[1:]], pa.int32()),
            "price": pa.array(k, pa.int64()).cast(pa.decimal128(21, 2)),
            "text": pa.array([f"k{v % 3}" for v in k]).dictionary_encode(),
            "flag": pa.array([v > 20 for v in k]),
            "day": pa.array([v * 86_400_000 for v in k], pa.date64()),
            "y": pa.array(["p", "q"] * 20, pa.large_string()),
        }
    )
    plain = load(sheet.to_pandas(), Options(keep=("price",)))
    typed = load(sheet.to_pandas(types_mapper=pd.ArrowDtype), Options(keep=("price",)))
    assert typed.number_names == plain.number_names
    np.testing.assert_array_equal(typed.numbers, plain.numbers)
    np.testing.assert_array_equal(typed.categories, plain.categories)
    np.testing.assert_array_equal(typed.y, plain.y)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.arange(40) * 1j, r"column 'x' holds complex numbers .*--drop x"),
        ([[1, 2]] * 40, "column 'x', row 1: holds a list, not one value; --drop x"),
        ([(1, 2)] * 40, "column 'x' holds a tuple, not one value; --drop x"),
        ([*range(39), 10**400], "column 'x', row 40: .*(infinite|beyond)"),
    ],
)
def test_columns_that_hold_no_values_are_refused(values, message):
    found = pd.DataFrame({"x": values, "y": ["p", "q"] * 20})
    with pytest.raises(StudyError, match=message):
        load(found)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.zeros(5), None, "array of two dimensions, not ndarray of shape"),
        (3, None, "array of two dimensions, not int"),
        ([[1, 2], [3]], None, "rows do not fit together"),
        ({"a": [1, 2], "b": [1]}, None, "columns do not fit together"),
        (np.ones((20, 2)), np.ones(19), "20 rows of features, but 19 targets"),
        ((np.ones((20, 2)), np.ones(20)), np.ones(20), "target is given twice"),
        (pd.DataFrame(), None, "no rows"),
        (np.ones((20, 0)), np.arange(20), "no columns besides the target"),
    ],
)
def test_what_is_no_table_is_refused(source, target, message):
    with pytest.raises(StudyError, match=message):
        load(source, target=target)


# ----------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.arange(60) % 3, "classification"),
        (np.arange(60) % 2 * 1.5, "classification"),
        (np.arange(60) % 3 * 0.5, "regression"),
        (np.arange(60) % 20, "regression"),  # three rows of each
        (np.repeat(np.arange(60), 5), "classification"),  # counts from 0, five of each
        (np.repeat(np.r_[0:30, 31:60], 5), "regression"),  # a gap
        (np.repeat(np.arange(2, 62), 5), "regression"),
        (np.arange(60) % 2 == 0, "classification"),
        (pd.Categorical(np.arange(60) % 3), "classification"),
        (np.array(["1", "2", "3"] * 20, object), "classification"),
        (np.array([f"{k}.5" for k in range(60)], object), "regression"),
        (np.array([f"{k}" for k in "abc" * 20], object), "classification"),
        (pd.date_range("2020-01-01", periods=60, freq="D"), "regression"),
        (pd.to_timedelta(np.arange(60) ** 2, unit="s"), "regression"),
        (np.r_[np.arange(59) * 1.5, np.nan], "regression"),
    ],
)
def test_classes_or_amounts_are_decided_by_the_stated_rule(y, task):
    x = np.random.default_rng(0).standard_normal((len(y), 2))
    assert load(pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})).task == task


def test_a_target_that_cannot_be_predicted_is_refused(frame):
    cases = {
        "target 'y' has too few rows of a class: a .56., b .4.": ["a"] * 56 + ["b"] * 4,
        "target 'y' has 60 classes in 60 rows, such as k0, .*--target": [
            f"k{i}" for i in range(60)
        ],
        "target 'y' is empty": [None] * 60,
        "target 'y' is constant: every row is 7": [7] * 60,
        "target 'y' is constant: every row is 0.1": [0.1, 0.1 + 2e-17] * 30,
        "target 'y', row 4: inf is infinite; --na inf": [1.5, 2.5, 3.5, np.inf] * 15,
        "target 'y', row 60: 1e[+]50 is beyond": [*np.arange(59) / 2, 1e50],
        "target 'y', row 60: 'oops' is not a number": [*map(str, np.arange(59) / 2), "oops"],
    }
    for message, y in cases.items():
        with pytest.raises(StudyError, match=message):
            load(frame.assign(y=np.array(y, object)))


def test_rows_without_a_target_keep_their_place_in_messages(frame):
    frame = frame.assign(a=frame["a"].astype(object))
    frame.loc[[0, 1], "y"] = None
    frame.loc[10, "a"] = "oops"
    with pytest.raises(StudyError, match="column 'a', row 11: 'oops'"):
        load(frame)


def test_the_values_that_mean_missing_are_the_users_to_say(frame):
    frame["c"] = np.random.default_rng(0).integers(0, 10, ROWS)
    frame.loc[[4, 5], "y"] = "unsure"
    table = load(frame[["a", "b", "colour", "c", "y"]], Options(na=("9", "red", "unsure")))
    assert (
        np.isnan(table.numbers[:, table.number_names.index("c")]).sum()
        == (frame["c"].drop([4, 5]) == 9).sum()
    )
    assert table.levels == (("blue", "green", "(missing)"),)
    assert table.classes == ("no", "yes")
    assert table.rows == ROWS - 2


# ----------------------------------------------------------------------------------- many columns


def test_a_thousand_columns_are_said_in_one_sentence():
    draw = np.random.default_rng(0)
    wide = pd.DataFrame(draw.standard_normal((40, 1200)), columns=[f"g{i}" for i in range(1200)])
    wide.iloc[3, ::2] = np.nan
    wide.iloc[:, 1::4] = 5.0
    table = load(wide.assign(y=["p", "q"] * 20))
    assert len(table.treatments) <= 5
    assert max(map(len, table.treatments)) < 400
    assert any("g1, g5, g9, g13, g17 and 295 more" in sentence for sentence in table.treatments)
    assert prepare(table, np.arange(30)).x[0].shape == (30, 901)


# ------------------------------------------------------------------------------------------ NPZ


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_a_test_part_of_an_npz_is_used_as_such(tmp_path):
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((50, 3)), np.arange(50) % 2
    named = [
        {"x_train": x[:30], "y_train": y[:30], "x_test": x[30:], "y_test": y[30:]},
        {"X_train": x[:30], "Y_train": y[:30], "X_test": x[30:], "Y_test": y[30:]},
        {"train_x": x[:30], "train_y": y[:30], "test_x": x[30:], "test_y": y[30:]},
        {"x": x[:30], "y": y[:30], "x_test": x[30:], "y_test": y[30:]},
        {"X": x, "y": y, "test": np.arange(50) >= 30},
        {"X": x, "y": y, "test": np.arange(30, 50)},
        {"trainData": x[:30], "trainLabels": y[:30], "testData": x[30:], "testLabels": y[30:]},
    ]
    for arrays in named:
        table = load(saved(tmp_path / "t.npz", **arrays))
        np.testing.assert_array_equal(table.numbers, x)
        np.testing.assert_array_equal(table.y, y)
        np.testing.assert_array_equal(table.test, np.arange(50) >= 30)
        assert any("20 rows that the file gives for testing" in s for s in table.treatments)
    parts = {**named[0], "x_val": x[:5] + 1, "y_val": y[:5]}
    table = load(saved(tmp_path / "t.npz", **parts))
    assert (table.rows, table.test.sum()) == (55, 20)
    assert any("validation part's 5 rows joined" in s for s in table.treatments)


def test_rows_left_out_of_an_npz_leave_the_test_part_as_it_was(tmp_path):
    x, y = np.random.default_rng(0).standard_normal((50, 2)), np.arange(50) % 2.0
    y[[3, 35]] = np.nan
    path = saved(tmp_path / "t.npz", x=x[:30], y=y[:30], x_test=x[30:], y_test=y[30:])
    assert load(path).test.sum() == 19
    assert load(path).rows == 48


def test_a_class_that_only_the_test_part_has_is_left_out(tmp_path):
    x, y = np.random.default_rng(0).standard_normal((50, 2)), np.arange(50) % 2
    y[40:46] = 2
    path = saved(tmp_path / "t.npz", x=x[:30], y=y[:30], x_test=x[30:], y_test=y[30:])
    table = load(path)
    assert table.classes == ("0", "1")
    assert any("6 rows left out, of classes" in sentence for sentence in table.warnings)


def test_npz_arrays_are_found_by_name_or_shape(tmp_path):
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((40, 3)), np.arange(40) % 2
    table = load(saved(tmp_path / "t.npz", x=x, label=np.array(["p", "q"])[y]))
    assert table.classes == ("p", "q")
    table = load(saved(tmp_path / "t.npz", x=x, y=np.array([b"p", b"q"])[y]))
    assert table.classes == ("p", "q")
    table = load(saved(tmp_path / "t.npz", x=x, y=y, feature_names=np.array(["u", "v", "w"])))
    assert table.columns == ("u", "v", "w")
    table = load(saved(tmp_path / "t.npz", age=x[:, 0], height=x[:, 1], y=y))
    assert table.columns == ("age", "height")
    table = load(saved(tmp_path / "t.npz", x=x, y=y, note=np.array("text"), more=np.ones(3)))
    assert any("Arrays left out: note" in s for s in table.treatments)
    np.save(tmp_path / "t.npy", np.column_stack([x, y]))
    assert load(tmp_path / "t.npy").columns == ("column 1", "column 2", "column 3")
    rows = np.array(
        [(a, b) for a, b in zip(x[:, 0], y, strict=True)], [("size", "f8"), ("y", "i8")]
    )
    np.save(tmp_path / "t.npy", rows)
    assert load(tmp_path / "t.npy").columns == ("size",)


def test_npz_arrays_that_do_not_fit_are_named(tmp_path):
    path, x = tmp_path / "t.npz", np.random.default_rng(0).standard_normal((20, 2))
    y = np.arange(20) % 2
    with np.errstate(all="ignore"):
        endless = y / 0.0
    cases = [
        ({"x": x, "y": y}, Options(target="z"), "no array 'z'; there are x, y"),
        ({"x": x[:5], "y": y}, Options(), r"needs one array of 20 rows .*x \(5, 2\)"),
        ({"x": x, "x2": x, "labels": y}, Options(), None),
        ({"u": x, "v": x, "labels": y}, Options(), r"found u \(20, 2\), v .*--drop leaves an"),
        ({"u": x, "v": x}, Options(), r"name the array to predict with --target; found u"),
        ({"x": x, "y": x}, Options(), "the target 'y' must have one dimension"),
        ({"x": x * 1j, "y": y}, Options(), "column 'x0' holds complex numbers"),
        ({"x": x[:0], "y": y[:0]}, Options(), "needs one array of 0 rows"),
        ({"x": x, "y": y, "x_test": x[:, :1], "y_test": y}, Options(), "test part's 'x' has shape"),
        ({"x": x, "y": endless}, Options(), "target 'y'"),
        ({"x": np.array([{}] * 20, object), "y": y}, Options(), "holds Python objects"),
        ({}, Options(), "holds no arrays"),
        ({"x": x, "y": y, "test": np.array([50])}, Options(), "'test' must be a mask of 20 rows"),
    ]
    cases = [(saved(path.with_stem(f"t{i}"), **a), o, m) for i, (a, o, m) in enumerate(cases)]
    for file, options, message in cases:
        if message is None:
            assert load(file, options).columns == ("x0", "x1")
            continue
        with pytest.raises(StudyError, match=message) as caught:
            load(file, options)
        assert "\n" not in str(caught.value)


# -------------------------------------------------------------------------------------- sources


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("digts", Options(), "did you mean digits"),
        ("what", Options(), "unknown data 'what'; known: digits"),
        ("digits", Options(target="x"), "digits has its own target"),
        ("absent.csv", Options(), "absent.csv: no such file"),
        ("openml:abc", Options(), "must be a data set's number"),
        ("https://example.org/x.csv", Options(), "https://example.org/x.csv: is an address; down"),
        ("s3://bucket/x.parquet", Options(), "is an address; download it"),
    ],
)
def test_unknown_sources_are_refused(source, options, message):
    with pytest.raises(StudyError, match=message):
        load(source, options)


def test_openml_is_asked_for_the_number_and_a_failure_is_one_line(monkeypatch, frame):
    from types import SimpleNamespace

    asked = []

    def fetch_openml(data_id, **_):
        asked.append(data_id)
        if data_id == 2:
            raise ConnectionError("no\nnetwork")
        return SimpleNamespace(frame=frame, target_names=["colour"])

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    table = load("openml:61")
    assert (asked, table.name, table.target) == ([61], "openml:61", "colour")
    assert load("openml:61", Options(target="y")).target == "y"
    with pytest.raises(StudyError, match=r"openml:2: could not be fetched: no$"):
        load("openml:2")


def test_a_file_name_that_is_nearly_right_is_suggested(tmp_path):
    (tmp_path / "sales.csv").write_text("a,y\n")
    with pytest.raises(StudyError, match=r"sale\.csv: no such file; did you mean .*sales\.csv"):
        load(tmp_path / "sale.csv")


@pytest.mark.parametrize(
    "suffix", ["parquet", "npz", "npy", "feather", "arrow", "xlsx", "gz", "zip", "xz", "bz2"]
)
def test_files_that_are_not_what_their_name_says(tmp_path, suffix):
    starts = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\0", "zip": b"PK\x03\x04",
              "parquet": b"PAR1", "npy": b"\x93NUMPY", "feather": b"ARROW1", "npz": b"PK\x03\x04",
              "xlsx": b"PK\x03\x04", "arrow": b"\xff\xff\xff\xff"}  # fmt: skip
    for content in (b"neither", starts[suffix] + b" damaged"):
        (tmp_path / f"t.{suffix}").write_bytes(content)
        with pytest.raises(StudyError, match=rf"t\.{suffix}: (is not|is a damaged|cannot be read)"):
            load(tmp_path / f"t.{suffix}")


def test_folders_and_archives_of_several_files_are_refused(tmp_path):
    import zipfile

    with pytest.raises(StudyError, match=r"is a folder without \.parquet files"):
        load(tmp_path)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "a")
        archive.writestr("b.csv", "b")
    with pytest.raises(StudyError, match=r"holds 2 files \(a\.csv, b\.csv\); unpack it"):
        load(tmp_path / "t.zip")


def test_a_table_cannot_be_changed(frame):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(frame).rows = 3  # type: ignore[misc]


def test_a_column_that_alone_tells_the_class_is_pointed_out():
    draw = np.random.default_rng(0)
    weight, kind = draw.normal(70, 10, 80), draw.integers(0, 4, 80)
    x = draw.standard_normal(80)
    by_number = load(pd.DataFrame({"x": x, "weight": weight, "heavy": weight > 72}))
    by_level = load(pd.DataFrame({"x": x, "kind": [f"k{k}" for k in kind], "even": kind % 2 == 0}))
    for table, column in ((by_number, "weight"), (by_level, "kind")):
        (sentence,) = table.warnings
        assert sentence.startswith("Alone determines the class")
        assert sentence.endswith(f": {column}")
        assert column in table.columns


def test_the_word_missing_is_a_level_beside_what_is_missing(frame):
    frame["colour"] = np.where(np.arange(ROWS) % 3 == 0, "missing", frame["colour"]).astype(object)
    frame.loc[frame.index[::4], "colour"] = None
    table = load(frame)
    assert table.levels == (("blue", "green", "missing", "red", "(missing)"),)
    assert (table.categories[::4] == 4).all()
    np.testing.assert_array_equal(
        (table.categories == 2).ravel(), (frame["colour"] == "missing").to_numpy()
    )
