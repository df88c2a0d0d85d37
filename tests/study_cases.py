"""Small tables, plans and settings for the tests of the study."""

import dataclasses

import numpy as np

from ogive.study import run
from ogive.study.api import execute, plan
from ogive.study.blocks import Arrays, blocks
from ogive.study.data import load
from ogive.study.settings import settings

TINY = {"activations": ("relu", "tanh", "sigmoid"), "depths": (1, 2), "epochs": 2, "width": 8}
"""A grid that trains in a second or two."""


def made_table(rows=120, classes=3, features=4, noise=0.5, seed=0, task="classification"):
    """Numbers whose class (or amount) the first features tell, but for some noise."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((rows, features))
    if task == "regression":
        return load((x, x[:, 0] - x[:, 1] ** 2 + noise * draw.standard_normal(rows)))
    score = x[:, :classes] + noise * draw.standard_normal((rows, classes))
    return load((x, score.argmax(axis=1)))


def prepared(table, splits=5, **asked):
    """Arrays, blocks and settings of a table."""
    made, division = blocks(table, splits, seed=asked.get("seed", 0))
    return Arrays(table, made), made, settings(table, division, **asked)


def study(table, path=None, splits=5, jobs=1, **asked):
    """A whole study, kept in `path` if given."""
    planned = plan(table, splits=splits, **{**TINY, **asked})
    return execute(planned, jobs=jobs, results=path)


def without_clocks(trial):
    """All of a trial but what clocks say."""
    fields = {"seconds": 0.0}
    if hasattr(trial, "seconds_per_step"):
        fields["seconds_per_step"] = 0.0
    return dataclasses.replace(trial, **fields)


def trials_of(result):
    """Every trial of a result, without clocks, in a fixed order."""
    nets = [without_clocks(trial) for cell in result.cells for trial in cell.trials]
    nets.sort(key=lambda trial: (trial.activation, trial.depth, trial.split))
    models = [without_clocks(trial) for model in result.models for trial in model.trials]
    return nets, models


__all__ = ["TINY", "load", "made_table", "prepared", "run", "study", "trials_of", "without_clocks"]
