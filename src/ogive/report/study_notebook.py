"""A study in a notebook: the answer and the table, as a small HTML fragment without scripts."""

from __future__ import annotations

from dataclasses import fields
from html import escape
from typing import Any

from ogive.study.result import Settings, StudyResult

from . import conclusions, page
from .notebook_box import box, link, section, table

STUDY = "study.html"


def html(result: StudyResult) -> str:
    """The fragment. Its styles apply only to itself, and suit light and dark notebooks."""
    found = page.fragment("notebook.html", result=result, say=conclusions)
    return box("Study", result.data.name, STUDY, found, section("Settings", settings(result)))


def settings(result: StudyResult) -> str:
    """What decided the outcome besides the data, each with a link to what it means."""
    names = [each.name for each in fields(Settings)]
    given = ((link(name, STUDY), said(getattr(result.settings, name))) for name in names)
    return table(("setting", "value"), given)


def said(value: Any) -> str:
    return escape(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))
