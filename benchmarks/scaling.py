"""How time and memory grow with the work: `make bench-scaling` writes scaling.json and a table.

It measures elementwise functions over n = 2^10 … 2^28 elements, into a resident array and into a
new one, and the gradient of cross-entropy over V = 10 … 256 K classes. The exponent is the slope of
log time over log work, fitted where the work takes longer than the call, with the least and the
greatest slope between neighbouring sizes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

import machine
import ogive
from cells import function_of
from memory import Peak
from ogive.report.writer import write_text
from record import significant
from table import short

RESULTS = Path(__file__).with_name("scaling.json")
ELEMENTS = tuple(1 << k for k in range(10, 29, 2))
CLASSES = (10, 32, 100, 316, 1000, 3162, 10_000, 32_000, 100_000, 256_000)
ROWS = 128
FROM = 1 << 16
"""From this many elements on, the work takes longer than the call, and the exponent is fitted."""
SECONDS = 0.3
"""Time for each size, or three calls if these take longer."""

Series = list[dict[str, float]]


def measure(call: Callable[[], Any]) -> dict[str, float | None]:
    """The median time of a call, and the bytes that the first call adds to the process."""
    peak = Peak()
    call()
    needed = peak.bytes()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 1000):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return {"seconds": float(np.median(times)), "bytes": needed}


def exponent(work: list[int], seconds: list[float]) -> dict[str, float]:
    """The slope of log seconds over log work, and the slopes between neighbours."""
    logs = np.log(work), np.log(seconds)
    slopes = np.diff(logs[1]) / np.diff(logs[0])
    fitted = np.polyfit(*logs, 1)[0]
    return {
        "exponent": float(fitted), "least": float(slopes.min()), "greatest": float(slopes.max())
    }  # fmt: skip


def unary(name: str, output: str, n: int) -> Callable[[], Any]:
    function = function_of(name, "value")
    x = np.resize(3 * np.random.default_rng(1).standard_normal(1 << 16), n).astype(np.float32)
    if output == "allocated":
        return lambda: function(x)
    out = np.ones_like(x)
    return lambda: function(x, out=out)


def head(name: str, output: str, classes: int) -> Callable[[], Any]:
    random = np.random.default_rng(1)
    z = np.resize(3 * random.standard_normal(1 << 16), (ROWS, classes)).astype(np.float32)
    target = random.integers(0, classes, ROWS)
    function = function_of(name, "value_and_grad")
    if output == "allocated":
        return lambda: function(z, target)
    out = np.ones_like(z)
    return lambda: function(z, target, out=out)


def series(
    name: str, output: str, sizes: tuple[int, ...], make: Any, elements: int
) -> dict[str, Any]:
    """One line of the table; the work is a size times `elements`."""
    points = [{"size": size, **measure(make(name, output, size))} for size in sizes]
    large = [p for p in points if p["size"] * elements >= FROM]
    work, seconds = [p["size"] for p in large], [p["seconds"] for p in large]
    found = exponent(work, seconds) if len(large) > 1 else None
    for point in points:
        point["seconds"] = significant(point["seconds"])
    return {"work": name, "output": output, "points": points, "time": found}


def show(found: list[dict[str, Any]], console: Console) -> None:
    for kind, unit in (("unary", "elements"), ("heads", f"classes, {ROWS} rows")):
        lines = [one for one in found if one["kind"] == kind]
        if not lines:
            continue
        table = Table(title=f"ns per element, and bytes needed per element; {unit}", box=SIMPLE)
        for text in ("work", "exponent of time"):
            table.add_column(text)
        for point in lines[0]["points"]:
            table.add_column(f"{point['size']:,}", no_wrap=True)
        for line in lines:
            rows = ROWS if kind == "heads" else 1
            times = line["time"]
            slope = (
                f"{times['exponent']:.2f} ({times['least']:.2f} to {times['greatest']:.2f})"
                if times
                else ""
            )
            table.add_row(
                f"{line['work']} {line['output']}",
                slope,
                *(figures(p, p["size"] * rows) for p in line["points"]),
            )
        console.print(table)


def figures(point: dict[str, Any], elements: int) -> str:
    each = short(point["seconds"] / elements * 1e9)
    return each if point["bytes"] is None else f"{each}, {short(point['bytes'] / elements)}"


def main(
    functions: Annotated[str, typer.Option(help="Elementwise functions.")] = "relu,gelu",
    largest: Annotated[int, typer.Option(help="Most elements of one array.")] = 1 << 28,
    results: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure how time and memory grow with the work."""
    elements = tuple(n for n in ELEMENTS if n <= largest)
    classes = tuple(v for v in CLASSES if v * ROWS <= largest)
    jobs = [("unary", name, unary, elements, 1) for name in functions.split(",")]
    jobs.append(("heads", "cross_entropy", head, classes, ROWS))
    described = machine.describe()
    console = Console()
    if not console.is_terminal:
        console = Console(width=170)
    found = []
    for kind, name, make, sizes, each in track(jobs, console=Console(stderr=True)):
        for output in ("out", "allocated"):
            found.append({"kind": kind, **series(name, output, sizes, make, each)})
    document = {"machine": described, "threads": ogive.get_num_threads(), "series": found}
    write_text(results, json.dumps(document, indent=1) + "\n")
    show(found, console)
    worst = max((one["time"]["exponent"] for one in found if one["time"]), default=math.nan)
    console.print(f"greatest exponent {worst:.2f}; {results}")


if __name__ == "__main__":
    typer.run(main)
