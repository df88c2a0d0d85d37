"""The focal losses, of classes and of independent sigmoids: loss and gradient by the logits."""

# mypy: ignore-errors
from __future__ import annotations

import torch
import triton
import triton.language as tl

from . import heads, pairs, wide
from .heads import (
    _factor,
    _logistic_parts,
    _logits,
    _sides,
    _targets,
    _weight,
    start,
    write_nothing,
)
from .numbers import bits, pair_bits
from .row_math import at_place, distance, greatest_and_rest, others
from .seam import library
from .storage import widen

MOST_FACTORS = 4
"""A whole gamma up to this multiplies; another is the exponential of a logarithm."""


@triton.jit
def _log(a):
    return (library.log(a[0]),) if a[0].dtype == tl.float64 else pairs.log(pairs.value(a))


@triton.jit
def _power(r, log_r, gamma, WHOLE: tl.constexpr):
    """r^gamma for r in [0, 1], of whose logarithm a fractional gamma makes use."""
    if WHOLE < 0:
        p = wide.power(wide.mul(gamma, log_r), True)
    else:
        p = (tl.full((), 1.0, r[0].dtype),)
        for _ in tl.static_range(WHOLE):
            p = wide.mul(p, r)
    return p


@triton.jit
def _shares(d, q, log_sum, over, gamma, WHOLE: tl.constexpr, FULL: tl.constexpr):
    """Of classes that are not the likeliest: p, v = q r^gamma times the loss l, and a = q F, with
    r = 1 - p and F = r^gamma (1 + gamma p l/r).
    """
    one = wide.number(1.0, FULL)
    p = wide.mul(wide.power(d, False), over)
    p = wide.select(d[0] == float("-inf"), wide.number(0.0, FULL), p)
    r = wide.sub(one, p)
    loss = wide.sub(log_sum, d)
    v = wide.mul(q, _power(r, _log(r), gamma, WHOLE))
    ratio = wide.div(wide.mul(wide.where_not_zero(p, loss), p), r)
    a = wide.mul(v, wide.add(one, wide.mul(gamma, ratio)))
    return p, wide.where_not_zero(q, wide.mul(v, loss)), wide.where_not_zero(q, a)


