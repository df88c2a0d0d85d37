"""Finished trials survive anything; what a study concludes follows from them alone."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import stats

from ogive.study import run
from ogive.study.data import load, split
from ogive.study.errors import StudyError
from ogive.study.journal import Journal
from ogive.study.settings import settings
from ogive.study.statistics import bootstrap, effects, letters, mean_interval, significance

TINY = {"activations": ["relu", "tanh", "sigmoid"], "depths": [1, 2], "seeds": 2, "epochs": 2}


@pytest.fixture(scope="module")
def iris():
    return split(load("iris"))


def study(iris, path, jobs=1, **changed):
    parts, description = iris
    chosen = settings(len(parts.train_x), **{**TINY, **changed})
    journal = Journal(path, run.identity(description, chosen))
    try:
        return run.run(parts, description, chosen, journal, jobs=jobs, command="test")
    finally:
        journal.close()


def conclusions(result):
    """All but what clocks say."""
    text = json.dumps(dataclasses.asdict(dataclasses.replace(result, verdicts=())))
    plain = json.loads(text)
    for name in ("started", "seconds", "results_file", "trials_trained", "trials_resumed", "notes"):
        del plain[name]
    for cell in plain["cells"]:
        del cell["seconds_per_step"]
        for trial in cell["trials"]:
            del trial["seconds_per_step"]
    return plain


def keys(path):
    return [json.loads(line)["key"] for line in path.read_bytes().splitlines()[1:]]


@pytest.fixture(scope="module")
def finished(iris, tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "r.jsonl"
    return study(iris, path), path


def test_a_finished_study_trains_nothing_again_and_says_the_same(iris, finished):
    first, path = finished
    before = path.read_bytes()
    again = study(iris, path)
    assert first.trials_trained == len(keys(path)) > 0
    assert (again.trials_trained, again.trials_resumed) == (0, first.trials_trained)
    assert path.read_bytes() == before
    assert conclusions(again) == conclusions(first)


def test_processes_change_nothing(iris, finished, tmp_path):
    assert conclusions(study(iris, tmp_path / "r.jsonl", jobs=2)) == conclusions(finished[0])


def test_an_interrupted_study_repeats_no_finished_trial(iris, finished, tmp_path):
    first, path = finished
    cut = tmp_path / "r.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:8]) + lines[8][:40])
    result = study(iris, cut)
    assert result.trials_resumed == 7
    assert result.trials_trained == first.trials_trained - 7
    assert any("line 9 is damaged" in note for note in result.notes)
    assert conclusions(result) == conclusions(first)
    assert study(iris, cut).trials_trained == 0


def test_a_study_grows_without_repeating_itself(iris, finished, tmp_path):
    first, path = finished
    copy = tmp_path / "r.jsonl"
    copy.write_bytes(path.read_bytes())
    grown = study(iris, copy, activations=[*TINY["activations"], "elu"])
    # At most the common rate of a depth may change, and with it that depth's `same` networks.
    assert grown.trials_resumed >= first.trials_trained - 2 * 3 * 2
    assert sum(c.activation == "elu" for c in grown.cells) == 4


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_study_killed_midway_goes_on_where_it_stopped(tmp_path, jobs):
    command = [sys.executable, "-m", "ogive", "study", "iris", "--activations", "relu,tanh,elu",
               "--depths", "2,4", "--seeds", "2", "--epochs", "30", "--jobs", jobs,
               "--results", "r.jsonl", "--report", "r.html"]  # fmt: skip
    path = tmp_path / "r.jsonl"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **quiet)
    assert within(120, lambda: path.exists() and path.read_bytes().count(b"\n") > 9)
    process.kill()
    process.wait()
    before = path.read_bytes().split(b"\n")[:-1]
    assert within(20, lambda: not running_in(process.pid)), "a worker outlived its study"
    subprocess.run(command, cwd=tmp_path, check=True, **quiet)
    after = path.read_bytes().split(b"\n")
    assert after[: len(before)] == before
    assert len(before) < len(after)
    trained = [json.loads(line)["key"] for line in after[1:] if line.endswith(b"}}")]
    assert len(trained) == len(set(trained)), "a finished trial was trained again"
    assert (tmp_path / "r.html").exists()


def within(seconds, happened):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.02)
    return False


def running_in(group):
    """Whether a process group still has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_says_how_to_go_on(tmp_path):
    path = tmp_path / "r.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "ogive", "study", "iris", "--jobs", "1", "--results", str(path),
         "--report", str(tmp_path / "r.html")],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (
        path.exists() and path.read_bytes().count(b"\n") > 3
    ):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("Stopped. Finished trials are in")
    assert "Traceback" not in err
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "is not a results file"),
        (b'{"format": "something else"}\n', "is not a results file"),
        (b'{"format": "ogive study results 0", "study": {}}\n', "belongs to another study"),
    ],
)
def test_somebody_elses_file_is_left_alone(iris, tmp_path, content, message):
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        study(iris, path)
    assert path.read_bytes() == content


