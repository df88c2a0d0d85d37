"""The arithmetic of functions that no format rounds: choices between x, -x and small integers."""

# mypy: ignore-errors
import triton
import triton.language as tl

from .full import neg as neg
from .full import split as split
from .storage import narrow


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
def output(y):
    return y.to(tl.float32)


@triton.jit
def times(factor, slope):
    return tl.where(slope == 0, number(0.0), factor.to(tl.float32) * slope)


@triton.jit
def sign_kept(y, x):
    return tl.where(y == 0, tl.where(x == x, x, 0.0) * 0.0, y)


@triton.jit
def finished(y, x, kind: tl.constexpr):
    return narrow(tl.where(x == x, y, x), kind)