@triton.jit
def focal_kernel(
    z_,
    t_,
    t_low_,
    w_,
    w_low_,
    factor_,
    loss_,
    dz_,
    n,
    ignored,
    factor_bits: tl.int64,
    kept_: tl.int64,
    even_: tl.int64,
    gamma_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    MODE: tl.constexpr,
    PAIRED: tl.constexpr,
    WEIGHTS: tl.constexpr,
    SMOOTHED: tl.constexpr,
    WHOLE: tl.constexpr,
    IGNORES: tl.constexpr,
    GRADIENT: tl.constexpr,
    BY_TENSOR: tl.constexpr,
    FULL: tl.constexpr,
):
    """One row: after catalog/heads/focal.hpp, whose names it keeps."""
    row = tl.program_id(0).to(tl.int64)
    z_ += row * n
    dz_ += row * n
    kind: tl.constexpr = dz_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    kept, even = wide.parameter(kept_, FULL), wide.parameter(even_, FULL)
    gamma = wide.parameter(gamma_, FULL)
    zero, one = wide.number(0.0, FULL), wide.number(1.0, FULL)
    t_, t_low_, label, known, counts = start(t_, t_low_, row, n, ignored, MODE, IGNORES)
    if counts:
        most, place, rest, _, _, _ = greatest_and_rest(z_, n, one, BLOCK, BLOCKS)
        log_sum = wide.log1p(rest)
        over = wide.plain(wide.div(one, wide.add(one, rest)))
        linear, rest_a = wide.nothing(FULL), wide.nothing(FULL)
        most_q = wide.nothing(FULL)
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            z = _logits(z_, here, here < n, zero, False, FULL)
            q = _targets(
                t_, t_low_, w_, w_low_, here, here < n, label, kept, even, MODE, PAIRED, WEIGHTS,
                SMOOTHED, FULL,
            )  # fmt: skip
            d = distance(z, most, one)
            _p, terms, a = _shares(d, q, log_sum, over, gamma, WHOLE, FULL)
            linear = wide.add(linear, others(pairs.value(terms), here, place))
            rest_a = wide.add(rest_a, others(pairs.value(a), here, place))
            most_q = wide.add(most_q, at_place(q, here, place))
        # The likeliest class, whose 1 - p is rest/S and whose p l/r is log1p(rest)/rest.
        unlikely = wide.mul(rest, over)
        # Without the unit of a sum's terms, whose powers might overflow.
        normal = wide.plain(unlikely)
        unlikely = wide.select(normal[0] > 2.0**-60, normal, unlikely)
        v = wide.mul(most_q, _power(unlikely, _log(unlikely), gamma, WHOLE))
        none = rest[0] == 0
        ratio = wide.select(none, one, wide.div(log_sum, wide.select(none, one, rest)))
        likeliest_a = wide.mul(v, wide.add(one, wide.mul(gamma, ratio)))
        loss = wide.add(linear, wide.where_not_zero(most_q, wide.mul(v, log_sum)))
        undefined = rest[0] != rest[0]
        if MODE == "labels":
            undefined = undefined | (known == 0)
        loss = wide.undefined_where(undefined, loss)
        wide.store_sum(loss_, row, tl.num_programs(0), wide.plain(loss))
        if GRADIENT:
            factor = _factor(factor_bits, factor_, BY_TENSOR, FULL)
            all_a = wide.add(rest_a, likeliest_a)
            of_most = wide.mul(wide.sub(rest_a, wide.mul(all_a, unlikely)), factor)
            for k in range(0, BLOCKS):
                here = k * BLOCK + at
                z = _logits(z_, here, here < n, zero, False, FULL)
                q = _targets(
                    t_, t_low_, w_, w_low_, here, here < n, label, kept, even, MODE, PAIRED,
                    WEIGHTS, SMOOTHED, FULL,
                )  # fmt: skip
                d = distance(z, most, one)
                _p, terms, a = _shares(d, q, log_sum, over, gamma, WHOLE, FULL)
                share = wide.mul(wide.mul(wide.power(d, kind != tl.float16), over), all_a)
                g = wide.mul(wide.sub(share, a), factor)
                g = wide.undefined_where(undefined, wide.select(here == place, of_most, g))
                tl.store(dz_ + here, wide.stored(g, kind), mask=here < n)
    else:
        write_nothing(loss_, dz_, row, n, BLOCK, BLOCKS, GRADIENT, FULL)


