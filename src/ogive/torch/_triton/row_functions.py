"""Softmax and its kin over the last axis: forward, and backward from the output."""

# mypy: ignore-errors
from __future__ import annotations

import struct
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

from . import seam
from .double import rounded
from .row_math import (
    distances,
    greatest,
    joined,
    log1p,
    number,
    others,
    parameter,
    power,
)
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
def stored(y, kind: tl.constexpr):
    return y if kind == tl.float64 else rounded(y, kind)


@triton.jit
def _load(x_, at, inside, NEGATED: tl.constexpr):
    x = widen(tl.load(x_ + at, mask=inside, other=float("inf") if NEGATED else float("-inf")))
    return -x if NEGATED else x


@triton.jit
def _result(d, at, place, rest, OF_LOG: tl.constexpr, FULL: tl.constexpr):
    y = d - log1p(rest) if OF_LOG else power(d, FULL) * (1.0 / (1.0 + rest))
    # A NaN anywhere, or several infinities, leave no probability to speak of.
    return tl.where(rest == rest, y, rest)


@triton.jit
def forward_kernel(
    x_,
    y_,
    n,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    NEGATED: tl.constexpr,
    OF_LOG: tl.constexpr,
    REDUCED: tl.constexpr,
    FULL: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    x_ += row * n
    at = tl.arange(0, BLOCK)
    inverse = parameter(inverse_)
    x = _load(x_, at, at < n, NEGATED)
    most, place = greatest(x, at)
    d = distances(x, at, most, place, inverse)
    rest = others(power(d, FULL), at, place)
    unordered = tl.max((x != x).to(tl.int32), axis=0) if REDUCED else 0
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            x = _load(x_, here, here < n, NEGATED)
            if REDUCED:
                unordered = tl.maximum(unordered, tl.max((x != x).to(tl.int32), axis=0))
            block_most, block_place = greatest(x, here)
            d = distances(x, here, block_most, block_place, inverse)
            block_rest = others(power(d, FULL), here, block_place)
            rest, most, place = joined(
                rest, most, place, block_rest, block_most, block_place, inverse, FULL
            )
    if REDUCED:
        top = most.to(tl.float64) * inverse
        y = tl.where(tl.abs(top) == float("inf"), top, top + log1p(rest))
        y = tl.where(unordered == 0, y, float("nan"))
        tl.store(y_ + row, stored(y, y_.dtype.element_ty))
    else:
        y_ += row * n
        if BLOCKS == 1:
            y = _result(d, at, place, rest, OF_LOG, FULL)
            tl.store(y_ + at, stored(y, y_.dtype.element_ty), mask=at < n)
        else:
            for k in range(0, BLOCKS):
                here = k * BLOCK + at
                x = _load(x_, here, here < n, NEGATED)
                d = distances(x, here, most, place, inverse)
                y = _result(d, here, place, rest, OF_LOG, FULL)
                tl.store(y_ + here, stored(y, y_.dtype.element_ty), mask=here < n)


@triton.jit
def _probabilities(y_, dy_, at, n):
    """y as it compares, -inf past the row's end; in double; and dy in double."""
    y = widen(tl.load(y_ + at, mask=at < n, other=float("-inf")))
    dy = widen(tl.load(dy_ + at, mask=at < n, other=0.0)).to(tl.float64)
    return y, tl.where(at < n, y, 0.0).to(tl.float64), dy


@triton.jit
def softmax_backward_kernel(
    dy_,
    y_,
    dx_,
    n,
    inverse_: tl.int64,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
):
    """dx = y (dy - sum y dy), with dy less that of the likeliest class: a softmax row is blind to a
    constant in dy, and in a row that is sure of its class nothing then cancels.
    """
    row = tl.program_id(0).to(tl.int64)
    y_ += row * n
    dy_ += row * n
    dx_ += row * n
    at = tl.arange(0, BLOCK)
    inverse = parameter(inverse_)
    y, p, dy = _probabilities(y_, dy_, at, n)
    most, place = greatest(y, at)
    origin = tl.sum(tl.where(at == place, dy, number(0.0)), axis=0)
    shift = tl.sum(p * (dy - origin), axis=0)
    if BLOCKS > 1:
        mass = tl.sum(p, axis=0)
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            y, p, dy = _probabilities(y_, dy_, here, n)
            block_most, block_place = greatest(y, here)
            other = tl.sum(tl.where(here == block_place, dy, number(0.0)), axis=0)
            if block_most > most:  # another origin, for what was summed too
                shift -= (other - origin) * mass
                origin = other
                most = block_most
            shift += tl.sum(p * (dy - origin), axis=0)
            mass += tl.sum(p, axis=0)
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            y, p, dy = _probabilities(y_, dy_, here, n)
            dx = p * ((dy - origin) - shift) * inverse
            tl.store(dx_ + here, stored(dx, dx_.dtype.element_ty), mask=here < n)
    else:
        dx = p * ((dy - origin) - shift) * inverse
        tl.store(dx_ + at, stored(dx, dx_.dtype.element_ty), mask=at < n)


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
    at = tl.arange(0, BLOCK)
    inverse = parameter(inverse_)
    dy = widen(tl.load(dy_ + at, mask=at < n, other=0.0)).to(tl.float64)
    total = tl.sum(dy, axis=0)
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            block = widen(tl.load(dy_ + here, mask=here < n, other=0.0))
            total += tl.sum(block.to(tl.float64), axis=0)
        for k in range(0, BLOCKS):
            here = k * BLOCK + at
            y = widen(tl.load(y_ + here, mask=here < n, other=0.0)).to(tl.float64)
            dy = widen(tl.load(dy_ + here, mask=here < n, other=0.0)).to(tl.float64)
            dx = (dy - power(y, FULL) * total) * inverse
            tl.store(dx_ + here, stored(dx, dx_.dtype.element_ty), mask=here < n)
    else:
        y = widen(tl.load(y_ + at, mask=at < n, other=0.0)).to(tl.float64)
        dx = (dy - power(y, FULL) * total) * inverse
        tl.store(dx_ + at, stored(dx, dx_.dtype.element_ty), mask=at < n)


def blocks(n: int) -> dict[str, Any]:
    """How a program goes through a row of n elements."""
    single = n <= LONGEST_BLOCK
    block = max(triton.next_power_of_2(n), 2) if single else LOOP_BLOCK
    return {
        "BLOCK": block,
        "BLOCKS": triton.cdiv(n, block),
        "num_warps": min(max(block // 512, 1), 32),
    }


def bits(value: float) -> int:
    """A float64 as an integer: Triton would take a Python float for a float32."""
    found: int = struct.unpack("q", struct.pack("d", float(value)))[0]
    return found


def softmax_of(x: torch.Tensor, temperature: float, dtype: torch.dtype) -> torch.Tensor:
    """The softmax of rows of float64, rounded once to a format."""
    out, n = torch.empty_like(x, dtype=dtype), x.shape[-1]
    forward_kernel[(x.numel() // n,)](
        x, out, n, bits(1 / temperature), NEGATED=False, OF_LOG=False, REDUCED=False, FULL=True,
        enable_fp_fusion=False, **blocks(n),
    )  # fmt: skip
    return out


def softmax_backward_of(
    dy: torch.Tensor, y: torch.Tensor, temperature: float, dtype: torch.dtype
) -> torch.Tensor:
    """dx of rows from y in float64, rounded once to a format."""
    out, n = torch.empty_like(y, dtype=dtype), y.shape[-1]
    softmax_backward_kernel[(y.numel() // n,)](
        dy, y, out, n, bits(1 / temperature), enable_fp_fusion=False, **blocks(n)
    )
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
    how = {"enable_fp_fusion": False, **blocks(n)}
    full = x.dtype == torch.float64
    if mode == "value":
        forward_kernel[(count,)](
            x, out, n, bits(1 / temperature), NEGATED=negated, OF_LOG=of_log,
            REDUCED=reduced, FULL=full, **how,
        )  # fmt: skip
        return out
    dy = given[0].to(x.dtype)
    inverse = bits((-1 if negated else 1) / temperature)
    if of_log:
        log_softmax_backward_kernel[(count,)](dy, x, out, n, inverse, FULL=full, **how)
    else:
        softmax_backward_kernel[(count,)](dy, x, out, n, inverse, **how)
    return out
