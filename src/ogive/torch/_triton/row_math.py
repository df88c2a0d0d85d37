"""What the kernels of rows and heads share: one row's greatest element, and sums beside it.

Of S = sum e^(d_i), d_i = (x_i - max)/temperature, only the ``rest`` without the greatest element's
own 1 is summed, in double: log S = log1p(rest) and 1 - p_max = rest/S keep every digit in a row
that is sure of its class. A row is met block by block; when a greater element is found, what was
summed is rescaled, and the one that was greatest joins the rest. All terms are positive, so nothing
cancels, and the order depends on the length of the row alone.
"""

# mypy: ignore-errors
import triton
import triton.language as tl

from . import double
from .polynomials import LN2_HI, LN2_LO, atanh_tail_full, f64
from .seam import library


@triton.jit
def number(value: tl.constexpr):
    return tl.full((), value, tl.float64)


@triton.jit
def parameter(bits):
    """A float64 that came as its bits."""
    return bits.to(tl.int64).to(tl.float64, bitcast=True)


@triton.jit
def power(d, FULL: tl.constexpr):
    """e^d for d <= 0; NaN where d is."""
    return library.exp(d) if FULL else tl.where(d == d, double.exp_of_minus(-d, 0.0), d)


@triton.jit
def log1p(u):
    """log(1 + u) of one number u >= 0 per row: 1 + u = 2^k (1 + f), 1 + f in [2/3, 4/3]."""
    y = 1.0 + u
    y_low = tl.where(u > 1.0, 1.0 - (y - u), u - (y - 1.0))
    bits = y.to(tl.int64, bitcast=True)
    k = (bits - 0x3FE5555555555555) >> 52
    f = (bits - (k << 52)).to(tl.float64, bitcast=True) - 1.0
    f_low = y_low * ((1023 - k) << 52).to(tl.float64, bitcast=True)
    d = 2.0 + f
    s = f / d
    z = s * s
    d_low = f - (d - 2.0)
    s_low = (tl.fma(-s, d, f) - s * d_low + f_low - s * f_low) / d
    wide = k.to(tl.float64)
    low = tl.fma(wide, f64(LN2_LO), 2.0 * tl.fma(s * z, atanh_tail_full(z), s_low))
    log = tl.fma(wide, f64(LN2_HI), 2.0 * s) + low
    return tl.where(u < float("inf"), log, u)


@triton.jit
def greatest(x, at):
    """The greatest element of a block and its first place; NaN does not count."""
    most = tl.max(x, axis=0)
    return most, tl.min(tl.where(x == most, at, 0x7FFFFFFF), axis=0)


@triton.jit
def distances(x, at, most, place, inverse_temperature):
    """(x - most)/temperature in double; exactly 0 at the place of the greatest."""
    d = (x.to(tl.float64) - most.to(tl.float64)) * inverse_temperature
    return tl.where(at == place, number(0.0), d)


@triton.jit
def others(values, at, place):
    """The sum of a block's values without the one at a place."""
    return tl.sum(tl.where(at == place, number(0.0), values), axis=0)


@triton.jit
def rescale(most, before, inverse_temperature, FULL: tl.constexpr):
    """e^((before - most)/temperature); 0 where there was nothing before."""
    d = (before.to(tl.float64) - most.to(tl.float64)) * inverse_temperature
    return tl.where(before == float("-inf"), number(0.0), power(d, FULL))


@triton.jit
def joined(
    rest, most, place, block_rest, block_most, block_place, inverse_temperature, FULL: tl.constexpr
):
    """The sums of two parts of a row: (rest, greatest, its place)."""
    newer = block_most > most
    low = tl.where(newer, most, block_most)
    high = tl.where(newer, block_most, most)
    factor = rescale(high, low, inverse_temperature, FULL)
    small = tl.where(newer, rest, block_rest)
    large = tl.where(newer, block_rest, rest)
    total = large + (small * factor + factor)
    # A part that is all -inf has nothing to add, not even its own NaN.
    total = tl.where(low == float("-inf"), tl.where(low == high, total + small, large), total)
    return total, high, tl.where(newer, block_place, place)
