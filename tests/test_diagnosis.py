"""The recorded diagnosis benchmark reaches its goals, and some of its trainings are run again."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import json

from diagnosis import cures, labels, tables
from diagnosis.ladders import LADDERS, UNSEEN
from diagnosis.plan import STYLES, Plan
from diagnosis.planted import PLANTED
from diagnosis.rows import Row, read, run
from diagnosis.sound import SOUND
from ogive.watch import FAULTS, faults

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def recorded() -> list[Row]:
    found = json.loads(tables.DATA.read_text(encoding="utf-8"))
    return read(json.dumps(each) for each in found["trainings"])


@pytest.mark.parametrize("goal", tables.GOALS)
def test_the_recorded_trainings_reach(goal: str, recorded: list[Row]) -> None:
    found = tables.figures(recorded)[goal]
    assert tables.met(goal, found), found


def test_every_fault_style_and_kind_of_network_is_among_the_trainings(recorded: list[Row]) -> None:
    faulty = tables.planted(recorded)
    assert len(faulty) == len(PLANTED) >= 30  # every planted fault is there by measurement
    assert len([row for row in tables.sound(recorded) if row.kind == "sound"]) >= 30
    assert {row.name for row in recorded if row.kind == "sound"} == {plan.name for plan in SOUND}
    assert {row.fault for row in faulty} == set(FAULTS) == {each.fault for each in LADDERS}
    for rows in (faulty, tables.sound(recorded)):
        assert {row.style for row in rows} == set(STYLES)
        assert {row.net for row in rows} >= {"mlp", "cnn", "residual", "lstm", "transformer"}


def test_watched_trainings_ended_with_the_same_bits(recorded: list[Row]) -> None:
    assert all(row.same for row in recorded)


def test_what_is_not_seen_is_listed(recorded: list[Row]) -> None:
    assert {row.name for row in recorded if row.kind == "unseen"} == {
        plan.name for plan, _ in UNSEEN
    }
    assert not [row.name for row in recorded if row.kind == "unseen" and row.errors]


def test_the_page_shows_the_recorded_trainings(recorded: list[Row]) -> None:
    assert tables.page(recorded) == tables.PAGE.read_text(encoding="utf-8")


def test_labels_use_the_published_thresholds_and_nothing_of_the_monitor() -> None:
    for fault, (warn, error) in labels.THRESHOLDS.items():
        assert (warn, error) == (FAULTS[fault].warn, FAULTS[fault].error), fault
    assert (labels.SLOPE, labels.SHARE) == (faults.SATURATED_SLOPE, faults.SATURATED_SHARE)
    assert (labels.QUIET, labels.STILL) == (faults.DORMANT, faults.STILL)
    for name in ("plan", "data", "networks", "training", "labels", "published"):
        source = Path(labels.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        imported = [
            f"{getattr(node, 'module', '')} {alias.name}"
            for node in ast.walk(ast.parse(source))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        ]
        assert not [each for each in imported if "watch" in each]


def plan_of(name: str) -> Plan:
    return next(plan for plan in (*PLANTED, *SOUND) if plan.name == name)


@pytest.mark.parametrize(
    "name",
    ["eight layers of sigmoids", "nn.Softmax before CrossEntropyLoss", "classes counted from 1",
     "raw columns into sigmoids"],
)  # fmt: skip
def test_planted_faults_are_measured_named_and_cured(name: str) -> None:
    row = run(plan_of(name), "planted", twin=1.0, cure=True)
    assert row.planted_level
    assert row.named
    assert not row.untrue
    assert row.same
    assert row.cured is not None
    assert row.cured >= 0.9


@pytest.mark.parametrize("name", ["narrow ReLU", "nn.LogSoftmax and NLLLoss", "regression"])
def test_sound_trainings_raise_no_error(name: str) -> None:
    row = run(plan_of(name), "sound")
    assert row.trains
    assert not row.errors
    assert not row.untrue


def test_a_label_is_not_there_without_its_fault() -> None:
    plan = plan_of("biases of a layer at -6")
    assert run(plan, "planted").labels["dead_unit"] > 0.9
    assert "dead_unit" not in run(replace(plan.twin, steps=100), "twin").labels


LINES: dict[str, Any] = {
    "torch.optim.SGD(…, lr=0.3)  # was lr=3": {"rate": 0.3},
    "nn.Softmax(…) -> nn.Identity()  # ends.0": {"head": ()},
    "softmax(z) -> log_softmax(z)": {"head": ("log_softmax",)},
    "nn.Sigmoid() -> nn.ReLU()  # acts.0": {"act": "relu"},
    "F.nll_loss(z, y) -> F.cross_entropy(z, y)": {"loss": "cross_entropy", "head": ("softmax",)},
    "buy more data": None,
}


@pytest.mark.parametrize("code", LINES)
def test_cures_do_what_their_line_says(code: str) -> None:
    plan = Plan(name="", head=("softmax",), loss="nll_loss")
    wanted = LINES[code]
    assert cures.cured(plan, code) == (None if wanted is None else replace(plan, **wanted))
