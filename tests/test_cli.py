"""The command line: what it prints, and one clear line with exit code 2 for every user error."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ogive.cli import app

TINY = ["--activations", "relu,tanh,sigmoid", "--depths", "1,2", "--splits", "5", "--epochs", "2",
        "--width", "8", "--jobs", "1"]  # fmt: skip


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ogive_command(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def refused(*arguments):
    """The one line on stderr of a command that must fail with 2."""
    result = ogive_command(*arguments, code=2)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert result.stdout == ""
    return lines[0]


def test_study_prints_its_answer_and_writes_the_report(tmp_path):
    result = ogive_command("study", "iris", *TINY)
    for word in ("relu", "tanh", "sigmoid", "Depth 2:"):
        assert word in result.stdout
    (journal,) = (tmp_path / "results").glob("iris-*.jsonl")
    (page,) = (tmp_path / "results").glob("iris-*.html")
    assert f"Report: results/{page.name}" in result.stdout
    assert page.read_text(encoding="utf-8").startswith("<!")
    assert json.loads(journal.read_text().splitlines()[0])["study"]["width"] == 8
    again = ogive_command("study", "iris", *TINY, "--report", "other.html")
    assert "Report: other.html" in again.stdout
    # Another grid of the same results has a page of its own.
    ogive_command("study", "iris", *TINY, "--rope", "2")
    assert len(list((tmp_path / "results").iterdir())) == 3


def test_study_of_a_csv_with_text_and_missing_values(tmp_path):
    rows = [f"{i % 7},{'red' if i % 3 else ''},{'' if i % 11 == 0 else i / 9},{'ab'[i % 2]}"
            for i in range(80)]  # fmt: skip
    (tmp_path / "t.csv").write_text("n,colour,x,kind\n" + "\n".join(rows))
    result = ogive_command("study", "t.csv", "--target", "kind", *TINY)
    (page,) = (tmp_path / "results").glob("*.html")
    html = page.read_text(encoding="utf-8")
    for said in (result.stdout, html):
        assert "0/1 column for each level" in said
        assert "median" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digts"], "did you mean digits"),
        (["absent.csv", "--target", "x"], "absent.csv: no such file"),
        (["t.csv"], "t.csv: has 1 row with a target; a study needs at least"),
        (["t.csv", "--task", "ranking"], "--task takes classification or regression"),
        (["t.csv", "--drop", "b"], "--drop 'b': no such column"),
        (["t.csv", "--target", "lable"], "no column 'lable'; did you mean 'label'"),
        (["iris", "--activations", "gellu"], "did you mean gelu"),
        (["iris", "--activations", "softmax"], "already the head"),
        (["iris", "--depths", "2,x"], "--depths takes whole numbers"),
        (["iris", "--depths", "0"], "depth must be at least 1"),
        (["iris", "--splits", "1"], "splits must be at least 2"),
        (["iris", "--rates", "fast"], "--rates takes numbers"),
        (["iris", "--metric", "f1"], "metric 'f1' is not known here"),
        (["iris", "--backend", "spark"], "backend 'spark' is not known here"),
        (["iris", "--backend", "dask"], "--backend dask needs --scheduler ADDRESS"),
        (["iris", "--csv", "nowhere/t.csv"], "cannot write nowhere/t.csv: there is no folder"),
        (["iris", "--epochs", "0"], "epochs must be at least 1"),
        (["iris", "--jobs", "-1"], "jobs must not be negative"),
        (["iris", "--results", "t.csv"], "t.csv: is not a results file"),
        (
            ["iris", "--report", "nowhere/report.html"],
            "cannot write nowhere/report.html: there is no",
        ),
        (["iris", "--report", "."], "cannot write .: is a directory"),
        (["iris", "--report", "/proc/report.html"], "cannot write /proc/report.html"),
    ],
)
def test_a_study_that_cannot_run_says_why_before_it_trains(tmp_path, arguments, message):
    import re

    (tmp_path / "t.csv").write_text("a,label\n1,x\n")
    assert re.search(message, refused("study", *arguments))
    assert sorted(os.listdir(tmp_path)) == ["t.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused_before_training(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    assert "read-only" in refused("study", "iris", "--report", folder / "r.html")


def test_another_studys_results_are_refused_and_untouched(tmp_path):
    ogive_command("study", "iris", *TINY, "--results", "r.jsonl")
    before = (tmp_path / "r.jsonl").read_bytes()
    line = refused("study", "wine", *TINY, "--results", "r.jsonl")
    assert "belongs to another study" in line
    assert (tmp_path / "r.jsonl").read_bytes() == before


def test_without_the_study_extra_one_line_says_what_to_install():
    code = (
        "import sys; sys.modules['typer'] = None\n"
        "import runpy; sys.argv = ['ogive', 'list']; runpy.run_module('ogive', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        'ogive: the command line needs more packages: pip install "ogive[study]"'
    ]
