"""One test for every sentence: a paired difference over blocks that share rows, and Holm's method.

Blocks (splits) are tested on their own rows, but the same rows train and test several of them, so
their differences are not independent, and s/sqrt(n) is too small an error. Nadeau and Bengio
("Inference for the generalization error", 2003) correct it to s sqrt(1/n + n_test/n_train). The
same Student distribution, read as Corani and Benavoli's posterior (2015), gives the probability
that a difference lies inside a region of practical equivalence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .blocks import Block
from .result import Interval, Metric

ALPHA = 0.05
"""The chance of a wrong sentence that a whole study is allowed."""


@dataclass(frozen=True)
class Difference:
    """Student distribution of a mean paired difference: p-value, intervals, probabilities."""

    mean: float
    scale: float
    freedom: int
    overlap: float = 0.0
    """What was added to 1/n for the rows that blocks share."""

    @property
    def p(self) -> float:
        """Two-sided p-value of "no difference"."""
        if self.scale == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.mean) / self.scale, self.freedom))

    def interval(self, level: float) -> Interval:
        """The central interval of that probability."""
        half = self.scale * float(stats.t.isf((1 - level) / 2, self.freedom)) if self.scale else 0.0
        return Interval(low=self.mean - half, high=self.mean + half)

    def above(self, bound: float) -> float:
        """Probability that the difference exceeds `bound`."""
        if self.scale == 0:
            return float(self.mean > bound)
        return float(stats.t.sf((bound - self.mean) / self.scale, self.freedom))

    def practical(self, rope: float) -> tuple[float, float, float]:
        """Probabilities of better than `rope`, within it, and worse than -`rope`."""
        better, worse = self.above(rope), 1 - self.above(-rope)
        return better, max(0.0, 1 - better - worse), worse


@dataclass(frozen=True)
class Tested:
    """Which rows the blocks of a study were tested on."""

    rows: tuple[NDArray[np.int64], ...]
    ratio: float
    """Test rows over the rows that a network was given, training and validation."""
    fixed: bool
    """All blocks were tested on the same rows."""

    @classmethod
    def of(cls, made: Sequence[Block]) -> Tested:
        """Of a study's blocks."""
        given = np.mean([len(block.train) + len(block.validation) for block in made])
        rows = tuple(block.test for block in made)
        return cls(
            rows,
            float(np.mean([len(test) for test in rows]) / given),
            all(len(test) == len(rows[0]) and (test == rows[0]).all() for test in rows),
        )

    @property
    def distinct(self) -> int:
        """Different rows that any block was tested on."""
        return len(np.unique(np.concatenate(self.rows)))


def difference(values: Sequence[float] | NDArray[np.float64], overlap: float) -> Difference:
    """The distribution of the mean of paired differences, one a block.

    Parameters
    ----------
    values : sequence of float
        At least two.
    overlap : float
        What is added to 1/n for the rows that blocks share: n_test/n_train is Nadeau and
        Bengio's; 0 is the plain paired t-test.
    """
    d = np.asarray(values, np.float64)
    if len(d) < 2:
        raise ValueError(f"a difference needs at least two blocks, not {len(d)}")
    spread = float(np.std(d, ddof=1))
    scale = spread * math.sqrt(1 / len(d) + overlap)
    return Difference(float(d.mean()), scale, len(d) - 1, overlap)


def compare(
    values: NDArray[np.float64], tested: Tested, rows: Sequence[NDArray[np.float64]] | None
) -> Difference:
    """`difference` with the correction that a study's blocks need."""
    return difference(values, tested.ratio)


def score_interval(values: NDArray[np.float64], tested: Tested, metric: Metric) -> Interval:
    """95 %: what fresh rows would show."""
    return difference(values, tested.ratio).interval(1 - ALPHA)


def holm(p: Sequence[float]) -> tuple[list[float], list[float]]:
    """Adjusted p-values, and the level at which each comparison's interval matches its verdict.

    Holm compares the i-th smallest of m p-values with alpha/(m - i + 1), up to the first that is
    larger; that one's bound then holds for all the rest.
    """
    count = len(p)
    adjusted, levels = [1.0] * count, [1 - ALPHA] * count
    worst, bound, stopped = 0.0, ALPHA, False
    for place, index in enumerate(sorted(range(count), key=lambda i: p[i])):
        worst = max(worst, min(1.0, p[index] * (count - place)))
        adjusted[index] = worst
        if not stopped:
            bound = ALPHA / (count - place)
            stopped = p[index] > bound
        levels[index] = 1 - bound
    return adjusted, levels


def wilson(share: float, rows: float, level: float = 1 - ALPHA) -> Interval:
    """Wilson's interval of a share of `rows` independent rows, which need not be a whole number."""
    z = float(stats.norm.isf((1 - level) / 2))
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    return Interval(low=max(0.0, middle - half), high=min(1.0, middle + half))
