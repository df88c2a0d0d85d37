"""Weights that keep signals at their size: the exact gain of each layer's activation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..catalog import approximations, find, names
from ..predict import PredictError, gain

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
THROUGH = (
    nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.Identity, nn.Flatten,
    nn.modules.dropout._DropoutNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._MaxPoolNd,
    nn.Unflatten,
)  # fmt: skip
"""Modules that may stand between a layer and its activation."""


@dataclass(frozen=True)
class Initialised:
    """What was set in one layer."""

    path: str
    activation: str
    """The one that follows (or precedes); empty where there is none."""
    gain: float
    std: float
    """Of the weights: gain/sqrt(fan_in)."""


@dataclass(frozen=True)
class InitReport:
    """What `init_` set, and which layers it left as they were and why."""

    layers: tuple[Initialised, ...]
    kept: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        lines = [f"{len(self.layers)} layers set"]
        lines += [
            f"  {each.path or '(the model)'}: std {each.std:.4g}, gain {each.gain:.4f} "
            f"({each.activation or 'no activation'})"
            for each in self.layers
        ]
        if self.kept:
            lines.append(f"{len(self.kept)} left as they are")
            lines += [f"  {path}: {why}" for path, why in self.kept]
        return "\n".join(lines)


def init_(
    module: nn.Module,
    *,
    match: str = "after",
    activation: str | None = None,
    generator: torch.Generator | None = None,
) -> InitReport:
    """Set normal weights with the exact gain of each layer's activation, in place; biases to 0.

    Parameters
    ----------
    module
        Its Linear and Conv layers are set, in the order in which they are registered.
    match
        "after": the gain of the activation that follows a layer, as torch.nn.init has it.
        "before": of the one whose output it takes, which holds the mean square of pre-activations
        at 1 for a standardised input, whatever the activation.
    activation
        Name, for layers beside which no module is an activation: of functional calls.
    generator
        For the draws.

    Returns
    -------
    InitReport
        Each layer with its activation, gain and standard deviation; printing it shows them.

    Examples
    --------
    >>> import torch, ogive.torch
    >>> nn = torch.nn
    >>> model = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    >>> print(ogive.torch.init_(model))
    2 layers set
      0: std 0.1917, gain 1.5335 (gelu)
      2: std 0.125, gain 1.0000 (no activation)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"init_ sets a torch.nn.Module, not a {type(module).__name__}")
    if match not in ("after", "before"):
        raise ValueError(f'match must be "after" or "before", not {match!r}')
    if activation is not None:
        gain(activation)  # an unknown name is an error before anything is set
    parts = [(path, each) for path, each in module.named_modules() if not _holds(each)]
    if not any(isinstance(each, WEIGHTED) for _, each in parts):
        raise PredictError(f"{type(module).__name__} has no linear or convolution layers to set")
    if match == "before":
        parts.reverse()
    asked, kept = [], []
    for at, (path, each) in enumerate(parts):
        if not isinstance(each, WEIGHTED):
            continue
        found = _beside([part for _, part in parts[at + 1 :]])
        its = found or (activation or "", {})
        if isinstance(each.weight, nn.parameter.UninitializedParameter):
            kept.append((path, "it is lazy and has no weights yet"))
        elif not each.weight.requires_grad:
            kept.append((path, "its weights are frozen"))
        else:
            asked.append((path, each, its[0], gain(its[0], **its[1]) if its[0] else 1.0))
    layers = []
    with torch.no_grad():
        for path, each, name, its_gain in asked:
            fan_in = each.weight[0].numel()
            std = its_gain / math.sqrt(fan_in)
            each.weight.normal_(0.0, std, generator=generator)
            if each.bias is not None:
                each.bias.zero_()
            layers.append(Initialised(path, name, its_gain, std))
    order = layers if match == "after" else layers[::-1]
    return InitReport(tuple(order), tuple(kept))


def _holds(module: nn.Module) -> bool:
    return any(True for _ in module.children())


def _beside(following: list[nn.Module]) -> tuple[str, dict[str, Any]] | None:
    """The first activation, unless another layer with weights comes before it."""
    for each in following:
        found = _activation(each)
        if found:
            return found
        if not isinstance(each, THROUGH):
            return None
    return None


def _activation(module: nn.Module) -> tuple[str, dict[str, Any]] | None:
    """Name and parameters of the catalog's function that a module computes."""
    kind = type(module).__name__
    for name in (*names("unary"), *names("gated")):
        card = find(name)
        if card.title != kind:
            continue
        form = approximations(card).get(getattr(module, "approximate", "none"))
        if form is not None:
            return form, {}
        given = {}
        for parameter in card.parameters:
            value = getattr(module, parameter.name, parameter.default)
            if isinstance(value, Tensor):
                value = float(value.detach().double().mean())
            if parameter.operand and value != parameter.default:
                given[parameter.name] = float(value)
        return name, given
    return None
