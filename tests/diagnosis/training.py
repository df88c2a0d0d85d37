"""One training of a plan, with or without the monitor: the loop, and the score on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import data
from .networks import Net, build
from .plan import Plan

Loss = Callable[[Tensor, Tensor], Tensor]


def one(z: Tensor) -> Tensor:
    """A single output, as a vector."""
    return z.squeeze(1) if z.dim() == 2 and z.shape[1] == 1 else z


LOSSES: dict[str, Loss] = {
    "cross_entropy": F.cross_entropy,
    "CrossEntropyLoss": nn.CrossEntropyLoss(),
    "cross_entropy of floats": lambda z, y: F.cross_entropy(z, y.float().unsqueeze(1)),
    "smoothed": nn.CrossEntropyLoss(label_smoothing=0.1),
    "nll_loss": F.nll_loss,
    "NLLLoss": nn.NLLLoss(),
    "binary_cross_entropy": lambda z, y: F.binary_cross_entropy(one(z), y.float()),
    "BCEWithLogitsLoss": lambda z, y: nn.BCEWithLogitsLoss()(one(z), y.float()),
    "binary_cross_entropy_with_logits": lambda z, y: F.binary_cross_entropy_with_logits(
        one(z), y.float()
    ),
    "one_hot_with_logits": lambda z, y: F.binary_cross_entropy_with_logits(
        z, F.one_hot(y, z.shape[1]).float()
    ),
    "one_hot_mse": lambda z, y: F.mse_loss(z, F.one_hot(y, z.shape[1]).float()),
    "mse_loss": lambda z, y: F.mse_loss(one(z), y),
    "MSELoss": lambda z, y: nn.MSELoss()(one(z), y),
    "l1_loss": lambda z, y: F.l1_loss(one(z), y),
    "smooth_l1_loss": lambda z, y: F.smooth_l1_loss(one(z), y),
    "log of softmax": lambda z, y: -z.softmax(1)[torch.arange(len(y)), y].log().mean(),
    "root of square": lambda z, y: ((one(z) - y) ** 2).mean(0).sqrt().sum(),
}

PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid")
"""Ends of a network that puts out a probability: above 1/2 is class 1."""


@dataclass
class Step:
    """What the loop knows of a step, before the optimizer's."""

    number: int
    model: Net
    x: Tensor
    y: Tensor
    given: Tensor
    """To the loss."""
    loss: float


def optimizer_of(plan: Plan, model: nn.Module) -> torch.optim.Optimizer:
    momentum = {"momentum": 0.9} if plan.optimizer == "SGD" else {}
    kind: Any = getattr(torch.optim, plan.optimizer)
    found: torch.optim.Optimizer = kind(model.parameters(), lr=plan.rate, **momentum)
    return found


def train(
    plan: Plan,
    before_step: Callable[[Step], None] = lambda step: None,
    after_step: Callable[[Step], None] = lambda step: None,
    watched: Callable[[Net, torch.optim.Optimizer], AbstractContextManager[Any]] = (
        lambda model, optimizer: nullcontext()
    ),
) -> tuple[Net, float]:
    """The trained network and its score. A program that raises ends there, as it would."""
    x, y, held_x, held_y = data.given(plan)
    model = build(plan, x[0].numel())
    optimizer = optimizer_of(plan, model)
    loss_of, draw = LOSSES[plan.loss], torch.Generator().manual_seed(plan.seed + 1)
    torch.manual_seed(plan.seed + 2)  # dropout
    with watched(model, optimizer):
        order: list[int] = []
        for number in range(plan.steps):
            if len(order) < plan.batch:
                order = torch.randperm(len(x), generator=draw).tolist()
            rows, order = order[: plan.batch], order[plan.batch :]
            given = model(x[rows])
            try:
                loss = loss_of(given, y[rows])
            except (IndexError, RuntimeError):
                break
            optimizer.zero_grad()
            loss.backward()
            if plan.clip:
                nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
            step = Step(number, model, x[rows], y[rows], given.detach(), float(loss.detach()))
            before_step(step)
            optimizer.step()
            after_step(step)
    return model, score(plan, model, held_x, held_y)


@torch.no_grad()
def score(plan: Plan, model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Accuracy, or the share of variance that is explained; at least -1."""
    model.eval()
    z = model(x)
    model.train()
    if plan.net == "autoencoder" or plan.data == "diabetes":
        target = y if z.dim() == y.dim() else y.unsqueeze(1)
        rest, whole = (z - target).square().mean(), (target - target.mean(0)).square().mean()
        found = float(1 - rest / whole)
        return max(found, -1.0) if found == found else -1.0
    if not bool(torch.isfinite(z).all()):
        return 0.0
    if z.shape[1] == 1:
        guess = (z[:, 0] > (0.5 if plan.head and plan.head[-1] in PROBABILITIES else 0.0)).long()
        return float((guess == (y > y.min()).long()).float().mean())
    return float((z.argmax(1) == y).float().mean())


def skill_limit(plan: Plan) -> float:
    """What a linear model reaches: less is not a network that trains well."""
    narrow = plan.width if plan.net == "autoencoder" else 0
    return data.reference(plan.data, narrow)
