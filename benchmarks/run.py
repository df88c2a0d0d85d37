"""Ogive against its peers, cell by cell; see README.md beside this file."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict
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
from cells import FORMATS, SHAPES, SIZES, Cell, cells, dtype_of, function_of, inputs, out_for
from goals import is_call
from ogive.report.writer import CannotWriteError, check_writable, write_text
from record import OGIVE, SCHEMA, Record, record
from timing import FULL, QUICK, Effort, Timed, race

RESULTS = Path(__file__).with_name("results.json")
SETTLE = 0.015
"""Seconds of untimed calls before a time with threads: PyTorch's idle threads spin for 10 ms."""
QUICK_SIZES = (1 << 12, 1 << 20)
QUICK_SHAPES = ((4096, 1000),)


def measure(cell: Cell, effort: Effort) -> Record:
    """Races Ogive, its peers and copies of as many elements."""
    settle = SETTLE if cell.threads > 1 else 0.0
    ogive.set_num_threads(cell.threads)
    peers.set_threads(cell.threads)
    operands, out = inputs(cell), out_for(cell)
    own = Timed(peers.bound(function_of(cell.function, cell.mode), operands, out), effort, settle)
    contestants: dict[str, Any] = {OGIVE: own}
    for name, call in peers.calls(cell, operands, out).items():
        contestants[name] = Timed(call, effort, settle)
    if not is_call(cell):
        contestants |= copy_limit.samplers(
            cell.elements, dtype_of(cell.format), cell.threads, effort.sample, settle
        )
    begin, before = time.perf_counter(), machine.others()
    times = race(contestants, effort)
    after, wall = machine.others(), time.perf_counter() - begin
    others = None if before is None or after is None else (after - before) / wall
    return record(cell, times, own.cores, others)


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
    formats: Annotated[str, typer.Option(help="Any of f32, f64, f16, bf16.")] = "f32",
    threads: Annotated[str, typer.Option(help="Numbers of threads.")] = "1,2",
    sizes: Annotated[str, typer.Option(help="Elements, instead of the usual sizes.")] = "",
    results: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure Ogive against its peers and print the table of ratios."""
    names = tuple(formats.split(","))
    if unknown := [name for name in names if name not in FORMATS]:
        raise typer.BadParameter(f"unknown format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    try:
        counts = numbers(threads)
        lengths = numbers(sizes) if sizes else QUICK_SIZES if quick else SIZES
    except ValueError:
        raise typer.BadParameter("threads and sizes are whole numbers with commas") from None
    shapes = QUICK_SHAPES if quick else SHAPES
    todo = chosen(only, formats=names, threads=counts, sizes=lengths, shapes=shapes)
    try:
        check_writable(results)
    except CannotWriteError as error:
        raise typer.BadParameter(str(error)) from None

    described = machine.describe()
    effort = QUICK if quick else FULL
    begin = time.perf_counter()
    records = run(todo, effort)
    document = {
        "schema": SCHEMA,
        "machine": described,
        "effort": asdict(effort),
        "seconds": round(time.perf_counter() - begin, 1),
        "cells": [one.as_json() for one in records],
    }
    write_text(results, json.dumps(document, indent=1) + "\n")

    console = Console()
    if not console.is_terminal:
        console = Console(width=table.WIDTH)
    table.show(records, console)
    console.print(f"{described['cpu']}, {described['isa']}, {document['seconds']:.0f} s; {results}")


def run(todo: list[Cell], effort: Effort) -> list[Record]:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(todo))
        done = []
        for cell in todo:
            progress.update(task, description=cell.id)
            done.append(measure(cell, effort))
            progress.advance(task)
    return done


if __name__ == "__main__":
    typer.run(main)
