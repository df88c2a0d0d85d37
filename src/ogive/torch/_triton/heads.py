"""Cross-entropy and binary cross-entropy: loss and gradient by the logits in one pass."""

# mypy: ignore-errors
from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

from . import pairs, seam, wide
from .numbers import bits, halves, pair_bits
from .row_functions import blocks, inverse_of
from .row_math import at_place, distance, distances, greatest, greatest_and_rest, joined, others
from .seam import library
from .storage import widen


@triton.jit
def _allowed(a, most: tl.constexpr):
    """A target, or NaN where it is not between 0 and its bound, or is infinite."""
    bad = (a[0] < 0) | (a[0] > most) | (tl.abs(a[0]) == float("inf"))
    return wide.undefined_where(bad, a)


@triton.jit
def _finite(a):
    """A weight, or NaN where it is infinite."""
    return wide.undefined_where(tl.abs(a[0]) == float("inf"), a)


@triton.jit
def _weight(w_, w_low_, at, inside, KIND: tl.constexpr, FULL: tl.constexpr):
    """Weights, which are doubles, floats or pairs of those."""
    w = wide.load(w_, w_low_, at, inside, KIND == "pairs")
    return _finite((w[0].to(tl.float64),) if FULL else w)


@triton.jit
def _logits(z_, at, inside, cap, CAPPED: tl.constexpr, FULL: tl.constexpr):
    """Logits, behind their softcap; -inf past the row's end."""
    z = widen(tl.load(z_ + at, mask=inside, other=0.0))
    found = (z,)
    if CAPPED:
        wide_z = (z.to(tl.float64),) if FULL else (z,)
        found = wide.mul(cap, wide.tanh(wide.div(wide_z, cap)))
    return pairs.with_high(found, tl.where(inside, found[0], float("-inf")))


