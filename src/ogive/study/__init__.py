"""Which activation suits this data: `ogive study` as functions from data to a result.

    result = ogive.study.run(frame, target="y")        # or "digits", a file's name, (x, y)
    result.to_frame()                                  # one row for each activation and depth
    result.report("report.html")

`data` loads, `table` prepares, `blocks` splits, `training` trains a batch of networks, `grid` runs
the missing trials and keeps the `journal`, `statistics` and `conclude` decide what may be
concluded, `answer` puts it into words, and `result` holds what the report shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import run
    from .errors import StudyError
    from .result import StudyResult
    from .table import Options

__all__ = ["Options", "StudyError", "StudyResult", "run"]

_HOMES = {"run": "api", "StudyError": "errors", "StudyResult": "result", "Options": "table"}


if not TYPE_CHECKING:  # else a checker would take any name

    def __getattr__(name: str) -> Any:
        # A worker needs only part of this package, and starts in half the time without the rest.
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
