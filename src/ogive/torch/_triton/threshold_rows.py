"""Sparsemax and entmax15 over rows: forward, and backward from the input or the output.

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
from .row_functions import blocks, inverse_of, mask_operands
from .row_math import distances, elements, greatest, is_any, taking_part
from .storage import widen

POWERS = {"sparsemax": 1, "entmax15": 2}
MOST_STEPS = tl.constexpr(100)


@triton.jit
def below_most(x_, keep_, at, n, most, place, inverse, POWER: tl.constexpr):
    """A block's distances from the row's greatest element, halved for entmax15; and whether one is
    not defined, which counts as -inf.
    """
    x = elements(x_, None, at, taking_part(keep_, at, n), False)
    d = pairs.scale(distances(x, at, most, place, inverse), 1.0 if POWER == 1 else 0.5)
    bad = is_any(d[0] != d[0])
    return pairs.with_high(d, tl.where(d[0] == d[0], d[0], float("-inf"))), bad


@triton.jit
def above(d, tau):
    """How far each distance is above tau; 0 of those that are not."""
    zero = (tl.zeros((), d[0].dtype),)
    return wide.select(is_above(d, tau), wide.sub(d, tau), zero)


@triton.jit
def _sums_over(d, tau, POWER: tl.constexpr):
    """Of the distances above tau: how many there are; for sparsemax their sum, for entmax15 the
    sums of what they are over it, and of its squares.
    """
    zero = (tl.zeros((), d[0].dtype),)
    inside, over = is_above(d, tau), above(d, tau)
    count = wide.total((inside.to(d[0].dtype),))
    first = wide.total(wide.select(inside, d, zero) if POWER == 1 else over)
    second = zero if POWER == 1 else wide.total(wide.mul(over, over))
    return count, first, second


@triton.jit
def _row_over(
    x_, keep_, d, n, most, place, inverse, tau, BLOCK: tl.constexpr, BLOCKS: tl.constexpr,
    POWER: tl.constexpr,
):  # fmt: skip
    """The same of a row, whose first block is held."""
    count, first, second = _sums_over(d, tau, POWER)
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            at = k * BLOCK + tl.arange(0, BLOCK)
            block, _ = below_most(x_, keep_, at, n, most, place, inverse, POWER)
            more, some, squares = _sums_over(block, tau, POWER)
            count, first = wide.add(count, more), wide.add(first, some)
            if POWER == 2:
                second = wide.add(second, squares)
    return count, first, second


@triton.jit
def threshold(
    x_, keep_, n, inverse, BLOCK: tl.constexpr, BLOCKS: tl.constexpr, POWER: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    """Of a row: its greatest element, that one's place, tau, the first block's distances, and
    whether there is no result. If no element counts, none has a place or a share.
    """
    at = tl.arange(0, BLOCK)
    kept = taking_part(keep_, at, n)
    most, place = greatest(elements(x_, None, at, kept, False), at)
    any_counts = 1 if keep_ is None else is_any(kept)
    for k in range(1, BLOCKS):
        here = k * BLOCK + at
        kept = taking_part(keep_, here, n)
        block_most, block_place = greatest(elements(x_, None, here, kept, False), here)
        place = tl.where(block_most[0] > most[0], block_place, place)
        most = wide.select(block_most[0] > most[0], block_most, most)
        if keep_ is not None:
            any_counts = tl.maximum(any_counts, is_any(kept))
    if keep_ is not None:
        place = tl.where(any_counts > 0, place, -1)
    d, bad = below_most(x_, keep_, at, n, most, place, inverse, POWER)
    for k in range(1, BLOCKS):
        _, more = below_most(x_, keep_, k * BLOCK + at, n, most, place, inverse, POWER)
        bad = tl.maximum(bad, more)
    # A NaN anywhere, several +inf or nothing but -inf: no distance to speak of.
    undefined = ((bad > 0) | (most[0] == float("-inf"))) & (any_counts > 0)
    one = wide.number(1.0, FULL)
    tau, before = wide.neg(one), wide.neg(wide.add(one, one))
    if not FULL:
        tau = pairs.with_low(tau)
    steps = 0
    while is_above(tau, before) & (steps < MOST_STEPS):
        before = tau
        count, first, second = _row_over(
            x_, keep_, d, n, most, place, inverse, tau, BLOCK, BLOCKS, POWER
        )
        if POWER == 1:
            tau = wide.div(wide.sub(first, one), count)
        else:
            step = wide.div(wide.sub(second, one), wide.add(first, first))
            tau = wide.add(tau, step)
        steps += 1
    if POWER == 2:
        # The root of count t^2 - 2 sum t + sum of squares - 1 as a step from where Newton ended.
        count, first, second = _row_over(
            x_, keep_, d, n, most, place, inverse, before, BLOCK, BLOCKS, POWER
        )
        second = wide.sub(second, one)
        under = wide.sub(wide.mul(first, first), wide.mul(count, second))
        root = wide.sqrt(wide.select(under[0] > 0, under, wide.number(0.0, FULL)))
        tau = wide.add(before, wide.div(second, wide.add(first, root)))
    return most, place, tau, d, undefined


@triton.jit
def forward_kernel(
    x_, keep_, y_, n, inverse_: tl.int64, keep_inner, keep_count, BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr, POWER: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    x_ += row * n
    y_ += row * n
    if keep_ is not None:
        keep_ += ((row // keep_inner) % keep_count) * n
    kind: tl.constexpr = y_.dtype.element_ty
    inverse = wide.parameter(inverse_, FULL)
    most, place, tau, d, undefined = threshold(x_, keep_, n, inverse, BLOCK, BLOCKS, POWER, FULL)
    for k in range(0, BLOCKS):
        here = k * BLOCK + tl.arange(0, BLOCK)
        if BLOCKS > 1:  # otherwise they are held
            d, _ = below_most(x_, keep_, here, n, most, place, inverse, POWER)
        y = above(d, tau)
        if POWER == 2:
            y = wide.mul(y, y)
        tl.store(y_ + here, wide.stored(wide.undefined_where(undefined, y), kind), mask=here < n)


@triton.jit
def is_above(a, b):
    """Whether a > b."""
    return (a[0] > b[0]) if len(a) == 1 else (wide.sub(a, b)[0] > 0)


@triton.jit
def _upstream(dy_, at, n, s, FULL: tl.constexpr):
    """A block's dy; a class without a share takes no part, whatever its dy."""
    dy = tl.where(s[0] > 0.0, widen(tl.load(dy_ + at, mask=at < n, other=0.0)), 0.0)
    return (dy.to(tl.float64) if FULL else dy,)


