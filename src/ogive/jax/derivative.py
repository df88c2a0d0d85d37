"""Derivatives f'(x): ``ogive.jax.derivative.gelu``."""

from ._public import namespace

__getattr__, __dir__ = namespace("derivative")
