"""A study's conclusions in words, shared by the page, the terminal and the notebook.

The study's records hold all numbers; this module only formats them and puts them into words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ogive.study.answer import listed
from ogive.study.answer import probability as spelled_out
from ogive.study.result import (
    METRICS,
    Cell,
    Comparison,
    DataDescription,
    DepthAnswer,
    Interval,
    Metric,
    State,
    StudyResult,
)

from .text import number, percent, plus, signed

NAMES: dict[Metric, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auc": "AUC",
    "log_loss": "log loss",
    "r2": "R²",
    "rmse": "RMSE",
}

IN_POINTS = ("accuracy", "balanced_accuracy", "auc", "r2")
"""Metrics shown in %, whose differences are in points."""

MARKS: dict[State, str] = {"trains": "✓", "fails": "✕", "not shown": "?"}

QUESTION = "Which activation?"

MATTERS = {
    "yes": "Yes",
    "no": "No",
    "not shown": "Not shown",
}


def title(metric: Metric) -> str:
    """A metric's name and unit, as the title of a column or an axis."""
    return f"{NAMES[metric]}, %" if metric in IN_POINTS else NAMES[metric]


def others(result: StudyResult) -> list[Metric]:
    """The metrics that are reported in addition to the compared one."""
    return [each for each in METRICS[result.settings.task] if each != result.settings.metric]


def score(metric: Metric, value: float | None) -> str:
    """A score without its unit."""
    return percent(value) if metric in IN_POINTS else number(value)


def span(interval: Interval) -> str:
    """``96.8 – 98.0``, for a score in %."""
    return f"{percent(interval.low)} – {percent(interval.high)}"


def difference(each: Comparison) -> str:
    """``+0.3``, in points."""
    return plus(100 * each.difference, _digits(each))


def bounds(each: Comparison) -> str:
    """``−0.5 to 1.2``, in points."""
    digits = _digits(each)
    low, high = each.interval.low, each.interval.high
    return f"{signed(100 * low, digits)} to {signed(100 * high, digits)}"


def _digits(each: Comparison) -> int:
    """Enough digits for an interval that excludes 0 not to show 0 as an end."""
    digits = 1
    if each.significant:
        ends = (each.interval.low, each.interval.high)
        while digits < 4 and any(round(100 * end, digits) == 0 for end in ends):
            digits += 1
    return digits


def star(each: Comparison) -> str:
    """A star for a difference that is significant by the study's test."""
    return " *" if each.significant else ""


def probability(value: float) -> str:
    """The answer's, in fewer letters."""
    return spelled_out(value).replace("below ", "<").replace("above ", ">")


def three(each: Comparison) -> tuple[tuple[str, float, str], ...]:
    """Probabilities that the difference is above, within and below the region of equivalence."""
    return tuple(
        (name, value, probability(value))
        for name, value in (
            ("better", each.better),
            ("equivalent", each.equivalent),
            ("worse", each.worse),
        )
    )


def rope(result: StudyResult) -> str:
    """The half width of the region of practical equivalence: ``1 point``."""
    points = f"{100 * result.settings.rope:g}"
    return f"{points} point" + ("" if points == "1" else "s")


@dataclass(frozen=True)
class Sure:
    """The comparison that the answer rests on."""

    says: str
    """What is compared with what."""
    comparison: Comparison
    practical: bool
    """Whether it is a comparison with the baseline, so that equivalence is meaningful."""


def sure(result: StudyResult) -> Sure | None:
    """The best rival against the baseline, or if nothing trains, against the constant."""
    answer, baseline = result.answer, result.settings.baseline
    here = result.at(answer.depth)
    if answer.use is not None:
        rivals = [cell for cell in here if cell.against is not None and cell.state == "trains"]
        used = [cell for cell in rivals if cell.activation == answer.use]
        for cell in (*used, *rivals):
            assert cell.against is not None
            return Sure(
                f"{cell.activation} minus {baseline} at depth {cell.depth}", cell.against, True
            )
    for cell in here:
        return Sure(
            f"{cell.activation} minus {constant(result)} at depth {cell.depth}", cell.trains, False
        )
    return None


def constant(result: StudyResult) -> str:
    """The prediction that needs no network, in words."""
    model = result.model("constant")
    return model.title if model else "the constant prediction"


