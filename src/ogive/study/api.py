"""`ogive.study.run`: a study from Python, and its two steps, which the command line takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .blocks import Block, blocks
from .data import load
from .errors import StudyError
from .forecast import Progress
from .grid import checked, default_results, describe, identity, run_grid
from .journal import Journal
from .result import DataDescription, Settings, StudyResult
from .settings import settings
from .table import Options, Table
from .workers import BACKENDS, Backend, Workers

SPLITS = 10


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study that is about to be run."""

    table: Table
    made: tuple[Block, ...]
    data: DataDescription
    settings: Settings

    @property
    def results(self) -> Path:
        """The default file for finished trials: ``results/NAME-HASH.jsonl``."""
        return default_results(self.data, self.settings)

    def page(self, results: Path) -> Path:
        """The report's file; each grid that uses the same results file has its own page."""
        grid = hashlib.sha256(repr(self.settings).encode()).hexdigest()[:4]
        return results.with_name(f"{results.stem}-{grid}.html")


def plan(table: Table, *, splits: int = SPLITS, seed: int = 0, **asked: Any) -> Plan:
    """Divide the rows and choose the settings; `asked` are arguments of `run`."""
    made, division = blocks(table, splits, seed)
    return Plan(
        table=table,
        made=tuple(made),
        data=describe(table, division),
        settings=settings(table, division, seed=seed, **asked),
    )


def execute(
    planned: Plan,
    *,
    jobs: int = 0,
    backend: Backend = "loky",
    scheduler: str | None = None,
    results: Path | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
    command: str = "",
) -> StudyResult:
    """Train the missing trials, and conclude."""
    if jobs < 0:
        raise StudyError(f"jobs must not be negative, not {jobs}")
    if backend not in BACKENDS:
        raise StudyError(f"backend {backend!r} is not known here; it can be {', '.join(BACKENDS)}")
    if scheduler is not None and backend == "loky":
        raise StudyError("a scheduler needs a backend: dask or ray")
    with Workers(backend, jobs or _cores(), scheduler) as workers:
        journal = None
        if results:
            study = identity(planned.data, planned.settings)
            journal = Journal(results, study, checked(planned.made, planned.settings))
        try:
            return run_grid(
                planned.table,
                planned.made,
                planned.data,
                planned.settings,
                workers,
                journal=journal,
                command=command or f"ogive.study.run({planned.table.name!r}, …)",
                progress=progress,
            )
        finally:
            if journal:
                journal.close()


def run(
    data: Any = "digits",
    target: Any = None,
    *,
    options: Options | None = None,
    activations: Sequence[str] = (),
    depths: Sequence[int] = (),
    splits: int = SPLITS,
    baseline: str | None = None,
    metric: str | None = None,
    rope: float = 1.0,
    rates: Sequence[float] = (),
    optimizer: str = "sgd",
    epochs: int | None = None,
    width: int = 64,
    seed: int = 0,
    quick: bool = False,
    jobs: int = 0,
    backend: Backend = "loky",
    scheduler: str | None = None,
    results: str | Path | bool = False,
    progress: Callable[[Progress], None] = lambda progress: None,
    command: str = "",
) -> StudyResult:
    """Compare activations on a table: train, test, conclude.

    Parameters
    ----------
    data
        A bundled set's name, a file, ``openml:ID``, a DataFrame, a pair ``(x, y)``, an array, or a
        mapping of columns.
    target
        The column to predict, or its values; None for the last column.
    options : Options, optional
        How to read the data: columns to drop, values that mean "missing", and so on.
    activations : sequence of str, optional
        Names in the catalog.
    depths : sequence of int, optional
        Numbers of hidden layers.
    splits : int
        Number of blocks. Each has its own training, validation and test rows, random weights and
        learning rates.
    baseline : str, optional
        The activation that the others are compared with; ReLU by default, if it takes part.
    metric : {"accuracy", "balanced_accuracy", "auc", "r2"}, optional
        The compared metric. Default: accuracy, or AUC if one class has 80 % of the rows; R² in a
        regression.
    rope : float
        Differences up to this many points (hundredths) do not matter in practice.
    rates : sequence of float, optional
        Learning rates to choose from.
    optimizer : {"sgd", "adam"}
        Gradient descent with momentum, or Adam.
    epochs : int, optional
        Most passes over the training rows.
    width : int
        Units of a hidden layer.
    seed : int
        Seed of the splits and of all random numbers.
    quick : bool
        A smaller study: two depths, fewer steps, no boosting.
    jobs : int
        Number of processes; 0 for one per core.
    backend : {"loky", "dask", "ray"}
        This machine's processes, or a cluster at `scheduler`.
    scheduler : str, optional
        The cluster's address.
    results : str, Path or bool
        File where finished trials are kept, so that a study can be interrupted; True for
        ``results/NAME-HASH.jsonl``.
    progress : callable
        Called with a `Progress` at each stage and whenever a job has ended.
    command : str
        The command that the report shows for running the study again.

    Returns
    -------
    StudyResult
        The answer, the table, every trial.

    Raises
    ------
    StudyError
        The data, the settings or a file cannot be used; the message is one clear line.
    """
    table = data if isinstance(data, Table) else load(data, options, target=target)
    planned = plan(
        table,
        splits=splits,
        seed=seed,
        activations=activations,
        depths=depths,
        baseline=baseline,
        metric=metric,
        rope=rope,
        rates=rates,
        optimizer=optimizer,
        epochs=epochs,
        width=width,
        quick=quick,
    )
    return execute(
        planned,
        jobs=jobs,
        backend=backend,
        scheduler=scheduler,
        results=planned.results if results is True else Path(results) if results else None,
        progress=progress,
        command=command,
    )


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())
