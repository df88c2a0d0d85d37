"""linear_cross_entropy compared with its three matrix products alone: time and memory.

    python benchmarks/layer.py                                   # 8,192 x 2,048 x 128,256: minutes
    python benchmarks/layer.py --shape 1024,512,32000 --rounds 5

Each measurement runs in its own process, which reports its peak memory; the two take turns.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Annotated

import numpy as np
import typer

import ogive

GOAL_TIME, GOAL_BYTES = 1.1, 3e9
SHAPE = (8192, 2048, 128_256)


def products(x: np.ndarray, W: np.ndarray) -> None:
    """The logits, and the products with their gradient, without computing that gradient."""
    z = x @ W.T
    dx, dW = z @ W, z.T @ x
    del dx, dW


def once(work: str, shape: tuple[int, int, int]) -> None:
    """Measure once in this process; prints seconds and peak bytes."""
    rows, d, classes = shape
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, d), np.float32)
    W = random.standard_normal((classes, d), np.float32)
    W *= np.float32(0.02)
    labels = random.integers(0, classes, rows)
    few = slice(min(rows, 64))
    np.matmul(x[few], W[few].T)  # BLAS starts its threads
    begin = time.perf_counter()
    if work == "products":
        products(x, W)
    else:
        ogive.value_and_grad.linear_cross_entropy(x, W, labels)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps([seconds, peak]))


def main(
    shape: Annotated[str, typer.Option(help="Rows, inputs, classes.")] = ",".join(map(str, SHAPE)),
    rounds: Annotated[int, typer.Option(help="Times of each, in turns.")] = 3,
    work: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measure time and peak memory at one shape."""
    rows, d, classes = (int(part) for part in shape.split(","))
    if work:
        once(work, (rows, d, classes))
        return
    found: dict[str, list[list[float]]] = {"ogive": [], "products": []}
    for turn in range(rounds):
        for which in sorted(found, reverse=bool(turn % 2)):
            command = [sys.executable, __file__, "--shape", shape, "--work", which]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found[which].append(json.loads(done.stdout))
            typer.echo(f"{which}: {found[which][-1][0]:.2f} s", err=True)
    ratios = [a[0] / b[0] for a, b in zip(found["ogive"], found["products"], strict=True)]
    peaks = {which: max(peak for _, peak in times) for which, times in found.items()}
    report = {
        "shape": [rows, d, classes],
        "logits_bytes": rows * classes * 4,
        "threads": ogive.get_num_threads(),
        "load_before": os.getloadavg()[0],
        "seconds": {which: [t for t, _ in times] for which, times in found.items()},
        "peak_bytes": peaks,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "goals": {"ratio": GOAL_TIME, "peak_bytes": GOAL_BYTES},
    }
    typer.echo(json.dumps(report, indent=2))


if __name__ == "__main__":
    typer.run(main)
