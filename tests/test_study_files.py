"""Every file of tests/data, one trait each, has the right outcome or one clear line."""

import bz2
import gzip
import itertools
import lzma
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ogive.study.data import Options, load, prepare
from ogive.study.errors import StudyError

DATA = Path(__file__).parent / "data"
COLUMNS = ("length", "weight", "colour")


@dataclass(frozen=True)
class Right:
    """What must be found; every warning and nothing but these, among other treatments."""

    columns: tuple[str, ...] = COLUMNS
    rows: int = 40
    classes: tuple[str, ...] | None = ("no", "yes")
    warnings: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    target: str = "bought"
    options: Options = Options()  # noqa: RUF009  # frozen


MEDIANS = r"median of each split's training rows.*length \(5\)"
DATED = tuple(f"day ({part})" for part in ("days", "month", "day", "weekday"))
ORDINARY = (
    "plain.csv", "semicolon.csv", "tab.tsv", "pipe.txt", "blanks.dat", "aligned.dat", "bom.csv",
    "utf16.csv", "old_mac.csv", "windows.csv", "comma_space.csv", "quoted_names.csv",
    "comments.csv", "trailing_separator.csv", "unbalanced.csv", "records.json", "lines.jsonl",
    "columns.json",
)  # fmt: skip
"""Ways to write a table that need no word."""

FOUND = {
    **dict.fromkeys(ORDINARY, Right()),
    "latin1.csv": Right(said=("Line 2 is not UTF-8.*0xe5 is 'å'",)),
    "quoted_newline.csv": Right(),
    "title_above.csv": Right(said=("Left out: line 1, with 1 field where the others have 4",)),
    "no_header.csv": Right(
        columns=("column 1", "column 2", "column 3"),
        target="column 4",
        said=("No header: line 1 holds values .*--header",),
    ),
    "no_header_text.csv": Right(
        columns=("column 1", "column 2", "column 3"),
        target="column 4",
        said=("No header: line 1 holds values .*--header", "18 rows of 40 repeat .* is expected"),
    ),
    "comment_header.dat": Right(
        columns=("length", "weight"), classes=("0", "1"), said=("Names come from the comment",)
    ),
    "size_line.csv": Right(  # what scikit-learn writes above its raw files
        columns=("column 1", "column 2", "column 3"),
        target="column 5",
        classes=("0", "1"),
        said=("Left out: line 1, with 4 fields", "No header: line 2", "copies.*column 4"),
    ),
    "years.csv": Right(
        columns=("1990", "2000", "town"),
        target="2010",
        classes=None,
        warnings=("Names in line 1 are numbers .1990, 2000, 2010.*--no-header",),
    ),
    "blank_in_name.csv": Right(target="bought it"),
    # Columns that tell rows apart
    "index.csv": Right(said=("row names .--keep uses them.: column 1",)),
    "row_names.txt": Right(said=("row names .--keep uses them.: column 1",)),
    "row_number.csv": Right(said=("numbers of the rows .--keep uses them.: n",)),
    "identifier.csv": Right(said=("identifiers, with a different text .*: patient",)),
    "numbered_id.csv": Right(said=("identifiers, with a different whole number .*: customer_id",)),
    # Numbers with something else among them
    "gaps.csv": Right(said=(MEDIANS,)),
    "blank_cells.csv": Right(said=(MEDIANS,)),
    "na.csv": Right(warnings=(r"among numbers: length \('NA' in 5 rows\)",), said=(MEDIANS,)),
    "question.csv": Right(warnings=(r"among numbers: length \('\?' in 5 r",), said=(MEDIANS,)),
    "dash.csv": Right(warnings=(r"among numbers: length \('-' in 5 rows\)",), said=(MEDIANS,)),
    "mixed_words.csv": Right(warnings=(r"length \('N/A', 'null', 'None' in 15 rows\)",)),
    "decimal_comma.csv": Right(said=("decimal comma: 3,5 is three and a half",)),
    "quoted_decimal_comma.csv": Right(said=("written with a decimal comma: length",)),
    "thousands.csv": Right(said=("commas between thousands: weight",)),
    "money.csv": Right(said=("currency sign: length", "percent sign: weight")),
    "sentinel.csv": Right(warnings=(r"may mean missing \(--na -999.*weight \(-999 in 5 rows",)),
    "dwarfed.csv": Right(warnings=(r"dwarfs the others.*weight \(line 13: 4e\+12",)),
    # Categories, texts, dates
    "booleans.csv": Right(classes=("FALSE", "TRUE")),
    "levels.csv": Right(warnings=(r"most values are numbers: colour \(not line 2: '3\+'",)),
    "house_numbers.csv": Right(columns=(*COLUMNS, "house"), said=(r"letters: house \(33 values",)),
    "reviews.csv": Right(columns=(*COLUMNS, "review"), said=(r"letters: review \(40 values",)),
    "towns.csv": Right(columns=(*COLUMNS, "town"), rows=120, said=(r"letters: town \(50 values",)),
    "dates.csv": Right(columns=(*DATED, *COLUMNS), said=(r"numbers: day \(days, month, day, w",)),
    "german_dates.csv": Right(columns=(*DATED, *COLUMNS), said=("day before month: day",)),
    "american_dates.csv": Right(columns=(*DATED, *COLUMNS), said=("month before day: day",)),
    "date_times.csv": Right(
        columns=(*(f"at ({p})" for p in ("days", "month", "day", "weekday", "hour")), *COLUMNS)
    ),
    "clock.csv": Right(columns=("at", *COLUMNS), said=("Times of day, in seconds: at",)),
    # Columns of no use, or of too much
    "constant.csv": Right(said=("Left out as constant: unit",)),
    "near_constant.csv": Right(said=("Left out as constant: ph",)),
    "empty_column.csv": Right(said=("no value in any row: note",)),
    "doubled_column.csv": Right(
        columns=("size", "weight", "colour"), said=(r"copies of another column: length \(of size",)
    ),
    "doubled_name.csv": Right(
        columns=("length", "length (2)", "colour"), warnings=("the second is called 'length .2.'",)
    ),
    "tripled_name.csv": Right(
        columns=("x", "x (2)", "x (3)"), warnings=("Two columns have one name: x;",)
    ),
    "target_copied.csv": Right(warnings=("determining the target: each of .*: paid",)),
    "target_in_other_unit.csv": Right(
        columns=("wind",),
        target="celsius",
        classes=None,
        warnings=("linear function of it .*: fahrenheit",),
        said=("9 rows of 40 repeat .* is expected",),
    ),
    "repeated.csv": Right(rows=60, warnings=("40 rows of 60 repeat .*stay together",)),
    # Targets
    "missing_target.csv": Right(rows=38, warnings=("2 rows left out, .* no target .*line 7",)),
    "rare_class.csv": Right(rows=38, warnings=(r"2 rows left out, .*: maybe \(2\)",)),
    "blank_in_class.csv": Right(warnings=("2 labels differed .* blanks at the ends",)),
    "case_in_class.csv": Right(
        classes=("No", "Yes", "no", "yes"), warnings=("almost the same name: 'No' and 'no', 'Yes'",)
    ),
    "codes.csv": Right(classes=("01", "1"), warnings=("almost the same name: '01' and '1'",)),
    "class_none.csv": Right(classes=("NA", "None"), warnings=("'NA' is a class .*--na NA",)),
    "label_gap.csv": Right(classes=("-1", "7")),
    "letters.csv": Right(
        columns=("x", "y"), rows=156, target="letter", classes=tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    ),
    "hundred_classes.csv": Right(
        columns=("x", "y"),
        rows=500,
        target="kind",
        classes=tuple(map(str, range(100))),
        said=("Classification: the target has 100 different whole numbers",),
    ),
    "rating.csv": Right(target="stars", classes=tuple("12345"), said=("--task regression",)),
    "counts.csv": Right(target="visits", classes=None, said=("--task classification",)),
    "regression.csv": Right(target="price", classes=None, said=("Regression: .* 40 different",)),
    "thirty_rows.csv": Right(rows=30),
    # Other formats
    "nested.json": Right(columns=("size.length", "size.weight")),
    "arff.arff": Right(
        columns=("length", "the weight", "colour"), warnings=(r"the weight \('\?' in 4 rows",)
    ),
    "keel.dat": Right(columns=("length", "weight")),
}

