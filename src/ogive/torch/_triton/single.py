"""The arithmetic of functions that no format rounds: choices between x, -x and small integers."""

# mypy: ignore-errors
import triton
import triton.language as tl


@triton.jit
def number(value: tl.constexpr):
    return tl.full((), value, tl.float32)


@triton.jit
def widen(x):
    return x.to(tl.float32)


@triton.jit
def argument(x):
    return x.to(tl.float32)


@triton.jit
def finished(y, x):
    return tl.where(x == x, y, x.to(tl.float32))


@triton.jit
def times(factor, slope):
    return tl.where(slope == 0, number(0.0), factor.to(tl.float32) * slope)


@triton.jit
def neg(a):
    return -a


@triton.jit
def split(x, c, below, above):
    return tl.where(x <= c, below, above)


@triton.jit
def rounded(y, kind: tl.constexpr):
    return y.to(kind)
