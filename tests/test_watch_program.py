"""A program runs under the monitor as without it, and its models are found by themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from typer.testing import CliRunner  # noqa: E402

import ogive  # noqa: E402
from ogive.cli import app  # noqa: E402
from ogive.watch import JsonLines, Report, WatchError  # noqa: E402

nn = torch.nn

TRAIN = """
import os, sys
assert "torch" not in sys.modules, "what is set before torch is imported must hold"
import torch
from torch import nn
from helper import STEPS

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 32), nn.Linear(32, 4)
    def forward(self, x):
        return torch.softmax(self.b(torch.relu(self.a(x))), 1)

torch.manual_seed(0)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(STEPS):
    x = torch.randn(32, 8)
    loss = nn.functional.cross_entropy(net(x), x[:, :4].argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("argv", sys.argv, __name__, os.path.basename(__file__))
print("loss", loss.item())
if "fail" in sys.argv:
    raise ValueError("planted")
if "exit" in sys.argv:
    sys.exit(3)
if "interrupt" in sys.argv:
    os.kill(os.getpid(), __import__("signal").SIGINT)
    __import__("time").sleep(5)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "helper.py").write_text("STEPS = 40\n")
    return tmp_path


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120,
        env=environment,
    )  # fmt: skip


def watch(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "ogive", "watch", *words)


