"""JSON lines that a kill does not lose: each record is one write of one line.

{"event": "start", "format": "ogive watch 1", "models": [Watched], "command": …, "time": …}
{"event": "check", "check": Check}
{"event": "finding", "finding": Finding}       again whenever it changes
{"event": "end", "report": Report}             absent after a kill
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .errors import WatchError
from .records import FORMAT, Check, Finding, Report, plain


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
