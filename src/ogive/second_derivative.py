"""Second derivatives f''(x): ``ogive.second_derivative.gelu(x)``."""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "second_derivative")
