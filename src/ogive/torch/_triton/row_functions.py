"""Softmax and its kin over the last axis: forward, and backward from the input or the output."""

# mypy: ignore-errors
from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

from . import seam, wide
from .numbers import bits, pair_bits, repeated
from .row_math import (
    at_place,
    distances,
    elements,
    greatest,
    greatest_and_rest,
    others,
    taking_part,
)
from .storage import widen


class Kind(NamedTuple):
    """What a function does beside softmax."""

    negated: bool = False
    of_log: bool = False
    reduced: bool = False

    def flags(self) -> dict[str, bool]:
        return {key.upper(): value for key, value in self._asdict().items()}


KINDS = {
    "softmax": Kind(),
    "softmin": Kind(negated=True),
    "log_softmax": Kind(of_log=True),
    "logsumexp": Kind(reduced=True),
}
LONGEST_BLOCK = seam.scale(1 << 13, 1 << 20)
"""Elements of a row that one program holds in registers."""
LOOP_BLOCK = seam.scale(1 << 13, 1 << 9)
"""Elements that it takes at a time of a longer one."""


@triton.jit
def _result(d, rest, OF_LOG: tl.constexpr, ranged: tl.constexpr, FULL: tl.constexpr):
    one = wide.number(1.0, FULL)
    if OF_LOG:
        y = wide.sub(d, wide.log1p(rest))
    else:
        y = wide.mul(wide.power(d, ranged), wide.plain(wide.div(one, wide.add(one, rest))))
    # A NaN anywhere, or several infinities, leave no probability to speak of.
    return wide.undefined_where(rest[0] != rest[0], y)