REFUSED = {
    "empty.csv": "is empty",
    "header_only.csv": "no rows below the header in line 1",
    "two_rows.csv": "has 2 rows with a target; a study needs at least 10",
    "one_column.csv": "no columns besides the target 'bought'",
    "ragged.csv": "line 22 has 2 fields, line 1 4",
    "unclosed_quote.csv": "line 19: a quote",
    "binary.csv": "is not a text file",
    "constant_target.csv": "target 'bought' is constant: every row is no; --target names another",
    "slip.csv": "column 'length', line 8: 'oops' is not a number.*--na oops .*--drop length",
    "own_word.csv": "column 'length', line 5: 'unmeasured' is not a number.*--na unmeasured",
    "date_slip.csv": "column 'day', line 6: '2020-13-45' is not a date.*--na 2020-13-45",
    "huge.csv": r"column 'weight', line 13: 1e\+200 is beyond .*--na 1e\+200 .*--drop weight",
    "infinite.csv": "column 'weight', line 13: inf is infinite; --na inf .*--drop weight",
    "broken.jsonl": "line 7 is not JSON",
    "list_inside.json": "column 'tags', record 1: holds a list.*--drop tags",
}

HELPED = {  # the option that an error or a warning names
    "slip.csv": (Options(na=("oops",)), "length"),
    "own_word.csv": (Options(na=("unmeasured",)), "length"),
    "date_slip.csv": (Options(na=("2020-13-45",)), "day (days)"),
    "huge.csv": (Options(na=("1e+200",)), "weight"),
    "infinite.csv": (Options(na=("inf",)), "weight"),
    "sentinel.csv": (Options(na=("-999",)), "weight"),
    "list_inside.json": (Options(drop=("tags",)), None),
    "index.csv": (Options(keep=("column 1",)), None),
    "row_number.csv": (Options(keep=("n",)), None),
    "identifier.csv": (Options(keep=("patient",)), None),
    "target_copied.csv": (Options(keep=("paid",)), None),
    "doubled_column.csv": (Options(keep=("length",)), None),
}


