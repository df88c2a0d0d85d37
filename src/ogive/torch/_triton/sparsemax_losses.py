"""The sparsemax loss: loss and gradient by the logits."""

# mypy: ignore-errors
from __future__ import annotations

import torch
import triton
import triton.language as tl

from . import heads, wide
from .heads import _factor, _targets, start, write_nothing
from .row_math import at_place, others
from .threshold_rows import above, below_most, threshold

LIFT = tl.constexpr(30)
"""Of what is squared: squares of tiny differences are no normal floats, nor need huge ones be."""


@triton.jit
def sparsemax_kernel(
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
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    MODE: tl.constexpr,
    PAIRED: tl.constexpr,
    WEIGHTS: tl.constexpr,
    IGNORES: tl.constexpr,
    GRADIENT: tl.constexpr,
    BY_TENSOR: tl.constexpr,
    FULL: tl.constexpr,
):
    """One row: after catalog/heads/sparsemax_loss.hpp, whose names it keeps."""
    row = tl.program_id(0).to(tl.int64)
    z_ += row * n
    dz_ += row * n
    kind: tl.constexpr = dz_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    zero, one = wide.number(0.0, FULL), wide.number(1.0, FULL)
    t_, t_low_, label, known, counts = start(t_, t_low_, row, n, ignored, MODE, IGNORES)
    if counts:
        most, place, tau, d, undefined = threshold(z_, None, n, one, BLOCK, BLOCKS, 1, FULL)
        rest_q, rest_p = wide.nothing(FULL), wide.nothing(FULL)
        q_top, outside = wide.nothing(FULL), wide.nothing(FULL)
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            if BLOCKS > 1:  # otherwise they are held
                d, _ = below_most(z_, None, here, n, most, place, one, 1)
            q = _targets(
                t_, t_low_, w_, w_low_, here, here < n, label, one, zero, MODE, PAIRED, WEIGHTS,
                False, FULL,
            )  # fmt: skip
            p = above(d, tau)
            rest_q = wide.add(rest_q, others(q, here, place))
            q_top = wide.add(q_top, at_place(q, here, place))
            rest_p = wide.add(rest_p, others(p, here, place))
            # Infinite for a target on a logit of -inf.
            under = wide.where_not_zero(q, wide.mul(q, above(wide.neg(d), wide.neg(tau))))
            outside = wide.add(outside, wide.total(under))
        all_q = wide.add(rest_q, q_top)
        p_top = wide.neg(tau)
        # Where p > 1/2, of which there is at most one, the others have what it lacks.
        of_top = wide.select(
            p_top[0] > 0.5,
            wide.sub(rest_q, wide.mul(all_q, rest_p)),
            wide.sub(wide.mul(all_q, p_top), q_top),
        )
        # Squares of tiny or huge weights leave the range where those over their sum do not.
        lift = LIFT - wide.exponent(all_q)
        squares = wide.nothing(FULL)
        undefined = undefined | (all_q[0] != all_q[0])
        if MODE == "labels":  # a label that is no class leaves nothing defined
            undefined = undefined | (known == 0)
        factor = one
        if GRADIENT:
            factor = _factor(factor_bits, factor_, BY_TENSOR, FULL)
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            if BLOCKS > 1:
                d, _ = below_most(z_, None, here, n, most, place, one, 1)
            q = _targets(
                t_, t_low_, w_, w_low_, here, here < n, label, one, zero, MODE, PAIRED, WEIGHTS,
                False, FULL,
            )  # fmt: skip
            g = wide.sub(wide.mul(all_q, above(d, tau)), q)
            g = wide.select(here == place, of_top, g)
            lifted = wide.by_power(g, lift)
            squares = wide.add(squares, wide.total(wide.mul(lifted, lifted)))
            if GRADIENT:
                dz = wide.undefined_where(undefined, wide.mul(g, factor))
                tl.store(dz_ + here, wide.stored(dz, kind), mask=here < n)
        none = wide.is_zero(all_q)
        unit = wide.select(none, one, wide.by_power(wide.add(all_q, all_q), lift))
        inside = wide.by_power(wide.div(squares, unit), -lift)
        loss = wide.add(wide.select(none, zero, inside), outside)
        wide.store_sum(loss_, row, tl.num_programs(0), wide.undefined_where(undefined, loss))
    else:
        write_nothing(loss_, dz_, row, n, BLOCK, BLOCKS, GRADIENT, FULL)


def sparsemax_loss(
    logits: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    ignore_index: int | None = None,
    *,
    factor: float | torch.Tensor = 1.0,
    gradient: bool = True,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Loss of each row in float64 and gradient by the logits, classes last: as `cross_entropy`."""
    given = heads.of_rows(logits, target, weight, ignore_index, factor, gradient)
    if given.grid[0]:
        sparsemax_kernel[given.grid](*given.operands, **given.flags)
    return given.result()
