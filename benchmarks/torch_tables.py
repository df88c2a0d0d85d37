"""The time of a call from PyTorch on small tensors, and the memory kept for backward.

python benchmarks/torch_tables.py [overhead] [saved]
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

import ogive
import ogive.torch as ot
from timing import Effort, Spread, Timed, race, ratios

ELEMENTS = 16
EFFORT = Effort(sample=5e-4, cell=0.2, least=20, most=100)


def peers() -> dict[str, str]:
    """Functions with a module in torch, by title."""
    return {
        card.name: card.title
        for card in ogive.catalog("unary")
        if hasattr(torch.nn, card.title) and card.title not in ("Identity", "RReLU", "Threshold")
    }


def overhead(effort: Effort = EFFORT) -> list[tuple[str, Spread, Spread]]:
    """(name, forward, forward and backward): torch's time over Ogive's."""
    x = torch.randn(ELEMENTS, requires_grad=True)
    plain, dy = x.detach(), torch.ones(ELEMENTS)

    def forward(layer: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], object]:
        return lambda: layer(plain)

    def both(layer: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(layer(x), x, dy)

    def ratio(work: Callable[..., Callable[[], object]], title: str) -> Spread:
        layers = {"ogive": getattr(ot.nn, title)(), "torch": getattr(torch.nn, title)()}
        samplers = {name: Timed(work(layer), effort, 0) for name, layer in layers.items()}
        times = race(samplers, effort)
        return ratios(times["torch"], times["ogive"])

    return [(name, ratio(forward, title), ratio(both, title)) for name, title in peers().items()]


@contextmanager
def saved_bytes() -> Iterator[dict[int, int]]:
    """The sizes of storages that calls keep for backward, by their addresses."""
    sizes: dict[int, int] = {}
    held: list[torch.Tensor] = []  # so that no address is given out again

    def pack(t: torch.Tensor) -> torch.Tensor:
        sizes[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        held.append(t)
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        yield sizes


def kept(layer: Callable[[torch.Tensor], torch.Tensor], n: int = 1 << 12) -> tuple[float, float]:
    """Bytes per element kept for backward between two linear layers: (all, without shared tensors).

    The layers around it keep the activation's output anyway, so sharing it costs nothing.
    """
    x = torch.randn(1, n, requires_grad=True)
    with saved_bytes() as sizes:
        y = layer(x * 1.0)
    own = sum(sizes.values()) - sizes.get(y.untyped_storage().data_ptr(), 0)
    return sum(sizes.values()) / n, own / n


def saved() -> list[tuple[str, float, float, float, float]]:
    """(name, torch's, ours, ours lean, ours lean without a shared output), bytes per element."""
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
        print(f"{ELEMENTS} elements, torch's time over Ogive's, median of pairs (quartiles)")
        print(f"{'':14} {'forward':18} forward and backward")
        rows = overhead()
        for name, *spreads in rows:
            texts = [f"{r.median:5.2f} ({r.low:.2f}–{r.high:.2f})" for r in spreads]
            print(f"{name:14} {texts[0]:18} {texts[1]}")
        for which, work in enumerate(("forward", "forward and backward"), 1):
            found = [row[which].median for row in rows]
            print(f"median of the functions, {work}: {statistics.median(found):.2f}")
    if "saved" in wanted:
        print(
            "\nbytes per element kept, beyond a shared output: torch's, ours, ours with lean=True"
        )
        for name, theirs, ours, _, lean in saved():
            print(f"{name:14} {theirs:6.3f} {ours:6.3f} {lean:6.3f}")


if __name__ == "__main__":
    main()
