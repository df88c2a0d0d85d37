"""Interleaved timing: contestants take turns, and only times of one round are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

Sampler = Callable[[], float]
"""Measures once; returns the seconds of one call."""


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    sample: float
    """Seconds of calls in one sample."""
    cell: float
    """Seconds after which a cell starts no further round."""
    least: int
    most: int
    """Most rounds of a cell."""


FULL = Effort(sample=2e-3, cell=0.4, least=3, most=9)
QUICK = Effort(sample=1e-3, cell=0.1, least=3, most=5)
SETTLE = 0.015
"""Seconds of untimed calls before a sample with threads: PyTorch's idle threads spin for 10 ms."""


def share(effort: Effort, left: float, cells: int) -> Effort:
    """The effort for each of the remaining cells, so that all can be measured in the time left."""
    seconds = min(effort.cell, left / max(cells, 1))
    if seconds <= 0:
        seconds = 0.05
    return Effort(min(effort.sample, seconds / 20), seconds, effort.least, effort.most)


@dataclass(frozen=True)
class Spread:
    """The median of a few numbers and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        low, median, high = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
        return cls(median, low, high)


def ratios(above: list[float], below: list[float]) -> Spread:
    """The spread of the ratios of times measured in the same round."""
    return Spread.of([a / b for a, b in zip(above, below, strict=True)])


class Timed:
    """A sampler of a call.

    Every sample starts with untimed calls. One call refills the caches after the previous
    contestant; with threads they continue for `settle` seconds, because threads that have just
    woken may share a core, and a peer's idle threads may still spin on the other.
    """

    def __init__(self, call: Callable[[], Any], effort: Effort, settle: float) -> None:
        self.call = call
        self.settle = settle
        self.cores: list[float] = []
        call()  # imports, page faults and first-call caches
        self.loops = 1
        while (took := self._run(self.loops)) < effort.sample / 2:
            self.loops *= 2
        self.loops = max(1, round(self.loops * effort.sample / took))
        self.seconds = took / self.loops

    def _run(self, loops: int) -> float:
        call = self.call
        begin = time.perf_counter()
        for _ in repeat(None, loops):
            call()
        return time.perf_counter() - begin

    def __call__(self) -> float:
        # A call that takes much longer than the disturbance is timed without them.
        if self.seconds < 10 * max(self.settle, 0.01):
            settled = time.perf_counter() + self.settle
            self._run(1)
            while time.perf_counter() < settled:
                self._run(self.loops)
        cpu = time.process_time()
        took = self._run(self.loops)
        self.cores.append((time.process_time() - cpu) / took)
        self.seconds = took / self.loops
        return self.seconds


def race(
    contestants: Mapping[str, Sampler],
    effort: Effort,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Rounds in which every contestant is sampled once; each round starts with a different one.

    A contestant that takes longer than the time for the whole cell is sampled only in the first
    round: one pair is enough to show that it is much slower.
    """
    names = list(contestants)
    times: dict[str, list[float]] = {name: [] for name in names}
    end = clock() + effort.cell
    for turn in range(effort.most):
        if turn >= effort.least and clock() >= end:
            break
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            if turn == 0 or name == names[0] or times[name][0] <= effort.cell:
                times[name].append(contestants[name]())
    return times
