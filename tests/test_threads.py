"""Threads: after fork, from several Python threads, under Ctrl-C, and how many there are."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import threadpoolctl

import ogive
from cases import assert_same_bits, check_python
from ogive import _native

X = np.random.default_rng(0).normal(0, 3, 500_000).astype(np.float32)
LOGITS = X.reshape(-1, 100)
LABELS = np.arange(len(LOGITS)) % 100

can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
# Python warns about any fork of a process with threads; that it works is what is tested.
# So does JAX, if a test has imported it before.
forking = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning",
    r"ignore:os.fork\(\) was called:RuntimeWarning",
)


def work() -> list[Any]:
    return [
        ogive.gelu(X),
        ogive.backward.tanh(X, X),
        ogive.softmax(LOGITS),
        *ogive.value_and_grad.cross_entropy(LOGITS, LABELS, reduction="none"),
    ]


def assert_right(results: list[Any], expected: list[Any]) -> None:
    for got, right in zip(results, expected, strict=True):
        assert_same_bits(got, right)


@pytest.fixture(scope="module")
def serial() -> list[Any]:
    before = ogive.get_num_threads()
    ogive.set_num_threads(1)
    results = work()
    ogive.set_num_threads(before)
    return results


def in_child(task: Callable[[], None]) -> int:
    """Runs the task in a forked child, which SIGALRM ends if it hangs. Returns its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            task()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@can_fork
@forking
def test_a_forked_child_computes_and_so_does_its_parent(serial: Any) -> None:
    ogive.set_num_threads(3)
    assert_right(work(), serial)

    def child() -> None:
        for threads in (3, 1, 2):
            ogive.set_num_threads(threads)
            assert_right(work(), serial)
        assert in_child(lambda: assert_right(work(), serial)) == 0

    assert in_child(child) == 0
    assert_right(work(), serial)


@can_fork
@forking
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_a_forked_child_has_helpers_of_its_own(serial: Any) -> None:
    ogive.set_num_threads(3)
    work()

    def child() -> None:
        assert len(os.listdir("/proc/self/task")) == 1
        assert_right(work(), serial)
        assert len(os.listdir("/proc/self/task")) == 3

    assert in_child(child) == 0


@can_fork
@forking
def test_fork_while_another_thread_is_inside_a_call(serial: Any) -> None:
    ogive.set_num_threads(2)
    stop = threading.Event()

    def keep_busy() -> None:
        out = np.empty_like(X)
        while not stop.is_set():
            ogive.gelu(X, out=out)

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        for _ in range(20):
            # The child compares bits by memcmp alone: NumPy's own locks may be held in it.
            assert in_child(lambda: assert_right([ogive.gelu(X)], serial[:1])) == 0
    finally:
        stop.set()
        busy.join()


def test_several_python_threads_at_once_get_the_right_bits(serial: Any) -> None:
    for threads in (2, 3):
        ogive.set_num_threads(threads)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for future in [pool.submit(work) for _ in range(12)]:
                assert_right(future.result(timeout=30), serial)


def test_the_number_of_threads_may_change_during_calls(serial: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(work) for _ in range(8)]
        for n in range(200):
            ogive.set_num_threads(n % 5 + 1)
        for future in futures:
            assert_right(future.result(timeout=30), serial)


