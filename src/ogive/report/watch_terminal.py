"""A watched training in the terminal: the answer, each finding with its cure, a line per layer."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.file_proxy import FileProxy
from rich.live import Live as RichLive
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ogive.watch import Check, Finding, Layer, LayerStats, Report

from . import watch_words
from .text import number, percent, signed
from .watch_words import chosen

STYLES = {"error": "bold red", "warn": "bold yellow"}

LINES = 40
"""Most layers shown; the page has all of them."""


def show(report: Report, console: Console) -> None:
    """Print the whole report."""
    for part in renderables(report, console.width):
        console.print(part)


def renderables(report: Report, width: int) -> Iterator[RenderableType]:
    """The report, part by part, for a terminal of a width."""
    yield Text(report.sentence, style="bold")
    for finding in report.findings:
        yield Text()
        yield from _finding(finding, report, width)
    for group in watch_words.groups(report):
        yield Text()
        if group.name:
            yield Text(group.name, style="bold")
        yield _layers(group.layers, report, width)
    yield Text()
    for model in report.models:
        name = f"{model.name}: " if model.name else ""
        yield Text(
            f"Watched {name}{watch_words.watched(model)}; {watch_words.cost(report)}.", "dim"
        )
    for each in report.unseen:
        yield Text(f"Not seen: {each.what}: {each.why}. {each.how}".rstrip(), style="yellow")
    for note in report.notes:
        yield Text(note, style="yellow")


def _finding(finding: Finding, report: Report, width: int) -> Iterator[RenderableType]:
    yield head(finding)
    said = [Text(finding.sentence)]
    measured = watch_words.amount(finding, finding.measured)
    numbers = [f"measured {measured}"] if finding.measured is not None else []
    if finding.predicted is not None:
        numbers.append(f"predicted {watch_words.amount(finding, finding.predicted)}")
    if watch_words.limit(finding):
        numbers.append(watch_words.limit(finding))
    said.append(Text("; ".join([*numbers, watch_words.when(finding)]), style="dim"))
    if finding.cause:
        said.append(Text(f"From {watch_words.CAUSES[finding.cause]}.", style="dim"))
    layers = [each for each in report.layers if each.model == finding.model] or report.layers
    layer = watch_words.placed(finding, layers)
    if finding.share is not None and layer is not None and layer.maps:
        said.append(_units(layer, width - 4))
    said.append(Text.assemble(("First: ", "green"), finding.cure.words))
    yield Padding(Group(*said), (0, 0, 0, 2))
    yield Padding(Text(finding.cure.code, style="bold"), (0, 0, 0, 4))


def head(finding: Finding) -> Text:
    """``✕ error  Dead units at fc1 (relu)``."""
    return Text.assemble(
        (f"{watch_words.MARKS[finding.severity]} {watch_words.WORDS[finding.severity]}",
         STYLES[finding.severity]),
        f"  {watch_words.fault(finding).title} at {finding.where}",
    )  # fmt: skip


UNITS = {0: ("·", "dim"), 1: ("█", "red"), 2: ("░", "yellow"), 3: ("▒", "magenta")}
"""A unit by its code."""


def _units(layer: Layer, width: int) -> Text:
    """A character for each unit at the last check, evenly chosen, and what they are."""
    codes = sorted(layer.maps[-1].codes, key=lambda code: (code == 0, code))
    line = Text(overflow="fold")
    for at in chosen(len(codes), max(8, min(72, width))):
        line.append(*UNITS[codes[at]])
    counts = {code: codes.count(code) for code in dict.fromkeys(codes)}
    said = (f"{UNITS[c][0]} {watch_words.STATES[c]}: {n}" for c, n in counts.items())
    return line.append(f"\n{', '.join(said)} of {len(codes)}", "dim")


# A line for each layer.


_BARS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float | None], most: int = 10) -> str:
    """A history in a word: its checks, evenly chosen, from the least to the largest."""
    kept = [values[at] for at in chosen(len(values), most)]
    finite = [v for v in kept if v is not None and math.isfinite(v)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    # At least one decade from the lowest bar to the highest, so that noise stays flat.
    step = max(high - low, 1.0) / (len(_BARS) - 1)
    return "".join(
        " " if v is None or not math.isfinite(v) else _BARS[round((v - low) / step)] for v in kept
    )


HEAD = ("layer", "activation", "dead", "dormant", "saturated", "K", "gradient", "update", "trend")
_LEAST = {"dormant": 96, "update": 88, "trend": 80, "K": 68, "activation": 60}
"""Width from which a column is shown; the page has them all."""

_SHARES = {"dead": "dead_unit", "dormant": "dormant_unit", "saturated": "saturated_unit"}


def _layers(layers: Sequence[Layer], report: Report, width: int) -> Table:
    histories = {id(each): [watch_words.log10(s.gradient) for s in each.stats] for each in layers}
    gradients = watch_words.relative_gradients(layers, -1)
    found = {id(watch_words.placed(each, layers)): each for each in reversed(report.findings)}
    table = _table(width)
    kept = chosen(len(layers), LINES, [at for at, e in enumerate(layers) if id(e) in found])
    for at in kept:
        layer = layers[at]
        finding = found.get(id(layer))
        stats = watch_words.last(layer) or LayerStats(step=0)
        _row(table, layer, stats, gradients[at], spark(histories[id(layer)]), finding, width)
    if len(kept) < len(layers):
        table.caption = f"{len(layers) - len(kept)} of {len(layers)} layers are left out evenly."
    return table


def _table(width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in HEAD:
        if width >= _LEAST.get(name, 0):
            left = name in ("layer", "activation", "trend")
            head = {"gradient": "gradient\nlog10", "update": "update /\nweight",
                    "trend": "gradient\nby step"}.get(name, name)  # fmt: skip
            table.add_column(
                head, justify="left" if left else "right", no_wrap=True, overflow="ellipsis"
            )
    return table


def _row(
    table: Table,
    layer: Layer,
    stats: LayerStats,
    gradient: float | None,
    trend: str,
    finding: Finding | None,
    width: int,
) -> None:
    mark = f"{watch_words.MARKS[finding.severity]} " if finding else "  "
    style = STYLES[finding.severity] if finding else ""
    name = watch_words.middle(layer.name, max(14, min(44, width - 64)))
    cells = {
        "layer": Text(mark + name, style=style),
        "activation": Text(layer.activation or ("head" if layer.head else "–")),
        "K": Text(number(stats.mean_square, 3) if stats.finite else "not finite"),
        "gradient": Text("0" if stats.gradient == 0 else signed(gradient, 1)),
        "update": Text(number(stats.update_ratio, 2)),
        "trend": Text(trend, style="cyan"),
    }
    for key, fault in _SHARES.items():
        share = getattr(stats, key)
        hit = finding is not None and finding.fault == fault
        cells[key] = Text("–" if share is None else f"{percent(share, 0)} %", style if hit else "")
    table.add_row(*(cells[key] for key in HEAD if width >= _LEAST.get(key, 0)))


# While it trains.


PAUSE = 0.2
"""Seconds between two drawings of the live table, at least."""


class Live:
    """A table that follows the training in a terminal; elsewhere a line for each finding.

    What the program prints appears above the table, which is gone when the training ends. As a
    context it takes over the program's streams before the program can keep them.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._checks: dict[str, Check] = {}
        self._history: dict[str, list[float | None]] = {}
        self._findings: dict[tuple[str, ...], Finding] = {}
        self._live: RichLive | None = None
        self._drawn = -math.inf
        self._streams: dict[str, Any] = {}

    @property
    def shown(self) -> bool:
        """Whether there is a table on the terminal."""
        return self._live is not None

    def __enter__(self) -> Live:
        if self.console.is_terminal:
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name)
                if stream is not None and stream.isatty() and name not in self._streams:
                    self._streams[name] = stream
                    setattr(sys, name, _Above(self, stream))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        for name, stream in self._streams.items():
            if isinstance(getattr(sys, name), _Above):
                setattr(sys, name, stream)
        self._streams.clear()

    def start(self, report: Report) -> None:
        """Before the first step."""
        del report
        if self.console.is_terminal and self._live is None:
            self.__enter__()
            self._live = RichLive(
                console=self.console, auto_refresh=False, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()

    def check(self, check: Check) -> None:
        """Draw the table anew."""
        self._checks[check.model] = check
        for layer in check.layers:
            history = self._history.setdefault(layer.name, [])
            history += [watch_words.log10(each.gradient) for each in layer.stats]
        self._draw()

    def finding(self, finding: Finding) -> None:
        """Print it where it is new or has become an error."""
        key = finding.fault, finding.model, finding.layer, str(finding.call)
        known = self._findings.get(key)
        self._findings[key] = finding
        if known is None or known.severity != finding.severity:
            self.console.print(_line(finding), soft_wrap=True)
        self._draw()

    def close(self, report: Report) -> None:
        """Leave the terminal as it was."""
        del report
        self.__exit__()

    def _stop(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _draw(self) -> None:
        now = time.monotonic()
        if self._live is not None and now - self._drawn >= PAUSE:
            self._drawn = now
            self._live.update(self._table(), refresh=True)

    def _table(self) -> Group:
        parts: list[RenderableType] = []
        room = max(4, self.console.height - 4 * len(self._checks) - 2)
        for check in self._checks.values():
            parts.append(Text(_progress(check), style="bold", no_wrap=True, overflow="ellipsis"))
            parts.append(self._layers(check, room // len(self._checks)))
        return Group(*parts, Text())

    def _layers(self, check: Check, room: int) -> Table:
        layers = check.layers
        width = self.console.width
        found = {id(watch_words.placed(f, layers)): f for f in self._findings.values() if f.active}
        gradients = watch_words.relative_gradients(layers, -1)
        table = _table(width)
        at_fault = [at for at, each in enumerate(layers) if id(each) in found]
        kept = chosen(len(layers), max(2, room - 3), at_fault[: max(0, room - 5)])
        for at in kept[: max(2, room - 3)]:
            layer = layers[at]
            stats = watch_words.last(layer) or LayerStats(step=check.step)
            trend = spark(self._history[layer.name])
            _row(table, layer, stats, gradients[at], trend, found.get(id(layer)), width)
        return table


class _Above:
    """A stream whose lines appear above the table; a progress bar has the empty line below it."""

    def __init__(self, live: Live, stream: Any) -> None:
        self._live = live
        self.rich_proxied_file = stream
        """Where rich's console writes to."""
        self._lines = FileProxy(live.console, stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)

    def write(self, text: str) -> int:
        """As its stream, where no table is shown."""
        bar = "\r" in text and "\n" not in text
        to = self._lines if self._live.shown and not bar else self.rich_proxied_file
        to.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Each in turn."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """While a table is shown, what has no end of line yet waits for it."""
        if not self._live.shown:
            self._lines.flush()
        self.rich_proxied_file.flush()


def _progress(check: Check) -> str:
    said: list[Any] = [
        f"{check.model}: step {check.step:,}" if check.model else f"step {check.step:,}"
    ]
    if check.progress is not None:
        for key in ("loss", "accuracy", "skill"):
            value = getattr(check.progress, key)
            if value is not None:
                said.append(f"{key} {number(value, 4)}")
    return "  ".join(said)


def _line(finding: Finding) -> Text:
    """A finding on one line, as it is met."""
    line = Text.assemble("ogive watch, step ", f"{finding.step:,}: ", head(finding), ": ")
    return line.append(f"{finding.sentence} First: {finding.cure.words}")
