"""What the kernels of rows and heads share: one row's greatest element, and sums beside it.

Of S = sum e^(d_i), d_i = (x_i - max)/temperature, only the ``rest`` without the greatest element's
own 1 is summed, in wide numbers: log S = log1p(rest) and 1 - p_max = rest/S keep every digit in a
row that is sure of its class. A row is met block by block; when a greater element is found, what
was summed is rescaled, and the one that was greatest joins the rest. All terms are positive, so
nothing cancels, and the order depends on the length of the row alone.
"""

# mypy: ignore-errors
import triton
import triton.language as tl

from . import pairs, wide
from .storage import widen


@triton.jit
def taking_part(keep_, at, n):
    """Which elements of a row count: those before its end and, if it has a mask, those it keeps."""
    inside = at < n
    if keep_ is not None:
        inside = inside & (tl.load(keep_ + at, mask=inside, other=0) != 0)
    return inside


@triton.jit
def elements(x_, low_, at, kept, NEGATED: tl.constexpr):
    """Elements of a row that count, with their lower parts if there are any; -inf for others."""
    x = widen(tl.load(x_ + at, mask=kept, other=float("inf") if NEGATED else float("-inf")))
    if low_ is not None:
        found = (x, tl.load(low_ + at, mask=kept, other=0.0))
    else:
        found = (-x if NEGATED else x,)
    return found


@triton.jit
def greatest(x, at):
    """The greatest element of a block and its first place; NaN does not count."""
    most = tl.max(x[0], axis=0)
    place = tl.min(tl.where(x[0] == most, at, 0x7FFFFFFF), axis=0)
    # Of pairs, one whose high part is the greatest: nothing hangs on being the very greatest.
    found = at_place(x, at, place)
    return pairs.with_high(found, most), place


@triton.jit
def distance(x, most, inverse_temperature):
    """(x - most)/temperature"""
    if x[0].dtype == tl.float64:
        found = ((x[0] - most[0]) * inverse_temperature[0],)
    else:
        found = wide.mul(wide.sub(x, most), inverse_temperature)
    return found


@triton.jit
def distances(x, at, most, place, inverse_temperature):
    """(x - most)/temperature; exactly 0 at the place of the greatest."""
    d = distance(x, most, inverse_temperature)
    return wide.select(at == place, (tl.zeros((), d[0].dtype),), d)


@triton.jit
def others(values, at, place):
    """The sum of a block's values without the one at a place."""
    return wide.total(wide.select(at == place, (tl.zeros((), values[0].dtype),), values))


@triton.jit
def at_place(values, at, place):
    """A block's value at a place, or 0."""
    high = tl.sum(tl.where(at == place, values[0], 0.0), axis=0)
    if len(values) == 2:
        found = (high, tl.sum(tl.where(at == place, values[1], 0.0), axis=0))
    else:
        found = (high,)
    return found


@triton.jit
def rescale(most, before, inverse_temperature):
    """The term of (before - most)/temperature; 0 where there was nothing before."""
    factor = wide.term(distance(before, most, inverse_temperature))
    return wide.select(before[0] == float("-inf"), (tl.zeros((), factor[0].dtype),), factor)


@triton.jit
def joined(rest, most, place, block_rest, block_most, block_place, inverse_temperature):
    """The sums of two parts of a row: (rest, greatest, its place)."""
    newer = block_most[0] > most[0]
    low = wide.select(newer, most, block_most)
    high = wide.select(newer, block_most, most)
    factor = rescale(high, low, inverse_temperature)
    small = wide.select(newer, rest, block_rest)
    large = wide.select(newer, block_rest, rest)
    total = wide.add(large, wide.add(wide.by_unit(small, factor), factor))
    # A part that is all -inf has nothing to add, not even its own NaN.
    nothing = wide.select(low[0] == high[0], wide.add(total, small), large)
    total = wide.select(low[0] == float("-inf"), nothing, total)
    return total, high, tl.where(newer, block_place, place)


@triton.jit
def greatest_and_rest(
    x_,
    n,
    inverse_temperature,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    low_=None,
    keep_=None,
    NEGATED: tl.constexpr = False,
    NANS: tl.constexpr = False,
):
    """Of a row: its greatest element, that one's place, the sum of e^d without its own 1, and the
    first block; whether it has a NaN, if asked for; and whether any element counts.
    """
    at = tl.arange(0, BLOCK)
    kept = taking_part(keep_, at, n)
    x = elements(x_, low_, at, kept, NEGATED)
    most, place = greatest(x, at)
    rest = others(wide.term(distance(x, most, inverse_temperature)), at, place)
    unordered = is_any(x[0] != x[0]) if NANS else 0
    any_counts = 1 if keep_ is None else is_any(kept)
    if BLOCKS > 1:
        for k in range(1, BLOCKS):
            here = k * BLOCK + at
            kept = taking_part(keep_, here, n)
            block = elements(x_, low_, here, kept, NEGATED)
            block_most, block_place = greatest(block, here)
            e = wide.term(distance(block, block_most, inverse_temperature))
            rest, most, place = joined(
                rest, most, place, others(e, here, block_place), block_most, block_place,
                inverse_temperature,
            )  # fmt: skip
            if NANS:
                unordered = tl.maximum(unordered, is_any(block[0] != block[0]))
            if keep_ is not None:
                any_counts = tl.maximum(any_counts, is_any(kept))
    return most, place, wide.sum_of_terms(rest), x, unordered, any_counts


@triton.jit
def is_any(which):
    """1 if some element of a block is true, else 0."""
    return tl.max(which.to(tl.int32), axis=0)
