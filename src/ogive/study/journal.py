"""Finished trials on disk: one JSON line each, appended and synced, so that nothing is lost.

The first line says which study the file belongs to; every other line is one `Trial` or `ModelTrial`
with the hash of its settings as its key. Nothing is ever rewritten. A line that is incomplete (the
process was killed) or does not fit its schema is skipped with a note, and its trial is trained
again. Two studies may append to one file: each line is a single write, and if both write the same
trial, the first one counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from .errors import StudyError
from .result import ModelTrial, Trial

FORMAT = "ogive study results 2"
"""Changes whenever the meaning of a stored trial changes."""

Stored = Trial | ModelTrial


@dataclass(frozen=True, kw_only=True)
class Line:
    """One record of the file."""

    key: str
    trial: Trial | None = None
    model: ModelTrial | None = None


class Journal:
    """The results file of one study: finds finished trials and adds new ones."""

    def __init__(
        self,
        path: Path,
        study: dict[str, Any],
        check: Callable[[Stored], None] = lambda trial: None,
    ) -> None:
        """Open or start a results file.

        Parameters
        ----------
        path : Path
            The file.
        study : dict
            What all trials of a file have in common: the data's hash and the training recipe.
        check : callable
            Raises ValueError for a trial that cannot belong to this study.

        Raises
        ------
        StudyError
            The file belongs to another study, is not a results file, or cannot be written. It
            stays unchanged.
        """
        self.path = path
        self.notes: list[str] = []
        self._header = {"format": FORMAT, "study": study}
        self._check = check
        self._trials: dict[str, Stored] = {}
        try:
            if path.exists() and path.stat().st_size:
                self._read()
            else:
                self._start()
            self._open()
        except OSError as error:
            raise self._failure(error) from error

    def find(self, settings: dict[str, Any]) -> Stored | None:
        """The finished trial with these settings, if there is one."""
        return self._trials.get(self._key(settings))

    def add(self, settings: dict[str, Any], trial: Stored) -> None:
        """Store a trial; it survives a power cut once this returns.

        Raises
        ------
        StudyError
            The disk is full, or another study's file has replaced this one.
        """
        key = self._key(settings)
        try:
            if not self._is_there():
                self._restore()
            self._append(key, trial)
            os.fsync(self._file)
        except OSError as error:
            raise self._failure(error) from error
        self._trials[key] = trial

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, key: str, trial: Stored) -> None:
        kind = "trial" if isinstance(trial, Trial) else "model"
        data = msgspec.json.encode({"key": key, kind: trial}) + b"\n"
        while data:  # one write, unless the disk fills up
            data = data[os.write(self._file, data) :]

    def _key(self, settings: dict[str, Any]) -> str:
        text = json.dumps([self._header, settings], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _start(self) -> None:
        """Write the header to a temporary file and rename it, so that it is never incomplete."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.write_text(json.dumps(self._header) + "\n", encoding="utf-8")
        beside.replace(self.path)

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND)
        # If the last line is incomplete, end it, so that the next record starts on a new line.
        if not self.path.read_bytes().endswith(b"\n"):
            os.write(self._file, b"\n")

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _restore(self) -> None:
        """Write the file again after it was deleted or replaced during the study."""
        known = dict(self._trials)
        os.close(self._file)
        there = self.path.exists() and self.path.stat().st_size
        if there:
            self._read()
        else:
            self._start()
        self._open()
        for key, trial in known.items():
            if not there or key not in self._trials:
                self._append(key, trial)
        self._trials.update(known)
        what = "replaced" if there else "deleted"
        self.notes.append(f"{self.path}: was {what} while the study ran; it was written again")

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
        decoder = msgspec.json.Decoder(Line)
        for number, text in enumerate(lines[1:], start=2):
            if not text.strip():
                continue
            try:
                line = decoder.decode(text)
                trial = line.trial or line.model
                if trial is None:
                    raise ValueError("it holds no trial")
                self._check(trial)
            except ValueError as error:
                self.notes.append(
                    f"{self.path}: line {number} is damaged and was skipped ({_reason(error)}); "
                    "its trial runs again"
                )
            else:
                self._trials.setdefault(line.key, trial)

    def _difference(self, header: dict[str, Any]) -> str:
        if header.get("format") != FORMAT:
            return f"its format is {header.get('format')!r}"
        theirs, ours = header.get("study"), self._header["study"]
        assert isinstance(ours, dict)
        if not isinstance(theirs, dict):
            return "its header is damaged"
        parts = [
            f"{name.replace('_', ' ')} {_short(theirs.get(name))}, here {_short(value)}"
            for name, value in ours.items()
            if theirs.get(name) != value
        ]
        return "; ".join(parts) or "its header has more fields"

    def _failure(self, error: OSError) -> StudyError:
        return StudyError(
            f"results file {self.path}: {(error.strerror or str(error)).lower()}; what it holds "
            "is kept, and the same command goes on from there"
        )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 12 else text[:8] + "…"


def _reason(error: ValueError) -> str:
    return " ".join(str(error).split())[:120]


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
