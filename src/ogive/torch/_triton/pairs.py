"""Arithmetic in pairs of floats for results in float32, float16 and bfloat16: about 2^-30.

A number is a tuple: ``(h,)`` is a float, ``(h, l)`` is h + l with a small l, and ``(h, l, e)`` is
(h + l) 2^e, for what float32 cannot hold: tails, and products with very small or large arguments.
One function stands here per operation of the tape. `ranged` asks for a result with its exponent,
which float16 never needs. Nothing but the `tl.fma` that stand here is contracted, and nothing is
computed in double: consumer GPUs have doubles at 1/64 of the speed.
"""

# mypy: ignore-errors
import triton
import triton.language as tl

from . import seam
from .floats import (
    ALPHA,
    BETA,
    CENTRE,
    GAMMA,
    LN2,
    LN2_LOW,
    LOG2_E,
    ROOT_2,
    ROOT_2_LOW,
    ROOT_RADIUS,
    SEVENTEENTHS,
    SEVENTEENTHS_LOW,
    T_SCALE,
    T_SHIFT,
    THIRD,
    THIRD_LOW,
    TWO_FIFTEENTHS,
    TWO_FIFTEENTHS_LOW,
    TWO_OVER_ROOT_PI,
    TWO_OVER_ROOT_PI_LOW,
    atanh_rest,
    erf_rest,
    exp_rest,
    gap_rest,
    tail_rest,
)
from .storage import narrow

INTERPRETED = tl.constexpr(seam.INTERPRETED)
SHIFTER = tl.constexpr(1.5 * 2.0**23)
SHIFTER_BITS = tl.constexpr(0x4B400000)
SIGN = tl.constexpr(-0x80000000)
# Arguments of functions are held within this, where each of those in the catalog has its limit; its
# fourth power is a float.
FAR = tl.constexpr(2.0**30)
# An infinite factor has this for its high part, which exponentials make 0; infinite gradients and
# outputs have this exponent, too, which nothing does; and an output of 0 that one, as it may be
# divided by.
HELD = tl.constexpr(2.0**20)
UNBOUNDED, NOWHERE = tl.constexpr(600), tl.constexpr(-400)
LEAST_EXPONENT = tl.constexpr(-10000)
# Beyond these f(a) = a where it does so at 0 and at infinity.
SMALL, LARGE = tl.constexpr(2.0**-40), tl.constexpr(2.0**32)
# e^x is held within these: what leaves them is 0 or infinite also times what it is multiplied by.
LOWEST, HIGHEST = tl.constexpr(-1000.0), tl.constexpr(180.0)
LOWEST_PLAIN = tl.constexpr(-87.0)


@triton.jit
def bits(a):
    return a.to(tl.int32, bitcast=True)


@triton.jit
def power_of_two(e):
    """2^e for e in [-126, 127]."""
    return ((e + 127) << 23).to(tl.float32, bitcast=True)


@triton.jit
def with_sign_of(size, a):
    """A size of 0 or more, or a number of the same sign, with another number's sign."""
    return (bits(size) | (bits(a) & SIGN)).to(tl.float32, bitcast=True)


@triton.jit
def flipped(a, sign_of):
    return (bits(a) ^ (bits(sign_of) & SIGN)).to(tl.float32, bitcast=True)


@triton.jit
def reciprocal_guess(d):
    """1/d to some 23 bits, for d and 1/d in the range of normal numbers."""
    if INTERPRETED:
        guess = 1.0 / d
    else:
        guess = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [d], dtype=tl.float32, is_pure=True, pack=1
        )
    return guess


@triton.jit
def root_guess(d):
    """1/sqrt(d) to some 22 bits, for a normal d."""
    if INTERPRETED:
        guess = 1.0 / tl.sqrt(d)
    else:
        guess = tl.inline_asm_elementwise(
            "rsqrt.approx.ftz.f32 $0, $1;", "=f,f", [d], dtype=tl.float32, is_pure=True, pack=1
        )
    return guess


