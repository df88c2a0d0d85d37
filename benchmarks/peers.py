"""What each peer offers for a function, called as Ogive's is: ``f(*inputs, out=None)``.

One table per framework, keyed by (function, mode). A peer that has no such function is written as
its users write it. Backward passes of PyTorch are its own kernels, without autograd's bookkeeping;
where such a kernel reads the output, Ogive's backward from the input meets it too, since either
library serves a user who differentiates the function.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from cells import Array, Cell, function_of

Call = Callable[..., Any]
Table = dict[tuple[str, str], Call]

LEAK, PRELU, RRELU = 0.01, 0.25, (1 / 8 + 1 / 3) / 2
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def numpy_table() -> Table:
    def leaky(slope: float) -> Call:
        return lambda x, out=None: np.maximum(x, x * slope, out=out)

    def leaky_backward(slope: float) -> Call:
        return lambda dy, x, out=None: np.multiply(dy, np.where(x > 0, one(x), slope), out=out)

    def one(x: Array) -> Any:
        return x.dtype.type(1)

    def chosen(x: Array, below: Array, out: Array | None) -> Array:
        """`below` where x is negative, x elsewhere."""
        result = np.where(x > 0, x, below)
        if out is None:
            return result
        out[...] = result
        return out

    def elu(x: Array, out: Array | None = None) -> Array:
        return chosen(x, np.expm1(np.minimum(x, 0)), out)

    def selu(x: Array, out: Array | None = None) -> Array:
        below = SELU_ALPHA * np.expm1(np.minimum(x, 0))
        return np.multiply(chosen(x, below, None), SELU_SCALE, out=out)

    def selu_backward(dy: Array, x: Array, out: Array | None = None) -> Array:
        slope = np.where(x > 0, one(x), SELU_ALPHA * np.exp(np.minimum(x, 0)))
        return np.multiply(dy, slope * SELU_SCALE, out=out)

    return {
        ("identity", "value"): np.positive,
        ("relu", "value"): lambda x, out=None: np.maximum(x, 0, out=out),
        ("leaky_relu", "value"): leaky(LEAK),
        ("prelu", "value"): leaky(PRELU),
        ("rrelu", "value"): leaky(RRELU),
        ("tanh", "value"): np.tanh,
        ("softplus", "value"): lambda x, out=None: np.logaddexp(0, x, out=out),
        ("elu", "value"): elu,
        ("selu", "value"): selu,
        ("softsign", "value"): lambda x, out=None: np.divide(x, 1 + np.abs(x), out=out),
        ("relu", "backward"): lambda dy, x, out=None: np.multiply(dy, x > 0, out=out),
        ("relu", "backward_from_output"): lambda dy, y, out=None: np.multiply(dy, y > 0, out=out),
        ("leaky_relu", "backward"): leaky_backward(LEAK),
        ("leaky_relu", "backward_from_output"): leaky_backward(LEAK),
        ("rrelu", "backward"): leaky_backward(RRELU),
        ("tanh", "backward"): lambda dy, x, out=None: np.multiply(
            dy, 1 - np.square(np.tanh(x)), out=out
        ),
        ("tanh", "backward_from_output"): lambda dy, y, out=None: np.multiply(
            dy, 1 - y * y, out=out
        ),
        ("sigmoid", "backward_from_output"): lambda dy, y, out=None: np.multiply(
            dy, y * (1 - y), out=out
        ),
        ("softplus", "backward_from_output"): lambda dy, y, out=None: np.multiply(
            dy, -np.expm1(-y), out=out
        ),
        ("elu", "backward"): lambda dy, x, out=None: np.multiply(
            dy, np.exp(np.minimum(x, 0)), out=out
        ),
        ("elu", "backward_from_output"): lambda dy, y, out=None: np.multiply(
            dy, np.minimum(y, 0) + 1, out=out
        ),
        ("selu", "backward"): selu_backward,
        ("softsign", "backward"): lambda dy, x, out=None: np.divide(
            dy, np.square(1 + np.abs(x)), out=out
        ),
        ("softmax", "backward_from_output"): lambda dy, y, out=None: np.multiply(
            y, dy - np.sum(dy * y, axis=-1, keepdims=True), out=out
        ),
        ("log_softmax", "backward_from_output"): lambda dy, y, out=None: np.subtract(
            dy, np.exp(y) * np.sum(dy, axis=-1, keepdims=True), out=out
        ),
    }


def scipy_table() -> Table:
    from scipy import special

    def gelu_backward(dy: Array, x: Array, out: Array | None = None) -> Array:
        density = np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
        return np.multiply(dy, special.ndtr(x) + x * density, out=out)

    def sigmoid_backward(dy: Array, x: Array, out: Array | None = None) -> Array:
        y = special.expit(x)
        return np.multiply(dy, y * (1 - y), out=out)

    def silu_backward(dy: Array, x: Array, out: Array | None = None) -> Array:
        s = special.expit(x)
        return np.multiply(dy, s * (1 + x * (1 - s)), out=out)

    def cross_entropy(z: Array, target: Array) -> Any:
        own = np.take_along_axis(z, target[:, np.newaxis], axis=-1)[:, 0]
        return np.mean(special.logsumexp(z, axis=-1) - own)

    def cross_entropy_grad(z: Array, target: Array, out: Array | None = None) -> Any:
        rows = np.arange(len(target))
        log_p = special.log_softmax(z, axis=-1)
        gradient = np.exp(log_p, out=out)
        gradient[rows, target] -= 1
        gradient /= len(target)
        return -np.mean(log_p[rows, target]), gradient

    def binary(z: Array, target: Array) -> Any:
        return np.mean(np.logaddexp(0, z) - z * target)

    def binary_grad(z: Array, target: Array, out: Array | None = None) -> Any:
        gradient = np.subtract(special.expit(z), target, out=out)
        gradient /= z.size
        return binary(z, target), gradient

    return {
        ("sigmoid", "value"): special.expit,
        ("gelu", "value"): lambda x, out=None: np.multiply(x, special.ndtr(x), out=out),
        ("silu", "value"): lambda x, out=None: np.multiply(x, special.expit(x), out=out),
        ("sigmoid", "backward"): sigmoid_backward,
        ("gelu", "backward"): gelu_backward,
        ("silu", "backward"): silu_backward,
        ("softplus", "backward"): lambda dy, x, out=None: np.multiply(
            dy, special.expit(x), out=out
        ),
        ("softmax", "value"): lambda z, out=None: special.softmax(z, axis=-1),
        ("log_softmax", "value"): lambda z, out=None: special.log_softmax(z, axis=-1),
        ("logsumexp", "value"): lambda z, out=None: special.logsumexp(z, axis=-1),
        ("cross_entropy", "value"): cross_entropy,
        ("cross_entropy", "value_and_grad"): cross_entropy_grad,
        ("binary_cross_entropy", "value"): binary,
        ("binary_cross_entropy", "value_and_grad"): binary_grad,
    }


def torch_table() -> Table:
    import torch
    from torch.nn import functional as F

    # With out= where it exists; torch._C._nn is what torch.nn.functional itself calls.
    aten, nn = torch.ops.aten, torch._C._nn

    def elementwise(call: Call, *settings: Any) -> Call:
        return lambda x, out=None: call(x, *settings, out=out)

    def gradient(operator: Any, *settings: Any) -> Call:
        call = operator.grad_input
        return lambda dy, x, out: call(dy, x, *settings, grad_input=out)

    def elu_gradient(alpha: float, scale: float, of_output: bool) -> Call:
        call = aten.elu_backward.grad_input
        return lambda dy, x, out: call(dy, alpha, scale, 1, of_output, x, grad_input=out)

    def elu(alpha: float, scale: float) -> Call:
        fresh = F.elu if scale == 1 else F.selu
        resident = aten.elu.out
        return lambda x, out=None: fresh(x) if out is None else resident(x, alpha, scale, out=out)

    def with_gradient(loss_of: Call) -> Call:
        def call(z: Any, target: Any, out: Any = None) -> Any:
            leaf = z.detach().requires_grad_()
            loss = loss_of(leaf, target)
            return loss.detach(), torch.autograd.grad(loss, leaf)[0]

        return call

    def prelu_backward(dy: Any, x: Any) -> Any:
        dx, products = aten._prelu_kernel_backward(dy, x, torch.full((1,), PRELU, dtype=x.dtype))
        return dx, products.sum()

    softmax_gradient = aten._softmax_backward_data.out
    log_softmax_gradient = aten._log_softmax_backward_data.out
    bce = F.binary_cross_entropy_with_logits
    return {
        ("identity", "value"): lambda x, out=None: x.clone() if out is None else out.copy_(x),
        ("relu", "value"): lambda x, out=None: (
            torch.relu(x) if out is None else torch.clamp_min(x, 0, out=out)
        ),
        ("leaky_relu", "value"): elementwise(nn.leaky_relu, LEAK),
        ("prelu", "value"): elementwise(nn.leaky_relu, PRELU),
        ("rrelu", "value"): elementwise(nn.leaky_relu, RRELU),
        ("sigmoid", "value"): elementwise(torch.sigmoid),
        ("tanh", "value"): elementwise(torch.tanh),
        ("gelu", "value"): elementwise(nn.gelu),
        ("silu", "value"): elementwise(nn.silu),
        ("softplus", "value"): elementwise(nn.softplus),
        ("elu", "value"): elu(1.0, 1.0),
        ("selu", "value"): elu(SELU_ALPHA, SELU_SCALE),
        ("softsign", "value"): lambda x, out=None: torch.div(x, x.abs() + 1, out=out),
        ("relu", "backward"): gradient(aten.threshold_backward, 0),
        ("relu", "backward_from_output"): gradient(aten.threshold_backward, 0),
        ("leaky_relu", "backward"): gradient(aten.leaky_relu_backward, LEAK, False),
        ("leaky_relu", "backward_from_output"): gradient(aten.leaky_relu_backward, LEAK, True),
        ("rrelu", "backward"): gradient(aten.leaky_relu_backward, RRELU, False),
        ("prelu", "backward"): prelu_backward,
        ("prelu", "backward_from_output"): gradient(aten.leaky_relu_backward, PRELU, True),
        ("sigmoid", "backward_from_output"): gradient(aten.sigmoid_backward),
        ("tanh", "backward_from_output"): gradient(aten.tanh_backward),
        ("gelu", "backward"): gradient(aten.gelu_backward),
        ("silu", "backward"): gradient(aten.silu_backward),
        ("softplus", "backward"): gradient(aten.softplus_backward, 1, 20),
        ("elu", "backward"): elu_gradient(1.0, 1.0, False),
        ("elu", "backward_from_output"): elu_gradient(1.0, 1.0, True),
        ("selu", "backward"): elu_gradient(SELU_ALPHA, SELU_SCALE, False),
        ("selu", "backward_from_output"): elu_gradient(SELU_ALPHA, SELU_SCALE, True),
        ("softmax", "value"): lambda z, out: torch.softmax(z, -1, out=out),
        ("log_softmax", "value"): lambda z, out: torch.log_softmax(z, -1, out=out),
        ("logsumexp", "value"): lambda z, out: torch.logsumexp(z, -1, out=out),
        ("softmax", "backward_from_output"): lambda dy, y, out: softmax_gradient(
            dy, y, -1, y.dtype, grad_input=out
        ),
        ("log_softmax", "backward_from_output"): lambda dy, y, out: log_softmax_gradient(
            dy, y, -1, y.dtype, out=out
        ),
        ("cross_entropy", "value"): F.cross_entropy,
        ("cross_entropy", "value_and_grad"): with_gradient(F.cross_entropy),
        ("binary_cross_entropy", "value"): bce,
        ("binary_cross_entropy", "value_and_grad"): with_gradient(bce),
    }


@cache
def tables() -> dict[str, Table]:
    """The tables of the frameworks that are installed."""
    made = {"numpy": numpy_table(), "scipy": scipy_table()}
    return made | {"torch": torch_table()} if importlib.util.find_spec("torch") else made


def set_threads(count: int) -> None:
    """For the peers that have threads."""
    if "torch" in tables():
        import torch

        torch.set_num_threads(count)


def as_tensor(array: Array) -> Any:
    """The same memory as torch sees it."""
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def calls(cell: Cell, inputs: tuple[Array, ...], out: Array | None) -> dict[str, Call]:
    """Each peer's call on the cell's operands, without arguments, by the peer's name."""
    made = {}
    for framework, table in tables().items():
        if framework != "torch" and cell.format == "bf16":
            continue  # only through conversions that no user would wait for
        call, given = table.get((cell.function, cell.mode)), inputs
        if call is None and cell.mode == "backward":
            call = table.get((cell.function, "backward_from_output"))
            if call is not None:
                given = inputs[0], function_of(cell.function, "value")(inputs[1])
        if call is None:
            continue
        result = out
        if framework == "torch":
            given = tuple(as_tensor(a) for a in given)
            result = None if out is None else as_tensor(out)
        made[framework] = bound(call, given, result)
    return made


def bound(call: Call, inputs: tuple[Any, ...], out: Any) -> Call:
    return partial(call, *inputs) if out is None else partial(call, *inputs, out=out)
