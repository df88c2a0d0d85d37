"""autograd Functions for plain tensors: each runs a kernel, and keeps the least that is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.autograd import Function

from ._dispatch import applier, needs_graph


def eager(
    forward: Callable[..., Tensor],
    by_kernel: Callable[..., Any],
    by_graph: Callable[..., Any],
    *,
    others: int = 0,
) -> Callable[..., Any]:
    """``apply`` of a Function of the old style: one with ``setup_context`` costs 10 us a call more.

    ``forward(ctx, *inputs)`` saves what backward needs; ``by_kernel(ctx, dy, *saved)`` and
    ``by_graph(ctx, dy, *saved)`` give the gradients of the first inputs, the latter with
    derivatives of its own and whatever wraps dy. The last ``others`` inputs have none.
    """
    nones = (None,) * others
    value = forward

    class Eager(Function):
        forward = staticmethod(value)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            pull_back = by_graph if needs_graph(dy) else by_kernel
            found = pull_back(ctx, dy, *ctx.saved_tensors)
            return (found, *nones) if nones else found

    return applier(Eager)
