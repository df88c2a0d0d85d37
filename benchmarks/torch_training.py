"""Compares training with torch's activations and losses and with Ogive's: losses, time, memory.

    python benchmarks/torch_training.py                          # writes training.json
    python benchmarks/torch_training.py --networks resnet --steps 10 --json some.json

The networks are a GPT-style block on the source text of Python's argparse, and a small ResNet on
scikit-learn's digits. Each set of functions trains in its own process, with the same seed and the
same batches; the processes take turns, step by step.
"""

from __future__ import annotations

import argparse
import inspect
import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.progress import Progress
from torch import nn

import machine
import ogive.torch as ot
import torch_report
from ogive.report.writer import write_text
from record import figures
from timing import Spread
from turns import Account, Turn, peaks, take_turns

RESULTS = Path(__file__).with_name("training.json")
NETWORKS = {"gpt": 2, "resnet": 128}
"""Samples per batch."""
FUNCTIONS = ("torch", "ogive", "lean")
"""torch's own, Ogive's, and Ogive's with lean=True."""
WIDTH, HEADS, SEQUENCE = 768, 4, 512


class Block(nn.Module):
    """Pre-norm attention and a feed-forward layer, with an embedding and a head around them."""

    def __init__(self, classes: int):
        super().__init__()
        self.embed = nn.Embedding(classes, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.act = nn.Linear(WIDTH, 4 * WIDTH), nn.GELU()
        self.down, self.head = nn.Linear(4 * WIDTH, WIDTH), nn.Linear(WIDTH, classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(ids)
        q, k, v = (
            t.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for t in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        x = x + self.down(self.act(self.up(self.norm2(x))))
        return self.head(x).flatten(0, 1)


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(x + y)


def task(name: str) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A network, its inputs and its targets."""
    torch.manual_seed(0)
    if name == "gpt":
        text = inspect.getsource(argparse)
        letters = sorted(set(text))
        ids = torch.tensor([letters.index(c) for c in text])
        rows = ids[: (len(ids) - 1) // SEQUENCE * SEQUENCE].view(-1, SEQUENCE)
        target = ids[1 : rows.numel() + 1].view(-1, SEQUENCE)
        return Block(len(letters)), rows, target
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), Residual(32), Residual(32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    x = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    return model, x, torch.tensor(labels)


class Kept(torch.autograd.graph.saved_tensors_hooks):
    """Counts the bytes that a graph keeps for backward, without the network's weights."""

    def __init__(self, model: nn.Module) -> None:
        weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self.storages: dict[int, int] = {}

        def pack(t: torch.Tensor) -> torch.Tensor:
            storage = t.untyped_storage()
            if storage.data_ptr() not in weights:
                self.storages[storage.data_ptr()] = storage.nbytes()
            return t

        super().__init__(pack, lambda t: t)

    def bytes(self) -> int:
        return sum(self.storages.values())


def training(name: str, functions: str) -> Turn:
    """A turn is a step; it returns the loss, and the first also the bytes kept for backward."""
    model, x, target = task(name)
    loss_of = F.cross_entropy
    if functions != "torch":
        ot.swap(model, lean=True if functions == "lean" else None)
        loss_of = ot.cross_entropy
    optimiser = torch.optim.AdamW(model.parameters(), 3e-4)
    step, batch = 0, NETWORKS[name]

    def forward() -> torch.Tensor:
        some = [(step * batch + i) % len(x) for i in range(batch)]
        return loss_of(model(x[some]), target[some].flatten())

    def turn() -> tuple[float, tuple[float, int | None]]:
        nonlocal step
        kept = None
        begin = time.perf_counter()
        optimiser.zero_grad()
        if step == 0:
            counting = Kept(model)
            with counting:
                loss = forward()
            kept = counting.bytes()
        else:
            loss = forward()
        loss.backward()
        optimiser.step()
        seconds = time.perf_counter() - begin
        step += 1
        return seconds, (loss.item(), kept)

    return turn


def entry(
    name: str, functions: str, own: Account, peer: Account, peak: int | None
) -> dict[str, Any]:
    """One line of the table, compared with torch."""
    losses, peers = ([loss for loss, _ in account.results] for account in (own, peer))
    return {
        "network": name,
        "functions": functions,
        "losses": losses,
        "difference": max(abs(a - b) / abs(b) for a, b in zip(losses, peers, strict=True)),
        "seconds": figures(Spread.of(own.seconds[1:])),
        "ratio": figures(own.behind(peer)),
        "kept_bytes": own.results[0][1],
        "peak_bytes": peak,
    }


def main(
    networks: Annotated[str, typer.Option(help="Any of gpt, resnet.")] = ",".join(NETWORKS),
    steps: Annotated[int, typer.Option(min=2, help="Steps of each training.")] = 50,
    results: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = RESULTS,
) -> None:
    """Train step by step in turns, and compare losses, time and memory."""
    names = networks.split(",")
    if unknown := [name for name in names if name not in NETWORKS]:
        raise typer.BadParameter(f"unknown network {unknown[0]!r}")
    described = machine.describe()
    trainings = []
    with Progress(console=Console(stderr=True)) as progress:
        for name in names:
            task = progress.add_task(name, total=steps * len(FUNCTIONS))
            makers = {functions: partial(training, name, functions) for functions in FUNCTIONS}
            accounts = take_turns(makers, steps, partial(progress.advance, task))
            peak = peaks(makers)
            trainings += [
                entry(name, f, accounts[f], accounts["torch"], peak[f]) for f in FUNCTIONS
            ]
    document = {
        "schema": 1, "machine": described, "threads": torch.get_num_threads(), "steps": steps,
        "trainings": trainings,
    }  # fmt: skip
    write_text(results, json.dumps(document, indent=1) + "\n")
    print(torch_report.training(document))


if __name__ == "__main__":
    typer.run(main)
