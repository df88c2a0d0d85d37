"""What a module keeps for backward: found by running it on a few numbers, not stated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from ._modules import LinearCrossEntropyLoss, Loss

OUTPUT = "the output"
ROWS, COLUMNS = 4, 16
ROWS_OF_LOSSES = 2**15
"""So many that it matters what is kept of them: of few, a loss may keep its gradient too."""


def kept(module: Any) -> str:
    """In words, "the output and a bit per element"; "" where nobody can say."""
    if isinstance(module, LinearCrossEntropyLoss):
        return "input, weights and their gradients, but no logits"
    for given in samples(module):
        try:
            with torch.random.fork_rng(devices=()), torch.enable_grad():
                words = saved(module, *given)
        except (IndexError, RuntimeError, TypeError, ValueError):  # it takes others
            continue
        *first, last = words or ["nothing"]
        return f"{', '.join(first)} and {last}" if first else last
    return ""


def samples(module: Any) -> Iterator[tuple[Tensor, ...]]:
    """Numbers that a module may take: with targets, for a loss."""
    own = next((t for t in module.parameters() if t.is_floating_point()), torch.empty(1))
    if own.device.type != "cpu" or own.is_meta:
        return
    x = torch.linspace(-3, 3, ROWS * COLUMNS, dtype=own.dtype)
    if isinstance(module, Loss):
        weights = [t for t in module.buffers() if t.dim() == 1]
        classes = len(weights[0]) if weights else COLUMNS
        x = torch.linspace(-3, 3, ROWS_OF_LOSSES * classes).reshape(-1, classes).requires_grad_()
        yield x, torch.arange(ROWS_OF_LOSSES) % classes
        yield x, torch.ones_like(x).detach() / classes
        return
    channels = len(own) if own.dim() == 1 and own.numel() > 1 else COLUMNS
    x = torch.linspace(-3, 3, ROWS * channels, dtype=own.dtype).reshape(ROWS, channels)
    x = x.requires_grad_() * 1  # no leaf: it may be overwritten
    yield from ((x,), (x.reshape(ROWS, channels, 1, 1),))


def saved(module: Any, x: Tensor, *more: Tensor) -> list[str]:
    """Each tensor that a call keeps, in words, but for the module's own and single numbers."""
    seen: dict[int, Tensor] = {}

    def pack(t: Tensor) -> Tensor:
        seen.setdefault(at(t), t)
        return t

    with saved_tensors_hooks(pack, lambda t: t):
        y = type(module).forward(module, x, *more)  # without hooks
    own = {at(t) for t in (*module.parameters(), *module.buffers())}
    words = {at(x): "the logits" if more else "the input"}
    words |= {at(t): "the target" for t in more}
    words[at(y)] = OUTPUT
    made = "the gradient" if more else "a copy of the input"
    return [
        words.get(where) or ("a bit per element" if t.dtype is torch.uint8 else made)
        for where, t in seen.items()
        if where not in own and t.numel() > 1
    ]


def at(t: Tensor) -> int:
    return t.untyped_storage().data_ptr()
