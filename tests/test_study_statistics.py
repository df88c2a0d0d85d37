"""One Student distribution for every sentence: its numbers, its correction, Holm's method."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from ogive.study.blocks import Block, Target
from ogive.study.metrics import scores, shares
from ogive.study.statistics import (
    ALPHA,
    Measured,
    SharedRows,
    compare,
    difference,
    holm,
    recurring,
    rows_variance,
    score_interval,
    wilson,
)
from study_cases import made_table

ROPE = 0.01


def posterior(d, folds, runs):
    """Corani and Benavoli's posterior, from its definition: rho is one fold's share of the rows."""
    rho = 1 / folds
    scale = np.sqrt((1 / len(d) + rho / (1 - rho)) * np.var(d, ddof=1))
    assert len(d) == folds * runs
    return stats.t(len(d) - 1, np.mean(d), scale)


@pytest.mark.parametrize("runs", [1, 2, 5])
def test_one_distribution_gives_p_interval_and_probabilities(runs):
    d = np.random.default_rng(runs).normal(0.01, 0.02, 10 * runs)
    found, known = difference(d, overlap=1 / 9), posterior(d, 10, runs)
    assert found.p == pytest.approx(2 * min(known.cdf(0), known.sf(0)))
    low, high = known.interval(0.99)
    assert (found.interval(0.99).low, found.interval(0.99).high) == pytest.approx((low, high))
    wanted = known.sf(ROPE), known.cdf(ROPE) - known.cdf(-ROPE), known.cdf(-ROPE)
    assert found.practical(ROPE) == pytest.approx(wanted)


def test_without_overlap_it_is_the_paired_t_test():
    one, other = np.random.default_rng(0).normal(0.9, 0.02, (2, 10))
    assert difference(one - other, 0).p == pytest.approx(stats.ttest_rel(one, other).pvalue)


def test_scikit_learns_published_example_comes_out():
    # "Statistical comparison of models using grid search": t = 0.750, p = 0.227 (one-sided), and
    # rbf against linear with a region of +-0.01: better 0.500, equivalent 0.432, worse 0.068.
    from sklearn.datasets import make_moons
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(kernel=kernel, random_state=0), x, y, scoring="roc_auc", cv=folds)
        for kernel in ("rbf", "linear")
    )
    found = difference(rbf - linear, overlap=10 / 90)
    assert found.mean / found.scale == pytest.approx(0.750, abs=5e-4)
    assert found.p / 2 == pytest.approx(0.227, abs=5e-4)
    assert found.practical(ROPE) == pytest.approx((0.500, 0.432, 0.068), abs=5e-4)


def test_holm_is_scipys_and_no_interval_contradicts_its_verdict():
    draw = np.random.default_rng(3)
    for _ in range(300):
        d = [draw.normal(draw.choice([0, 0.02]), 0.02, 10) for _ in range(draw.integers(1, 30))]
        found = [difference(values, 0.05) for values in d]
        p = [each.p for each in found]
        adjusted, levels = holm(p)
        order = np.argsort(p)
        steps = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1))
        assert np.array(adjusted)[order] == pytest.approx(np.minimum(steps, 1))
        for each, q, level in zip(found, adjusted, levels, strict=True):
            inside = each.interval(level).low <= 0 <= each.interval(level).high
            assert inside == (q > ALPHA) == (each.p > 1 - level)


def test_equal_differences_are_no_certainty():
    made = blocks_of(100)
    folds = shared(made)
    parts = [np.zeros(10) for _ in made]
    same = compare(Measured(np.zeros(10), parts), folds)
    assert (same.p, same.practical(ROPE)) == (1.0, (0.0, 1.0, 0.0))
    # No row of 100 tells the two apart: as many as 3 in 100 may ("rule of three").
    none = compare(Measured(np.zeros(10), parts, parts, unit=1.0), folds)
    assert 0.02 < none.interval(0.95).high < 0.04
    # One row more in each of ten blocks of ten rows: no surer than ten coins that fall alike.
    for part in parts:
        part[0] = 1
    once = compare(Measured(np.full(10, 0.1), parts, parts), folds)
    assert 2 / 2**10 < once.p < 0.1


def shared(made):
    rows = 1 + max(block.train.max() for block in made)
    return SharedRows.of(made, made_table(rows=rows + 9, task="regression"))


def blocks_of(rows, folds=10, fixed=None):
    fold = np.arange(rows) % folds
    return [
        Block(
            np.flatnonzero((fold != j) & (fold != (j + 1) % folds)),
            np.flatnonzero(fold == (j + 1) % folds),
            np.flatnonzero(fold == j) if fixed is None else fixed,
        )
        for j in range(folds)
    ]


def measured(of_row, luck, made, draw):
    """Differences that are a property of the row, and luck of each network on each row."""
    tested = [of_row[b.test] + luck * draw.standard_normal(len(b.test)) for b in made]
    validated = [
        of_row[b.validation] + luck * draw.standard_normal(len(b.validation)) for b in made
    ]
    return Measured(np.array([part.mean() for part in tested]), tested, validated)


@pytest.mark.parametrize(("of_row", "luck", "share"), [(0, 1, 0), (1, 0, 1), (1, 1, 0.5)])
def test_the_correction_is_scaled_by_what_comes_back_on_the_same_row(of_row, luck, share):
    draw, made = np.random.default_rng(4), blocks_of(4000)
    found = measured(of_row * draw.standard_normal(4000), luck, made, draw)
    assert recurring(found, shared(made)) == pytest.approx(share, abs=0.05)
    known = compare(found, shared(made))
    assert known.overlap == pytest.approx(share / 9, abs=0.006)
    # What only one network was tested on is taken for the worst.
    alone = compare(Measured(found.values, found.tested), shared(made))
    assert (alone.freedom, alone.overlap) == (9, pytest.approx(1 / 9))


@pytest.mark.parametrize("luck", [0.0, 0.1, 0.5])
def test_rows_and_luck_make_the_error_of_a_mean(luck):
    """Means of ten blocks of 40 rows, whose networks are off by `luck` on all their rows."""
    draw, made = np.random.default_rng(7), blocks_of(400)
    where, errors, found = shared(made), [], []
    for _ in range(400):
        off = luck * draw.standard_normal(10)
        tested, validated = (
            [np.sign(draw.standard_normal(40)) * (draw.random(40) < 0.3) + u for u in off]
            for _ in range(2)
        )
        one = compare(
            Measured(np.array([part.mean() for part in tested]), tested, validated), where
        )
        errors.append(one.mean)
        found.append(one)
    truth = np.sqrt(0.3 / 400 + luck**2 / 10)
    assert np.std(errors) == pytest.approx(truth, rel=0.1)
    assert np.sqrt(np.mean([one.scale**2 for one in found])) == pytest.approx(truth, rel=0.2)
    # Where luck is little, rows know what ten blocks do not; where it is all, there are ten.
    assert np.median([one.freedom for one in found]) > (15 if not luck else 8)
    for level in (0.05, 0.01):
        alarms = sum(one.p < level for one in found)
        assert alarms <= stats.binom.ppf(0.999, 400, level)


def test_copies_of_rows_tell_nothing_new():
    draw, rows = np.random.default_rng(8), np.arange(200)
    single = shared(blocks_of(200))
    parts = [draw.standard_normal(20) + 0.1 for _ in single.rows]
    thrice = [np.repeat(part, 3) for part in parts]
    where = dataclasses.replace(
        single,
        rows=tuple(np.add.outer(200 * np.arange(3), block).T.ravel() for block in single.rows),
        groups=tuple(np.repeat(block, 3) for block in single.rows),
    )
    assert where.independent == single.independent < len(rows)
    assert rows_variance(thrice, where.groups) == pytest.approx(rows_variance(parts, single.groups))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "auc"])
def test_shares_of_rows_know_the_error_of_their_metric(metric):
    """Many draws of 90 rows, 20 % positive, against what each draw thinks of itself."""
    draw = np.random.default_rng(9)
    y = np.repeat([0, 1], [72, 18])
    means, variances = [], []
    for _ in range(600):
        z = 1.2 * y + draw.standard_normal(90)
        positive = 1 / (1 + np.exp(0.6 - z))
        output = np.stack([1 - positive, positive], axis=1)
        share = shares(metric, Target(y=y, classes=2), output)
        assert share.mean() == pytest.approx(scores(Target(y=y, classes=2), output).of(metric))
        means.append(share.mean())
        variances.append(np.var(share, ddof=1) / 90)
    ratio = np.var(means) / np.mean(variances)
    # Accuracy varies less than its rows say where the classes' numbers are fixed.
    assert ratio == pytest.approx(1, abs=0.2 if metric != "accuracy" else 0.35)


def test_blocks_that_share_their_test_rows_count_the_rows():
    draw = np.random.default_rng(5)
    errors = []
    for _ in range(400):
        rows = np.arange(60)
        made = blocks_of(200, fixed=rows)
        of_row = draw.normal(0, 0.5, 200)
        tested = [of_row[rows] + 0.1 * draw.standard_normal(60) for _ in made]
        found = Measured(np.array([part.mean() for part in tested]), tested)
        known = compare(found, shared(made))
        errors.append(known.mean / known.scale)
    # The truth is 0; without the rows' own spread this would be five times as wide.
    assert np.std(errors) == pytest.approx(1, rel=0.15)


def test_wilson_is_scipys_and_survives_its_ends():
    for right in (0, 7, 29, 30):
        known = stats.binomtest(right, 30).proportion_ci(method="wilson")
        found = wilson(right / 30, 30)
        assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)
    assert wilson(1.0, 30).low < 0.9


@pytest.mark.parametrize("size", [0.0, 0.7])
def test_shares_of_an_explained_variance_know_its_error(size):
    """Also of a constant prediction, whose R2 is 0 in every draw of rows."""
    draw, means, variances = np.random.default_rng(10), [], []
    for _ in range(600):
        y = draw.standard_normal(120)
        output = size * y + 0.4 * size * draw.standard_normal(120) + (size == 0) * y.mean()
        target = Target(y=y, classes=0)
        share = shares("r2", target, output)
        assert share.mean() == pytest.approx(scores(target, output).r2, abs=1e-12)
        means.append(share.mean())
        variances.append(np.var(share, ddof=1) / 120)
    assert np.mean(variances) == pytest.approx(np.var(means), rel=0.25, abs=1e-12)


def test_a_difference_needs_two_blocks():
    with pytest.raises(ValueError, match="at least two blocks, not 1"):
        difference([0.1], 0)
    assert dataclasses.is_dataclass(difference([0.1, 0.2], 0))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_blocks_are_not_taken_for_certain(count):
    """Two equal networks of which each has luck, on its validation rows as well."""
    draw, alarms = np.random.default_rng(count), 0
    for _ in range(600):
        rows = draw.permutation(60 * max(count, 3)).reshape(-1, 60)
        parts = [[], []]
        for _ in range(count):
            better = np.clip(0.5 + draw.normal(0, 0.5), 0, 1)
            for part in parts:
                differ = draw.random(60) < 0.1
                part.append(differ * np.where(draw.random(60) < better, 1.0, -1.0))
        blocks = rows[:count]
        where = SharedRows(
            rows=tuple(blocks), validated=tuple(rows[(np.arange(count) + 1) % len(rows)]),
            ratio=1 / (len(rows) - 1), fixed=False, truth=((), ()), groups=tuple(blocks),
        )  # fmt: skip
        measured = Measured(np.array([part.mean() for part in parts[0]]), *parts, 1.0)
        alarms += compare(measured, where).p < 0.01
    assert alarms <= stats.binom.ppf(0.999, 600, 0.01)


def test_the_interval_of_a_score_ends_where_scores_end():
    rows = np.arange(60).reshape(3, 20)
    where = SharedRows(
        rows=tuple(rows), validated=tuple(np.roll(rows, 1, axis=0)), ratio=0.5, fixed=False,
        truth=((), ()), groups=tuple(rows),
    )  # fmt: skip
    draw = np.random.default_rng(0)
    for middle in (0.02, 0.5, 0.98):
        shares = [middle + draw.normal(0, 0.2, 20) for _ in rows]
        values = np.array([middle - 0.05, middle, middle + 0.06])
        measured = Measured(values, shares)
        free = compare(measured, where).interval(0.95)
        assert free.low < min(values)
        assert free.high > max(values)
        for metric, least in (("auc", 0.0), ("balanced_accuracy", 0.0), ("r2", -np.inf)):
            found = score_interval(measured, where, metric)
            assert (found.low, found.high) == (max(free.low, least), min(free.high, 1.0)), metric
        right = float(values.mean())
        # Wilson's: 60 rows, of which a third is shared, count for 40.
        z = stats.norm.isf(0.025)
        roots = np.roots([1 + z * z / 40, -(2 * right + z * z / 40), right**2])
        found = score_interval(measured, where, "accuracy")
        np.testing.assert_allclose([found.low, found.high], sorted(roots), rtol=1e-12)
