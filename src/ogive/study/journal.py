"""Finished trials on disk: one JSON line each, appended and synced, so that nothing is lost.

The first line says which study the file belongs to; every other is one `Trial` under the hash of
its settings. Nothing is ever rewritten. A line cut short by a kill is skipped with a note, and its
trial is trained again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from .errors import StudyError
from .result import Trial

FORMAT = "ogive study results 1"
"""Changes whenever a stored trial would no longer mean the same."""


class Journal:
    """The results file of one study: what is finished, and how to add to it."""

    def __init__(self, path: Path, study: dict[str, Any]) -> None:
        """`study` is what all trials of a file share: the data's hash and the training recipe.

        Raises
        ------
        StudyError
            The file belongs to another study, is something else, or cannot be written. It is
            left as it was.
        """
        self.path = path
        self.notes: list[str] = []
        self._header = {"format": FORMAT, "study": study}
        self._trials: dict[str, Trial] = {}
        try:
            if path.exists() and path.stat().st_size:
                self._read()
            else:
                self._start()
            self._file = path.open("ab")
        except OSError as error:
            raise StudyError(f"results file {path}: {error.strerror or error}") from error
        self._close_cut_line()

    def find(self, trial: dict[str, Any]) -> Trial | None:
        """The finished trial of these settings, if there is one."""
        return self._trials.get(self._key(trial))

    def add(self, settings: dict[str, Any], trial: Trial) -> None:
        """Store a trial; it survives a power cut once this returns."""
        key = self._key(settings)
        line = json.dumps({"key": key, "trial": dataclasses.asdict(trial)}, allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._trials[key] = trial

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _key(self, trial: dict[str, Any]) -> str:
        text = json.dumps([self._header, trial], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _start(self) -> None:
        """Write the header beside the file and rename: a kill leaves no half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.write_text(json.dumps(self._header) + "\n", encoding="utf-8")
        beside.replace(self.path)

    def _read(self) -> None:
        if not self.path.is_file():
            raise StudyError(f"results file {self.path}: is not a file")
        lines = self.path.read_bytes().split(b"\n")
        header = _decoded(lines[0])
        if not isinstance(header, dict) or not str(header.get("format", "")).startswith("ogive"):
            raise StudyError(f"results file {self.path}: is not a results file of ogive study")
        if header != self._header:
            raise StudyError(
                f"results file {self.path}: belongs to another study ({self._difference(header)}); "
                "choose another file with --results"
            )
        for number, line in enumerate(lines[1:], start=2):
            if not line:
                continue
            try:
                record = json.loads(line)
                self._trials.setdefault(record["key"], _trial(record["trial"]))
            except (ValueError, TypeError, KeyError):
                self.notes.append(
                    f"{self.path}: line {number} is damaged and was skipped; its trial runs again"
                )

    def _difference(self, header: dict[str, Any]) -> str:
        if header.get("format") != FORMAT:
            return f"its format is {header.get('format')!r}"
        theirs, ours = header.get("study", {}), self._header["study"]
        assert isinstance(ours, dict)
        parts = [
            f"{name} {_short(theirs.get(name))}, here {_short(value)}"
            for name, value in ours.items()
            if theirs.get(name) != value
        ]
        return "; ".join(parts) or "its header has more fields"

    def _close_cut_line(self) -> None:
        """End a line that a kill cut short, so that the next record starts on its own."""
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                self._file.write(b"\n")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 12 else text[:8] + "…"


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _trial(record: dict[str, Any]) -> Trial:
    def frozen(value: Any) -> Any:
        return tuple(frozen(v) for v in value) if isinstance(value, list) else value

    return Trial(**{name: frozen(value) for name, value in record.items()})