@triton.jit
def quick_sum(a, b):
    """a + b as a pair, where |a| >= |b| or a is 0."""
    s = a + b
    return s, b - (s - a)


@triton.jit
def exact_sum(a, b):
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@triton.jit
def exact_product(a, b):
    p = a * b
    return p, tl.fma(a, b, -p)


# ----------------------------------------------------------------------------- in and out


@triton.jit
def number(high: tl.constexpr, low: tl.constexpr = 0.0):
    a = tl.full((), high, tl.float32)
    return (a,) if low == 0.0 else (a, tl.full((), low, tl.float32))


@triton.jit
def from_bits(word):
    """A pair that came as the bits of its two floats."""
    wide = word.to(tl.int64)
    high = (wide >> 32).to(tl.int32).to(tl.float32, bitcast=True)
    return (high, wide.to(tl.int32).to(tl.float32, bitcast=True))


@triton.jit
def parameter(word, e, ranged: tl.constexpr):
    """A number of the call: a pair and an exponent, which is even."""
    p = from_bits(word)
    found = (p[0], p[1], e) if ranged else value((p[0], p[1], e))
    return found


@triton.jit
def value(a):
    """A number without its exponent, within the range of float32."""
    if len(a) == 3:
        scale = power_of_two(tl.minimum(tl.maximum(a[2], -126), 127))
        found = (a[0] * scale, a[1] * scale)
    else:
        found = a
    return found


@triton.jit
def argument(x):
    """x for a function's argument; NaN is anything."""
    return (tl.minimum(tl.maximum(x.to(tl.float32), -FAR), FAR),)


@triton.jit
def factor(x, ranged: tl.constexpr):
    """x where it is a factor or a term of the result; its exponent is even."""
    wide = x.to(tl.float32)
    if ranged:
        e = tl.minimum((bits(wide) >> 23) & 0xFE, 0xFC) - 126
        h = tl.minimum(tl.maximum(wide * power_of_two(-e), -HELD), HELD)
        found = (h, tl.zeros_like(h), e)
    else:
        found = (tl.minimum(tl.maximum(wide, -FAR), FAR),)
    return found


@triton.jit
def unbounded(x, ranged: tl.constexpr):
    """The same, but an infinity stays one in every product."""
    wide = x.to(tl.float32)
    if ranged:
        h, low, e = factor(wide, True)
        found = (h, low, tl.where(tl.abs(wide) == float("inf"), UNBOUNDED, e))
    else:
        found = (wide,)
    return found


@triton.jit
def output(y, ranged: tl.constexpr):
    """The output of a function, which is not 0."""
    if ranged:
        h, low, e = unbounded(y, True)
        none = h == 0
        found = (tl.where(none, 1.0, h), low, tl.where(none, NOWHERE, e))
    else:
        found = factor(y, False)
        found = (tl.where(found[0] == 0, 2.0**-50, found[0]),)
    return found


@triton.jit
def rounded(a, kind: tl.constexpr):
    """To a format by one rounding."""
    h = a[0]
    if len(a) == 1:
        y = h
        lost = tl.zeros_like(h)
    elif len(a) == 2:
        y, lost = quick_sum(h, a[1])
    else:
        e = tl.minimum(tl.maximum(a[2], -250), 250)
        # Below the normal numbers a term as large as the least of them cuts the bits off that have
        # no place there; what it cuts off is added to the lower part.
        least = (tl.maximum(1 - e, 1) << 23).to(tl.float32, bitcast=True)
        cut = tl.where(tl.abs(h + a[1]) < least, with_sign_of(least, h), 0.0)
        r = h + cut
        low = (h - (r - cut)) + a[1]
        s = r + low
        lost = low - (s - r)
        half = e >> 1
        y = (s - cut) * power_of_two(half) * power_of_two(e - half)
        y = with_sign_of(y, h)
    if kind != tl.float32 and len(a) > 1:
        # To odd, which keeps the fact of inexactness for the rounding to sixteen bits.
        step = ((bits(lost) ^ bits(y)) >> 31) | 1  # away from 0 or towards it
        step = step & ((bits(y) & 1) - 1)  # where it is not odd as it is
        step = tl.where((lost != 0) & (tl.abs(y) < float("inf")), step, 0)
        y = (bits(y) + step).to(tl.float32, bitcast=True)
    return narrow(y, kind)


