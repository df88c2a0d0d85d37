"""Measure the errors of lean backward, and record them.

    python tools/lean.py                                 # all 2^32 float32 inputs, in minutes
    python tools/lean.py --functions gelu --stride 64    # a sample

For the functions whose lean backward needs the output, forward and then backward with dy = 1 is
compared with the derivative at x. Near the minimum y no longer determines f'(x); `max_error` is the
largest absolute error, which occurs there, and `max_ulp` the largest in ulps of f'(x) for x at
least 1/4 away from the minimum and normal y. The figures go to tests/lean.toml, whose limits
tests/test_lean.py enforces; figures of a sample never replace those of more inputs.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import ogive
from ogive.calls.rules import inputs
from ogive.catalog import find, names
from ogive.reference import measure
from ogive.reference.ball import critical_points
from ogive.reference.ulp import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Format

RECORD = Path(__file__).parent.parent / "tests" / "lean.toml"
CHUNK = 1 << 24
BLOCK = 1 << 17
AWAY = 0.25
SAMPLE = 1021  # what tests/test_lean.py measures
FUNCTIONS = [
    name for name in names("unary")
    if name in dir(ogive.lean) and "y" in inputs(ogive.card(name), "lean_backward")
]  # fmt: skip


@dataclass
class Found:
    """Errors over some inputs."""

    inputs: int
    max_error: float
    max_error_at: float
    max_ulp: float
    max_ulp_at: float

    def merge(self, other: Found) -> Found:
        near = self if other.max_error <= self.max_error else other
        away = self if other.max_ulp <= self.max_ulp else other
        return Found(
            self.inputs + other.inputs,
            near.max_error, near.max_error_at, away.max_ulp, away.max_ulp_at,
        )  # fmt: skip


def ulps_of(exact: Any, fmt: Format) -> Any:
    """`Format.spacing` for float64, from the exponent's bits, in a tenth of the time."""
    power = (exact.view(np.int64) & 0x7FF0_0000_0000_0000).view(np.float64)
    return np.maximum(power * 2.0 ** (1 - fmt.precision), 2.0 ** (fmt.least - fmt.precision + 1))


def errors(name: str, x: Any, fmt: Format) -> Found:
    """Errors of dx for dy = 1 at the finite elements of x."""
    with np.errstate(invalid="ignore"):  # ml_dtypes warns about NaN
        wide = x.astype(np.float64)
    if not np.isfinite(wide).all():
        x, wide = x[np.isfinite(wide)], wide[np.isfinite(wide)]
    y, mask = getattr(ogive.lean, name)(x)
    got = getattr(ogive.lean_backward, name)(np.ones_like(y), y, mask).astype(np.float64)
    exact = getattr(ogive.derivative, name)(wide)
    error = np.abs(got - exact)
    error[np.isnan(error)] = np.inf  # otherwise comparisons would ignore a NaN
    (minimum,) = critical_points(find(name))
    ulps = error / ulps_of(exact, fmt)
    ulps[np.abs(y.astype(np.float64)) < 2.0**fmt.least] = 0
    ulps[np.abs(wide - minimum) < AWAY] = 0
    near, away = int(np.argmax(error)), int(np.argmax(ulps))
    return Found(x.size, float(error[near]), float(x[near]), float(ulps[away]), float(x[away]))


def chunk(name: str, number: int, stride: int) -> Found:
    """One chunk of the float32 bit patterns."""
    first = -(-number * CHUNK // stride) * stride
    patterns = np.arange(first, (number + 1) * CHUNK, stride, dtype=np.uint64).astype(np.uint32)
    total = Found(0, 0.0, 0.0, 0.0, 0.0)
    for start in range(0, patterns.size, BLOCK):
        x = patterns[start : start + BLOCK].view(np.float32)
        if np.isfinite(x).any():
            total = total.merge(errors(name, x, FLOAT32))
    return total


def float32(name: str, stride: int, processes: int = 1) -> Found:
    numbers = range((1 << 32) // CHUNK)
    total = Found(0, 0.0, 0.0, 0.0, 0.0)
    if processes == 1:
        for number in numbers:
            total = total.merge(chunk(name, number, stride))
        return total
    with ProcessPoolExecutor(processes, initializer=ogive.set_num_threads, initargs=(1,)) as pool:
        each = [pool.submit(chunk, name, number, stride) for number in numbers]
        for future in each:
            total = total.merge(future.result())
    return total


def rest(name: str) -> dict[str, Found]:
    """Errors at all 16-bit inputs, and at points of float64."""
    found = {fmt.name: errors(name, fmt.every(), fmt) for fmt in (FLOAT16, BFLOAT16)}
    return found | {"float64": errors(name, measure.float64_points(find(name)), FLOAT64)}


def lines(figures: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    yield "# Written by tools/lean.py, which says what each is; tests/test_lean.py holds to it.\n"
    for name in sorted(figures):
        for dtype, entry in figures[name].items():
            yield f"\n[{name}.{dtype}]\n"
            yield from (f"{key} = {value!r}\n" for key, value in entry.items())


def record(name: str, found: dict[str, Found]) -> None:
    """Write the figures into tests/lean.toml, unless the figures there are from more inputs."""
    figures = tomllib.loads(RECORD.read_text()) if RECORD.exists() else {}
    mine = figures.setdefault(name, {})
    for dtype, f in found.items():
        if f.inputs < mine.get(dtype, {}).get("inputs", 0):
            continue
        mine[dtype] = {
            "inputs": f.inputs,
            "max_error": float(f"{f.max_error * 1.0001:.4e}"),
            "max_error_at": f.max_error_at,
            "max_ulp": math.ceil(f.max_ulp * 100) / 100,
            "max_ulp_at": f.max_ulp_at,
        }
    RECORD.write_text("".join(lines(figures)))


def main(
    functions: Annotated[str, typer.Option(help="names, by commas")] = ",".join(FUNCTIONS),
    stride: Annotated[int, typer.Option(help="every how many float32 patterns")] = 1,
    processes: int = 2,
) -> None:
    for name in functions.split(","):
        single = float32(name, stride, processes)
        if stride > 1:
            single = single.merge(float32(name, SAMPLE, processes))
        found = rest(name) | {"float32": single}
        for dtype, f in found.items():
            print(f"{name} {dtype}: {f}", flush=True)
        record(name, found)


if __name__ == "__main__":
    typer.run(main)
