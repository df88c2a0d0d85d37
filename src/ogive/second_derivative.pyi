# Written by tools/stub.py; do not edit.
from typing import Any
import numpy as np
from numpy.typing import ArrayLike

def celu(x: ArrayLike, alpha: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
def elu(x: ArrayLike, alpha: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
exp: np.ufunc
gelu: np.ufunc
hard_swish: np.ufunc
identity: np.ufunc
log_sigmoid: np.ufunc
relu_squared: np.ufunc
selu: np.ufunc
sigmoid: np.ufunc
silu: np.ufunc
def softplus(x: ArrayLike, beta: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
softsign: np.ufunc
tanh: np.ufunc
