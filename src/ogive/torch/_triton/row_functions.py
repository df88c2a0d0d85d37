"""Softmax and its kin over the last axis: forward, and backward from the output."""

# mypy: ignore-errors
from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

from . import seam, wide
from .numbers import bits, pair_bits
from .row_math import at_place, distances, greatest, joined, others
from .storage import widen


class Kind(NamedTuple):
    """What a function does beside softmax."""

    negated: bool = False
    of_log: bool = False
    reduced: bool = False


KINDS = {
    "softmax": Kind(),
    "softmin": Kind(negated=True),
    "log_softmax": Kind(of_log=True),
    "logsumexp": Kind(reduced=True),
}
MODES = {
    name: ("value",) if kind.reduced else ("value", "backward_from_output")
    for name, kind in KINDS.items()
}
"""The modes that have a kernel here."""

LONGEST_BLOCK = seam.scale(1 << 13, 1 << 20)
"""Elements of a row that one program holds in registers."""
LOOP_BLOCK = seam.scale(1 << 13, 1 << 9)
"""Elements that it takes at a time of a longer one."""


@triton.jit
def _load(x_, low_, at, inside, NEGATED: tl.constexpr, PAIRED: tl.constexpr):
    """Elements of a row, -inf past its end; minus them for a softmin."""
    x = widen(tl.load(x_ + at, mask=inside, other=float("inf") if NEGATED else float("-inf")))
    found = (x, tl.load(low_ + at, mask=inside, other=0.0)) if PAIRED else (-x if NEGATED else x,)
    return found


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
    y_,
    y_low_,
    n,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    NEGATED: tl.constexpr,
    OF_LOG: tl.constexpr,
    REDUCED: tl.constexpr,
    PAIRED: tl.constexpr,
    UNROUNDED: tl.constexpr,
    FULL: tl.constexpr,
):
    """A row. Pairs of floats may be given (`PAIRED`), and asked for (`UNROUNDED`)."""
    row = tl.program_id(0).to(tl.int64)
    x_ += row * n
    low_ += row * n
    kind: tl.constexpr = y_.dtype.element_ty
    ranged: tl.constexpr = kind != tl.float16 and not UNROUNDED
    at = tl.arange(0, BLOCK)
    inverse = wide.parameter(inverse_, FULL)
    x = _load(x_, low_, at, at < n, NEGATED, PAIRED)
    most, place = greatest(x, at)
    d = distances(x, at, most, place, inverse)
    rest = others(wide.term(d), at, place)
    unordered = tl.max((x[0] != x[0]).to(tl.int32), axis=0) if REDUCED else 0
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            x = _load(x_, low_, here, here < n, NEGATED, PAIRED)
            if REDUCED:
                unordered = tl.maximum(unordered, tl.max((x[0] != x[0]).to(tl.int32), axis=0))
            block_most, block_place = greatest(x, here)
            d = distances(x, here, block_most, block_place, inverse)
            block_rest = others(wide.term(d), here, block_place)
            rest, most, place = joined(
                rest, most, place, block_rest, block_most, block_place, inverse
            )
    rest = wide.sum_of_terms(rest)
    if REDUCED:
        top = wide.mul(most, inverse)
        y = wide.add(top, wide.log1p(rest))
        y = wide.select(tl.abs(top[0]) == float("inf"), (top[0],), y)
        y = wide.undefined_where(unordered != 0, y)
        tl.store(y_ + row, wide.stored(y, kind))
    else:
        y_ += row * n
        y_low_ += row * n
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            if BLOCKS > 1:  # otherwise they are held
                x = _load(x_, low_, here, here < n, NEGATED, PAIRED)
                d = distances(x, here, most, place, inverse)
            y = _result(d, rest, OF_LOG, ranged, FULL)
            if UNROUNDED:
                tl.store(y_ + here, y[0], mask=here < n)
                tl.store(y_low_ + here, y[1], mask=here < n)
            else:
                tl.store(y_ + here, wide.stored(y, kind), mask=here < n)


@triton.jit
def _probabilities(y_, low_, dy_, at, n, PAIRED: tl.constexpr, FULL: tl.constexpr):
    """y as it compares, -inf past the row's end; y; and dy."""
    y = widen(tl.load(y_ + at, mask=at < n, other=float("-inf")))
    dy = widen(tl.load(dy_ + at, mask=at < n, other=0.0))
    p = (tl.where(at < n, y, 0.0),)
    if PAIRED:
        p = (p[0], tl.load(low_ + at, mask=at < n, other=0.0))
    return (y,), p, (dy.to(tl.float64) if FULL else dy,)


