"""Double arithmetic for results in float32, float16 and bfloat16: relative errors of about 2^-48.

One function per operation of the tape, after those of ``kernels/math/elementary.hpp``: no
branch, no overflow of what does not overflow itself, and no contraction beyond the `tl.fma` that
stand here. An exponential is held within e^-700 and e^700, which every narrower format rounds to
zero and infinity, so that no product of it with a finite number is undefined.
"""

# mypy: ignore-errors
import triton
import triton.language as tl

from . import seam
from .polynomials import (
    LN2_HI,
    LN2_LO,
    LOG2_E,
    TAIL_CENTRE,
    atanh_tail,
    erf_near,
    exp_tail,
    f64,
    normal_tail,
    tanh_gap_near,
)
from .storage import narrow

# An infinity is taken for this number: beyond every narrower format, and so are its powers in a
# formula, yet those are finite in double. For an output, the root is beyond every format too.
FAR = tl.constexpr(2.0**160)
FAR_OUTPUT = tl.constexpr(2.0**320)
SHIFTER = tl.constexpr(1.5 * 2.0**52)
SQRT2 = tl.constexpr(2.0**0.5)
TWO_OVER_SQRT_PI = tl.constexpr(1.1283791670955126)
# Results that a formula multiplies are kept this far on the true side of 1, 1/2 and the like, where
# they would round to those: a product with such a number may be a tie of a format.
BELOW_ONE = tl.constexpr(1 - 2.0**-52)
INTERPRETED = tl.constexpr(seam.INTERPRETED)


@triton.jit
def number(value: tl.constexpr):
    return tl.full((), value, tl.float64)


@triton.jit
def widen(x):
    return x.to(tl.float64)


@triton.jit
def high_word(value: tl.constexpr):
    """The upper half of a power of two's bits, or of 700's."""
    return tl.full((), value, tl.float64).to(tl.int64, bitcast=True) >> 32


@triton.jit
def held(size, least: tl.constexpr, most: tl.constexpr):
    """A size of 0 or more, or NaN, held between two numbers to some 20 bits: for a quarter of the
    instructions that a double minimum takes.
    """
    bits = size.to(tl.int64, bitcast=True)
    high = (bits >> 32).to(tl.int32)
    if least > 0:
        high = tl.maximum(high, high_word(least).to(tl.int32))
    high = tl.minimum(high, high_word(most).to(tl.int32))
    return ((bits & 0xFFFFFFFF) | (high.to(tl.int64) << 32)).to(tl.float64, bitcast=True)


@triton.jit
def with_sign_of(size, a):
    """A size of 0 or more with another number's sign."""
    sign = a.to(tl.int64, bitcast=True) & -0x8000000000000000
    return (size.to(tl.int64, bitcast=True) | sign).to(tl.float64, bitcast=True)


@triton.jit
def argument(x):
    wide = x.to(tl.float64)
    return with_sign_of(held(tl.abs(wide), 0.0, FAR), wide)


@triton.jit
def output(y):
    wide = y.to(tl.float64)
    return with_sign_of(held(tl.abs(wide), 0.0, FAR_OUTPUT), wide)


@triton.jit
def product(a, b, kind: tl.constexpr):
    """a b on its way to a format, where the last product, too, may be a tie in sixteen bits."""
    wide = a.to(tl.float64)
    return wide * b if kind == tl.float32 else scaled(wide, b)


@triton.jit
def times(factor, slope, kind: tl.constexpr):
    # Where the slope is 0 nothing comes through, whatever arrives.
    return tl.where(slope == 0, number(0.0), product(factor, slope, kind))


@triton.jit
def times_both(dy, a, slope, kind: tl.constexpr):
    return times(dy.to(tl.float64) * a, slope, kind)


@triton.jit
def sign_kept(y, x):
    """y, where a zero gets the sign of the (finite) argument."""
    return tl.where(y == 0, x * 0.0, y)


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def plus(a, c: tl.constexpr):
    """a + c, beside a constant that an a next to 0 would leave as it is: a product with the
    constant itself may be a tie of the result's format.
    """
    total = a + c
    beside = tl.where(a < 0, number(c * (1 - 2.0**-48)), number(c * (1 + 2.0**-48)))
    return tl.where((total == c) & (a != 0), beside, total)


