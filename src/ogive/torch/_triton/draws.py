"""Random numbers from a seed and an element's index: those of kernels/math/philox.hpp, on a GPU."""

# mypy: ignore-errors
from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from . import pairs, row_functions, seam, wide
from .numbers import bits, pair_bits
from .seam import library
from .storage import widen

BLOCK = seam.scale(1024, 1 << 16)


@triton.jit
def word_of(seed, index):
    """Word `index` of the seed's stream; four words make a block."""
    block = index >> 2
    low = (block & 0xFFFFFFFF).to(tl.uint32)
    high = (block >> 32).to(tl.uint32)
    zero = low ^ low
    w0, w1, w2, w3 = tl.philox(seed, low, high, zero, zero)
    even = tl.where((index & 2) == 0, w0, w2)
    odd = tl.where((index & 2) == 0, w1, w3)
    return tl.where((index & 1) == 0, even, odd)


@triton.jit
def uniform(seed, index):
    """In (0, 1), in double: half a step above the word over 2^32."""
    return (word_of(seed, index).to(tl.int64).to(tl.float64) + 0.5) * tl.full(
        (), 2.0**-32, tl.float64
    )


@triton.jit
def between(seed, index, low, high):
    """Uniform between two numbers that come as their bits."""
    start, end = wide.parameter(low, True)[0], wide.parameter(high, True)[0]
    return tl.fma(uniform(seed, index), end - start, start)


@triton.jit
def uniform_pair(seed, index):
    """The same as a pair of floats."""
    word = word_of(seed, index)
    high = (word >> 8).to(tl.int32).to(tl.float32) * 2.0**-24
    low = ((word & 0xFF).to(tl.int32).to(tl.float32) + 0.5) * 2.0**-32
    return pairs.quick_sum(high, low)


@triton.jit
def between_pairs(seed, index, start, width):
    """The same as a pair of floats, from pairs."""
    share = pairs.mul(uniform_pair(seed, index), pairs.from_bits(width))
    return pairs.add(share, pairs.from_bits(start))


@triton.jit(do_not_specialize=["seed"])
def noisy_kernel(x_, z_, low_, seed: tl.int64, n, BLOCK: tl.constexpr):
    """x with Gumbel noise: in double, or a pair of floats."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = widen(tl.load(x_ + at, mask=at < n, other=0.0))
    if x.dtype == tl.float64:
        noise = -library.log(-library.log(uniform(seed, at)))
        tl.store(z_ + at, x + noise, mask=at < n)
    else:
        noise = pairs.neg(pairs.log(pairs.neg(pairs.log(uniform_pair(seed, at)))))
        z = wide.add((x,), noise)
        tl.store(z_ + at, z[0], mask=at < n)
        tl.store(low_ + at, z[1], mask=at < n)


def gumbel_softmax(
    x: torch.Tensor, temperature: float, hard: bool, seed: int, dy: torch.Tensor | None = None
) -> torch.Tensor:
    """The value over the last axis, or dx. The noisy logits are held wide meanwhile."""
    x, full = x.contiguous(), x.dtype == torch.float64
    if x.numel() == 0:
        return torch.empty_like(x)
    z = torch.empty_like(x, dtype=torch.float64 if full else torch.float32)
    low = None if full else torch.empty_like(z)
    noisy_kernel[(triton.cdiv(x.numel(), BLOCK),)](
        x, z, z if low is None else low, seed, x.numel(), BLOCK=BLOCK, enable_fp_fusion=False
    )
    if dy is not None:
        return row_functions.softmax_backward_of(dy.contiguous(), z, low, temperature, x.dtype)
    y = row_functions.softmax_of(z, low, temperature, x.dtype)
    if hard:
        whole = z if low is None else z.double() + low
        best = whole.argmax(-1, keepdim=True)
        y = torch.where(y.isnan(), y, torch.zeros_like(y).scatter_(-1, best, 1.0))
    return y


def slope_arguments(seed: int, low: float, high: float, in_pairs: bool) -> list[Any]:
    if in_pairs:
        return [seed, pair_bits(low), pair_bits(high - low)]
    return [seed, bits(low), bits(high)]
