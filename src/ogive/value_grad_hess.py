"""Loss heads with gradient and diagonal Hessian, for Newton steps and boosted trees:
``loss, dz, h = ogive.value_grad_hess.cross_entropy(z, target)``.
"""

from ._numpy.api import namespace

__getattr__, __dir__ = namespace(__name__, "value_grad_hess")
