"""Each peer's implementation of a function, called like Ogive's: ``f(*inputs, out=None)``.

There is one dictionary per framework, keyed by (function, mode). If a peer has no such function, it
is written as its users would write it. Backward passes of PyTorch are its own kernels, without
autograd's overhead; one that reads the output is compared only with Ogive's backward from the
output.

Other functions come from the card (`named_on_card`): ``torch.nn.functional.x``, ``jax.nn.x`` and
ONNX's operators are called with their defaults, and used if those agree with Ogive's results. So a
new function is compared with its peers without an edit here.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
from collections.abc import Callable
from functools import cache, partial, reduce
from typing import Any

import numpy as np

from cells import TENSORS, Array, Cell, function_of
from ogive import catalog
from record import OGIVE

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

    # With out= if it exists; torch.nn.functional itself calls torch._C._nn.
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

    def prelu_backward(dy: Any, x: Any, out: Any = None) -> Any:
        dx, products = aten._prelu_kernel_backward(dy, x, torch.full((1,), PRELU, dtype=x.dtype))
        return dx if out is None else out.copy_(dx), products.sum()

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
        ("cross_entropy", "value_and_grad"): torch_with_gradient(F.cross_entropy),
        ("binary_cross_entropy", "value"): bce,
        ("binary_cross_entropy", "value_and_grad"): torch_with_gradient(bce),
    }


def sklearn_table() -> Table:
    from sklearn._loss import loss as losses
    from sklearn.utils.extmath import softmax

    def loss_gradient(loss: Any, z: Array, target: Array, out: Array | None) -> Any:
        # Weights of 1/n turn its sums over rows into means, which all others return.
        weight = np.full(len(z), 1 / len(z), z.dtype)
        own, gradient = loss.loss_gradient(
            target.astype(z.dtype), z, weight, gradient_out=out, n_threads=THREADS[0]
        )
        return own.sum(), gradient

    def cross_entropy(z: Array, target: Array, out: Array | None = None) -> Any:
        return loss_gradient(losses.HalfMultinomialLoss(n_classes=z.shape[1]), z, target, out)

    def binary(z: Array, target: Array, out: Array | None = None) -> Any:
        return loss_gradient(losses.HalfBinomialLoss(), z, target, out)

    return {
        ("softmax", "value"): lambda z, out=None: softmax(z),
        ("cross_entropy", "value_and_grad"): cross_entropy,
        ("binary_cross_entropy", "value_and_grad"): binary,
    }


def jax_table() -> Table:
    """Compiled by jax.jit before timing; a call ends when its result is ready."""
    import jax
    from jax import numpy as jnp

    def cross_entropy(z: Any, target: Any) -> Any:
        log_p = jax.nn.log_softmax(z, axis=-1)
        return -jnp.mean(jnp.take_along_axis(log_p, target[:, None], axis=-1))

    def binary(z: Any, target: Any) -> Any:
        return jnp.mean(jax.nn.softplus(z) - z * target)

    functions = {
        "exp": jnp.exp,
        "tanh": jnp.tanh,
        "gelu": partial(jax.nn.gelu, approximate=False),
        "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    }
    heads = {"cross_entropy": cross_entropy, "binary_cross_entropy": binary}
    made: Table = {}
    for name, function in functions.items():
        made[name, "value"] = jax_value(function)
        made[name, "backward"] = jax_backward(function)
    for name, head in heads.items():
        made[name, "value"] = jax_value(head)
        made[name, "value_and_grad"] = jax_value(jax.value_and_grad(head))
    return made


def jax_value(function: Call) -> Call:
    import jax

    compiled = jax.jit(function)
    return lambda *inputs, out=None: jax.block_until_ready(compiled(*inputs))


def jax_backward(function: Call) -> Call:
    import jax

    return jax_value(lambda dy, x: jax.vjp(function, x)[1](dy)[0])


THREADS = [1]
"""Number of threads for peers that take it with every call."""


@cache
def tables() -> dict[str, Table]:
    """The tables of the frameworks that are installed."""
    makers = {
        "numpy": ("numpy", numpy_table),
        "scipy": ("scipy", scipy_table),
        "sklearn": ("sklearn", sklearn_table),
        "torch": ("torch", torch_table),
        "jax": ("jax", jax_table),
        "onnx": ("onnxruntime", dict),
    }
    return {
        name: make()
        for name, (package, make) in makers.items()
        if importlib.util.find_spec(package)
    }


def set_threads(count: int) -> None:
    """Set the number of threads of all peers that have threads."""
    THREADS[0] = count
    if "torch" in tables():
        import torch

        torch.set_num_threads(count)


def takes_part(framework: str, cell: Cell) -> bool:
    if framework in ("numpy", "scipy"):
        return cell.format != "bf16"  # only with slow conversions that no user would accept
    if framework == "sklearn":
        return cell.format in ("f32", "f64")
    if framework == "jax":  # it always uses as many threads as the machine has
        return cell.threads == os.cpu_count() or cell.elements < 1 << 12
    return True


def named_on_card(framework: str, cell: Cell) -> Call | None:
    """The framework's function that the card names, with the framework's defaults."""
    prefixes = {"torch": "torch.nn.functional.", "jax": "jax.nn.", "onnx": ""}
    card = catalog.find(cell.function)
    if framework not in prefixes or card.kind not in ("unary", "rows"):
        return None
    prefix = prefixes[framework]
    for peer in card.peers:
        word = peer.name.removeprefix(prefix)
        if (
            peer.framework != framework
            or not peer.name.startswith(prefix)
            or not word.isidentifier()
        ):
            continue
        if framework == "onnx":
            return onnx_call(word, cell) if cell.mode == "value" else None
        function = getattr(importlib.import_module(prefix.rstrip(".")), word, None)
        if function is None:
            return None
        if card.kind == "rows":
            function = partial(function, **{"dim" if framework == "torch" else "axis": -1})
        if framework == "jax":
            return {"value": jax_value, "backward": jax_backward}.get(cell.mode, no)(function)
        return {"value": torch_value, "backward": torch_backward}.get(cell.mode, no)(function)
    return None


def gated_call(framework: str, table: Table, cell: Cell, gate: str) -> Call | None:
    """a f(b) as users of a framework write it, with its own f; no framework has it in one pass."""
    if framework == "jax":
        import jax

        known = {"gelu": partial(jax.nn.gelu, approximate=False)}
        inner = known.get(gate) or getattr(jax.nn, gate, None)
        if inner is None:
            return None

        def product(a: Any, b: Any) -> Any:
            return a * inner(b)

        if cell.mode == "value":
            return jax_value(product)
        return jax_value(lambda dy, a, b: jax.vjp(product, a, b)[1](dy))
    f = table.get((gate, "value"))
    if f is None or (framework != "torch" and cell.mode != "value"):
        return None
    if framework != "torch":
        return lambda a, b, out=None: np.multiply(a, f(b), out=out)
    import torch

    if cell.mode == "value":
        return lambda a, b, out=None: torch.mul(a, f(b), out=out)
    return torch_backward(lambda a, b: a * f(b))


def no(_: Call) -> None:
    return None


def torch_value(function: Call) -> Call:
    return lambda x, out=None: function(x)


def torch_backward(function: Call) -> Call:
    """Only autograd's backward pass; the graph is recorded at the first call."""
    import torch

    graphs: dict[Any, tuple[Any, Any]] = {}

    def call(dy: Any, *inputs: Any, out: Any = None) -> Any:
        shape = inputs[0].shape
        if shape not in graphs:
            leaves = [x.detach().requires_grad_() for x in inputs]
            graphs[shape] = leaves, function(*leaves)
        leaves, y = graphs[shape]
        found = torch.autograd.grad(y, leaves, dy, retain_graph=True)
        return found[0] if len(found) == 1 else found

    return call


