"""Targets and weights of losses, element by element: checked as NumPy's, in the form that kernels
take. Tensors are looked at by torch, on all its threads; what is refused, the shared checks say.
And losses, summed and rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import _native
from ..calls import checks
from ..calls.checks import Reduction
from ..calls.formats import BFLOAT16
from ..calls.losses import CHUNK, DOUBLE
from ..calls.losses import reduced as losses_reduced
from . import _launch
from ._formats import HALVES, NUMBER_OF
from ._route import is_plain, kind_of

Options = dict[str, Any]
"""The options of a call by name, the reduction among them."""
INTEGERS = frozenset((
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool, torch.uint16,
    torch.uint32, torch.uint64,
))  # fmt: skip
LONGS = range(-(1 << 63), 1 << 63)
ONE_NUMBER = {dtype: torch.empty((), dtype=dtype, device="cpu") for dtype in NUMBER_OF}
"""Of each format; to make another like it takes half the time of making one."""
SUMMED = _launch.handle_of("summed", "value")
NARROWED = _launch.handle_of("narrowed", "value")


def as_array(t: Tensor) -> Any:
    """A CPU tensor's memory as an array."""
    t = t.detach().resolve_neg()
    if not is_plain(t):
        raise RuntimeError(f"a {kind_of(t)} tensor has no memory that can be read")
    if t.dtype == torch.bfloat16:
        if BFLOAT16 is None:
            raise RuntimeError("losses of bfloat16 logits need ml_dtypes: pip install ml_dtypes")
        return t.view(torch.int16).numpy().view(BFLOAT16)
    return t.numpy()


def as_tensor(array: Any) -> Tensor:
    array = np.asarray(array)
    if array.dtype == BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


class TensorElements:
    """Tensors, as `calls.losses.Elements`. Labels and weights become arrays, probabilities stay."""

    @staticmethod
    def weights(name: str, values: Tensor) -> Any:
        values = values.float() if values.dtype is torch.bfloat16 else values
        return checks.checked_weights(name, as_array(values))

    @staticmethod
    def labels(target: Tensor, classes: int, ignore_index: int | None) -> Any:
        """In memory of their own."""
        target = target.resolve_neg()
        if target.dtype is not torch.uint64 and (ignore_index is None or ignore_index in LONGS):
            wide = target.long().contiguous()
            labels = torch.empty_like(wide)
            at = _launch.address(wide), wide.numel(), classes, ignore_index, labels.data_ptr()
            if _native.raw_labels(*at) >= 0:
                return labels.numpy()
        # The shared check says what is wrong.
        return np.array(checks.checked_labels(target.numpy(), classes, ignore_index))

    @staticmethod
    def probabilities(target: Tensor, dtype: torch.dtype, most: float) -> Tensor:
        given = target if target.is_floating_point() else target.to(dtype)
        if target.numel() and not target.is_complex():
            low, high = (t.item() for t in torch.aminmax(given))
            if low >= 0 and high <= most and high < math.inf:
                cast = given.to(dtype)
                if given.dtype is torch.float64 and dtype in HALVES:
                    cast = narrowed(given, dtype)  # rounded once
                if given.dtype is dtype or not cast.isinf().any():
                    return cast
        if dtype is torch.bfloat16 and BFLOAT16 is None:
            dtype = torch.float32
        given = target.float() if target.dtype is torch.bfloat16 else target
        form = as_array(torch.empty(0, dtype=dtype)).dtype
        return as_tensor(checks.checked_probabilities(as_array(given), form, most)).to(dtype)


TENSORS = TensorElements()


def narrowed(values: Tensor, dtype: torch.dtype) -> Tensor:
    """float64 to any format, rounded once."""
    values = values.contiguous()
    out = torch.empty(values.shape, dtype=dtype)
    _native.raw_flat(NARROWED, NUMBER_OF[dtype], out.numel(), (values.data_ptr(),), out.data_ptr())
    return out


def reduced(
    losses: Tensor, how: Reduction, total: Any, dtype: torch.dtype, samples: int = 0
) -> Tensor:
    """`calls.losses.reduced` of a tensor of float64."""
    if how == "none":
        return narrowed(losses, dtype)
    if not samples and 0 < losses.numel() <= CHUNK:
        loss = sum_at(losses.data_ptr(), losses.numel(), total, dtype)
        if loss is not None:
            return loss
    found = losses_reduced(losses.numpy(), how, total, DOUBLE, samples)
    return narrowed(torch.as_tensor(found), dtype)


def sum_at(address: int, count: int, total: float, dtype: torch.dtype) -> Tensor | None:
    """The sum, over the total, of dense losses of float64; None where it leaves the range, and may
    not if it is made another way.
    """
    loss = torch.empty_like(ONE_NUMBER[dtype])
    _native.raw_rows(SUMMED, NUMBER_OF[dtype], 1, count, (address,), total, loss.data_ptr())
    return None if dtype is torch.float64 and not math.isfinite(loss.item()) else loss


def across(by: Tensor, shape: Sequence[int]) -> Tensor:
    """What each sample or row has, for all that it is of."""
    return by.reshape(*by.shape, *(1,) * (len(shape) - by.dim())).expand(shape)


def fitted(weight: Any, shape: Sequence[int], samples: int) -> Tensor:
    """The weights of each sample broadcast to its elements."""
    gap = (1,) * (len(shape) - weight.ndim)
    own = torch.from_numpy(weight)
    return own.reshape((*weight.shape[:samples], *gap, *weight.shape[samples:])).expand(shape)
