"""Compares Ogive with its peers, cell by cell; see README.md in this folder."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import copy_limit
import machine
import ogive
import peers
import table
from cells import FORMATS, SHAPES, SIZES, TENSORS, Cell, cells, dtype_of, inputs, out_for
from goals import is_call
from ogive.report.writer import CannotWriteError, check_writable, write_text
from record import OGIVE, SCHEMA, Record, record
from timing import FULL, QUICK, SETTLE, Effort, Timed, race, share

RESULTS = Path(__file__).with_name("results.json")
PARTIAL = RESULTS.with_name("partial.json")
"""The figures of a run of fewer cells; RESULTS is published."""
MINUTES = 25.0
"""Time for a full run; each cell gets its share of the time left."""
QUICK_SIZES = (1 << 12, 1 << 20)
QUICK_SHAPES = ((4096, 1000),)


def measure(cell: Cell, effort: Effort) -> Record:
    """Time Ogive, its peers and copies of the same number of elements."""
    settle = SETTLE if cell.threads > 1 else 0.0
    ogive.set_num_threads(cell.threads)
    peers.set_threads(cell.threads)
    operands, out = inputs(cell), out_for(cell)
    contestants: dict[str, Any] = {
        name: Timed(call, effort, settle) for name, call in peers.calls(cell, operands, out).items()
    }
    if not is_call(cell) and cell.output != TENSORS:
        contestants |= copy_limit.samplers(
            cell.elements, dtype_of(cell.format), cell.threads, effort.sample, settle
        )
    begin, before = time.perf_counter(), machine.others()
    times = race(contestants, effort)
    after, wall = machine.others(), time.perf_counter() - begin
    others = None if before is None or after is None else (after - before) / wall
    return record(cell, times, contestants[OGIVE].cores, others)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def chosen(only: str, **which: Any) -> list[Cell]:
    try:
        pattern = re.compile(only)
    except re.error as error:
        raise typer.BadParameter(f"{only!r} is not a regular expression: {error}") from None
    found = [cell for cell in cells(**which) if pattern.search(cell.id)]
    if not found:
        raise typer.BadParameter(f"no cell matches {only!r}; a cell is gelu.value/out/f32/4096/1t")
    return found


def main(
    quick: Annotated[bool, typer.Option(help="Fewer sizes and rounds; under a minute.")] = False,
    only: Annotated[str, typer.Option(help="Regular expression; cells whose id matches it.")] = "",
    formats: Annotated[str, typer.Option(help="Any of f32, f64, f16, bf16.")] = "",
    threads: Annotated[str, typer.Option(help="Numbers of threads.")] = "1,2",
    sizes: Annotated[str, typer.Option(help="Elements, instead of the usual sizes.")] = "",
    minutes: Annotated[float, typer.Option(help="What the run may take.")] = MINUTES,
    fresh: Annotated[bool, typer.Option(help="Forget cells of a run that was cut off.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where the figures go.", show_default=False)
    ] = None,
) -> None:
    """Measure Ogive against its peers and print the table of ratios."""
    names = tuple(formats.split(",")) if formats else ("f32",) if quick else tuple(FORMATS)
    if unknown := [name for name in names if name not in FORMATS]:
        raise typer.BadParameter(f"unknown format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    try:
        counts = numbers(threads)
        lengths = numbers(sizes) if sizes else QUICK_SIZES if quick else SIZES
    except ValueError:
        raise typer.BadParameter("threads and sizes are whole numbers with commas") from None
    shapes = QUICK_SHAPES if quick else SHAPES
    todo = chosen(only, formats=names, threads=counts, sizes=lengths, shapes=shapes)
    results = json_file or (PARTIAL if quick or only or sizes or formats else RESULTS)
    try:
        check_writable(results)
    except CannotWriteError as error:
        raise typer.BadParameter(str(error)) from None

    described = machine.describe()
    effort = QUICK if quick else FULL
    journal = Journal(results, [described["commit"], described["cpu"], quick])
    if fresh:
        journal.forget()
    begin = time.perf_counter()
    records = run(todo, effort, minutes * 60, journal)
    lines = ",\n".join(json.dumps(one.as_json(), separators=(",", ":")) for one in records)
    head = {"schema": SCHEMA, "machine": described, "seconds": round(time.perf_counter() - begin)}
    text = json.dumps(head, indent=1).removesuffix("\n}")
    write_text(results, f'{text},\n "cells": [\n{lines}\n]}}\n')
    journal.forget()

    console = Console()
    if not console.is_terminal:
        console = Console(width=table.WIDTH)
    table.show(records, console)
    console.print(f"{described['cpu']}, {described['isa']}, {head['seconds']} s; {results}")


class Journal:
    """Keeps measured cells in a file next to the results, so an interrupted run can continue.

    Cells measured with another commit, machine or effort are not used.
    """

    def __init__(self, results: Path, key: Sequence[Any]) -> None:
        self.path = results.with_suffix(".part")
        self.key = json.dumps([SCHEMA, *key])

    def found(self) -> dict[str, dict[str, Any]]:
        try:
            key, *lines = self.path.read_text().splitlines()
        except (OSError, ValueError):
            return {}
        cells: dict[str, dict[str, Any]] = {}
        for line in lines if key == self.key else ():
            try:
                cell = json.loads(line)
            except ValueError:
                break  # the line that was being written
            cells[cell["id"]] = cell
        return cells

    def start(self, cells: dict[str, dict[str, Any]]) -> None:
        lines = [self.key, *map(json.dumps, cells.values())]
        self.path.write_text("\n".join(lines) + "\n")

    def add(self, record: Record) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(record.as_json()) + "\n")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def run(todo: list[Cell], effort: Effort, seconds: float, journal: Journal) -> list[Record]:
    found = journal.found()
    journal.start(found)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    done = {cell.id: Record.of_json(cell, found[cell.id]) for cell in todo if cell.id in found}
    rest = [cell for cell in todo if cell.id not in done]
    end = time.perf_counter() + seconds * len(rest) / len(todo)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(todo), completed=len(done))
        for index, cell in enumerate(rest):
            progress.update(task, description=cell.id)
            its = share(effort, end - time.perf_counter(), len(rest) - index)
            done[cell.id] = measure(cell, its)
            journal.add(done[cell.id])
            progress.advance(task)
    return [done[cell.id] for cell in todo]


if __name__ == "__main__":
    typer.run(main)
