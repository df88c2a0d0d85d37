"""Numbers of a call as kernels take them: Triton would make a float32 of a Python float."""

from __future__ import annotations

import math
import struct

import torch


def bits(value: float) -> int:
    """A float64 as an integer."""
    found: int = struct.unpack("q", struct.pack("d", float(value)))[0]
    return found


def pair_bits(value: float) -> int:
    """A number within the range of float32 as the bits of a pair of floats, the high one above."""
    high = struct.unpack("f", struct.pack("f", value))[0]
    low = value - high if math.isfinite(value) else 0.0
    found: int = struct.unpack("<q", struct.pack("<ff", low, high))[0]
    return found


def number_of(value: float) -> list[int]:
    """A number as the bits of a pair and an exponent, for which it need not be within a range."""
    value = float(value)
    exponent = math.frexp(value)[1] if math.isfinite(value) else 0
    e = exponent & -2  # the root of a number is wanted, too
    return [pair_bits(math.ldexp(value, -e)), e]


def halves(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A tensor of float64 as two of float32."""
    high = t.to(torch.float32)
    low = (t - high).to(torch.float32)
    return high, torch.where(high.isfinite(), low, 0.0)


def repeated(t: torch.Tensor, axes: int) -> tuple[torch.Tensor, int, int]:
    """A tensor that is broadcast along some of its first axes, as it is read without the copies:
    of its items there, number i in C order is item (i // inner) % count of a dense tensor.
    """
    sizes = t.shape[:axes]
    varying = [k for k in range(axes) if t.stride(k) != 0 and sizes[k] > 1]
    if not t.numel():
        return t.contiguous(), 1, 1
    if not varying:
        return t[(0,) * axes].contiguous(), 1, 1
    first, last = varying[0], varying[-1]
    within = range(first, last + 1)
    if any(sizes[k] > 1 and k not in varying for k in within):  # broadcast in between
        return t.contiguous(), 1, sizes.numel()
    items = t[tuple(slice(None) if k in within else 0 for k in range(axes))]
    return items.contiguous(), sizes[last + 1 :].numel(), sizes[first : last + 1].numel()
