"""scikit-learn models with default settings, with which networks are compared in each block."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import Arrays
from .metrics import pack, scores, shares
from .network import Floats
from .result import ModelTrial, Settings, Task

TITLES: dict[Task, dict[str, str]] = {
    "classification": {
        "constant": "always the largest class",
        "linear": "logistic regression",
        "boosting": "histogram gradient boosting",
    },
    "regression": {
        "constant": "always the mean",
        "linear": "ridge regression",
        "boosting": "histogram gradient boosting",
    },
}


def fit(arrays: Arrays, model: str, split: int, settings: Settings) -> ModelTrial:
    """Fit a model on a block's training and validation rows, and score it on its test rows."""
    began = time.thread_time()
    train, rows = int(arrays.train_count[split]), int(arrays.train_count[split])
    rows += int(arrays.validation_count[split])
    x, y = arrays.x[split], arrays.y[split]
    estimator = _estimator(model, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 steps of logistic regression are enough
        estimator.fit(x[:rows], y[:rows])
        output = _predicted(
            estimator, x[rows : rows + int(arrays.test_count[split])], arrays, split
        )
        seen = _predicted(estimator, x[train:rows], arrays, split) if model == "constant" else None
    target = arrays.tested(split)
    return ModelTrial(
        model=model,
        split=split,
        scores=scores(target, output),
        test_rows=pack(shares(settings.metric, target, output)),
        validation_rows=(
            "" if seen is None else pack(shares(settings.metric, arrays.validated(split), seen))
        ),
        seconds=time.thread_time() - began,
    )


def _predicted(estimator: Any, x: Floats, arrays: Arrays, split: int) -> NDArray[np.float64]:
    """Class probabilities, or predictions in the target's unit."""
    if not arrays.classes:
        mean, scale = arrays.scale[split]
        return np.asarray(estimator.predict(x).astype(np.float64) * scale + mean)
    # A class with one or two rows may be missing from the rows used for fitting.
    output = np.zeros((len(x), arrays.classes))
    output[:, estimator.classes_] = estimator.predict_proba(x)
    return output


def _estimator(model: str, settings: Settings) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV

    if settings.task == "classification":
        return {
            "constant": lambda: DummyClassifier(strategy="prior"),
            "linear": lambda: LogisticRegression(max_iter=200),
            "boosting": lambda: HistGradientBoostingClassifier(random_state=settings.seed),
        }[model]()
    return {
        "constant": lambda: DummyRegressor(strategy="mean"),
        "linear": lambda: RidgeCV(np.logspace(-3, 3, 7)),
        "boosting": lambda: HistGradientBoostingRegressor(random_state=settings.seed),
    }[model]()
