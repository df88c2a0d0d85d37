"""Blocks: how rows are divided into training, validation and test rows, and the arrays of each.

This is cross-validation: every row is tested equally often, and the test rows of one repetition do
not overlap. Equal rows (`Table.groups`) stay together. Rows are first sorted by their content, so
their order in the file does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import StudyError
from .network import Floats, Targets
from .result import Splits
from .table import Rows, Table, prepare

FOLDS = 10
"""Parts that rows are dealt into: one for testing, one for validation, the others for training."""

LEAST_FOLDS = 5
"""With fewer splits some parts stay untested, since networks need most rows for training."""

MOST_TESTED = 5000
"""Most test rows, and most validation rows, of one block; more rows would add little."""

STRATA = 10
"""Regression targets are stratified into this many parts of equal size."""


@dataclass(frozen=True)
class Block:
    """Row numbers of one split."""

    train: Rows
    validation: Rows
    test: Rows


def blocks(table: Table, count: int, seed: int) -> tuple[list[Block], Splits]:
    """`count` splits of a table's rows.

    Raises
    ------
    StudyError
        There are too few rows (or groups of equal rows) to divide.
    """
    if count < 2:
        raise StudyError(f"splits must be at least 2, not {count}: with one split, luck is unknown")
    order = _order(table)
    test: Rows | None = None
    if table.test is not None:
        order, test = order[~table.test[order]], order[table.test[order]]
    member, strata = _groups(table, order)
    sizes = np.bincount(member)
    repeats = max(1, round(count / FOLDS))
    # For its scores to exist, each part needs rows of every class (in a regression, two rows).
    most = len(sizes) // 2 if table.task == "regression" else int(np.bincount(strata).min())
    folds = max(LEAST_FOLDS, min(-(-count // repeats), most))
    if len(sizes) < folds:
        raise StudyError(
            f"{table.name}: {len(sizes)} different rows cannot be divided into {folds} parts; "
            "more rows are needed"
        )
    made = []
    for split in range(count):
        repeat, tested = divmod(split, folds)
        fold = _deal(strata, folds, np.random.default_rng([seed, 2, repeat]))
        draw = np.random.default_rng([seed, 3, split])
        validates = _capped(fold == (tested + 1) % folds, sizes, draw)
        tests = np.zeros_like(validates) if test is not None else (
            _capped(fold == tested, sizes, draw)
        )  # fmt: skip
        # Shuffled, since the first training rows are used as a sample.
        train = draw.permutation(order[(~validates & ~tests)[member]])
        made.append(
            Block(train, order[validates[member]], order[tests[member]] if test is None else test)
        )
    times = "" if count <= folds else f", repeated {-(-count // folds)} times"
    kind = f"{folds}-fold cross-validation{times}, stratified by {_strata_name(table)}"
    if test is not None:
        kind = f"the data's own test part; validation rows by {kind}"
    if len(sizes) < len(order):
        kind += ", equal rows kept together"
    return made, Splits(
        count=count,
        kind=kind,
        folds=folds,
        train=_median([len(block.train) for block in made]),
        validation=_median([len(block.validation) for block in made]),
        test=_median([len(block.test) for block in made]),
        given_test=table.test is not None,
    )


def _order(table: Table) -> Rows:
    """Row numbers sorted by the rows' content, not by their position."""
    import pandas as pd

    key = np.zeros(table.rows, np.uint64)
    for part in (table.numbers, table.categories, table.texts, table.y[:, None]):
        for column in part.T:
            key = key * np.uint64(0x9E3779B97F4A7C15) + pd.util.hash_array(column + 0)
    return np.argsort(key, kind="stable")