def test_every_file_has_its_outcome_stated():
    files = {path.name for path in DATA.iterdir()}
    assert files == FOUND.keys() | REFUSED.keys()
    assert not FOUND.keys() & REFUSED.keys()
    assert all(path.stat().st_size < 10_000 for path in DATA.iterdir())


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_file_is_read_right_and_every_treatment_is_said(name):
    right, table = FOUND[name], load(DATA / name)
    assert table.columns == right.columns
    assert table.rows == right.rows
    assert table.target == right.target
    assert table.task == ("regression" if right.classes is None else "classification")
    assert table.classes == (right.classes or ())
    if right.classes:
        np.testing.assert_array_equal(np.unique(table.y), np.arange(len(right.classes)))
    assert len(table.warnings) == len(right.warnings), table.warnings
    for sentence, wanted in zip(table.warnings, right.warnings, strict=True):
        assert re.search(wanted, sentence)
    for wanted in right.said:
        assert any(re.search(wanted, sentence) for sentence in table.treatments), table.treatments
    assert not any("\n" in sentence for sentence in (*table.warnings, *table.treatments))
    rows = np.random.default_rng(0).permutation(table.rows)
    parts = prepare(table, rows[::2], rows[1::2])
    for part in (*parts.x, *parts.y):
        assert np.isfinite(part).all()
    assert parts.x[0].shape == (len(rows[::2]), len(table.inputs))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_file_that_cannot_be_used_is_refused_in_one_line(name):
    with pytest.raises(StudyError, match=REFUSED[name]) as caught:
        load(DATA / name)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(HELPED))
def test_the_option_that_a_sentence_names_helps(name):
    options, gaps = HELPED[name]
    table = load(DATA / name, options)
    assert options.keep == () or set(options.keep) <= set(table.columns)
    if gaps:
        assert np.isnan(table.numbers[:, table.number_names.index(gaps)]).any()
        assert f"{gaps} is missing" in table.inputs


PLAIN = load(DATA / "plain.csv")


@pytest.mark.parametrize("name", [n for n in ORDINARY if n not in ("unbalanced.csv",)])
def test_one_table_written_in_many_ways_is_one_table(name):
    table = load(DATA / name)
    np.testing.assert_array_equal(table.numbers, PLAIN.numbers)
    np.testing.assert_array_equal(table.y, PLAIN.y)
    if name != "aligned.dat":  # its colours have longer names
        assert table.hash == PLAIN.hash


@pytest.mark.parametrize(
    ("name", "column"),
    [("decimal_comma.csv", "length"), ("quoted_decimal_comma.csv", "length"),
     ("money.csv", "length"), ("money.csv", "weight")],
)  # fmt: skip
def test_numbers_written_otherwise_have_their_value(name, column):
    table = load(DATA / name)
    at = PLAIN.number_names.index(column)
    np.testing.assert_allclose(table.numbers[:, at], PLAIN.numbers[:, at], rtol=1e-15)


def frame():
    plain = pd.read_csv(DATA / "plain.csv")
    plain["stars"] = pd.array([1, None, 3, 4] * 10, dtype="Int64")
    plain["colour"] = plain["colour"].astype("category")
    return plain[["length", "weight", "stars", "colour", "bought"]]


def as_gz(path):
    path.with_suffix(".csv.gz").write_bytes(gzip.compress((DATA / "plain.csv").read_bytes()))
    return path.with_suffix(".csv.gz")


def as_xz(path):
    path.with_suffix(".tsv.xz").write_bytes(lzma.compress((DATA / "tab.tsv").read_bytes()))
    return path.with_suffix(".tsv.xz")


def as_zip(path):
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr("folder/plain.csv", (DATA / "plain.csv").read_bytes())
        archive.writestr("__MACOSX/._plain.csv", b"\0")
    return path.with_suffix(".zip")


def as_json_gz(path):
    path.with_suffix(".json.gz").write_bytes(gzip.compress((DATA / "records.json").read_bytes()))
    return path.with_suffix(".json.gz")


def as_other_name(path):
    path.with_suffix(".data").write_bytes((DATA / "plain.csv").read_bytes())
    return path.with_suffix(".data")


def as_excel(path):
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(path.with_suffix(".xlsx")) as book:
        pd.read_csv(DATA / "plain.csv").to_excel(book, index=False, sheet_name="May")
        pd.DataFrame({"nothing": [1]}).to_excel(book, sheet_name="Notes")
    return path.with_suffix(".xlsx")


@pytest.mark.parametrize("write", [as_gz, as_xz, as_zip, as_json_gz, as_other_name, as_excel])
def test_packed_tables_and_excel_are_the_table_within(tmp_path, write):
    table = load(write(tmp_path / "t"))
    assert table.hash == PLAIN.hash
    assert table.warnings == ()


def as_parquet(path):
    frame().to_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def as_feather(path):
    frame().to_feather(path.with_suffix(".feather"))
    return path.with_suffix(".feather")


def as_stream(path):
    pa = pytest.importorskip("pyarrow")
    sheet = pa.Table.from_pandas(frame())
    with pa.ipc.new_stream(path.with_suffix(".arrow"), sheet.schema) as stream:
        stream.write_table(sheet)
    return path.with_suffix(".arrow")


def as_frame(path):
    return frame()


@pytest.mark.parametrize("write", [as_parquet, as_feather, as_stream, as_frame])
def test_typed_tables_keep_categories_and_nullable_integers(tmp_path, write):
    pytest.importorskip("pyarrow")
    table = load(write(tmp_path / "t"))
    assert table.columns == ("length", "weight", "stars", "colour")
    assert table.levels == (("blue", "green", "red"),)
    assert np.isnan(table.numbers[:, 2]).sum() == 10
    np.testing.assert_array_equal(table.y, PLAIN.y)


