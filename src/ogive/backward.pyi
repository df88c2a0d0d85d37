# Written by tools/stub.py; do not edit.
from typing import Any
import numpy as np
from numpy.typing import ArrayLike

def elu(dy: ArrayLike, x: ArrayLike, alpha: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
exp: np.ufunc
gelu: np.ufunc
gelu_tanh: np.ufunc
hard_sigmoid: np.ufunc
hard_swish: np.ufunc
hard_tanh: np.ufunc
identity: np.ufunc
def leaky_relu(dy: ArrayLike, x: ArrayLike, negative_slope: ArrayLike = 0.01, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
log_sigmoid: np.ufunc
mish: np.ufunc
def prelu(dy: ArrayLike, x: ArrayLike, weight: ArrayLike = 0.25) -> tuple[Any, Any]: ...
relu: np.ufunc
relu6: np.ufunc
def rrelu(dy: ArrayLike, x: ArrayLike, lower: ArrayLike = 0.125, upper: ArrayLike = 0.3333333333333333, training: bool = False, seed: int | None = None, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
selu: np.ufunc
sigmoid: np.ufunc
silu: np.ufunc
def softplus(dy: ArrayLike, x: ArrayLike, beta: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
softsign: np.ufunc
tanh: np.ufunc
def log_softmax(dy: ArrayLike, x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def logsumexp(dy: ArrayLike, x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def softmax(dy: ArrayLike, x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def softmin(dy: ArrayLike, x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