@triton.jit
def finished(a, x, kind: tl.constexpr):
    """The same; NaN where x, a number as it was read, is NaN."""
    return tl.where(x == x, rounded(a, kind), narrow(x.to(tl.float32), kind))


@triton.jit
def sign_kept(a, x):
    """a, where a zero gets the sign of the argument."""
    h = tl.where(a[0] == 0, with_sign_of(tl.zeros_like(a[0]), x.to(tl.float32)), a[0])
    return with_high(a, h)


@triton.jit
def with_high(a, h):
    if len(a) == 1:
        found = (h,)
    elif len(a) == 2:
        found = (h, a[1])
    else:
        found = (h, a[1], a[2])
    return found


@triton.jit
def times(dy, slope):
    """dy slope; where the slope is 0 nothing comes through, whatever arrives."""
    p = mul(dy, slope)
    low = p[1]
    if len(p) == 2:  # an infinity of dy has no lower part
        low = tl.where(tl.abs(p[0]) < float("inf"), low, 0.0)
    none = slope[0] == 0
    if len(slope) > 1:
        none = none & (slope[1] == 0)
    h = tl.where(none, 0.0, p[0])
    low = tl.where(none, 0.0, low)
    return (h, low) if len(p) == 2 else (h, low, p[2])


@triton.jit
def product(a, b, ranged: tl.constexpr):
    """a b of a factor as it was read and a function's result."""
    p = mul(unbounded(a, ranged), b)
    low = p[1]
    if len(p) == 2:  # an infinity has no lower part
        low = tl.where(tl.abs(p[0]) < float("inf"), low, 0.0)
    h = tl.where((b[0] == 0) & (tl.abs(a) == float("inf")), float("nan"), p[0])
    return (h, low) if len(p) == 2 else (h, low, p[2])


# ------------------------------------------------------------------------------ algebra


@triton.jit
def add(a, b):
    if len(a) == 3 or len(b) == 3:
        a, b = with_exponent(a), with_exponent(b)
        # A zero has no exponent to speak of.
        a_e = tl.where(a[0] + a[1] == 0, LEAST_EXPONENT, a[2])
        b_e = tl.where(b[0] + b[1] == 0, LEAST_EXPONENT, b[2])
        e = tl.maximum(a_e, b_e)
        a_scale = power_of_two(tl.maximum(a_e - e, -126))
        b_scale = power_of_two(tl.maximum(b_e - e, -126))
        h, low = exact_sum(a[0] * a_scale, b[0] * b_scale)
        h, low = quick_sum(h, low + tl.fma(a[1], a_scale, b[1] * b_scale))
        found = (h, low, e)
    else:
        h, low = exact_sum(a[0], b[0])
        if len(a) == 2:
            low += a[1]
        if len(b) == 2:
            low += b[1]
        if len(a) == 2 or len(b) == 2:
            h, low = quick_sum(h, low)
        found = (h, low)
    return found


@triton.jit
def with_exponent(a):
    if len(a) == 1:
        found = (a[0], tl.full((), 0.0, tl.float32), 0)
    elif len(a) == 2:
        found = (a[0], a[1], 0)
    else:
        found = a
    return found


@triton.jit
def neg(a):
    if len(a) == 1:
        found = (-a[0],)
    elif len(a) == 2:
        found = (-a[0], -a[1])
    else:
        found = (-a[0], -a[1], a[2])
    return found


@triton.jit
def sub(a, b):
    return add(a, neg(b))