def _groups(table: Table, order: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row, in that order, the number of its group; the stratum of each group."""
    strata = _strata(table)[order]
    if table.groups is None:
        return np.arange(len(order)), strata
    _, first, member = np.unique(table.groups[order], return_index=True, return_inverse=True)
    # Groups are numbered in this order, so that their numbers depend on content only.
    place = np.argsort(np.argsort(first))
    return place[member].astype(np.int64), strata[np.sort(first)]


def _strata(table: Table) -> NDArray[np.int64]:
    if table.task == "classification":
        return table.y.astype(np.int64)
    inner = np.quantile(table.y, np.linspace(0, 1, STRATA + 1)[1:-1])
    return np.searchsorted(inner, table.y).astype(np.int64)


def _strata_name(table: Table) -> str:
    return "class" if table.task == "classification" else "deciles of the target"


def _deal(strata: NDArray[np.int64], folds: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Deal shuffled items out to folds like a pack of cards, one stratum after another."""
    shuffled = draw.permutation(len(strata))
    dealt = shuffled[np.argsort(strata[shuffled], kind="stable")]
    fold = np.empty(len(strata), np.int64)
    fold[dealt] = np.arange(len(strata)) % folds
    return fold


def _capped(
    chosen: NDArray[np.bool], sizes: NDArray[np.int64], draw: np.random.Generator
) -> NDArray[np.bool]:
    """Choose groups with up to `MOST_TESTED` rows in all; the others may be used for training."""
    found = np.flatnonzero(chosen)
    if sizes[found].sum() <= MOST_TESTED:
        return chosen
    found = draw.permutation(found)
    kept = found[: max(1, int(np.searchsorted(np.cumsum(sizes[found]), MOST_TESTED, "right")))]
    return np.isin(np.arange(len(sizes)), kept)


def _median(values: Sequence[int]) -> int:
    return int(np.median(values))


@dataclass(frozen=True, kw_only=True)
class Target:
    """The true targets of some rows of a block."""

    y: NDArray[np.int64] | NDArray[np.float64]
    classes: int
    """Number of classes; 0 in a regression."""


class Arrays:
    """The prepared rows of all blocks, ``x[split, row]``, and how each block uses them.

    Only rows that a block uses are kept; ``train`` and the like index the kept rows.
    """

    def __init__(self, table: Table, made: Sequence[Block]) -> None:
        self.classes = len(table.classes)
        self.features = len(table.inputs)
        self.train = [np.arange(len(block.train)) for block in made]
        prepared = [prepare(table, block.train, block.validation, block.test) for block in made]
        most = max(sum(map(len, vars(block).values())) for block in made)
        self.x: Floats = np.zeros((len(made), most, self.features), np.float32)
        self.y: Targets = (
            np.zeros((len(made), most), np.int64)
            if table.classes
            else np.zeros((len(made), most), np.float32)
        )
        for split, one in enumerate(prepared):
            start = 0
            for i, x in enumerate(one.x):
                self.x[split, start : start + len(x)] = x
                self.y[split, start : start + len(x)] = one.y[i]
                start += len(x)
        self.scale = [(one.target_mean, one.target_scale) for one in prepared]
        self._tested = [Target(y=table.y[block.test], classes=self.classes) for block in made]
        self._validated = [
            Target(y=table.y[block.validation], classes=self.classes) for block in made
        ]
        self.train_count = np.array([len(block.train) for block in made])
        self.validation_count = np.array([len(block.validation) for block in made])
        self.test_count = np.array([len(block.test) for block in made])
        self._validation = _padded(self.train_count, self.validation_count)
        self._test = _padded(self.train_count + self.validation_count, self.test_count)

    def probe(self, splits: NDArray[np.intp], most: int) -> tuple[Floats, Targets]:
        """The first training rows of each split, the same number of each."""
        rows = min(most, int(self.train_count.min()))
        return self.x[splits, :rows], self.y[splits, :rows]

    def validation_chunks(
        self, splits: NDArray[np.intp], size: int
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool]]]:
        """Validation rows of each split, padded to equal numbers, and which are not padding."""
        return _chunks(*self._validation, splits, size)

    def test_chunks(
        self, splits: NDArray[np.intp], size: int
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool]]]:
        """Test rows, in the same form."""
        return _chunks(*self._test, splits, size)

    def tested(self, split: int) -> Target:
        """The true targets of a block's test rows."""
        return self._tested[split]

    def validated(self, split: int) -> Target:
        """The true targets of its validation rows."""
        return self._validated[split]

    def output(self, split: int, logits: Floats) -> NDArray[np.float64]:
        """Class probabilities, or predictions in the target's unit, from one network's logits."""
        import ogive

        exact = logits.astype(np.float64)
        if self.classes > 2:
            return np.asarray(ogive.softmax(exact), np.float64)
        if self.classes == 2:
            positive = ogive.sigmoid(exact)
            return np.concatenate([ogive.sigmoid(-exact), positive], axis=1)
        mean, scale = self.scale[split]
        return np.asarray(exact[:, 0] * scale + mean)


def _padded(
    start: NDArray[np.intp], count: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool]]:
    place = np.arange(count.max())
    counted = place < count[:, None]
    return start[:, None] + np.where(counted, place, 0), counted


def _chunks(
    rows: NDArray[np.intp], counted: NDArray[np.bool], splits: NDArray[np.intp], size: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool]]]:
    for start in range(0, rows.shape[1], size):
        part = slice(start, start + size)
        yield rows[splits, part], counted[splits, part]
