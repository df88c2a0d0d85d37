"""dy times f'(x): ``ogive.jax.backward.gelu``."""

from ._public import namespace

__getattr__, __dir__ = namespace("backward")
