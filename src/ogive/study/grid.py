"""Goes through the grid: choose each learning rate, train the final networks, conclude."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

import ogive

from .claims import verdicts
from .journal import Journal
from .result import (
    Cell,
    DataDescription,
    Interval,
    Recipe,
    Settings,
    Significance,
    StudyResult,
    Trial,
    TuningScore,
)
from .statistics import effects, letters, mean_interval, ranks, significance
from .training import Batch, Parts, train

Progress = Callable[[float, float, str], None]
"""Called with the work done, the work in all, and what is being done."""

BASELINE = "relu"
RECIPES: tuple[Recipe, ...] = ("tuned", "same")


def identity(data: DataDescription, settings: Settings) -> dict[str, Any]:
    """What all trials of one results file share; the grid itself may grow."""
    recipe = dataclasses.asdict(settings)
    for grid in ("activations", "depths", "seeds", "tuning_seeds", "rates"):
        del recipe[grid]
    return {"data": data.name, "data_hash": data.hash, **recipe}


def default_results(data: DataDescription, settings: Settings) -> Path:
    """``results/NAME-HASH.jsonl``."""
    text = json.dumps(identity(data, settings), sort_keys=True)
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in data.name)
    return Path("results") / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.jsonl"


def run(
    parts: Parts,
    data: DataDescription,
    settings: Settings,
    journal: Journal,
    *,
    jobs: int,
    command: str,
    progress: Progress = lambda done, total, doing: None,
) -> StudyResult:
    """The whole study; trials that the journal holds are not trained again."""
    started, began = datetime.now(UTC), time.perf_counter()
    grid = Grid(parts, settings, journal, jobs, progress)
    tuning = _tune(grid)
    tuned = {
        (name, depth): _best_rate(tuning, [name], depth)
        for name in settings.activations
        for depth in settings.depths
    }
    same = {depth: _best_rate(tuning, settings.activations, depth) for depth in settings.depths}
    trials = _final(grid, tuned, same)
    cells, tests = [], []
    for depth in settings.depths:
        for recipe in RECIPES:
            chosen = {
                name: trials[name, depth, same[depth] if recipe == "same" else tuned[name, depth]]
                for name in settings.activations
            }
            of_cells, test = _summarise(chosen, data, depth, recipe)
            cells += of_cells
            tests += [test] if test else []
    for recipe in RECIPES:
        if len(settings.depths) > 1:
            test = _over_depths(cells, settings, recipe)
            tests += [test] if test else []
    progress(grid.total, grid.total, "the note's claims")
    found = verdicts(parts, settings, cells)
    progress(grid.total, grid.total, "done")
    return StudyResult(
        data=data,
        settings=settings,
        command=command,
        versions=_versions(),
        started=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - began,
        trials_trained=grid.trained,
        trials_resumed=grid.resumed,
        results_file=str(journal.path),
        notes=(*journal.notes, *_notes(tuning, tuned, settings)),
        same_rates=tuple(same.items()),
        tuning=tuple(tuning),
        cells=tuple(cells),
        significance=tuple(tests),
        verdicts=tuple(found),
    )


class Grid:
    """Trains what is missing, stores it, and keeps count."""

    def __init__(
        self, parts: Parts, settings: Settings, journal: Journal, jobs: int, progress: Progress
    ) -> None:
        self.parts, self.settings, self.journal = parts, settings, journal
        self.jobs, self.progress = jobs, progress
        self.trained = self.resumed = 0
        self.done = 0.0
        lanes = len(settings.tuning_seeds) * len(settings.rates)
        final = 2 * len(settings.seeds)
        self.total = sum(
            _work(depth, lanes, settings.tuning_epochs) + _work(depth, final, settings.epochs)
            for depth in settings.depths
            for _ in settings.activations
        )

    def trials(
        self,
        purpose: Literal["tune", "final"],
        lanes: dict[tuple[str, int], list[tuple[int, float]]],
    ) -> Iterator[Trial]:
        """Every trial of (activation, depth): (seed, rate) pairs, from the journal or trained."""
        epochs = self.settings.epochs if purpose == "final" else self.settings.tuning_epochs
        batches = []
        for (name, depth), pairs in lanes.items():
            missing = []
            for seed, rate in pairs:
                stored = self.journal.find(_settings_of(name, depth, seed, rate, purpose))
                if stored is None:
                    missing.append((seed, rate))
                    continue
                self.resumed += 1
                self._advance(depth, 1, epochs, purpose)
                yield stored
            if missing:
                batches.append(self._batch(name, depth, missing, purpose, epochs))
        # The deepest first: the last ones to end are then short, and no worker waits long.
        batches.sort(key=lambda batch: -batch.depth)
        for batch, trained in _train_all(self.parts, batches, self.jobs):
            for trial in trained:
                key = _settings_of(trial.activation, trial.depth, trial.seed, trial.rate, purpose)
                self.journal.add(key, trial)
                self.trained += 1
                yield trial
            self._advance(batch.depth, len(trained), epochs, purpose)

    def _batch(
        self,
        name: str,
        depth: int,
        lanes: list[tuple[int, float]],
        purpose: Literal["tune", "final"],
        epochs: int,
    ) -> Batch:
        return Batch(
            activation=name,
            depth=depth,
            purpose=purpose,
            seeds=tuple(seed for seed, _ in lanes),
            rates=tuple(rate for _, rate in lanes),
            epochs=epochs,
            width=self.settings.width,
            batch_size=self.settings.batch_size,
            momentum=self.settings.momentum,
            clip=self.settings.clip,
            checkpoints=self.settings.checkpoints,
        )

    def _advance(self, depth: int, lanes: int, epochs: int, purpose: str) -> None:
        self.done += _work(depth, lanes, epochs)
        doing = "choosing learning rates" if purpose == "tune" else "final networks"
        self.progress(min(self.done, self.total), self.total, doing)


def _work(depth: int, lanes: int, epochs: int) -> float:
    return (depth + 1) * lanes * epochs


def _settings_of(name: str, depth: int, seed: int, rate: float, purpose: str) -> dict[str, Any]:
    return {"activation": name, "depth": depth, "seed": seed, "rate": rate, "purpose": purpose}


def _train_all(
    parts: Parts, batches: list[Batch], jobs: int
) -> Iterable[tuple[Batch, list[Trial]]]:
    if jobs == 1 or len(batches) < 2:
        return map(lambda batch: _train_one(parts, batch), batches)
    # One thread in each worker: their number is what fills the machine.
    with joblib.parallel_config(inner_max_num_threads=1, backend="loky"):
        pool = joblib.Parallel(n_jobs=min(jobs, len(batches)), return_as="generator_unordered",
                               batch_size=1, pre_dispatch="n_jobs + 1")  # fmt: skip
        results: Iterable[tuple[Batch, list[Trial]]] = pool(
            joblib.delayed(_work_for)(os.getpid(), parts, batch) for batch in batches
        )
    return results


def _work_for(parent: int, parts: Parts, batch: Batch) -> tuple[Batch, list[Trial]]:
    _end_with(parent)
    return _train_one(parts, batch)


@cache
def _end_with(parent: int) -> None:
    """End this worker when the study is killed: it would wait for more work for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _train_one(parts: Parts, batch: Batch) -> tuple[Batch, list[Trial]]:
    threads = ogive.get_num_threads()
    ogive.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return batch, train(parts, batch)
    finally:
        ogive.set_num_threads(threads)


