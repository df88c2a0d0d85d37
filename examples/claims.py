"""What Ogive claims, shown: `python examples/claims.py`. PyTorch's answers stand beside Ogive's.

Each line compares a float32 result with the double nearest to the exact one; the last part
computes everything elementwise, and softmax and cross-entropy, under every instruction set that
this machine has, at several strides and numbers of threads, and compares the bits.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

import ogive

ISAS = ("baseline", "avx2", "avx512")
HAS_TORCH = importlib.util.find_spec("torch") is not None


def copies(value: float) -> np.ndarray:
    """Enough of them to fill a vector: PyTorch treats what is left over differently."""
    return np.full(64, value, np.float32)


def torch_value(name: str, x: np.ndarray, target: int | None = None) -> tuple[float, ...] | None:
    """What torch.nn.functional gives, with the gradient where there is a target."""
    if not HAS_TORCH:
        return None
    import torch

    function = getattr(torch.nn.functional, name)
    z = torch.from_numpy(x)
    if target is None:
        return (float(function(z)[0]),)
    z.requires_grad_()
    loss = function(z, torch.tensor([target]))
    loss.backward()
    return float(loss.detach()), float(z.grad[0, target])


def claims() -> Iterator[tuple[str, float, float, float | None]]:
    """What is claimed, Ogive's result, the exact one, PyTorch's."""
    for x in (-10.0, 1.7e38, 1.71e38):
        exact = x * math.erfc(-x / math.sqrt(2)) / 2
        theirs = torch_value("gelu", copies(x))
        yield f"gelu({x:g})", float(ogive.gelu(copies(x))[0]), exact, theirs and theirs[0]

    exact = -100 / (1 + math.exp(100))
    theirs = torch_value("silu", copies(-100))
    yield "silu(-100)", float(ogive.silu(copies(-100))[0]), exact, theirs and theirs[0]

    for gap in (10.0, 20.0, 80.0):
        z = np.array([[gap, 0, 0]], np.float32)
        rest = 2 * math.exp(-gap)
        loss, dz = ogive.value_and_grad.cross_entropy(z, np.array([0]))
        theirs = torch_value("cross_entropy", z, 0)
        name = f"cross_entropy([{gap:g}, 0, 0], 0)"
        yield name, float(loss), math.log1p(rest), theirs and theirs[0]
        yield f"{name}, gradient at 0", float(dz[0, 0]), -rest / (1 + rest), theirs and theirs[1]


def digest(threads: int, stride: int) -> str:
    """Of all results on the same numbers, laid out `stride` elements apart."""
    ogive.set_num_threads(threads)
    random = np.random.default_rng(5)
    numbers = np.concatenate(
        [random.normal(0, 4, 70_000), np.exp(random.uniform(-100, 88, 30_000))]
    ).astype(np.float32)
    spread = np.empty((len(numbers), stride), np.float32)[:, 0]
    spread[...] = numbers
    results = [getattr(ogive, name)(spread) for name in ogive.catalog.names("unary")]
    rows = spread.reshape(1000, 100)
    results.append(ogive.softmax(rows))
    results.extend(ogive.value_and_grad.cross_entropy(rows, np.arange(1000) % 100))
    sha = hashlib.sha256()
    for result in results:
        sha.update(np.ascontiguousarray(result).tobytes())
    return sha.hexdigest()[:16]


def digests() -> Iterator[tuple[str, str]]:
    """A line per instruction set, stride and number of threads."""
    for isa in ISAS:
        for threads in (1, 2, 3):
            for stride in (1, 3):
                done = subprocess.run(
                    [sys.executable, __file__, "--digest", str(threads), str(stride)],
                    env={**os.environ, "OGIVE_ISA": isa},
                    capture_output=True,
                    text=True,
                )
                if done.returncode == 0:
                    yield f"{isa}, {threads} threads, stride {stride}", done.stdout.strip()
                elif "this machine has" not in done.stderr:
                    raise RuntimeError(done.stderr)


def main() -> int:
    right = True
    for name, ours, exact, theirs in claims():
        ulp = abs(ours - exact) / float(np.spacing(np.float32(abs(exact))))
        right &= ulp <= 1
        beside = "" if theirs is None else f"; PyTorch {theirs:.9g}"
        print(f"{name:42} {ours:.9g}, {ulp:.2f} ULP from {exact:.9g}{beside}")
    found = dict(digests())
    for name, value in found.items():
        print(f"{name:42} {value}")
    same = len(set(found.values())) == 1
    print(f"{len(found)} ways, {'the same bits' if same else 'DIFFERENT BITS'}")
    return 0 if right and same else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--digest"]:
        print(digest(int(sys.argv[2]), int(sys.argv[3])))
    else:
        sys.exit(main())