@triton.jit
def softmax_backward_kernel(
    dy_,
    y_,
    low_,
    dx_,
    n,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    PAIRED: tl.constexpr,
    FULL: tl.constexpr,
):
    """dx = y (dy - sum y dy), with dy less that of the likeliest class: a softmax row is blind to a
    constant in dy, and in a row that is sure of its class nothing then cancels.
    """
    row = tl.program_id(0).to(tl.int64)
    y_ += row * n
    low_ += row * n
    dy_ += row * n
    dx_ += row * n
    kind: tl.constexpr = dx_.dtype.element_ty
    at = tl.arange(0, BLOCK)
    inverse = wide.parameter(inverse_, FULL)
    y, p, dy = _probabilities(y_, low_, dy_, at, n, PAIRED, FULL)
    most, place = greatest(y, at)
    origin = at_place(dy, at, place)
    shift = wide.total(wide.mul(p, wide.sub(dy, origin)))
    if BLOCKS > 1:
        mass = wide.total(p)
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            y, p, dy = _probabilities(y_, low_, dy_, here, n, PAIRED, FULL)
            block_most, block_place = greatest(y, here)
            other = at_place(dy, here, block_place)
            newer = block_most[0] > most[0]
            # Another origin, for what was summed too.
            moved = wide.sub(shift, wide.mul(wide.sub(other, origin), mass))
            shift = wide.select(newer, moved, shift)
            origin = wide.select(newer, other, origin)
            most = wide.select(newer, block_most, most)
            shift = wide.add(shift, wide.total(wide.mul(p, wide.sub(dy, origin))))
            mass = wide.add(mass, wide.total(p))
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            y, p, dy = _probabilities(y_, low_, dy_, here, n, PAIRED, FULL)
            dx = _pulled_back(p, dy, origin, shift, inverse, kind)
            tl.store(dx_ + here, wide.stored(dx, kind), mask=here < n)
    else:
        dx = _pulled_back(p, dy, origin, shift, inverse, kind)
        tl.store(dx_ + at, wide.stored(dx, kind), mask=at < n)


@triton.jit
def _pulled_back(p, dy, origin, shift, inverse, kind: tl.constexpr):
    rest = wide.sub(wide.sub(dy, origin), shift)
    share = wide.factor(p[0], kind != tl.float16) if len(p) == 1 else p
    return wide.mul(wide.mul(share, rest), inverse)


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
    return _softmax(z, low, temperature, torch.empty_like(z, dtype=dtype), None)


def _softmax(z: Any, low: Any, temperature: float, out: torch.Tensor, out_low: Any) -> torch.Tensor:
    n, full = z.shape[-1], low is None
    forward_kernel[(z.numel() // n,)](
        z, z if full else low, out, out if out_low is None else out_low, n,
        inverse_of(temperature, full), NEGATED=False, OF_LOG=False, REDUCED=False,
        PAIRED=not full, UNROUNDED=out_low is not None, FULL=full, enable_fp_fusion=False,
        **blocks(n),
    )  # fmt: skip
    return out


def softmax_backward_of(
    dy: torch.Tensor,
    z: torch.Tensor,
    low: torch.Tensor | None,
    temperature: float,
    dtype: torch.dtype,
) -> torch.Tensor:
    """dx of such a softmax, whose value is not rounded meanwhile."""
    out, n, full = torch.empty_like(z, dtype=dtype), z.shape[-1], low is None
    y_low = None if full else torch.empty_like(z)
    y = _softmax(z, low, temperature, torch.empty_like(z), y_low)
    softmax_backward_kernel[(y.numel() // n,)](
        dy, y, y if y_low is None else y_low, out, n, inverse_of(temperature, full),
        PAIRED=not full, FULL=full, enable_fp_fusion=False, **blocks(n),
    )  # fmt: skip
    return out


def rows(
    name: str, mode: str, tensors: tuple[torch.Tensor, ...], parameters: tuple[float, ...] = ()
) -> torch.Tensor:
    """A row function's value, or its backward from the output, over the last axis."""
    temperature = parameters[0] if parameters else 1.0
    given = [t.contiguous() for t in tensors]
    x = given[-1]
    n, count = x.shape[-1], x.shape[:-1].numel()
    negated, of_log, reduced = KINDS[name]
    out = x.new_empty(x.shape[:-1]) if reduced else torch.empty_like(x)
    if out.numel() == 0 or n == 0:
        return out.fill_(float("-inf")) if reduced else out
    full = x.dtype == torch.float64
    how = {"enable_fp_fusion": False, "FULL": full, **blocks(n)}
    if mode == "value":
        forward_kernel[(count,)](
            x, x, out, out, n, inverse_of(temperature, full), NEGATED=negated,
            OF_LOG=of_log, REDUCED=reduced, PAIRED=False, UNROUNDED=False, **how,
        )  # fmt: skip
        return out
    dy = given[0].to(x.dtype)
    inverse = inverse_of(-temperature if negated else temperature, full)
    if of_log:
        log_softmax_backward_kernel[(count,)](dy, x, out, n, inverse, **how)
    else:
        softmax_backward_kernel[(count,)](dy, x, x, out, n, inverse, PAIRED=False, **how)
    return out