def test_a_program_runs_as_without_the_monitor_and_its_fault_is_found(folder: Path) -> None:
    plain = python(folder, "train.py", "--epochs", "3")
    seen = watch(folder, "--out", "found", "train.py", "--epochs", "3")
    assert seen.returncode == plain.returncode == 0, seen.stderr
    assert seen.stdout == plain.stdout  # argv, __main__, every digit of the loss
    assert "wrong_head" in seen.stderr or "applied twice" in seen.stderr
    report = Report.from_dict(json.loads((folder / "found" / "report.json").read_text()))
    assert report.findings[0].fault == "wrong_head/softmax_twice"
    assert report.models[0].kind == "Net"
    assert report.models[0].steps == 40
    assert report.command.endswith("train.py --epochs 3")
    diff = (folder / "found" / "cure.diff").read_text()
    assert diff == report.diff(folder / "train.py").replace(str(folder / "train.py"), "train.py")
    before, after = (
        [line[1:].strip() for line in diff.splitlines()[3:] if line[0] == sign] for sign in "-+"
    )
    assert before == ["return torch.softmax(self.b(torch.relu(self.a(x))), 1)"]
    assert after == ["return self.b(torch.relu(self.a(x)))"]
    lines = [json.loads(line) for line in (folder / "found" / "run.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines[:1]] == ["start"]
    assert lines[-1]["event"] == "end"
    assert {"check", "finding"} <= {line["event"] for line in lines}


@pytest.mark.parametrize("how", ["fail", "interrupt"])
def test_a_program_ends_as_it_would_have_ended(folder: Path, how: str) -> None:
    plain = python(folder, "train.py", how)
    seen = watch(folder, "--out", "found", "train.py", how)
    assert seen.returncode == plain.returncode
    assert seen.returncode == {"fail": 1, "interrupt": -signal.SIGINT}[how]
    assert plain.stderr.strip() in seen.stderr  # the traceback is the program's own
    report = json.loads((folder / "found" / "report.json").read_text())
    assert report["findings"]
    assert "train.py ended" in report["notes"][0]


def test_strict_and_module_and_a_folder_of_its_own_for_each_run(folder: Path) -> None:
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "train.py").write_text(TRAIN)
    (folder / "watch" / "train").mkdir(parents=True)  # of an earlier run
    assert watch(folder, "--strict", "-m", "package.train").returncode == 1
    assert watch(folder, "--rules", "nan", "--strict", "train.py", "exit").returncode == 3
    assert sorted(p.name for p in (folder / "watch").iterdir()) == [
        "package.train", "train", "train-2"
    ]  # fmt: skip


def test_the_period_and_the_demonstration(folder: Path) -> None:
    assert watch(folder, "--every", "1", "--out", "found", "train.py").returncode == 0
    report = Report.from_dict(json.loads((folder / "found" / "report.json").read_text()))
    assert report.cost.every == 1
    assert report.models[0].observed == report.models[0].steps == 40
    assert watch(folder, "--demo", "--strict").returncode == 1
    report = Report.from_dict(json.loads((folder / "watch" / "demo" / "report.json").read_text()))
    assert "vanishing_gradient" in {each.fault for each in report.errors}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothere.py"], "nothere.py: no such file"),
        (["."], "a folder, not a script"),
        (["-m", "no.such.module"], "no module is called no.such.module"),
        ([], "name a script"),
        (["--rules", "dead_units", "train.py"], "did you mean dead_unit?"),
        (["--every", "0", "train.py"], "every must be a whole number of at least 1"),
        (["--out", "helper.py", "train.py"], "cannot write in helper.py"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_left(
    folder: Path, words: list[str], said: str, monkeypatch: Any
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    done = CliRunner().invoke(app, ["watch", *words])
    assert done.exit_code == 2, done.output
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ogive: ")
    assert said in lines[0]
    assert not done.stdout
    assert sorted(folder.rglob("*")) == before


def test_a_program_that_trains_nothing_is_told_so(folder: Path) -> None:
    (folder / "plain.py").write_text("print('nothing')")
    (folder / "loop.py").write_text("import torch\nmodel = torch.nn.Linear(2, 2)")
    assert "it does not use PyTorch" in watch(folder, "plain.py").stderr
    assert "it made no optimizer and no backward pass" in watch(folder, "loop.py").stderr


def test_a_program_that_moves_its_weights_itself_is_followed_too(folder: Path) -> None:
    by_hand = "for p in net.parameters(): p.data.add_(p.grad, alpha=-0.1)"
    text = TRAIN.replace("optimizer = torch.optim.Adam(net.parameters(), 1e-3)", "")
    text = text.replace("optimizer.zero_grad()", "net.zero_grad()")
    (folder / "train.py").write_text(text.replace("optimizer.step()", by_hand))
    assert watch(folder, "--out", "found", "train.py").returncode == 0
    report = json.loads((folder / "found" / "report.json").read_text())
    assert report["models"][0]["steps"] >= 37
    assert report["findings"][0]["fault"] == "wrong_head/softmax_twice"


def test_a_kill_loses_no_line(folder: Path) -> None:
    (folder / "helper.py").write_text("STEPS = 10 ** 9\n")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "ogive", "watch", "--out", "found", "train.py"], cwd=folder,
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    path = folder / "found" / "run.jsonl"
    try:
        for _ in range(600):
            if path.exists() and path.read_text().count('"check"') >= 6:
                break
            running.poll()
            signal.sigtimedwait([], 0.1)
    finally:
        running.kill()
        running.wait()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["models"] == []  # found later, as its optimizer is made
    assert any(
        line["event"] == "finding" and line["finding"]["fault"] == "wrong_head/softmax_twice"
        for line in lines
    )


# From Python.


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("relu", "a torch.nn.Module is watched, not a str"),
        (nn.ReLU(), "ReLU has no parameters: nothing to watch"),
        ({}, "no model was given"),
        ({"d": 3}, "d: a torch.nn.Module is watched, not a int"),
        (nn.Linear(2, 2).requires_grad_(False), "all parameters of Linear are frozen"),
    ],
)
def test_what_cannot_be_watched_is_told_at_once(model: Any, said: str) -> None:
    with pytest.raises(WatchError, match=said):
        ogive.watch.Monitor(model)


def test_a_log_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(WatchError, match=r"cannot write .*no/run.jsonl"):
        ogive.watch.Monitor(nn.Linear(2, 2), log=tmp_path / "no" / "run.jsonl")


