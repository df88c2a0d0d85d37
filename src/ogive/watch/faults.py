"""The faults by name, with their definitions and thresholds: the one place of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import WatchError

WINDOW_BATCHES, WINDOW_SAMPLES = 20, 2000
"""A verdict on units spans at least so many batches and samples of the training."""

PERSISTENCE, OF_CHECKS = 2, 3
"""A fault is reported when it was met in so many of the last checks."""

SATURATED_SLOPE, SATURATED_SHARE = 0.05, 0.95
"""A unit is saturated where |f'| is below this part of sup |f'| for that share of samples."""

DORMANT = 0.025
"""A unit is dormant whose mean |output| is at most this part of its layer's mean."""

STILL = 1e-5
"""Weights whose updates, over their size, stay below this do not learn."""


@dataclass(frozen=True)
class Fault:
    """What a fault's name stands for."""

    name: str
    title: str
    definition: str
    warn: float | None = None
    """The measured number from which it is a warning; None where it is certain when met."""
    error: float | None = None
    above: bool = True
    """Whether numbers above the thresholds are the bad ones."""
    per_unit: bool = False
    """Whether the number is a share of a layer's units."""


FAULTS = {
    each.name: each
    for each in (
        Fault("dead_unit", "Dead units",
              "largest |f'| over the window is 0, and no gradient arrives", 0.10, 0.50,
              per_unit=True),
        Fault("dormant_unit", "Dormant units",
              "mean |output| is at most 0.025 of the layer's mean", 0.10, 0.50, per_unit=True),
        Fault("saturated_unit", "Saturated units",
              "|f'| is below 5 % of its supremum for at least 95 % of samples", 0.25, 0.50,
              per_unit=True),
        Fault("vanishing_gradient", "Vanishing gradients",
              "|dL/dz| of the first layer over the last one's, and early layers do not learn",
              1e-2, 1e-3, above=False),
        Fault("exploding_gradient", "Exploding gradients",
              "|dL/dz| of the first layer over the last one's, or doubling from check to check",
              70.0, 1e3),
        Fault("magnitude_drift", "Drifting magnitudes",
              "mean square of pre-activations, last hidden layer over the first", 10.0, 100.0),
        Fault("not_centred", "Outputs off centre",
              "mean cosine between the outputs of two samples, in a network that does not learn",
              0.9, 0.98),
        Fault("wrong_head/one_unit_softmax", "Softmax over one unit",
              "a softmax over one entry is 1 whatever the weights are"),
        Fault("wrong_head/softmax_twice", "Softmax applied twice",
              "a loss that applies softmax (or sigmoid) is given its result"),
        Fault("wrong_head/probs_as_logits", "Probabilities taken for logits",
              "a loss of logits (or of log-probabilities) is given something else"),
        Fault("wrong_head/target_range", "Targets out of reach",
              "targets lie outside the last activation's range, or labels outside the classes"),
        Fault("missing_activation", "Missing activation",
              "two linear maps with nothing between are one linear map"),
        Fault("over_confidence", "Over-confidence",
              "expected calibration error of the training predictions", 0.10, 0.20),
        Fault("nan", "Not finite", "first layer with an infinite value or a NaN"),
    )
}  # fmt: skip


def checked_rules(rules: Iterable[str] | None) -> frozenset[str]:
    """Names of faults; all where none are given. A misspelt one is told with the nearest."""
    if rules is None:
        return frozenset(FAULTS)
    wanted = [rules] if isinstance(rules, str) else [*rules]
    for each in wanted:
        if each not in FAULTS:
            near = difflib.get_close_matches(str(each), FAULTS, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FAULTS)}"
            raise WatchError(f"no fault is called {each!r}; {hint}")
    return frozenset(wanted)


def checked_period(every: int | None) -> int | None:
    """A period of steps."""
    if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
        raise WatchError(f"every must be a whole number of at least 1, not {every!r}")
    return every