def _tune(grid: Grid) -> list[TuningScore]:
    settings = grid.settings
    pairs = [(seed, rate) for rate in settings.rates for seed in settings.tuning_seeds]
    cells = {(name, depth): pairs for name in settings.activations for depth in settings.depths}
    scores: dict[tuple[str, int, float], list[float]] = {}
    for trial in grid.trials("tune", cells):
        key = trial.activation, trial.depth, trial.rate
        scores.setdefault(key, []).append(trial.validation_accuracy)
    return [
        TuningScore(
            activation=name,
            depth=depth,
            rate=rate,
            accuracy=float(np.mean(scores[name, depth, rate])),
        )
        for name, depth in cells
        for rate in settings.rates
    ]


def _best_rate(tuning: list[TuningScore], names: Iterable[str], depth: int) -> float:
    """Highest mean accuracy; of equals the smaller rate, which is the safer."""
    wanted, total = set(names), dict[float, float]()
    for score in tuning:
        if score.activation in wanted and score.depth == depth:
            total[score.rate] = total.get(score.rate, 0.0) + score.accuracy
    return max(total, key=lambda rate: (round(total[rate], 9), -rate))


def _final(
    grid: Grid, tuned: dict[tuple[str, int], float], same: dict[int, float]
) -> dict[tuple[str, int, float], list[Trial]]:
    """Networks at each activation's own rate and at the common one, trained once if equal."""
    settings = grid.settings
    cells = {
        (name, depth): [(seed, r) for r in sorted({rate, same[depth]}) for seed in settings.seeds]
        for (name, depth), rate in tuned.items()
    }
    grid.total = grid.done + sum(
        _work(depth, len(pairs), settings.epochs) for (_, depth), pairs in cells.items()
    )
    trials: dict[tuple[str, int, float], list[Trial]] = {}
    for trial in grid.trials("final", cells):
        trials.setdefault((trial.activation, trial.depth, trial.rate), []).append(trial)
    for found in trials.values():
        found.sort(key=lambda trial: trial.seed)
    return trials


