"""Derivatives f'(x): ``ogive.derivative.gelu(x)``."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "derivative")
