"""Jacobians of rows: ``ogive.jacobian.softmax(x)`` has shape (..., n, n)."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "jacobian")