def test_a_folder_of_parquet_parts_has_its_partition_as_a_column(tmp_path):
    pytest.importorskip("pyarrow")
    frame().to_parquet(tmp_path / "parts", partition_cols=["colour"])
    table = load(tmp_path / "parts")
    assert table.target == "colour"  # it is read last
    table = load(tmp_path / "parts", Options(target="bought"))
    assert set(table.columns) == {"length", "weight", "stars", "colour"}


def test_a_named_index_is_left_out_and_said_and_can_be_kept(tmp_path):
    pytest.importorskip("pyarrow")
    named = frame().set_index(pd.Index(np.arange(40) * 7 % 41, name="customer"))
    named.to_parquet(tmp_path / "t.parquet")
    for source in (tmp_path / "t.parquet", named):
        table = load(source)
        assert "customer" not in table.columns
        assert any("row names" in s and "customer" in s for s in table.treatments)
        assert "customer" in load(source, Options(keep=("customer",))).columns


def test_decimals_dates_and_durations_of_parquet_are_numbers(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from datetime import date, timedelta
    from decimal import Decimal

    draw = np.random.default_rng(0).integers(1, 400, 40).tolist()
    pa.parquet = pytest.importorskip("pyarrow.parquet")
    sheet = pa.table(
        {
            "price": pa.array([Decimal(k) / 4 for k in draw], pa.decimal128(10, 2)),
            "day": pa.array([date(2020, 1, 1) + timedelta(days=k) for k in draw], pa.date32()),
            "took": pa.array([timedelta(minutes=k) for k in draw], pa.duration("s")),
            "half": pa.array(np.float16(draw), pa.float16()),
            "label": ["no", "yes"] * 20,
        }
    )
    pa.parquet.write_table(sheet, tmp_path / "t.parquet")
    table = load(tmp_path / "t.parquet", Options(keep=("half",)))
    by_name = dict(zip(table.number_names, table.numbers.T, strict=True))
    np.testing.assert_array_equal(by_name["price"], np.array(draw) / 4)
    np.testing.assert_array_equal(by_name["took"], np.array(draw) * 60)
    np.testing.assert_array_equal(by_name["half"], draw)
    np.testing.assert_array_equal(np.diff(by_name["day (days)"]), np.diff(draw))


def test_sheets_of_excel_are_chosen_by_name_or_number(tmp_path):
    path = as_excel(tmp_path / "t")
    assert any("'May' is the first of 2" in s for s in load(path).treatments)
    for sheet in ("May", "1"):
        assert load(path, Options(sheet=sheet)).hash == PLAIN.hash
    with pytest.raises(StudyError, match=r"no sheet 'may'; did you mean 'May'\?"):
        load(path, Options(sheet="may"))
    with pytest.raises(StudyError, match="has no sheets; --sheet is for Excel"):
        load(DATA / "plain.csv", Options(sheet="May"))


def test_excel_without_openpyxl_says_what_to_install(tmp_path, monkeypatch):
    path = as_excel(tmp_path / "t")
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(StudyError, match="pip install openpyxl"):
        load(path)


def test_a_bad_value_of_excel_is_named_by_its_row(tmp_path):
    pytest.importorskip("openpyxl")
    bad = pd.read_csv(DATA / "plain.csv").astype(object)
    bad.loc[6, "length"] = "oops"
    bad.to_excel(tmp_path / "t.xlsx", index=False)
    with pytest.raises(StudyError, match="column 'length', row 8: 'oops' is not a number"):
        load(tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(target="bougth"), "no column 'bougth'; did you mean 'bought'"),
        (Options(target="Bought"), "did you mean 'bought'"),
        (Options(target="zzz"), "no column 'zzz'; there are length, weight, colour, bought"),
        (Options(drop=("colr",)), "--drop 'colr': no such column; did you mean 'colour'"),
        (Options(keep=("wait",)), "--keep 'wait': no such column; did you mean 'weight'"),
        (Options(target="bought", drop=("bought",)), "'bought' is the target, so --drop"),
        (Options(task="ranking"), "--task takes classification or regression, not 'ranking'"),
        (Options(task="regression"), "line 2: 'no' is not a number, and --task regression"),
        (Options(sep="::"), "--sep takes one character"),
        (Options(decimal=";"), "--decimal takes . or ,"),
        (Options(drop=("length,weight,colour",)), "no columns besides the target"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(StudyError, match=message):
        load(DATA / "plain.csv", options)


def test_options_do_what_they_say():
    assert load(DATA / "plain.csv", Options(drop=("colour, weight",))).columns == ("length",)
    assert load(DATA / "plain.csv", Options(target="colour")).classes == ("blue", "green", "red")
    assert load(DATA / "semicolon.csv", Options(sep=";")).hash == PLAIN.hash
    assert load(DATA / "tab.tsv", Options(sep="tab")).hash == PLAIN.hash
    assert load(DATA / "decimal_comma.csv", Options(decimal=",")).hash == PLAIN.hash
    assert load(DATA / "plain.csv", Options(header=True)).hash == PLAIN.hash
    assert load(DATA / "no_header.csv", Options(target="4", header=False)).target == "column 4"
    assert load(DATA / "rating.csv", Options(task="regression")).task == "regression"
    assert len(load(DATA / "counts.csv", Options(target="length", task="regression")).y) == 40


def test_lines_are_counted_over_quoted_newlines_blank_lines_and_comments(tmp_path):
    lines = ["# a comment", "x,text,y", ""]
    lines += [f'{i + 0.5},"a\nb{i % 3}",{"pq"[i % 2]}' for i in range(30)]
    lines[20] = lines[20].replace("17.5", "oops")
    text = "\n".join(lines) + "\n"
    (tmp_path / "t.csv").write_text(text)
    line = 1 + text[: text.index("oops")].count("\n")
    with pytest.raises(StudyError, match=f"column 'x', line {line}: 'oops'"):
        load(tmp_path / "t.csv")


def test_the_first_row_of_a_bad_value_is_named_where_values_repeat(tmp_path):
    cells = [*(f"{i % 25}.5" for i in range(60)), "oops", "1.5", "oops"]
    rows = [f"{cell},{i % 7},{'pq'[i % 2]}" for i, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "\n".join(rows))
    with pytest.raises(StudyError, match="column 'a', line 62: 'oops'"):
        load(tmp_path / "t.csv")


def test_many_different_words_among_numbers_make_a_column_text(tmp_path):
    rows = [f"{f'{i}.5' if i % 5 else f'word{i}'},{i * 7 % 11},{'pq'[i % 2]}" for i in range(60)]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "\n".join(rows))
    table = load(tmp_path / "t.csv", Options(keep=("a",)))
    assert table.text_names == ("a",)
    (sentence,) = table.warnings
    assert re.search(r"Taken as text, though .*: a \(not line 2: 'word0'; --na word0", sentence)


@pytest.mark.parametrize("piece", [7, 64, 1000])
def test_lines_and_fields_are_counted_the_same_in_pieces_of_any_size(piece, monkeypatch):
    monkeypatch.setattr("ogive.study.separated.PIECE", piece)
    assert load(DATA / "plain.csv").hash == PLAIN.hash
    with pytest.raises(StudyError, match=REFUSED["ragged.csv"]):
        load(DATA / "ragged.csv")


def test_ragged_lines_are_found_with_and_without_quotes(tmp_path):
    for quote, (at, fields) in itertools.product(("", '"'), ((7, 2), (7, 4), (30, 1))):
        lines = ["a,b,y", *(f"{i},{quote}{i % 5}{quote},{'pq'[i % 2]}" for i in range(40))]
        lines[at] = ",".join(["3"] * fields)
        (tmp_path / "t.csv").write_text("\n".join(lines))
        with pytest.raises(StudyError, match=f"line {at + 1} has {fields} field"):
            load(tmp_path / "t.csv")


# --------------------------------------------------------------------- every reader's every error


ARFF = b"@relation r\n@attribute a numeric\n@attribute b numeric\n@data\n"
BROKEN = {
    "one.json": (b'{"x": 1,\n "y": }', "line 2 is not JSON: Expecting value"),
    "two.jsonl": (b'{"x": 1}\n\n{"x": \n', "line 3 is not JSON: Expecting value"),
    "uneven.json": (
        b'{"x": [1, 2], "y": [1]}',
        "columns do not fit together: All arrays must be of the same length",
    ),
    **dict.fromkeys(
        ("nothing.json", "single.json", "nobody.json"),
        (b"[]", "holds no records (a list of objects, or one object per line)"),
    ),
    "short.json": (b"[[1, 2], [3]]", "record 2 has 1 values, the first 2"),
    "short.jsonl": (b"[1, 2]\n\n[3]\n", "line 3 has 1 values, the first 2"),
    "other.json": (b'[{"a": 1}, 3]', "record 2 is not a record like the others"),
    "other.jsonl": (b"[1, 2]\n\n3\n", "line 3 is not a record like the others"),
    "numbers.json": (b"[3, 4]", "record 1 is not a record like the others"),
    "coded.json": (b'{"a": "\xff"}', "is not JSON in UTF-8 (byte 7)"),
    "half.csv": (b"\xff\xfea\x00b", "is not text in utf-16 (byte 4)"),
    "blank.csv": (b"  \n\n", "is empty"),
    "no.csv": (b"", "is empty"),
    "remarks.csv": (b"# a\n# b\n", "holds comments only, no rows"),
    "spaced.csv": (b"# a\n  \n# b\n \t\n", "holds comments only, no rows"),
    "zero.csv": (b"a,b\n\x00,1\n", "is not a text file (it holds zero bytes)"),
    "after.csv": (b'a,b\n"x"y,1\n', "line 2: ',' expected after '\"'"),
    "open.csv": (b'a,b\n"x,1\n', 'line 2: a quote (") is opened and never closed'),
    "end.arff": (ARFF, "no rows below @data"),
    "sparse.arff": (ARFF + b"{0 1, 1 2}\n", "sparse ARFF rows ({0 1, 3 2}) cannot be read"),
    "wide.arff": (
        ARFF + b"1,2\n1,2,3\n", "line 6 has 3 fields, but there are 2 @attribute lines",
    ),
    "thin.arff": (ARFF + b"1\n1\n", "line 5 has 1 field, but there are 2 @attribute lines"),
    "old.xls": (b"\xd0\xcf\x11\xe0garbage", "is not an Excel file that can be read: *"),
    "head.npy": (b"\x93NUMPYgarbage", "cannot be read: *"),
    "cut.parquet": (b"PAR1garbage", "cannot be read: *"),
    "cut.feather": (b"ARROW1garb", "cannot be read: *"),
    "cut.gz": (b"\x1f\x8bgarb", "is a damaged .gz file: *"),
    "cut.zip": (b"PK\x03\x04garb", "is a damaged or locked ZIP file: *"),
    "text.parquet": (b"a,b\n1,2\n", "is not a Parquet file, whatever its name says, or is damaged"),
}  # fmt: skip
BROKEN["single.json"] = (b'{"a": 1}', BROKEN["nothing.json"][1])
BROKEN["nobody.json"] = (b"{}", BROKEN["nothing.json"][1])


def said_of(path, options=Options()):  # noqa: B008  # frozen
    """The one line with which a file is refused, without its name."""
    with pytest.raises(StudyError) as caught:
        load(path, options)
    name, _, said = str(caught.value).partition(": ")
    assert name == path.name
    assert "\n" not in said
    return said


def test_a_broken_file_is_refused_with_what_is_wrong_and_where(tmp_path):
    for name, (content, message) in BROKEN.items():
        if name.endswith((".parquet", ".feather")) and "cannot" in message:
            pytest.importorskip("pyarrow")
        (tmp_path / name).write_bytes(content)
        said = said_of(tmp_path / name)
        start, star, _ = message.partition("*")
        assert said.startswith(start), name
        assert (len(said) > len(start)) == bool(star), (name, said)


def test_a_name_more_or_less_than_fields_and_a_blank_one_each_have_their_columns(tmp_path):
    """Names in the first line, fields in each of the others, and what the columns are called."""
    for head, fields, columns in (
        ("a,b,c", 3, ("a", "b", "c")), ("a,b,c,", 3, ("a", "b", "c")),
        ("a,b,", 3, ("a", "b", "column 3")), ("a,,b", 3, ("a", "column 2", "b")),
        ("a,b,c,", 4, ("a", "b", "c", "column 4")), (",a,b,c", 4, ("a", "b", "c")),
        ("a,b,c", 4, ("a", "b", "c")),  # the first column holds names of rows
    ):  # fmt: skip
        rows = [",".join(f"{k + fields * row}.5" for k in range(fields)) for row in range(12)]
        (tmp_path / "t.csv").write_text("\n".join([head, *rows, ""]))
        found = load(tmp_path / "t.csv", Options(task="regression"))
        assert (*found.columns, found.target) == columns, (head, fields)
        first = found.numbers[0].tolist()
        assert first == [k + 0.5 for k in range(fields)][-len(columns) :][:-1], (head, fields)


def damaged(folder):
    """Files of every kind that is unpacked, each with a byte of it wrong, or with its end lost."""
    plain, x = (DATA / "plain.csv").read_bytes(), np.random.default_rng(0).normal(size=(30, 3))
    np.savez(folder / "t.npz", x=x, y=np.arange(30) % 2)
    np.save(folder / "t.npy", x)
    pd.read_csv(DATA / "plain.csv").to_excel(folder / "t.xlsx", index=False)
    for suffix, packer in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):
        (folder / f"t.csv.{suffix}").write_bytes(packer.compress(plain))
    with zipfile.ZipFile(folder / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", plain)
    draw = np.random.default_rng(1)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        load(path)
        for at in draw.integers(len(whole), size=30).tolist():
            flipped = whole[:at] + bytes([whole[at] ^ draw.integers(1, 256)]) + whole[at + 1 :]
            for content in (flipped, whole[:at]):
                path.write_bytes(content)
                yield path


def test_whatever_is_damaged_in_a_file_it_is_read_or_refused_by_name(tmp_path):
    pytest.importorskip("openpyxl")
    refused = []
    for path in damaged(tmp_path):
        try:
            load(path)
        except StudyError as error:
            refused.append((path, str(error)))
    for path, said in refused:
        assert said.startswith(f"{path.name}: "), said
        assert "\n" not in said
    kinds = Counter(path.suffix for path, _ in refused)
    assert set(kinds) == {".npz", ".npy", ".xlsx", ".gz", ".bz2", ".xz", ".zip"}
    assert min(kinds.values()) > 20, kinds


def test_a_defect_met_while_a_file_is_read_is_not_said_to_be_the_files(tmp_path, monkeypatch):
    """However the table is packed: what ends in the reader of a format is no StudyError."""
    plain = (DATA / "plain.csv").read_bytes()
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("t.csv", plain)
    for suffix, packer in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):
        (tmp_path / f"t.csv.{suffix}").write_bytes(packer.compress(plain))
    np.savez(tmp_path / "t.npz", x=np.ones((30, 3)), y=np.arange(30) % 2)

    def defect(*given, **options):
        raise ValueError("a defect")

    for place in ("separated.read", "arrays.from_npz"):
        monkeypatch.setattr(f"ogive.study.{place}", defect)
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ValueError, match=r"^a defect$") as caught:
            load(path)
        assert not isinstance(caught.value, StudyError), path


