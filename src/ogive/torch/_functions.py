"""autograd Functions for plain tensors: each runs a kernel, and keeps the least that is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ._launch import at_once
from ._route import _ODD_KEYS, PLAIN, _function_mode, _keys, unseen

_grad_enabled = torch.is_grad_enabled


def needs_graph(dy: Tensor) -> bool:
    """Whether backward must consist of operations, because autograd records them or because dy is
    wrapped; otherwise the kernel reads dy's memory. It decides for elementwise functions and rows;
    a loss that may have kept its gradient asks more (`_loss_eager`, `_linear`).
    """
    return _grad_enabled() or type(dy) not in PLAIN or _keys(dy).raw_repr() & _ODD_KEYS != 0


def pulled_at_once(name: str, mode: str, *numbers: float) -> Callable[..., Any]:
    """A kernel that pulls dy back, where `needs_graph` says no and all is plain; else None."""
    return at_once(name, mode, *numbers, unless=(_grad_enabled,))


def applier(function: type[Function], sees_modes: bool = False) -> Callable[..., Any]:
    """``function.apply`` without its look for transforms, which `route` has made already.

    The node of the graph likewise calls ``backward`` itself, not by way of torch's wrapper, which
    looks for a ``vjp`` first: a microsecond each. As with torch's functions, no mode sees it;
    ``sees_modes`` says that ``backward`` takes care of that itself.
    """
    node, backward = getattr(function, "_backward_cls", None), function.backward
    if node is not None:

        def pulled_back(ctx: Any, *dys: Any) -> Any:
            if _function_mode():
                with unseen():
                    return backward(ctx, *dys)
            return backward(ctx, *dys)

        node.apply = backward if sees_modes else pulled_back
    apply: Callable[..., Any] = super(Function, function).apply  # type: ignore[misc]
    return apply


def eager(
    forward: Callable[..., Tensor],
    by_kernel: Callable[..., Any],
    by_graph: Callable[..., Any],
    *,
    quick: Callable[..., Any] | None = None,
    others: int = 0,
) -> Callable[..., Any]:
    """``apply`` of an old-style Function: one with ``setup_context`` costs 10 us more per call.

    ``forward(ctx, *inputs)`` saves what backward needs; ``by_kernel(ctx, dy, *saved)`` and
    ``by_graph(ctx, dy, *saved)`` give the gradients of the first inputs, the latter with
    derivatives of its own and whatever wraps dy. ``quick(dy, *saved)`` is the same kernel for
    most calls, `pulled_at_once`. The last ``others`` inputs have no gradient.
    """
    nones = (None,) * others

    def backward(ctx: Any, dy: Tensor) -> Any:
        if _function_mode():
            with unseen():
                return backward(ctx, dy)
        saved = ctx.saved_tensors
        found = None if quick is None else quick(dy, *saved)
        if found is None:
            found = (by_graph if needs_graph(dy) else by_kernel)(ctx, dy, *saved)
        return (found, *nones) if nones else found

    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return applier(type("Eager", (Function,), body), sees_modes=True)
