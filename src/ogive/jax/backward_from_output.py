"""dy times f'(x), from y = f(x): ``ogive.jax.backward_from_output.tanh``."""

from ._public import namespace

__getattr__, __dir__ = namespace("backward_from_output")
