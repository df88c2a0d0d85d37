"""Backward passes dy f'(x) in one sweep: ``ogive.backward.gelu(dy, x)``."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "backward")
