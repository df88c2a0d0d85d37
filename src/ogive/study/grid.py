"""Runs the grid: trains and stores the missing trials, then draws the conclusions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import ogive

from .answer import answer
from .blocks import Arrays, Block
from .claims import verdicts
from .conclude import Key, conclude
from .forecast import Forecast, Progress, seconds
from .journal import Journal, Stored
from .metrics import unpack
from .result import (
    Cell,
    DataDescription,
    ModelTrial,
    Settings,
    Splits,
    StudyResult,
    Trial,
)
from .statistics import SharedRows
from .table import Table
from .training import Job, seed_of
from .workers import ModelJob, Workers

PIECES = 30
"""Jobs are split until none takes more than the study's time divided by this."""

GRID = ("activations", "depths", "splits", "baseline", "rope", "models")
"""Settings that may differ between studies that share a results file."""


def describe(table: Table, splits: Splits) -> DataDescription:
    """Describe the data as the study trains on it."""
    spread = None
    if table.task == "regression":
        spread = float(table.y.mean()), float(table.y.std())
    return DataDescription(
        name=table.name,
        task=table.task,
        target=table.target,
        rows=table.rows,
        columns=len(table.columns),
        features=table.inputs,
        classes=table.classes,
        class_counts=table.class_counts,
        splits=splits,
        treatments=table.treatments,
        warnings=table.warnings,
        hash=table.hash,
        target_spread=spread,
    )


def identity(data: DataDescription, settings: Settings) -> dict[str, Any]:
    """Everything that the trials of one results file have in common; the grid may grow."""
    recipe = {name: value for name, value in vars(settings).items() if name not in GRID}
    return {
        "data_hash": data.hash,
        "folds": data.splits.folds,
        **json.loads(json.dumps(recipe)),
    }


def default_results(data: DataDescription, settings: Settings) -> Path:
    """``results/NAME-HASH.jsonl``."""
    text = json.dumps(identity(data, settings), sort_keys=True)
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in data.name)
    return Path("results") / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.jsonl"


def checked(made: Sequence[Block], settings: Settings) -> Callable[[Stored], None]:
    """A check, beyond the schema, that a stored trial belongs to this study."""

    def check(trial: Stored) -> None:
        if trial.split >= len(made):
            return
        rows = unpack(trial.test_rows)
        expected = len(made[trial.split].test)
        if len(rows) != expected:
            raise ValueError(f"it has {len(rows)} test rows, not {expected}")
        score, shown = trial.scores.of(settings.metric), float(rows.mean())
        known = score is not None and math.isfinite(shown)
        if known and not abs(shown - (score or 0)) < 1e-3 * (1 + abs(score or 0)):
            raise ValueError(f"its {settings.metric} is not that of its test rows")
        if isinstance(trial, Trial):
            if trial.seed != seed_of(settings, trial.split):
                raise ValueError(f"its seed {trial.seed} is not that of its block")
            if [tried.rate for tried in trial.tuning] != list(settings.rates):
                raise ValueError("its learning rates are not those of the study")
            if trial.rate not in settings.rates or len(trial.dead) != trial.depth:
                raise ValueError("it does not fit its settings")

    return check


def run_grid(
    table: Table,
    made: Sequence[Block],
    data: DataDescription,
    settings: Settings,
    workers: Workers,
    *,
    journal: Journal | None = None,
    command: str = "",
    progress: Callable[[Progress], None] = lambda progress: None,
) -> StudyResult:
    """Run the whole study; trials in the journal are not trained again."""
    started, began = datetime.now(UTC), time.perf_counter()
    progress(Progress(0.0, None, "preparing"))
    arrays = Arrays(table, made)
    found: dict[tuple[str, int, int], Stored] = {}
    for name, depth, split in _wanted(settings):
        stored = journal.find(_key(name, depth, split)) if journal else None
        if stored is not None:
            found[name, depth, split] = stored
    resumed = len(found)
    jobs = _jobs(arrays, settings, found, workers.count)
    forecast = Forecast(jobs, [seconds(job, arrays, settings) for job in jobs])
    progress(Progress(0.0, None, "starting"))
    with closing(workers.run(arrays, settings, jobs)) as results:
        for done in results:
            for trial in done.trials:
                where = _place(trial)
                if journal:
                    journal.add(_key(*where), trial)
                found[where] = trial
            forecast.end(done.number, done.seconds)
            progress(Progress(forecast.share, forecast.left(workers.count), "training"))
    progress(Progress(1.0, forecast.left(1), "concluding"))
    trials: dict[Key, list[Trial]] = {}
    models: dict[str, list[ModelTrial]] = {}
    for name, depth, split in _wanted(settings):
        trial = found[name, depth, split]
        if isinstance(trial, Trial):
            trials.setdefault((name, depth), []).append(trial)
        else:
            models.setdefault(name, []).append(trial)
    tested = SharedRows.of(made, table)
    cells, compared, comparisons = conclude(trials, models, tested, settings)
    verdict = verdicts(arrays, settings, cells, comparisons)
    return StudyResult(
        data=data,
        settings=settings,
        answer=answer(data, settings, cells, compared),
        command=command,
        versions=versions(),
        started=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - began,
        workers=str(workers),
        trials_trained=len(found) - resumed,
        trials_resumed=resumed,
        results_file=str(journal.path) if journal else "",
        notes=(*(journal.notes if journal else ()), *workers.notes, *_edges(cells, settings)),
        cells=cells,
        models=compared,
        comparisons=comparisons,
        verdicts=tuple(verdict),
    )


