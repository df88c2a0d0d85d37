"""Finished trials survive anything; what a study concludes follows from them alone."""

import contextlib
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time

import msgspec
import numpy as np
import pytest
from scipy import stats

from ogive.study import StudyError, StudyResult
from ogive.study.api import plan
from ogive.study.conclude import conclude
from ogive.study.journal import Journal
from ogive.study.result import METRICS, ModelTrial, Trial
from ogive.study.statistics import SharedRows
from study_cases import TINY, made_table, study, trials_of

TRIALS = 3 * 2 * 5 + 3 * 5
"""Activations x depths x splits, and three models."""


@pytest.fixture(scope="module")
def table():
    return made_table()


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "r.jsonl"
    return study(table, path), path


def conclusions(result):
    """All but what clocks say."""
    comparisons = sorted(result.comparisons, key=lambda c: (c.one, c.other, c.depth))
    return trials_of(result), comparisons, result.answer


def keys(path):
    return [json.loads(line)["key"] for line in path.read_bytes().splitlines()[1:]]


def changed(path, tmp_path, number, **fields):
    """A copy of a results file with some fields of one line changed."""
    lines = path.read_bytes().splitlines(keepends=True)
    record = json.loads(lines[number - 1])
    kind = "trial" if "trial" in record else "model"
    for name, value in fields.items():
        where = record[kind]
        for part in name.split("__")[:-1]:
            where = where[part]
        where[name.split("__")[-1]] = value
    lines[number - 1] = json.dumps(record).encode() + b"\n"
    copy = tmp_path / "changed.jsonl"
    copy.write_bytes(b"".join(lines))
    return copy


def line_of(path, activation):
    """The number of the first line that holds one of its networks."""
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if json.loads(line).get("trial", {}).get("activation") == activation:
            return number
    raise AssertionError(activation)


def test_a_finished_study_trains_nothing_again_and_says_the_same(table, finished):
    first, path = finished
    before = path.read_bytes()
    again = study(table, path)
    assert first.trials_trained == len(keys(path)) == TRIALS
    assert (again.trials_trained, again.trials_resumed) == (0, TRIALS)
    assert path.read_bytes() == before
    assert conclusions(again) == conclusions(first)


def test_processes_change_nothing(table, finished, tmp_path):
    assert conclusions(study(table, tmp_path / "r.jsonl", jobs=2)) == conclusions(finished[0])
    assert conclusions(study(table)) == conclusions(finished[0])


def test_an_interrupted_study_repeats_no_finished_trial(table, finished, tmp_path):
    first, path = finished
    cut = tmp_path / "r.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:8]) + lines[8][:40])
    result = study(table, cut)
    assert result.trials_resumed == 7
    assert result.trials_trained == TRIALS - 7
    assert any("line 9 is damaged" in note for note in result.notes)
    assert conclusions(result) == conclusions(first)
    assert study(table, cut).trials_trained == 0


@pytest.mark.parametrize("more", [{"activations": ("relu", "tanh", "sigmoid", "elu")},
                                  {"depths": (1, 2, 3)}, {"splits": 10}, {"rope": 5.0},
                                  {"baseline": "tanh"}])  # fmt: skip
def test_a_study_grows_without_repeating_itself(table, finished, tmp_path, more):
    _, path = finished
    copy = tmp_path / "r.jsonl"
    copy.write_bytes(path.read_bytes())
    if "splits" in more:  # the same parts of the rows; 5 of 5 are another division than 10 of 10
        with pytest.raises(StudyError, match="folds 5, here 10"):
            study(table, copy, **more)
        return
    grown = study(table, copy, **more)
    assert grown.trials_resumed == TRIALS
    assert (grown.trials_trained > 0) == (set(more) <= {"activations", "depths"})
    assert path.read_bytes() == copy.read_bytes()[: path.stat().st_size]


def test_more_splits_keep_the_first_ones(tmp_path):
    table, path = made_table(40, classes=2), tmp_path / "r.jsonl"
    few = {"activations": ("relu",), "depths": (1,)}
    ten = study(table, path, splits=10, **few)
    twenty = study(table, path, splits=20, **few)
    assert twenty.trials_resumed == ten.trials_trained == 10 + 30
    assert twenty.cells[0].trials[:10] == ten.cells[0].trials


FAULTS = {
    "scores__accuracy": (7.5, "Expected `float` <= 1.0"),
    "rate": ("fast", "Expected `float`, got `str`"),
    "seed": (99, "its seed 99 is not that of its block"),
    "dead": ([], "does not fit its settings"),
    "test_rows": ("AAAAAAAAAAA=", "it has 2 test rows, not 24"),
    "validation_loss": (None, "Expected `array`, got `null`"),
    "tuning": ([], "learning rates are not those"),
}


