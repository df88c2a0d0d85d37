"""Settings of the default and the quick study, and checks of settings that a user chose."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from ogive.catalog import find

from .errors import StudyError
from .result import METRICS, Metric, Optimizer, Settings, Splits
from .table import Table

TEXTBOOK = ("relu", "leaky_relu", "prelu", "rrelu", "sigmoid", "tanh")
"""The activations of the textbook claims. The seventh function there, softmax, turns a row into
probabilities and is the head of every network here; between layers it would be a different model,
not an activation."""

ACTIVATIONS = (*TEXTBOOK, "identity", "gelu", "silu", "elu")

BASELINE = "relu"

RATES: dict[Optimizer, tuple[float, ...]] = {
    "sgd": (0.3, 0.1, 0.03, 0.01),
    "adam": (0.01, 0.003, 0.001, 0.0003),
}
"""Each rate is about a third of the one before; a smaller step would change less than the random
weights do."""

UNBALANCED = 0.8
"""If one class has this share of the rows, always predicting it is nearly right, so networks are
compared by how well they rank rows (AUC)."""

COMPARABLE: tuple[Metric, ...] = ("accuracy", "balanced_accuracy", "auc", "r2")
"""Metrics in which 0.01 is a point and to which each test row contributes a share."""

MOST_STEPS = 3000
"""Most steps of a network, except that one pass over a large table may take more."""

MOST_TUNING_STEPS = 800

MOST_SEED = 9999


def settings(
    table: Table,
    splits: Splits,
    *,
    activations: Sequence[str] = (),
    depths: Sequence[int] = (),
    baseline: str | None = None,
    metric: str | None = None,
    rope: float = 1.0,
    seed: int = 0,
    rates: Sequence[float] = (),
    optimizer: str = "sgd",
    epochs: int | None = None,
    width: int = 64,
    quick: bool = False,
) -> Settings:
    """Settings for a table.

    Parameters
    ----------
    table : Table
        The data to train on.
    splits : Splits
        How its rows are divided.
    rope : float
        Half width of the region of practical equivalence, in points.
    epochs : int, optional
        Most passes over the training rows.

    Raises
    ------
    StudyError
        An unknown or unsuitable activation (with the nearest names), or a number out of range.
    """
    found = activation_names(activations or ACTIVATIONS)
    depths = tuple(sorted(set(depths))) or ((2, 8) if quick else (2, 8, 20))
    for depth in depths:
        _at_least("depth", depth, 1, most=1000)
    _at_least("width", width, 1, most=4096)
    _at_least("seed", seed, 0, most=MOST_SEED)
    if epochs is not None:
        _at_least("epochs", epochs, 1, most=100_000)
    kind = _one_of("optimizer", optimizer, ("sgd", "adam"))
    if not (math.isfinite(rope) and 0 <= rope < 100):
        raise StudyError(f"rope must be between 0 and 100 points, not {rope:g}")
    for rate in rates:
        if not (math.isfinite(rate) and rate > 0):
            raise StudyError(f"rates must be positive numbers, not {rate:g}")
    rows = splits.train
    # Small tables need small batches to get enough steps; 32 rows keep BLAS efficient.
    batch_size = min(max(32, 2 ** round(math.log2(max(1, rows / 2000)))), 256)
    batch_size = min(batch_size, max(4, rows // 32))
    per_epoch = max(1, round(rows / batch_size))
    passes = epochs or max(1, min(5 if quick else 16, MOST_STEPS // per_epoch))
    steps = passes * per_epoch
    rounds = min(steps, max(8, min(passes, 40)))
    tuning_steps = max(1, min(-(-steps * 3 // 8), MOST_TUNING_STEPS))
    return Settings(
        task=table.task,
        activations=found,
        depths=depths,
        baseline=_baseline(baseline, found),
        metric=_metric(metric, table),
        rope=rope / 100,
        splits=splits.count,
        seed=seed,
        rates=tuple(sorted(set(rates), reverse=True)) or RATES[kind],  # type: ignore[index]
        optimizer=kind,  # type: ignore[arg-type]
        steps=steps,
        rounds=rounds,
        tuning_steps=tuning_steps,
        tuning_rounds=min(6, tuning_steps),
        patience=max(4, rounds // 2),
        width=width,
        batch_size=batch_size,
        momentum=0.9,
        clip=1.0,
        checkpoints=min(3 if quick else 6, steps + 1),
        models=("constant", "linear") if quick else ("constant", "linear", "boosting"),
    )


def activation_names(names: Sequence[str]) -> tuple[str, ...]:
    """The catalog names of the activations, without duplicates, in the given order."""
    found = []
    for name in names:
        try:
            card = find(name)
        except ValueError as error:
            raise StudyError(str(error)) from error
        if card.kind != "unary":
            raise StudyError(
                f"{card.name} acts on whole rows, so it cannot be a hidden layer's activation; "
                "softmax is already the head of every network"
            )
        found.append(card.name)
    return tuple(dict.fromkeys(found))


def _baseline(asked: str | None, activations: tuple[str, ...]) -> str:
    if asked is None:
        return BASELINE if BASELINE in activations else activations[0]
    (name,) = activation_names([asked])
    if name not in activations:
        raise StudyError(f"baseline {name} is not among the activations of this study")
    return name


def _metric(asked: str | None, table: Table) -> Metric:
    usable = tuple(name for name in COMPARABLE if name in METRICS[table.task])
    if asked is not None:
        return _one_of("metric", asked, usable)  # type: ignore[return-value]
    if table.task == "regression":
        return "r2"
    return "auc" if max(table.class_counts) >= UNBALANCED * table.rows else "accuracy"


def _one_of(what: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        near = difflib.get_close_matches(value, allowed, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it can be {', '.join(allowed)}"
        raise StudyError(f"{what} {value!r} is not known here; {hint}")
    return value


def _at_least(what: str, value: int, least: int, *, most: int) -> None:
    if value < least:
        raise StudyError(f"{what} must be at least {least}, not {value}")
    if value > most:
        raise StudyError(f"{what} must be at most {most}, not {value}")
