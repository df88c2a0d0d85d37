"""Losses with their gradients: ``ogive.jax.value_and_grad.cross_entropy``."""

from ._public import namespace

__getattr__, __dir__ = namespace("value_and_grad")
