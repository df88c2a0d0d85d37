"""Sparsemax and entmax15 over rows: forward, and backward from the output.

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
def _below_most(x_, at, n, most, place, inverse, POWER: tl.constexpr):
    """A block's distances from the row's greatest element, halved for entmax15; and whether one is
    not defined, which counts as -inf.
    """
    x = (widen(tl.load(x_ + at, mask=at < n, other=float("-inf"))),)
    d = pairs.scale(distances(x, at, most, place, inverse), 1.0 if POWER == 1 else 0.5)
    bad = tl.sum((d[0] != d[0]).to(tl.int32), axis=0)
    return pairs.with_high(d, tl.where(d[0] == d[0], d[0], float("-inf"))), bad


@triton.jit
def _over(d, tau, POWER: tl.constexpr):
    """Of the distances above tau: how many there are; for sparsemax their sum, for entmax15 the
    sums of what they are over it, and of its squares; and what each is over it.
    """
    zero = (tl.zeros((), d[0].dtype),)
    inside = is_above(d, tau)
    over = wide.select(inside, wide.sub(d, tau), zero)
    count = wide.total((inside.to(d[0].dtype),))
    first = wide.total(wide.select(inside, d, zero) if POWER == 1 else over)
    second = zero if POWER == 1 else wide.total(wide.mul(over, over))
    return count, first, second, over


@triton.jit
def _row_over(
    x_, d, n, most, place, inverse, tau, BLOCK: tl.constexpr, BLOCKS: tl.constexpr,
    POWER: tl.constexpr,
):  # fmt: skip
    """The same of a row, whose first block is held."""
    count, first, second, _ = _over(d, tau, POWER)
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            at = k * BLOCK + tl.arange(0, BLOCK)
            block, _ = _below_most(x_, at, n, most, place, inverse, POWER)
            more, some, squares, _ = _over(block, tau, POWER)
            count, first = wide.add(count, more), wide.add(first, some)
            if POWER == 2:
                second = wide.add(second, squares)
    return count, first, second


@triton.jit
def forward_kernel(
    x_, y_, n, inverse_: tl.int64, BLOCK: tl.constexpr, BLOCKS: tl.constexpr, POWER: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    x_ += row * n
    y_ += row * n
    at = tl.arange(0, BLOCK)
    kind: tl.constexpr = y_.dtype.element_ty
    inverse = wide.parameter(inverse_, FULL)
    most, place = greatest((widen(tl.load(x_ + at, mask=at < n, other=float("-inf"))),), at)
    for k in range(1, BLOCKS):
        here = k * BLOCK + at
        x = (widen(tl.load(x_ + here, mask=here < n, other=float("-inf"))),)
        block_most, block_place = greatest(x, here)
        place = tl.where(block_most[0] > most[0], block_place, place)
        most = wide.select(block_most[0] > most[0], block_most, most)
    d, bad = _below_most(x_, at, n, most, place, inverse, POWER)
    for k in range(1, BLOCKS):
        _, more = _below_most(x_, k * BLOCK + at, n, most, place, inverse, POWER)
        bad += more
    # A NaN anywhere, several +inf or nothing but -inf: no distance to speak of.
    undefined = (bad > 0) | (most[0] == float("-inf"))
    one = wide.number(1.0, FULL)
    tau, before = wide.neg(one), wide.neg(wide.add(one, one))
    if not FULL:
        tau = pairs.with_low(tau)
    steps = 0
    while is_above(tau, before) & (steps < MOST_STEPS):
        before = tau
        count, first, second = _row_over(x_, d, n, most, place, inverse, tau, BLOCK, BLOCKS, POWER)
        if POWER == 1:
            tau = wide.div(wide.sub(first, one), count)
        else:
            step = wide.div(wide.sub(second, one), wide.add(first, first))
            tau = wide.add(tau, step)
        steps += 1
    if POWER == 2:
        # The root of count t^2 - 2 sum t + sum of squares - 1 as a step from where Newton ended.
        count, first, second = _row_over(
            x_, d, n, most, place, inverse, before, BLOCK, BLOCKS, POWER
        )
        second = wide.sub(second, one)
        under = wide.sub(wide.mul(first, first), wide.mul(count, second))
        root = wide.sqrt(wide.select(under[0] > 0, under, wide.number(0.0, FULL)))
        tau = wide.add(before, wide.div(second, wide.add(first, root)))
    for k in range(0, BLOCKS):
        here = k * BLOCK + at
        if BLOCKS > 1:  # otherwise they are held
            d, _ = _below_most(x_, here, n, most, place, inverse, POWER)
        _, _, _, y = _over(d, tau, POWER)
        if POWER == 2:
            y = wide.mul(y, y)
        tl.store(y_ + here, wide.stored(wide.undefined_where(undefined, y), kind), mask=here < n)


@triton.jit
def is_above(a, b):
    """Whether a > b."""
    return (a[0] > b[0]) if len(a) == 1 else (wide.sub(a, b)[0] > 0)


@triton.jit
def _shares(y_, dy_, at, n, POWER: tl.constexpr):
    """A block's y, s = y^(2 - the power of entmax) and dy, of classes that have a share."""
    y = widen(tl.load(y_ + at, mask=at < n, other=0.0))
    dy = widen(tl.load(dy_ + at, mask=at < n, other=0.0))
    share = tl.where(y > 0.0, y, 0.0)
    s = ((share > 0.0).to(y.dtype),)
    if POWER == 2:
        s = wide.sqrt((share,))
    # A class without a share takes no part, whatever its dy.
    return y, s, (tl.where(share > 0.0, dy, 0.0),)


