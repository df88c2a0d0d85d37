"""Every argument of `ogive.study.run`, and every field of its `Options`, changes what it should.

The arguments are those of the signature: one that is added later and varied nowhere fails.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ogive.study import Options, StudyResult, run
from ogive.study import api as api_module
from ogive.study.data import load
from ogive.study.forecast import Progress
from study_cases import trials_of

ROWS = 60


def frame() -> pd.DataFrame:
    """Classes that two of the columns tell, and another column that may be predicted."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((ROWS, 3))
    made = pd.DataFrame(x, columns=["a", "b", "other"])
    return made.assign(y=(x[:, 0] + x[:, 1] > 0).astype(int))


BASE: dict[str, Any] = {
    "data": frame(), "activations": ("relu", "tanh"), "depths": (1,), "splits": 5, "epochs": 2,
    "width": 6, "jobs": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def base() -> StudyResult:
    return run(**BASE)


def nets(result: StudyResult) -> list[Any]:
    """What of each network depends on how it was trained."""
    return [(trial.tuning, trial.train_loss) for trial in trials_of(result)[0]]


Check = Callable[[StudyResult, StudyResult], object]

CHANGES: dict[str, tuple[dict[str, Any], Check]] = {
    "data": ({"data": frame().assign(a=1.0 * np.arange(ROWS))}, lambda r, b: nets(r) != nets(b)),
    "target": (
        {"target": "other"},
        lambda r, b: r.data.target == "other" and r.settings.task == "regression",
    ),
    "options": (
        {"options": Options(drop=("other",))},
        lambda r, b: (
            r.data.features == ("a", "b") and b.data.features == ("a", "b", "other")
            and nets(r) != nets(b)
        ),
    ),
    "activations": (
        {"activations": ("tanh", "elu")},
        lambda r, b: (
            {cell.activation for cell in r.cells} == {"tanh", "elu"}
            and r.cell("tanh", 1).trials[0].scores == b.cell("tanh", 1).trials[0].scores  # type: ignore[union-attr]
        ),
    ),
    "depths": (
        {"depths": (2, 1)},
        lambda r, b: (
            [cell.depth for cell in r.cells] == [1, 1, 2, 2]
            and {len(t.dead) for t in r.cell("relu", 2).trials} == {2}  # type: ignore[union-attr]
        ),
    ),
    "splits": (
        {"splits": 6},
        lambda r, b: {len(cell.trials) for cell in r.cells} == {6}
        and r.data.splits.folds == 6 and {c.blocks for c in r.comparisons} == {6},
    ),
    "baseline": (
        {"baseline": "tanh"},
        lambda r, b: (
            r.cell("tanh", 1).against is None and r.cell("relu", 1).against is not None  # type: ignore[union-attr]
            and nets(r) == nets(b)
        ),
    ),
    "metric": (
        {"metric": "auc"},
        lambda r, b: all(c.metric == "auc" for c in r.comparisons)
        and all(cell.score == pytest.approx(cell.scores.auc) for cell in r.cells)
        and all(cell.score == pytest.approx(cell.scores.accuracy) for cell in b.cells),
    ),
    "rope": (
        {"rope": 30.0},
        lambda r, b: r.settings.rope == 0.3
        and all(o.equivalent > t.equivalent for o, t in zip(r.comparisons, b.comparisons,
                                                            strict=True)),
    ),
    "rates": (
        {"rates": (0.05, 0.2)},
        lambda r, b: {t.rate for trial, _ in nets(r) for t in trial} == {0.05, 0.2}
        and {rate for cell in r.cells for rate in cell.rates} <= {0.05, 0.2},
    ),
    "optimizer": (
        {"optimizer": "adam", "rates": (0.3, 0.1, 0.03, 0.01)},
        # The same rates, another way.
        lambda r, b: r.settings.rates == b.settings.rates and nets(r) != nets(b),
    ),
    "epochs": (
        {"epochs": 5},
        lambda r, b: (
            r.settings.steps == 5 * b.settings.steps // 2
            and {t.checkpoint_steps[-1] for c in r.cells for t in c.trials} == {r.settings.steps}
            and max(len(loss) for _, loss in nets(r)) > 0 and nets(r) != nets(b)
        ),
    ),
    "width": (
        {"width": 3},
        # A third of the units of one layer is a share that 6 units do not have to show.
        lambda r, b: nets(r) != nets(b)
        and {sum(t.density) for c in r.cells for t in c.trials}
        == {sum(t.density) // 2 for c in b.cells for t in c.trials},
    ),
    "seed": (
        {"seed": 1},
        lambda r, b: nets(r) != nets(b)
        and not {t.seed for c in r.cells for t in c.trials}
        & {t.seed for c in b.cells for t in c.trials},
    ),
    "quick": (
        {"quick": True, "epochs": None},
        lambda r, b: [model.model for model in r.models] == ["constant", "linear"]
        and [model.model for model in b.models] == ["constant", "linear", "boosting"]
        and r.settings.checkpoints == 3,
    ),
    "command": (
        {"command": "what I typed"},
        lambda r, b: r.command == "what I typed" and b.command.startswith("ogive.study.run("),
    ),
}  # fmt: skip
ELSEWHERE = {"jobs", "backend", "scheduler", "results", "progress"}
"""Of where and how it runs, which changes no result: the two tests below."""


def test_every_argument_is_varied() -> None:
    assert set(CHANGES) | ELSEWHERE == set(inspect.signature(run).parameters)


@pytest.mark.parametrize("name", CHANGES)
def test_an_argument_changes_what_it_should(name: str, base: StudyResult) -> None:
    changed, right = CHANGES[name]
    assert right(run(**BASE | changed), base)


def test_an_argument_that_is_not_given_has_its_documented_default(monkeypatch: Any) -> None:
    planned = {}
    monkeypatch.setattr(
        api_module, "execute", lambda made, **how: planned.update(made=made, how=how)
    )
    run(frame())
    chosen, how = planned["made"].settings, planned["how"]
    assert (chosen.depths, chosen.splits, chosen.baseline) == ((2, 8, 20), 10, "relu")
    assert (chosen.rope, chosen.optimizer, chosen.width, chosen.seed) == (0.01, "sgd", 64, 0)
    assert (how["jobs"], how["backend"], how["scheduler"]) == (0, "loky", None)
    assert (how["results"], how["command"]) == (None, "")
    run()
    assert planned["made"].table.name == "digits"


def test_arguments_of_where_it_runs_change_that_alone(
    base: StudyResult, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Progress] = []
    kept = run(**BASE | {"results": True}, progress=seen.append)
    assert nets(kept) == nets(base)
    assert kept.results_file.startswith("results/frame-")
    assert (tmp_path / kept.results_file).read_bytes().count(b"\n") == 1 + kept.trials_trained
    assert (seen[0].doing, seen[-1].doing) == ("preparing", "concluding")
    shares = [each.done for each in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    named = run(**BASE | {"results": tmp_path / "named.jsonl"})
    assert named.results_file == str(tmp_path / "named.jsonl")
    assert (tmp_path / "named.jsonl").exists()
    assert base.results_file == ""
    # Processes and clusters: what `execute` asks for, without starting any.
    made: list[tuple[Any, ...]] = []

    class Asked(Exception):
        pass

    def workers(*given: Any) -> None:
        made.append(given)
        raise Asked

    monkeypatch.setattr(api_module, "Workers", workers)
    monkeypatch.setattr(api_module, "_cores", lambda: 5)
    for asked in ({"jobs": 3}, {"jobs": 0}, {"backend": "dask", "scheduler": "tcp://here:1"}):
        with pytest.raises(Asked):
            run(**BASE | asked)
    assert made == [("loky", 3, None), ("loky", 5, None), ("dask", 1, "tcp://here:1")]


def text(path: Any, **cells: str) -> Any:
    """A text file whose fields and lines are as told."""
    sep, mark = cells.get("sep", ","), cells.get("mark", ".")
    draw = np.random.default_rng(1)
    lines = [sep.join(("n", "size", "same", "kind"))] * (cells.get("head", "yes") == "yes")
    for at in range(40):
        size = f"{draw.normal():.3f}".replace(".", mark) if at % 9 else "77"
        lines.append(sep.join((str(at), size, "1", str(at % 2 + 2 * (at % 4 == 0)))))
    path.write_text("\n".join(lines))
    return path


OPTIONS: dict[str, tuple[dict[str, Any], dict[str, str], Callable[[Any, Any], object]]] = {
    "target": ({"target": "size"}, {}, lambda t, b: (t.target, b.target) == ("size", "kind")),
    "task": (
        {"task": "regression"}, {},
        lambda t, b: (t.task, b.task) == ("regression", "classification"),
    ),
    "drop": ({"drop": ("size",)}, {"keep": "n"}, lambda t, b: "size" not in t.columns),
    "keep": (
        {"keep": ("n",)}, {},
        lambda t, b: t.columns == ("n", "size") and b.columns == ("size",),
    ),
    "na": (
        {"na": ("77",)}, {},
        lambda t, b: np.isnan(t.numbers).sum() == 5 and not np.isnan(b.numbers).any(),
    ),
    "sep": ({"sep": ";"}, {"sep": ";"}, lambda t, b: t.columns == ("size",)),
    "decimal": (
        {"decimal": ",", "sep": ";"}, {"sep": ";", "mark": ","},
        lambda t, b: t.numbers.dtype == float and np.abs(t.numbers[1:9]).max() < 10,
    ),
    "header": (
        {"header": False}, {"head": "no"},
        lambda t, b: t.rows == 40 and t.target == "column 4",
    ),
}  # fmt: skip


def test_every_option_for_data_is_varied() -> None:
    # `sheet` of an Excel file: test_study_files.py
    assert {*OPTIONS, "sheet"} == {field.name for field in dataclasses.fields(Options)}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_for_data_changes_what_it_should(name: str, tmp_path: Any) -> None:
    asked, cells, right = OPTIONS[name]
    if name == "drop":
        asked, cells = {**asked, "keep": ("n",)}, {}
    base = load(text(tmp_path / "base.csv"))
    assert right(load(text(tmp_path / "t.csv", **cells), Options(**asked)), base)


@pytest.mark.parametrize(
    ("name", "cells", "wrong"),
    [
        ("sep", {"sep": ";"}, {"sep": ","}),
        ("decimal", {"sep": ";", "mark": ","}, {"sep": ";", "decimal": "."}),
        ("header", {}, {"header": False}),
    ],
)
def test_an_option_is_obeyed_where_a_guess_would_know_better(
    name: str, cells: dict[str, str], wrong: dict[str, Any], tmp_path: Any
) -> None:
    """What is found without it is right; said wrongly, it must not be."""
    path = text(tmp_path / "t.csv", **cells)
    right = load(path)
    try:
        found: Any = load(path, Options(**wrong))
    except ValueError:
        return
    same = found.columns == right.columns and np.array_equal(found.numbers, right.numbers)
    assert not same, name


def test_a_table_is_taken_as_it_is(base: StudyResult) -> None:
    table = load(frame())
    assert nets(run(**BASE | {"data": table})) == nets(base)
    pair = run(**BASE | {"data": frame().drop(columns="y"), "target": frame()["y"]})
    assert nets(pair) == nets(base)
