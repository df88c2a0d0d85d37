"""One test for every sentence: a paired difference over blocks that share rows, and Holm's method.

Blocks (splits) are tested on their own rows, but the same rows train and test several of them, so
their differences are not independent, and s/sqrt(n) is too small an error. Nadeau and Bengio
("Inference for the generalization error", 2003) correct it to s sqrt(1/n + n_test/n_train). The
same Student distribution, read as Corani and Benavoli's posterior (2015), gives the probability
that a difference lies inside a region of practical equivalence.

Ten blocks tell s badly (9 degrees of freedom), and what is said beside 60 other sentences has to
be sure beyond where that matters most. But much is known about s: a block's difference varies
since its test rows are few, which those rows show, and since its two networks had luck, which they
have on their validation rows too. `compare` adds the two where that says more than s.
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


LEAST_BLOCKS = 8
"""Of fewer blocks the luck of networks is not known well enough: it would be taken for small where
it is so by chance."""


@dataclass(frozen=True)
class Difference:
    """Student distribution of a mean paired difference: p-value, intervals, probabilities."""

    mean: float
    scale: float
    freedom: float
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
    truth: tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]
    """The target of each test row and of each validation row."""
    groups: tuple[NDArray[np.int64], ...]
    """Numbers of the test rows; equal rows, which count as one, have the same."""

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
            (
                tuple(table.y[block.test] for block in made),
                tuple(table.y[block.validation] for block in made),
            ),
            rows if table.groups is None else tuple(table.groups[test] for test in rows),
        )

    @property
    def independent(self) -> float:
        """Independent rows that a score over all blocks is worth."""
        distinct = len(np.unique(np.concatenate(self.groups)))
        return distinct if self.fixed else distinct / (1 + self.ratio)


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
    tested: Sequence[NDArray[np.float64]]
    """By block and test row; their mean is the block's value."""
    validated: Sequence[NDArray[np.float64]] = ()
    """Empty where these rows were trained on."""
    unit: float = 0.0
    """By how much a row's share changes if its prediction does; 0 where it may change a little."""


def compare(measured: Measured, where: SharedRows) -> Difference:
    """The distribution of the mean over a study's blocks, corrected for the rows they share.

    Nadeau and Bengio's n_test/n_train supposes that what is measured on a row is a property of
    the row. Between two activations it is so in part only: the rest is the luck of two networks,
    which no other block shares. Rows that are tested in one block and validated (or tested again)
    in another show which part: the correction is scaled by it.
    """
    d = measured.values
    count, spread = len(d), float(np.var(d, ddof=1))
    if where.fixed:
        # Not one row is drawn anew from block to block, so `spread` knows nothing of rows.
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
    """The variance of a block's mean that its test rows alone make, and that number's variance.

    Equal rows count as one. The second is from the fourth moment: where few rows differ, even
    many of them know little. One row more than was seen differs by `unit`, since none among n
    does not mean that none would.
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
    # Rows that several blocks test are known once.
    known = float(every.var()) / (len(distinct) + 1)
    return float(every.sum()) / (len(every) - 1) * each, known * each**2


def _freedom(variance: float, doubt: float, count: int) -> float:
    """Satterthwaite's degrees of freedom of a variance that is a sum."""
    return 2 * variance**2 / doubt if doubt > 0 else count - 1.0


def recurring(measured: Measured, where: SharedRows) -> float:
    """The share of a row's value that comes back in another block; 1 if unknown."""
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