@triton.jit
def backward_kernel(
    dy_, y_, dx_, n, inverse_: tl.int64, BLOCK: tl.constexpr, BLOCKS: tl.constexpr,
    POWER: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    """dx = s (dy - sum s dy / sum s), with s = y^(2 - the power of entmax): 1 or its root."""
    row = tl.program_id(0).to(tl.int64)
    dy_ += row * n
    y_ += row * n
    dx_ += row * n
    at = tl.arange(0, BLOCK)
    kind: tl.constexpr = dx_.dtype.element_ty
    y, s, dy = _shares(y_, dy_, at, n, POWER)
    weight, mean = wide.total(s), wide.total(wide.mul(s, dy))
    unordered = tl.sum((y != y).to(tl.int32), axis=0)
    for k in range(1, BLOCKS):
        y, s, dy = _shares(y_, dy_, k * BLOCK + at, n, POWER)
        weight = wide.add(weight, wide.total(s))
        mean = wide.add(mean, wide.total(wide.mul(s, dy)))
        unordered += tl.sum((y != y).to(tl.int32), axis=0)
    mean = wide.div(mean, weight)
    # That of what is left is nothing but rounding, which is taken off as well.
    left = wide.nothing(FULL)
    for k in range(0, BLOCKS):
        if BLOCKS > 1:  # otherwise they are held
            y, s, dy = _shares(y_, dy_, k * BLOCK + at, n, POWER)
        left = wide.add(left, wide.total(wide.mul(s, wide.sub(dy, mean))))
    left = wide.div(left, weight)
    for k in range(0, BLOCKS):
        here = k * BLOCK + at
        if BLOCKS > 1:
            y, s, dy = _shares(y_, dy_, here, n, POWER)
        rest = wide.sub(wide.sub(dy, mean), left)
        dx = wide.mul(wide.mul(s, rest), wide.parameter(inverse_, FULL))
        dx = wide.select(s[0] > 0.0, dx, wide.number(0.0, FULL))
        dx = wide.undefined_where(unordered > 0, dx)
        tl.store(dx_ + here, wide.stored(dx, kind), mask=here < n)


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
        grid, inverse = (x.numel() // n,), inverse_of(temperature, full)
        if mode == "value":
            forward_kernel[grid](x, out, n, inverse, **how)
        else:
            backward_kernel[grid](dy[0].to(x.dtype), x, out, n, inverse, **how)
    return out
