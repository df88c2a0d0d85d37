"""What a study found: frozen records, from one trained network up to the whole study.

The report and the terminal show these and compute nothing; the results file stores `Trial`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Recipe = Literal["same", "tuned"]
"""``same``: one learning rate for every activation of a depth. ``tuned``: each its own."""

Outcome = Literal["holds", "refuted", "not decided on this data"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Rows in each stratified part."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class DataDescription:
    """The data as it was trained on."""

    name: str
    """``digits``, a file's name, ``openml:61``."""
    rows: int
    features: tuple[str, ...]
    """Columns after treatment, in order."""
    classes: tuple[str, ...]
    class_counts: tuple[int, ...]
    splits: Splits
    treatments: tuple[str, ...]
    """Everything that was changed on the way in, one sentence each; empty if nothing was."""
    hash: str
    """SHA-256 of the features and targets before standardisation, in hexadecimal."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides the outcome of a study, apart from the data."""

    activations: tuple[str, ...]
    depths: tuple[int, ...]
    """Hidden layers; the head's linear map comes on top."""
    seeds: tuple[int, ...]
    tuning_seeds: tuple[int, ...]
    """Networks that choose the learning rate; never among those reported."""
    rates: tuple[float, ...]
    """The grid of learning rates."""
    epochs: int
    tuning_epochs: int = 10
    """Shorter, to find the rate; its decay to 0 is as quick."""
    width: int = 64
    batch_size: int = 32
    momentum: float = 0.9
    clip: float = 1.0
    """Largest norm of a network's whole gradient."""
    checkpoints: int = 6
    """Moments, from initialisation to the end, at which the layer maps are measured."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trained network. Layer maps are indexed ``[layer][checkpoint]``, first layer first."""

    activation: str
    depth: int
    seed: int
    rate: float
    purpose: Literal["tune", "final"]
    """``tune`` trials never see the test split."""
    validation_accuracy: float
    test_accuracy: float | None
    test_correct: str | None
    """One digit per test row, in order: 1 where it was classified correctly."""
    train_loss: tuple[float | None, ...]
    """Mean over each epoch; None from the moment it is no longer finite."""
    validation_loss: tuple[float | None, ...]
    """After each epoch."""
    diverged_at: int | None
    """Step at which the loss stopped being finite."""
    checkpoint_steps: tuple[int, ...]
    """Steps done at each checkpoint; the first is 0, initialisation."""
    dead: tuple[tuple[float, ...], ...]
    """Share of a layer's units whose derivative is 0 on every probed training row."""
    saturated: tuple[tuple[float, ...], ...]
    """Share of units with |f'| below 5 % of its supremum on at least 95 % of the probed rows."""
    gradient: tuple[tuple[float | None, ...], ...]
    """Root mean square of dL/dz over units and rows."""
    magnitude: tuple[float | None, ...]
    """Root mean square of each layer's pre-activations z, at initialisation."""
    off_centre: tuple[float | None, ...]
    """|mean| / rms of each layer's outputs, at initialisation."""
    gradient_ratio: float | None
    """log10 of the gradient's rms, first hidden layer over last, at initialisation."""
    predicted_gradient_ratio: float
    """The same from the activation's formula alone."""
    slopes: tuple[tuple[float, ...], ...]
    """PReLU's learned slope, ``[layer][checkpoint]``; empty for the others."""
    density: tuple[int, ...]
    """How many trained pre-activations fall in each bin of `DENSITY_EDGES`, all layers together."""
    seconds_per_step: float
    """Processor time of one training step of one network, on one thread: its batch's, shared
    equally. Not wall-clock, which other processes lengthen."""


DENSITY_EDGES = tuple(-6.0 + 0.25 * i for i in range(49))
"""Edges of the bins of `Trial.density`; values outside are counted in the outermost bins."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Paired difference of test accuracy against ReLU, bootstrapped over seeds and test rows."""

    difference: float
    interval: Interval
    p: float
    """Two-sided, Holm-adjusted over the activations compared at this depth and recipe."""
    significant: bool


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One activation at one depth under one recipe: a row of the table."""

    activation: str
    depth: int
    recipe: Recipe
    rate: float
    mean: float
    """Test accuracy, mean over seeds."""
    interval: Interval
    """Student's t over seeds; it covers initialisation and batch order, not the choice of rows."""
    rank: float
    """Mean over seeds; 1 is best."""
    group: str
    """Letters; two activations that share one do not differ significantly (Nemenyi, 5 %)."""
    effect: Effect | None
    """Against ReLU; None for ReLU itself, or when ReLU was not run."""
    trainable: bool
    """Mean validation accuracy reaches halfway from the largest class's share to 1."""
    dead: float
    """Share of all hidden units that are dead at the end, mean over seeds."""
    saturated: float
    gradient_ratio: float | None
    """log10 first/last layer at initialisation, mean over seeds; None if never finite."""
    gradient_ratio_interval: Interval | None
    predicted_gradient_ratio: float
    seconds_per_step: float
    """Median over seeds."""
    trials: tuple[Trial, ...]
    """The cell's networks, by seed."""


@dataclass(frozen=True, kw_only=True)
class Significance:
    """Friedman's test over blocks (seeds, at each depth), then Nemenyi's critical difference."""

    depth: int | None
    """None: blocks of all depths together."""
    recipe: Recipe
    blocks: int
    activations: tuple[str, ...]
    """By mean rank, best first."""
    mean_ranks: tuple[float, ...]
    statistic: float
    p: float
    significant: bool
    critical_difference: float | None
    """Mean ranks closer than this do not differ significantly; None if Friedman finds nothing."""
    groups: tuple[tuple[str, ...], ...]
    """Maximal sets of activations that do not differ significantly."""
    sentence: str
    """What may be concluded."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One claim of the note, put to the test."""

    key: str
    """Stable identifier, such as ``relu-not-centred``."""
    claim: str
    """What the note says."""
    prediction: str
    """The number theory predicts, or what would have to be seen."""
    measured: str
    """What was measured, with its number."""
    verdict: Outcome
    explanation: str
    """How it was measured and why that decides it, or what would be needed."""


@dataclass(frozen=True, kw_only=True)
class TuningScore:
    """Mean validation accuracy of one learning rate over the tuning seeds."""

    activation: str
    depth: int
    rate: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """Everything the report shows."""

    data: DataDescription
    settings: Settings
    command: str
    """What to type to run it again."""
    versions: tuple[tuple[str, str], ...]
    """(name, version): Python, NumPy, Ogive, its instruction set, and the rest."""
    started: str
    """ISO 8601, UTC."""
    seconds: float
    trials_trained: int
    trials_resumed: int
    results_file: str
    notes: tuple[str, ...]
    """What a reader must know: damaged lines skipped, rates at the edge of the grid…"""
    same_rates: tuple[tuple[int, float], ...]
    """(depth, rate) of the *same recipe*: the best mean validation accuracy over activations."""
    tuning: tuple[TuningScore, ...]
    cells: tuple[Cell, ...]
    """Ordered by depth, recipe, then mean accuracy, best first."""
    significance: tuple[Significance, ...]
    verdicts: tuple[Verdict, ...]

    def cell(self, activation: str, depth: int, recipe: Recipe = "tuned") -> Cell | None:
        """The cell of an activation, or None if it was not run."""
        for cell in self.cells:
            if (cell.activation, cell.depth, cell.recipe) == (activation, depth, recipe):
                return cell
        return None
