"""One test for every sentence: a paired difference over blocks that share rows, and Holm's method.

Blocks (splits) share rows: the same row trains and tests several of them. Their differences are
therefore not independent, and the standard error s/sqrt(n) is too small. Nadeau and Bengio
("Inference for the generalization error", 2003) correct it to s sqrt(1/n + n_test/n_train). The
same Student distribution, read as Corani and Benavoli's posterior (2015), gives the probability
that a difference lies inside a region of practical equivalence.

Ten blocks estimate s badly (9 degrees of freedom), which hurts most in the far tail that a
correction for 60 comparisons needs. But s has two sources that can be estimated separately: a
block has few test rows, and the variance among those rows is known; and its two networks had luck,
which shows on their validation rows too. `compare` uses their sum if it is better known than s.
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
"""Allowed probability that a whole study makes any wrong statement."""


LEAST_BLOCKS = 8
"""With fewer blocks the variance due to the networks' luck is not known well enough: it could be
small by chance."""


@dataclass(frozen=True)
class Difference:
    """Student distribution of a mean paired difference: p-value, intervals, probabilities."""

    mean: float
    scale: float
    freedom: float
    overlap: float = 0.0
    """The term added to 1/n because blocks share rows."""

    @property
    def p(self) -> float:
        """Two-sided p-value of "no difference"."""
        if self.scale == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.mean) / self.scale, self.freedom))

    def interval(self, level: float) -> Interval:
        """The central interval with probability `level`."""
        half = self.scale * float(stats.t.isf((1 - level) / 2, self.freedom)) if self.scale else 0.0
        return Interval(low=self.mean - half, high=self.mean + half)

    def above(self, bound: float) -> float:
        """Probability that the difference exceeds `bound`."""
        if self.scale == 0:
            return float(self.mean > bound)
        return float(stats.t.sf((bound - self.mean) / self.scale, self.freedom))

    def practical(self, rope: float) -> tuple[float, float, float]:
        """Probabilities that the difference is above `rope`, within it, and below -`rope`."""
        better, worse = self.above(rope), 1 - self.above(-rope)
        return better, max(0.0, 1 - better - worse), worse


@dataclass(frozen=True)
class SharedRows:
    """Which rows the blocks of a study were validated and tested on."""

    rows: tuple[NDArray[np.int64], ...]
    validated: tuple[NDArray[np.int64], ...]
    ratio: float
    """Test rows divided by training and validation rows."""
    fixed: bool
    """Whether all blocks were tested on the same rows."""
    truth: tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]
    """The targets of the test rows and of the validation rows."""
    groups: tuple[NDArray[np.int64], ...]
    """Group numbers of the test rows; equal rows have the same number and count as one."""

    @classmethod
    def of(cls, made: Sequence[Block], table: Table) -> SharedRows:
        """Make it from a study's blocks."""
        given = np.mean([len(block.train) + len(block.validation) for block in made])
        rows = tuple(block.test for block in made)
        return cls(
            rows,
            tuple(block.validation for block in made),
            float(np.mean([len(test) for test in rows]) / given),
            all(np.array_equal(test, rows[0]) for test in rows),
            (
                tuple(table.y[block.test] for block in made),
                tuple(table.y[block.validation] for block in made),
            ),
            rows if table.groups is None else tuple(table.groups[test] for test in rows),
        )

    @property
    def independent(self) -> float:
        """Effective number of independent rows behind a score over all blocks."""
        distinct = len(np.unique(np.concatenate(self.groups)))
        return distinct if self.fixed else distinct / (1 + self.ratio)


def difference(values: Sequence[float] | NDArray[np.float64], overlap: float) -> Difference:
    """The distribution of the mean of paired differences, one per block.

    Parameters
    ----------
    values : sequence of float
        At least two differences.
    overlap : float
        The term added to 1/n because blocks share rows: n_test/n_train for Nadeau and Bengio's
        test, 0 for the plain paired t-test.
    """
    d = np.asarray(values, np.float64)
    if len(d) < 2:
        raise ValueError(f"a difference needs at least two blocks, not {len(d)}")
    spread = float(np.std(d, ddof=1))
    scale = spread * math.sqrt(1 / len(d) + overlap)
    return Difference(float(d.mean()), scale, len(d) - 1, overlap)


@dataclass(frozen=True)
class Measured:
    """Each block's score, or paired difference of scores, and each row's share in it."""

    values: NDArray[np.float64]
    """One per block."""
    tested: Sequence[NDArray[np.float64]]
    """A number per block and test row; a block's mean is its value."""
    validated: Sequence[NDArray[np.float64]] = ()
    """The same for validation rows; empty if the model was trained on them."""
    unit: float = 0.0
    """By how much a row's share changes with its prediction; 0 if it changes continuously."""


