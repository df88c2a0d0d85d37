"""What a call from PyTorch costs on small tensors, and what is kept for backward.

python benchmarks/torch_tables.py [overhead] [saved]
"""

from __future__ import annotations

import statistics
import sys
import timeit
from collections.abc import Callable

import torch

import ogive
import ogive.torch as ot

ELEMENTS = 16


def peers() -> dict[str, str]:
    """Functions that have a module of torch's, by its title."""
    return {
        card.name: card.title
        for card in ogive.catalog("unary")
        if hasattr(torch.nn, card.title) and card.title not in ("Identity", "RReLU", "Threshold")
    }


def overhead(rounds: int = 60, calls: int = 100) -> list[tuple[str, float, float, float, float]]:
    """(name, forward, torch's, forward and backward, torch's) in us, the least of many."""
    x = torch.randn(ELEMENTS, requires_grad=True)
    plain, dy = x.detach(), torch.ones(ELEMENTS)
    rows = []
    for name, title in peers().items():
        ours, theirs = getattr(ot.nn, title)(), getattr(torch.nn, title)()

        def both(layer: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], object]:
            return lambda: torch.autograd.grad(layer(x), x, dy)

        runs: list[Callable[[], object]] = [
            lambda ours=ours: ours(plain), lambda theirs=theirs: theirs(plain),
            both(ours), both(theirs),
        ]  # fmt: skip
        best = [float("inf")] * 4
        for _ in range(rounds):
            for k, run in enumerate(runs):
                best[k] = min(best[k], timeit.timeit(run, number=calls) / calls * 1e6)
        rows.append((name, *best))
    return rows  # type: ignore[return-value]


def kept(layer: Callable[[torch.Tensor], torch.Tensor], n: int = 1 << 12) -> tuple[float, float]:
    """Bytes an element kept for backward between two linear layers: (all, beside what they keep).

    What the layers around it keep anyway, the activation's output, costs nothing more.
    """
    x = torch.randn(1, n, requires_grad=True)
    weights: dict[int, int] = {}
    held: list[torch.Tensor] = []

    def pack(t: torch.Tensor) -> torch.Tensor:
        weights[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        held.append(t)
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = layer(x * 1.0)
    own = sum(weights.values()) - weights.get(y.untyped_storage().data_ptr(), 0)
    return sum(weights.values()) / n, own / n


def saved() -> list[tuple[str, float, float, float, float]]:
    """(name, torch's, ours, ours lean, ours lean beside a shared output), bytes an element."""
    rows = []
    for name, title in peers().items():
        cls = getattr(ot.nn, title)
        theirs = kept(getattr(torch.nn, title)())[1]
        if title == "PReLU":
            found = kept(cls())
            rows.append((name, theirs, found[1], found[1], found[1]))
            continue
        rows.append((name, theirs, kept(cls())[1], *kept(cls(lean=True))))
    half = torch.nn.functional
    a_b = {
        "swiglu": (lambda x: half.silu(x) * x.flip(1), lambda x: ot.swiglu(x.flip(1), x)),
        "geglu": (lambda x: half.gelu(x) * x.flip(1), lambda x: ot.geglu(x.flip(1), x)),
    }
    for name, (theirs_of, ours_of) in a_b.items():
        ours = kept(ours_of)[1]
        rows.append((name, kept(theirs_of)[1], ours, ours, ours))
    return rows


def main() -> None:
    wanted = sys.argv[1:] or ["overhead", "saved"]
    if "overhead" in wanted:
        torch.set_num_threads(1)
        print(f"{ELEMENTS} elements, us: forward, forward and backward (ours, torch's, ratio)")
        ratios = []
        for name, f, tf, b, tb in overhead():
            ratios.append(b / tb)
            print(f"{name:14} {f:6.2f} {tf:6.2f} {f / tf:5.2f}   {b:6.2f} {tb:6.2f} {b / tb:5.2f}")
        print(f"median ratio forward and backward {statistics.median(ratios):.2f}")
    if "saved" in wanted:
        print("\nbytes an element kept beside a shared output: torch's, ours, ours with lean=True")
        for name, theirs, ours, _, lean in saved():
            print(f"{name:14} {theirs:6.3f} {ours:6.3f} {lean:6.3f}")


if __name__ == "__main__":
    main()
