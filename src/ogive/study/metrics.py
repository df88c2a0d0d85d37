"""Scores on test rows, computed by scikit-learn, and each row's share in the compared score."""

from __future__ import annotations

import base64
import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import Target
from .result import Metric, Scores

Values = NDArray[np.float64]


def scores(target: Target, output: Values) -> Scores:
    """Every metric of the task; a prediction that is not finite counts as wrong.

    Parameters
    ----------
    target : Target
        The true values.
    output : array
        A row of class probabilities per test row, or the predictions of a regression.
    """
    from sklearn import config_context

    # The inputs are already checked; on small test parts, checking again takes most of the time.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        return _scores(target, output)


def _scores(target: Target, output: Values) -> Scores:
    from sklearn import metrics

    y = target.y
    if not target.classes:
        if not np.isfinite(output).all():
            return Scores()
        varies = len(y) > 1 and y.min() < y.max()
        return Scores(
            r2=float(metrics.r2_score(y, output)) if varies else None,
            rmse=float(metrics.root_mean_squared_error(y, output)),
        )
    right = _right(target, output)
    found = np.unique(y)
    recalls = [float(right[y == c].mean()) for c in found]
    whole = bool(np.isfinite(output).all())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that no test row has
        loss = (
            float(metrics.log_loss(y, output, labels=np.arange(target.classes))) if whole else None
        )
    return Scores(
        accuracy=float(right.mean()),
        balanced_accuracy=float(np.mean(recalls)),
        auc=_auc(target, output),
        log_loss=loss,
    )


def shares(metric: Metric, target: Target, output: Values) -> Values:
    """One number for each test row, whose mean is the metric.

    Their variance divided by their count is the variance of the metric, which blocks that share
    their test rows could not estimate otherwise.
    """
    y = target.y
    if metric == "accuracy":
        return _right(target, output).astype(np.float64)
    if metric == "balanced_accuracy":
        return balanced(_right(target, output), y)
    if metric == "auc":
        placed = [_placements(y == c, output[:, c]) for c in _ranked(target)]
        return np.mean(placed, axis=0) if placed else np.full(len(y), math.nan)
    if metric == "r2":
        if y.min() == y.max():
            return np.full(len(y), math.nan)
        spread = (y - y.mean()) ** 2 / np.mean((y - y.mean()) ** 2)
        error = (y - output) ** 2 / np.mean((y - y.mean()) ** 2)
        # First-order influence: a row far from the mean also raises the total variance.
        return np.asarray(1 - error.mean() - (error - error.mean() * spread))
    raise ValueError(f"{metric} has no shares by row")


def balanced(right: NDArray[Any], y: NDArray[Any]) -> Values:
    """Each row's share in balanced accuracy, from whether it is right (or a difference of two)."""
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    recalls = np.bincount(place, right) / counts
    weight = len(y) / (len(counts) * counts[place]) * _unbiased(counts[place])
    return np.asarray(recalls.mean() + (right - recalls[place]) * weight)


def weight(metric: Metric, y: NDArray[Any]) -> float:
    """By how much a row's share can change with its prediction; 0 if it changes continuously."""
    if metric in ("r2", "rmse"):
        return 0.0
    counts = np.unique(y, return_counts=True)[1]
    if metric == "accuracy" or len(counts) < 2:
        return 1.0
    return len(y) / (len(counts) * int(counts.min()))


def _unbiased(count: NDArray[Any] | int) -> Any:
    """The factor by which the spread of `count` rows around their own mean is too small."""
    return np.sqrt(count / np.maximum(1, np.subtract(count, 1)))


def pack(values: Values) -> str:
    """Base64 of little-endian float32."""
    return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")


def unpack(text: str) -> Values:
    """The inverse of `pack`."""
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float64)


def _right(target: Target, output: Values) -> NDArray[np.bool]:
    return np.asarray((output.argmax(axis=1) == target.y) & np.isfinite(output).all(axis=1))


def _ranked(target: Target) -> list[int]:
    """Classes that have an ROC curve: some test rows belong to the class and some do not."""
    counts = np.bincount(target.y, minlength=target.classes)
    found = [c for c in range(target.classes) if 0 < counts[c] < len(target.y)]
    return found[1:] if target.classes == 2 else found


def _auc(target: Target, output: Values) -> float | None:
    """The Mann-Whitney statistic of each class against the rest.

    scikit-learn computes it per class, which takes longer than the network that is scored.
    """
    from scipy.stats import rankdata

    if not np.isfinite(output).all():
        return None
    ranks, areas = rankdata(output, axis=0), []
    for c in _ranked(target):
        positive = target.y == c
        count = int(positive.sum())
        above = float(ranks[positive, c].sum()) - count * (count + 1) / 2
        areas.append(above / (count * (len(positive) - count)))
    return float(np.mean(areas)) if areas else None


def _placements(positive: NDArray[np.bool], score: Values) -> Values:
    """Shares in the AUC by DeLong's placements: against how many rows of the other kind each row is
    ranked correctly."""
    from scipy.stats import rankdata

    count, others = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(score)
    placed = np.empty(len(score))
    placed[positive] = (ranks[positive] - rankdata(score[positive])) / others
    placed[~positive] = 1 - (ranks[~positive] - rankdata(score[~positive])) / count
    area = float(placed[positive].mean())
    ones, rest = _unbiased(count) / count, _unbiased(others) / others
    weight = np.where(positive, ones, rest) * len(score)
    return np.asarray(area + (placed - area) * weight)
