"""Which activation, on this data: `ogive study` as functions from data to a result.

    result = ogive.study.run(frame, target="y")        # or "digits", a file's name, (x, y)
    result.to_frame()                                  # one row for each activation and depth
    result.report("report.html")

`data` loads, `table` prepares, `blocks` splits, `training` trains a batch of networks, `grid` goes
through what is missing and keeps the `journal`, `statistics` and `conclude` say what may be
concluded, `answer` says it in words, `result` is what the report shows.
"""

from .api import run
from .errors import StudyError
from .result import StudyResult
from .table import Options

__all__ = ["Options", "StudyError", "StudyResult", "run"]