def test_ctrl_c_during_a_long_call_arrives_after_it_and_leaves_the_library_usable(
    serial: Any,
) -> None:
    ogive.set_num_threads(2)
    long = np.resize(X, 20_000_000)
    out = np.empty_like(long)
    started = time.perf_counter()
    ogive.gelu(long, out=out)
    one_call = time.perf_counter() - started
    timer = threading.Timer(one_call / 4, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.perf_counter()

    def many_calls() -> None:
        for _ in range(100):
            ogive.gelu(long, out=out)

    with pytest.raises(KeyboardInterrupt):
        many_calls()
    assert time.perf_counter() - started < 20 * one_call + 1
    timer.join()
    assert_right(work(), serial)


def test_the_number_of_threads_is_checked() -> None:
    for n in (1, 2, 3, 256):
        ogive.set_num_threads(n)
        assert ogive.get_num_threads() == n
    for bad in (0, -1, 257, 10**6):
        with pytest.raises(ValueError, match=f"between 1 and 256, not {bad}"):
            ogive.set_num_threads(bad)
    for bad in (1.5, "2", None):
        with pytest.raises(TypeError):
            ogive.set_num_threads(bad)  # type: ignore[arg-type]
    with pytest.raises((ValueError, OverflowError)):
        ogive.set_num_threads(10**30)
    assert ogive.get_num_threads() == 256


PROCESSORS = joblib.cpu_count()  # by affinity and quota too


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({"OGIVE_NUM_THREADS": "3"}, 3),
        ({"OGIVE_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "5,2"}, 5),
        ({"OGIVE_NUM_THREADS": "0", "OMP_NUM_THREADS": "5"}, 5),
        ({"OGIVE_NUM_THREADS": "many", "OMP_NUM_THREADS": ""}, PROCESSORS),
        ({"OGIVE_NUM_THREADS": "100000"}, 256),
    ],
)
def test_the_environment_sets_the_number_of_threads(environment: Any, threads: int) -> None:
    environment = {"OMP_NUM_THREADS": ""} | environment
    code = "import ogive; print(ogive.get_num_threads())"
    assert int(check_python(code, **environment)) == threads


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no processor affinity here")
@pytest.mark.parametrize(
    ("environment", "threads"),
    [({}, 1), ({"OGIVE_NUM_THREADS": "3"}, 3), ({"OMP_NUM_THREADS": "4"}, 4)],
)
def test_the_processors_that_the_process_may_use_count(environment: Any, threads: int) -> None:
    """As taskset, Slurm and containers set them; nobody else's thread says how many there are."""
    code = (
        "import os, threading, ogive\n"
        "allowed = sorted(os.sched_getaffinity(0))\n"
        "os.sched_setaffinity(0, allowed[:1])\n"
        "print(ogive.get_num_threads())"
    )
    assert int(check_python(code, **{"OMP_NUM_THREADS": ""} | environment)) == threads
    code = (
        "import os, threading, ogive\n"
        "def pinned():\n"
        "    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n"
        "    print(ogive.get_num_threads())\n"
        "worker = threading.Thread(target=pinned); worker.start(); worker.join()"
    )
    threads = threads if environment else PROCESSORS
    assert int(check_python(code, **{"OMP_NUM_THREADS": ""} | environment)) == threads


def a_group_of_this_process() -> Path | None:
    """Where a control group of processors' time can be made beneath this process's own."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "" or "cpu" in controllers.split(","):
            parent = Path("/sys/fs/cgroup", "cpu" if controllers else "", group.lstrip("/"))
            file = "cpu.cfs_quota_us" if controllers else "cpu.max"
            made = parent / f"ogive-test-{os.getpid()}"
            try:
                made.mkdir()
            except OSError:
                continue
            if (made / file).exists():
                return made
            made.rmdir()
    return None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="control groups are Linux's")
def test_a_quota_of_processors_time_counts() -> None:
    """As containers set it: `docker run --cpus=0.5`."""
    made = a_group_of_this_process()
    if made is None:
        pytest.skip("this user may make no control group")
    inner = made / "inner"  # the quota of a group around it holds too
    try:
        inner.mkdir()
        if (made / "cpu.max").exists():
            (made / "cpu.max").write_text("50000 100000")
        else:
            (made / "cpu.cfs_quota_us").write_text("50000")
        code = (
            "import os; from pathlib import Path\n"
            f"Path({str(inner / 'cgroup.procs')!r}).write_text(str(os.getpid()))\n"
            "import ogive; print(ogive.get_num_threads())"
        )
        assert int(check_python(code, OMP_NUM_THREADS="")) == 1
        assert int(check_python(code, OMP_NUM_THREADS="", OGIVE_NUM_THREADS="3")) == 3
    finally:
        for each in (inner, made):
            if each.exists():
                each.rmdir()


class Controller(threadpoolctl.LibController):  # type: ignore[misc]
    """What a user of threadpoolctl registers to limit Ogive."""

    user_api = "ogive"
    internal_api = "ogive"
    filename_prefixes = ("_native",)
    check_symbols = ("ogive_get_num_threads", "ogive_set_num_threads")

    def get_num_threads(self) -> int:
        return int(self.dynlib.ogive_get_num_threads())

    def set_num_threads(self, num_threads: int) -> None:
        self.dynlib.ogive_set_num_threads(num_threads)

    def get_version(self) -> str:
        return ogive.__version__


def test_threadpoolctl_can_limit_the_threads() -> None:
    threadpoolctl.register(Controller)
    ogive.set_num_threads(3)
    (found,) = threadpoolctl.ThreadpoolController().select(internal_api="ogive").info()
    assert found["num_threads"] == 3
    assert os.path.samefile(found["filepath"], _native.__file__)
    with threadpoolctl.threadpool_limits(1, user_api="ogive"):
        assert ogive.get_num_threads() == 1
    assert ogive.get_num_threads() == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_small_work_starts_no_thread_and_large_work_starts_the_rest() -> None:
    code = (
        "import os, numpy as np, ogive\n"
        "count = lambda: len(os.listdir('/proc/self/task'))\n"
        "ogive.set_num_threads(3); before = count()\n"
        "ogive.gelu(np.ones(1000)); small = count() - before\n"
        "for _ in range(3): ogive.gelu(np.ones(1_000_000))\n"
        "print(small, count() - before)"
    )
    assert check_python(code).split() == ["0", "2"]
