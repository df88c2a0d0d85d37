"""Second derivatives f''(x): ``ogive.jax.second_derivative.gelu``."""

from ._public import namespace

__getattr__, __dir__ = namespace("second_derivative")
