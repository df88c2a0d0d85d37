"""A loss of plain tensors of which only the logits learn, as an autograd Function: it keeps its
gradient, or what the kernel makes it from again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ._loss_derivatives import HERE, Derivatives
from ._loss_elements import Options
from ._loss_kernels import Kernels
from ._loss_operators import Operators
from ._route import is_batched, needs_operator

grad_enabled = torch.is_grad_enabled
# torch's own, and private: whether the backward that runs leaves the graph for another.
asked_again: Callable[[], bool] = torch._C._autograd._get_current_graph_task_keep_graph

FEW = 1 << 18
"""Logits whose gradient is kept in any case: it lies in caches, and to run the kernel again would
cost more than torch's backward. Of more, memory is what counts.
"""


NONES = (None,) * 5
"""The gradients of all but the logits."""


def runs_again(kernels: Kernels, z: Tensor, target: Tensor, options: Options) -> bool:
    """Whether backward runs the kernel again, and no gradient is kept for it: where the kernel
    is quick enough to be faster than torch's functions all the same.
    """
    if options["reduction"] == "none":
        return True  # what comes from upstream is hardly 1 for each
    if not kernels.of.card.recomputes or z.numel() <= FEW or z.dtype is torch.float64:
        return False
    return z.dim() > target.dim() and kernels.checked_numbers(options) is kernels.usual_numbers


def eager_function(
    kernels: Kernels, derivatives: Derivatives, operators: Operators
) -> type[Function]:
    """The Function for plain tensors of which only the logits learn."""

    class HeadFunction(Function):
        @staticmethod
        def forward(
            ctx: Any, z: Tensor, target: Tensor, dim: int, options: Options, create_graph: bool,
            few: tuple[Any, Any, Any, Any] | None = None,
        ) -> Tensor:  # fmt: skip
            """``few`` are the options as `run_few` takes them, where it may be tried at once."""
            again = create_graph and runs_again(kernels, z, target, options)
            found = None
            if few is not None:
                weight, how, ignored, between = few
                found = kernels.run_few(z, target, weight, how, ignored, between, not again, None)
            loss, dz = found or kernels.run(z, target, dim, options, not again)
            ctx.dim, ctx.options = dim, options
            if not create_graph:
                ctx.save_for_backward(dz)
                return loss
            weights = [options[name] for name in kernels.of.weights if options[name] is not None]
            if weights:
                ctx.options = {k: HERE if isinstance(v, Tensor) else v for k, v in options.items()}
            ctx.save_for_backward(dz, z, target, *weights)
            return loss

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            dz, *given = ctx.saved_tensors
            # The gradient of the loss itself is dz as it stands, if nobody can ask for it again.
            late = dz is None or grad_enabled() or is_batched(dy) or asked_again()
            if not (late or dy.dim()) and dy.item() == 1:
                return dz, *NONES
            odd = needs_operator(dy)
            further = grad_enabled() or odd or is_batched(dy)
            if not given and grad_enabled():
                raise RuntimeError(
                    f"{kernels.name} was called with create_graph=False and keeps its gradient "
                    "alone: leave that out for a second derivative"
                )
            if not given:
                into = None if further or asked_again() else dz
                return kernels.scaled(dz, dy, ctx.dim, into), *NONES
            # The kernel once more, which rounds once and as an operator does.
            z, target, *weights = given
            dim, options = ctx.dim, ctx.options
            if weights:
                weight = iter(weights)
                options = {k: next(weight) if v is HERE else v for k, v in options.items()}
            if odd:
                dz = operators.pulled_back(dy, z, target, dim, options)
            elif further:
                dz = derivatives.gradient.apply(dy, z, target, 0, dim, *options.values())
            else:
                dz = kernels.run(z, target, dim, options, True, dy)[1]
            return dz, *NONES

    return HeadFunction
