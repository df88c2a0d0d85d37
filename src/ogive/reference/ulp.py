"""Floating-point formats, correct rounding into them, and the distance from an exact result.

``error`` is |got - exact| in units in the last place of the exact result. It is defined for all
values: a zero has the ulp of the subnormals, an infinity counts as the number after the largest
finite one, and NaN equals only NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, fmpz

from ..calls.formats import DTYPES


@dataclass(frozen=True)
class Format:
    """A binary format of at most 64 bits."""

    name: str
    precision: int
    """Bits of the significand, including the hidden one."""
    least: int
    """Exponent of the smallest normal number."""
    greatest: int
    """Exponent of the largest finite number."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return DTYPES[self.name]

    def ulp_exponent(self, exponent: int) -> int:
        """log2 of the ulp of numbers in [2^exponent, 2^(exponent + 1))."""
        return max(exponent, self.least) - self.precision + 1

    def round(self, exact: arb) -> float:
        """An exact (zero-radius) number rounded to nearest, ties to even."""
        if not exact.is_finite() or exact == 0:
            return float(exact)
        mantissa, exponent = (int(part) for part in exact.man_exp())
        sign = -1.0 if mantissa < 0 else 1.0
        top = exponent + abs(mantissa).bit_length() - 1
        if top > self.greatest:
            return sign * math.inf
        if top < self.least - self.precision:  # below half of the least subnormal
            return sign * 0.0
        drop = self.ulp_exponent(top) - exponent
        if drop > 0:
            half, kept = 1 << (drop - 1), abs(mantissa) >> drop
            rest = abs(mantissa) - (kept << drop)
            kept += rest > half or (rest == half and kept & 1)
            if kept == 0:
                return sign * 0.0
            mantissa, exponent = -kept if mantissa < 0 else kept, exponent + drop
        if exponent + abs(mantissa).bit_length() - 1 > self.greatest:
            return sign * math.inf
        return math.ldexp(mantissa, exponent)

    def spacing(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The ulp of each number of an array; an infinity has that of the largest number."""
        exponents = np.frexp(np.where(np.isinf(x), math.ldexp(1, self.greatest), x))[1] - 1
        exponents = np.where(x == 0, self.least, np.clip(exponents, self.least, self.greatest))
        return np.asarray(np.ldexp(1.0, exponents - self.precision + 1))

    def round_all(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """`round` for an array of float64."""
        unit = self.spacing(x)
        nearest = np.where(np.isfinite(x), np.rint(np.where(np.isfinite(x), x, 0) / unit) * unit, x)
        largest = math.ldexp(2 - math.ldexp(1, 1 - self.precision), self.greatest)
        return np.asarray(
            np.where(np.abs(nearest) > largest, np.copysign(np.inf, nearest), nearest)
        )

    def every(self) -> npt.NDArray[Any]:
        """Every number of a 16-bit format, including NaNs and infinities."""
        return np.arange(1 << 16, dtype=np.uint16).view(self.dtype)


FLOAT16 = Format("float16", 11, -14, 15)
BFLOAT16 = Format("bfloat16", 8, -126, 127)
FLOAT32 = Format("float32", 24, -126, 127)
FLOAT64 = Format("float64", 53, -1022, 1023)
FORMATS = {f.name: f for f in (FLOAT16, BFLOAT16, FLOAT32, FLOAT64)}


def power(exponent: int) -> arb:
    return arb(2) ** fmpz(exponent)  # exact at every precision


def exponent_of(x: arb) -> int:
    """floor(log2 |x|) of a finite, exact, non-zero number."""
    mantissa, exponent = x.man_exp()
    return int(exponent) + abs(int(mantissa)).bit_length() - 1


def error(got: float, exact: arb, fmt: Format, *, least_unit: arb | None = None) -> float:
    """Distance of a result from an enclosure of the exact one, in ulps of the exact one.

    Parameters
    ----------
    got
        The result; float64 contains all formats.
    exact
        A narrow enclosure; the error returned is an upper bound over it.
    fmt
        The format whose ulp is the unit.
    least_unit
        The error is measured in no smaller unit than this one.
    """
    if math.isnan(got) or exact.is_nan():
        return 0.0 if math.isnan(got) and exact.is_nan() else math.inf
    if not exact.is_finite():
        return 0.0 if got == float(exact) else math.inf
    beyond = power(fmt.greatest + 1)
    if math.isinf(got):
        nearest = fmt.round(arb(exact.abs_lower()))
        if math.isinf(nearest) and exact * math.copysign(1, got) > 0:
            return 0.0
        value = beyond * int(math.copysign(1, got))
    else:
        value = arb(got)
    low = arb(exact.abs_lower())
    top = fmt.least if low == 0 else exponent_of(low)
    unit = power(fmt.ulp_exponent(min(top, fmt.greatest)))
    if least_unit is not None and unit < least_unit:
        unit = least_unit
    return float((abs(value - exact) / unit).abs_upper())
