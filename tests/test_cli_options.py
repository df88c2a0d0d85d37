"""Every argument and option of every subcommand does what its help says, and nothing else.

They are found through the parser: one that is added later and varied nowhere fails. What a study
would train is looked at before training; files, streams and exit codes are the real ones.
"""

from __future__ import annotations

import csv
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import ogive
from ogive import cli
from ogive.study import StudyError, StudyResult
from ogive.study.forecast import Progress
from pages import Tables
from report_sample import sample

RESULT = sample(activations=("relu", "sigmoid"), depths=(2,), splits=3)
SUBCOMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _in_a_folder_with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": np.arange(40),
            "a": np.where(np.arange(40) % 8, draw.standard_normal(40).round(2), 77),
            "b": draw.standard_normal(40).round(2),
            "label": np.arange(40) % 3,
        }
    )
    frame.to_csv("t.csv", index=False)
    tabs = frame.assign(b=frame.b.astype(str) + "\tx").rename(columns={"b": "b\tx"})
    tabs.to_csv("tabs.csv", index=False, sep=";", quoting=csv.QUOTE_NONE)
    thousands = frame.assign(a=frame.number**2 % 89 + 1.239)
    thousands.to_csv("thousands.csv", index=False, float_format="%.3f")
    frame.to_csv("headless.csv", index=False, header=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What `execute` was asked for; instead of training it returns a result that is known."""
    seen = SimpleNamespace(times=0)

    def execute(planned: Any, *, progress: Any, **how: Any) -> StudyResult:
        seen.planned, seen.how, seen.times = planned, how, seen.times + 1
        how["results"].parent.mkdir(exist_ok=True)
        progress(Progress(0.0, None, "preparing"))
        progress(Progress(1.0, 0.0, "concluding"))
        return RESULT

    monkeypatch.setattr("ogive.study.api.execute", execute)
    return seen


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is shown of a result, and no page is drawn."""
    monkeypatch.setattr("ogive.report.study_terminal.show", lambda *given, **options: None)
    monkeypatch.setattr("ogive.report.study_page.write", lambda result, path: path.write_text(""))


def invoke(*arguments: Any, code: int = 0) -> Any:
    """A command's streams, checked for its exit code."""
    words = [str(each) for each in arguments]
    result = CliRunner().invoke(cli.app, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


BASE = ("t.csv", "--keep", "number")
Check = Callable[[Any, Any], object]
"""Whether two plans are right: the one made with the option, and the one made without it."""

STUDY: dict[str, tuple[tuple[str, ...], Check]] = {
    "data": (("headless.csv",), lambda o, b: (o.table.name, b.table.name) == ("headless.csv",
                                                                             "t.csv")),
    "target": (("--target", "b"), lambda o, b: (o.table.target, b.table.target) == ("b", "label")),
    "task": (("--task", "regression"), lambda o, b: (o.table.task, b.table.task)
             == ("regression", "classification")),
    "drop": (("--drop", "a,b"), lambda o, b: o.table.columns == ("number",)),
    "keep": (("--keep", "number"), lambda o, b: "number" in o.table.columns
             and "number" not in b.table.columns),
    "na": (("--na", "77,x"), lambda o, b: np.isnan(o.table.numbers).sum() == 5
           and not np.isnan(b.table.numbers).any()),
    # These three against what would be found: tabs, a decimal point, and a first line of numbers.
    "sep": (("tabs.csv", "--sep", ";"), lambda o, b: "a" in o.table.columns),
    "decimal": (("thousands.csv", "--decimal", ","), lambda o, b: 1239 in o.table.numbers),
    "header": (("headless.csv", "--header"), lambda o, b: o.table.rows == 39),
    "sheet": (("t.xlsx", "--sheet", "May"), lambda o, b: o.table.columns == b.table.columns),
    "activations": (("--activations", " elu, gelu ,"), lambda o, b: o.settings.activations
                    == ("elu", "gelu") and len(b.settings.activations) == 10),
    "depths": (("--depths", "4,3"), lambda o, b: (o.settings.depths, b.settings.depths)
               == ((3, 4), (2, 8, 20))),
    "splits": (("--splits", "7"), lambda o, b: (len(o.made), len(b.made)) == (7, 10)),
    "baseline": (("--baseline", "elu"), lambda o, b: (o.settings.baseline, b.settings.baseline)
                 == ("elu", "relu")),
    "metric": (("--metric", "auc"), lambda o, b: (o.settings.metric, b.settings.metric)
               == ("auc", "accuracy")),
    "rope": (("--rope", "2.5"), lambda o, b: (o.settings.rope, b.settings.rope) == (0.025, 0.01)),
    "width": (("--width", "5"), lambda o, b: (o.settings.width, b.settings.width) == (5, 64)),
    "rates": (("--rates", "0.2,0.5"), lambda o, b: o.settings.rates == (0.5, 0.2)
              and b.settings.rates == (0.3, 0.1, 0.03, 0.01)),
    "optimizer": (("--optimizer", "adam"), lambda o, b: (o.settings.optimizer, b.settings.optimizer)
                  == ("adam", "sgd")),
    "epochs": (("--epochs", "3"), lambda o, b: o.settings.steps * 16 == b.settings.steps * 3),
    "seed": (("--seed", "4"), lambda o, b: (o.settings.seed, b.settings.seed) == (4, 0)
             and any(set(one.test) != set(two.test) for one, two in zip(o.made, b.made,
                                                                        strict=True))),
    "quick": (("--quick",), lambda o, b: o.settings.depths == (2, 8)
              and "boosting" not in o.settings.models and "boosting" in b.settings.models),
}  # fmt: skip
HOW: dict[str, tuple[tuple[str, ...], Any, Any]] = {
    "jobs": (("--jobs", "3"), 3, 0),
    "backend": (("--backend", "ray"), "ray", "loky"),
    "scheduler": (("--scheduler", "tcp://h:1"), "tcp://h:1", None),
    "results": (("--results", "kept.jsonl"), Path("kept.jsonl"), None),
}
WRITES = {"report", "csv", "json", "claims"}
"""Varied in a test of their own, by what they write."""


def parameters(command: str) -> set[str]:
    return {each.name for each in SUBCOMMANDS[command].params}


def test_every_subcommand_and_every_option_is_varied() -> None:
    assert set(SUBCOMMANDS) == {"study", "list", "show", "predict", "watch"}
    assert parameters("study") == set(STUDY) | set(HOW) | WRITES
    assert parameters("list") == set()
    assert parameters("show") == {"name", "html"}
    assert parameters("predict") == {
        "model", "activation", "depth", "init", "bias_std", "width", "residual", "attention",
        "input", "widths", "html", "json",
    }  # fmt: skip  # varied in test_predict_command
    assert parameters("watch") == {
        "script", "module", "every", "rules", "out", "strict", "demo",
    }  # fmt: skip  # varied in test_watch_program
    top = {each.name for each in typer.main.get_command(cli.app).params}
    assert top == {"version"}


@pytest.mark.parametrize("name", STUDY)
def test_an_option_reaches_the_study_and_changes_what_its_help_says(
    name: str, asked: SimpleNamespace, quiet: None
) -> None:
    if name == "sheet":
        pytest.importorskip("openpyxl")
        with pd.ExcelWriter("t.xlsx") as book:
            pd.DataFrame({"nothing": [1]}).to_excel(book, sheet_name="Notes")
            pd.read_csv("t.csv").to_excel(book, index=False, sheet_name="May")
    words, right = STUDY[name]
    base = () if name == "keep" else BASE[1:] * (name not in ("data", "header"))
    source = () if words[0].endswith((".csv", ".xlsx")) else ("t.csv",)
    invoke("study", *source, *words, *base)
    found = asked.planned
    invoke("study", "t.csv", *base)
    assert right(found, asked.planned), name


@pytest.mark.parametrize("name", HOW)
def test_an_option_of_where_it_runs_reaches_the_workers(
    name: str, asked: SimpleNamespace, quiet: None
) -> None:
    words, right, default = HOW[name]
    invoke("study", *BASE, *words)
    found = dict(asked.how)
    invoke("study", *BASE)
    assert found[name] == right
    if name == "results":
        default = asked.planned.results
        assert list(Path().glob("kept-*.html"))  # the page is beside them
    assert asked.how[name] == default
    assert {key for key in found if found[key] != asked.how[key]} <= {name}


def test_the_command_that_is_kept_is_the_one_that_was_typed(
    asked: SimpleNamespace, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["study", "t.csv", "--target", "label", "--na", "not known"]
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/ogive", *typed])
    invoke(*typed)
    assert shlex.split(asked.how["command"]) == ["ogive", *typed]


def files() -> set[str]:
    found = {str(path) for path in Path().rglob("*") if path.is_file()}
    return found - {"t.csv", "tabs.csv", "thousands.csv", "headless.csv"}


def test_a_study_writes_its_page_its_table_and_its_result_and_nothing_else(
    asked: SimpleNamespace,
) -> None:
    default = invoke("study", *BASE)
    (page,) = files()
    assert Path(page) == asked.planned.page(asked.planned.results)
    assert default.stdout.splitlines()[-1] == f"Report: {page}"
    assert RESULT.answer.sentence in " ".join(Tables(Path(page).read_text()).text.split())
    before = Tables(Path(page).read_text()).text
    Path(page).unlink()

    told = invoke("study", *BASE, "--report", "r.html", "--csv", "out.csv", "--json", "out.json",
                  "--claims")  # fmt: skip
    assert files() == {"r.html", "out.csv", "out.json"}
    assert Tables(Path("r.html").read_text()).text == before
    assert StudyResult.from_json(Path("out.json").read_text()) == RESULT
    assert Path("out.csv").read_text() == RESULT.to_frame().to_csv(index=False)
    assert told.stdout.splitlines()[-1] == "Report: r.html"
    words = " ".join(told.stdout.split())
    assert all(verdict.claim in words for verdict in RESULT.verdicts)
    assert all(verdict.claim not in default.stdout for verdict in RESULT.verdicts)
    # What is not asked for is the same in both.
    assert default.stdout.splitlines()[0] == told.stdout.splitlines()[0]
    assert "--claims" in default.stdout


def test_results_go_to_stdout_and_progress_and_errors_to_stderr(asked: SimpleNamespace) -> None:
    found = invoke("study", *BASE, "--na", "77")
    table = asked.planned.table
    words = " ".join(found.stdout.split())
    assert words.startswith(f"t.csv: 40 rows, {len(table.columns)} features; label to predict, 3")
    for sentence in (*table.warnings, *table.treatments):
        assert sentence in words
    assert words.index(table.treatments[0]) < words.index(RESULT.answer.sentence)
    for doing in ("starting", "preparing", "concluding", "%  0:"):
        assert doing not in found.stdout
    assert found.stderr.strip() == ""  # the bar goes away; a terminal would have shown it
    amount = invoke("study", *BASE, "--target", "b")
    assert "b to predict, a number" in amount.stdout
    missing = invoke("study", "absent.csv", code=2)
    assert missing.stdout == ""
    assert missing.stderr.startswith("ogive: absent.csv: no such file")
    assert missing.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_study_that_is_stopped_says_so_on_stderr_and_exits_with_its_number(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)

    def execute(planned: Any, **how: Any) -> StudyResult:
        os.kill(os.getpid(), number)
        raise AssertionError("it went on")

    monkeypatch.setattr("ogive.study.api.execute", execute)
    stopped = invoke("study", *BASE, "--results", "kept.jsonl", code=128 + number)
    assert stopped.stdout == ""
    said = stopped.stderr.strip()
    assert said.startswith("Stopped. Finished trials are in kept.jsonl; to go on: ogive")
    assert signal.getsignal(number) == before
    assert files() == set()


PLACES = (
    "ogive.study.data.load", "ogive.study.api.plan", "ogive.study.api.execute",
    "ogive.report.study_page.write", "ogive.report.study_terminal.show",
)  # fmt: skip


def ours() -> None:
    """A ValueError of Ogive's own that no user can put right."""
    from ogive.predict import moments

    moments("relu", variance=-1.0)


def pythons() -> None:
    """One that Python raises in a line of Ogive's."""
    exec(compile("int('x')", cli.__file__, "exec"), {"__name__": "ogive.study.data"})


@pytest.mark.parametrize("defect", [ours, pythons, lambda: np.zeros(2).reshape(3)])
@pytest.mark.parametrize("place", PLACES)
def test_a_valueerror_that_no_user_can_put_right_is_raised_as_the_defect_it_is(
    place: str, defect: Callable[[], None], asked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, lambda *given, **options: defect())
    with pytest.raises(ValueError, match=r"variance|invalid literal|reshape"):
        invoke("study", *BASE)


@pytest.mark.parametrize("defect", [ours, pythons])
def test_so_is_one_in_a_card(defect: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogive.report.card_terminal.show", lambda *given: defect())
    monkeypatch.setattr("ogive.report.explorer.write", lambda *given: defect())
    for options in ((), ("--html", "c.html")):
        with pytest.raises(ValueError, match=r"variance|invalid literal"):
            invoke("show", "gelu", *options)


@pytest.mark.parametrize("place", PLACES)
def test_what_a_user_can_put_right_is_one_line_wherever_it_is_found(
    place: str, asked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, line in (
        (StudyError("the data\nis wrong"), "ogive: the data is wrong"),
        (PermissionError(13, "Permission denied", "x.csv"), "ogive: x.csv: Permission denied"),
    ):

        def fail(*given: Any, error: Exception = error, **options: Any) -> None:
            raise error

        monkeypatch.setattr(place, fail)
        assert invoke("study", *BASE, code=2).stderr.splitlines()[-1] == line


def test_cards_and_the_list_go_to_stdout_or_to_the_file_that_is_named() -> None:
    listed = invoke("list")
    assert listed.stderr == ""
    lines = [line.split() for line in listed.stdout.splitlines() if line.strip()]
    first = [words[0] for words in lines]
    for name in ogive.catalog.names():
        assert name in first
        summary = ogive.card(name).summary.split()[0]
        assert summary in lines[first.index(name)]
    shown = invoke("show", "swish")
    assert shown.stdout.startswith("SiLU")
    assert (shown.stderr, files()) == ("", set())
    written = invoke("show", "tanh", "--html", "card.html")
    assert written.stdout == "Card: card.html\n"
    assert files() == {"card.html"}
    assert ogive.card("tanh").summary in Tables(Path("card.html").read_text()).text
    wrong = invoke("show", "gellu", code=2)
    assert wrong.stdout == ""
    assert len(wrong.stderr.splitlines()) == 1
    assert invoke("--version").stdout == f"ogive {ogive.__version__} ({ogive.isa()})\n"


def test_options_that_are_unknown_or_no_numbers_are_usage_errors() -> None:
    for arguments in (("study", "--epoch", "3"), ("study", "--splits", "x"), ("shwo",), ("show",)):
        found = invoke(*arguments, code=2)
        assert found.stdout == ""
        assert "Usage" in found.stderr


def test_an_interrupt_while_the_command_is_imported_ends_like_any_interrupt(monkeypatch):
    from ogive import __main__ as command

    class Interrupted:
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "ogive.cli", Interrupted())
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 130