@triton.jit
def sub(a, b):
    return a - b


@triton.jit
def mul(a, b):
    return a * b


@triton.jit
def scaled(a, b):
    """a b, rounded to odd, so that it is a tie of a shorter format only where it is exact."""
    p = a * b
    lost = tl.fma(a, b, -p)
    bits = p.to(tl.int64, bitcast=True)
    step = tl.where((lost > 0) == (p > 0), 1, -1)
    inexact = (lost != 0) & (tl.abs(lost) < float("inf"))
    odd = tl.where(inexact & ((bits & 1) == 0), bits + step, bits)
    return odd.to(tl.float64, bitcast=True)


@triton.jit
def div(a, b):
    return a / b


@triton.jit
def ratio(a, b):
    """a/b for a parameter b, which is one number more often than not."""
    inverse = 1.0 / b
    q = a * inverse
    return tl.where(q == 0, q, tl.fma(tl.fma(-q, b, a), inverse, q))


@triton.jit
def over(a, c: tl.constexpr, inverse: tl.constexpr):
    """a divided by a constant, right to the last bit but in rare cases."""
    q = a * inverse
    return tl.where(q == 0, q, tl.fma(tl.fma(-q, f64(c), a), f64(inverse), q))


@triton.jit
def neg(a):
    return -a


@triton.jit
def split(x, c, below, above):
    return tl.where(x <= c, below, above)


@triton.jit
def sqrt(a):
    return tl.sqrt(a)


@triton.jit
def reciprocal(d):
    """1/d less a 2^52nd, for a normal d: from the device's guess by one step of third order."""
    if INTERPRETED:
        guess = (1.0 / d.to(tl.float32)).to(tl.float64)
    else:
        guess = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f64 $0, $1;", "=d,d", [d], dtype=tl.float64, is_pure=True, pack=1
        )
    e = tl.fma(-d, guess, f64(BELOW_ONE))
    return tl.fma(guess, tl.fma(e, e, e), guess)


@triton.jit
def power_parts(x):
    """(2^n, e^r - 1) with x = n ln2 + r."""
    shifted = tl.fma(x, f64(LOG2_E), f64(SHIFTER))
    n = shifted - SHIFTER
    r = tl.fma(-n, f64(LN2_LO), tl.fma(-n, f64(LN2_HI), x))
    scale = ((shifted.to(tl.int64, bitcast=True) + 1023) << 52).to(tl.float64, bitcast=True)
    return scale, tl.fma(r * r, exp_tail(r), r)


@triton.jit
def exp(x):
    scale, p = power_parts(with_sign_of(held(tl.abs(x), 0.0, 700.0), x))
    return tl.fma(scale, p, scale)


@triton.jit
def exp_of_minus(size, least: tl.constexpr = 2.0**-48):
    """e^-size for a size of 0 or more; below 1, unless the least size is 0."""
    scale, p = power_parts(-held(size, least, 700.0))
    return tl.fma(scale, p, scale)


@triton.jit
def expm1(x):
    scale, p = power_parts(with_sign_of(held(tl.abs(x), 0.0, 700.0), x))
    # p passes whole where the scale is 1; and the sign of a zero with it.
    return with_sign_of(tl.abs(tl.fma(scale, p, scale - 1.0)), x)


@triton.jit
def log1p_unit(u):
    """log(1 + u) for u in [0, 1]: 2 atanh(s), s = u/(2 + u)."""
    s = u * reciprocal(2.0 + u)
    z = s * s
    return 2.0 * tl.fma(s * z, atanh_tail(z), s)


@triton.jit
def logistic(a):
    e = exp_of_minus(tl.abs(a))
    return tl.where(a < 0, e, number(1.0)) * reciprocal(1.0 + e)


@triton.jit
def softplus(a):
    return tl.maximum(a, 0.0) + log1p_unit(exp_of_minus(tl.abs(a)))


@triton.jit
def bell(a):
    """sech^2(a/2), which is 4 times the derivative of logistic."""
    e = exp_of_minus(tl.abs(a))
    inverse = reciprocal(1.0 + e)
    return 4.0 * ((e * inverse) * inverse)


@triton.jit
def sech2(a):
    return bell(a + a)


