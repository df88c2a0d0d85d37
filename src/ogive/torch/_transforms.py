"""What transforms of torch.func, forward mode and derivatives of any order ask of a Function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

outside_transforms = torch._C._DisableFuncTorch
"""A context in which new tensors are plain ones, for what does not depend on any input."""


def nested_forward() -> Any:
    """A context for the operations of a Function's ``jvp``, in which torch switches off the forward
    mode of outer transforms as well, whose tangents would be 0 without a word.
    """
    return forward_ad._set_fwd_grad_enabled(True)


def primal(t: Tensor) -> Tensor:
    """A saved tensor without the tangent of the transform that runs; it has those of outer ones."""
    found: Tensor = forward_ad.unpack_dual(t).primal
    return found


def with_memory(t: Tensor) -> Tensor:
    """A tensor that a transform hands on; a ZeroTensor as zeros in memory."""
    if not t._is_zerotensor():
        return t
    return torch.zeros(t.shape, dtype=t.dtype, device=t.device)


def saving(first: int, last: int) -> Any:
    """``setup_context`` of a Function that keeps some of its inputs, tensors, for backward and
    forward mode, and what comes after them in ``ctx.rest``.
    """

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[first:last])
        ctx.save_for_forward(*inputs[first:last])
        ctx.rest = inputs[last:]

    return staticmethod(setup_context)


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


class Beside(Function):
    """A tensor that depends on another, with a derivative of 0: as torch has it where slopes are
    constant, so that one may ask for it.
    """

    @staticmethod
    def forward(t: Tensor, other: Tensor) -> Tensor:
        return t.view_as(t)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.like = inputs[1].shape, inputs[1].dtype, inputs[1].device

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        shape, dtype, device = ctx.like
        return g, torch.zeros((), dtype=dtype, device=device).expand(shape)

    @staticmethod
    def jvp(ctx: Any, t: Any, other: Any) -> Any:
        return t

    @staticmethod
    def vmap(info: Any, dims: Any, t: Tensor, other: Tensor) -> tuple[Tensor, int]:
        t, other = batched(info, dims, t, other)
        return Beside.apply(t, other), 0


def value_alone(
    operator: Callable[..., Tensor], vmap_of: Callable[[Callable[[], Any]], Callable[..., Any]]
) -> Any:
    """An operator's value as a Function that transforms take; `ValueOf` knows its derivatives."""

    class ValueAlone(Function):
        @staticmethod
        def forward(*inputs: Any) -> Tensor:
            return operator(*inputs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.inputs = len(inputs)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            return (None,) * ctx.inputs

    ValueAlone.vmap = staticmethod(vmap_of(lambda: ValueAlone.apply))  # type: ignore[method-assign]
    return ValueAlone


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


def vmap_of_rows(operator: Callable[[], Any]) -> Callable[..., Any]:
    """The vmap rule of an operator of (x, dim, temperature, where); it may not exist yet."""

    def rule(info: Any, dims: Any, x: Tensor, dim: int, t: Any, where: Any, *keep: Any) -> Any:
        x = batch_first(x, dims[0], info.batch_size)
        axes = x.dim() - 1
        dim = dim % max(axes, 1)
        t = along_batch(t, dims[2], max(axes - 1, 0))
        where = along_batch(where, dims[3], axes)
        if axes == 0:  # rows of one element
            where = where.unsqueeze(-1) if isinstance(where, Tensor) else None
            return operator()(x.unsqueeze(1), 1, t, where, *keep).reshape(x.shape), 0
        return operator()(x, dim + 1, t, where, *keep), 0

    return rule


def batch_first(t: Tensor, dim: int | None, size: int) -> Tensor:
    return t.expand(size, *t.shape) if dim is None else t.movedim(dim, 0)


def along_batch(t: Any, dim: int | None, axes: int) -> Any:
    """What broadcasts against tensors of so many axes and the batch before them."""
    if not isinstance(t, Tensor) or dim is None:
        return t
    t = t.movedim(dim, 0)
    return t.reshape(t.shape[0], *(1,) * (axes - t.dim() + 1), *t.shape[1:])
