"""Sparsemax and entmax15 over rows that one program holds: forward, and backward from the output.

With d the distances from the greatest element over the temperature, at most 0, sparsemax is
max(d - tau, 0) and entmax15 max(d/2 - tau, 0)^2, tau such that they sum to 1. That sum falls with
tau, is convex, and at least 1 at tau = -1: Newton's steps from there rise to the root and never
pass it. For sparsemax they end at it, after so many; for entmax15 the root over the support they
end with is a quadratic's, and an element so near to tau that rounding moves it in or out counts
next to nothing. No element is sorted.
"""

# mypy: ignore-errors
from __future__ import annotations

import torch
import triton
import triton.language as tl

from .row_functions import bits, blocks, stored
from .row_math import distances, greatest, number, parameter
from .storage import widen

POWERS = {"sparsemax": 1, "entmax15": 2}
MOST_STEPS = tl.constexpr(100)


@triton.jit
def forward_kernel(x_, y_, n, inverse_: tl.int64, BLOCK: tl.constexpr, POWER: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    x = widen(tl.load(x_ + row * n + at, mask=at < n, other=float("-inf")))
    most, place = greatest(x, at)
    d = distances(x, at, most, place, parameter(inverse_))
    # A NaN anywhere, several +inf or nothing but -inf: no distance to speak of.
    undefined = tl.sum((d != d).to(tl.int32), axis=0) > 0
    undefined = undefined | (most == float("-inf"))
    d = tl.where(d == d, d, float("-inf")) * (1.0 if POWER == 1 else 0.5)
    tau = number(-1.0)
    before = number(-2.0)
    steps = 0
    while (tau > before) & (steps < MOST_STEPS):
        before = tau
        over = tl.where(d > tau, d - tau, 0.0)
        if POWER == 1:
            count = tl.sum((d > tau).to(tl.float64), axis=0)
            tau = (tl.sum(tl.where(d > tau, d, 0.0), axis=0) - 1.0) / count
        else:
            excess = tl.sum(over * over, axis=0) - 1.0
            tau = tau + excess / (2.0 * tl.sum(over, axis=0))
        steps += 1
    over = tl.where(d > before, d - before, 0.0)
    if POWER == 1:
        y = tl.where(d > tau, d - tau, 0.0)
    else:
        # The root of count t^2 - 2 sum t + sum of squares - 1 as a step from where Newton ended.
        count = tl.sum((d > before).to(tl.float64), axis=0)
        first = tl.sum(over, axis=0)
        second = tl.sum(over * over, axis=0) - 1.0
        tau = before + second / (first + tl.sqrt(tl.maximum(first * first - count * second, 0.0)))
        over = tl.where(d > tau, d - tau, 0.0)
        y = over * over
    y = tl.where(undefined, float("nan"), y)
    tl.store(y_ + row * n + at, stored(y, y_.dtype.element_ty), mask=at < n)


@triton.jit
def backward_kernel(dy_, y_, dx_, n, inverse_: tl.int64, BLOCK: tl.constexpr, POWER: tl.constexpr):
    """dx = s (dy - sum s dy / sum s), with s = y^(2 - the power of entmax): 1 or its root."""
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    y = widen(tl.load(y_ + row * n + at, mask=at < n, other=0.0)).to(tl.float64)
    dy = widen(tl.load(dy_ + row * n + at, mask=at < n, other=0.0)).to(tl.float64)
    share = tl.where(y > 0.0, y, 0.0)
    s = (share > 0.0).to(tl.float64) if POWER == 1 else tl.sqrt(share)
    # A class without a share takes no part, whatever its dy.
    dy = tl.where(s > 0.0, dy, 0.0)
    mean = tl.sum(s * dy, axis=0) / tl.sum(s, axis=0)
    # That of what is left is nothing but rounding, which is taken off as well.
    rest = dy - mean
    rest = rest - tl.sum(s * rest, axis=0) / tl.sum(s, axis=0)
    dx = tl.where(s > 0.0, s * rest, 0.0) * parameter(inverse_)
    unordered = tl.sum((y != y).to(tl.int32), axis=0) > 0
    dx = tl.where(unordered, float("nan"), dx)
    tl.store(dx_ + row * n + at, stored(dx, dx_.dtype.element_ty), mask=at < n)


def rows(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], parameters: tuple[float, ...] = ()
) -> torch.Tensor:
    """The value or its backward from the output, over the last axis."""
    temperature = parameters[0] if parameters else 1.0
    *dy, x = (t.contiguous() for t in tensors)
    n, out = x.shape[-1], torch.empty_like(x)
    if out.numel():
        how = {"enable_fp_fusion": False, "POWER": POWERS[name], **blocks(n)}
        del how["BLOCKS"]
        grid, inverse = (x.numel() // n,), bits(1 / temperature)
        if mode == "value":
            forward_kernel[grid](x, out, n, inverse, **how)
        else:
            backward_kernel[grid](dy[0].to(x.dtype), x, out, n, inverse, **how)
    return out
