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
hard_sigmoid: np.ufunc
hard_swish: np.ufunc
hard_tanh: np.ufunc
def hardshrink(x: ArrayLike, lambd: ArrayLike = 0.5, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
identity: np.ufunc
def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.01, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
log_sigmoid: np.ufunc
mish: np.ufunc
def prelu(x: ArrayLike, weight: ArrayLike = 0.25, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
relu: np.ufunc
relu6: np.ufunc
relu_squared: np.ufunc
def rrelu(x: ArrayLike, lower: ArrayLike = 0.125, upper: ArrayLike = 0.3333333333333333, training: bool = False, seed: int | None = None, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
selu: np.ufunc
sigmoid: np.ufunc
silu: np.ufunc
def softplus(x: ArrayLike, beta: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
def softshrink(x: ArrayLike, lambd: ArrayLike = 0.5, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
softsign: np.ufunc
def squareplus(x: ArrayLike, b: ArrayLike = 4.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
tanh: np.ufunc
tanhshrink: np.ufunc
def threshold(x: ArrayLike, threshold: ArrayLike = 1.0, value: ArrayLike = 0.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