def matters(result: StudyResult) -> str:
    """Whether the choice of activation matters, in words."""
    answer, baseline = result.answer, result.settings.baseline
    if answer.use is None:
        return f"No network was shown to do better than {constant(result)}."
    if not any(cell.against for cell in result.at(answer.depth)):
        return "Only one activation was run: there is nothing to choose from."
    at = f" at depth {answer.depth}" if len(result.settings.depths) > 1 else ""
    if answer.matters == "yes":
        here = next(each for each in answer.by_depth if each.depth == answer.depth)
        found = f"Against {baseline}{at}, {_groups(here)}, by the test."
    elif answer.matters == "no":
        found = (
            f"All that train are within {rope(result)} of {baseline}{at}, each with a probability "
            "of at least .95."
        )
    else:
        near = next(each.equivalent for each in answer.by_depth if each.depth == answer.depth)
        rest = [
            cell.activation for cell in result.at(answer.depth)
            if cell.against and cell.state == "trains" and cell.activation not in near
        ]  # fmt: skip
        parts = []
        if near:
            parts.append(f"Within {rope(result)} of {baseline}{at}: {listed(near)}.")
        if rest:
            parts.append(f"This study is too small to decide about {listed(rest)}{at}.")
        found = " ".join(parts)
    for each in answer.by_depth:
        if each.depth != answer.depth and (each.better or each.worse):
            found += f" At depth {each.depth}, {_groups(each)}."
    return found


def _groups(each: DepthAnswer) -> str:
    """``gelu is better and sigmoid and tanh are worse``."""
    parts = [(each.better, "better"), (each.worse, "worse")]
    return " and ".join(f"{_are(names)} {how}" for names, how in parts if names)


def _are(names: Sequence[str]) -> str:
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"


def truth(result: StudyResult, found: Sure) -> str:
    """What the interval of a comparison means."""
    each = found.comparison
    count = len(result.comparisons)
    level = f"{100 * each.level:.4g} % interval"
    if count > 1:
        level += f", wide because {count} comparisons are made at once"
    verdict = "more than chance" if each.significant else "0 is among them, so it may be chance"
    return (
        f"Values from {signed(100 * each.interval.low, _digits(each))} to "
        f"{signed(100 * each.interval.high, _digits(each))} agree with the {each.blocks} splits "
        f"({level}): {verdict}."
    )


def following(result: StudyResult) -> list[str]:
    """What to do next, and what not to conclude."""
    steps = []
    edges = [note for note in result.notes if note]
    if result.answer.use is not None and result.answer.matters == "no":
        steps.append(
            f"Keep {result.settings.baseline}; better features, more rows or another depth are "
            "more likely to help than another activation."
        )
    steps += result.answer.cautions
    if result.results_file:
        steps.append(
            f"All networks are kept in {result.results_file}: the same command with more --splits, "
            "--activations or --depths trains only what is missing."
        )
    return steps + edges


def classes(data: DataDescription, most: int) -> tuple[list[tuple[str, int]], int]:
    """The largest classes with their rows, in the data's order, and how many more there are."""
    pairs = list(zip(data.classes, data.class_counts, strict=True))
    if len(pairs) <= most:
        return pairs, 0
    largest = sorted(range(len(pairs)), key=lambda at: -pairs[at][1])[:most]
    return [pairs[at] for at in sorted(largest)], len(pairs) - most


def table_size(data: DataDescription) -> str:
    """``1,797 rows, 64 columns: label to predict, 10 classes``."""
    kind = f"{len(data.classes):,} classes" if data.classes else "a number"
    became = ""
    if len(data.features) != data.columns:
        became = f" (made into {_plural(len(data.features), 'number')} per row)"
    return (
        f"{_plural(data.rows, 'row')}, {_plural(data.columns, 'feature')}{became}; "
        f"{short(data.target, 60)} to predict, {kind}"
    )


def divided(data: DataDescription) -> str:
    """How rows were divided, in a sentence."""
    splits = data.splits
    return (
        f"{_plural(splits.count, 'split')} ({splits.kind}): {splits.train:,} rows to train, "
        f"{splits.validation:,} to choose the learning rate, {splits.test:,} to test, each split "
        "with its own rows, random weights and learning rates"
    )


def network(result: StudyResult) -> str:
    """The networks that were trained, in words."""
    settings = result.settings
    epochs = number(settings.epochs(max(1, result.data.splits.train)), 2)
    how = "Adam" if settings.optimizer == "adam" else f"SGD with momentum {settings.momentum:g}"
    return (
        f"{settings.width} units per hidden layer, {how}, batches of {settings.batch_size}, at "
        f"most {epochs} epochs ({settings.steps:,} steps) with early stopping; learning rates "
        + ", ".join(f"{rate:g}" for rate in settings.rates)
    )


def rate_counts(cell: Cell, rates: Sequence[float]) -> list[int]:
    """How many splits chose each learning rate."""
    return [sum(chosen == rate for chosen in cell.rates) for rate in rates]


def short(text: str, most: int = 80) -> str:
    """A name from the data, cut if it is very long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def duration(seconds: float) -> str:
    """``61 s``, ``3.4 min``."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