@pytest.mark.parametrize("field", FAULTS)
def test_a_line_that_does_not_fit_its_schema_is_skipped_and_named(table, finished, tmp_path, field):
    first, path = finished
    value, reason = FAULTS[field]
    number = line_of(path, "tanh")
    copy = changed(path, tmp_path, number, **{field: value})
    result = study(table, copy)
    (note,) = [note for note in result.notes if "damaged" in note]
    assert f"line {number} is damaged and was skipped" in note
    assert reason in note
    assert (result.trials_trained, result.trials_resumed) == (1, TRIALS - 1)
    assert conclusions(result) == conclusions(first)


FREE = {
    "gradient_ratio", "predicted_gradient_ratio", "slopes", "scores.r2",
    "tuning.rate", "tuning.seed",  # which must be those of the study's settings
}  # fmt: skip
"""What may have any sign; no other number of a record is below 0."""
MORE = {"rate": (0, -0.1), "dead": (1.5,), "saturated": (1.5,), "scores.accuracy": (1.01,)}


def numbers(value, name=""):
    """Of a record: each number's name, and a function that puts another in its place."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        path = f"{name}.{key}".lstrip(".") if isinstance(value, dict) else name
        if isinstance(each, (dict, list)):
            yield from numbers(each, path)
        elif isinstance(each, (int, float)):
            yield path, lambda other, key=key: value.__setitem__(key, other)


def test_no_number_of_a_record_is_outside_its_range(finished):
    lines = [json.loads(line) for line in finished[1].read_bytes().splitlines()[1:]]
    network = next(line["trial"] for line in lines if "trial" in line)
    model = next(line["model"] for line in lines if "trial" not in line)
    network["slopes"] = [[0.25]]
    refused = set()
    for record, kind in ((network, Trial), (model, ModelTrial)):
        whole = json.dumps(record)
        msgspec.json.decode(whole, type=kind)
        names = [name for name, _ in numbers(record)]
        for at, name in enumerate(names):
            for wrong in MORE.get(name, (-1,)):
                hurt = json.loads(whole)
                list(numbers(hurt))[at][1](wrong)
                try:
                    msgspec.json.decode(json.dumps(hurt), type=kind)
                except msgspec.ValidationError:
                    refused.add((name, wrong))
                else:
                    assert name in FREE, (name, wrong)
    assert {(name, wrong) for name, many in MORE.items() for wrong in many} <= refused


def test_scores_that_are_not_those_of_their_rows_are_skipped(table, finished, tmp_path):
    _, path = finished
    copy = changed(path, tmp_path, line_of(path, "relu"), scores__accuracy=0.123)
    note = study(table, copy).notes[0]
    assert "its accuracy is not that of its test rows" in note


@pytest.mark.parametrize("junk", [b"\x00\xff\xfe\n", b"[1, 2]\n", b'{"key": "a"}\n', b"{}\n\n\n"])
def test_other_lines_are_skipped(table, finished, tmp_path, junk):
    _, path = finished
    copy = tmp_path / "r.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    copy.write_bytes(b"".join([*lines[:4], junk, *lines[4:]]))
    result = study(table, copy)
    assert result.trials_trained == 0
    assert any("line 5 is damaged" in note for note in result.notes)


def test_line_ends_of_another_system_are_no_damage(table, finished, tmp_path):
    first, path = finished
    copy = tmp_path / "r.jsonl"
    copy.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    result = study(table, copy)
    assert (result.trials_trained, result.notes) == (0, first.notes)


def test_equal_lines_of_two_studies_are_harmless(table, finished, tmp_path):
    first, path = finished
    copy = tmp_path / "r.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    copy.write_bytes(b"".join(lines + lines[1:]))
    result = study(table, copy)
    assert (result.trials_trained, result.notes) == (0, first.notes)
    assert conclusions(result) == conclusions(first)


def test_two_studies_at_once_write_whole_lines(table, finished, tmp_path):
    first, _ = finished
    path = tmp_path / "r.jsonl"
    planned = plan(table, splits=5, **TINY)
    with_same = [Journal(path, {"same": 1}) for _ in range(2)]
    for cell in first.cells:
        for trial in cell.trials:
            for journal in with_same:
                journal.add({"of": [trial.activation, trial.depth, trial.split]}, trial)
    for journal in with_same:
        journal.close()
    again = Journal(path, {"same": 1})
    assert again.notes == []
    assert len(again._trials) == 30
    again.close()
    assert planned.results.name.startswith("frame-")


def test_a_deleted_file_is_written_anew(table, finished, tmp_path):
    first, _ = finished
    path = tmp_path / "r.jsonl"
    journal = Journal(path, {"a": 1})
    trials = first.cells[0].trials
    journal.add({"n": 0}, trials[0])
    path.unlink()
    journal.add({"n": 1}, trials[1])
    assert "was deleted while the study ran; it was written again" in journal.notes[0]
    journal.close()
    again = Journal(path, {"a": 1})
    assert [again.find({"n": n}) for n in (0, 1)] == list(trials[:2])
    again.close()


def test_a_replaced_file_is_gone_on_with_or_left_alone(finished, tmp_path):
    trials = finished[0].cells[0].trials
    path = tmp_path / "r.jsonl"
    journal = Journal(path, {"a": 1})
    journal.add({"n": 0}, trials[0])
    copy = path.read_bytes()
    path.unlink()
    path.write_bytes(copy)
    journal.add({"n": 1}, trials[1])
    assert len(path.read_bytes().splitlines()) == 3
    path.unlink()
    path.write_bytes(b'{"format": "ogive study results 2", "study": {"a": 2}}\n')
    with pytest.raises(StudyError, match="belongs to another study"):
        journal.add({"n": 2}, trials[2])
    assert len(path.read_bytes().splitlines()) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_one_line_that_names_the_file(finished, tmp_path, monkeypatch, number):
    trials = finished[0].cells[0].trials
    path = tmp_path / "r.jsonl"
    journal = Journal(path, {"a": 1})
    journal.add({"n": 0}, trials[0])
    real = os.write

    def full(file, data):
        real(file, data[:100])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StudyError, match=f"results file {path}: (no space|file too large)"):
        journal.add({"n": 1}, trials[1])
    monkeypatch.undo()
    journal.close()
    again = Journal(path, {"a": 1})
    assert again.find({"n": 0}) == trials[0]
    assert again.find({"n": 1}) is None
    assert "line 3 is damaged" in again.notes[0]
    again.add({"n": 1}, trials[1])
    again.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "is not a results file"),
        (b'{"format": "something else"}\n', "is not a results file"),
        (b'{"format": "ogive study results 1", "study": {}}\n', "belongs to another study"),
        (b'{"format": "ogive study results 2", "study": []}\n', "its header is damaged"),
    ],
)
def test_somebody_elses_file_is_left_alone(table, tmp_path, content, message):
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        study(table, path)
    assert path.read_bytes() == content


def test_another_studys_results_are_refused_and_the_difference_named(table, finished):
    _, path = finished
    before = path.read_bytes()
    with pytest.raises(StudyError, match=r"belongs to another study .*data hash .*here"):
        study(made_table(seed=5), path)
    with pytest.raises(StudyError, match="steps "):
        study(table, path, epochs=3)
    with pytest.raises(StudyError, match="seed 0, here 1"):
        study(table, path, seed=1)
    assert path.read_bytes() == before


def test_a_renamed_file_of_data_is_the_same_study(table, finished):
    _, path = finished
    renamed = study(dataclasses.replace(table, name="other.csv"), path)
    assert renamed.trials_trained == 0
    assert renamed.data.name == "other.csv"


def test_a_results_file_that_cannot_be_opened_is_one_clear_line(table, tmp_path):
    with pytest.raises(StudyError, match="is not a file"):
        study(table, tmp_path)
    (tmp_path / "plain").write_text("x")
    with pytest.raises(StudyError, match=r"not a directory|file exists"):
        study(table, tmp_path / "plain" / "r.jsonl")


def test_each_trial_is_on_disk_before_the_next_is_trained(table, tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), real(fd)))
    result = study(table, tmp_path / "r.jsonl")
    assert len(synced) == result.trials_trained


def test_different_studies_have_pages_of_their_own(table):
    plans = [plan(table, splits=5, **{**TINY, **more}) for more in (
        {}, {"activations": ("relu",)}, {"depths": (1,)}, {"seed": 1}, {"rope": 2.0},
    )]  # fmt: skip
    assert len({each.page(each.results) for each in plans}) == len(plans)
    assert plans[0].results == plans[1].results != plans[3].results


def test_cells_hold_what_their_trials_say(finished):
    result, _ = finished
    assert len(result.cells) == 3 * 2
    for cell in result.cells:
        accuracy = [trial.scores.accuracy for trial in cell.trials]
        assert cell.score == pytest.approx(np.mean(accuracy)) == cell.scores.accuracy
        assert cell.interval.low <= cell.score <= cell.interval.high
        assert [trial.split for trial in cell.trials] == list(range(5))
        assert (cell.against is None) == (cell.activation == "relu")
        assert cell.rates == tuple(trial.rate for trial in cell.trials)
        if cell.against:
            base = result.cell("relu", cell.depth)
            d = np.subtract(accuracy, [trial.scores.accuracy for trial in base.trials])
            assert cell.against.difference == pytest.approx(d.mean())
            assert cell.against.blocks == 5
    scores = [cell.score for cell in result.at(1)]
    assert scores == sorted(scores, reverse=True)


def test_every_field_of_a_cell_is_what_it_says_of_its_trials(finished):
    result, _ = finished
    constant = result.model("constant").trials
    for cell in result.cells:
        trials = cell.trials
        for name in ("dead", "saturated"):
            ends = [layer[-1] for trial in trials for layer in getattr(trial, name)]
            assert getattr(cell, name) == pytest.approx(np.mean(ends))
        for metric in METRICS["classification"]:
            mean = np.mean([trial.scores.of(metric) for trial in trials])
            assert cell.scores.of(metric) == pytest.approx(mean)
        ratios = [trial.gradient_ratio for trial in trials]
        assert cell.gradient_ratio == pytest.approx(np.mean(ratios))
        half = stats.t.isf(0.025, 4) * np.std(ratios, ddof=1) / np.sqrt(5)
        within = cell.gradient_ratio_interval
        assert (within.low, within.high) == pytest.approx(
            (np.mean(ratios) - half, np.mean(ratios) + half)
        )
        assert cell.predicted_gradient_ratio == trials[0].predicted_gradient_ratio
        seconds = [trial.seconds_per_step for trial in trials]
        assert cell.seconds_per_step == pytest.approx(np.median(seconds))
        assert cell.diverged == sum(trial.diverged_at is not None for trial in trials)
        counts = {rate: cell.rates.count(rate) for rate in cell.rates}
        most = [rate for rate, count in counts.items() if count == max(counts.values())]
        assert cell.rate == min(most)
        # Against the constant prediction balanced accuracy counts, which rare classes cannot bend.
        over = [one.scores.balanced_accuracy - other.scores.balanced_accuracy
                for one, other in zip(trials, constant, strict=True)]  # fmt: skip
        assert (cell.trains.one, cell.trains.other) == (cell.activation, "constant")
        assert cell.trains.metric == "balanced_accuracy"
        assert cell.trains.difference == pytest.approx(np.mean(over))
        better = cell.trains.significant and cell.trains.difference > 0
        fails = cell.trains.interval.high < result.settings.rope
        assert cell.state == ("trains" if better else "fails" if fails else "not shown")
    for model in result.models:
        accuracy = [trial.scores.accuracy for trial in model.trials]
        assert model.score == pytest.approx(np.mean(accuracy))
        assert model.interval.low <= model.score <= model.interval.high
        assert model.seconds == pytest.approx(np.median([t.seconds for t in model.trials]))
        for each in model.against:
            base = [t.scores.accuracy for t in result.cell("relu", each.depth).trials]
            assert (each.one, each.other) == (model.model, "relu")
            assert each.difference == pytest.approx(np.mean(np.subtract(accuracy, base)))
        assert [each.depth for each in model.against] == ([] if model.model == "constant"
                                                          else [1, 2])  # fmt: skip


def test_a_cell_has_the_commonest_rate_and_the_middle_time_of_its_trials(table, finished):
    result, _ = finished
    planned = plan(table, splits=5, **TINY)
    rates, times = (0.3, 0.3, 0.1, 0.1, 0.03), (9.0, 1.0, 2.0, 50.0, 3.0)
    trials = {
        (cell.activation, cell.depth): [
            dataclasses.replace(trial, rate=rate, seconds_per_step=time)
            for trial, rate, time in zip(cell.trials, rates, times, strict=True)
        ]
        for cell in result.cells
    }
    models = {model.model: model.trials for model in result.models}
    tested = SharedRows.of(planned.made, table)
    cells, _, _ = conclude(trials, models, tested, planned.settings)
    # Of rates as common the smaller, which is the safer.
    assert {(cell.rate, cell.rates, cell.seconds_per_step) for cell in cells} == {(0.1, rates, 3.0)}


def test_the_data_are_described_as_they_are(table, finished):
    data = finished[0].data
    assert (data.rows, data.columns) == table.numbers.shape
    assert (data.name, data.target, data.task) == (table.name, table.target, "classification")
    assert data.class_counts == tuple(int((table.y == c).sum()) for c in range(3))
    assert data.majority == pytest.approx(max(data.class_counts) / table.rows)
    assert (data.splits.train, data.splits.validation, data.splits.test) == (72, 24, 24)
    amounts = made_table(task="regression")
    told = plan(amounts, splits=5).data
    assert told.target_spread == pytest.approx((np.mean(amounts.y), np.std(amounts.y)))
    assert (told.classes, told.class_counts, told.majority) == ((), (), 0.0)


def test_every_sentence_rests_on_one_family_of_comparisons(finished):
    result, _ = finished
    known = {(c.one, c.other, c.depth) for c in result.comparisons}
    names = ("relu", "tanh", "sigmoid")
    wanted = {(name, "constant", depth) for name in names for depth in (1, 2)}
    wanted |= {(name, "relu", depth) for name in names[1:] for depth in (1, 2)}
    wanted |= {(model, "relu", depth) for model in ("linear", "boosting") for depth in (1, 2)}
    wanted |= {("tanh", "sigmoid", depth) for depth in (1, 2)}
    assert known == wanted
    assert len(result.comparisons) == len(known)
    for each in result.comparisons:
        assert each.significant == (each.p_adjusted < 0.05)
        assert each.significant == (not each.interval.low <= 0 <= each.interval.high)
        assert each.p_adjusted >= each.p
        assert each.better + each.equivalent + each.worse == pytest.approx(1)
        assert 0 <= each.overlap <= 0.25 + 1e-9  # a fifth of the rows is tested


def test_a_result_survives_json_and_makes_a_table(finished):
    result, _ = finished
    assert StudyResult.from_json(result.to_json()) == result
    frame = result.to_frame()
    assert list(frame["name"][:3]) == [cell.activation for cell in result.at(1)]
    assert frame["score"].tolist()[:6] == [cell.score for cell in result.cells]
    assert str(result) == result.answer.sentence
    with pytest.raises(ValueError, match="score"):
        StudyResult.from_json(result.to_json().replace('"score":', '"scorn":', 1))


RUN = """
import sys
from study_cases import made_table
from ogive.study.api import execute, plan
if __name__ == "__main__":
    planned = plan(made_table(300), depths=(2, 4), activations=("relu", "tanh", "elu"), epochs=15)
    from pathlib import Path
    execute(planned, jobs=int(sys.argv[1]), results=Path("r.jsonl"))