def _summarise(
    chosen: dict[str, list[Trial]], data: DataDescription, depth: int, recipe: Recipe
) -> tuple[list[Cell], Significance | None]:
    """The table's rows for one depth and recipe, and whether they differ."""
    names = list(chosen)
    accuracy = np.array([[_test(trial) for trial in chosen[name]] for name in names]).T
    test = significance(accuracy, names, depth, recipe)
    marks = letters(test.groups) if test else {}
    rank = dict(zip(names, ranks(accuracy).mean(axis=0), strict=True))
    against = {}
    if BASELINE in chosen:
        against = effects({name: _correct(trials) for name, trials in chosen.items()}, BASELINE)
    largest = max(data.class_counts) / data.rows
    cells = [
        _cell(
            trials,
            recipe=recipe,
            rank=float(rank[name]),
            group=marks.get(name, ""),
            effect=against.get(name),
            trainable_from=(1 + largest) / 2,
        )
        for name, trials in chosen.items()
    ]
    return sorted(cells, key=lambda cell: -cell.mean), test


def _cell(trials: list[Trial], *, recipe: Recipe, trainable_from: float, **compared: Any) -> Cell:
    first = trials[0]
    accuracy = [_test(trial) for trial in trials]
    measured = [t.gradient_ratio for t in trials if t.gradient_ratio is not None]
    return Cell(
        activation=first.activation,
        depth=first.depth,
        recipe=recipe,
        rate=first.rate,
        mean=float(np.mean(accuracy)),
        interval=_within(mean_interval(accuracy)),
        trainable=float(np.mean([t.validation_accuracy for t in trials])) >= trainable_from,
        dead=float(np.mean([layer[-1] for t in trials for layer in t.dead])),
        saturated=float(np.mean([layer[-1] for t in trials for layer in t.saturated])),
        gradient_ratio=float(np.mean(measured)) if measured else None,
        gradient_ratio_interval=mean_interval(measured) if len(measured) > 1 else None,
        predicted_gradient_ratio=first.predicted_gradient_ratio,
        seconds_per_step=float(np.median([t.seconds_per_step for t in trials])),
        trials=tuple(trials),
        **compared,
    )


def _within(interval: Interval) -> Interval:
    """An accuracy lies between 0 and 1, whatever Student says."""
    return Interval(low=max(0.0, interval.low), high=min(1.0, interval.high))


def _over_depths(cells: list[Cell], settings: Settings, recipe: Recipe) -> Significance | None:
    accuracy = {
        (cell.activation, cell.depth): [_test(trial) for trial in cell.trials]
        for cell in cells
        if cell.recipe == recipe
    }
    rows = [
        [accuracy[name, depth][i] for name in settings.activations]
        for depth in settings.depths
        for i in range(len(settings.seeds))
    ]
    return significance(np.array(rows), settings.activations, None, recipe)


def _test(trial: Trial) -> float:
    assert trial.test_accuracy is not None, "a final trial has seen the test split"
    return trial.test_accuracy


def _correct(trials: list[Trial]) -> np.ndarray[Any, np.dtype[np.bool]]:
    return np.array([[c == "1" for c in trial.test_correct or ""] for trial in trials])


def _notes(
    tuning: list[TuningScore], tuned: dict[tuple[str, int], float], settings: Settings
) -> list[str]:
    ends = min(settings.rates), max(settings.rates)
    # A cell that no rate trains has no best one, so its edge says nothing.
    spread: dict[tuple[str, int], set[float]] = {}
    for score in tuning:
        spread.setdefault((score.activation, score.depth), set()).add(round(score.accuracy, 2))
    edge: dict[str, list[str]] = {}
    for (name, depth), rate in tuned.items():
        if rate in ends and len(spread[name, depth]) > 1:
            edge.setdefault(f"{rate:g} at depth {depth}", []).append(name)
    if not edge:
        return []
    return [
        "Best learning rate at an end of the grid, so a wider grid might do better: "
        + "; ".join(f"{where}: {', '.join(names)}" for where, names in edge.items())
    ]


def _versions() -> tuple[tuple[str, str], ...]:
    packages = ("numpy", "scipy", "scikit-learn", "pandas", "joblib")
    return (
        ("ogive", f"{ogive.__version__} ({ogive.isa()})"),
        ("python", platform.python_version()),
        *((name, importlib.metadata.version(name)) for name in packages),
        ("platform", f"{platform.system()} {platform.machine()}"),
    )
