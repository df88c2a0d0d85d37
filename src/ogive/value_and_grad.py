"""Loss heads with their gradient: ``ogive.value_and_grad.cross_entropy(z, target)``."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "value_and_grad")