"""


def within(seconds, happened):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def started(command, **options):
    """A process of a group of its own, of which nothing is left whatever a test finds."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def running_in(group):
    """Whether a process group still has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_study_killed_midway_goes_on_where_it_stopped(tmp_path):
    (tmp_path / "run.py").write_text(RUN)
    command = [sys.executable, "run.py", "2"]
    path = tmp_path / "r.jsonl"
    here = os.path.dirname(__file__)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path,
             "env": {**os.environ, "PYTHONPATH": here}}  # fmt: skip
    with started(command, **quiet) as process:
        assert within(180, lambda: path.exists() and path.read_bytes().count(b"\n") > 9)
        process.kill()
        process.wait()
        before = path.read_bytes().split(b"\n")[:-1]
        assert within(30, lambda: not running_in(process.pid)), "a worker outlived its study"
    subprocess.run(command, check=True, **quiet)
    after = path.read_bytes().split(b"\n")
    assert after[: len(before)] == before
    assert len(before) < len(after)
    trained = [json.loads(line)["key"] for line in after[1:] if line.endswith(b"}}")]
    assert len(trained) == len(set(trained)) == 3 * 2 * 10 + 3 * 10


@pytest.mark.parametrize(
    ("number", "jobs"),
    [(signal.SIGINT, "1"), (signal.SIGINT, "2"), (signal.SIGTERM, "2"), (signal.SIGHUP, "1")],
)
def test_a_stopped_study_says_how_to_go_on(tmp_path, number, jobs):
    path = tmp_path / "r.jsonl"
    command = [sys.executable, "-m", "ogive", "study", "iris", "--jobs", jobs, "--epochs", "400",
               "--results", str(path), "--report", str(tmp_path / "r.html")]  # fmt: skip
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with started(command, cwd=tmp_path, **pipes) as process:
        assert within(180, lambda: path.exists() and path.read_bytes().count(b"\n") > 3)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        said = err.strip().splitlines()
        assert said[-1].startswith(f"Stopped. Finished trials are in {path}; to go on: ")
        assert "--epochs 400" in said[-1]
        assert "Traceback" not in err
        assert "leaked" not in err
        assert within(30, lambda: not running_in(process.pid)), "a worker outlived its study"
    assert not (tmp_path / "r.html").exists()
    # What was done to the data is said before training starts.
    assert out.startswith("iris: 150 rows, 4 features")
