"""Small models in every style, and the loops that train them, for the tests of `ogive.watch`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import ogive


class Functional(nn.Module):
    """Functions, methods, in place, and one module used twice; dropout draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.d, self.e, self.act = nn.Linear(16, 16), nn.Linear(16, 3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x))
        x = self.b(x).tanh()
        x = F.dropout(torch.relu_(self.c(x)), 0.1, self.training)
        return self.e(self.act(self.d(self.act(self.d(x)))))


class Convolutional(nn.Module):
    """An in-place functional activation after a norm; a second one after a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.bn = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.c2, self.fc = nn.Conv2d(6, 12, 3, padding=1), nn.Linear(12 * 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn(self.c1(x)), inplace=True), 2)
        return self.fc(F.max_pool2d(F.silu(self.c2(x)), 2).flatten(1))


class Block(nn.Module):
    """Attention by hand, and a gated unit by hand."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.gate = nn.Linear(width, 4 * width), nn.Linear(width, 4 * width)
        self.down, self.drop = nn.Linear(4 * width, width), nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.n1(x)).chunk(3, -1)
        x = x + self.out((q @ k.transpose(-1, -2) / 4).softmax(-1) @ v)
        h = self.n2(x)
        return x + self.drop(self.down(F.silu(self.gate(h)) * self.up(h)))


class Transformer(nn.Module):
    """Two blocks, checkpointed or not, and a layer of torch's own."""

    def __init__(self, reentrant: bool | None = None) -> None:
        super().__init__()
        self.embed, self.reentrant = nn.Embedding(20, 16), reentrant
        self.blocks = nn.ModuleList([Block() for _ in range(2)])
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 20)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            if self.reentrant is None:
                x = block(x)
            else:
                x = checkpoint(block, x, use_reentrant=self.reentrant)
        return self.head(self.layer(x))


class Recurrent(nn.Module):
    """Two layers in both directions, and a head on the last step."""

    def __init__(self, kind: type[nn.Module] = nn.LSTM) -> None:
        super().__init__()
        self.rnn = kind(8, 12, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def classes(*shape: int, count: int = 3, batch: int = 32) -> Callable[[], tuple[Tensor, Tensor]]:
    """Batches of noise with labels."""
    return lambda: (torch.randn(batch, *shape), torch.randint(count, (batch,)))


def tokens() -> tuple[Tensor, Tensor]:
    return torch.randint(20, (8, 10)), torch.randint(20, (8, 10))


def token_loss(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z.flatten(0, 1), y.flatten())


def train(
    model: nn.Module,
    batch: Callable[[], tuple[Tensor, Tensor]],
    loss: Callable[..., Tensor] = F.cross_entropy,
    *,
    steps: int = 30,
    optimizer: Any = None,
    rate: float = 0.05,
    call: Callable[..., Tensor] | None = None,
    accumulate: int = 1,
    autocast: torch.dtype | None = None,
    scaler: Any = None,
) -> list[Tensor]:
    """A plain loop; the loss of each step."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        for _ in range(accumulate):
            x, y = batch()
            with torch.autocast("cpu", autocast or torch.bfloat16, enabled=autocast is not None):
                each = loss((model if call is None else call)(x), y)
            (scaler.scale(each) if scaler else each).backward()
            losses.append(each.detach())
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
    return losses


def watched(model: nn.Module, *args: Any, given: Any = None, **options: Any) -> ogive.watch.Report:
    """The report of such a loop."""
    with ogive.watch.Monitor(model if given is None else given) as monitor:
        train(model, *args, **options)
    return monitor.report()