@triton.jit
def mul(a, b):
    h, low = exact_product(a[0], b[0])
    if len(a) > 1:
        low = tl.fma(a[1], b[0], low)
    if len(b) > 1:
        low = tl.fma(a[0], b[1], low)
    if len(a) == 3 and len(b) == 3:
        found = (h, low, a[2] + b[2])
    elif len(a) == 3:
        found = (h, low, a[2])
    elif len(b) == 3:
        found = (h, low, b[2])
    else:
        found = (h, low)
    return found


@triton.jit
def scale(a, c: tl.constexpr):
    """a times a power of two; also of doubles."""
    if len(a) == 1:
        found = (a[0] * c,)
    elif len(a) == 2:
        found = (a[0] * c, a[1] * c)
    else:
        found = (a[0] * c, a[1] * c, a[2])
    return found


@triton.jit
def div(a, b):
    inverse = reciprocal_guess(b[0])
    q = a[0] * inverse
    rest = tl.fma(-q, b[0], a[0])
    if len(a) > 1:
        rest += a[1]
    if len(b) > 1:
        rest = tl.fma(-q, b[1], rest)
    low = rest * inverse
    if len(a) == 3 and len(b) == 3:
        found = (q, low, a[2] - b[2])
    elif len(a) == 3:
        found = (q, low, a[2])
    elif len(b) == 3:
        found = (q, low, -b[2])
    else:
        found = (q, low)
    return found


@triton.jit
def over(a, c: tl.constexpr, inverse: tl.constexpr):
    """a divided by a constant that is a float, exactly where that is a pair."""
    q = a[0] * inverse
    rest = tl.fma(q, -c, a[0])
    if len(a) > 1:
        rest += a[1]
    return (q, rest * inverse) if len(a) < 3 else (q, rest * inverse, a[2])


@triton.jit
def select(where, a, b):
    if len(a) == 3 or len(b) == 3:
        a, b = with_exponent(a), with_exponent(b)
        low = tl.where(where, a[1], b[1])
        found = (tl.where(where, a[0], b[0]), low, tl.where(where, a[2], b[2]))
    elif len(a) == 2 or len(b) == 2:
        a, b = with_low(a), with_low(b)
        found = (tl.where(where, a[0], b[0]), tl.where(where, a[1], b[1]))
    else:
        found = (tl.where(where, a[0], b[0]),)
    return found


@triton.jit
def with_low(a):
    return (a[0], tl.full((), 0.0, tl.float32)) if len(a) == 1 else a


@triton.jit
def split(x, c, below, above):
    """Where x, as it was read or a parameter, is at most c."""
    x, c = value(x), value(c)
    under = x[0] <= c[0]
    if len(c) == 2:
        rest = c[1] if len(x) == 1 else c[1] - x[1]
        under = tl.where(x[0] == c[0], rest >= 0, x[0] < c[0])
    return select(under, below, above)


@triton.jit
def sqrt(a):
    """The root of a positive number, whose exponent is even."""
    guess = root_guess(a[0])
    root = a[0] * guess
    rest = tl.fma(-root, root, a[0])
    if len(a) > 1:
        rest += a[1]
    low = rest * (0.5 * guess)
    return (root, low) if len(a) < 3 else (root, low, a[2] >> 1)


@triton.jit
def with_sign(a, of):
    """a or -a, by the sign of a float."""
    if len(a) == 1:
        found = (flipped(a[0], of),)
    elif len(a) == 2:
        found = (flipped(a[0], of), flipped(a[1], of))
    else:
        found = (flipped(a[0], of), flipped(a[1], of), a[2])
    return found


@triton.jit
def size_of(a):
    """|a|"""
    return with_sign(a, a[0])


# ------------------------------------------------------------------------------ exponentials


