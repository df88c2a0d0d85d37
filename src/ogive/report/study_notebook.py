"""A study in a notebook: the answer and the table, as a small HTML fragment without scripts."""

from __future__ import annotations

from ogive.study.result import StudyResult

from . import conclusions, page


def html(result: StudyResult) -> str:
    """The fragment. Its styles apply only to itself, and suit light and dark notebooks."""
    return page.fragment("notebook.html", result=result, say=conclusions)
