"""autograd Functions for plain tensors: each runs a kernel, and keeps the least that is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ._route import _function_mode, has_plain_keys, unseen

_grad_enabled = torch.is_grad_enabled


def needs_graph(dy: Tensor) -> bool:
    """Whether backward must be made of operations that autograd records, or that what wraps dy can
    follow; else the kernel reads its memory. The one place where eager Functions decide it.
    """
    return _grad_enabled() or not has_plain_keys(dy)


def applier(function: type[Function]) -> Callable[..., Any]:
    """``function.apply`` without its look for transforms, which `route` has made already.

    The node of the graph likewise calls ``backward`` itself, not by way of torch's wrapper, which
    looks for a ``vjp`` first: a microsecond each. As with torch's functions, no mode sees it.
    """
    node, backward = getattr(function, "_backward_cls", None), function.backward
    if node is not None:

        def pulled_back(ctx: Any, *dys: Any) -> Any:
            if _function_mode():
                with unseen():
                    return backward(ctx, *dys)
            return backward(ctx, *dys)

        node.apply = pulled_back
    apply: Callable[..., Any] = super(Function, function).apply  # type: ignore[misc]
    return apply


def eager(
    forward: Callable[..., Tensor],
    by_kernel: Callable[..., Any],
    by_graph: Callable[..., Any],
    *,
    others: int = 0,
) -> Callable[..., Any]:
    """``apply`` of an old-style Function: one with ``setup_context`` costs 10 us more per call.

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
