"""Backward passes from the output, where it determines the slope: ``(dy, y)``."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "backward_from_output")