@triton.jit
def power_parts(x):
    """e^x = 2^n (1 + h + low): n as a float and shifted, and the pair; x within 250."""
    shifted = tl.fma(x[0], LOG2_E, SHIFTER)
    n = shifted - SHIFTER
    r = tl.fma(-n, LN2, x[0])  # exact
    rest = n * -LN2_LOW if len(x) == 1 else tl.fma(-n, LN2_LOW, x[1])
    square = r * r
    h, low = quick_sum(r, 0.5 * square)
    low += tl.fma(square * r, exp_rest(r), 0.5 * tl.fma(r, r, -square))
    h, low = quick_sum(h, low)
    return shifted, h, low + tl.fma(rest, h, rest)


@triton.jit
def exp_held(x, ranged: tl.constexpr):
    """e^x for an x that is held where `ranged` wants it."""
    shifted, h, low = power_parts(x)
    h, rest = quick_sum(1.0, h)
    found = (h, rest + low, bits(shifted) - SHIFTER_BITS)
    return found if ranged else value_of_power(found)


@triton.jit
def value_of_power(a):
    """The same of an exponent that needs no check."""
    factor = power_of_two(a[2])
    return (a[0] * factor, a[1] * factor)


@triton.jit
def held(a, least: tl.constexpr, most: tl.constexpr):
    """A number without an exponent, held between two."""
    h = tl.minimum(tl.maximum(a[0], least), most)
    return (h,) if len(a) == 1 else (h, tl.where(h == a[0], a[1], 0.0))


@triton.jit
def exp(a, ranged: tl.constexpr):
    if ranged:
        found = exp_held(held(value(a), LOWEST, HIGHEST), True)
    else:
        found = exp_held(held(value(a), LOWEST_PLAIN, -LOWEST_PLAIN), False)
    return found


@triton.jit
def exp_of_minus(a, ranged: tl.constexpr):
    """e^-|a|"""
    x = neg(size_of(value(a)))
    if ranged:
        found = exp_held(held(x, LOWEST, 0.0), True)
    else:
        found = exp_held(held(x, LOWEST_PLAIN, 0.0), False)
    return found


@triton.jit
def expm1_held(x):
    shifted, h, low = power_parts(x)
    factor = power_of_two(bits(shifted) - SHIFTER_BITS)
    whole = factor - 1.0
    rest = factor - (whole + 1.0)
    h, more = exact_sum(whole, factor * h)
    return h, more + tl.fma(factor, low, rest)


@triton.jit
def passed(a, size, h, low, ranged: tl.constexpr):
    """f(a) = a + O(a^2) in a pair, where a small a is passed on."""
    found = (h, low)
    if ranged and len(a) == 3:
        found = select(size < SMALL, a, found)
    return found


@triton.jit
def expm1(a, ranged: tl.constexpr):
    x = value(a)
    h, low = expm1_held(held(x, LOWEST_PLAIN, -LOWEST_PLAIN))
    return passed(a, tl.abs(x[0]), h, low, ranged)


@triton.jit
def log1p_unit(u):
    """log(1 + u) for u in [0, 1]: 2 atanh(s), s = u/(2 + u); that of (1 + u)/2 and log 2 for
    u > 1/2, so that what follows s in the series stays below a 70th of it.
    """
    plain = with_low(value(u))
    beyond = plain[0] > 0.5
    top = select(beyond, (plain[0] - 1.0, plain[1]), u)
    h, low = quick_sum(tl.where(beyond, 3.0, 2.0), plain[0])
    s = scale(div(top, (h, low + plain[1])), 2.0)
    half = value(s)[0]
    z = half * half
    h, low = quick_sum(tl.where(beyond, LN2, 0.0), s[0])
    low += tl.fma(s[0] * z, atanh_rest(z), tl.where(beyond, LN2_LOW, 0.0) + s[1])
    h, low = quick_sum(h, low)
    return (h, low) if len(s) == 2 else (h, low, s[2])


