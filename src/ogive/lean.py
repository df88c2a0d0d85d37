"""Forward that keeps the least for backward: ``y, mask``, the mask one bit per element."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "lean")
