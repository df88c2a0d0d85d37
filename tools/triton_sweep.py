"""Measure the Triton kernels in Triton's interpreter, against enclosures; no GPU is needed.

    python tools/triton_sweep.py                 # all halves and every 1,021st float
    python tools/triton_sweep.py gelu silu       # of some functions
    python tools/triton_sweep.py --step 8191     # fewer floats

The interpreter computes as a GPU does, in IEEE's operations one by one; its fused multiply-adds are
Ogive's own (`_triton/interpreted.py`), since NumPy has none. A GPU's approximate reciprocals and
roots differ in their last bit from the rounded ones here, and a remainder corrects both.

Printed are the largest error in float32 and the number of halves that are not correctly rounded;
the exit code is 1 if one is beyond the contract.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import numpy as np
import torch

from ogive._numpy.api import modes
from ogive.catalog import find, names
from ogive.reference import measure
from ogive.reference.ulp import BFLOAT16, FLOAT16, FLOAT32, Format
from ogive.torch import _triton as kernels

AT_A_TIME = 1 << 16


def tensor(x: Any) -> torch.Tensor:
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)


def result(name: str, mode: str, x: Any) -> Any:
    found = kernels.unary(name, mode, (tensor(np.ascontiguousarray(x)),))
    if found.dtype == torch.bfloat16:
        return found.view(torch.int16).numpy().view(x.dtype)
    return found.numpy()


def floats(name: str, mode: str, step: int) -> Any:
    """The worst of every step-th pattern and of all around the cutoffs."""
    card, order = find(name), measure.ORDERS[mode]
    patterns = np.arange(0, 1 << 32, step, dtype=np.int64).astype(np.uint32)
    patterns = np.concatenate([patterns, measure.around(card)])
    encloser = measure.encloser(name, measure.results(name))
    worst: Any = None
    for begin in range(0, len(patterns), AT_A_TIME):
        x = patterns[begin : begin + AT_A_TIME].view(np.float32)
        bounds = encloser.bounds(x)[order]
        found = encloser.judge(x, result(name, mode, x), bounds, FLOAT32, order)
        worst = found if worst is None else worst.merge(found)
    return worst


def misrounded(name: str, mode: str, fmt: Format) -> int:
    """Halves that are further from the exact result than the CPU's, which are correctly rounded."""
    x = fmt.every()
    function = measure.function(find(name), mode)
    got = result(name, mode, x).astype(np.float64)
    want, exact = function(x).astype(np.float64), function(x.astype(np.float64))
    right = (got == want) | (np.isnan(got) & np.isnan(want))
    right |= np.abs(got - exact) <= np.abs(want - exact)
    return int(np.count_nonzero(~right))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--step", type=int, default=1021)
    given = parser.parse_args()
    beyond = 0
    for name in given.names or names("unary"):
        for mode in ("value", "derivative"):
            if mode not in modes(name):
                continue
            start = time.time()
            with np.errstate(all="ignore"):
                found = floats(name, mode, given.step)
                halves = [misrounded(name, mode, fmt) for fmt in (FLOAT16, BFLOAT16)]
            bad = found.worst > measure.CONTRACT["float32", mode] or any(halves)
            beyond += bad
            print(
                f"{name:14} {mode:11} {found.worst:.4f} at {found.worst_at!r:24} "
                f"float16 {halves[0]}, bfloat16 {halves[1]}, of {found.count:,} floats"
                f"  {time.time() - start:.0f} s{'  BEYOND THE CONTRACT' if bad else ''}",
                flush=True,
            )
    return min(beyond, 1)


if __name__ == "__main__":
    sys.exit(main())