def test_a_sink_and_a_callback_that_raise_are_left_out(tmp_path: Path) -> None:
    class Broken(JsonLines):
        def check(self, check: Any) -> None:
            raise OSError("disk full")

    def broken(finding: Any) -> None:
        raise ZeroDivisionError("mine")

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))
    sinks = [Broken(tmp_path / "run.jsonl")]
    with ogive.watch.Monitor(model, sinks=sinks, on_finding=broken) as monitor:
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(12):
            loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(3, (8,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    notes = " ".join(monitor.report().notes)
    assert "Broken raised OSError: disk full" in notes
    assert "on_finding raised ZeroDivisionError: mine" in notes
    assert monitor.report().errors


def test_a_report_survives_json() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(1))
    with ogive.watch.Monitor(model) as monitor:
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(12):
            loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(3, (8,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    report = monitor.report()
    again = Report.from_dict(json.loads(report.to_json()))
    assert again == report
    assert "first: Pass logits" in str(report)
    assert report.findings[0].where.endswith("2")


def test_many_models_one_after_another_are_let_go() -> None:
    import gc
    import weakref

    with ogive.watch.Monitor({"first": nn.Linear(2, 2)}) as monitor:
        gone = nn.Linear(3, 3)
        monitor.add("second", gone)
        kept = weakref.ref(gone)
        del gone
        gc.collect()
        assert kept() is None
    assert [m.name for m in monitor.report().models] == ["first", "second"]


def test_a_callback_of_trainer_is_told_of_start_and_end() -> None:
    transformers = pytest.importorskip("transformers")
    callback = ogive.watch.TrainerCallback()
    assert isinstance(callback, transformers.TrainerCallback)
    with pytest.raises(WatchError, match="has not begun"):
        callback.report()
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    callback.on_train_begin(None, None, None, model=model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(12):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(3, (8,)))
        loss.backward()
        optimizer.step()
    callback.on_train_end(None, None, None)
    assert callback.report().models[0].steps == 12


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_a_lightning_module_is_watched_while_it_is_fitted(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")

    class Classifier(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))

        def training_step(self, batch: Any, number: int) -> Any:
            if number == 30:
                raise KeyboardInterrupt  # Lightning ends the fit, and calls on_exception
            x, y = batch
            return nn.functional.cross_entropy(self.net(x), y)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    def fitted(*callbacks: Any, steps: int) -> Any:
        torch.manual_seed(0)
        module = Classifier()
        x = torch.randn(1024, 4)
        rows = torch.utils.data.TensorDataset(x, x[:, :3].argmax(1))
        trainer = lightning.Trainer(
            max_steps=steps, callbacks=[*callbacks], accelerator="cpu", devices=1, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            default_root_dir=tmp_path,
        )  # fmt: skip
        try:
            trainer.fit(module, torch.utils.data.DataLoader(rows, 32))
        except SystemExit:  # of a fit that was interrupted
            assert steps > 30
        return [*module.parameters()]

    watching = ogive.watch.LightningCallback(every=1)
    plain, seen = fitted(steps=20), fitted(watching, steps=20)
    assert all(map(torch.equal, plain, seen))
    report = watching.report()
    assert (report.models[0].kind, report.models[0].steps) == ("Classifier", 20)
    assert report.findings[0].fault == "wrong_head/softmax_twice"
    interrupted = ogive.watch.LightningCallback()
    fitted(interrupted, steps=60)
    assert interrupted.report().models[0].steps == 30


def test_the_callback_of_lightning_needs_nothing_else_of_it(monkeypatch: Any) -> None:
    """Its hooks in the order in which Lightning calls them, where it is not installed."""
    from ogive.watch import callbacks

    stub = types.ModuleType("lightning.pytorch")
    stub.Callback = type("Callback", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", stub)
    callbacks.lightning_callback.cache_clear()
    try:
        watching = ogive.watch.LightningCallback(every=1)
    finally:
        callbacks.lightning_callback.cache_clear()
    assert isinstance(watching, stub.Callback)
    with pytest.raises(WatchError, match="has not begun"):
        watching.report()
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    watching.on_fit_start(None, model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(12):
        if step == 8:
            watching.on_exception(None, model, KeyboardInterrupt())
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(3, (8,)))
        loss.backward()
        optimizer.step()
    watching.on_fit_end(None, model)
    assert watching.report().models[0].steps == 8


def test_the_example_of_the_monitor_prints_what_it_says() -> None:
    import doctest

    (example,) = doctest.DocTestFinder().find(
        ogive.watch.Monitor, "Monitor", module=False, globs={}
    )[:1]
    found = doctest.DocTestRunner().run(example)
    assert found.attempted >= 4
    assert found.failed == 0
