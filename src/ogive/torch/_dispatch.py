"""Which way a call goes, and what all ways share.

An old-style autograd.Function around the raw kernel (4 us); a Function with ``setup_context``,
``jvp`` and ``vmap`` where torch.func or forward-mode derivatives ask for it (15 us); a registered
operator for whatever traces or wraps tensors: compile, export, fake tensors, subclasses, other
devices. It is opaque to a compiler on purpose. Inductor would fuse torch's own formula into its
neighbours, and lose with it the tails and the bits that a model is given Ogive for.

Where both meet, a transform inside what is compiled, neither will do: an operator has no rule for
forward mode, and gives a tangent of 0 without a word. There torch's formula goes in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.nn import Parameter

KERNELS, TRANSFORMS, OPERATOR, FORMULA = range(4)

_compiling = torch.compiler.is_compiling
_PLAIN = frozenset((Tensor, Parameter))
# These checks are torch's own, and private; tests/test_torch_autograd.py watches what they decide.
_transforms_active = torch._C._are_functorch_transforms_active
_torch_modes = torch._C._len_torch_dispatch_stack
_function_mode = torch._C._is_torch_function_mode_enabled
is_batched_gradient = torch._C._functorch.is_legacy_batchedtensor
"""Whether a gradient is one of ``is_grads_batched``, which no transform of torch.func announces.

Operators take it, a call for each sample; a Function would lose what autograd records of it.
"""


def is_batched(t: Tensor) -> bool:
    """Whether it stands for a batch of tensors, and has no memory that a kernel could read."""
    return is_batched_gradient(t) or _transforms_active()


outside_transforms = torch._C._DisableFuncTorch
"""A context in which new tensors are plain ones, for what does not depend on any input."""


def route(x: Tensor) -> int:
    """Which of the ways a call on x goes."""
    transformed = _transforms_active() or forward_ad._current_level >= 0
    if _compiling():
        return FORMULA if transformed else OPERATOR
    if transformed:
        return TRANSFORMS if x.device.type == "cpu" and not _torch_modes() else FORMULA
    if type(x) not in _PLAIN or not x.is_cpu or _torch_modes() or _function_mode():
        return OPERATOR
    return KERNELS


def at_hand(t: Any) -> bool:
    """Whether it is a plain tensor of the CPU, beside another for which `route` says KERNELS."""
    return type(t) in _PLAIN and t.is_cpu


def route_of(*tensors: Tensor) -> int:
    """The way for several tensors: the most general that one of them needs."""
    return max(map(route, tensors))


def applier(function: type[Function]) -> Callable[..., Any]:
    """``function.apply`` without its look for transforms, which `route` has made already.

    The node of the graph likewise calls ``backward`` itself, not by way of torch's wrapper, which
    looks for a ``vjp`` first: a microsecond each.
    """
    node = getattr(function, "_backward_cls", None)
    if node is not None:
        node.apply = function.backward
    apply: Callable[..., Any] = super(Function, function).apply  # type: ignore[misc]
    return apply


class ValueOf(Function):
    """The first tensor's value with the second's derivatives, of any order and in any mode.

    A kernel says what the value is; the formula beside it, in torch's operations, how it changes.
    """

    @staticmethod
    def forward(value: Tensor, carrier: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.dtype = inputs[1].dtype

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor]:
        return None, g.to(ctx.dtype)

    @staticmethod
    def jvp(ctx: Any, value: Any, carrier: Tensor) -> Tensor:
        return carrier

    @staticmethod
    def vmap(info: Any, dims: Any, value: Tensor, carrier: Tensor) -> tuple[Tensor, int]:
        value, carrier = batched(info, dims, value, carrier)
        return ValueOf.apply(value, carrier), 0


def batched(info: Any, dims: Any, *tensors: Any) -> list[Any]:
    """The tensors with their batch first, all of them having it; what is no tensor as it is."""
    return [
        t if not isinstance(t, Tensor)
        else t.expand(info.batch_size, *t.shape) if dim is None
        else t.movedim(dim, 0)
        for t, dim in zip(tensors, dims, strict=True)
    ]  # fmt: skip


def elementwise_vmap(call: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """The vmap rule of a Function or an operator that treats each element alone; `call` gives what
    is called, which may not exist yet.
    """

    def rule(info: Any, dims: Any, *args: Any) -> tuple[Any, Any]:
        found = call()(*batched(info, dims, *args))
        return found, tuple(0 for _ in found) if isinstance(found, tuple) else 0

    return rule


_warned: set[tuple[str, str]] = set()


def warn_once(key: tuple[str, str], text: str) -> None:
    """A warning about what a call was given; the key says which calls are the same."""
    if key not in _warned and not _compiling():
        _warned.add(key)
        warnings.warn(text, UserWarning, stacklevel=4)


def warn_of_fallback(name: str, device: torch.device) -> None:
    """Once for each function and kind of device."""
    if (name, device.type) not in _warned:
        _warned.add((name, device.type))
        warnings.warn(
            f"ogive.torch.{name} has no kernel for {device.type} tensors: torch's own formula is "
            "used there, with its accuracy",
            RuntimeWarning,
            stacklevel=3,
        )


def floating(x: Any, name: str) -> Tensor:
    """x as floating-point numbers: integers and bool become the default dtype."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a Tensor, not {type(x).__name__}")
    if x.is_complex():
        raise RuntimeError(
            f"{name} is a function of real numbers, not of {x.dtype}; take x.real, x.imag or "
            "x.abs()"
        )
    if x.layout is not torch.strided:
        raise RuntimeError(f"{name} takes dense tensors, not {x.layout}")
    if not x.is_floating_point():
        return x.to(torch.get_default_dtype())
    if x.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise RuntimeError(f"{name} takes float16, bfloat16, float32 or float64, not {x.dtype}")
    return x


def as_number(value: Any, parameter: str) -> float:
    """A parameter that must be one number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        shown = value
        if isinstance(value, Tensor):
            shown = f"a tensor of shape {tuple(value.shape)}"
        raise TypeError(f"{parameter} must be one number, not {shown!r}") from None


def check_devices(name: str, **tensors: Any) -> None:
    """Refuses tensors on different devices, of which kernels would read other memory."""
    (first, where), *rest = ((n, t.device) for n, t in tensors.items() if isinstance(t, Tensor))
    for other, device in rest:
        if device != where:
            raise RuntimeError(
                f"{name}: {first} and {other} are on different devices, {where} and {device}"
            )


def checked_dim(dim: Any, x: Tensor, name: str) -> int:
    if not isinstance(dim, int):
        raise TypeError(f"{name}: dim must be an integer, not {dim!r}")
    axes = max(x.dim(), 1)
    if not -axes <= dim < axes:
        raise IndexError(
            f"{name}: dim = {dim} is out of range for x of shape {tuple(x.shape)}: it must be in "
            f"[{-axes}, {axes - 1}]"
        )
    return dim % axes
