"""Sweep every float32 input of every unary function and record the errors.

    make exhaustive                                   # all 2^32 inputs; resumes after a kill
    make exhaustive ARGS="--functions gelu,silu"
    make exhaustive ARGS="--stride 1021"              # a sample, in seconds
    make exhaustive ARGS="--second"                   # second derivatives instead

Value and derivative, at default parameters, are compared with rigorous bounds on the exact result
(`ogive.reference.ball`, and arb where those do not decide). Also measured are the 16-bit formats
(all inputs), float64, rows and heads (samples). The figures go to tests/accuracy.toml, whose limits
tests/test_accuracy.py enforces; figures of a sample never replace those of more inputs.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table

import ogive
from ogive.catalog import find, names
from ogive.reference import measure, ulp
from ogive.reference.ball import Measured

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "tests" / "accuracy.toml"
JOURNALS = ROOT / "build" / "exhaustive"

CHUNK = 1 << 24  # patterns per unit of work, about a second
BLOCK = 1 << 17  # patterns at once, so that operands and bounds stay in cache

Figures = dict[str, Measured]
Sums = dict[tuple[str, str, str], Measured]


SECOND = ("second_derivative",)


def sweep(name: str, chunk: int, stride: int, which: tuple[str, ...]) -> Figures:
    """Errors of one function over one chunk of the float32 bit patterns."""
    first = -(-chunk * CHUNK // stride) * stride
    patterns = np.arange(first, (chunk + 1) * CHUNK, stride, dtype=np.uint64).astype(np.uint32)
    total: Figures = {}
    for start in range(0, patterns.size, BLOCK):
        found = measure.float32(find(name), patterns[start : start + BLOCK], which)
        total = {k: total[k].merge(m) if total else m for k, m in found.items()}
    return total


def prepare() -> None:
    ogive.set_num_threads(1)  # the processes are the parallelism


class Journal:
    """Finished chunks, one line each, so that a killed sweep can continue.

    Every build, stride and order has its own file, since figures of another build do not count.
    """

    def __init__(self, stride: int, which: tuple[str, ...]):
        order = "-second" if which == SECOND else ""
        self.path = JOURNALS / f"{build()}-{stride}{order}.jsonl"
        self.done: dict[tuple[str, int], Figures] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = self.path.read_text() if self.path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # a kill may have cut the last line short
        if whole != text:
            self.path.write_text(whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            figures = {k: Measured(**m) for k, m in entry["figures"].items()}
            self.done[entry["function"], entry["chunk"]] = figures

    def add(self, function: str, chunk: int, figures: Figures) -> None:
        self.done[function, chunk] = figures
        plain = {k: asdict(m) for k, m in figures.items()}
        entry = {"function": function, "chunk": chunk, "figures": plain}
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def build() -> str:
    """An identifier of the code under test and the reference."""
    digest = hashlib.sha256()
    folder = Path(ogive.__file__).parent
    cards = sorted(folder.glob("catalog/*/*.py"))
    reference = sorted([*folder.glob("formula/*.py"), *folder.glob("reference/*.py")])
    native = [Path(ogive._native.__file__), folder / "reference/ball.cpp"]
    for path in [*native, *cards, *reference]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def sweep_float32(
    functions: list[str], which: tuple[str, ...], stride: int, processes: int, console: Console
) -> Sums:
    journal = Journal(stride, which)
    units = [(f, c) for f in functions for c in range((1 << 32) // CHUNK)]
    todo = [unit for unit in units if unit not in journal.done]
    columns = ("[progress.description]{task.description}", "{task.percentage:>3.0f} %")
    with (
        Progress(
            TextColumn(columns[0]), BarColumn(), TextColumn(columns[1]), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False), console=console,
        ) as progress,
        ProcessPoolExecutor(processes, initializer=prepare) as pool,
    ):  # fmt: skip
        task = progress.add_task("float32", total=len(units), completed=len(units) - len(todo))
        try:
            futures = {pool.submit(sweep, f, c, stride, which): (f, c) for f, c in todo}
            for future in as_completed(futures):
                function, chunk = futures[future]
                journal.add(function, chunk, future.result())
                progress.update(task, advance=1, description=f"float32 {function}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    sums: Sums = {}
    for unit in units:
        add(sums, unit[0], "float32", journal.done[unit])
    return sums


def add(sums: Sums, name: str, dtype: str, figures: Figures) -> None:
    for which, found in figures.items():
        key = (name, which, dtype)
        sums[key] = sums[key].merge(found) if key in sums else found


def measure_rest(functions: list[str], which: tuple[str, ...], console: Console) -> Sums:
    """Measure the 16-bit formats and float64 of unary functions, and rows and heads."""
    sums: Sums = {}
    with console.status("halves, float64, rows and heads"):
        for name in functions:
            for fmt in (ulp.FLOAT16, ulp.BFLOAT16):
                add(sums, name, fmt.name, measure.every_half(find(name), fmt, which))
            add(sums, name, "float64", measure.float64(find(name), which))
        if which == SECOND:
            return sums
        for row in measure.rows():
            for name in names("rows"):
                add(sums, name, "float32", {"value": measure.row_error(find(name), row)})
        for row in measure.rows(huge=False):
            for name in names("heads"):
                add(sums, name, "float32", measure.head_error(find(name), row))
    return sums


def record(sums: Sums) -> None:
    """Merge the figures into tests/accuracy.toml, by writing a new file and renaming it."""
    old = tomllib.loads(RECORD.read_text()) if RECORD.exists() else {}
    figures: dict[str, dict[str, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for name, kinds in old.items():
        for which, dtypes in kinds.items():
            figures[name][which] |= dtypes
    for (name, which, dtype), found in sums.items():
        if found.count < figures[name][which].get(dtype, {}).get("inputs", 0):
            continue
        figures[name][which][dtype] = {
            "max_ulp": math.ceil(found.worst * 1e4) / 1e4,
            "at": found.worst_at,
            "correctly_rounded": 1 - found.wrong / found.count,
            "inputs": found.count,
        }
    beside = RECORD.with_suffix(".toml.new")
    beside.write_text("".join(lines(figures)))
    beside.replace(RECORD)


def lines(figures: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    yield "# Written by make exhaustive; tests/test_accuracy.py holds the library to it.\n"
    yield "# max_ulp is an upper bound over the inputs, rounded up; at is where it occurs.\n"
    for name in [n for n in names() if n in figures]:
        for which, dtypes in figures[name].items():
            for dtype, entry in dtypes.items():
                yield f"\n[{name}.{which}.{dtype}]\n"
                yield from (f"{key} = {value!r}\n" for key, value in entry.items())


def show(sums: Sums, console: Console) -> bool:
    """Print the figures as a table; True if all of them keep the contract."""
    headings = ("function", "result", "dtype", "max ULP", "at", "misrounded", "inputs", "by arb")
    table = Table(*(Column(heading, no_wrap=True) for heading in headings))
    kept = True
    for (name, which, dtype), found in sums.items():
        is_unary = name in names("unary")
        limit = measure.CONTRACT[dtype, which] if is_unary else measure.ROWS_CONTRACT
        halves = dtype in (ulp.FLOAT16.name, ulp.BFLOAT16.name)
        good = found.wrong == 0 if halves else found.worst <= limit
        kept &= good
        table.add_row(
            name, which, dtype, f"{found.worst:.7f}", f"{found.worst_at:.9g}",
            f"{found.wrong / found.count:.2g}", str(found.count), str(found.decided_by_arb),
            style="" if good else "red",
        )  # fmt: skip
    console.print(table)
    return kept


def main(
    functions: Annotated[str, typer.Option(help="Names, separated by commas.")] = "",
    stride: Annotated[int, typer.Option(min=1, help="Every so many bit patterns.")] = 1,
    processes: Annotated[int, typer.Option(min=1)] = 2,
    second: Annotated[bool, typer.Option("--second", help="Second derivatives instead.")] = False,
) -> None:
    """Measure all unary functions of the catalog against enclosures of the exact results."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    chosen = [n.strip() for n in functions.split(",")] if functions else names("unary")
    which = SECOND if second else measure.FIRST_TWO
    for name in chosen:
        if name not in names("unary"):
            raise typer.BadParameter(f"{name!r} is not a unary function of the catalog")
    chosen = [name for name in chosen if set(which) <= set(measure.results(name))]
    for name in chosen:
        measure.encloser(name, which)  # compiles the reference before the processes start
    measured = build()
    sums = sweep_float32(chosen, which, stride, processes, console)
    sums |= measure_rest(chosen, which, console)
    if stride > 1:
        for name in chosen:  # points that a sample is most likely to miss
            near = measure.around(find(name), which)
            add(sums, name, "float32", measure.float32(find(name), near, which))
    if build() != measured:
        console.print("[red]The library was rebuilt meanwhile; nothing is recorded. Start again.")
        raise typer.Exit(1)
    if not show(sums, console):
        console.print("[red]The accuracy contract is broken; nothing was recorded.")
        raise typer.Exit(1)
    record(sums)


if __name__ == "__main__":
    typer.run(main)
