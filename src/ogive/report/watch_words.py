"""What a report of a monitor says, in the words and numbers that page and terminal share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ogive.watch import FAULTS, Fault, Finding, Layer, LayerStats, Report, Watched
from ogive.watch.records import DEAD, DORMANT, SATURATED

from .text import number, percent, signed

MARKS = {"error": "✕", "warn": "!"}
WORDS = {"error": "error", "warn": "warning"}

CAUSES = {
    "initialisation": "the initialisation: the weights predict it before training",
    "activation": "the activation: no initialisation of it avoids this",
    "training": "an accident of training: the weights as they began do not predict it",
    "data": "the data",
    "head": "the head and its loss",
    "structure": "the structure of the network",
}

STATES = {0: "learning", DEAD: "dead", DORMANT: "dormant", SATURATED: "saturated"}
"""Of units, by their code."""


def fault(finding: Finding) -> Fault:
    """Its definition; a log of another version may have faults that this one does not know."""
    known = FAULTS.get(finding.fault)
    return known or Fault(finding.fault, finding.fault.replace("_", " "), "")


def amount(finding: Finding, value: float | None) -> str:
    """A number of the kind that was judged."""
    if value is None:
        return "–"
    return f"{percent(value, 0)} %" if fault(finding).per_unit else number(value, 3)


def limit(finding: Finding) -> str:
    """``an error from 50 %``."""
    if finding.threshold is None:
        return ""
    kind = "an error" if finding.severity == "error" else "a warning"
    side = "from" if fault(finding).above else "below"
    return f"{kind} {side} {amount(finding, finding.threshold)}"


def when(finding: Finding) -> str:
    """Since which step, and whether it is over."""
    if finding.active:
        return f"from step {finding.since_step:,}, still met at step {finding.step:,}"
    return f"steps {finding.since_step:,} to {finding.step:,}, not met since"


def middle(name: str, most: int) -> str:
    """A path, shortened in its middle, since both ends tell layers apart."""
    if len(name) <= most:
        return name
    left = (most - 1) // 2
    return f"{name[:left]}…{name[len(name) - (most - 1 - left) :]}"


def chosen(count: int, most: int, always: Iterable[int] = ()) -> list[int]:
    """So many of `count`, evenly, with the first, the last and what must be among them."""
    if count <= most:
        return list(range(count))
    even = (round(at * (count - 1) / max(most - 1, 1)) for at in range(most))
    return sorted({*even, *always})


@dataclass(frozen=True)
class Group:
    """One model's layers in the order of its forward pass."""

    name: str
    layers: tuple[Layer, ...]
    model: Watched | None


def groups(report: Report) -> list[Group]:
    """The watched models, each with its layers."""
    names = dict.fromkeys(
        [*(each.name for each in report.models), *(each.model for each in report.layers)]
    )
    models = {each.name: each for each in report.models}
    found = [
        Group(
            name,
            tuple(sorted((each for each in report.layers if each.model == name), key=_order)),
            models.get(name),
        )
        for name in names
    ]
    return [each for each in found if each.layers]


def _order(layer: Layer) -> int:
    return layer.order


def place(layer: Layer) -> str:
    """A layer's name within its model, and the gate where it is one of several."""
    path = layer.layer or "(the model)"
    return path + (f" #{layer.call + 1}" if layer.call else "")


def placed(finding: Finding, layers: Sequence[Layer]) -> Layer | None:
    """The layer that a finding is about; None where it is about the whole model."""
    here = [
        each
        for each in layers
        if (each.model, each.layer, each.call) == (finding.model, finding.layer, finding.call)
    ]
    same = [each for each in here if each.activation == finding.activation]
    found = same or here
    return found[0] if found else None


def last(layer: Layer) -> LayerStats | None:
    """The last check's statistics."""
    return layer.stats[-1] if layer.stats else None


def log10(value: float | None) -> float | None:
    """None where there is no finite logarithm."""
    if value is None or not 0 < value < math.inf:
        return None
    return math.log10(value)


def relative_gradients(layers: Sequence[Layer], at: int) -> list[float | None]:
    """log10 of |dL/dz| over the last layer's, at each layer's check number `at`."""
    sizes = [log10(each.stats[at].gradient) if each.stats else None for each in layers]
    end = next((value for value in reversed(sizes) if value is not None), None)
    return [None if value is None or end is None else value - end for value in sizes]


HEAD = (
    "layer", "activation", "units", "dead, %", "dormant, %", "saturated, %", "K", "K predicted",
    "chi", "gradient, log₁₀", "update / weight", "cosine",
)  # fmt: skip


def rows(layers: Sequence[Layer]) -> list[tuple[str, ...]]:
    """The last check of each layer, as in HEAD."""
    gradients = relative_gradients(layers, -1)
    found: list[tuple[str, ...]] = []
    for layer, gradient in zip(layers, gradients, strict=True):
        at = last(layer) or LayerStats(step=0)
        zero = at.gradient == 0 and gradient is None
        found.append(
            (
                place(layer),
                layer.activation or ("head" if layer.head else "–"),
                f"{layer.units:,}" if layer.units else "–",
                percent(at.dead, 0),
                percent(at.dormant, 0),
                percent(at.saturated, 0),
                number(at.mean_square, 3) if at.finite else "not finite",
                number(at.predicted_mean_square, 3),
                number(at.predicted_chi, 3),
                "0 (none)" if zero else signed(gradient),
                number(at.update_ratio, 2),
                signed(at.cosine),
            )
        )
    return found


def cost(report: Report) -> str:
    """What watching took."""
    spent = report.cost
    if not spent.total:
        return "what it cost is not in a log without an end"
    return (
        f"every {spent.every:,} steps; {number(spent.seconds, 2)} s of {number(spent.total, 3)} s "
        f"({percent(spent.share, 1)} %), {spent.bytes / 1e6:.1f} MB kept at most"
    )


def watched(model: Watched) -> str:
    """A model in one line."""
    said = [
        f"{model.kind}, {model.parameters:,} parameters in {model.layers} watched layers",
        f"{model.observed:,} of {model.steps:,} steps looked at",
        model.loss and f"loss {model.loss}",
        model.optimizer and f"optimizer {model.optimizer}",
        model.precision,
    ]
    return "; ".join(each for each in said if each)