@triton.jit
def log(a):
    """log of a normal number: 2^k (1 + f), 1 + f in [2/3, 4/3]."""
    k = (bits(a[0]) - 0x3F2AAAAB) >> 23
    unit = power_of_two(-k)
    f = quick_sum(tl.fma(a[0], unit, -1.0), a[1] * unit)
    h, low = exact_sum(2.0, f[0])
    s = scale(div(f, (h, low + f[1])), 2.0)
    z = s[0] * s[0]
    n = k.to(tl.float32)
    whole, rest = exact_product(n, tl.full((), LN2, tl.float32))
    h, low = exact_sum(whole, s[0])
    low += tl.fma(s[0] * z, atanh_rest(z), tl.fma(n, LN2_LOW, rest) + s[1])
    return quick_sum(h, low)


@triton.jit
def one_and(e):
    """1 + e for e in [0, 1]."""
    plain = value(e)
    h, low = quick_sum(1.0, plain[0])
    return (h, low + plain[1])


@triton.jit
def logistic(a, ranged: tl.constexpr):
    e = exp_of_minus(a, ranged)
    top = select(a[0] < 0, e, (tl.full((), 1.0, tl.float32),))
    return div(top, one_and(e))


@triton.jit
def logistic_plus(a, w, ranged: tl.constexpr):
    """logistic(a) + w logistic'(a) = logistic(a) (1 + w logistic(-a))"""
    e = exp_of_minus(a, ranged)
    one = (tl.full((), 1.0, tl.float32),)
    whole = one_and(e)
    share = div(select(a[0] < 0, e, one), whole)
    rest = div(select(a[0] < 0, one, value(e)), whole)
    return mul(share, add(one, mul(w, rest)))


@triton.jit
def softplus(a, ranged: tl.constexpr):
    tail = log1p_unit(exp_of_minus(a, ranged))
    x = value(a)
    whole = add(x, value(tail))
    if len(a) == 3:
        whole = select(x[0] > LARGE, a, whole)
    return select(a[0] < 0, tail, whole)


@triton.jit
def bell(a, ranged: tl.constexpr):
    """sech^2(a/2), which is 4 times the derivative of logistic."""
    e = exp_of_minus(a, ranged)
    share = div(e, one_and(e))
    rest = div((tl.full((), 4.0, tl.float32),), one_and(e))
    return mul(share, rest)


@triton.jit
def sech2(a, ranged: tl.constexpr):
    return bell(scale(a, 2.0), ranged)


@triton.jit
def tanh(a, ranged: tl.constexpr):
    x = value(a)
    m = expm1_held(held(scale(size_of(x), 2.0), 0.0, 64.0))
    h, low = exact_sum(m[0], 2.0)
    y = div(m, (h, low + m[1]))
    return passed(a, tl.abs(x[0]), flipped(y[0], x[0]), flipped(y[1], x[0]), ranged)


@triton.jit
def tanh_of_softplus_parts(a, ranged: tl.constexpr):
    """Numerator and denominator of tanh(log(1 + e^a)), and e^-|a|."""
    e = exp_of_minus(a, ranged)
    u = value(e)
    h, low = quick_sum(2.0, u[0])
    e_and_2 = (h, low + u[1])
    n_left = mul(e, e_and_2)
    h, low = quick_sum(1.0, 2.0 * u[0])
    n_right = (h, tl.fma(2.0, u[1], low))
    # e (e + 2) + 2, or 2 e^2 + (2 e + 1)
    more = select(a[0] < 0, value(n_left), scale(mul(u, u), 2.0))
    first = select(a[0] < 0, (tl.full((), 2.0, tl.float32),), n_right)
    return select(a[0] < 0, n_left, n_right), add(first, more), e


