"""Triton kernels of the catalog, for tensors on a GPU. Importing this package imports Triton.

Every function returns a new tensor whose memory is laid out as torch lays out that of its input.
"""

from __future__ import annotations

import torch

from ogive.catalog import find

from .._formats import FLOATS
from . import draws, elementwise, heads, row_functions, threshold_rows
from .draws import gumbel_softmax
from .elementwise import gated, sampled, unary
from .heads import binary_cross_entropy, cross_entropy, linear_cross_entropy
from .row_functions import FORWARD, FROM_OUTPUT

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "gated",
    "gumbel_softmax",
    "linear_cross_entropy",
    "rows",
    "sampled",
    "supported",
    "unary",
]


def supported(name: str, mode: str, tensor: torch.Tensor) -> bool:
    """Whether there is a kernel for a function's mode and for such a tensor: the one place that
    decides it. Rows lie along the last axis.

    The device is not asked about: on one that Triton does not know, the kernel's launch fails.
    """
    if tensor.dtype not in FLOATS:
        return False
    match find(name).kind:
        case "unary":
            return elementwise.program(name, mode.removeprefix("sampled_")) is not None
        case "gated":
            return mode in ("value", "backward")
        case "rows" if hasattr(draws, name):
            return mode in ("value", "backward")
        case "rows" if name in threshold_rows.POWERS:
            short = tensor.dim() == 0 or tensor.shape[-1] <= row_functions.LONGEST_BLOCK
            return short and mode in ("value", "backward_from_output")
        case "rows":
            have = {"value": FORWARD, "backward_from_output": FROM_OUTPUT}
            return name in have.get(mode, ())
        case _:
            return hasattr(heads, name) and mode in ("value", "value_and_grad")


def rows(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], parameters: tuple[float, ...] = ()
) -> torch.Tensor:
    """A row function's value, or its backward from the output, over the last axis."""
    if not supported(name, mode, tensors[-1]):
        raise NotImplementedError(f"{mode} of {name}")
    of = threshold_rows if name in threshold_rows.POWERS else row_functions
    found: torch.Tensor = of.rows(name, mode, tensors, parameters)
    return found