@triton.jit
def tanh(a):
    scale, p = power_parts(2.0 * held(tl.abs(a), 0.0, 32.0))
    m = tl.fma(scale, p, scale - 1.0)
    return with_sign_of(m * reciprocal(m + 2.0), a)


@triton.jit
def tanh_of_softplus_parts(a):
    """Numerator and denominator of tanh(log(1 + e^a)), and e^-|a|."""
    e = exp_of_minus(tl.abs(a))
    n = tl.where(a < 0, e * (e + 2.0), tl.fma(e, f64(2.0), f64(1.0)))
    d = tl.where(a < 0, n + 2.0, tl.fma(e * 2.0, e, n))
    return n, d, e


@triton.jit
def tanh_of_softplus(a):
    n, d, _ = tanh_of_softplus_parts(a)
    return n * reciprocal(d)


@triton.jit
def sech2_of_softplus(a):
    _, d, e = tanh_of_softplus_parts(a)
    root = 2.0 * tl.where(a < 0, number(1.0), e) * (1.0 + e) * reciprocal(d)
    return root * root


@triton.jit
def tanh_gap(a):
    """a - tanh(a)"""
    size = tl.abs(a)
    e = exp_of_minus(2.0 * size)
    rest = 2.0 * e * reciprocal(1.0 + e)
    # Above size - 1, which may be a tie of the result's format.
    far = tl.fma(size, f64(2.0**-52), size - 1.0) + rest
    b = held(size, 0.0, 1.0)
    z = b * b
    near = b * z * tl.fma(z, tanh_gap_near(z), f64(1.0 / 3))
    return with_sign_of(tl.where(size < 1, near, far), a)


@triton.jit
def tail(size):
    """erfc of a size of 0 or more; the normal distribution's tail, twice."""
    a = held(size * SQRT2, 0.0, 24.0)
    inverse = reciprocal(a + TAIL_CENTRE)
    return 2.0 * normal_tail((a - TAIL_CENTRE) * inverse) * inverse * exp_of_minus(size * size)


@triton.jit
def erfc(a):
    t = tail(tl.abs(a))
    return tl.where(a < 0, 2 * BELOW_ONE - t, t)


@triton.jit
def erf(a):
    size = tl.abs(a)
    near = tl.fma(size, erf_near(held(size * size, 0.0, 1.0)), size)
    return with_sign_of(tl.where(size < 1, near, 1.0 - tail(size)), a)


@triton.jit
def gauss(a):
    return TWO_OVER_SQRT_PI * exp_of_minus(a * a)


@triton.jit
def root_sum(a, c):
    """a + sqrt(a^2 + c)"""
    root = tl.sqrt(tl.fma(a, a, c))
    return tl.where(a < 0, c / (root - a), a + root)


@triton.jit
def root_share(a, c):
    return root_sum(a, c) / tl.sqrt(tl.fma(a, a, c))


@triton.jit
def log(a):
    """log of a normal number, for one value per row: 2^k (1 + f), 1 + f in [2/3, 4/3]."""
    bits = a.to(tl.int64, bitcast=True)
    k = (bits - 0x3FE5555555555555) >> 52
    f = (bits - (k << 52)).to(tl.float64, bitcast=True) - 1.0
    s = f / (2.0 + f)
    z = s * s
    low = tl.fma(k.to(tl.float64), f64(LN2_LO), 2.0 * (s * z * atanh_tail(z)))
    return tl.fma(k.to(tl.float64), f64(LN2_HI), 2.0 * s + low)


@triton.jit
def finished(y, x, kind: tl.constexpr):
    """The same; NaN where x, a number as it was read, is NaN."""
    return tl.where(x == x, rounded(y, kind), narrow(x, kind))


@triton.jit
def rounded(y, kind: tl.constexpr):
    """To a format by one rounding."""
    result = y.to(tl.float32)
    if kind != tl.float32:
        # To odd first, which keeps the fact of inexactness for the rounding to sixteen bits.
        back = tl.abs(result.to(tl.float64))
        size = tl.abs(y)
        bits = result.to(tl.int32, bitcast=True)
        step = tl.where(size > back, 1, tl.where(size < back, -1, 0))
        odd = tl.where((bits & 1) == 1, bits, bits + step)
        result = narrow(odd.to(tl.float32, bitcast=True), kind)
    return result
