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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .blocks import Block
from .result import Interval, Metric
from .table import Table

ALPHA = 0.05
"""The chance of a wrong sentence that a whole study is allowed."""

LEAST_SHARED = 0.25
"""Of the correction, what is always kept: training rows overlap too, and what that shares cannot
be measured within one table. Chosen by calibration (tools/calibrate.py): with 0, ten equal
activations differ in up to 6 % of studies; with 1, in up to 1.3 %, at the price of intervals that
cover about 99 %."""


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
class SharedRows:
    """Which rows the blocks of a study were validated and tested on."""

    rows: tuple[NDArray[np.int64], ...]
    validated: tuple[NDArray[np.int64], ...]
    ratio: float
    """Test rows over the rows that a network was given, training and validation."""
    fixed: bool
    """All blocks were tested on the same rows."""
    balance: tuple[NDArray[np.float64], ...]
    """What each test row's accuracy counts in balanced accuracy; empty in a regression."""

    @classmethod
    def of(cls, made: Sequence[Block], table: Table) -> SharedRows:
        """Of a study's blocks."""
        given = np.mean([len(block.train) + len(block.validation) for block in made])
        rows = tuple(block.test for block in made)
        return cls(
            rows,
            tuple(block.validation for block in made),
            float(np.mean([len(test) for test in rows]) / given),
            all(np.array_equal(test, rows[0]) for test in rows),
            tuple(_balance(table.y[test]) for test in rows) if table.classes else (),
        )

    @property
    def independent(self) -> float:
        """Independent rows that a score over all blocks is worth."""
        distinct = len(np.unique(np.concatenate(self.rows)))
        return distinct if self.fixed else distinct / (1 + self.ratio)


def _balance(y: NDArray[Any]) -> NDArray[np.float64]:
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    return np.asarray(len(y) / (len(counts) * counts[place]))


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


@dataclass(frozen=True)
class Measured:
    """A score, or a paired difference of scores, of every block, and each row's share in it."""

    values: NDArray[np.float64]
    """One a block."""
    tested: Sequence[NDArray[np.float64]] = ()
    """By block and test row; their mean is the block's value. Empty where unknown."""
    validated: Sequence[NDArray[np.float64]] = ()


def compare(measured: Measured, where: SharedRows) -> Difference:
    """The distribution of the mean over a study's blocks, corrected for the rows they share.

    Nadeau and Bengio's n_test/n_train supposes that what is measured on a row is a property of
    the row. Between two activations it is so in part only: the rest is the luck of two networks,
    which no other block shares. Rows that are tested in one block and validated (or tested again)
    in another show which part: the correction is scaled by it.
    """
    d = measured.values
    spread, count = float(np.std(d, ddof=1)), len(d)
    if where.fixed:
        # Not one row is drawn anew from block to block, so `spread` knows nothing of rows.
        means = np.mean(np.stack(measured.tested), axis=0)
        extra = float(np.var(means, ddof=1)) / len(means)
        scale = math.sqrt(spread**2 / count + extra)
        overlap = extra / spread**2 if spread > 0 else 0.0
        return Difference(float(d.mean()), scale, count - 1, overlap)
    if spread == 0 and d[0] != 0:
        # As many rows in every block, by chance: their number is known to one row at best.
        resolution = 1 / float(np.mean([len(rows) for rows in where.rows]))
        scale = resolution * math.sqrt(1 / count + where.ratio)
        return Difference(float(d.mean()), scale, count - 1, where.ratio)
    return difference(d, where.ratio * recurring(measured, where))


def recurring(measured: Measured, where: SharedRows) -> float:
    """The share of a row's value that comes back in another block; 1 if unknown."""
    if not measured.tested:
        return 1.0
    rows = [np.concatenate(where.rows)]
    values = [np.concatenate([part - part.mean() for part in measured.tested])]
    if measured.validated:
        rows.append(np.concatenate(where.validated))
        values.append(np.concatenate([part - part.mean() for part in measured.validated]))
    place = np.unique(np.concatenate(rows), return_inverse=True)[1]
    value = np.concatenate(values)
    times = np.bincount(place)
    pairs = float((times * (times - 1)).sum())
    variance = float(np.mean(value**2))
    if not pairs or not variance > 0:
        return 1.0
    products = np.bincount(place, value) ** 2 - np.bincount(place, value**2)
    return float(np.clip(products.sum() / pairs / variance, LEAST_SHARED, 1))


def score_interval(measured: Measured, where: SharedRows, metric: Metric) -> Interval:
    """95 %: what fresh rows would show."""
    if metric == "accuracy":
        return wilson(float(measured.values.mean()), where.independent)
    found = compare(measured, where).interval(1 - ALPHA)
    low = -math.inf if metric == "r2" else 0.0
    return Interval(low=max(low, found.low), high=min(1.0, found.high))


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
    # At 0 and 1 the bound is the share itself, but for rounding.
    return Interval(
        low=max(0.0, min(share, middle - half)), high=min(1.0, max(share, middle + half))
    )
