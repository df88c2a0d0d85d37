"""What differences mean: intervals, ranks, Friedman and Nemenyi, the paired bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .result import Effect, Interval, Recipe, Significance

LEVEL = 0.95
RESAMPLES = 4000
MOST_BLOCKS = 1000


def mean_interval(values: Sequence[float]) -> Interval:
    """Student's t interval of the mean; one value alone could be anything."""
    if len(values) < 2:
        return Interval(low=-math.inf, high=math.inf)
    mean, error = float(np.mean(values)), float(stats.sem(values))
    half = error * float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1))
    return Interval(low=mean - half, high=mean + half)


def bootstrap(ours: NDArray[np.bool], baseline: NDArray[np.bool]) -> tuple[float, Interval, float]:
    """Mean difference of accuracy, its interval and two-sided p, over (seeds, test rows).

    Seeds and rows are drawn anew, the same for both: the networks of one seed share their batch
    order and all share the test rows, so most of the variation cancels.
    """
    difference = ours.astype(np.float64) - baseline
    # Rows are in random order, so means of blocks are as independent, and fewer.
    blocks = np.array_split(difference, min(MOST_BLOCKS, difference.shape[1]), axis=1)
    means = np.stack([block.mean(axis=1) for block in blocks], axis=1)
    seed_counts, block_counts = _draws(*means.shape)
    drawn = np.einsum("br,br->b", seed_counts @ means, block_counts) / means.size
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    p = min(1.0, 2 * (int(tail) + 1) / (RESAMPLES + 1))
    return float(difference.mean()), Interval(low=float(low), high=float(high)), p


@cache
def _draws(seeds: int, blocks: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How often each seed and block is drawn, with replacement, in every resample."""
    draw = np.random.default_rng(0)
    counts = (draw.multinomial(n, np.full(n, 1 / n), RESAMPLES) for n in (seeds, blocks))
    one, other = (count.astype(np.float32) for count in counts)
    return one, other


def effects(correct: dict[str, NDArray[np.bool]], baseline: str) -> dict[str, Effect]:
    """Every activation against the baseline, Holm-adjusted for their number."""
    raw = {
        name: bootstrap(right, correct[baseline])
        for name, right in correct.items()
        if name != baseline
    }
    adjusted, worst = {}, 0.0
    for place, name in enumerate(sorted(raw, key=lambda name: raw[name][2])):
        worst = max(worst, min(1.0, raw[name][2] * (len(raw) - place)))
        adjusted[name] = worst
    return {
        name: Effect(
            difference=difference,
            interval=interval,
            p=adjusted[name],
            significant=adjusted[name] < 1 - LEVEL,
        )
        for name, (difference, interval, _) in raw.items()
    }


def ranks(accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks within each row (block), 1 for the highest; ties share their mean rank."""
    return np.asarray(stats.rankdata(-accuracy, axis=1), np.float64)


def significance(
    accuracy: NDArray[np.float64], names: Sequence[str], depth: int | None, recipe: Recipe
) -> Significance | None:
    """Friedman over blocks (rows), then Nemenyi; None where there is too little to compare."""
    blocks, count = accuracy.shape
    if blocks < 2 or count < 3:
        return None
    mean_ranks = ranks(accuracy).mean(axis=0)
    if np.ptp(accuracy, axis=1).max() == 0:  # Friedman's statistic is 0/0 where all tie
        statistic, p = 0.0, 1.0
    else:
        found = stats.friedmanchisquare(*accuracy.T)
        statistic, p = float(found.statistic), float(found.pvalue)
    significant = p < 1 - LEVEL
    difference = None
    if significant:
        studentized = float(stats.studentized_range.ppf(LEVEL, count, np.inf))
        difference = studentized / math.sqrt(2) * math.sqrt(count * (count + 1) / (6 * blocks))
    order = np.argsort(mean_ranks, kind="stable")
    ordered = tuple(names[i] for i in order)
    levels = tuple(float(mean_ranks[i]) for i in order)
    groups = _groups(ordered, levels, math.inf if difference is None else difference)
    where = "over all depths" if depth is None else f"at depth {depth}"
    if difference is None:
        sentence = f"No significant difference between the activations {where} (p = {p:.2g})."
    else:
        best = ", ".join(groups[0])
        sentence = (
            f"The activations differ {where} (p = {p:.2g}); mean ranks must differ by "
            f"{difference:.2f}. No significant difference among the best: {best}."
        )
        if len(groups[0]) == 1:
            sentence = f"{best} is significantly better than every other {where} (p = {p:.2g})."
    return Significance(
        depth=depth,
        recipe=recipe,
        blocks=blocks,
        activations=ordered,
        mean_ranks=levels,
        statistic=statistic,
        p=p,
        significant=significant,
        critical_difference=difference,
        groups=groups,
        sentence=sentence,
    )


def letters(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """One letter per group; an activation bears those of all its groups."""
    marks: dict[str, str] = {}
    for i, group in enumerate(groups):
        for name in group:
            marks[name] = marks.get(name, "") + chr(ord("a") + i)
    return marks


def _groups(
    names: Sequence[str], mean_ranks: Sequence[float], difference: float
) -> tuple[tuple[str, ...], ...]:
    """Maximal runs, in order of rank, whose ends lie within the critical difference."""
    groups: list[tuple[str, ...]] = []
    reached = 0
    for start in range(len(names)):
        end = start
        while end < len(names) and mean_ranks[end] - mean_ranks[start] < difference:
            end += 1
        if end > reached:
            groups.append(tuple(names[start:end]))
            reached = end
    return tuple(groups)
