"""What networks are compared with in the same blocks: scikit-learn's models as they come."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from .blocks import Arrays
from .metrics import pack, scores, shares
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
    rows = int(arrays.train_count[split] + arrays.validation_count[split])
    tested = slice(rows, rows + int(arrays.test_count[split]))
    x, y = arrays.x[split], arrays.y[split]
    estimator = _estimator(model, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a logistic regression at its 200th step is good enough
        estimator.fit(x[:rows], y[:rows])
        if arrays.classes:
            # A class of a row or two may be in none of the rows it was fitted on.
            output = np.zeros((tested.stop - tested.start, arrays.classes))
            output[:, estimator.classes_] = estimator.predict_proba(x[tested])
        else:
            mean, scale = arrays.scale[split]
            output = estimator.predict(x[tested]).astype(np.float64) * scale + mean
    target = arrays.tested(split)
    return ModelTrial(
        model=model,
        split=split,
        scores=scores(target, output),
        test_rows=pack(shares(settings.metric, target, output)),
        seconds=time.thread_time() - began,
    )


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