def test_arrays_and_sheets_and_archives_without_a_table_are_refused(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    for at, (array, message) in enumerate((
        (np.arange(3.0), "needs two dimensions (rows, columns), not shape (3,)"),
        (np.zeros((2, 1, 2)), "needs two dimensions (rows, columns), not shape (2, 1, 2)"),
        (
            np.array([[1, "a"]], object),
            "holds Python objects, which may run code when they are read; save plain arrays",
        ),
    )):  # fmt: skip
        np.save(tmp_path / f"{at}.npy", array)
        assert said_of(tmp_path / f"{at}.npy") == message
    for rows, message in (
        ([], "sheet 'Sheet' is empty"), ([["a", "b"]], "no rows below the header of sheet 'Sheet'"),
    ):  # fmt: skip
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / "t.xlsx")
        assert said_of(tmp_path / "t.xlsx") == message
    for names, message in (
        (("[Content_Types].xml",), "is not an Excel file that can be read: "),
        (("a.csv", "b.csv"), "holds 2 files (a.csv, b.csv); unpack it and name one"),
        (("__MACOSX/a.csv", ".b.csv", "c/"), "holds 0 files"),
    ):
        with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        said = said_of(tmp_path / "t.zip")
        assert said.startswith(message)
        assert message.endswith(": ") or said == message