def test_another_studys_results_are_refused_and_the_difference_named(iris, finished, tmp_path):
    _, path = finished
    before = path.read_bytes()
    with pytest.raises(StudyError, match=r"belongs to another study .*data iris, here wine"):
        study(split(load("wine")), path)
    with pytest.raises(StudyError, match="epochs 2, here 3"):
        study(iris, path, epochs=3)
    assert path.read_bytes() == before


def test_a_results_file_that_cannot_be_opened_is_one_clear_line(iris, tmp_path):
    with pytest.raises(StudyError, match="is not a file"):
        study(iris, tmp_path)
    (tmp_path / "plain").write_text("x")
    with pytest.raises(StudyError, match=r"Not a directory|File exists"):
        study(iris, tmp_path / "plain" / "r.jsonl")


def test_each_trial_is_on_disk_before_the_next_is_trained(iris, tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), real(fd)))
    result = study(iris, tmp_path / "r.jsonl")
    assert len(synced) == result.trials_trained


def test_cells_hold_what_their_trials_say(finished):
    result, _ = finished
    assert len(result.cells) == 3 * 2 * 2
    for cell in result.cells:
        accuracy = [t.test_accuracy for t in cell.trials]
        assert cell.mean == pytest.approx(np.mean(accuracy))
        assert cell.interval.low <= cell.mean <= cell.interval.high
        assert [t.seed for t in cell.trials] == [0, 1]
        assert {t.purpose for t in cell.trials} == {"final"}
        assert (cell.effect is None) == (cell.activation == "relu")
        if cell.recipe == "same":
            assert cell.rate == dict(result.same_rates)[cell.depth]
        else:
            best = max(s.accuracy for s in result.tuning
                       if (s.activation, s.depth) == (cell.activation, cell.depth))  # fmt: skip
            (own,) = [s.accuracy for s in result.tuning
                      if (s.activation, s.depth, s.rate)
                      == (cell.activation, cell.depth, cell.rate)]  # fmt: skip
            assert own == best


def test_mean_interval_is_students():
    values = [0.91, 0.93, 0.92, 0.96, 0.90]
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = mean_interval(values)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert mean_interval([0.9]).high == math.inf


def test_equal_activations_do_not_differ_and_better_ones_do():
    draw = np.random.default_rng(0)
    base = draw.random((5, 400)) < 0.9
    shuffled = draw.random((5, 400)) < 0.9
    better = base | (draw.random((5, 400)) < 0.5)
    found = effects({"relu": base, "same": base, "like": shuffled, "better": better}, "relu")
    assert set(found) == {"same", "like", "better"}
    assert not found["same"].significant
    assert not found["like"].significant
    assert found["better"].significant
    assert found["better"].interval.low > 0
    assert found["better"].difference == pytest.approx(better.mean() - base.mean())


def test_bootstrap_interval_covers_what_test_rows_alone_would_vary():
    draw = np.random.default_rng(1)
    ours, theirs = draw.random((1, 1500)) < 0.95, draw.random((1, 1500)) < 0.9
    difference, interval, _ = bootstrap(ours, theirs)
    error = np.std(ours[0].astype(float) - theirs[0]) / math.sqrt(1500)
    assert interval.high - difference == pytest.approx(1.96 * error, rel=0.15)


def test_bootstrap_is_false_alarm_free_at_its_level():
    draw = np.random.default_rng(2)
    alarms = 0
    for _ in range(200):
        ours, theirs = (draw.random((5, 200)) < 0.9 for _ in range(2))
        _, interval, _ = bootstrap(ours, theirs)
        alarms += not interval.low <= 0 <= interval.high
    assert alarms <= 20


def test_friedman_and_nemenyi_group_what_does_not_differ():
    # Demšar 2006, equation for CD: q(4, inf) = 2.569 at 5 %.
    steps = np.arange(12)[:, None] * 0.001
    accuracy = np.array([[0.95, 0.94, 0.6, 0.5]]) + steps
    accuracy[::2, [0, 1]] = accuracy[::2, [1, 0]]
    found = significance(accuracy, ["a", "b", "c", "d"], 2, "tuned")
    assert found.significant
    assert found.critical_difference == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 12)), rel=1e-3)
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*accuracy.T).statistic)
    assert found.groups == (("a", "b"), ("b", "c"), ("c", "d")) or found.groups[0] == ("a", "b")
    marks = letters(found.groups)
    assert set(marks["a"]) & set(marks["b"])
    assert not set(marks["a"]) & set(marks["d"])


def test_no_difference_is_said_so():
    same = np.full((5, 4), 0.9)
    found = significance(same, list("abcd"), 2, "same")
    assert (found.p, found.significant, found.critical_difference) == (1.0, False, None)
    assert found.groups == (tuple("abcd"),)
    assert found.sentence.startswith("No significant difference")
    assert significance(same[:, :2], list("ab"), 2, "same") is None
