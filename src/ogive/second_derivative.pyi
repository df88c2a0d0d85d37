# Written by tools/stub.py; do not edit.
from typing import Any
import numpy as np
from numpy.typing import ArrayLike

def celu(x: ArrayLike, alpha: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
def elu(x: ArrayLike, alpha: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
erf: np.ufunc
exp: np.ufunc
gelu: np.ufunc
gelu_sigmoid: np.ufunc
gelu_tanh: np.ufunc
hard_swish: np.ufunc
identity: np.ufunc
log_sigmoid: np.ufunc
mish: np.ufunc
relu_squared: np.ufunc
selu: np.ufunc
sigmoid: np.ufunc
silu: np.ufunc
def softplus(x: ArrayLike, beta: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
softsign: np.ufunc
def squareplus(x: ArrayLike, b: ArrayLike = 4.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
tanh: np.ufunc
tanhshrink: np.ufunc
