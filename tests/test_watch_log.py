"""A log survives a kill and is read back; other tools get the same numbers by their own writers."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ogive.watch import JsonLines, MLflow, TensorBoard, WandB, WatchError, read_log, sinks
from watch_sample import STEPS, checks, finding, layers, sample


def told(sink, report=None):
    """A sink that has had a whole training."""
    report = report or sample()
    sink.start(replace(report, findings=(), layers=(), progress=()))
    for check in checks(report):
        sink.check(check)
    for each in reversed(report.findings):
        sink.finding(each)
    sink.close(report)
    return report


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "run.jsonl"
    told(JsonLines(path))
    return path


def test_a_whole_log_gives_the_report_of_the_training(log):
    assert read_log(log) == sample()
    assert read_log(str(log)).to_dict() == json.loads(log.read_text().splitlines()[-1])["report"]


@pytest.mark.parametrize("cut", [1, 40, 2000])
def test_a_log_that_a_kill_cut_off_gives_all_until_then(log, cut):
    whole = log.read_bytes()
    log.write_bytes(whole[:-cut] if cut > 1 else b"\n".join(whole.splitlines()[:-1]) + b"\n")
    found, right = read_log(log), sample()
    assert found.layers == right.layers
    assert found.progress == right.progress
    assert {each.fault: each for each in found.findings} == {e.fault: e for e in right.findings}
    keys = [(not each.active, each.severity != "error") for each in found.findings]
    assert keys == sorted(keys)
    (model,) = found.models
    assert (model.steps, model.observed) == (146, 31)
    assert found.command == right.command
    note, *others = found.notes
    assert "ends after step 145: the training was killed, or it still runs" in note
    lines = len(whole.splitlines())
    assert others == ([] if cut == 1 else [f"{log}: damaged line skipped: {lines}."])


def test_what_was_seen_of_a_killed_training_is_at_least_the_largest_window(tmp_path):
    sink = JsonLines(tmp_path / "run.jsonl")
    (model,) = sample().models
    sink.start(sample(models=(replace(model, steps=0, observed=0, layers=0),)))
    assert "before its first check" in read_log(sink.path).notes[0]
    for check in list(checks(sample()))[:2]:
        sink.check(check)
    (found,) = read_log(sink.path).models
    assert (found.steps, found.observed, found.layers) == (STEPS[1] + 1, 20, len(layers()))


def test_damaged_lines_are_skipped_and_the_last_training_counts(log):
    lines = log.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"event": "check", "check": {"model": 3}}\n'
    lines[4] = b"\xff\xfe garbage\n"
    log.write_bytes(b"".join(lines[:-1]))
    found = read_log(log)
    assert [s.step for s in found.layers[0].stats] == [STEPS[0], STEPS[2], STEPS[4]]
    assert found.notes[-1] == f"{log}: damaged lines skipped: 3, 5."
    told(JsonLines(log), sample(command="the second"))
    assert read_log(log) == sample(command="the second")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot read .*: No such file or directory"),
        ("", "holds no watched training"),
        ("loss 0.3\n", "holds no watched training"),
        ('[1, 2]\n{"event": "check"}\n', "holds no watched training"),
        ('{"event": "start", "format": "ogive watch 0"}\n', "holds no watched training"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_log_is_one_clear_line(tmp_path, text, said):
    path = tmp_path / "run.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(WatchError, match=said) as caught:
        read_log(path)
    assert "\n" not in str(caught.value)


def test_each_record_is_one_write_of_whole_lines(tmp_path, monkeypatch):
    written = []
    write = os.write
    sink = JsonLines(tmp_path / "run.jsonl")
    monkeypatch.setattr(os, "write", lambda file, data: written.append(data) or write(file, data))
    told(sink)
    assert len(written) == 2 + len(STEPS) + len(sample().findings)
    assert all(data.endswith(b"\n") and data.count(b"\n") == 1 for data in written)


class Recorded:
    """An object whose every method notes its calls."""

    def __init__(self, **known):
        self.calls = []
        self.__dict__.update(known)

    def __getattr__(self, name):
        def called(*given, **named):
            self.calls.append((name, given, named))

        return called

    def of(self, name):
        return [(given, named) for each, given, named in self.calls if each == name]


def expected():
    """What every tool is to get: (name, value, step)."""
    found = []
    for check in checks(sample()):
        for layer in check.layers:
            for key in sinks.MEASURES:
                found.append(
                    (f"ogive/{key}/{layer.name}", getattr(layer.stats[0], key), check.step)
                )
        for key in ("loss", "skill", "accuracy"):
            value = getattr(check.progress, key)
            found.append((f"ogive/training/{key}", value, check.step))
    return sorted(found)


def test_tensorboard_gets_each_number_at_its_step_and_each_finding():
    writer = Recorded()
    told(TensorBoard(writer))
    assert sorted(given for given, _ in writer.of("add_scalar")) == expected()
    texts = {given[0]: given[1] for given, _ in writer.of("add_text")}
    for each in sample().findings:
        for words in (each.sentence, each.cure.words, each.cure.code, each.where):
            assert words in texts[f"ogive/{each.fault}"]
    assert texts["ogive/report"] == sample().sentence
    assert not writer.of("close")  # it is the user's


def test_tensorboards_own_files_hold_the_numbers(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told(TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()["scalars"]
    found = sorted((tag, each.value, each.step) for tag in tags for each in events.Scalars(tag))
    assert [(tag, step) for tag, _, step in found] == [(tag, step) for tag, _, step in expected()]
    assert [v for _, v, _ in found] == pytest.approx([v for _, v, _ in expected()], rel=1e-6)


def test_weights_and_biases_gets_rows_on_an_axis_of_their_own(monkeypatch):
    run = Recorded(summary={})
    told(WandB(run))
    assert [(given, named) for given, named in run.of("define_metric")] == [
        (("ogive/step",), {}), (("ogive/*",), {"step_metric": "ogive/step"}),
    ]  # fmt: skip
    rows = [given[0] for given, _ in run.of("log")]
    assert sorted((k, v, row["ogive/step"]) for row in rows for k, v in row.items()
                  if k != "ogive/step") == expected()  # fmt: skip
    assert len(run.of("alert")) == len(sample().findings)
    assert run.summary == {
        "ogive/report": sample().sentence,
        "ogive/errors": 7,
        "ogive/warnings": 7,
    }
    assert not run.of("finish")
    # Without a run of the user's, one is begun and ended.
    own = Recorded(summary={})
    monkeypatch.setattr(sinks, "_package", lambda *_: SimpleNamespace(run=None, init=lambda: own))
    told(WandB())
    assert len(own.of("log")) == len(STEPS)
    assert len(own.of("finish")) == 1


def test_mlflow_gets_metrics_tags_and_the_report():
    flow = Recorded(active_run=lambda: None)
    told(MLflow(flow))
    assert len(flow.of("start_run")) == len(flow.of("end_run")) == 1
    found = sorted((name, value, named["step"]) for given, named in flow.of("log_metrics")
                   for name, value in given[0].items())  # fmt: skip
    assert found == expected()
    tags = {given[0]: given[1] for given, _ in flow.of("set_tag")}
    for each in sample().findings:
        assert each.sentence in tags[f"ogive.{each.fault}"]
    ((text, name), _) = flow.of("log_text")[0]
    assert (json.loads(text), name) == (sample().to_dict(), "ogive/report.json")
    theirs = Recorded(active_run=lambda: "a run")
    told(MLflow(theirs))
    assert not theirs.of("start_run")
    assert not theirs.of("end_run")


def test_names_that_mlflow_refuses_are_written_with_signs_it_takes():
    flow = Recorded(active_run=lambda: None)
    odd = sample(layers=tuple(replace(e, layer=f"{e.layer} <é>#1") for e in layers()))
    told(MLflow(flow), odd)
    for given, _ in flow.of("log_metrics"):
        assert all(
            set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-. :/") for name in given[0]
        )
        assert len(given[0]) == len(layers()) * len(sinks.MEASURES) + 3


@pytest.mark.parametrize(("make", "package"), [(WandB, "wandb"), (MLflow, "mlflow")])
def test_a_tool_that_is_not_installed_is_named(make, package, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(WatchError, match=f"pip install {package}"):
        make()


def test_what_was_not_measured_is_not_written():
    (check, *_) = checks(sample())
    bare = tuple(
        replace(each, stats=tuple(replace(s, dead=None, gradient=None) for s in each.stats))
        for each in check.layers
    )
    found = sinks.scalars(replace(check, layers=bare, progress=None))
    assert {name.split("/")[1] for name in found} == set(sinks.MEASURES) - {"dead", "gradient"}
    assert "unknown" in sinks.text(replace(finding("nan"), fault="unknown"))
