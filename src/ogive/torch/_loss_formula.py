"""Losses in torch's operations, by the card's formula: for devices without a kernel, for what a
compiler or a transform sees, and for derivatives of any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..calls import checks
from ..calls.losses import Loss
from . import _formulas
from ._loss_elements import Options


class Formula:
    """The formula of one loss."""

    def __init__(self, of: Loss):
        self.of, self.losses = of, _formulas.head(of.card, of.over_rows)

    def reduced(self, z: Tensor, target: Tensor, dim: int, options: Options) -> Tensor:
        """The loss, with its derivatives."""
        of, reduction = self.of, checks.checked_reduction(options["reduction"])
        rest = {k: v for k, v in options.items() if k not in ("reduction", of.label)}
        rows = z.movedim(dim, -1) if of.over_rows else z
        hard = of.over_rows and target.dim() < z.dim()
        if of.over_rows and not hard:
            target = target.movedim(dim, -1)
        if hard:
            target = target.long()
            kept = counted(target, options.get(of.label))
            if options.get(of.label) is not None:
                rows = rows.masked_fill(~kept.unsqueeze(-1), 0)
            # A label below 0 that nobody ignores is no class: the formula meets one too high.
            bad = target < 0
            target = torch.where(kept, torch.where(bad, rows.shape[-1], target), -1)
            weight = rest.get(of.class_weight)
            if reduction == "mean" and weight is not None:
                weight = rest[of.class_weight] = of_moderate_size(weight, target, kept)
        loss = self.losses(rows, target, **rest)
        if reduction == "none":
            return loss.to(z.dtype)
        found = loss.sum()
        if reduction == "mean":
            total: Any = max(loss.numel(), 1)
            if hard:
                total = total_weight(target, kept, weight, rows.shape[-1]).to(loss.dtype)
            found = found / total
        return found.to(z.dtype)

    def batched(self, samples: int, dim: int, options: Options) -> Callable[..., Tensor]:
        """`reduced` as a function of (logits, target, *tensors among the options), of which the
        first `samples` axes are of calls of their own.
        """
        names = [name for name, value in options.items() if isinstance(value, Tensor)]

        def formula(z: Tensor, target: Tensor, *tensors: Tensor) -> Tensor:
            given = {**options, **dict(zip(names, tensors, strict=True))}
            return self.reduced(z, target, dim, given)

        for _ in range(samples):
            formula = torch.func.vmap(formula)
        return formula


def checked_label(ignore_index: Any, target: Tensor) -> int | None:
    """The label that does not count. Among probabilities there is none; as in torch, to name a
    class is an error there, and its default is not.
    """
    number: int | None = ignore_index
    if type(ignore_index) is not int:
        number = checks.checked_ignore_index(ignore_index)
    if not target.is_floating_point():
        return number
    if number is not None and number >= 0:
        raise ValueError(f"ignore_index = {number} applies to integer labels, not to probabilities")
    return None


def counted(target: Tensor, ignore_index: int | None) -> Tensor:
    """Which labels are not the one that is ignored."""
    if ignore_index is None:
        return torch.ones_like(target, dtype=torch.bool)
    return target != ignore_index


def of_moderate_size(weight: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Weights of classes times the same power of two, near 1 where they count most, so that neither
    their sum nor its inverse overflows. It changes no mean.
    """
    own = torch.where(kept, weight.detach()[labels.clamp(0, weight.shape[-1] - 1)], 0).abs()
    most = own.flatten().amax() if own.numel() else own.new_zeros(())
    size = torch.exp2(torch.floor(torch.log2(most)))
    return weight / torch.where((size > 0) & (size < math.inf), size, 1.0)


def total_weight(target: Tensor, kept: Tensor, weight: Tensor | None, classes: int) -> Tensor:
    """What a mean over labels divides by: the weights of the rows that count; inf for none."""
    wide = torch.float32 if target.device.type == "mps" else torch.float64  # which has no double
    counts = kept.to(wide)
    if weight is not None:
        counts = torch.where(kept, weight.to(wide)[target.clamp(0, classes - 1).long()], 0)
    return sum_or_inf(counts)


def sum_or_inf(weights: Tensor) -> Tensor:
    """What a mean divides by, from the weight of each row; inf where all are 0."""
    return torch.where((weights == 0).all(), math.inf, weights.sum())