def torch_with_gradient(loss_of: Call) -> Call:
    """Loss and gradient; the graph is recorded each time."""
    import torch

    def call(z: Any, target: Any, out: Any = None) -> Any:
        leaf = z.detach().requires_grad_()
        loss = loss_of(leaf, target)
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    return call


def torch_function(card: catalog.Card) -> Call | None:
    """The torch function that the card names, with Ogive's defaults."""
    import torch
    from torch.nn import functional as F

    written: dict[str, Call] = {
        "gelu_tanh": partial(F.gelu, approximate="tanh"),
        "gelu_sigmoid": lambda x: x * torch.sigmoid(1.702 * x),
        "relu_squared": lambda x: torch.square(torch.relu(x)),
        "threshold": lambda x: F.threshold(x, *(p.default for p in card.parameters)),
    }
    if card.name in written:
        return written[card.name]
    if card.kind == "gated":
        gate = torch_function(catalog.find(card.gate))
        return None if gate is None else lambda a, b: a * gate(b)
    for peer in card.peers:
        package, *path = peer.name.split(".")
        if package == "torch" and all(map(str.isidentifier, path)):
            found: Call = reduce(getattr, path, torch)
            return partial(found, dim=-1) if card.kind == "rows" else found
    return None


def on_tensors(cell: Cell, inputs: tuple[Array, ...]) -> dict[str, Call]:
    """Ogive's function and torch's on the same tensors, both through autograd."""
    import torch

    import ogive.torch

    card = catalog.find(cell.function)
    tensors = [as_tensor(a) for a in inputs]
    few = [t[:2] if len(cell.shape) == 2 else t[:1024] for t in tensors]
    if card.learns:
        weight = torch.full((1,), PRELU, dtype=tensors[0].dtype)
        tensors, few = [*tensors, weight], [*few, weight]
    wrap = {"value": lambda f: f, "backward": torch_backward, "value_and_grad": torch_with_gradient}
    ours, theirs = getattr(ogive.torch, cell.function), torch_function(card)
    made = {OGIVE: partial(wrap[cell.mode](ours), *tensors)}
    operands = few[cell.mode == "backward" :]
    if theirs is not None and close(lambda: theirs(*operands), as_array(ours(*operands)), cell):
        made["torch"] = partial(wrap[cell.mode](theirs), *tensors)
    return made