@triton.jit
def tanh_of_softplus_plus(a, w, ranged: tl.constexpr):
    """f(a) + w f'(a) for the f above, as a product: with u = e^-|a| and d the denominator
    u/d (u + 2 + 4 w (1 + u)/d) below 0, and 1/d (2 u + 1 + 4 w u^2 (1 + u)/d) above.
    """
    e = exp_of_minus(a, ranged)
    u = value(e)
    below = a[0] < 0
    one, two = (tl.full((), 1.0, tl.float32),), (tl.full((), 2.0, tl.float32),)
    h, low = quick_sum(tl.where(below, 2.0, 1.0), tl.where(below, u[0], 2.0 * u[0]))
    first = (h, tl.fma(tl.where(below, 1.0, 2.0), u[1], low))
    square = mul(u, u)
    # u^2 + 2 u + 2, or 2 u^2 + 2 u + 1
    d = select(below, add(square, add(scale(u, 2.0), two)), add(scale(square, 2.0), first))
    slope = div(mul(mul(w, scale(select(below, one, square), 4.0)), one_and(u)), d)
    return mul(div(select(below, e, one), d), add(first, slope))


@triton.jit
def tanh_of_softplus(a, ranged: tl.constexpr):
    n, d, _ = tanh_of_softplus_parts(a, ranged)
    return div(n, d)


@triton.jit
def sech2_of_softplus(a, ranged: tl.constexpr):
    _, d, e = tanh_of_softplus_parts(a, ranged)
    one = (tl.full((), 1.0, tl.float32),)
    root = scale(mul(select(a[0] < 0, one, e), div(one_and(e), d)), 2.0)
    return mul(root, root)


@triton.jit
def horner(p, z, c: tl.constexpr, c_low: tl.constexpr):
    """c + p z for pairs."""
    q = mul(p, z)
    h, low = exact_sum(c, q[0])
    return (h, low + (q[1] + c_low))


@triton.jit
def tanh_gap(a, ranged: tl.constexpr):
    """a - tanh(a)"""
    x = size_of(value(a))
    e = exp_of_minus(scale(x, 2.0), False)
    rest = scale(div(e, one_and(e)), 2.0)
    far = add(add(x, (tl.full((), -1.0, tl.float32),)), rest)
    near = held(x, 0.0, 1.0)
    z = mul(near, near)
    p = horner((gap_rest(z[0]),), z, SEVENTEENTHS, SEVENTEENTHS_LOW)
    p = horner(p, z, -TWO_FIFTEENTHS, -TWO_FIFTEENTHS_LOW)
    p = horner(p, z, THIRD, THIRD_LOW)
    if ranged and len(a) == 3:  # also where the cube is too small for a float
        b = size_of(a)
        near = mul(mul(b, mul(b, b)), p)
    else:
        near = mul(mul(near, z), p)
    gap = select(x[0] < 1, near, far)
    if len(a) == 3:
        gap = select(x[0] > LARGE, size_of(a), gap)
    return with_sign(gap, a[0])


# ------------------------------------------------------------------- the normal distribution


@triton.jit
def half_square(b):
    """b^2/2"""
    s = mul(b, b)
    return (0.5 * s[0], 0.5 * s[1])


@triton.jit
def scaled_tail(a):
    """e^(a^2/2) erfc(a/sqrt 2) for an a of 0 or more."""
    h, low = exact_sum(a[0], CENTRE)
    if len(a) == 2:
        low += a[1]
    v = reciprocal_guess(h)
    v_low = v * tl.fma(-v, low, tl.fma(-v, h, 1.0))
    inner = tl.fma(v, GAMMA, BETA)
    inner_low = tl.fma(v_low, GAMMA, tl.fma(v, GAMMA, BETA - inner))
    g = tl.fma(inner, v, ALPHA)
    g_low = tl.fma(inner_low, v, tl.fma(inner, v_low, tl.fma(inner, v, ALPHA - g)))
    g_low += tail_rest(tl.fma(v, T_SCALE, T_SHIFT))
    return mul((v, v_low), (g, g_low))


@triton.jit
def tail(a, ranged: tl.constexpr):
    """erfc(a/sqrt 2) for an a of 0 or more."""
    return mul(scaled_tail(a), exp_of_minus(half_square(a), ranged))


@triton.jit
def erfc_root2(b, ranged: tl.constexpr):
    """erfc(b/sqrt 2), twice the normal distribution's upper tail."""
    b = value(b)
    t = tail(size_of(b), ranged)
    plain = value(t)
    h, low = quick_sum(2.0, -plain[0])
    return select(b[0] < 0, (h, low - plain[1]), t)


