"""The default study, the quick one, and checks of what a user asked for instead."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ogive.catalog import find

from .errors import StudyError
from .result import Settings

NOTE = ("relu", "leaky_relu", "prelu", "rrelu", "sigmoid", "tanh")
"""The note's hidden layers. Its seventh function, softmax, turns a row into probabilities and is
the head of every network here; between layers it would be a different model, not an activation."""

ACTIVATIONS = (*NOTE, "identity", "gelu", "silu", "elu")

RATES = (0.3, 0.1, 0.03, 0.01)
"""Each about a third of the one before: closer rates differ by less than two seeds do."""

TARGET_STEPS = 2000
"""Epochs are cut where a large table would otherwise train for hours; never below one."""

FIRST_TUNING_SEED = 1000
"""Far from the reported seeds, which count from 0."""


def settings(
    train_rows: int,
    *,
    activations: Sequence[str] = (),
    depths: Sequence[int] = (),
    seeds: int | None = None,
    epochs: int | None = None,
    quick: bool = False,
) -> Settings:
    """Settings for a data set of that many training rows.

    Raises
    ------
    StudyError
        An unknown or unsuitable activation (with the nearest names), or a number out of range.
    """
    seeds = (3 if quick else 5) if seeds is None else seeds
    depths = tuple(depths) or ((2, 8) if quick else (2, 8, 20))
    # Small tables need small batches to see enough steps; 32 keeps BLAS busy.
    batch_size = min(32, max(4, train_rows // 32))
    per_epoch = math.ceil(train_rows / batch_size)
    if epochs is None:
        epochs = max(1, min(5 if quick else 16, TARGET_STEPS // per_epoch))
    _positive("seeds", seeds)
    _positive("epochs", epochs)
    for depth in depths:
        _positive("depth", depth)
    return Settings(
        activations=_activations(activations or ACTIVATIONS),
        depths=tuple(sorted(set(depths))),
        seeds=tuple(range(seeds)),
        tuning_seeds=tuple(range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + (1 if quick else 2))),
        rates=RATES,
        epochs=epochs,
        tuning_epochs=(epochs + 1) // 2,
        batch_size=batch_size,
        checkpoints=3 if quick else 6,
    )


def _activations(names: Sequence[str]) -> tuple[str, ...]:
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


def _positive(what: str, value: int) -> None:
    if value < 1:
        raise StudyError(f"{what} must be at least 1, not {value}")
