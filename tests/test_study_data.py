"""Data is loaded with every treatment stated, and what cannot be used is refused by name."""

import numpy as np
import pandas as pd
import pytest

from ogive.study.data import BUNDLED, from_table, load, split
from ogive.study.errors import StudyError


@pytest.fixture
def table():
    draw = np.random.default_rng(0)
    y = np.repeat(["no", "yes"], 30)
    x = draw.standard_normal(60) + (y == "yes")
    return pd.DataFrame({"a": x, "b": draw.standard_normal(60), "label": y})


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def rows_of(count=40, cell="{i},{i}.5,{c}"):
    return "\n".join(cell.format(i=i, c="xy"[i % 2]) for i in range(count))


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_data_is_split_by_class_without_overlap_or_loss(name):
    data = load(name)
    parts, description = split(data)
    splits = description.splits
    assert splits.train + splits.validation + splits.test == len(data.y) == description.rows
    assert splits.test == pytest.approx(0.2 * len(data.y), abs=1)
    share = np.bincount(data.y) / len(data.y)
    for y in (parts.train_y, parts.validation_y, parts.test_y):
        np.testing.assert_allclose(np.bincount(y) / len(y), share, atol=1.5 / len(y))
    assert parts.train_x.dtype == np.float32


def test_standardisation_uses_training_rows_only(table):
    table.loc[0:5, "a"] = 1e3
    data = from_table(table, "label", "t.csv")
    parts, _ = split(data)
    np.testing.assert_allclose(parts.train_x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(parts.train_x.std(axis=0), 1, rtol=1e-5)
    assert not np.allclose(parts.test_x.std(axis=0), 1, rtol=1e-3)


def test_the_split_is_the_same_for_the_same_data_and_hash_sees_every_value(table):
    one, again = from_table(table, "label", "t.csv"), from_table(table, "label", "other.csv")
    np.testing.assert_array_equal(split(one)[0].test_x, split(again)[0].test_x)
    assert one.hash == again.hash
    table.loc[7, "b"] += 1e-9
    assert from_table(table, "label", "t.csv").hash != one.hash


def test_text_becomes_one_hot_columns_and_is_said(table):
    table["colour"] = ["red", "green", None] * 20
    data = from_table(table, "label", "t.csv")
    assert data.features[2:] == ("colour=green", "colour=missing", "colour=red")
    assert "colour: text, one-hot in 3 columns; 20 missing" in data.treatments[0]
    np.testing.assert_array_equal(data.x[:, 2:].sum(axis=1), 1)


def test_missing_numbers_get_the_training_median_and_it_is_said(table):
    table.loc[table.index[::3], "a"] = np.nan
    data = from_table(table, "label", "t.csv")
    parts, description = split(data)
    (note,) = [t for t in description.treatments if t.startswith("a: 20 missing")]
    assert "training rows' median" in note
    assert all(np.isfinite(p).all() for p in (parts.train_x, parts.validation_x, parts.test_x))


def test_constant_features_are_dropped_and_it_is_said(table):
    table["flat"] = 3.0
    _, description = split(from_table(table, "label", "t.csv"))
    assert description.features == ("a", "b")
    assert any("constant" in t and "flat" in t for t in description.treatments)


def test_csv_parquet_and_npz_of_one_table_agree(tmp_path, table):
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_csv(tmp_path / "s.csv", index=False, sep=";")
    table.to_parquet(tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", x=table[["a", "b"]].to_numpy(), label=table["label"].to_numpy("U"))
    found = [
        load(str(tmp_path / name), "label") for name in ("t.csv", "s.csv", "t.parquet", "t.npz")
    ]
    for data in found:
        np.testing.assert_allclose(data.x, found[0].x, rtol=1e-15)
        np.testing.assert_array_equal(data.y, found[0].y)
        assert data.classes == ("no", "yes")


def test_pixels_share_one_scale(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 255, (60, 4, 4), np.uint8)
    images[:, 0, 0] //= 100
    np.savez(tmp_path / "i.npz", images=images, y=np.arange(60) % 2)
    parts, description = split(load(str(tmp_path / "i.npz"), "y"))
    assert parts.train_x[:, 0].std() < 0.1 * parts.train_x[:, 1].std()
    assert any("share a unit" in t for t in description.treatments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b,label\n", "no rows"),
        ("a,b,label\n1,2,x\n1,2\n", "line 3 has 2 fields, the header 3"),
        ("a,b,label\n1,2,x\n\n1,2,x,9\n", "line 4 has 4 fields"),
        ("a,b,labl\n" + rows_of(), "no column 'label'; did you mean 'labl'"),
        ("a,b,c\n" + rows_of(), "no column 'label'; there are a, b, c"),
        ("a,a,label\n" + rows_of(), "column 'a' appears twice"),
        ("a,b,label\n" + rows_of(cell="{i},1,x"), "'label' is constant: every row is x"),
        ("a,b,label\n" + rows_of(cell="{i},1,{i}.25"), "'label' is continuous .40 values.*row 1"),
        ("a,b,label\n" + rows_of(cell="{i},1,{i}"), "'label' is continuous"),
        ("a,b,label\n1,2,\n" + rows_of(), "'label' is missing in row 1;"),
        ("a,b,label\n" + rows_of() + "\n1,2,z\n", "class 'z' has 1 rows"),
        ("a,b,label\n1,oops,x\n" + rows_of(), "column 'b', row 1: 'oops' is not a number"),
        ("a,b,label\n" + rows_of() + "\n1,inf,x\n", "column 'b' is infinite in row 41"),
        ("a,b,label\n" + rows_of(cell="{i},,{c}"), "column 'b' is empty"),
        ("a,b,label\n" + rows_of(250, "{i},text{i},{c}"), "column 'b' is text with 250"),
        ("a,b,label\n" + rows_of(cell="7,7,{c}"), "every feature is constant"),
        ("label\n" + "x\ny\n" * 20, "no columns besides the target"),
        ('a,b,label\n1,"2,x\n', "line 2"),
    ],
)
def test_a_csv_that_cannot_be_used_says_where_and_why(tmp_path, text, message):
    path = written(tmp_path / "t.csv", text)
    with pytest.raises(StudyError, match=message) as caught:
        split(load(path, "label"))
    assert "\n" not in str(caught.value)
    assert "t.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("digts", None, "did you mean digits"),
        ("what", None, "unknown data 'what'; known: digits"),
        ("digits", "x", "digits has its own target"),
        ("absent.csv", "x", "absent.csv: no such file"),
        ("openml:abc", None, "must be a data set's number"),
    ],
)
def test_unknown_sources_are_refused(source, target, message):
    with pytest.raises(StudyError, match=message):
        load(source, target)


def test_files_that_are_not_what_their_name_says(tmp_path):
    for name in ("t.parquet", "t.npz"):
        with pytest.raises(StudyError, match=f"{name}: cannot be read"):
            load(written(tmp_path / name, "neither"), "label")
    (tmp_path / "t.csv").write_bytes(b"a,label\n\xff\xfe,1\n")
    with pytest.raises(StudyError, match="not text in UTF-8"):
        load(str(tmp_path / "t.csv"), "label")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(StudyError, match=r"folder\.csv: cannot be read: Is a directory"):
        load(str(tmp_path / "folder.csv"), "label")
    with pytest.raises(StudyError, match="--target COLUMN"):
        load(str(tmp_path / "t.csv"))


def test_npz_arrays_that_do_not_fit_are_named(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=np.zeros((5, 2)), y=np.zeros(6))
    with pytest.raises(StudyError, match=r"no array 'z'.*there are x, y"):
        load(str(path), "z")
    with pytest.raises(StudyError, match=r"needs one array of 6 rows.*x \(5, 2\)"):
        load(str(path), "y")
    np.savez(path, x=np.array([{}, {}], object), y=np.zeros(2))
    with pytest.raises(StudyError, match="cannot be read"):
        load(str(path), "y")
