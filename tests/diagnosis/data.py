"""Real tables that come with scikit-learn, divided into training and held-out rows, and what a
linear model reaches on them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import Tensor

from .plan import Plan

HELD_OUT = 0.3
"""Share of rows."""

LOADERS = {
    "digits": datasets.load_digits,
    "cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
}


@cache
def table(name: str) -> tuple[Tensor, Tensor, Tensor, int]:
    """Rows as they are in the file, standardised rows, targets, and how many are for training."""
    raw, y = LOADERS[name](return_X_y=True)
    order = np.random.default_rng(0).permutation(len(raw))
    raw, y = raw[order], y[order]
    count = round(len(raw) * (1 - HELD_OUT))
    x = (raw - raw[:count].mean(0)) / (raw[:count].std(0) + 1e-6)
    x = x.clip(-5, 5)  # pixels that are hardly ever lit
    if name == "diabetes":
        y = (y - y[:count].mean()) / y[:count].std()
    target = torch.tensor(y, dtype=torch.float32 if name == "diabetes" else torch.int64)
    as_float = torch.float32
    return torch.tensor(raw, dtype=as_float), torch.tensor(x, dtype=as_float), target, count


def given(plan: Plan) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows and targets for training, and held out: the plan's lines are applied to both."""
    raw, x, y, count = table(plan.data)
    names: dict[str, Any] = {"torch": torch, "raw": raw, "x": x.clone(), "y": y.clone()}
    for line in plan.prepare:
        names["x_train"], names["y_train"] = names["x"][:count], names["y"][:count]
        exec(line, names)
    x, y = names["x"], names["y"]
    return x[:count], y[:count], x[count:], y[count:]


@cache
def reference(name: str, narrow: int = 0) -> float:
    """The held-out score of a linear model; of an autoencoder, of as many principal components."""
    _, x, y, count = table(name)
    if narrow:
        pca = PCA(narrow).fit(x[:count])
        rebuilt = pca.inverse_transform(pca.transform(x[count:]))
        rest = ((x[count:].numpy() - rebuilt) ** 2).mean()
        return float(1 - rest / x[count:].numpy().var(0).mean())
    linear = LinearRegression() if y.is_floating_point() else LogisticRegression(max_iter=2000)
    return float(linear.fit(x[:count], y[:count]).score(x[count:], y[count:]))
