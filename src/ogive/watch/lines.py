"""JSON lines that a kill does not lose: each record is one write of one line.

    {"event": "start", "format": "ogive watch 1", "models": [Watched], "command": …, "time": …}
    {"event": "check", "check": Check}
    {"event": "finding", "finding": Finding}       again whenever it changes
    {"event": "end", "report": Report}             absent after a kill

`read_log` makes a report of it again, from the checks where the end is absent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import WatchError
from .records import (
    FORMAT,
    Check,
    Cost,
    Finding,
    Layer,
    Progress,
    Report,
    Watched,
    plain,
    read,
)


class JsonLines:
    """A sink that appends to a file."""

    def __init__(self, path: str | Path) -> None:
        """Open it now, so that a folder that cannot be written is an error before training.

        Raises
        ------
        WatchError
            The file cannot be written.
        """
        self.path = Path(path)
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise WatchError(f"cannot write {self.path}: {error.strerror}") from error

    def start(self, report: Report) -> None:
        self._write(
            {
                "event": "start",
                "format": FORMAT,
                "models": plain(report.models),
                "command": report.command,
                "time": report.started,
                "versions": plain(report.versions),
            }
        )

    def check(self, check: Check) -> None:
        self._write({"event": "check", "check": plain(check)})

    def finding(self, finding: Finding) -> None:
        self._write({"event": "finding", "finding": plain(finding)})

    def close(self, report: Report) -> None:
        self._write({"event": "end", "report": report.to_dict()})
        os.close(self._file)

    def _write(self, record: dict[str, Any]) -> None:
        data = json.dumps(record, allow_nan=False).encode() + b"\n"
        while data:  # one write, unless the disk fills up
            data = data[os.write(self._file, data) :]


def read_log(path: str | Path) -> Report:
    """The report of the last training in a file of JSON lines, also after a kill.

    Parameters
    ----------
    path : str or Path
        What ``Monitor(model, log=path)`` wrote, or is still writing.

    Returns
    -------
    Report
        The training's own; where it was killed, one made of all checks up to then, and its notes
        say so. A damaged line, such as the last one, is skipped with a note.

    Raises
    ------
    WatchError
        The file cannot be read, or holds no watched training.

    Examples
    --------
    >>> ogive.watch.read_log("run.jsonl").html("report.html")  # doctest: +SKIP
    """
    path = Path(path)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise WatchError(f"cannot read {path}: {error.strerror}") from error
    run: _Run | None = None
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if record["event"] == "start":
                run = _Run(record)
            elif run is not None:
                run.take(record)
        except (ValueError, TypeError, KeyError, AttributeError):  # cut off, or written by another
            if run is not None:
                run.damaged.append(number)
    if run is None:
        raise WatchError(f'{path} holds no watched training (a line with "event": "start")')
    return run.report(path)


class _Run:
    """One training's lines, put together."""

    def __init__(self, start: dict[str, Any]) -> None:
        if start["format"] != FORMAT:
            raise ValueError(f"{start['format']} is not {FORMAT}")
        self.start = start
        self.models = [read(Watched, each) for each in start["models"]]
        self.layers: dict[tuple[str, str, int, str], Layer] = {}
        self.progress: list[Progress] = []
        self.findings: dict[tuple[str, str, str, int], Finding] = {}
        self.steps: dict[str, int] = {}
        self.checks: dict[str, int] = {}
        self.window: dict[str, int] = {}
        """Most batches of one check."""
        self.damaged: list[int] = []
        self.end: Report | None = None

    def take(self, record: dict[str, Any]) -> None:
        """One line's record."""
        if record["event"] == "check":
            self._check(read(Check, record["check"]))
        elif record["event"] == "finding":
            found = read(Finding, record["finding"])
            self.findings[found.fault, found.model, found.layer, found.call] = found
        elif record["event"] == "end":
            self.end = Report.from_dict(record["report"])

    def _check(self, check: Check) -> None:
        self.steps[check.model] = check.step
        self.checks[check.model] = self.checks.get(check.model, 0) + 1
        windows = (each.stats[-1].batches for each in check.layers if each.stats)
        self.window[check.model] = max([self.window.get(check.model, 0), *windows])
        if check.progress is not None:
            self.progress.append(check.progress)
        for each in check.layers:
            key = each.model, each.layer, each.call, each.activation
            known = self.layers.get(key)
            if known is not None:
                each = replace(
                    each,
                    stats=known.stats + each.stats,
                    maps=known.maps + each.maps,
                    histogram=each.histogram or known.histogram,
                    first_histogram=known.first_histogram or each.first_histogram,
                )
            elif each.first_histogram is None:
                each = replace(each, first_histogram=each.histogram)
            self.layers[key] = each

    def report(self, path: Path) -> Report:
        """Its own, or that of the checks before it was killed."""
        damaged = tuple(self._notes(path))
        if self.end is not None:
            return replace(self.end, notes=self.end.notes + damaged)
        errors_first = sorted(
            self.findings.values(), key=lambda each: (not each.active, each.severity != "error")
        )
        return Report(
            findings=tuple(errors_first),
            layers=tuple(self.layers.values()),
            progress=tuple(self.progress),
            models=tuple(map(self._seen, self.models)),
            unseen=(),
            cost=Cost(every=0, seconds=0.0, total=0.0, bytes=0),
            command=self.start["command"],
            started=self.start["time"],
            versions=self.start.get("versions", {}),
            notes=damaged,
        )

    def _seen(self, model: Watched) -> Watched:
        return replace(
            model,
            steps=max(model.steps, self.steps.get(model.name, -1) + 1),
            # Windows overlap: so many steps were looked at, at least.
            observed=max(
                model.observed, self.checks.get(model.name, 0), self.window.get(model.name, 0)
            ),
            layers=model.layers or sum(each.model == model.name for each in self.layers.values()),
        )

    def _notes(self, path: Path) -> Iterator[str]:
        if self.end is None:
            last = max(self.steps.values(), default=None)
            where = "before its first check" if last is None else f"after step {last}"
            yield f"{path} ends {where}: the training was killed, or it still runs."
        if self.damaged:
            count = len(self.damaged)
            which = ", ".join(map(str, self.damaged[:5])) + (", …" if count > 5 else "")
            plural = "lines" if count > 1 else "line"
            yield f"{path}: damaged {plural} skipped: {which}."
