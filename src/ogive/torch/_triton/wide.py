"""Wide numbers of rows and losses: doubles for results in float64, else pairs of floats.

A double is a tuple of one, as a float is, which is one too while nothing has been computed of it.
Unlike those of `pairs`, these numbers may be infinite: then they have no lower part.
"""

# mypy: ignore-errors
import triton
import triton.language as tl

from . import pairs
from .polynomials import LN2_HI, LN2_LO, atanh_tail_full, f64
from .seam import library
from .storage import narrow

INFINITE = tl.constexpr(float("inf"))


@triton.jit
def number(value: tl.constexpr, FULL: tl.constexpr):
    return (tl.full((), value, tl.float64 if FULL else tl.float32),)


@triton.jit
def nothing(FULL: tl.constexpr):
    """What a sum begins with: 0 as a number of the kind that sums are."""
    zero = number(0.0, FULL)
    return zero if FULL else pairs.with_low(zero)


@triton.jit
def parameter(bits, FULL: tl.constexpr):
    """A number of the call, which came as bits."""
    found = (bits.to(tl.int64).to(tl.float64, bitcast=True),) if FULL else pairs.from_bits(bits)
    return found


@triton.jit
def load(p_, low_, at, inside, PAIRED: tl.constexpr):
    """Numbers of an operand; `low_` has their lower parts if they are pairs."""
    high = tl.load(p_ + at, mask=inside, other=0.0)
    return (high, tl.load(low_ + at, mask=inside, other=0.0)) if PAIRED else (high,)


@triton.jit
def defined(a):
    """A sum or product, without the NaN that an infinite one has for its lower part."""
    low = tl.where(tl.abs(a[1]) < INFINITE, a[1], 0.0)
    return (a[0], low) if len(a) == 2 else (a[0], low, a[2])


@triton.jit
def add(a, b):
    if a[0].dtype == tl.float64:
        found = (a[0] + b[0],)
    elif len(a) == 1 and len(b) == 1:
        found = defined(pairs.add(a, b))
    else:
        found = pairs.add(a, b)
        high = a[0] + b[0]
        infinite = high - high != 0
        low = tl.where(infinite, 0.0, found[1])
        high = tl.where(infinite, high, found[0])
        found = (high, low) if len(found) == 2 else (high, low, found[2])
    return found


@triton.jit
def neg(a):
    return pairs.neg(a)


@triton.jit
def size_of(a):
    return (tl.abs(a[0]),) if a[0].dtype == tl.float64 else pairs.size_of(a)


@triton.jit
def sub(a, b):
    return add(a, neg(b))


@triton.jit
def mul(a, b):
    found = (a[0] * b[0],) if a[0].dtype == tl.float64 else defined(pairs.mul(a, b))
    return found


@triton.jit
def div(a, b):
    found = (a[0] / b[0],) if a[0].dtype == tl.float64 else defined(pairs.div(a, b))
    return found


@triton.jit
def select(where, a, b):
    return pairs.select(where, a, b)


@triton.jit
def is_zero(a):
    return (a[0] == 0) if len(a) == 1 else ((a[0] == 0) & (a[1] == 0))


@triton.jit
def where_not_zero(a, b):
    """b, or 0 where a is."""
    return select(is_zero(a), (tl.zeros((), b[0].dtype),), b)


@triton.jit
def undefined_where(bad, a):
    """a, or NaN."""
    return pairs.with_high(a, tl.where(bad, float("nan"), a[0]))


@triton.jit
def _both(a_high, a_low, b_high, b_low):
    h, low = pairs.exact_sum(a_high, b_high)
    low += a_low + b_low
    return pairs.quick_sum(h, tl.where(low == low, low, 0.0))  # beside an infinity it is NaN


@triton.jit
def exponent(a):
    """That of a normal number's power of two; of others that of the nearest normal number."""
    if a[0].dtype == tl.float64:
        e = ((a[0].to(tl.int64, bitcast=True) >> 52) & 0x7FF).to(tl.int32) - 1023
        found = tl.minimum(tl.maximum(e, -1022), 1023)
    else:
        e = ((pairs.bits(a[0]) >> 23) & 0xFF) - 127
        found = tl.minimum(tl.maximum(e, -126), 127)
    return found


@triton.jit
def by_power(a, e):
    """a 2^e for an e that may be as large as those of normal numbers, and some."""
    half = e >> 1
    if a[0].dtype == tl.float64:
        first, second = _double_power(half), _double_power(e - half)
        found = (a[0] * first * second,)
    else:
        first, second = pairs.power_of_two(half), pairs.power_of_two(e - half)
        found = (a[0] * first * second, a[1] * first * second)
    return found


@triton.jit
def _double_power(e):
    return ((e.to(tl.int64) + 1023) << 52).to(tl.float64, bitcast=True)


