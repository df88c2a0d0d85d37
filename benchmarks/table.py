"""Prints the records as tables in the terminal: ratios, never bare times."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cells import MODES, TENSORS, Cell
from goals import CALL_MICROSECONDS, is_call
from ogive import catalog
from record import COPIES, Record

WIDTH = 150
"""Width of the output in a file."""
SHOWN = 12
"""Most cells that are listed at the end as missing their goals."""
LEGEND = (
    "Each figure: the peer's time over Ogive's, median of pairs (quartiles); ✓ met or ✗ short, and "
    "the goal.\nA row `copy`: Ogive's time over that of copying as many elements into a resident "
    "array with plain stores, and with streaming stores.\n"
    "~ other processes were busy: threads that must wait for one another then stand still, and the "
    "figure says little."
)


INTO = {
    "out": "into out=", "allocated": "result allocated by the call",
    TENSORS: "through torch tensors and autograd",
}  # fmt: skip


def group(cell: Cell) -> tuple[object, ...]:
    order = catalog.KINDS.index(cell.kind)
    shape = (len(cell.shape), is_call(cell))
    return cell.format, order, MODES.index(cell.mode), cell.output, shape


def show(records: list[Record], console: Console) -> None:
    for _, members in groupby(
        sorted(records, key=lambda r: group(r.cell)), lambda r: group(r.cell)
    ):
        console.print(one(list(members)))
    console.print(LEGEND)
    summary(records, console)


def one(records: list[Record]) -> Table:
    cell = records[0].cell
    what = "one call" if is_call(cell) else INTO[cell.output]
    table = Table(
        title=f"{cell.kind}: {cell.mode}, {what}, {cell.format}", title_justify="left", box=SIMPLE
    )
    shapes = sorted({r.cell.shape for r in records}, key=lambda shape: (shape[-1], shape))
    for name in ("function", "threads", "against"):
        table.add_column(name)
    for shape in shapes:
        table.add_column(size_name(shape), no_wrap=True)
    for (function, threads), row in groupby(
        sorted(records, key=lambda r: (r.cell.function, r.cell.threads)),
        lambda r: (r.cell.function, r.cell.threads),
    ):
        of_shape = {r.cell.shape: r for r in row}
        peers = list(dict.fromkeys(p.peer for r in of_shape.values() for p in r.peers))
        lines: list[tuple[str, Callable[[Record, str], str]]] = [(p, against) for p in peers]
        if is_call(cell):
            lines.append((f"{CALL_MICROSECONDS:g} us", call))
        elif cell.output != TENSORS:
            lines.append(("copy", copies))
        for index, (name, text) in enumerate(lines):
            head = (function, str(threads)) if index == 0 else ("", "")
            found = [of_shape.get(shape) for shape in shapes]
            table.add_row(*head, name, *("" if r is None else text(r, name) for r in found))
    return table


def size_name(shape: tuple[int, ...]) -> str:
    exponent = shape[0].bit_length() - 1
    if len(shape) == 1 and shape[0] == 1 << exponent:
        return f"2^{exponent}"
    return " x ".join(map(str, shape))


def mark(met: bool | None) -> str:
    return "" if met is None else "[green]✓[/]" if met else "[red]✗[/]"


def against(record: Record, peer: str) -> str:
    for found in record.peers:
        if found.peer == peer:
            ratio = found.ratio
            goal = "" if found.goal is None else f" {mark(found.met)} {found.goal:g}"
            doubt = " [yellow]~[/]" if record.disturbed else ""
            return f"{short(ratio.median)} ({short(ratio.low)}–{short(ratio.high)}){goal}{doubt}"
    return ""


def copies(record: Record, _: str) -> str:
    return ", ".join(short(record.copies[name].median) for name in COPIES if name in record.copies)


def call(record: Record, _: str) -> str:
    took = record.seconds.median * 1e6
    return f"{took:.2f} us {mark(record.call_met)} {CALL_MICROSECONDS:g}"


def short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def summary(records: list[Record], console: Console) -> None:
    for tensors in (False, True):
        chosen = [one for one in records if (one.cell.output == TENSORS) is tensors]
        verdicts = [met for record in chosen for met in record.verdicts()]
        where = f" {INTO[TENSORS]}" if tensors else ""
        if chosen:
            console.print(f"{sum(verdicts)} of {len(verdicts)} goals met{where}.")
    if disturbed := sum(record.disturbed for record in records):
        console.print(
            f"[yellow]Other processes were busy in {disturbed} of {len(records)} cells.[/]"
        )
    behind = sorted(
        (peer.ratio.median / peer.goal, record.cell.id, peer)
        for record in records
        for peer in record.peers
        if peer.goal is not None and not peer.met
    )
    for _, where, peer in behind[:SHOWN]:
        console.print(
            f"  short: {where} against {peer.peer}: {short(peer.ratio.median)}, goal {peer.goal:g}"
        )
    if len(behind) > SHOWN:
        console.print(f"  and {len(behind) - SHOWN} more that fall short by less")
