"""Backward from what ``ogive.lean`` gave: ``(dy, mask)``, or ``(dy, y, mask)``."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "lean_backward")
