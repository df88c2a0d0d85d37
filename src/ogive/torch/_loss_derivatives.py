"""Derivatives of losses, of any order: the kernel's gradient, and the formula's of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter
from torch.autograd import Function, forward_ad

from . import _formulas
from ._loss_formula import Formula
from ._loss_kernels import Kernels
from ._route import densely
from ._transforms import batched, with_memory

transforms_active = torch._C._are_functorch_transforms_active
unwrapped = torch._C._functorch._unwrap_for_grad


class Derivatives:
    """Those of one loss. `given` is (logits, target, samples, dim, *options) throughout."""

    def __init__(self, kernels: Kernels, formula: Formula):
        self.kernels, self.formula, self.options = kernels, formula, tuple(formula.of.options)
        self.loss, self.gradient = transformed(self)

    def pull_back(
        self, dy: Tensor, given: Sequence[Any], needs: Sequence[bool], gradient: Callable[..., Any]
    ) -> list[Any]:
        """What dy pulls back to: to the logits by the kernel, to other tensors by the formula."""
        found: list[Any] = [None] * len(given)
        if needs[0]:
            found[0] = gradient(dy, *given)
        learned = [k for k in range(1, len(given)) if needs[k]]
        if learned:
            loss, xs = self.some_of_loss(given, learned)
            for k, dx in zip(learned, pulled_back(loss, xs, dy), strict=True):
                found[k] = dx
        return found

    def some_of_loss(
        self, given: Sequence[Any], which: Sequence[int]
    ) -> tuple[Callable[..., Tensor], list[Tensor]]:
        """The formula as a function of some of its operands, and those."""

        def loss(*xs: Tensor) -> Tensor:
            z, target, samples, dim, *values = substituted(given, which, xs)
            options = dict(zip(self.options, values, strict=True))
            tensors = [value for value in values if isinstance(value, Tensor)]
            return self.formula.batched(samples, dim, options)(z, target, *tensors)

        return loss, [given[k] for k in which]

    def some_of_gradient(
        self, given: Sequence[Any], which: Sequence[int]
    ) -> tuple[Callable[..., Tensor], list[Tensor]]:
        """The gradient by the formula as a function of some of (dy, *operands), and those."""

        def gradient(*xs: Tensor) -> Tensor:
            dy, *operands = substituted(given, which, xs)
            loss, (z,) = self.some_of_loss(operands, [0])
            dz: Tensor = pulled_back(loss, [z], dy)[0]
            return dz

        return gradient, [given[k] for k in which]

    def pull_back_further(
        self, g: Tensor, given: Sequence[Any], needs: Sequence[bool]
    ) -> list[Any]:
        """What pulls back through the gradient."""
        found: list[Any] = [None] * len(given)
        which = [k for k in range(len(given)) if needs[k]]
        gradient, xs = self.some_of_gradient(given, which)
        for k, dx in zip(which, pulled_back(gradient, xs, g), strict=True):
            found[k] = dx
        return found

    def shape_of(self, shape: Sequence[int], dim: int, reduction: str) -> list[int]:
        """The shape of the loss."""
        if reduction != "none":
            return []
        dim %= max(len(shape), 1)
        over_rows = self.kernels.over_rows
        return [n for axis, n in enumerate(shape) if axis != dim or not over_rows]


def nested(jvp: Callable[..., Any]) -> Callable[..., Any]:
    """A forward derivative of what was kept, through which outer transforms go. Torch turns forward
    mode off in a ``jvp``, and theirs would be 0 without a word; so it runs a level below its own.
    """

    def through(ctx: Any, *along: Any) -> Any:
        given: Sequence[Any] = kept_by(ctx)
        directions: Sequence[Any] = along
        if not transforms_active():
            return jvp(given, directions)
        transform = retrieve_current_functorch_interpreter()
        level = transform.level()
        given, directions = (
            [unwrapped(t, level) if isinstance(t, Tensor) else t for t in each]
            for each in (given, directions)
        )
        with torch.enable_grad(), forward_ad._set_fwd_grad_enabled(True), transform.lower():
            found = jvp(given, directions)
        return torch._C._functorch._wrap_for_grad(found, level)

    return through


def transformed(of: Derivatives) -> tuple[Any, Any]:
    """The loss and its gradient as Functions that every transform of torch.func goes through, and
    whose derivatives have derivatives.
    """
    names = of.options

    class Loss(Function):
        @staticmethod
        def forward(z: Tensor, target: Tensor, samples: int, dim: int, *values: Any) -> Tensor:
            options = dict(zip(names, values, strict=True))
            z, target = map(with_memory, (z, target))
            return of.kernels.run(z, target, dim, options, False, None, samples)[0]

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            keep(ctx, inputs, forward=True)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            given = kept_by(ctx)
            return (*of.pull_back(densely(dy), given, ctx.needs_input_grad, Gradient.apply),)

        @staticmethod
        @nested
        def jvp(given: Any, along: Any) -> Tensor | None:
            z, _, samples, dim, *values = given
            reduction = dict(zip(names, values, strict=True))["reduction"]
            shape = (*z.shape[:samples], *of.shape_of(z.shape[samples:], dim, reduction))
            found: Tensor | None = None
            if along[0] is not None:
                slopes = Gradient.apply(z.new_ones(shape), *given)
                each = _formulas.wide(slopes) * _formulas.wide(along[0])
                if reduction != "none":
                    each = each.reshape(*shape, -1).sum(-1)
                elif of.kernels.over_rows:
                    each = each.sum(samples + dim)
                found = each.to(z.dtype)
            which = [k for k, tangent in enumerate(along) if k and tangent is not None]
            if which:
                loss, xs = of.some_of_loss(given, which)
                more = pushed_on(loss, xs, [along[k] for k in which], z.new_zeros(shape))
                found = more if found is None else found + more
            return found

        @staticmethod
        def vmap(info: Any, dims: Any, *given: Any) -> tuple[Tensor, int]:
            z, target, samples, *rest = batched(info, dims, *given)
            return Loss.apply(z, target, samples + 1, *rest), 0

    class Gradient(Function):
        @staticmethod
        def forward(
            dy: Tensor, z: Tensor, target: Tensor, samples: int, dim: int, *values: Any
        ) -> Tensor:
            options = dict(zip(names, values, strict=True))
            dy, z, target = map(with_memory, (dy, z, target))
            dz = of.kernels.run(z, target, dim, options, True, dy, samples)[1]
            assert dz is not None
            return dz

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            keep(ctx, inputs, forward=True)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return (*of.pull_back_further(g, kept_by(ctx), ctx.needs_input_grad),)

        @staticmethod
        @nested
        def jvp(given: Any, along: Any) -> Tensor:
            which = [k for k, tangent in enumerate(along) if tangent is not None]
            gradient, xs = of.some_of_gradient(given, which)
            return pushed_on(gradient, xs, [along[k] for k in which], torch.zeros_like(given[1]))

        @staticmethod
        def vmap(info: Any, dims: Any, *given: Any) -> tuple[Tensor, int]:
            dy, z, target, samples, *rest = batched(info, dims, *given)
            return Gradient.apply(dy, z, target, samples + 1, *rest), 0

    return Loss, Gradient


HERE = object()
"""Where a tensor was, which autograd keeps."""


def keep(ctx: Any, inputs: Sequence[Any], forward: bool = False) -> None:
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    ctx.save_for_backward(*tensors)
    if forward:
        ctx.save_for_forward(*tensors)
    ctx.given = tuple(HERE if isinstance(value, Tensor) else value for value in inputs)


def kept_by(ctx: Any) -> list[Any]:
    # `torch.func.vjp` returns a function that is called after the transform has ended. The saved
    # tensors then record nothing, but the tensors they wrap do.
    tensors = iter(map(torch._C._functorch.unwrap_if_dead, ctx.saved_tensors))
    return [next(tensors) if value is HERE else value for value in ctx.given]


def substituted(given: Sequence[Any], which: Sequence[int], xs: Sequence[Tensor]) -> list[Any]:
    found = list(given)
    for k, x in zip(which, xs, strict=True):
        found[k] = x
    return found


def pulled_back(f: Callable[..., Any], xs: Sequence[Tensor], dy: Any) -> Sequence[Tensor]:
    """What dy pulls back to through f, by torch's own derivatives, which have derivatives."""
    if transforms_active():
        return torch.func.vjp(f, *xs)[1](dy)  # type: ignore[no-any-return]
    further = torch.is_grad_enabled()
    with torch.enable_grad():
        # A view has none of the hooks of x.
        xs = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in xs]
        return torch.autograd.grad(f(*xs), xs, dy, create_graph=further, materialize_grads=True)


def pushed_on(
    f: Callable[..., Tensor], xs: Sequence[Tensor], along: Sequence[Tensor], nothing: Tensor
) -> Tensor:
    """The derivative of f along a direction: what its pull-back, linear in dy, pulls back itself.
    Dual numbers do not nest. `nothing` is a zero of f's result.
    """
    return pulled_back(lambda dy: tuple(pulled_back(f, xs, dy)), [nothing], tuple(along))[0]
