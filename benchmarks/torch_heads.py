"""Compares Ogive's losses in PyTorch, with their gradients, with torch's: time and memory.

    python benchmarks/torch_heads.py                    # writes heads.json
    python benchmarks/torch_heads.py --only 4096x1000 --json some.json

They are forward and backward through autograd, in float32. Each contestant has its own process; the
processes take turns.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.progress import Progress

import machine
import ogive.torch as ot
import torch_report
from cells import SHAPES
from ogive.report.writer import write_text
from record import OGIVE, figures
from timing import SETTLE, Effort, Spread, Timed
from turns import Account, Turn, peaks, take_turns

RESULTS = Path(__file__).with_name("heads.json")
EFFORT = Effort(sample=0.02, cell=0, least=0, most=0)
LINEAR = "linear_cross_entropy"
CASES = [
    *(("cross_entropy", shape) for shape in SHAPES),
    (LINEAR, (4096, 512, 8000)),
    (LINEAR, (2048, 768, 32000)),
    (LINEAR, (8192, 256, 32000)),
]
"""Rows and classes; for a layer with its loss, rows, inputs and classes."""


def contestants(head: str) -> dict[str, Callable[..., torch.Tensor]]:
    """Losses of (logits, target), or of (inputs, weights, target), by name."""
    if head != LINEAR:
        return {OGIVE: ot.cross_entropy, "F.cross_entropy": F.cross_entropy}
    chunks = torch.nn.LinearCrossEntropyOptions()
    return {
        OGIVE: ot.linear_cross_entropy,
        "F.linear, F.cross_entropy": lambda x, W, t: F.cross_entropy(F.linear(x, W), t),
        "F.linear_cross_entropy": F.linear_cross_entropy,
        "F.linear_cross_entropy, chunked": partial(F.linear_cross_entropy, options=chunks),
    }


def operands(shape: tuple[int, ...]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The tensors that get gradients, and the labels."""
    torch.manual_seed(0)
    rows, *inputs, classes = shape
    leaves = [3 * torch.randn(rows, classes)]
    if inputs:
        leaves = [torch.randn(rows, *inputs), 0.02 * torch.randn(classes, *inputs)]
    return [leaf.requires_grad_() for leaf in leaves], torch.randint(classes, (rows,))


def contest(head: str, shape: tuple[int, ...], name: str) -> Turn:
    """A turn is forward and backward; it also returns the loss."""
    leaves, target = operands(shape)
    loss_of = contestants(head)[name]
    timed: Timed | None = None
    first = True

    def call() -> torch.Tensor:
        loss = loss_of(*leaves, target)
        torch.autograd.grad(loss, leaves)
        return loss.detach()

    def turn() -> tuple[float, float]:
        nonlocal timed, first
        if first:  # one call has the same peak as many
            first = False
            begin = time.perf_counter()
            loss = call().item()
            return time.perf_counter() - begin, loss
        if timed is None:
            timed = Timed(call, EFFORT, SETTLE)
        return timed(), 0.0

    return turn


def entry(
    head: str, shape: tuple[int, ...], accounts: dict[str, Account], peak: dict[str, int | None]
) -> dict[str, Any]:
    """A case with its peers."""
    own = accounts[OGIVE]
    return {
        "head": head,
        "shape": shape,
        "seconds": figures(Spread.of(own.seconds[1:])),
        "peak_bytes": peak[OGIVE],
        "peers": {
            name: {
                "ratio": figures(own.behind(peer)),
                "pairs": len(peer.seconds) - 1,
                "difference": abs(own.results[0] - peer.results[0]) / abs(peer.results[0]),
                "peak_bytes": peak[name],
            }
            for name, peer in accounts.items()
            if name != OGIVE
        },
    }


def main(
    only: Annotated[str, typer.Option(help="Regular expression over head/shape.")] = "",
    rounds: Annotated[int, typer.Option(min=2, help="Turns of each; the first is not timed.")] = 10,
    results: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = RESULTS,
) -> None:
    """Time the losses in turns."""
    chosen = [
        (head, shape)
        for head, shape in CASES
        if re.search(only, f"{head}/{torch_report.by(shape)}")
    ]
    if not chosen:
        raise typer.BadParameter(f"no case matches {only!r}; one is cross_entropy/4096x1000")
    described = machine.describe()
    heads = []
    with Progress(console=Console(stderr=True)) as progress:
        for head, shape in chosen:
            makers = {name: partial(contest, head, shape, name) for name in contestants(head)}
            task = progress.add_task(f"{head} {shape}", total=rounds * len(makers))
            accounts = take_turns(makers, rounds, partial(progress.advance, task))
            heads.append(entry(head, shape, accounts, peaks(makers, 1)))
    document = {
        "schema": 1, "machine": described, "threads": torch.get_num_threads(), "heads": heads
    }  # fmt: skip
    write_text(results, json.dumps(document, indent=1) + "\n")
    print(torch_report.heads(document))


if __name__ == "__main__":
    typer.run(main)