def onnx_call(operator: str, cell: Cell) -> Call | None:
    """A model with one node, whose input and output are bound to the caller's memory."""
    session = onnx_session(operator, cell.format, len(cell.shape), cell.threads)
    if session is None:
        return None
    import onnxruntime

    bindings: dict[tuple[Any, ...], Any] = {}

    def call(x: Array, out: Array | None = None) -> Any:
        key = x.ctypes.data, x.shape, None if out is None else out.ctypes.data
        if key not in bindings:
            binding = session.io_binding()
            binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
            if out is None:
                binding.bind_output("y", "cpu")
            else:
                binding.bind_output("y", "cpu", 0, out.dtype.type, out.shape, out.ctypes.data)
            bindings[key] = binding
        session.run_with_iobinding(bindings[key])
        return bindings[key].get_outputs()[0] if out is None else out

    return call


@cache
def onnx_session(operator: str, format: str, dimensions: int, threads: int) -> Any:
    """A session for one operator; None if the runtime has no kernel for it in this format."""
    import onnx
    import onnxruntime

    if format == "bf16" or not hasattr(onnx, "helper"):
        return None
    types = {"f32": "FLOAT", "f64": "DOUBLE", "f16": "FLOAT16"}
    element = getattr(onnx.TensorProto, types[format])
    x, y = (onnx.helper.make_tensor_value_info(n, element, [None] * dimensions) for n in "xy")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        node = onnx.helper.make_node(operator, ["x"], ["y"])
        graph = onnx.helper.make_graph([node], operator, [x], [y])
        opset = [onnx.helper.make_opsetid("", min(24, onnx.defs.onnx_opset_version()))]
        model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
        onnx.checker.check_model(model)
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # the runtime raises a different type for each reason
        return None


def as_array(result: Any) -> Array:
    """A peer's result as float64."""
    if type(result).__module__.startswith("torch"):
        result = result.double()
    return np.asarray(result.numpy() if hasattr(result, "numpy") else result).astype(np.float64)


def agrees(framework: str, call: Call, cell: Cell, inputs: tuple[Array, ...]) -> bool:
    """Whether a call with a peer's defaults gives Ogive's results."""
    few = tuple(a[:2] if len(cell.shape) == 2 else a[:1024] for a in inputs)
    own = np.asarray(function_of(cell.function, cell.mode)(*few)).astype(np.float64)
    return close(lambda: call(*(seen(framework, a) for a in few)), own, cell)


def close(call: Call, own: Array, cell: Cell) -> bool:
    tolerance = {"f16": 2e-2, "bf16": 5e-2}.get(cell.format, 2e-3)
    try:
        theirs = as_array(call())
    except Exception:  # it needs further arguments
        return False
    return own.shape == theirs.shape and bool(
        np.allclose(theirs, own, rtol=tolerance, atol=tolerance / 10, equal_nan=True)
    )


def as_tensor(array: Array) -> Any:
    """A torch tensor that shares the array's memory."""
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def seen(framework: str, array: Array) -> Any:
    """An operand in the type that a framework takes."""
    if framework == "torch":
        return as_tensor(array)
    if framework == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        return jax.numpy.asarray(array)
    return array


def reads_output(table: Table, cell: Cell) -> bool:
    """Whether a framework's backward pass of this name reads the output."""
    return cell.mode == "backward" and (cell.function, "backward_from_output") in table


def calls(cell: Cell, inputs: tuple[Array, ...], out: Array | None) -> dict[str, Call]:
    """Ogive's and each peer's call by name, bound to the cell's operands."""
    if cell.output == TENSORS:
        return on_tensors(cell, inputs)
    made = {OGIVE: bound(function_of(cell.function, cell.mode), inputs, out)}
    for framework, table in tables().items():
        if not takes_part(framework, cell):
            continue
        call = table.get((cell.function, cell.mode))
        if cell.kind == "gated":
            call = gated_call(framework, table, cell, catalog.find(cell.function).gate)
        elif call is None and not reads_output(table, cell):
            call = named_on_card(framework, cell)
            if call is not None and not agrees(framework, call, cell, inputs):
                call = None
        if call is None:
            continue
        result = out
        if framework == "torch" and out is not None:
            result = tuple(map(as_tensor, out)) if isinstance(out, tuple) else as_tensor(out)
        made[framework] = bound(call, tuple(seen(framework, a) for a in inputs), result)
    return made


def bound(call: Call, inputs: tuple[Any, ...], out: Any) -> Call:
    return partial(call, *inputs) if out is None else partial(call, *inputs, out=out)
