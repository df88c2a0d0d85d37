"""The grid beyond this process: loky, Dask with workers of their own, Ray."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from contextlib import suppress

import pytest

from ogive.study import StudyError, run
from ogive.study.api import execute, plan
from ogive.study.forecast import Forecast
from ogive.study.training import Job
from ogive.study.workers import ModelJob, Workers
from study_cases import TINY, made_table, trials_of

LONGER = {**TINY, "depths": (2, 4), "epochs": 40, "width": 32}

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="needs distributed"
)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own."""
    processes = []

    def start(*command):
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
            start_new_session=True,
        )  # fmt: skip
        processes.append(process)
        return process

    file = tmp_path / "scheduler.json"
    start("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    deadline = time.monotonic() + 120
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    address = json.loads(file.read_text())["address"]
    for _ in range(2):
        start("dask_worker", address, "--no-nanny", "--no-dashboard", "--nthreads", "1")
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=180)
    yield address, processes
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@needs_dask
def test_a_dask_cluster_gives_the_same_trials_and_lives_on(cluster):
    address, processes = cluster
    table = made_table()
    planned = plan(table, splits=5, **TINY)
    there = execute(planned, backend="dask", scheduler=address)
    assert trials_of(there) == trials_of(execute(planned, jobs=1))
    assert there.workers.startswith("dask, 2 workers, started in ")
    # The workers are the cluster's: another study finds them alive.
    assert all(process.poll() is None for process in processes)
    assert execute(planned, backend="dask", scheduler=address).trials_trained == 45


@needs_dask
def test_a_dask_worker_killed_midway_loses_nothing(cluster, tmp_path):
    address, processes = cluster
    table = made_table(300)
    planned = plan(table, splits=5, **LONGER)
    killed = []

    def kill(progress):
        if progress.doing == "training" and not killed:
            os.killpg(processes[1].pid, signal.SIGKILL)
            killed.append(progress)

    found = execute(planned, backend="dask", scheduler=address, progress=kill)
    assert killed
    assert processes[1].wait() == -signal.SIGKILL
    assert trials_of(found) == trials_of(execute(planned, jobs=1))


def test_a_worker_of_this_machine_killed_midway_loses_nothing():
    import psutil

    planned = plan(made_table(300), splits=5, **LONGER)
    killed = []

    def kill(progress):
        if progress.doing == "training" and not killed:
            mine = [
                child for child in psutil.Process().children()
                if "popen_loky" in " ".join(child.cmdline())
            ]  # fmt: skip
            killed.append(mine[0])
            mine[0].kill()

    found = execute(planned, jobs=2, progress=kill)
    assert killed
    assert "a worker was killed; its jobs were run again" in found.notes
    assert trials_of(found) == trials_of(execute(planned, jobs=1))


def test_jobs_whose_future_is_cancelled_are_run_again(monkeypatch):
    """As dask does it now and then, where a worker dies while its scheduler rearranges the work."""
    planned, parallel, cancelled = plan(made_table(), splits=5, **TINY), Workers._parallel, []

    def _parallel(self, arrays, settings, jobs):
        if cancelled:
            yield from parallel(self, arrays, settings, jobs)
        else:
            cancelled.append(len(jobs))
            yield from parallel(self, arrays, settings, dict(list(jobs.items())[:2]))
            raise CancelledError

    monkeypatch.setattr(Workers, "_parallel", _parallel)
    found = execute(planned, jobs=2)
    assert cancelled
    assert "a worker was killed; its jobs were run again" in found.notes
    assert trials_of(found) == trials_of(execute(planned, jobs=1))


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")
def test_a_ray_cluster_gives_the_same_trials():
    # In a process of its own: ray leaves threads and warnings behind.
    script = """
import ray, sys
from ogive.study.api import execute, plan
from study_cases import TINY, made_table, trials_of
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
planned = plan(made_table(), splits=5, **TINY)
there = execute(planned, backend="ray")
assert trials_of(there) == trials_of(execute(planned, jobs=1))
assert there.workers.startswith("ray, 2 workers, started in "), there.workers
print("same")
"""
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": here, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
    )  # fmt: skip
    assert "same" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"backend": "spark"}, "backend 'spark' is not known here"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "a scheduler needs a backend"),
        ({"jobs": -1}, "jobs must not be negative"),
    ],
)
def test_workers_that_make_no_sense_are_refused(asked, message):
    with pytest.raises(StudyError, match=message):
        run(made_table(), **asked)


@needs_dask
def test_a_scheduler_that_does_not_answer_is_one_line():
    with pytest.raises(StudyError, match="--backend dask needs --scheduler ADDRESS"):
        Workers("dask", 1, None)
    with pytest.raises(StudyError, match=r"--scheduler nonsense: no Dask scheduler answers there"):
        Workers("dask", 1, "nonsense")


def test_the_start_of_processes_is_told():
    planned = plan(made_table(), splits=5, **TINY)
    assert execute(planned, jobs=2).workers.startswith("2 processes, started in ")
    assert execute(planned, jobs=1).workers == "this process"


def test_time_left_follows_what_jobs_of_their_kind_took(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("ogive.study.forecast.time.monotonic", lambda: clock[0])
    jobs = [Job(activation="relu", depth=depth, splits=(0,)) for depth in (2, 20) for _ in range(6)]
    jobs.append(ModelJob("boosting", (0,)))
    took = {2: 3.0, 20: 8.0}  # guessed as 1 and 5
    forecast = Forecast(jobs, [1.0] * 6 + [5.0] * 6 + [2.0])
    assert forecast.left(1) is None
    forecast.end(12, 2.0)  # boosting, which tells nothing of networks
    assert forecast.left(1) is None
    for number in (0, 6):
        forecast.end(number, took[jobs[number].depth])
    # Five of each kind are open; the one that runs is half done.
    rest = 5 * 3.0 + 5 * 8.0
    left = forecast.left(1)
    assert left == pytest.approx(rest + 2 * 11 / 6, rel=0.1)
    assert forecast.left(2) == pytest.approx(left / 2, rel=0.15)
    clock[0] = 5.0
    assert forecast.left(1) == pytest.approx(left - 5)
    assert forecast.share == pytest.approx(8 / 38)


def test_time_left_follows_a_machine_that_gets_busier():
    jobs = [Job(activation="relu", depth=2, splits=(0,)) for _ in range(40)]
    forecast = Forecast(jobs, [1.0] * 40)
    for number in range(20):
        forecast.end(number, 1.0 if number < 10 else 2.0)
    left = forecast.left(1)
    assert left == pytest.approx(2.0 * 20, rel=0.25)