def _wanted(settings: Settings) -> list[tuple[str, int, int]]:
    """(activation, depth, split) of every trial, and (model, 0, split)."""
    splits = range(settings.splits)
    nets = [(name, depth, split) for depth in settings.depths
            for name in settings.activations for split in splits]  # fmt: skip
    return nets + [(model, 0, split) for model in settings.models for split in splits]


def _place(trial: Stored) -> tuple[str, int, int]:
    if isinstance(trial, Trial):
        return trial.activation, trial.depth, trial.split
    return trial.model, 0, trial.split


def _key(name: str, depth: int, split: int) -> dict[str, Any]:
    return {"name": name, "depth": depth, "split": split}


def _jobs(
    arrays: Arrays,
    settings: Settings,
    found: dict[tuple[str, int, int], Stored],
    workers: int,
) -> list[Job | ModelJob]:
    """The missing trials, in jobs of similar length.

    One job of each kind comes first, so that the time of the others can be predicted. The rest
    follow from longest to shortest, so that no worker waits long at the end.
    """
    whole: list[Job | ModelJob] = []
    for depth in settings.depths:
        for name in settings.activations:
            splits = _missing(found, name, depth, settings)
            whole += [Job(activation=name, depth=depth, splits=splits)] if splits else []
    for model in settings.models:
        splits = _missing(found, model, 0, settings)
        whole += [ModelJob(model, splits)] if splits else []
    guesses = [seconds(job, arrays, settings) for job in whole]
    longest = max(sum(guesses) / max(PIECES, 8 * workers), 0.3)
    jobs = [piece for job, guess in zip(whole, guesses, strict=True)
            for piece in _cut(job, -(-guess // longest))]  # fmt: skip
    jobs.sort(key=lambda job: -seconds(job, arrays, settings))
    kinds: dict[Any, Job | ModelJob] = {}
    for job in jobs:
        kinds.setdefault(job.model if isinstance(job, ModelJob) else job.depth, job)
    first = sorted(kinds.values(), key=lambda job: seconds(job, arrays, settings))
    return [*first, *(job for job in jobs if not any(job is one for one in first))]


def _missing(
    found: dict[tuple[str, int, int], Stored], name: str, depth: int, settings: Settings
) -> tuple[int, ...]:
    return tuple(s for s in range(settings.splits) if (name, depth, s) not in found)


def _cut(job: Job | ModelJob, pieces: float) -> list[Job | ModelJob]:
    from dataclasses import replace

    count = int(min(max(1, pieces), len(job.splits)))
    parts = np.array_split(np.array(job.splits), count)
    return [replace(job, splits=tuple(int(split) for split in part)) for part in parts]


def _edges(cells: Sequence[Cell], settings: Settings) -> list[str]:
    """A note if cells chose rates at an end of the grid, so that a wider grid might do better."""
    if len(settings.rates) < 3:
        return []
    found: dict[str, list[str]] = {}
    for cell in cells:
        for end in (max(settings.rates), min(settings.rates)):
            if cell.state == "trains" and cell.rates.count(end) > 0.8 * len(cell.rates):
                found.setdefault(f"{end:g} at depth {cell.depth}", []).append(cell.activation)
    if not found:
        return []
    return [
        "Nearly all blocks chose a learning rate at an end of --rates, so a wider grid might do "
        "better: " + "; ".join(f"{where}: {', '.join(names)}" for where, names in found.items())
    ]


def versions() -> tuple[tuple[str, str], ...]:
    """Versions of everything that the numbers depend on."""
    packages = ("numpy", "scipy", "scikit-learn", "pandas", "joblib")
    return (
        ("ogive", f"{ogive.__version__} ({ogive.isa()})"),
        ("python", platform.python_version()),
        *((name, importlib.metadata.version(name)) for name in packages),
        ("platform", f"{platform.system()} {platform.machine()}"),
    )