@triton.jit
def erfc_root2_plus(b, w, ranged: tl.constexpr):
    """erfc(b/sqrt 2) + w 2/sqrt(pi) e^(-b^2/2): both terms with one exponential."""
    b = value(b)
    a = size_of(b)
    bell = with_sign(mul(w, number(TWO_OVER_ROOT_PI, TWO_OVER_ROOT_PI_LOW)), b[0])
    t = mul(add(scaled_tail(a), bell), exp_of_minus(half_square(a), ranged))
    return select(b[0] < 0, sub((tl.full((), 2.0, tl.float32),), value(t)), t)


@triton.jit
def gauss_root2(b, ranged: tl.constexpr):
    """2/sqrt(pi) e^(-b^2/2)"""
    e = exp_of_minus(half_square(size_of(value(b))), ranged)
    return mul(e, number(TWO_OVER_ROOT_PI, TWO_OVER_ROOT_PI_LOW))


@triton.jit
def erfc(a, ranged: tl.constexpr):
    return erfc_root2(mul(value(a), number(ROOT_2, ROOT_2_LOW)), ranged)


@triton.jit
def gauss(a, ranged: tl.constexpr):
    return gauss_root2(mul(value(a), number(ROOT_2, ROOT_2_LOW)), ranged)


@triton.jit
def erf(a, ranged: tl.constexpr):
    x = value(a)
    size = tl.minimum(tl.abs(x[0]), 0.5)
    z = size * size
    q = erf_rest(z)
    h = tl.fma(z, q, TWO_OVER_ROOT_PI)
    low = tl.fma(z, q, TWO_OVER_ROOT_PI - h) + TWO_OVER_ROOT_PI_LOW
    low = tl.fma(tl.fma(size, size, -z), q, low)
    near = mul(size_of(a), (h, low)) if ranged else mul(size_of(x), (h, low))
    t = value(tail(mul(held(size_of(x), 0.0, 16.0), number(ROOT_2, ROOT_2_LOW)), False))
    h, low = quick_sum(1.0, -t[0])
    y = select(tl.abs(x[0]) < 0.5, near, (h, low - t[1]))
    return with_sign(y, x[0])


# -------------------------------------------------------------------------- algebraic functions


@triton.jit
def endless(a):
    """An infinite factor, beyond all powers of a finite one."""
    return (a[0], a[1], tl.where(tl.abs(a[0]) == HELD, UNBOUNDED, a[2])) if len(a) == 3 else a


@triton.jit
def root_sum(a, c):
    """a + sqrt(a^2 + c)"""
    a = endless(a)
    s = add(size_of(a), sqrt(add(mul(a, a), c)))
    return select(a[0] < 0, div(c, s), s)


@triton.jit
def root_slope(y, c):
    """2 y^2/(y^2 + c), the slope of `root_sum` by its result."""
    square = mul(y, y)
    return div(scale(square, 2.0), add(square, c))


@triton.jit
def root_share(a, c):
    a = endless(a)
    return div(root_sum(a, c), sqrt(add(mul(a, a), c)))


# -------------------------------------------------------------------------- zeros of derivatives


@triton.jit
def through(
    y,
    x,
    root: tl.constexpr,
    there: tl.constexpr,
    slope: tl.constexpr,
    slope_low: tl.constexpr,
    coefficients: tl.constexpr,
):
    """y, but next to a zero of it the polynomial in x - root, the float next to the zero."""
    d = x - root
    p = tl.full((), coefficients[len(coefficients) - 1], tl.float32)
    for k in tl.static_range(len(coefficients) - 2, -1, -1):
        p = tl.fma(p, d, coefficients[k])
    h, low = exact_product(d, slope)
    low = tl.fma(d * d, p, tl.fma(d, slope_low, low + there))
    return select(tl.abs(d) < ROOT_RADIUS, (h, low), y)
