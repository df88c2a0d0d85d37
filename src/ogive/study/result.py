"""What a study found: frozen records, from one trained network up to the whole study.

The report and the terminal show these records and compute nothing; the results file stores `Trial`
and `ModelTrial`. Scores and differences are fractions (0.974); a *point* is 0.01.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

import ogive

if TYPE_CHECKING:
    import pandas as pd

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]

Task = Literal["classification", "regression"]

Metric = Literal["accuracy", "balanced_accuracy", "auc", "log_loss", "r2", "rmse"]

Outcome = Literal["holds", "refuted", "not decided on this data"]

State = Literal["trains", "fails", "not shown"]
"""``trains``: better than the constant prediction, by the test. ``fails``: the interval of that
comparison ends within the region of practical equivalence. ``not shown``: neither."""

Optimizer = Literal["sgd", "adam"]

METRICS: dict[Task, tuple[Metric, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "auc", "log_loss"),
    "regression": ("r2", "rmse"),
}


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, at 95 % unless the record that holds it names another level."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Splits:
    """How rows are divided, anew for each block."""

    count: int
    kind: str
    """In words: ``10-fold cross-validation, repeated 2 times, stratified by class``."""
    folds: int
    """Parts that the rows are dealt into: one for testing, one for validation, the others for
    training."""
    train: int
    validation: int
    test: int
    """Rows of each part, median over the splits."""
    given_test: bool = False
    """Whether the data came with a test part, which all splits then use."""


@dataclass(frozen=True, kw_only=True)
class DataDescription:
    """The data as it was trained on."""

    name: str
    """``digits``, a file's name, ``openml:61``."""
    task: Task
    target: str
    rows: int
    columns: int
    """Features before treatment."""
    features: tuple[str, ...]
    """Columns after treatment, in order, as fitted on the first split's training rows."""
    classes: tuple[str, ...]
    """Empty in a regression."""
    class_counts: tuple[int, ...]
    splits: Splits
    treatments: tuple[str, ...]
    """Everything that was changed while reading, one sentence each; empty if nothing was."""
    warnings: tuple[str, ...]
    """Likely mistakes in the data: a feature that equals the target, repeated rows, …"""
    hash: str
    """SHA-256 of the features and targets before treatment, in hexadecimal."""
    target_spread: tuple[float, float] | None = None
    """Mean and standard deviation of a continuous target."""

    @property
    def majority(self) -> float:
        """Share of the largest class."""
        return max(self.class_counts) / sum(self.class_counts) if self.class_counts else 0.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything except the data that decides the outcome of a study."""

    task: Task
    activations: tuple[str, ...]
    depths: tuple[int, ...]
    """Numbers of hidden layers, not counting the head's linear map."""
    baseline: str
    """The activation that all others are compared with; ReLU by default."""
    metric: Metric
    """The compared metric; the others are only reported."""
    rope: float
    """Half width of the region of practical equivalence: 0.01 is one point."""
    splits: int
    seed: int
    """Seed of the splits and of all random numbers."""
    rates: tuple[float, ...]
    """The learning rates to choose from; each reported network uses its own choice."""
    optimizer: Optimizer
    steps: int
    """Most training steps of a reported network."""
    rounds: int
    """How often a network is validated; early stopping keeps the weights of the best round."""
    tuning_steps: int
    """Training steps of a network that only tries a learning rate."""
    tuning_rounds: int
    patience: int
    """Rounds without an improvement after which a network stops."""
    width: int
    batch_size: int
    momentum: float
    clip: float
    """Largest norm of the gradient of a whole network."""
    checkpoints: int
    """Number of times, from initialisation to the end, at which the layer maps are measured."""
    models: tuple[str, ...] = ("constant", "linear", "boosting")
    """Models to compare with: the majority class or mean, logistic or ridge regression,
    histogram gradient boosting."""

    def epochs(self, train_rows: int) -> float:
        """Most passes over the training rows that a reported network makes."""
        return self.steps * self.batch_size / train_rows


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Metrics on the test rows; None if one is undefined or belongs to the other task."""

    accuracy: Share | None = None
    balanced_accuracy: Share | None = None
    auc: Share | None = None
    """Area under the ROC curve; with more than two classes, the mean of each against the rest."""
    log_loss: NotNegative | None = None
    r2: float | None = None
    rmse: NotNegative | None = None
    """In the target's unit."""

    def of(self, metric: Metric) -> float | None:
        """The score of one metric."""
        value: float | None = getattr(self, metric)
        return value


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """One learning rate tried for one block, with a network that is not the reported one."""

    rate: float
    seed: int
    loss: NotNegative | None
    """Least validation loss; None if the network diverged."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One activation at one depth in one block: the choice of its learning rate, and its network.

    Layer maps are indexed ``[layer][checkpoint]``, first layer first.
    """

    activation: str
    depth: Count
    split: Count
    seed: Count
    rate: Positive
    tuning: tuple[Tuning, ...]
    """In the order of `Settings.rates`."""
    scores: Scores
    test_rows: str
    """Each test row's share in the compared metric, in the split's order: base64 of little-endian
    float32, whose mean is the score. `ogive.study.metrics.unpack` reads it."""
    validation_rows: str
    """The same for the validation rows. They are test rows of another block, so what both blocks
    have in common is not luck."""
    best_round: Count
    """The round, from 1, whose weights were kept; 0 is initialisation."""
    train_loss: tuple[NotNegative | None, ...]
    """Mean over each round; None from the round in which it is no longer finite."""
    validation_loss: tuple[NotNegative | None, ...]
    """Loss after each round."""
    diverged_at: Count | None
    """Step at which the loss stopped being finite."""
    checkpoint_steps: tuple[Count, ...]
    """Number of steps before each checkpoint; the first is 0, initialisation."""
    dead: tuple[tuple[Share, ...], ...]
    """Share of a layer's units whose derivative is 0 on every probed training row."""
    saturated: tuple[tuple[Share, ...], ...]
    """Share of units with |f'| below 5 % of its supremum on at least 95 % of the probed rows."""
    gradient: tuple[tuple[NotNegative | None, ...], ...]
    """Root mean square of dL/dz over units and rows."""
    magnitude: tuple[NotNegative | None, ...]
    """Root mean square of each layer's pre-activations z, at initialisation."""
    off_centre: tuple[NotNegative | None, ...]
    """|mean| / rms of each layer's outputs, at initialisation."""
    gradient_ratio: float | None
    """log10 of the gradient's rms, first hidden layer over last, at initialisation."""
    predicted_gradient_ratio: float
    """The same, predicted from the activation's formula alone."""
    slopes: tuple[tuple[float, ...], ...]
    """PReLU's learned slope, ``[layer][checkpoint]``; empty for the others."""
    density: tuple[Count, ...]
    """How many trained pre-activations fall in each bin of `DENSITY_EDGES`, all layers together."""
    seconds_per_step: NotNegative
    """Processor time of one training step of one network on one thread: the batch's time divided by
    its networks. Wall time would include the load of other processes."""
    seconds: NotNegative
    """Processor time of the whole trial, including the choice of its learning rate."""