@triton.jit
def forward_kernel(
    x_,
    low_,
    keep_,
    y_,
    n,
    inverse_: tl.int64,
    keep_inner,
    keep_count,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    NEGATED: tl.constexpr,
    OF_LOG: tl.constexpr,
    REDUCED: tl.constexpr,
    FULL: tl.constexpr,
):
    """A row, which `low_` makes one of pairs of floats, and of which `keep_` is the mask."""
    row = tl.program_id(0).to(tl.int64)
    x_ += row * n
    if low_ is not None:
        low_ += row * n
    if keep_ is not None:
        keep_ += ((row // keep_inner) % keep_count) * n
    kind: tl.constexpr = y_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    inverse = wide.parameter(inverse_, FULL)
    most, place, rest, x, unordered, any_counts = greatest_and_rest(
        x_, n, inverse, BLOCK, BLOCKS, low_, keep_, NEGATED, REDUCED
    )
    if REDUCED:
        top = wide.mul(most, inverse)
        y = wide.add(top, wide.log1p(rest))
        y = wide.select(tl.abs(top[0]) == float("inf"), (top[0],), y)
        y = wide.undefined_where(unordered != 0, y)
        tl.store(y_ + row, wide.stored(y, kind))
    else:
        y_ += row * n
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            if BLOCKS > 1:  # otherwise they are held
                x = elements(x_, low_, here, taking_part(keep_, here, n), NEGATED)
            d = distances(x, here, most, place, inverse)
            y = _result(d, rest, OF_LOG, kind != tl.float16, FULL)
            if keep_ is not None:
                nothing = wide.number(float("-inf") if OF_LOG else 0.0, FULL)
                y = wide.select(any_counts == 0, nothing, y)
            tl.store(y_ + here, wide.stored(y, kind), mask=here < n)


@triton.jit
def backward_kernel(
    dy_,
    x_,
    low_,
    keep_,
    dx_,
    n,
    inverse_: tl.int64,
    keep_inner,
    keep_count,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    NEGATED: tl.constexpr,
    OF_LOG: tl.constexpr,
    REDUCED: tl.constexpr,
    FULL: tl.constexpr,
):
    """dx from such a row, by its probabilities p: p (dy - sum p dy), dy - p sum dy, or p dy."""
    row = tl.program_id(0).to(tl.int64)
    x_ += row * n
    dx_ += row * n
    if low_ is not None:
        low_ += row * n
    if keep_ is not None:
        keep_ += ((row // keep_inner) % keep_count) * n
    kind: tl.constexpr = dx_.dtype.element_ty
    ranged: tl.constexpr = kind != tl.float16
    at = tl.arange(0, BLOCK)
    inverse = wide.parameter(inverse_, FULL)
    zero, one = wide.number(0.0, FULL), wide.number(1.0, FULL)
    most, place, rest, x, _, any_counts = greatest_and_rest(
        x_, n, inverse, BLOCK, BLOCKS, low_, keep_, NEGATED
    )
    over = wide.plain(wide.div(one, wide.add(one, rest)))
    shift = wide.nothing(FULL)
    if REDUCED:
        own = _upstream(dy_ + row, True, FULL)
    else:
        dy_ += row * n
        # What comes to the likeliest class, of which a row of NaN has none.
        own = _upstream(dy_ + place, place < n, FULL)
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            kept = taking_part(keep_, here, n)
            dy = _upstream(dy_ + here, kept, FULL)
            if OF_LOG:
                shift = wide.add(shift, others(dy, here, place))
            else:
                if BLOCKS > 1:  # otherwise they are held
                    x = elements(x_, low_, here, kept, NEGATED)
                d = distances(x, here, most, place, inverse)
                # With dy less that of the likeliest class, as in `softmax_backward_kernel`.
                p = wide.mul(wide.power(d, ranged), over)
                p_dy = wide.small(wide.mul(p, wide.sub(dy, own)))
                shift = wide.add(shift, wide.total(wide.select(_is_no_class(d), zero, p_dy)))
    if OF_LOG:
        # 1 - p of the likeliest class is rest/(1 + rest).
        of_most = wide.mul(wide.sub(wide.mul(own, rest), shift), over)
        shift = wide.add(shift, own)
    elif not REDUCED:
        shift = wide.sum_of_small(shift)
    by = wide.neg(inverse) if NEGATED else inverse
    undefined = (rest[0] != rest[0]) & (any_counts != 0)
    for k in range(0, BLOCKS):
        here = k * BLOCK + at
        kept = taking_part(keep_, here, n)
        if BLOCKS > 1:
            x = elements(x_, low_, here, kept, NEGATED)
        d = distances(x, here, most, place, inverse)
        p = wide.mul(wide.power(d, ranged), over)
        if REDUCED:
            dx = wide.mul(p, own)
        else:
            dy = _upstream(dy_ + here, kept, FULL)
            if OF_LOG:
                dx = wide.select(here == place, of_most, wide.sub(dy, wide.mul(p, shift)))
            else:
                dx = wide.mul(p, wide.sub(wide.sub(dy, own), shift))
        # Where nothing is, nothing comes to, whatever arrives.
        dx = wide.select(_is_no_class(d) | (any_counts == 0), zero, wide.mul(dx, by))
        tl.store(dx_ + here, wide.stored(wide.undefined_where(undefined, dx), kind), mask=here < n)


@triton.jit
def _upstream(dy_, kept, FULL: tl.constexpr):
    """What arrives at elements that count."""
    dy = widen(tl.load(dy_, mask=kept, other=0.0))
    return (dy.to(tl.float64) if FULL else dy,)


@triton.jit
def _is_no_class(d):
    """Whether an element has no probability at all: it is masked, or -inf."""
    return d[0] == float("-inf")


@triton.jit
def _probabilities(y_, dy_, at, n, FULL: tl.constexpr):
    """y as it compares, -inf past the row's end; y; and dy."""
    y = widen(tl.load(y_ + at, mask=at < n, other=float("-inf")))
    return (y,), (tl.where(at < n, y, 0.0),), _upstream(dy_ + at, at < n, FULL)


@triton.jit
def softmax_backward_kernel(
    dy_,
    y_,
    dx_,
    n,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    FULL: tl.constexpr,
):
    """dx = y (dy - sum y dy), with dy less that of the likeliest class: a softmax row is blind to a
    constant in dy, and in a row that is sure of its class nothing then cancels.
    """
    row = tl.program_id(0).to(tl.int64)
    y_ += row * n
    dy_ += row * n
    dx_ += row * n
    kind: tl.constexpr = dx_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    inverse = wide.parameter(inverse_, FULL)
    y, p, dy = _probabilities(y_, dy_, at, n, FULL)
    most, place = greatest(y, at)
    origin = at_place(dy, at, place)
    shift = _total_above(origin, p, dy)
    if BLOCKS > 1:
        mass = wide.total(p)
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            y, p, dy = _probabilities(y_, dy_, here, n, FULL)
            block_most, block_place = greatest(y, here)
            other = at_place(dy, here, block_place)
            newer = block_most[0] > most[0]
            # Another origin, for what was summed too.
            grown = wide.where_not_zero(mass, wide.mul(wide.sub(other, origin), mass))
            moved = wide.sub(shift, grown)
            shift = wide.select(newer, moved, shift)
            origin = wide.select(newer, other, origin)
            most = wide.select(newer, block_most, most)
            shift = wide.add(shift, _total_above(origin, p, dy))
            mass = wide.add(mass, wide.total(p))
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            y, p, dy = _probabilities(y_, dy_, here, n, FULL)
            dx = _pulled_back(p, dy, origin, shift, inverse, kind)
            tl.store(dx_ + here, wide.stored(dx, kind), mask=here < n)
    else:
        dx = _pulled_back(p, dy, origin, shift, inverse, kind)
        tl.store(dx_ + at, wide.stored(dx, kind), mask=at < n)


@triton.jit
def _total_above(origin, p, dy):
    """sum p (dy - origin); what arrives at a class without probability does not count."""
    return wide.total(wide.where_not_zero(p, wide.mul(p, wide.sub(dy, origin))))


@triton.jit
def _pulled_back(p, dy, origin, shift, inverse, kind: tl.constexpr):
    rest = wide.sub(wide.sub(dy, origin), shift)
    dx = wide.mul(wide.mul(wide.factor(p[0], kind != tl.float16), rest), inverse)
    return wide.where_not_zero(p, dx)


@triton.jit
def log_softmax_backward_kernel(
    dy_,
    y_,
    dx_,
    n,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    FULL: tl.constexpr,
):
    """dx = dy - e^y sum dy"""
    row = tl.program_id(0).to(tl.int64)
    y_ += row * n
    dy_ += row * n
    dx_ += row * n
    kind: tl.constexpr = dx_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    inverse = wide.parameter(inverse_, FULL)
    dy = widen(tl.load(dy_ + at, mask=at < n, other=0.0))
    total = wide.total((dy,))
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            dy = widen(tl.load(dy_ + here, mask=here < n, other=0.0))
            total = wide.add(total, wide.total((dy,)))
    for k in range(0, BLOCKS):
        here = k * BLOCK + at
        y = widen(tl.load(y_ + here, mask=here < n, other=0.0))
        if BLOCKS > 1:  # otherwise it is held
            dy = widen(tl.load(dy_ + here, mask=here < n, other=0.0))
        share = wide.mul(wide.power((y,), kind != tl.float16), total)
        dx = wide.mul(wide.sub((dy,), share), inverse)
        tl.store(dx_ + here, wide.stored(dx, kind), mask=here < n)


def blocks(n: int) -> dict[str, Any]:
    """How a program goes through a row of n elements."""
    single = n <= LONGEST_BLOCK
    block = max(triton.next_power_of_2(n), 2) if single else LOOP_BLOCK
    return {
        "BLOCK": block,
        "BLOCKS": triton.cdiv(n, block),
        "num_warps": min(max(block // 512, 1), 32),
    }


def inverse_of(temperature: float, full: bool) -> int:
    return bits(1 / temperature) if full else pair_bits(1 / temperature)


def softmax_of(
    z: torch.Tensor, low: torch.Tensor | None, temperature: float, dtype: torch.dtype
) -> torch.Tensor:
    """The softmax of rows of float64, or of pairs of floats, rounded once to a format."""
    out, n, full = torch.empty_like(z, dtype=dtype), z.shape[-1], low is None
    forward_kernel[(z.numel() // n,)](
        z, low, None, out, n, inverse_of(temperature, full), 1, 1,
        **KINDS["softmax"].flags(), FULL=full, enable_fp_fusion=False, **blocks(n),
    )  # fmt: skip
    return out


def softmax_backward_of(
    dy: torch.Tensor,
    z: torch.Tensor,
    low: torch.Tensor | None,
    temperature: float,
    dtype: torch.dtype,
) -> torch.Tensor:
    """dx of such a softmax."""
    out, n, full = torch.empty_like(z, dtype=dtype), z.shape[-1], low is None
    backward_kernel[(z.numel() // n,)](
        dy, z, low, None, out, n, inverse_of(temperature, full), 1, 1,
        **KINDS["softmax"].flags(), FULL=full, enable_fp_fusion=False, **blocks(n),
    )  # fmt: skip
    return out


def rows(
    name: str,
    mode: str,
    tensors: tuple[torch.Tensor, ...],
    parameters: tuple[float, ...] = (),
    keep: torch.Tensor | None = None,
) -> torch.Tensor:
    """A row function's value or backward, over the last axis, of the elements that `keep` keeps."""
    temperature = parameters[0] if parameters else 1.0
    *dy, x = (t.contiguous() for t in tensors)
    n, count, kind = x.shape[-1], x.shape[:-1].numel(), KINDS[name]
    small = kind.reduced and mode == "value"
    out = x.new_empty(x.shape[:-1]) if small else torch.empty_like(x)
    if out.numel() == 0 or n == 0:
        return out.fill_(float("-inf")) if small else out
    full = x.dtype == torch.float64
    how = {"enable_fp_fusion": False, "FULL": full, **blocks(n)}
    upstream = [t.to(x.dtype) for t in dy]
    if mode != "backward_from_output":
        kernel = forward_kernel if mode == "value" else backward_kernel
        mask, *places = mask_operands(keep, x)
        kernel[(count,)](
            *upstream, x, None, mask, out, n, inverse_of(temperature, full), *places,
            **kind.flags(), **how,
        )  # fmt: skip
        return out
    inverse = inverse_of(-temperature if kind.negated else temperature, full)
    kernel = log_softmax_backward_kernel if kind.of_log else softmax_backward_kernel
    kernel[(count,)](*upstream, x, out, n, inverse, **how)
    return out


def mask_operands(keep: torch.Tensor | None, x: torch.Tensor) -> tuple[Any, int, int]:
    """The masks of rows, and which of them is a row's: number (row // inner) % count."""
    if keep is None:
        return None, 1, 1
    masks, inner, count = repeated(keep.broadcast_to(x.shape), x.dim() - 1)
    return masks.to(torch.bool).view(torch.uint8), inner, count
