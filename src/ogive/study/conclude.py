"""From trials to the results table: cells, and one family of comparisons behind every sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .metrics import balanced, unpack, weight
from .models import TITLES
from .result import (
    METRICS,
    Cell,
    Comparison,
    Interval,
    Metric,
    Model,
    ModelTrial,
    Scores,
    Settings,
    State,
    Trial,
)
from .statistics import Measured, SharedRows, compare, holm, score_interval

Key = tuple[str, int]
Pair = tuple[str, str, int]
"""The two names that are compared, and the depth."""

CLAIMED: tuple[tuple[str, str], ...] = (("tanh", "sigmoid"),)
"""Pairs that textbook claims compare, besides those with the baseline."""


def conclude(
    trials: Mapping[Key, Sequence[Trial]],
    models: Mapping[str, Sequence[ModelTrial]],
    tested: SharedRows,
    settings: Settings,
) -> tuple[tuple[Cell, ...], tuple[Model, ...], tuple[Comparison, ...]]:
    """The table's rows, the models to compare with, and all comparisons of the study.

    Parameters
    ----------
    trials : mapping
        The networks of each (activation, depth), by block.
    models : mapping
        The fits of each model, by block.
    tested : SharedRows
        Which rows each block tested.
    settings : Settings
        Activations, depths, baseline, metric and region of equivalence.
    """
    compared = {
        (each.one, each.other, each.depth): each
        for each in _comparisons(_pairs(settings, models), trials, models, tested, settings)
    }
    cells = [
        _cell(trials[name, depth], compared, tested, settings)
        for depth in settings.depths
        for name in settings.activations
    ]
    cells.sort(key=lambda cell: (cell.depth, -cell.score, cell.activation != settings.baseline))
    return (
        tuple(cells),
        tuple(_model(found, compared, tested, settings) for found in models.values()),
        tuple(compared.values()),
    )


def _pairs(settings: Settings, models: Mapping[str, Sequence[ModelTrial]]) -> list[Pair]:
    """Exactly the pairs that a sentence of the study may mention."""
    found: list[Pair] = []
    baseline, activations = settings.baseline, settings.activations
    for depth in settings.depths:
        found += [(name, "constant", depth) for name in activations]
        found += [(name, baseline, depth) for name in activations if name != baseline]
        found += [(name, baseline, depth) for name in models if name != "constant"]
        found += [
            (one, other, depth)
            for one, other in CLAIMED
            if one in activations and other in activations and baseline not in (one, other)
        ]
    return found


def _comparisons(
    pairs: Sequence[Pair],
    trials: Mapping[Key, Sequence[Trial]],
    models: Mapping[str, Sequence[ModelTrial]],
    tested: SharedRows,
    settings: Settings,
) -> list[Comparison]:
    def found_by(name: str, depth: int) -> Sequence[Trial] | Sequence[ModelTrial]:
        return models[name] if name in models else trials[name, depth]

    differences = [
        compare(
            _paired(
                found_by(one, depth),
                found_by(other, depth),
                _metric(other, settings),
                tested,
                settings,
            ),
            tested,
        )
        for one, other, depth in pairs
    ]
    adjusted, levels = holm([each.p for each in differences])
    made = []
    for (one, other, depth), each, p, level in zip(
        pairs, differences, adjusted, levels, strict=True
    ):
        better, equivalent, worse = each.practical(settings.rope)
        made.append(
            Comparison(
                one=one,
                other=other,
                depth=depth,
                metric=_metric(other, settings),
                blocks=settings.splits,
                difference=each.mean,
                interval=each.interval(level),
                level=level,
                p=each.p,
                p_adjusted=p,
                significant=each.p <= 1 - level,
                better=better,
                equivalent=equivalent,
                worse=worse,
                scale=each.scale,
                freedom=each.freedom,
                overlap=each.overlap,
            )
        )
    return made


def _cell(
    trials: Sequence[Trial],
    compared: Mapping[Pair, Comparison],
    tested: SharedRows,
    settings: Settings,
) -> Cell:
    first = trials[0]
    name, depth = first.activation, first.depth
    trains = compared[name, "constant", depth]
    ratios = [t.gradient_ratio for t in trials if t.gradient_ratio is not None]
    rates = Counter(trial.rate for trial in trials)
    measured = _measured(trials, settings.metric, tested, settings)
    return Cell(
        activation=name,
        depth=depth,
        score=float(measured.values.mean()),
        interval=score_interval(measured, tested, settings.metric),
        scores=_mean_scores(trials, settings),
        rates=tuple(trial.rate for trial in trials),
        rate=max(rates, key=lambda rate: (rates[rate], -rate)),
        state=_state(trains, settings),
        trains=trains,
        against=compared.get((name, settings.baseline, depth)),
        dead=float(np.mean([layer[-1] for t in trials for layer in t.dead])),
        saturated=float(np.mean([layer[-1] for t in trials for layer in t.saturated])),
        gradient_ratio=float(np.mean(ratios)) if ratios else None,
        gradient_ratio_interval=mean_interval(ratios) if len(ratios) > 1 else None,
        predicted_gradient_ratio=first.predicted_gradient_ratio,
        seconds_per_step=float(np.median([t.seconds_per_step for t in trials])),
        diverged=sum(trial.diverged_at is not None for trial in trials),
        trials=tuple(trials),
    )


def _state(trains: Comparison, settings: Settings) -> State:
    if trains.significant and trains.difference > 0:
        return "trains"
    return "fails" if trains.interval.high < settings.rope else "not shown"


def _model(
    trials: Sequence[ModelTrial],
    compared: Mapping[Pair, Comparison],
    tested: SharedRows,
    settings: Settings,
) -> Model:
    model = trials[0].model
    measured = _measured(trials, settings.metric, tested, settings)
    against = [compared.get((model, settings.baseline, depth)) for depth in settings.depths]
    return Model(
        model=model,
        title=TITLES[settings.task][model],
        score=float(measured.values.mean()),
        interval=score_interval(measured, tested, settings.metric),
        scores=_mean_scores(trials, settings),
        against=tuple(each for each in against if each is not None),
        seconds=float(np.median([trial.seconds for trial in trials])),
        trials=tuple(trials),
    )


def _metric(other: str, settings: Settings) -> Metric:
    """Where one class is common, accuracy hardly distinguishes a network from always that class."""
    if other == "constant" and settings.metric == "accuracy":
        return "balanced_accuracy"
    return settings.metric


def _measured(
    trials: Sequence[Trial] | Sequence[ModelTrial],
    metric: Metric,
    tested: SharedRows,
    settings: Settings,
) -> Measured:
    values = np.array([_score(trial, metric) for trial in trials])
    parts: list[list[NDArray[np.float64]]] = []
    for packed, truth in zip(
        ([trial.test_rows for trial in trials], [trial.validation_rows for trial in trials]),
        tested.truth,
        strict=True,
    ):
        shares = [unpack(text) for text in packed] if all(packed) else []
        if shares and metric != settings.metric:
            shares = [balanced(share, y) for share, y in zip(shares, truth, strict=True)]
        # Rows without a share (the network diverged) count as its score does.
        parts.append(
            [
                share if np.isfinite(share).all() else np.full(len(share), _chance(metric))
                for share in shares
            ]
        )
    seen, validated = parts
    return Measured(values, seen, validated, max(weight(metric, y) for y in tested.truth[0]))


def _paired(
    ours: Sequence[Trial] | Sequence[ModelTrial],
    theirs: Sequence[Trial] | Sequence[ModelTrial],
    metric: Metric,
    tested: SharedRows,
    settings: Settings,
) -> Measured:
    one, other = (_measured(trials, metric, tested, settings) for trials in (ours, theirs))
    return Measured(
        one.values - other.values,
        _differences(one.tested, other.tested),
        _differences(one.validated, other.validated),
        one.unit,
    )


def _differences(
    ours: Sequence[NDArray[np.float64]], theirs: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    if not ours or not theirs:
        return []
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def _score(trial: Trial | ModelTrial, metric: Metric) -> float:
    """A network that diverged, and test rows in which the metric is undefined, count as chance."""
    value = trial.scores.of(metric)
    return _chance(metric) if value is None else value


def _chance(metric: Metric) -> float:
    return 0.5 if metric == "auc" else 0.0


def _mean_scores(trials: Sequence[Trial] | Sequence[ModelTrial], settings: Settings) -> Scores:
    means = {}
    for metric in METRICS[settings.task]:
        values = [trial.scores.of(metric) for trial in trials]
        known = [value for value in values if value is not None]
        means[metric] = float(np.mean(known)) if len(known) == len(values) else None
    return Scores(**means)


def mean_interval(values: Sequence[float]) -> Interval:
    """Student's interval for the mean of independent values."""
    half = float(stats.sem(values) * stats.t.isf(0.025, len(values) - 1))
    mean = float(np.mean(values))
    return Interval(low=mean - half, high=mean + half)