@triton.jit
def total(a):
    """The sum of a block, in an order that depends on its size alone."""
    if a[0].dtype == tl.float64:
        found = (tl.sum(a[0], axis=0),)
    else:
        a = pairs.with_low(a)
        h, low = tl.reduce((a[0], a[1] + tl.zeros_like(a[0])), 0, _both)
        found = defined((h, low))
    return found


@triton.jit
def power(d, ranged: tl.constexpr):
    """e^d; NaN where d is. What is below the normal floats needs a range of its own."""
    if d[0].dtype == tl.float64:
        found = (library.exp(d[0]),)
    else:
        e = pairs.exp(d, ranged)
        found = pairs.with_high(e, tl.where(d[0] == d[0], e[0], d[0]))
    return found


UNIT = tl.constexpr(40)
LOWEST_TERM = tl.constexpr(-115.0)


@triton.jit
def term(d):
    """e^d for a sum: of pairs 2^40 times that, for what is no normal float counts in a row that is
    sure of its class. 0 where it does not; NaN where d is.
    """
    if d[0].dtype == tl.float64:
        found = (library.exp(d[0]),)
    else:
        e = pairs.exp_held(pairs.held(d, LOWEST_TERM, 0.5), True)
        unit = tl.where(d[0] < LOWEST_TERM, 0.0, pairs.power_of_two(e[2] + UNIT))
        found = (tl.where(d[0] == d[0], e[0] * unit, d[0]), e[1] * unit)
    return found


@triton.jit
def by_unit(a, b):
    """a b of a sum of terms and a term, which have the unit of one then."""
    p = mul(a, b)
    return p if a[0].dtype == tl.float64 else pairs.scale(p, 2.0**-40)


@triton.jit
def sum_of_terms(a):
    """Such a sum as a number."""
    return a if a[0].dtype == tl.float64 else (a[0], a[1], -UNIT)


SMALL_UNIT = tl.constexpr(24)


@triton.jit
def small(a):
    """a for a sum of products: of pairs 2^24 times that, which leaves the range of float32 where
    less than the least float32 is left; 0 there.
    """
    if a[0].dtype == tl.float64:
        found = a
    elif len(a) == 3:
        e = a[2] + SMALL_UNIT
        lost = (e < -126) & (tl.abs(a[0]) < INFINITE)
        p = pairs.value((a[0], a[1], e))
        found = (tl.where(lost, 0.0, p[0]), tl.where(lost, 0.0, p[1]))
    else:
        found = pairs.scale(a, 2.0**24)
    return found


@triton.jit
def sum_of_small(a):
    """Such a sum as a number."""
    return a if a[0].dtype == tl.float64 else (a[0], a[1], -SMALL_UNIT)


@triton.jit
def log1p(u):
    """log(1 + u) of one number u >= 0 per row."""
    if u[0].dtype == tl.float64:
        found = (_log1p_double(u[0]),)
    else:
        plain = pairs.with_low(pairs.value(u))
        h, low = pairs.exact_sum(plain[0], 1.0)
        y = pairs.log(pairs.quick_sum(h, low + plain[1]))
        found = select(plain[0] < 2.0**-40, u, y)
        found = select(plain[0] < INFINITE, found, u)
    return found


@triton.jit
def plain(a):
    """A number within the range of float32."""
    return a if a[0].dtype == tl.float64 else pairs.value(a)


@triton.jit
def _log1p_double(u):
    """1 + u = 2^k (1 + f), 1 + f in [2/3, 4/3]"""
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
    return tl.where(u < INFINITE, log, u)


@triton.jit
def tanh(a):
    found = (library.tanh(a[0]),) if a[0].dtype == tl.float64 else pairs.tanh(a, False)
    return found


@triton.jit
def sqrt(a):
    """The root of a number of 0 or more."""
    if a[0].dtype == tl.float64:
        found = (tl.sqrt(a[0]),)
    else:
        none = a[0] <= 0
        root = pairs.sqrt(select(none, (tl.full((), 1.0, tl.float32),), a))
        found = select(none, (tl.full((), 0.0, tl.float32),), root)
    return found


@triton.jit
def factor(x, ranged: tl.constexpr):
    """A float where it is a factor of a result that may be below the normal floats."""
    return (x,) if x.dtype == tl.float64 else pairs.factor(x, ranged)


@triton.jit
def stored(a, kind: tl.constexpr):
    """In a format, by one rounding."""
    if kind == tl.float64:
        y = a[0]
    else:
        finite = pairs.rounded(a, kind)
        y = tl.where(tl.abs(a[0]) < INFINITE, finite, narrow(a[0], kind))
    return y


@triton.jit
def store_sum(p_, row, rows, a):
    """A sum of losses as it is: a double, or the two parts of a pair, the lower ones last."""
    if a[0].dtype == tl.float64:
        tl.store(p_ + row, a[0])
    else:
        a = pairs.with_low(a)
        tl.store(p_ + row, a[0])
        tl.store(p_ + rows + row, a[1])