@triton.jit
def _targets(
    t_, t_low_, w_, w_low_, at, inside, label, kept, even, MODE: tl.constexpr,
    PAIRED: tl.constexpr, WEIGHTS: tl.constexpr, SMOOTHED: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    """What is asked of each class: q = w (t (1 - smoothing) + smoothing/n)."""
    if MODE == "labels":
        q = wide.select(at == label, kept, (tl.zeros((), kept[0].dtype),))
    else:
        t = wide.load(t_, t_low_, at, inside, PAIRED)
        t = (widen(t[0]).to(tl.float64),) if FULL else pairs.with_high(t, widen(t[0]))
        q = wide.mul(_allowed(t, float("inf")), kept)
    if SMOOTHED:
        q = wide.select(inside, wide.add(q, even), (tl.zeros((), kept[0].dtype),))
    if WEIGHTS != "none":
        q = wide.mul(q, _weight(w_, w_low_, at, inside, WEIGHTS, FULL))
    return q


@triton.jit
def _label(t_, row, n, ignored, IGNORES: tl.constexpr):
    """A row's label, whether it is a class, and whether the row counts."""
    label = tl.load(t_ + row)
    known = (label >= 0) & (label < n)
    counts = label == label
    if IGNORES:
        counts = label != ignored
    tl.device_assert(known | (counts == 0), "a label is neither a class nor ignore_index")
    return label, known, counts


@triton.jit
def start(t_, t_low_, row, n, ignored, MODE: tl.constexpr, IGNORES: tl.constexpr):
    """Of a row: where its probabilities lie, its label, whether that is a class, and whether the
    row counts.
    """
    label = 0
    known = True
    counts = True
    if MODE == "labels":
        label, known, counts = _label(t_, row, n, ignored, IGNORES)
    else:
        t_ += row * n
        t_low_ += row * n
    return t_, t_low_, label, known, counts


@triton.jit
def write_nothing(
    loss_, dz_, row, n, BLOCK: tl.constexpr, BLOCKS: tl.constexpr, GRADIENT: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    """The loss and the gradient of a row that does not count."""
    wide.store_sum(loss_, row, tl.num_programs(0), wide.number(0.0, FULL))
    if GRADIENT:
        for k in range(0, BLOCKS):
            here = k * BLOCK + tl.arange(0, BLOCK)
            nothing = tl.zeros([BLOCK], tl.float32)
            tl.store(dz_ + here, nothing.to(dz_.dtype.element_ty), mask=here < n)


@triton.jit
def _sums(z, q, at, inverse):
    """A block's greatest logit, its place, the distances d from it, and the sums of a row: of e^d
    but for its own 1, of -d q, and of q at its place and elsewhere.
    """
    most, place = greatest(z, at)
    d = distances(z, at, most, place, inverse)
    rest = others(wide.term(d), at, place)
    # A class that nothing is asked of adds nothing, also where its logit is -inf.
    linear = wide.total(wide.where_not_zero(q, wide.mul(wide.neg(d), q)))
    return most, place, d, rest, linear, at_place(q, at, place), others(q, at, place)


@triton.jit
def _factor(bits_, p_, BY_TENSOR: tl.constexpr, FULL: tl.constexpr):
    """What multiplies the gradient: a number, or one that lies on the device."""
    if BY_TENSOR:
        h = tl.load(p_)
        found = (h,) if FULL else (h, tl.load(p_ + 1))
    else:
        found = wide.parameter(bits_, FULL)
    return found


@triton.jit
def cross_entropy_kernel(
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
    z_loss_: tl.int64,
    cap_: tl.int64,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    MODE: tl.constexpr,
    PAIRED: tl.constexpr,
    WEIGHTS: tl.constexpr,
    SMOOTHED: tl.constexpr,
    CAPPED: tl.constexpr,
    PENALISED: tl.constexpr,
    IGNORES: tl.constexpr,
    GRADIENT: tl.constexpr,
    BY_TENSOR: tl.constexpr,
    FULL: tl.constexpr,
):
    """One row: after catalog/heads/cross_entropy.hpp, whose names it keeps."""
    row = tl.program_id(0).to(tl.int64)
    z_ += row * n
    dz_ += row * n
    kind: tl.constexpr = dz_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    kept, even = wide.parameter(kept_, FULL), wide.parameter(even_, FULL)
    z_loss, cap = wide.parameter(z_loss_, FULL), wide.parameter(cap_, FULL)
    inverse = wide.parameter(inverse_, FULL)
    zero, one = wide.number(0.0, FULL), wide.number(1.0, FULL)
    t_, t_low_, label, known, counts = start(t_, t_low_, row, n, ignored, MODE, IGNORES)
    own = one
    if MODE == "labels" and WEIGHTS != "none":
        own = _weight(w_, w_low_, tl.where(known, label, 0), known, WEIGHTS, FULL)
    if counts:
        z = _logits(z_, at, at < n, cap, CAPPED, FULL)
        q = _targets(
            t_, t_low_, w_, w_low_, at, at < n, label, kept, even, MODE, PAIRED, WEIGHTS, SMOOTHED,
            FULL,
        )  # fmt: skip
        most, place, d, rest, linear, most_q, rest_q = _sums(z, q, at, inverse)
        if BLOCKS > 1:
            for k in range(1, BLOCKS):
                here = k * BLOCK + at
                inside = here < n
                z = _logits(z_, here, inside, cap, CAPPED, FULL)
                q = _targets(
                    t_, t_low_, w_, w_low_, here, inside, label, kept, even, MODE, PAIRED, WEIGHTS,
                    SMOOTHED, FULL,
                )  # fmt: skip
                block_most, block_place, d, block_rest, block_linear, block_q, block_rest_q = _sums(
                    z, q, here, inverse
                )
                newer = block_most[0] > most[0]
                # The distances of the part whose greatest is the lower one grow alike.
                low_q = wide.select(
                    newer, wide.add(rest_q, most_q), wide.add(block_rest_q, block_q)
                )
                gap = distance(block_most, most, inverse)
                gap = wide.select(newer, gap, wide.neg(gap))
                grown = wide.where_not_zero(low_q, wide.mul(gap, low_q))
                linear = wide.add(wide.add(linear, block_linear), grown)
                rest_q = wide.add(
                    wide.add(rest_q, block_rest_q), wide.select(newer, most_q, block_q)
                )
                most_q = wide.select(newer, block_q, most_q)
                rest, most, place = joined(
                    rest, most, place, block_rest, block_most, block_place, inverse
                )
        rest = wide.sum_of_terms(rest)
        log_sum = wide.log1p(rest)
        whole = wide.add(rest_q, most_q)
        loss = wide.add(linear, wide.mul(whole, log_sum))
        pull = zero
        if PENALISED:
            lse = wide.add(wide.mul(most, inverse), log_sum)
            penalty = wide.mul(wide.mul(own, z_loss), lse)
            loss = wide.add(loss, wide.mul(penalty, lse))
            pull = wide.add(penalty, penalty)
        undefined = rest[0] != rest[0]
        if MODE == "labels":  # a label that is no class leaves nothing defined
            undefined = undefined | (known == 0)
        loss = wide.undefined_where(undefined, loss)
        wide.store_sum(loss_, row, tl.num_programs(0), loss)
        if GRADIENT:
            factor = wide.mul(_factor(factor_bits, factor_, BY_TENSOR, FULL), inverse)
            over = wide.plain(wide.div(one, wide.add(one, rest)))
            of_most = wide.sub(rest_q, wide.mul(whole, wide.mul(rest, over)))
            of_most = wide.mul(wide.add(of_most, wide.mul(pull, over)), factor)
            scale = wide.mul(wide.add(whole, pull), over)
            for k in range(0, BLOCKS):
                here = k * BLOCK + at
                inside = here < n
                if BLOCKS > 1:  # otherwise they are held
                    z = _logits(z_, here, inside, cap, CAPPED, FULL)
                    q = _targets(
                        t_, t_low_, w_, w_low_, here, inside, label, kept, even, MODE, PAIRED,
                        WEIGHTS, SMOOTHED, FULL,
                    )  # fmt: skip
                    d = distances(z, here, most, place, inverse)
                share = wide.mul(wide.power(d, kind != tl.float16), scale)
                g = wide.mul(wide.sub(share, q), factor)
                g = wide.select(here == place, of_most, g)
                if CAPPED:
                    raw = widen(tl.load(z_ + here, mask=inside, other=0.0))
                    g = _bent(g, (raw.to(tl.float64),) if FULL else (raw,), cap)
                g = wide.undefined_where(undefined, g)
                tl.store(dz_ + here, wide.stored(g, kind), mask=inside)
    else:
        write_nothing(loss_, dz_, row, n, BLOCK, BLOCKS, GRADIENT, FULL)


@triton.jit
def _bent(g, raw, cap):
    """A gradient by capped logits as one by the logits; 0 where the cap is reached."""
    x = wide.div(raw, cap)
    e = wide.power(wide.neg(wide.size_of(wide.add(x, x))), False)
    d = wide.add((e[0] * 0.0 + 1.0,), e)
    twice = wide.add(e, e)
    bend = wide.div(wide.add(twice, twice), wide.mul(d, d))
    reached = wide.tanh(x)
    flat = (tl.abs(reached[0]) == 1) if len(reached) == 1 else (e[0] < 2.0**-53)
    return wide.select(flat, (tl.zeros((), g[0].dtype),), wide.mul(g, bend))


@triton.jit
def label_kernel(
    z_,
    t_,
    w_,
    w_low_,
    factor_,
    loss_,
    dz_,
    n,
    ignored,
    factor_bits: tl.int64,
    z_loss_: tl.int64,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    WEIGHTS: tl.constexpr,
    PENALISED: tl.constexpr,
    IGNORES: tl.constexpr,
    GRADIENT: tl.constexpr,
    BY_TENSOR: tl.constexpr,
    FULL: tl.constexpr,
):
    """`cross_entropy_kernel` for labels without smoothing or softcap: one class is asked for, so
    an element costs two exponentials and little more.
    """
    row = tl.program_id(0).to(tl.int64)
    z_ += row * n
    dz_ += row * n
    kind: tl.constexpr = dz_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    inverse = wide.parameter(inverse_, FULL)
    zero, one = wide.number(0.0, FULL), wide.number(1.0, FULL)
    label, known, counts = _label(t_, row, n, ignored, IGNORES)
    skipped = counts == 0
    known = known & counts
    own = one
    if WEIGHTS != "none":
        own = _weight(w_, w_low_, tl.where(known, label, 0), known, WEIGHTS, FULL)
    # Read before the barriers of the sums: the gradient may take the logits' place.
    target = (widen(tl.load(z_ + tl.where(known, label, 0))),)
    most, place, rest, held, _, _ = greatest_and_rest(z_, n, inverse, BLOCK, BLOCKS)
    sure = place == label
    d = wide.select(sure, zero, distance(target, most, inverse))
    log_sum = wide.log1p(rest)
    # A class that nothing is asked of adds nothing, also where its logit is -inf.
    loss = wide.where_not_zero(own, wide.mul(own, wide.sub(log_sum, d)))
    pull = zero
    if PENALISED:
        lse = wide.add(wide.mul(most, inverse), log_sum)
        penalty = wide.mul(wide.mul(own, wide.parameter(z_loss_, FULL)), lse)
        pull = wide.add(penalty, penalty)
        loss = wide.add(loss, wide.where_not_zero(penalty, wide.mul(penalty, lse)))
    # A NaN anywhere, several infinities or a label that is no class leave nothing defined.
    undefined = (rest[0] != rest[0]) | (known == 0)
    loss = wide.undefined_where(undefined, loss)
    factor = zero
    if GRADIENT:
        factor = wide.mul(_factor(factor_bits, factor_, BY_TENSOR, FULL), inverse)
    if IGNORES:
        loss = wide.select(skipped, zero, loss)
        undefined = (skipped == 0) & undefined
    wide.store_sum(loss_, row, tl.num_programs(0), loss)
    if GRADIENT:
        over = wide.plain(wide.div(one, wide.add(one, rest)))
        scale = wide.mul(wide.mul(wide.add(own, pull), over), factor)
        missed = wide.neg(wide.mul(own, wide.mul(rest, over)))
        asked = wide.select(sure, missed, wide.mul(own, over))
        of_most = wide.mul(wide.add(wide.mul(pull, over), asked), factor)
        of_label = wide.sub(wide.mul(wide.power(d, True), scale), wide.mul(own, factor))
        if IGNORES:  # not even a NaN of the logits comes through
            scale = wide.select(skipped, zero, scale)
            of_most = wide.select(skipped, zero, of_most)
        scale = wide.undefined_where(undefined, scale)
        of_most = wide.undefined_where(undefined, of_most)
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            if BLOCKS > 1:
                z = (widen(tl.load(z_ + here, mask=here < n, other=float("-inf"))),)
            else:
                z = held
            e = wide.power(distance(z, most, inverse), kind != tl.float16)
            g = wide.stored(wide.where_not_zero(scale, wide.mul(e, scale)), kind)
            g = tl.where(here == label.to(tl.int32), wide.stored(of_label, kind), g)
            g = tl.where(here == place, wide.stored(of_most, kind), g)
            tl.store(dz_ + here, g, mask=here < n)


def _operand(t: torch.Tensor | None, full: bool, like: torch.Tensor) -> tuple[Any, Any, str]:
    """An operand of real numbers, its lower parts, and how a kernel reads it."""
    if t is None:
        return like, like, "none"
    if full:
        t = t.to(torch.float64).contiguous()
        return t, t, "doubles"
    if t.dtype == torch.float64:
        high, low = halves(t)
        return high.contiguous(), low.contiguous(), "pairs"
    t = t.contiguous() if t.dtype in (torch.float16, torch.bfloat16) else t.float().contiguous()
    return t, t, "floats"


def _factor_operand(
    factor: float | torch.Tensor, full: bool, like: torch.Tensor
) -> tuple[torch.Tensor, int, bool]:
    """What multiplies a gradient: its tensor, its bits, and which of the two it is."""
    if not isinstance(factor, torch.Tensor):
        return like, bits(factor) if full else pair_bits(factor), False
    by = factor.to(device=like.device, dtype=torch.float64)
    return by if full else torch.stack(halves(by)), 0, True


def _sums_of(found: torch.Tensor) -> torch.Tensor:
    """Sums in float64, of which kernels without doubles leave two parts."""
    return found if found.dtype == torch.float64 else found.double().sum(0)


def _empty_sums(shape: tuple[int, ...], full: bool, device: torch.device) -> torch.Tensor:
    if full:
        return torch.empty(shape, dtype=torch.float64, device=device)
    return torch.empty((2, *shape), dtype=torch.float32, device=device)


def cross_entropy(
    logits: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
    *,
    factor: float | torch.Tensor = 1.0,
    gradient: bool = True,
    out: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Loss of each row and gradient by the logits, classes last.

    Parameters
    ----------
    target
        Labels, one per row, or probabilities of the logits' shape. A label that is neither a class
        nor ``ignore_index`` fails an assertion on the device, which the next synchronisation
        reports, as torch's does. A probability that is negative and a weight that is infinite give
        NaN: asking for them on the host would wait for the device.
    factor
        Multiplies the gradient before it is rounded: 1/total for a mean.
    gradient
        Whether it is asked for; None is returned in its place otherwise.
    out
        Takes the gradient: contiguous, of the logits' shape and format; it may be the logits.

    Returns
    -------
    loss, dlogits
        float64, so that a sum is rounded once; and the logits' format.
    """
    given = of_rows(logits, target, weight, ignore_index, factor, gradient, out)
    n, full = logits.shape[-1], logits.dtype == torch.float64
    number, inverse = bits if full else pair_bits, inverse_of(temperature, full)
    if given.flags["MODE"] == "labels" and label_smoothing == 0 and softcap is None:
        z, t, _, *rest = given.operands
        flags = {key: v for key, v in given.flags.items() if key not in ("MODE", "PAIRED")}
        if given.grid[0]:
            label_kernel[given.grid](
                z, t, *rest, number(z_loss), inverse, PENALISED=z_loss != 0, **flags
            )
    elif given.grid[0]:
        cross_entropy_kernel[given.grid](
            *given.operands, number(1 - label_smoothing), number(label_smoothing / n),
            number(z_loss), number(softcap or 0.0), inverse, SMOOTHED=label_smoothing != 0,
            CAPPED=softcap is not None, PENALISED=z_loss != 0, **given.flags,
        )  # fmt: skip
    return given.result()


class OfRows(NamedTuple):
    """What the kernels of losses of rows have in common."""

    grid: tuple[int]
    operands: tuple[Any, ...]
    flags: dict[str, Any]
    loss: torch.Tensor
    gradient: torch.Tensor | None
    lead: torch.Size

    def result(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        return _sums_of(self.loss).reshape(self.lead), self.gradient


def of_rows(
    logits: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None,
    ignore_index: int | None,
    factor: float | torch.Tensor,
    gradient: bool,
    out: torch.Tensor | None = None,
) -> OfRows:
    """Operands from logits to the factor's bits, and flags; the loss, and the gradient."""
    z = logits.contiguous()
    if out is not None and not (
        out.is_contiguous() and out.shape == z.shape and out.dtype == z.dtype
    ):
        raise ValueError(
            f"out of shape {tuple(out.shape)}, strides {out.stride()} and {out.dtype} is no "
            f"contiguous {z.dtype} tensor of the logits' shape {tuple(z.shape)}"
        )
    n, lead, full = z.shape[-1], z.shape[:-1], z.dtype == torch.float64
    count = lead.numel()
    loss = _empty_sums((count,), full, z.device)
    dz = (torch.empty_like(z) if out is None else out) if gradient else None
    labels = target.shape == lead and not target.is_floating_point()
    t, t_low, t_kind = (target.contiguous(), z, "labels") if labels else _operand(target, full, z)
    w, w_low, weights = _operand(weight, full, z)
    by, by_bits, by_tensor = _factor_operand(factor, full, z)
    last = (by, loss, z if dz is None else dz, n, ignore_index or 0, by_bits)
    flags = {
        "MODE": "labels" if labels else "probabilities", "PAIRED": t_kind == "pairs",
        "WEIGHTS": weights, "IGNORES": labels and ignore_index is not None,
        "GRADIENT": gradient, "BY_TENSOR": by_tensor, "FULL": full,
        "enable_fp_fusion": False, **ASSERTING, **blocks(n),
    }  # fmt: skip
    grid = (count if n else 0,)
    return OfRows(grid, (z, t, t_low, w, w_low, *last), flags, loss, dz, lead)


ASSERTING = {"debug": True, "sanitize_overflow": False}
"""Of what Triton compiles for debugging, a kernel's own assertions."""


@triton.jit
def binary_kernel(
    z_,
    t_,
    t_low_,
    positive_,
    positive_low_,
    w_,
    w_low_,
    factor_,
    loss_,
    dz_,
    n,
    positive_count,
    w_count,
    factor_bits: tl.int64,
    kept_: tl.int64,
    even_: tl.int64,
    BLOCK: tl.constexpr,
    PAIRED: tl.constexpr,
    POSITIVE: tl.constexpr,
    WEIGHTS: tl.constexpr,
    SMOOTHED: tl.constexpr,
    SUMMED: tl.constexpr,
    GRADIENT: tl.constexpr,
    BY_TENSOR: tl.constexpr,
    FULL: tl.constexpr,
):
    """Elements: after catalog/heads/binary_cross_entropy.hpp, whose names it keeps."""
    block = tl.program_id(0).to(tl.int64)
    at = block * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    given = widen(tl.load(z_ + at, mask=inside, other=0.0))
    zero = wide.number(0.0, FULL)
    yes, no = _sides(t_, t_low_, at, inside, kept_, even_, PAIRED, SMOOTHED, FULL)
    if POSITIVE != "none":
        w = _weight(positive_, positive_low_, at % positive_count, inside, POSITIVE, FULL)
        yes = wide.mul(yes, w)
    if WEIGHTS != "none":
        w = _weight(w_, w_low_, at % w_count, inside, WEIGHTS, FULL)
        yes, no = wide.mul(yes, w), wide.mul(no, w)
    kind: tl.constexpr = dz_.dtype.element_ty
    ranged: tl.constexpr = kind != tl.float16
    up, down, above, below = _logistic_parts(given, ranged)
    # A side without weight adds nothing, also where its loss is infinite.
    loss = wide.where_not_zero(yes, wide.mul(yes, down))
    loss = wide.add(loss, wide.where_not_zero(no, wide.mul(no, up)))
    loss = wide.undefined_where(given != given, loss)
    if SUMMED:
        loss = wide.total(wide.select(inside, pairs.value(loss), zero))
        wide.store_sum(loss_, block, tl.num_programs(0), loss)
    else:
        tl.store(loss_ + at, wide.stored(loss, loss_.dtype.element_ty), mask=inside)
    if GRADIENT:
        g = wide.sub(wide.mul(no, above), wide.mul(yes, below))
        g = wide.mul(g, _factor(factor_bits, factor_, BY_TENSOR, FULL))
        g = wide.undefined_where(given != given, g)
        tl.store(dz_ + at, wide.stored(g, kind), mask=inside)


@triton.jit
def _sides(
    t_, t_low_, at, inside, kept_, even_, PAIRED: tl.constexpr, SMOOTHED: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    """A target between 0 and 1, behind its smoothing, and what is left of 1."""
    t = wide.load(t_, t_low_, at, inside, PAIRED)
    t = (widen(t[0]).to(tl.float64),) if FULL else pairs.with_high(t, widen(t[0]))
    yes = _allowed(t, 1.0)
    if SMOOTHED:
        yes = wide.mul(yes, wide.parameter(kept_, FULL))
        yes = wide.add(yes, wide.parameter(even_, FULL))
    return yes, wide.sub(wide.number(1.0, FULL), yes)


@triton.jit
def _logistic_parts(x, ranged: tl.constexpr):
    """softplus(x), softplus(-x), logistic(x), logistic(-x)"""
    if x.dtype == tl.float64:
        e = library.exp(-tl.abs(x))
        tail = library.log1p(e)
        large = 1.0 / (1.0 + e)
        small = e * large
        up, down = (tl.maximum(x, 0.0) + tail,), (tl.maximum(-x, 0.0) + tail,)
        above, below = (tl.where(x < 0, small, large),), (tl.where(x < 0, large, small),)
    else:
        e = pairs.exp_of_minus((x,), ranged)
        tail = pairs.log1p_unit(e)
        whole = wide.add((tl.abs(x),), pairs.value(tail))
        up, down = pairs.select(x < 0, tail, whole), pairs.select(x < 0, whole, tail)
        sum = pairs.one_and(e)
        large = pairs.div((tl.full((), 1.0, tl.float32),), sum)
        small = pairs.div(e, sum)
        above, below = pairs.select(x < 0, small, large), pairs.select(x < 0, large, small)
    return up, down, above, below


BINARY_BLOCK = seam.scale(1024, 1 << 12)


def binary_cross_entropy(
    logits: torch.Tensor,
    target: torch.Tensor,
    pos_weight: torch.Tensor | None = None,
    weight: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    *,
    factor: float | torch.Tensor = 1.0,
    gradient: bool = True,
    summed: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Loss of each element, or their sum in float64, and gradient by the logits.

    The losses come in the logits' format, or in float32 where that has sixteen bits. Weights are
    broadcast against the logits.
    """
    z = logits.contiguous()
    n, full = z.numel(), z.dtype == torch.float64
    programs = triton.cdiv(n, BINARY_BLOCK)
    loss = _empty_losses(z, programs, summed)
    dz = torch.empty_like(z) if gradient else None
    t, t_low, t_kind = _operand(target, full, z)
    by, by_bits, by_tensor = _factor_operand(factor, full, z)
    positive, positive_low, positive_kind = _operand(_spread(pos_weight, z), full, z)
    w, w_low, weights = _operand(_spread(weight, z), full, z)
    number = bits if full else pair_bits
    if n:
        binary_kernel[(programs,)](
            z, t, t_low, positive, positive_low, w, w_low, by, loss, z if dz is None else dz, n,
            positive.numel(), w.numel(), by_bits, number(1 - label_smoothing),
            number(label_smoothing / 2), BLOCK=BINARY_BLOCK, PAIRED=t_kind == "pairs",
            POSITIVE=positive_kind, WEIGHTS=weights, SMOOTHED=label_smoothing != 0,
            SUMMED=summed, GRADIENT=gradient, BY_TENSOR=by_tensor, FULL=full,
            enable_fp_fusion=False,
        )  # fmt: skip
    return _sums_of(loss).sum() if summed else loss, dz


def _empty_losses(z: torch.Tensor, programs: int, summed: bool) -> Any:
    """Memory for the sum of each program, or for the loss of each element."""
    if summed:
        return _empty_sums((programs,), z.dtype == torch.float64, z.device)
    form = torch.promote_types(z.dtype, torch.float32)
    return torch.empty(z.shape, dtype=form, device=z.device)


def _spread(weight: torch.Tensor | None, z: torch.Tensor) -> torch.Tensor | None:
    """A weight that repeats along the logits: whole, or one for their last axes."""
    if weight is None:
        return None
    w = weight
    while w.dim() and w.shape[0] == 1:
        w = w[0]
    if w.shape != z.shape[z.dim() - w.dim() :]:
        w = w.broadcast_to(z.shape)
    return w.contiguous()


def _add_product(total: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    """total += a b, where the total may be of a wider format: no product is rounded to theirs."""
    if total.dtype == a.dtype:
        total.addmm_(a, b)
    elif a.is_cuda:
        total += torch.mm(a, b, out_dtype=total.dtype)
    else:
        total.addmm_(a.to(total.dtype), b.to(total.dtype))


CHUNK_BYTES = 1 << 28
"""Of logits that exist at a time."""


def linear_cross_entropy(
    x: torch.Tensor,
    W: torch.Tensor,
    target: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    factor: float | torch.Tensor = 1.0,
    chunk_rows: int | None = None,
    **options: object,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Loss of each row of x W' + bias, and its gradients by x, W and bias.

    The logits exist a chunk of rows at a time, and the gradient takes their place; dW is summed in
    float32 at least, within a chunk and between them. Options are those of `cross_entropy`.
    """
    rows, classes = x.shape[0], W.shape[0]
    chunk = chunk_rows or max(1, min(rows, CHUNK_BYTES // (classes * x.element_size())))
    loss = torch.empty(rows, dtype=torch.float64, device=x.device)
    wide = torch.promote_types(x.dtype, torch.float32)
    dx = torch.empty_like(x)
    dW = torch.zeros(W.shape, dtype=wide, device=x.device)
    db = None if bias is None else torch.zeros(classes, dtype=torch.float64, device=x.device)
    for begin in range(0, rows, chunk):
        some = slice(begin, begin + chunk)
        logits = x[some] @ W.T
        if bias is not None:
            logits += bias
        part, dz = cross_entropy(
            logits,
            target[some],
            factor=factor,
            out=logits,
            **options,  # type: ignore[arg-type]
        )
        loss[some] = part
        torch.matmul(dz, W, out=dx[some])
        _add_product(dW, dz.T, x[some])
        if db is not None:
            db += dz.sum(0, dtype=torch.float64)
    return loss, dx, dW.to(W.dtype), None if bias is None else db.to(bias.dtype)
