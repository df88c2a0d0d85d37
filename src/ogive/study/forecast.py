"""How long a job takes: estimated from its size, corrected by the jobs that have ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from .blocks import Arrays
from .result import Settings
from .training import Job
from .workers import ModelJob

OVERHEAD, FLOP, ELEMENT = 4e-6, 1.8e-11, 2e-9
"""Seconds for one layer in one step of one network: per call, per flop of the matrix products, per
element of the rest."""

TREE, SPLIT = 1.8e-3, 8e-9
"""Seconds per boosting tree, and per row and feature of a tree."""

CONCLUDING = 2.0
"""Seconds for the conclusions after the last job."""


def seconds(job: Job | ModelJob, arrays: Arrays, settings: Settings) -> float:
    """An estimate that is good enough to compare jobs with each other."""
    if isinstance(job, ModelJob):
        rows = float(arrays.train_count.mean() + arrays.validation_count.mean())
        size, outputs = rows * arrays.features, arrays.classes if arrays.classes > 2 else 1
        one = {
            "constant": 1e-3,
            "linear": 0.01 + 1e-8 * size * outputs,
            "boosting": 100 * outputs * (TREE + SPLIT * size),
        }[job.model]
        return one * len(job.splits)
    batch, width = settings.batch_size, settings.width
    between = OVERHEAD + 6 * FLOP * batch * width * width + ELEMENT * batch * width
    ends = OVERHEAD + 6 * FLOP * batch * width * (arrays.features + max(1, arrays.classes))
    step = ends + between * (job.depth - 0.5)
    # The worse half of the rates is dropped after a third of the steps.
    tried = len(settings.rates) * (1 / 3 + 2 / 3 / 2) * settings.tuning_steps
    return step * (tried + settings.steps) * len(job.splits) * len(job.streams)


@dataclass(frozen=True)
class Progress:
    """How far a study has come."""

    done: float
    """Share of the work, from 0 to 1."""
    left: float | None
    """Seconds; None before anything is known."""
    doing: str


FORGET = 0.85
"""Weight of a job's time after the next of its kind has ended, since a machine's load changes."""


class Forecast:
    """Time left: estimates of the open jobs, scaled by how long ended jobs of their kind took."""

    def __init__(self, jobs: Sequence[Job | ModelJob], guesses: Sequence[float]) -> None:
        self._guess = dict(enumerate(guesses))
        self._kind = [_kind(job) for job in jobs]
        self._open = set(self._guess)
        self._took: dict[str, float] = {}
        self._guessed: dict[str, float] = {}
        self._last = time.monotonic()
        self.total = sum(guesses)

    def end(self, number: int, took: float) -> None:
        """Record that a job has ended after `took` seconds."""
        kind, guess = self._kind[number], self._guess[number]
        self._open.discard(number)
        self._took[kind] = FORGET * self._took.get(kind, 0.0) + took
        self._guessed[kind] = FORGET * self._guessed.get(kind, 0.0) + guess
        self._last = time.monotonic()

    @property
    def share(self) -> float:
        """Share of the work that is done."""
        open_ = sum(self._guess[number] for number in self._open)
        return 1 - open_ / self.total if self.total else 1.0

    def left(self, workers: int) -> float | None:
        """Seconds until all jobs have ended."""
        if not self._took or (self._open and not self._nets()):
            return None
        each = [self._guess[number] * self._factor(self._kind[number]) for number in self._open]
        left = CONCLUDING * self._factor("")
        if each:
            # Running jobs are half done on average.
            running = min(workers, len(each)) * sum(each) / len(each) / 2
            left += max(sum(each) - running, max(each) / 2) / min(workers, len(each))
        return max(0.0, left - (time.monotonic() - self._last))

    def _nets(self) -> list[str]:
        """Depths at which a network has ended; times of models say nothing about networks."""
        return [kind for kind in self._took if kind.startswith("depth")]

    def _factor(self, kind: str) -> float:
        if kind in self._took:
            return self._took[kind] / self._guessed[kind]
        alike = self._nets() or list(self._took)
        return sum(self._took[k] for k in alike) / sum(self._guessed[k] for k in alike)


def _kind(job: Job | ModelJob) -> str:
    return job.model if isinstance(job, ModelJob) else f"depth {job.depth}"
