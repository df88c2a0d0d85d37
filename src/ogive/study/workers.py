"""Runs jobs in this process, in processes of this machine (loky), or on a Dask or Ray cluster.

All of them run through joblib. A worker gets arrays and settings, and returns trials; it has no
state.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self, get_args

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

import ogive

from . import models
from .blocks import Arrays
from .errors import StudyError
from .result import ModelTrial, Settings, Trial
from .training import Job, train

Backend = Literal["loky", "dask", "ray"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

MOST_DEATHS = 3
"""How often workers may be killed before a study gives up."""


@dataclass(frozen=True)
class ModelJob:
    """One model to fit in some blocks."""

    model: str
    splits: tuple[int, ...]


@dataclass(frozen=True)
class Done:
    """The result of one job, as a worker returns it."""

    number: int
    """Number of the job."""
    trials: Sequence[Trial | ModelTrial]
    began: float
    """Seconds since the epoch, on the worker's clock."""
    seconds: float


class Workers:
    """Runs jobs, and returns results in the order in which they end.

    Parameters
    ----------
    backend : {"loky", "dask", "ray"}
        ``loky`` uses processes of this machine.
    jobs : int
        Number of processes; a cluster has its own number.
    scheduler : str, optional
        The cluster's address.

    Raises
    ------
    StudyError
        The cluster's package is missing, or no cluster answers at the address.
    """

    def __init__(self, backend: Backend, jobs: int, scheduler: str | None) -> None:
        self.backend, self.count, self.notes = backend, jobs, list[str]()
        self.asked = time.time()
        self.options: dict[str, Any] = {"backend": backend}
        self.starting: float | None = None
        """Seconds from requesting workers to the start of the first job."""
        if backend == "loky":
            self.options["inner_max_num_threads"] = 1
        elif backend == "dask":
            self._connect_dask(scheduler)
        else:
            self._connect_ray(scheduler)

    def __str__(self) -> str:
        plural = "es" if self.count > 1 else ""
        what = f"{self.count} process{plural}"
        if self.backend != "loky":
            what = f"{self.backend}, {self.count} workers"
        elif self.count == 1:
            return "this process"
        return what if self.starting is None else f"{what}, started in {self.starting:.1f} s"

    def run(
        self, arrays: Arrays, settings: Settings, jobs: Sequence[Job | ModelJob]
    ) -> Generator[Done, None, None]:
        """The results of all jobs."""
        if not jobs:
            return
        if self.backend == "loky" and (self.count == 1 or len(jobs) == 1):
            self.count = 1
            yield from (perform(number, arrays, settings, job) for number, job in enumerate(jobs))
            return
        open_ = dict(enumerate(jobs))
        deaths = 0
        while open_:
            try:
                for done in self._parallel(arrays, settings, open_):
                    if self.starting is None:
                        self.starting = max(0.0, done.began - self.asked)
                    del open_[done.number]
                    yield done
            except (TerminatedWorkerError, CancelledError):  # the latter from dask
                deaths += 1
                if deaths > MOST_DEATHS:
                    raise StudyError(
                        "workers keep being killed, perhaps by lack of memory; finished trials "
                        "are kept: try fewer --jobs"
                    ) from None
                self.notes.append("a worker was killed; its jobs were run again")

    def _parallel(
        self, arrays: Arrays, settings: Settings, jobs: dict[int, Job | ModelJob]
    ) -> Generator[Done, None, None]:
        options = dict(self.options)
        if self.backend == "dask":
            options["scatter"] = [arrays]
        parent = os.getpid() if self.backend == "loky" else None
        calls = [
            joblib.delayed(_perform_for)(parent, number, arrays, settings, job)
            for number, job in jobs.items()
        ]
        with joblib.parallel_config(**options):
            if self.backend == "ray":  # its pool returns lists only
                size = 4 * self.count
                for start in range(0, len(calls), size):
                    yield from joblib.Parallel(n_jobs=self.count, batch_size=1)(
                        calls[start : start + size]
                    )
                return
            pool = joblib.Parallel(
                n_jobs=min(self.count, len(calls)),
                return_as="generator_unordered",
                batch_size=1,
                pre_dispatch="2*n_jobs",
            )
            results = pool(calls)
        try:
            yield from results
        finally:
            results.close()

    def _connect_dask(self, scheduler: str | None) -> None:
        try:
            distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise StudyError('--backend dask needs: pip install "distributed"') from None
        if scheduler is None:
            raise StudyError("--backend dask needs --scheduler ADDRESS, such as tcp://host:8786")
        try:
            client = distributed.Client(scheduler, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise StudyError(f"--scheduler {scheduler}: no Dask scheduler answers there") from error
        self.options["client"] = client
        self.count = sum(client.ncores().values())
        if not self.count:
            client.close()
            raise StudyError(f"--scheduler {scheduler}: the scheduler has no workers")

    def _connect_ray(self, scheduler: str | None) -> None:
        try:
            ray: Any = importlib.import_module("ray")
            register_ray = importlib.import_module("ray.util.joblib").register_ray
        except ImportError:
            raise StudyError('--backend ray needs: pip install "ray"') from None
        if not ray.is_initialized():
            try:
                ray.init(address=scheduler, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, ValueError) as error:
                raise StudyError(
                    f"--scheduler {scheduler}: no Ray cluster answers there"
                ) from error
        register_ray()
        self.count = max(1, int(ray.cluster_resources().get("CPU", 1)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self.backend == "dask":
            self.options["client"].close()  # its workers keep running
        elif self.backend == "loky" and self.count > 1 and kind is not None:
            from joblib.externals.loky import get_reusable_executor

            # They may still be running a job.
            get_reusable_executor().shutdown(wait=True, kill_workers=True)


def perform(number: int, arrays: Arrays, settings: Settings, job: Job | ModelJob) -> Done:
    """Run one job in this process on one thread; the workers together fill the machine."""
    began, clock = time.time(), time.perf_counter()
    with _one_thread():
        trials: Sequence[Trial | ModelTrial]
        if isinstance(job, ModelJob):
            trials = [models.fit(arrays, job.model, split, settings) for split in job.splits]
        else:
            trials = train(arrays, job, settings)
    return Done(number, trials, began, time.perf_counter() - clock)


def _perform_for(
    parent: int | None, number: int, arrays: Arrays, settings: Settings, job: Job | ModelJob
) -> Done:
    if parent is not None:
        _end_with(parent)
    return perform(number, arrays, settings, job)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = ogive.get_num_threads()
    ogive.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        ogive.set_num_threads(threads)


@cache
def _end_with(parent: int) -> None:
    """End this worker when the study is killed; otherwise it would wait for work forever.

    This applies only to processes of this machine; a cluster manages its own.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
