"""Every file of tests/data, one trait each, has the right outcome or one clear line."""

import gzip
import itertools
import lzma
import re
import zipfile
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
    "index.csv": Right(said=("names of rows .--keep uses them.: column 1",)),
    "row_names.txt": Right(said=("names of rows .--keep uses them.: column 1",)),
    "row_number.csv": Right(said=("numbers of the rows .--keep uses them.: n",)),
    "identifier.csv": Right(said=("identifiers, with another text .*: patient",)),
    "numbered_id.csv": Right(said=("identifiers, with another whole number .*: customer_id",)),
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
    "target_copied.csv": Right(warnings=("telling the target exactly: each of .*: paid",)),
    "target_in_other_unit.csv": Right(
        columns=("wind",),
        target="celsius",
        classes=None,
        warnings=("a straight line leads .*: fahrenheit",),
        said=("9 rows of 40 repeat .* is expected",),
    ),
    "repeated.csv": Right(rows=60, warnings=("40 rows of 60 repeat .*stay together",)),
    # Targets
    "missing_target.csv": Right(rows=38, warnings=("2 rows left out, .* no target .*line 7",)),
    "rare_class.csv": Right(rows=38, warnings=(r"2 rows left out, .*: maybe \(2\)",)),
    "blank_in_class.csv": Right(warnings=("2 labels differed .* blanks at the ends",)),
    "case_in_class.csv": Right(
        classes=("No", "Yes", "no", "yes"), warnings=("nearly one word: 'No' and 'no', 'Yes'",)
    ),
    "codes.csv": Right(classes=("01", "1"), warnings=("nearly one word: '01' and '1'",)),
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
        assert any("names of rows" in s and "customer" in s for s in table.treatments)
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