@triton.jit
def _slopes(x_, keep_, at, n, most, place, inverse, tau, POWER: tl.constexpr, OUTPUT: tl.constexpr):
    """A block's s = y^(2 - the power of entmax), from y or, with tau, from x."""
    if OUTPUT:
        y = widen(tl.load(x_ + at, mask=at < n, other=0.0))
        s = (tl.where(y > 0.0, y, 0.0),)
        if POWER == 2:
            s = wide.sqrt(s)
    else:
        d, _ = below_most(x_, keep_, at, n, most, place, inverse, POWER)
        s = above(d, tau)
    return ((s[0] > 0.0).to(s[0].dtype),) if POWER == 1 else s


@triton.jit
def backward_kernel(
    dy_, x_, keep_, dx_, n, inverse_: tl.int64, keep_inner, keep_count, BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr, POWER: tl.constexpr, OUTPUT: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    """dx = s (dy - sum s dy / sum s), with s = y^(2 - the power of entmax): 1 or its root. With
    OUTPUT x is y.
    """
    row = tl.program_id(0).to(tl.int64)
    dy_ += row * n
    x_ += row * n
    dx_ += row * n
    if keep_ is not None:
        keep_ += ((row // keep_inner) % keep_count) * n
    at = tl.arange(0, BLOCK)
    kind: tl.constexpr = dx_.dtype.element_ty
    inverse = wide.parameter(inverse_, FULL)
    if OUTPUT:
        most, place, tau = 0, 0, 0
        bad = 0
        for k in range(0, BLOCKS):
            y = widen(tl.load(x_ + k * BLOCK + at, mask=k * BLOCK + at < n, other=0.0))
            bad = tl.maximum(bad, is_any(y != y))
        undefined = bad > 0
    else:
        most, place, tau, _d, undefined = threshold(
            x_, keep_, n, inverse, BLOCK, BLOCKS, POWER, FULL
        )
    s = _slopes(x_, keep_, at, n, most, place, inverse, tau, POWER, OUTPUT)
    dy = _upstream(dy_, at, n, s, FULL)
    weight, mean = wide.total(s), wide.total(wide.mul(s, dy))
    for k in range(1, BLOCKS):
        here = k * BLOCK + at
        s = _slopes(x_, keep_, here, n, most, place, inverse, tau, POWER, OUTPUT)
        dy = _upstream(dy_, here, n, s, FULL)
        weight = wide.add(weight, wide.total(s))
        mean = wide.add(mean, wide.total(wide.mul(s, dy)))
    mean = wide.div(mean, weight)
    # That of what is left is nothing but rounding, which is taken off as well.
    left = wide.nothing(FULL)
    for k in range(0, BLOCKS):
        if BLOCKS > 1:  # otherwise they are held
            s = _slopes(x_, keep_, k * BLOCK + at, n, most, place, inverse, tau, POWER, OUTPUT)
            dy = _upstream(dy_, k * BLOCK + at, n, s, FULL)
        left = wide.add(left, wide.total(wide.mul(s, wide.sub(dy, mean))))
    left = wide.div(left, weight)
    for k in range(0, BLOCKS):
        here = k * BLOCK + at
        if BLOCKS > 1:
            s = _slopes(x_, keep_, here, n, most, place, inverse, tau, POWER, OUTPUT)
            dy = _upstream(dy_, here, n, s, FULL)
        rest = wide.sub(wide.sub(dy, mean), left)
        dx = wide.mul(wide.mul(s, rest), inverse)
        dx = wide.select(s[0] > 0.0, dx, wide.number(0.0, FULL))
        dx = wide.undefined_where(undefined, dx)
        tl.store(dx_ + here, wide.stored(dx, kind), mask=here < n)


def rows(
    name: str,
    mode: str,
    tensors: tuple[torch.Tensor, ...],
    parameters: tuple[float, ...] = (),
    keep: torch.Tensor | None = None,
) -> torch.Tensor:
    """The value or its backward, over the last axis, of the elements that `keep` keeps."""
    temperature = parameters[0] if parameters else 1.0
    *dy, x = (t.contiguous() for t in tensors)
    n, out = x.shape[-1], torch.empty_like(x)
    if out.numel():
        full = x.dtype == torch.float64
        how = {"enable_fp_fusion": False, "POWER": POWERS[name], "FULL": full, **blocks(n)}
        if mode == "value":
            kernel = forward_kernel
        else:
            kernel, how["OUTPUT"] = backward_kernel, mode == "backward_from_output"
        mask, *places = mask_operands(keep, x)
        kernel[(x.numel() // n,)](
            *(t.to(x.dtype) for t in dy), x, mask, out, n, inverse_of(temperature, full), *places,
            **how,
        )  # fmt: skip
    return out