def test_a_file_that_is_not_there_or_locked_is_named(tmp_path, monkeypatch):
    (tmp_path / "table.csv").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "folder").mkdir()

    def refused(path):
        with pytest.raises(StudyError) as caught:
            load(path)
        return str(caught.value)

    near = tmp_path / "tabel.csv"
    assert refused(near) == f"{near}: no such file; did you mean {tmp_path / 'table.csv'}?"
    far = tmp_path / "missing" / "table.csv"
    assert refused(far) == f"{far}: no such file"
    folder = tmp_path / "folder"
    assert refused(folder) == f"{folder}: is a folder without .parquet files; name a file"
    assert refused("digit") == "unknown data 'digit'; did you mean digits?"
    assert refused("https://a.b/c.csv").endswith("is an address; download it and name the file")

    def locked(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", locked)
    path = tmp_path / "table.csv"
    assert refused(path) == f"{path}: cannot be read: Permission denied"


ROWS = [f"{i},{i * i % 7},{'no' if i % 2 else 'yes'}" for i in range(24)]


def test_odd_headers_words_and_options_leave_the_table_right(tmp_path):
    def written(text, options=Options()):  # noqa: B008  # frozen
        (tmp_path / "t.csv").write_text(text)
        return load(tmp_path / "t.csv", options)

    body = "\n".join(ROWS)
    for head, rows in (("a,b,c", body), ("a,b,c", body.replace("s\n", "s,\n").replace("o\n", "o,\n")
                                         + ","), ("a,b,c,", body)):  # fmt: skip
        table = written(f"{head}\n{rows}\n", Options(keep=("a",)))
        assert (table.columns, table.target, table.rows) == (("a", "b"), "c", 24)
        assert table.numbers.tolist() == [[i, i * i % 7] for i in range(24)]
    words = written(f"a,b,c\n{body}\nunknown,3,no\nunknown,none,yes\n")
    warned = "Read as missing among numbers: a ('unknown' in 2 rows), b ('none' in 1 row)"
    assert warned in words.warnings
    assert np.isnan(words.numbers).sum(0).tolist() == [2, 1]
    named = written(f"a,b,c\n{body}\n", Options(na=("zz", "4"), keep=("a",)))
    assert np.isnan(named.numbers).sum(0).tolist() == [1, sum(i * i % 7 == 4 for i in range(24))]
    days = "".join(f"2020-01-{i + 1:02},{i % 3},no\n" for i in range(20)) + "n/a,5,yes\n" * 5
    assert "Read as missing among dates: a ('n/a')" in written(f"a,b,c\n{days}").warnings
    amounts = "".join(f"{i},{i * i % 7},{i}.5\n" for i in range(30)) + "3,4,n/a\n3,6,n/a\n"
    table = written(f"a,b,y\n{amounts}")
    assert table.warnings[0] == "Read as missing among numbers: y ('n/a' in 2 rows)"
    assert "2 rows left out, having no target (first: line 32)" in table.warnings
    numbers = written(f"1,2,c\n{body}\n", Options(keep=("1",)))
    assert numbers.columns == ("1", "2")
    assert numbers.warnings[0] == (
        "Names in line 1 are numbers (1, 2): if that line holds values, say --no-header"
    )
    for text, options, message in (
        (f"a,b,c\n{body}", Options(drop=("a", "b", "c")), "no column is left to predict"),
        (
            "a,b,c\n" + "1,1,no\n1,1,yes\n" * 9, Options(),
            "no column is left to learn from. Left out as constant: a, b",
        ),
    ):  # fmt: skip
        with pytest.raises(StudyError) as caught:
            written(text, options)
        assert str(caught.value) == f"t.csv: {message}"


def test_an_excel_sheet_without_names_says_so(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in ROWS:
        first, second, label = row.split(",")
        book.active.append([int(first) + 0.5, int(second), label])
    book.save(tmp_path / "t.xlsx")
    table = load(tmp_path / "t.xlsx")
    assert (table.columns, table.target) == (("column 1", "column 2"), "column 3")
    assert "No header: row 1 holds values; if it holds names, say --header" in table.treatments
    assert table.rows == 24


def test_values_of_python_are_read_by_their_kind():
    from datetime import UTC, date, datetime, time, timedelta, timezone

    draw = np.random.default_rng(0).integers(1, 400, 24).tolist()
    labels = ["no", "yes"] * 12

    def frame(values):
        return load(pd.DataFrame({"a": pd.Series(values, dtype=object), "y": labels}))

    def first(values):
        return frame(values).numbers[:, 0].tolist()

    utc = datetime(1970, 1, 1)
    # Of several zones, and of one, all in UTC.
    for hours in ([k % 5 for k in draw], [3] * 24):
        times = [
            datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=h))) + timedelta(days=k)
            for h, k in zip(hours, draw, strict=True)
        ]
        right = [(t.astimezone(UTC).replace(tzinfo=None) - utc) / timedelta(days=1) for t in times]
        np.testing.assert_allclose(first(times), right, rtol=1e-15)
    for origin in (date(9998, 1, 1), date(1, 1, 1), date(1900, 1, 1)):
        days = [origin + timedelta(days=k) for k in draw]
        assert first(days) == [day.toordinal() - utc.toordinal() for day in days]
        # Written out, or in seconds: the same.
        assert first([str(day) for day in days]) == first(days)
        assert first(np.array(days, "datetime64[s]").tolist()) == first(days)
    table = frame([timedelta(minutes=k) for k in draw])
    assert table.numbers[:, 0].tolist() == [60 * k for k in draw]
    assert "Durations, in seconds: a" in table.treatments
    table = frame([None, *(time(k % 24, k % 60, k % 59) for k in draw[1:])])
    assert table.numbers[1:, 0].tolist() == [k % 24 * 3600 + k % 60 * 60 + k % 59 for k in draw[1:]]
    assert np.isnan(table.numbers[0, 0])
    assert "Times of day, in seconds: a" in table.treatments
    # Whole floats are written as the whole numbers they are.
    table = frame([("a" if at % 3 else float(k % 3)) for at, k in enumerate(draw)])
    assert table.levels == (("0", "1", "2", "a"),)
    assert frame([("a" if at % 3 else 1e300) for at in range(24)]).levels == (("1e+300", "a"),)
    assert frame([(b"x" if at % 3 else b"z\xff") for at in range(24)]).levels == (("x", "z\ufffd"),)
    kinds = pd.Categorical(["p", "q", "p"] * 8, categories=["o", "p", "x", "q"])
    table = load(pd.DataFrame({"a": kinds, "y": labels}))
    assert table.levels == (("p", "q"),)
    assert [table.levels[0][k] for k in table.categories[:, 0]] == list(kinds)
    for values, message in (
        ([complex(k, 1) for k in draw], "column 'a' holds complex numbers (340+1j)"),
        ([[k] for k in draw], "column 'a', row 1: holds a list, not one value; --drop a leaves"),
        ([(k,) for k in draw], "column 'a' holds a tuple, not one value; --drop a leaves it out"),
        ([1] * 5 + [{}] * 19, "column 'a', row 6: holds a dict, not one value; --drop a leaves"),
        ([1] * 3 + [10**400] * 21, "column 'a', row 4: inf is infinite"),
    ):
        with pytest.raises(StudyError) as caught:
            frame(values)
        assert message.replace("(340+1j)", "") in str(caught.value).replace("((340+1j))", "")


