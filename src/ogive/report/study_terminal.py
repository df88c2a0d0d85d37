"""A study in the terminal: the table, what follows from it, and the verdicts."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ogive.study.result import StudyResult

from . import conclusions, palette
from .text import number, percent, signed

_STYLES = {"holds": "green", "refuted": "red", "not decided on this data": "yellow"}


def show(result: StudyResult, console: Console) -> None:
    """Print the tables, the conclusions and the verdicts."""
    console.print()
    console.print(Text(conclusions.headline(result), style="bold"))
    for depth in result.settings.depths:
        console.print()
        console.print(_table(result, depth))
    console.print(
        "Accuracies, 95 % intervals and shares of units in %. Groups: activations that share a "
        "letter do not differ significantly (Nemenyi, 5 %). Gradient: log10 of first over last "
        "hidden layer at initialisation, measured and predicted. ✕ does not train.",
        style="dim",
        markup=False,
        highlight=False,
    )
    for title, sentences in (
        ("What can be concluded", conclusions.can(result)),
        ("What cannot", conclusions.cannot(result)),
        ("To keep in mind", list(result.notes)),
    ):
        if sentences:
            console.print()
            console.print(Text(title, style="bold"))
            for sentence in sentences:
                console.print(Padding(Text(f"• {sentence}"), (0, 0, 0, 2)))
    console.print()
    console.print(_verdicts(result))


def _table(result: StudyResult, depth: int) -> Table:
    table = Table(
        title=f"Depth {depth}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("activation", no_wrap=True)
    for head in (
        "tuned",
        "interval",
        "rank",
        "group",
        "same\nrate",
        "µs a\nstep",
        "dead",
        "satu-\nrated",
        "gra-\ndient",
        "pre-\ndicted",
    ):
        table.add_column(head, justify="right", no_wrap=True)
    for cell in conclusions.tuned(result, depth):
        same = result.cell(cell.activation, depth, "same")
        name = Text("● ", style=palette.style(cell.activation).dark)
        name.append(cell.activation, style="default")
        table.add_row(
            name,
            percent(cell.mean) + ("" if cell.trainable else " ✕"),
            f"{percent(cell.interval.low)}–{percent(cell.interval.high)}",
            f"{cell.rank:.1f}",
            cell.group,
            "–" if same is None else percent(same.mean) + ("" if same.trainable else " ✕"),
            number(1e6 * cell.seconds_per_step),
            percent(cell.dead, 0),
            percent(cell.saturated, 0),
            signed(cell.gradient_ratio),
            signed(cell.predicted_gradient_ratio),
            style="" if cell.trainable else "red",
        )
    return table


def _verdicts(result: StudyResult) -> Table:
    table = Table(
        title="The note's claims",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim", ratio=3)
    table.add_column("predicted", ratio=2)
    table.add_column("measured", ratio=2)
    for each in result.verdicts:
        short = "not decided" if each.verdict.startswith("not") else each.verdict
        table.add_row(
            Text(short, style=_STYLES[each.verdict]),
            *(escape(text) for text in (each.claim, each.prediction, each.measured)),
        )
    return table
