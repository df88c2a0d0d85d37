"""A study in the terminal: the answer, a line for each depth, the results, and their basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ogive.study.result import Cell, StudyResult

from . import conclusions, palette
from .text import number, percent, signed

_STYLES = {"holds": "green", "refuted": "red", "not decided on this data": "yellow"}
_STATES = {"trains": "", "fails": "red", "not shown": "yellow"}

SENTENCES = 8
"""Most sentences shown about the data; the page has all of them."""


def show(result: StudyResult, console: Console, claims: bool = False) -> None:
    """Print the answer, then the results behind it, and textbook claims if asked for."""
    answer = result.answer
    console.print()
    _say(console, answer.sentence, style="bold")
    console.print()
    for line in answer.by_depth:
        _say(console, line.sentence)
    console.print()
    matters = conclusions.MATTERS[answer.matters] if answer.use else "No"
    _say(console, f"Does it matter? {matters}. {conclusions.matters(result)}")
    sure = conclusions.sure(result)
    if sure:
        each = sure.comparison
        chances = ", ".join(f"{name} {text}" for name, _, text in conclusions.three(each))
        _say(
            console,
            f"How sure? {sure.says}: {conclusions.difference(each)} points. "
            f"{conclusions.truth(result, sure)} Probabilities: {chances}.",
        )
    for depth in result.settings.depths:
        console.print()
        console.print(_cells(result, depth, console.width))
    _say(
        console,
        f"Scores in %, 95 % intervals; differences from {result.settings.baseline} paired by "
        f"split, in points. * differs by the study's test. better, equivalent, worse: "
        f"probabilities, equivalent within {conclusions.rope(result)}. "
        f"✕ no better than {conclusions.constant(result)}, ? not shown to be better.",
        style="dim",
    )
    if result.models:
        console.print()
        console.print(_models(result, console.width))
    _data(result, console)
    following = conclusions.following(result)
    if following:
        _head(console, "What next")
        for sentence in following:
            _item(console, sentence)
    if claims:
        _head(console, "Textbook claims")
        _verdicts(result, console)
    elif result.verdicts:
        console.print()
        _say(
            console,
            f"{len(result.verdicts)} textbook claims were measured too: --claims, or the page.",
            style="dim",
        )


@dataclass(frozen=True)
class _Column:
    """A column of a text table, and how soon it is dropped if the terminal is narrow (9 first)."""

    head: str
    cells: Sequence[str]
    drop: int

    @property
    def width(self) -> int:
        return max(Text(each).cell_len for each in (*self.head.split("\n"), *self.cells))


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    kept = list(columns)
    while len(kept) > 1 and sum(each.width + 2 for each in kept) - 2 > width:
        # The first column, the row's name, is never dropped.
        kept.remove(max(kept[1:], key=lambda each: each.drop))
    return kept


def _terminal_table(
    title: str,
    columns: Sequence[_Column],
    width: int,
    styles: Sequence[str],
    colours: Sequence[str],
) -> Table:
    table = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    kept = _fitting(columns, width)
    for at, column in enumerate(kept):
        table.add_column(
            Text(column.head),
            justify="right" if at else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row, style in enumerate(styles):
        cells = [Text(column.cells[row]) for column in kept]
        if colours:
            cells[0].stylize(colours[row], 0, 1)
        table.add_row(*cells, style=style)
    return table


def _cells(result: StudyResult, depth: int, width: int) -> Table:
    cells = result.at(depth)
    metric, baseline = result.settings.metric, result.settings.baseline

    def against(cell: Cell) -> tuple[str, str, str]:
        each = cell.against
        if each is None:
            return "baseline", "", ""
        chances = " ".join(text.rjust(4) for _, _, text in conclusions.three(each))
        # Reserve space for the star, so that digits stay aligned.
        mark = conclusions.star(each) or "  "
        return conclusions.difference(each) + mark, conclusions.bounds(each), chances

    told = [against(cell) for cell in cells]
    columns = [
        _Column("activation", [f"● {cell.activation}" for cell in cells], 0),
        _Column(
            conclusions.title(metric),
            [
                conclusions.score(metric, cell.score)
                + ("  " if cell.state == "trains" else f" {conclusions.MARKS[cell.state]}")
                for cell in cells
            ],
            0,
        ),
        _Column("interval", [conclusions.span(cell.interval) for cell in cells], 4),
        _Column(f"minus\n{baseline}", [each[0] for each in told], 1),
        _Column("interval", [each[1] for each in told], 2),
        _Column("better,\nequiv., worse", [each[2] for each in told], 3),
        *(
            _Column(
                conclusions.title(other).replace(" ", "\n", 1),
                [conclusions.score(other, cell.scores.of(other)) for cell in cells],
                8,
            )
            for other in conclusions.others(result)
        ),
        _Column("µs/\nstep", [number(1e6 * cell.seconds_per_step) for cell in cells], 7),
        _Column("dead\n%", [percent(cell.dead, 0) for cell in cells], 5),
        _Column("saturated\n%", [percent(cell.saturated, 0) for cell in cells], 5),
        _Column("gradient\nlog10", [signed(cell.gradient_ratio) for cell in cells], 6),
    ]
    return _terminal_table(
        f"Depth {depth}",
        columns,
        width,
        [_STATES[cell.state] for cell in cells],
        [palette.style(cell.activation).dark for cell in cells],
    )


def _models(result: StudyResult, width: int) -> Table:
    metric, baseline = result.settings.metric, result.settings.baseline
    columns = [
        _Column("model", [model.title for model in result.models], 0),
        _Column(
            conclusions.title(metric),
            [conclusions.score(metric, model.score) for model in result.models],
            0,
        ),
        _Column("interval", [conclusions.span(model.interval) for model in result.models], 9),
    ]
    for at, depth in enumerate(result.settings.depths):
        found = [result.compared(model.model, baseline, depth) for model in result.models]
        columns.append(
            _Column(
                f"minus {baseline},\ndepth {depth}",
                [
                    conclusions.difference(each) + (conclusions.star(each) or "  ") if each else "–"
                    for each in found
                ],
                1 + min(at, 7),
            )
        )
    return _terminal_table("Models to compare with", columns, width, [""] * len(result.models), [])


def _data(result: StudyResult, console: Console) -> None:
    data = result.data
    _head(console, "The data")
    _item(console, f"{conclusions.short(data.name)}: {conclusions.table_size(data)}.")
    if data.classes:
        shown, more = conclusions.classes(data, 12)
        listed = ", ".join(f"{conclusions.short(label, 30)}: {count:,}" for label, count in shown)
        _item(console, f"Rows by class: {listed}" + (f" and {more} smaller ones." if more else "."))
    for each in data.warnings[:SENTENCES]:
        _item(console, conclusions.short(each, 600), mark="!", style="yellow")
    for each in data.treatments[:SENTENCES]:
        _item(console, conclusions.short(each, 600))
    more = sum(max(0, len(each) - SENTENCES) for each in (data.warnings, data.treatments))
    if more:
        _item(console, f"{more} more: see the page.")
    _item(console, f"{conclusions.divided(data)}.")
    _item(console, f"Networks: {conclusions.network(result)}.")


def _verdicts(result: StudyResult, console: Console) -> None:
    for each in result.verdicts:
        line = Text(each.verdict, style=_STYLES[each.verdict])
        line.append(f": {each.claim}", style="default")
        console.print(Padding(line, (0, 0, 0, 2)))
        told = f"predicted {each.prediction}; measured {each.measured}"
        console.print(Padding(Text(told, style="dim"), (0, 0, 0, 4)))


def _head(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))


def _say(console: Console, sentence: str, style: str = "") -> None:
    console.print(Text(sentence, style=style))


def _item(console: Console, sentence: str, mark: str = "•", style: str = "") -> None:
    """A list item; its continuation lines are indented to its first word."""
    item = Table.grid(padding=(0, 1, 0, 0))
    item.add_column(no_wrap=True)
    item.add_column()
    item.add_row(Text(f"  {mark}"), Text(sentence, style=style))
    console.print(item)