def test_data_of_python_are_taken_in_every_form():
    draw = np.random.default_rng(0).integers(1, 400, (24, 2))
    labels = ["no", "yes"] * 12
    frame = pd.DataFrame(draw, columns=["target", "target_"])
    table = load(frame, target=labels)
    assert (table.columns, table.target) == (("target", "target_"), "target__")
    assert load(pd.Series(draw[:, 0], name="s"), target=labels).columns == ("s",)
    structured = np.array(list(map(tuple, draw)), dtype=[("p", "i4"), ("q", "f4")])
    assert load((structured, labels)).numbers.tolist() == draw.tolist()
    for source, target, message in (
        (frame, "c", "frame: no column 'c'; there are target, target_"),
        (frame, 7, "frame: no column '7'; there are target, target_"),
        (
            (np.arange(3.0), labels), None,
            "a study takes a file, a frame or an array of two dimensions, not ndarray of shape "
            "(3,)",
        ),
        (([[1, 2], [3]], [0, 1]), None, "the rows do not fit together: "),
        ({"a": [1, 2], "b": [1]}, None, "columns do not fit together: All arrays must be of "),
        ((draw, labels[1:]), None, "there are 24 rows of features, but 23 targets"),
        (
            (draw, labels), np.zeros(24),
            "the target is given twice: in the pair (x, y) and as `target`",
        ),
    ):  # fmt: skip
        with pytest.raises(StudyError) as caught:
            load(source, target=target)
        assert str(caught.value).startswith(message)
        assert message.endswith(" ") or str(caught.value) == message
    assert load(DATA / "plain.csv", target="colour").target == "colour"
    # A copy of an amount in another unit is told by its order, in 30 rows and more.
    one = np.sort(np.random.default_rng(1).normal(size=30))
    other = np.random.default_rng(2).normal(size=30)
    for rows, sign in ((30, 1), (30, -1), (29, 1)):
        table = load((np.column_stack([sign * one, other])[:rows], (one**3 + one)[:rows]))
        assert any("In exactly the target's order" in s for s in table.warnings) == (rows == 30)