@dataclass(frozen=True, kw_only=True)
class ModelTrial:
    """One of the models to compare with, in one block; fitted on training and validation rows."""

    model: str
    """One of `Settings.models`."""
    split: Count
    scores: Scores
    test_rows: str
    """As in `Trial`."""
    seconds: NotNegative
    validation_rows: str = ""
    """As in `Trial`, for the constant prediction only; the others were fitted on these rows."""


DENSITY_EDGES = tuple(-6.0 + 0.25 * i for i in range(49))
"""Edges of the bins of `Trial.density`; the outermost bins count all values beyond them."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Paired difference of the compared metric, ``one`` minus ``other``, over the blocks.

    All of it comes from one Student distribution with ``freedom`` degrees of freedom, location
    ``difference`` and ``scale``.
    """

    one: str
    """An activation, or one of `Settings.models`."""
    other: str
    depth: int
    metric: Metric
    """`Settings.metric`; but if that is accuracy, comparisons with the constant prediction use
    balanced accuracy, which is the same for every constant prediction, however rare its class."""
    blocks: int
    difference: float
    interval: Interval
    """At ``level``; it excludes 0 exactly if ``significant``."""
    level: Share
    """1 - alpha/m, where m is the number by which Holm's method divides alpha for this comparison;
    0.95 in a study with one comparison."""
    p: Share
    """Two-sided."""
    p_adjusted: Share
    """By Holm's method, over all comparisons of the study."""
    significant: bool
    """``p_adjusted`` is below 0.05."""
    better: Share
    """Probability that the difference is above the region of practical equivalence (Bayesian
    correlated t-test)."""
    equivalent: Share
    worse: Share
    scale: float
    freedom: float
    overlap: float
    """The correction for rows that blocks share: test rows over training rows (Nadeau and Bengio),
    times the share of a row's difference that recurs with other networks."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One activation at one depth: a row of the table."""

    activation: str
    depth: int
    score: float
    """The compared metric on the test rows, mean over blocks."""
    interval: Interval
    """95 % interval for new rows, from the number of test rows."""
    scores: Scores
    """Every metric, mean over blocks."""
    rates: tuple[float, ...]
    """The learning rate that each block chose."""
    rate: float
    """The learning rate chosen most often."""
    state: State
    trains: Comparison
    """Against the constant prediction: the majority class or the mean."""
    against: Comparison | None
    """Against `Settings.baseline`; None for itself."""
    dead: Share
    """Share of all hidden units that are dead at the end, mean over blocks."""
    saturated: Share
    gradient_ratio: float | None
    """log10 first/last layer at initialisation, mean over blocks; None if never finite."""
    gradient_ratio_interval: Interval | None
    predicted_gradient_ratio: float
    seconds_per_step: NotNegative
    """Median over blocks."""
    diverged: int
    """Networks whose loss stopped being finite."""
    trials: tuple[Trial, ...]
    """The cell's networks, by block."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One of the models to compare with, in the same blocks."""

    model: str
    """One of `Settings.models`."""
    title: str
    """``always the largest class``, ``logistic regression``, …"""
    score: float
    interval: Interval
    scores: Scores
    against: tuple[Comparison, ...]
    """The baseline activation at each depth minus this model is ``-difference``: here ``one`` is
    the model. Empty for the constant prediction, which `Cell.trains` compares."""
    seconds: NotNegative
    """Processor time of one fit, median over blocks."""
    trials: tuple[ModelTrial, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One textbook claim and the outcome of testing it."""

    key: str
    """Stable identifier, such as ``relu-not-centred``."""
    claim: str
    """What the textbook says."""
    prediction: str
    """The number that theory predicts, or what would be observed if the claim holds."""
    measured: str
    """What was measured, with its number."""
    verdict: Outcome
    explanation: str
    """How it was measured and why that decides the claim, or what is needed to decide it."""


@dataclass(frozen=True, kw_only=True)
class DepthAnswer:
    """What may be concluded at one depth."""

    depth: int
    sentence: str
    best: str
    """The activation with the highest mean score."""
    better: tuple[str, ...]
    """Better than the baseline, by the test."""
    worse: tuple[str, ...]
    """Worse than the baseline, by the test."""
    equivalent: tuple[str, ...]
    """Within the region of practical equivalence of the baseline with 95 % probability."""
    failing: tuple[str, ...]
    """No better than the constant prediction."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The study's outcome in words; every sentence rests on the study's one test."""

    sentence: str
    """Which activation to use, what it gains, what to avoid."""
    use: str | None
    """The activation to use; None where nothing trains."""
    depth: int
    """The depth in ``sentence``: the shallowest whose best network is as good as any."""
    matters: Literal["yes", "no", "not shown"]
    """Whether the choice matters at that depth. ``no``: all that train are equivalent to the
    baseline with 95 % probability. ``yes``: at least one differs, by the test."""
    by_depth: tuple[DepthAnswer, ...]
    cautions: tuple[str, ...]
    """What may not be concluded, and what would help."""


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """Everything the report shows."""

    data: DataDescription
    settings: Settings
    answer: Answer
    command: str
    """The command that runs the study again."""
    versions: tuple[tuple[str, str], ...]
    """(name, version): Python, NumPy, Ogive, its instruction set, and the rest."""
    started: str
    """ISO 8601, UTC."""
    seconds: NotNegative
    workers: str
    """``2 processes, started in 1.3 s``; ``dask, 8 workers, …``."""
    trials_trained: int
    trials_resumed: int
    results_file: str
    """Empty if no file was kept."""
    notes: tuple[str, ...]
    """What a reader must know: damaged lines skipped, rates at the edge of the grid…"""
    cells: tuple[Cell, ...]
    """Ordered by depth, then score, best first."""
    models: tuple[Model, ...]
    """In the order of `Settings.models`."""
    comparisons: tuple[Comparison, ...]
    """All comparisons of the study, over which Holm's method adjusts."""
    verdicts: tuple[Verdict, ...]

    def cell(self, activation: str, depth: int) -> Cell | None:
        """The cell of an activation, or None if it was not run."""
        for cell in self.cells:
            if (cell.activation, cell.depth) == (activation, depth):
                return cell
        return None

    def at(self, depth: int) -> list[Cell]:
        """The cells of one depth, best first."""
        return [cell for cell in self.cells if cell.depth == depth]

    def model(self, name: str) -> Model | None:
        """One of the models to compare with, or None if it was not run."""
        return next((model for model in self.models if model.model == name), None)

    def compared(self, one: str, other: str, depth: int) -> Comparison | None:
        """The comparison of two names at a depth, or None if the study made none."""
        for each in self.comparisons:
            if (each.one, each.other, each.depth) == (one, other, depth):
                return each
        return None

    def to_frame(self) -> pd.DataFrame:
        """One row for each activation and depth, best first at each depth; then the models."""
        import pandas as pd

        rows: list[dict[str, object]] = []
        for cell in self.cells:
            against, trains = cell.against, cell.trains
            rows.append(
                {
                    "name": cell.activation,
                    "depth": cell.depth,
                    "score": cell.score,
                    "low": cell.interval.low,
                    "high": cell.interval.high,
                    "state": cell.state,
                    "over_constant": trains.difference,
                    "difference": against and against.difference,
                    "difference_low": against and against.interval.low,
                    "difference_high": against and against.interval.high,
                    "p_adjusted": against and against.p_adjusted,
                    "significant": against and against.significant,
                    "better": against and against.better,
                    "equivalent": against and against.equivalent,
                    "worse": against and against.worse,
                    **{name: cell.scores.of(name) for name in METRICS[self.settings.task]},
                    "rate": cell.rate,
                    "dead": cell.dead,
                    "saturated": cell.saturated,
                    "gradient_ratio": cell.gradient_ratio,
                    "seconds_per_step": cell.seconds_per_step,
                    "diverged": cell.diverged,
                }
            )
        for model in self.models:
            rows.append(
                {
                    "name": model.model,
                    "score": model.score,
                    "low": model.interval.low,
                    "high": model.interval.high,
                    **{name: model.scores.of(name) for name in METRICS[self.settings.task]},
                }
            )
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """The whole result; `from_json` reads it back."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> StudyResult:
        """Read a result that `to_json` wrote.

        Raises
        ------
        ValueError
            The text is not such a result; the message names the field.
        """
        return msgspec.json.decode(text, type=cls)

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the page: one file that works offline.

        Raises
        ------
        OSError
            The folder is missing, read-only or full.
        """
        ogive._display().write_page(self, path)
        return Path(path)

    def __str__(self) -> str:
        return self.answer.sentence

    def _repr_html_(self) -> str:
        found: str = ogive._display().notebook(self)
        return found