def focal(
    logits: torch.Tensor,
    target: torch.Tensor,
    gamma: float = 2.0,
    weight: torch.Tensor | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    *,
    factor: float | torch.Tensor = 1.0,
    gradient: bool = True,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Loss of each row in float64 and gradient by the logits, classes last: as `cross_entropy`."""
    if gamma == 0:
        return heads.cross_entropy(
            logits, target, weight, ignore_index, label_smoothing, factor=factor, gradient=gradient
        )
    given = heads.of_rows(logits, target, weight, ignore_index, factor, gradient)
    number = bits if logits.dtype == torch.float64 else pair_bits
    if given.grid[0]:
        focal_kernel[given.grid](
            *given.operands, number(1 - label_smoothing),
            number(label_smoothing / logits.shape[-1]), number(gamma),
            SMOOTHED=label_smoothing != 0, WHOLE=whole(gamma), **given.flags,
        )  # fmt: skip
    return given.result()


def whole(gamma: float) -> int:
    """The number of factors of a whole gamma, -1 for another."""
    return int(gamma) if gamma == int(gamma) and gamma <= MOST_FACTORS else -1


@triton.jit
def sigmoid_focal_kernel(
    z_,
    t_,
    t_low_,
    w_,
    w_low_,
    factor_,
    loss_,
    dz_,
    n,
    w_count,
    factor_bits: tl.int64,
    kept_: tl.int64,
    even_: tl.int64,
    positive_: tl.int64,
    negative_: tl.int64,
    gamma_: tl.int64,
    BLOCK: tl.constexpr,
    PAIRED: tl.constexpr,
    WEIGHTS: tl.constexpr,
    SMOOTHED: tl.constexpr,
    WHOLE: tl.constexpr,
    SUMMED: tl.constexpr,
    GRADIENT: tl.constexpr,
    BY_TENSOR: tl.constexpr,
    FULL: tl.constexpr,
):
    """Elements: after catalog/heads/sigmoid_focal.hpp, whose names it keeps."""
    block = tl.program_id(0).to(tl.int64)
    at = block * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    kind: tl.constexpr = dz_.dtype.element_ty
    x = widen(tl.load(z_ + at, mask=inside, other=0.0))
    zero, one = wide.number(0.0, FULL), wide.number(1.0, FULL)
    gamma = wide.parameter(gamma_, FULL)
    yes, no = _sides(t_, t_low_, at, inside, kept_, even_, PAIRED, SMOOTHED, FULL)
    yes = wide.mul(yes, wide.parameter(positive_, FULL))
    no = wide.mul(no, wide.parameter(negative_, FULL))
    if WEIGHTS != "none":
        w = _weight(w_, w_low_, at % w_count, inside, WEIGHTS, FULL)
        yes, no = wide.mul(yes, w), wide.mul(no, w)
    up, down, above, below = _logistic_parts(x, True)
    risen = _power(above, wide.neg(pairs.value(down)), gamma, WHOLE)
    fallen = _power(below, wide.neg(pairs.value(up)), gamma, WHOLE)
    yes, no = wide.mul(yes, fallen), wide.mul(no, risen)
    # A side without weight adds nothing, also where its loss is infinite.
    loss = wide.where_not_zero(yes, wide.mul(yes, down))
    loss = wide.add(loss, wide.where_not_zero(no, wide.mul(no, up)))
    loss = wide.undefined_where(x != x, loss)
    if SUMMED:
        loss = wide.total(wide.select(inside, wide.plain(loss), zero))
        wide.store_sum(loss_, block, tl.num_programs(0), loss)
    else:
        tl.store(loss_ + at, wide.stored(loss, loss_.dtype.element_ty), mask=inside)
    if GRADIENT:
        # logistic(-z) softplus(z)/logistic(z), which is e softplus(z) on the side of a miss.
        e = wide.power((-tl.abs(x),), True)
        gone = e[0] == 0
        tail = wide.select(x < 0, up, down)
        large = wide.select(x < 0, down, up)
        hit = wide.select(gone, one, wide.div(tail, wide.select(gone, one, e)))
        # Where e is 0 for all purposes, its product with any loss is, also with an infinite one.
        miss = wide.mul(e, wide.select(tl.abs(x) > 2.0**60, zero, large))
        of_up, of_down = wide.select(x < 0, hit, miss), wide.select(x < 0, miss, hit)
        rise = wide.mul(no, wide.mul(wide.add(one, wide.mul(gamma, of_up)), above))
        fall = wide.mul(yes, wide.mul(wide.add(one, wide.mul(gamma, of_down)), below))
        g = wide.mul(wide.sub(rise, fall), _factor(factor_bits, factor_, BY_TENSOR, FULL))
        tl.store(dz_ + at, wide.stored(wide.undefined_where(x != x, g), kind), mask=inside)


def sigmoid_focal(
    logits: torch.Tensor,
    target: torch.Tensor,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    weight: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    *,
    factor: float | torch.Tensor = 1.0,
    gradient: bool = True,
    summed: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Loss of each element, or their sum in float64, and gradient: as `binary_cross_entropy`."""
    z = logits.contiguous()
    n, full = z.numel(), z.dtype == torch.float64
    programs = triton.cdiv(n, heads.BINARY_BLOCK)
    loss = heads._empty_losses(z, programs, summed)
    dz = torch.empty_like(z) if gradient else None
    t, t_low, t_kind = heads._operand(target, full, z)
    by, by_bits, by_tensor = heads._factor_operand(factor, full, z)
    w, w_low, weights = heads._operand(heads._spread(weight, z), full, z)
    number = bits if full else pair_bits
    positive, negative = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    if n:
        sigmoid_focal_kernel[(programs,)](
            z, t, t_low, w, w_low, by, loss, z if dz is None else dz, n, w.numel(), by_bits,
            number(1 - label_smoothing), number(label_smoothing / 2), number(positive),
            number(negative), number(gamma), BLOCK=heads.BINARY_BLOCK, PAIRED=t_kind == "pairs",
            WEIGHTS=weights, SMOOTHED=label_smoothing != 0, WHOLE=whole(gamma), SUMMED=summed,
            GRADIENT=gradient, BY_TENSOR=by_tensor, FULL=full, enable_fp_fusion=False,
        )  # fmt: skip
    return heads._sums_of(loss).sum() if summed else loss, dz
