"""Numbers of every format to float32 and back, exactly or by one rounding to nearest even."""

# mypy: ignore-errors
import triton
import triton.language as tl

from .seam import INTERPRETED

# The interpreter cuts bfloat16 off, and takes its subnormals for 0; devices round as they should.
BY_INTEGERS = tl.constexpr(INTERPRETED)


@triton.jit
def narrow(x, kind: tl.constexpr):
    """A float32 to a format."""
    if BY_INTEGERS and kind == tl.bfloat16:
        bits = x.to(tl.uint32, bitcast=True)
        nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        kept = tl.where(x == x, nearest, (bits >> 16) | 0x40)
        y = kept.to(tl.uint16).to(tl.bfloat16, bitcast=True)
    else:
        y = x.to(kind)
    return y


@triton.jit
def widen(x):
    """A number of a format of 16 bits as float32; others as they are."""
    if x.dtype == tl.bfloat16 or x.dtype == tl.float16:
        if BY_INTEGERS and x.dtype == tl.bfloat16:
            y = (x.to(tl.uint16, bitcast=True).to(tl.uint32) << 16).to(tl.float32, bitcast=True)
        else:
            y = x.to(tl.float32)
    else:
        y = x
    return y