def compare(measured: Measured, where: SharedRows) -> Difference:
    """The distribution of the mean over a study's blocks, corrected for the rows they share.

    Nadeau and Bengio's n_test/n_train assumes that a row's value is a property of the row. For a
    difference between two activations only a part is; the rest is the luck of two networks, which
    no other block shares. The size of that part is estimated from rows that are tested in one block
    and validated (or tested again) in another, and the correction is multiplied by it.
    """
    d = measured.values
    count, spread = len(d), float(np.var(d, ddof=1))
    if where.fixed:
        # All blocks use the same test rows, so `spread` does not contain the variance of rows.
        extra, doubt = rows_variance(
            [np.mean(np.stack(measured.tested), axis=0)], where.groups, measured.unit
        )
        variance = spread / count + extra
        doubt += 2 * (spread / count) ** 2 / (count - 1)
        freedom = _freedom(variance, doubt, count)
        overlap = extra / spread if spread > 0 else 0.0
        return Difference(float(d.mean()), math.sqrt(variance), freedom, overlap)
    freedom = count - 1.0
    rows, doubt = rows_variance(measured.tested, where.groups, measured.unit)
    modelled = False
    if measured.validated and count >= LEAST_BLOCKS:
        seen = np.array([part.mean() for part in measured.validated])
        luck = float(np.cov(d, seen)[0, 1])
        # The variance of a covariance of two normal samples.
        doubt += (spread * float(np.var(seen, ddof=1)) + luck**2) / (count - 1)
        known = _freedom(rows + max(0.0, luck), doubt, count)
        modelled = known > freedom
    if modelled:
        spread, freedom = rows + max(0.0, luck), known
    else:
        spread = max(spread, rows)
    overlap = where.ratio * recurring(measured, where)
    scale = math.sqrt(spread * (1 / count + overlap))
    return Difference(float(d.mean()), scale, freedom, overlap)


def rows_variance(
    tested: Sequence[NDArray[np.float64]],
    groups: Sequence[NDArray[np.int64]],
    unit: float = 0.0,
) -> tuple[float, float]:
    """The part of the variance of a block's mean that comes from its test rows; its own variance.

    Equal rows count as one. The second number comes from the fourth moment: if few rows differ,
    even many rows give a poor estimate. One additional row is assumed to differ by `unit`, since
    a difference that no row showed may still be possible.
    """
    squares, sizes, distinct = [], [], set()
    for part, group in zip(tested, groups, strict=False):
        distinct.update(group.tolist())
        place = np.unique(group, return_inverse=True)[1]
        off = np.bincount(place, part - part.mean())
        squares.append(off**2 * len(off) / max(1, len(off) - 1))
        sizes.append(len(part) ** 2 / len(off))
    every = np.concatenate([*squares, [unit**2]])
    each = float(np.mean(1 / np.array(sizes)))
    # A row that several blocks test gives information only once.
    known = float(every.var()) / (len(distinct) + 1)
    return float(every.sum()) / (len(every) - 1) * each, known * each**2


def _freedom(variance: float, doubt: float, count: int) -> float:
    """Satterthwaite's degrees of freedom of a variance that is a sum."""
    return 2 * variance**2 / doubt if doubt > 0 else count - 1.0


def recurring(measured: Measured, where: SharedRows) -> float:
    """The share of a row's value that recurs in another block; 1 if unknown."""
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
    return float(np.clip(products.sum() / pairs / variance, 0, 1))


def score_interval(measured: Measured, where: SharedRows, metric: Metric) -> Interval:
    """The 95 % interval of a score on new rows."""
    if metric == "accuracy":
        return wilson(float(measured.values.mean()), where.independent)
    found = compare(measured, where).interval(1 - ALPHA)
    low = -math.inf if metric == "r2" else 0.0
    return Interval(low=max(low, found.low), high=min(1.0, found.high))


def holm(p: Sequence[float]) -> tuple[list[float], list[float]]:
    """Adjusted p-values, and the level at which each comparison's interval matches its decision.

    Holm's method compares the i-th smallest of m p-values with alpha/(m - i + 1), up to the first
    that is larger; the bound of that one then holds for all the rest.
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
    """Wilson's interval for a share among `rows` independent rows (not necessarily whole)."""
    z = float(stats.norm.isf((1 - level) / 2))
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    # At shares of 0 and 1 the bound equals the share, apart from rounding.
    return Interval(
        low=max(0.0, min(share, middle - half)), high=min(1.0, max(share, middle + half))
    )
