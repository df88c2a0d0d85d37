"""The cost of lean backward: its times over those of the plain function and plain backward.

python benchmarks/lean_costs.py
"""

from __future__ import annotations

import numpy as np

import ogive
from ogive.calls.loop import loop
from timing import Effort, Spread, Timed, race, ratios

ELEMENTS = 1 << 16
EFFORT = Effort(sample=0.001, cell=1.0, least=20, most=400)


def cost(name: str) -> tuple[Spread, Spread]:
    """Forward and backward of a function: float32 in cache, one thread, results allocated."""
    x = (3 * np.random.default_rng(0).standard_normal(ELEMENTS)).astype(np.float32)
    dy = x[::-1].copy()
    value, backward = getattr(ogive, name), getattr(ogive.backward, name)
    lean, lean_backward = getattr(ogive.lean, name), getattr(ogive.lean_backward, name)
    y, mask = lean(x)
    kept = (y, mask) if loop(name, "lean_backward").tensors == 2 else (mask,)
    found = []
    for ours, plain in (
        (lambda: lean(x), lambda: value(x)),
        (lambda: lean_backward(dy, *kept), lambda: backward(dy, x)),
    ):
        times = race({"lean": Timed(ours, EFFORT, 0), "plain": Timed(plain, EFFORT, 0)}, EFFORT)
        found.append(ratios(times["lean"], times["plain"]))
    return found[0], found[1]


def main() -> None:
    ogive.set_num_threads(1)
    print(f"{ogive._native.isa()}: time over the plain one's, median (quartiles)")
    for name in dir(ogive.lean):
        for which, r in zip(("forward", "backward"), cost(name), strict=True):
            print(f"{name:14} {which:9} {r.median:5.2f} ({r.low:.2f}-{r.high:.2f})")


if __name__ == "__main__":
    main()
