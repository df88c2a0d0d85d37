"""Triton kernels of the catalog, for tensors on a GPU. Importing this package imports Triton.

Every function returns a new tensor whose memory is laid out as torch lays out that of its input.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from ogive.catalog import find

from .._formats import FLOATS
from . import elementwise, row_functions, threshold_rows
from .draws import gumbel_softmax
from .elementwise import gated, sampled, unary
from .focal_losses import focal, sigmoid_focal
from .heads import binary_cross_entropy, cross_entropy, linear_cross_entropy
from .sparsemax_losses import sparsemax_loss

__all__ = [
    "KERNELS",
    "binary_cross_entropy",
    "cross_entropy",
    "focal",
    "gated",
    "gumbel_softmax",
    "linear_cross_entropy",
    "rows",
    "sampled",
    "sigmoid_focal",
    "sparsemax_loss",
    "supported",
    "taken",
    "unary",
]

KERNELS: dict[str, Callable[..., Any]] = {
    kernel.__name__: kernel
    for kernel in (
        binary_cross_entropy,
        cross_entropy,
        focal,
        gumbel_softmax,
        linear_cross_entropy,
        sigmoid_focal,
        sparsemax_loss,
    )
}
"""Losses and random rows, each with a kernel of its own."""


def supported(
    name: str, mode: str, tensor: torch.Tensor, options: Mapping[str, Any] | None = None
) -> bool:
    """Whether there is a kernel for a function's mode and for such a tensor: the one place that
    decides it. Rows lie along the last axis. Of a loss's `options`, those that its kernel does not
    take must be the usual ones.

    The device is not asked about: on one that Triton does not know, the kernel's launch fails.
    """
    if tensor.dtype not in FLOATS:
        return False
    match find(name).kind:
        case "unary":
            return elementwise.program(name, mode) is not None
        case "gated":
            return mode in ("value", "backward")
        case "rows":
            from_output = find(name).pull_back is not None
            return mode in ("value", "backward") or (from_output and mode == "backward_from_output")
        case _:
            there_is_one = name in KERNELS and mode in ("value", "value_and_grad")
            return there_is_one and are_usual(name, options or {})


def are_usual(name: str, options: Mapping[str, Any]) -> bool:
    """Whether the options that a loss's kernel does not take have their defaults, but for the
    reduction, which is not the kernel's.
    """
    beyond = options.keys() - options_of(name)
    return all(
        options[p.name] is p.default
        or (not isinstance(options[p.name], torch.Tensor) and options[p.name] == p.default)
        for p in find(name).parameters
        if p.name in beyond and p.role != "reduction"
    )


def taken(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options of a loss that its kernel takes."""
    return {each: value for each, value in options.items() if each in options_of(name)}


@cache
def options_of(name: str) -> frozenset[str]:
    """What the kernel takes; of one that makes logits in chunks, also what that of those takes."""
    own, logits = frozenset(inspect.signature(KERNELS[name]).parameters), find(name).loss_of
    return own | options_of(logits) if logits else own


def rows(
    name: str,
    mode: str,
    tensors: tuple[torch.Tensor, ...],
    parameters: tuple[float, ...] = (),
    keep: torch.Tensor | None = None,
) -> torch.Tensor:
    """A row function's value or backward, over the last axis, of the elements that a mask keeps."""
    if name in KERNELS or not supported(name, mode, tensors[-1]):
        raise NotImplementedError(f"{mode} of {name}")
    of = threshold_rows if name in threshold_rows.POWERS else row_functions
    found: torch.Tensor = of.rows(name, mode, tensors, parameters, keep)
    return found
