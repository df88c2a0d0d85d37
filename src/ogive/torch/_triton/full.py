"""Double arithmetic for results in float64, from the device's own library of functions."""

# mypy: ignore-errors
import triton
import triton.language as tl

from .polynomials import f64, tanh_gap_near_full
from .seam import library

# An infinity is taken for this number, and what comes of it for the limit.
FAR = tl.constexpr(2.0**500)
BEYOND = tl.constexpr(2.0**200)
TWO_OVER_SQRT_PI = tl.constexpr(1.1283791670955126)
TWO_OVER_SQRT_PI_LOW = tl.constexpr(1.533545961316588e-17)


@triton.jit
def number(value: tl.constexpr):
    return tl.full((), value, tl.float64)


@triton.jit
def widen(x):
    return x.to(tl.float64)


@triton.jit
def argument(x):
    return tl.where(tl.abs(x) == float("inf"), tl.where(x < 0, number(-(2.0**500)), FAR), x)


@triton.jit
def output(y):
    return argument(y)


@triton.jit
def product(a, b):
    return a * b


@triton.jit
def times(factor, slope):
    return tl.where(slope == 0, number(0.0), factor * slope)


@triton.jit
def sign_kept(y, x):
    return tl.where(y == 0, argument(x) * 0.0, y)


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def plus(a, c: tl.constexpr):
    return a + c


@triton.jit
def sub(a, b):
    return a - b


@triton.jit
def mul(a, b):
    """a b, where a 0 that stands for something too small to hold stays one."""
    p = a * b
    lost = (tl.minimum(tl.abs(a), tl.abs(b)) == 0) & (p != p)
    return tl.where(lost, number(0.0), p)


@triton.jit
def scaled(a, b):
    return mul(a, b)


@triton.jit
def div(a, b):
    return a / b


@triton.jit
def ratio(a, b):
    return a / b


@triton.jit
def over(a, c: tl.constexpr, inverse: tl.constexpr):
    return a / f64(c)


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
def exp(a):
    return library.exp(a)


@triton.jit
def expm1(a):
    return library.expm1(a)


@triton.jit
def log(a):
    return library.log(a)


@triton.jit
def log1p_unit(u):
    return library.log1p(u)


@triton.jit
def tanh(a):
    return library.tanh(a)


@triton.jit
def erf(a):
    return library.erf(a)


@triton.jit
def erfc(a):
    return library.erfc(a)


@triton.jit
def logistic(a):
    e = library.exp(-tl.abs(a))
    return tl.where(a < 0, e, number(1.0)) / (1.0 + e)


@triton.jit
def softplus(a):
    return tl.maximum(a, 0.0) + library.log1p(library.exp(-tl.abs(a)))


@triton.jit
def bell(a):
    e = library.exp(-tl.abs(a))
    d = 1.0 + e
    return 4.0 * (e / d / d)


@triton.jit
def sech2(a):
    return bell(a + a)


@triton.jit
def tanh_of_softplus_parts(a):
    e = library.exp(-tl.abs(a))
    n = tl.where(a < 0, e * (e + 2.0), tl.fma(e, f64(2.0), f64(1.0)))
    d = tl.where(a < 0, n + 2.0, tl.fma(e * 2.0, e, n))
    return n, d, e


@triton.jit
def tanh_of_softplus(a):
    n, d, _ = tanh_of_softplus_parts(a)
    return n / d


@triton.jit
def sech2_of_softplus(a):
    _, d, e = tanh_of_softplus_parts(a)
    root = 2.0 * tl.where(a < 0, number(1.0), e) * (1.0 + e) / d
    return root * root


@triton.jit
def tanh_gap(a):
    """a - tanh(a)"""
    size = tl.abs(a)
    e = library.exp(-2.0 * size)
    far = (size - 1.0) + 2.0 * e / (1.0 + e)
    b = tl.minimum(size, 1.0)
    z = b * b
    near = b * z * tl.fma(z, tanh_gap_near_full(z), f64(1.0 / 3))
    gap = tl.where(size < 1, near, far)
    return tl.where(a < 0, -gap, tl.where(a == 0, a, gap))


@triton.jit
def gauss(a):
    size = tl.minimum(tl.abs(a), 40.0)
    square = size * size
    e = library.exp(-square)
    lost = tl.fma(size, size, -square)
    low = tl.fma(-lost, f64(TWO_OVER_SQRT_PI), f64(TWO_OVER_SQRT_PI_LOW))
    return tl.fma(e, f64(TWO_OVER_SQRT_PI), e * low)


@triton.jit
def hypotenuse(a, c):
    size = tl.abs(a)
    return tl.where(size > 2.0**510, size, tl.sqrt(tl.fma(a, a, c)))


@triton.jit
def root_sum(a, c):
    root = hypotenuse(a, c)
    return tl.where(a < 0, c / (root - a), a + root)


@triton.jit
def root_share(a, c):
    return root_sum(a, c) / hypotenuse(a, c)


@triton.jit
def rounded(y, kind: tl.constexpr):
    return y.to(kind)


@triton.jit
def finished(y, x, kind: tl.constexpr):
    """y; its limit where x is infinite; NaN where x is."""
    size = tl.abs(y)
    limit = tl.where(size > BEYOND, y * float("inf"), tl.where(size < 1 / BEYOND, y * 0.0, y))
    return tl.where(x == x, tl.where(tl.abs(x) == float("inf"), limit, y), x)
