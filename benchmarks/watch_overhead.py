"""What watching costs: ratios of training time with the monitor and without, interleaved.

    python benchmarks/watch_overhead.py

Both models of a pair train in one process, block after block in turn; the ratio is the median over
pairs of blocks. The denser start is over when measuring begins; what one looked-at step costs is
printed beside it.
"""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from typing import Any

import torch
from torch import nn

import ogive


def small() -> tuple[Any, Any]:
    """A small MLP: what a step costs is mostly the calls."""
    layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(*layers), torch.randn(64, 64)


def large() -> tuple[Any, Any]:
    """Ten million parameters."""
    sizes = [1024, 2048, 2048, 1500]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(1500, 10)), torch.randn(64, 1024)


def steps(model: Any, x: Any, optimizer: Any, count: int) -> float:
    """Seconds of so many steps, each on rows of its own."""
    y = torch.arange(len(x)) % 10
    begin = time.perf_counter()
    for _ in range(count):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x.normal_()), y).backward()
        optimizer.step()
    return time.perf_counter() - begin


def measure(make: Any, block: int, pairs: int) -> None:
    """Print one line."""
    torch.manual_seed(0)
    plain, seen = make(), make()
    optimizers = [torch.optim.Adam(each[0].parameters(), 1e-6) for each in (plain, seen)]
    monitor = ogive.watch.Monitor(seen[0]).attach()
    steps(*seen, optimizers[1], 501)  # the denser start
    ratios, unit = [], []
    for _ in range(pairs):
        without = steps(*plain, optimizers[0], block)
        ratios.append(steps(*seen, optimizers[1], block) / without)
        unit.append(without / block)
    looked = statistics.median(monitor._armed_times) / statistics.median(monitor._plain)
    monitor.detach()
    parameters = sum(p.numel() for p in seen[0].parameters())
    print(
        f"{make.__name__}: {parameters:,} parameters, step {1e3 * statistics.median(unit):.2f} ms, "
        f"with the monitor {statistics.median(ratios):.3f} times; a looked-at step "
        f"{looked:.2f} times; {monitor.report().cost.bytes / 1e6:.1f} MB kept at most"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure(small, 500, 40)
    measure(large, 50, 5)
