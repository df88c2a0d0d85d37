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

from . import pairs, wide
from .row_functions import blocks, inverse_of
from .row_math import distances, greatest
from .storage import widen

POWERS = {"sparsemax": 1, "entmax15": 2}
MOST_STEPS = tl.constexpr(100)


@triton.jit
def forward_kernel(
    x_, y_, n, inverse_: tl.int64, BLOCK: tl.constexpr, POWER: tl.constexpr, FULL: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    kind: tl.constexpr = y_.dtype.element_ty
    x = (widen(tl.load(x_ + row * n + at, mask=at < n, other=float("-inf"))),)
    most, place = greatest(x, at)
    d = distances(x, at, most, place, wide.parameter(inverse_, FULL))
    # A NaN anywhere, several +inf or nothing but -inf: no distance to speak of.
    undefined = tl.sum((d[0] != d[0]).to(tl.int32), axis=0) > 0
    undefined = undefined | (most[0] == float("-inf"))
    d = pairs.with_high(d, tl.where(d[0] == d[0], d[0], float("-inf")))
    d = pairs.scale(d, 1.0 if POWER == 1 else 0.5)
    zero, one = wide.number(0.0, FULL), wide.number(1.0, FULL)
    tau, before = wide.neg(one), wide.neg(wide.add(one, one))
    if not FULL:
        tau = pairs.with_low(tau)
    steps = 0
    while is_above(tau, before) & (steps < MOST_STEPS):
        before = tau
        inside = is_above(d, tau)
        if POWER == 1:
            count = wide.total((inside.to(d[0].dtype),))
            tau = wide.div(wide.sub(wide.total(wide.select(inside, d, zero)), one), count)
        else:
            over = wide.select(inside, wide.sub(d, tau), zero)
            excess = wide.sub(wide.total(wide.mul(over, over)), one)
            slope = wide.total(over)
            tau = wide.add(tau, wide.div(excess, wide.add(slope, slope)))
        steps += 1
    if POWER == 1:
        y = wide.select(is_above(d, tau), wide.sub(d, tau), zero)
    else:
        # The root of count t^2 - 2 sum t + sum of squares - 1 as a step from where Newton ended.
        inside = is_above(d, before)
        over = wide.select(inside, wide.sub(d, before), zero)
        count = wide.total((inside.to(d[0].dtype),))
        first = wide.total(over)
        second = wide.sub(wide.total(wide.mul(over, over)), one)
        under = wide.sub(wide.mul(first, first), wide.mul(count, second))
        root = wide.sqrt(wide.select(under[0] > 0, under, zero))
        tau = wide.add(before, wide.div(second, wide.add(first, root)))
        over = wide.select(is_above(d, tau), wide.sub(d, tau), zero)
        y = wide.mul(over, over)
    y = wide.undefined_where(undefined, y)
    tl.store(y_ + row * n + at, wide.stored(y, kind), mask=at < n)


@triton.jit
def is_above(a, b):
    """Whether a > b."""
    return (a[0] > b[0]) if len(a) == 1 else (wide.sub(a, b)[0] > 0)


@triton.jit
def backward_kernel(
    dy_, y_, dx_, n, inverse_: tl.int64, BLOCK: tl.constexpr, POWER: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    """dx = s (dy - sum s dy / sum s), with s = y^(2 - the power of entmax): 1 or its root."""
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    kind: tl.constexpr = dx_.dtype.element_ty
    y = widen(tl.load(y_ + row * n + at, mask=at < n, other=0.0))
    dy = widen(tl.load(dy_ + row * n + at, mask=at < n, other=0.0))
    share = tl.where(y > 0.0, y, 0.0)
    s = ((share > 0.0).to(y.dtype),)
    if POWER == 2:
        s = wide.sqrt((share,))
    # A class without a share takes no part, whatever its dy.
    rest = (tl.where(share > 0.0, dy, 0.0),)
    weight = wide.total(s)
    rest = wide.sub(rest, wide.div(wide.total(wide.mul(s, rest)), weight))
    # That of what is left is nothing but rounding, which is taken off as well.
    rest = wide.sub(rest, wide.div(wide.total(wide.mul(s, rest)), weight))
    dx = wide.mul(wide.mul(s, rest), wide.parameter(inverse_, FULL))
    dx = wide.select(share > 0.0, dx, wide.number(0.0, FULL))
    unordered = tl.sum((y != y).to(tl.int32), axis=0) > 0
    dx = wide.undefined_where(unordered, dx)
    tl.store(dx_ + row * n + at, wide.stored(dx, kind), mask=at < n)


def rows(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], parameters: tuple[float, ...] = ()
) -> torch.Tensor:
    """The value or its backward from the output, over the last axis."""
    temperature = parameters[0] if parameters else 1.0
    *dy, x = (t.contiguous() for t in tensors)
    n, out = x.shape[-1], torch.empty_like(x)
    if out.numel():
        full = x.dtype == torch.float64
        how = {"enable_fp_fusion": False, "POWER": POWERS[name], "FULL": full, **blocks(n)}
        del how["BLOCKS"]
        grid, inverse = (x.numel() // n,), inverse_of(temperature, full)
        if mode == "value":
            forward_kernel[grid](x, out, n, inverse, **how)
        else:
            backward_kernel[grid](dy[0].to(x.dtype), x, out, n, inverse, **how)
    return out
