# Written by tools/stub.py; do not edit.
from typing import Any, Literal
import numpy as np
from numpy.typing import ArrayLike

from . import _native as _native
from . import backward as backward
from . import backward_from_output as backward_from_output
from . import catalog as catalog
from . import derivative as derivative
from . import jacobian as jacobian
from . import second_derivative as second_derivative
from . import value_and_grad as value_and_grad
from . import value_grad_hess as value_grad_hess
from ._version import __version__ as __version__
from .catalog import Card
from .catalog import find as card

__all__: list[str]

def gain(activation: str | Card, **parameters: float) -> float: ...
def get_num_threads() -> int: ...
def isa() -> str: ...
def set_num_threads(n: int, /) -> None: ...

def elu(x: ArrayLike, alpha: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
exp: np.ufunc
gelu: np.ufunc
gelu_tanh: np.ufunc
hard_sigmoid: np.ufunc
hard_swish: np.ufunc
hard_tanh: np.ufunc
identity: np.ufunc
def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.01, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
log_sigmoid: np.ufunc
mish: np.ufunc
def prelu(x: ArrayLike, weight: ArrayLike = 0.25, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
relu: np.ufunc
relu6: np.ufunc
def rrelu(x: ArrayLike, lower: ArrayLike = 0.125, upper: ArrayLike = 0.3333333333333333, training: bool = False, seed: int | None = None, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
selu: np.ufunc
sigmoid: np.ufunc
silu: np.ufunc
def softplus(x: ArrayLike, beta: ArrayLike = 1.0, out: Any = None, *, where: ArrayLike = True, **kwargs: Any) -> Any: ...
softsign: np.ufunc
tanh: np.ufunc
bilinear: np.ufunc
geglu: np.ufunc
glu: np.ufunc
reglu: np.ufunc
swiglu: np.ufunc
def entmax15(x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def log_softmax(x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def logsumexp(x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def softmax(x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def softmin(x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def sparsemax(x: ArrayLike, axis: int = -1, temperature: ArrayLike = 1.0, where: ArrayLike | None = None, out: Any = None) -> Any: ...
def binary_cross_entropy(z: ArrayLike, target: ArrayLike, pos_weight: ArrayLike | None = None, weight: ArrayLike | None = None, label_smoothing: float = 0.0, reduction: Literal["mean", "sum", "none"] = 'mean') -> Any: ...
def cross_entropy(z: ArrayLike, target: ArrayLike, axis: int = -1, weight: ArrayLike | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, softcap: float | None = None, temperature: float = 1.0, reduction: Literal["mean", "sum", "none"] = 'mean') -> Any: ...
def linear_cross_entropy(x: ArrayLike, W: ArrayLike, target: ArrayLike, bias: ArrayLike | None = None, weight: ArrayLike | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, softcap: float | None = None, temperature: float = 1.0, reduction: Literal["mean", "sum", "none"] = 'mean', accumulate: Literal["float32", "float64"] | None = None, chunk_rows: int | None = None) -> Any: ...
