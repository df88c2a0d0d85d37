"""Bounds of hard_tanh and widths of the shrinks, against np.clip and comparisons."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, HALVES, assert_same_bits

BOUNDS = [
    (-1, 1), (-0.7, 1.6), (0, 6), (-math.inf, 0.3), (0, math.inf), (0.1, 0.1), (0, 0),
    (1 + 2**-11 + 2**-40, 2),  # a detour by float32 would round the first to a tie, and it down
    (-1e300, 1e300),
]  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")


def every_half(dtype: Any) -> Any:
    """All halves, or as many floats from one end to the other."""
    if dtype in HALVES:
        return np.arange(1 << 16, dtype=np.uint16).view(dtype)
    widened = np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16).astype(dtype)
    return np.concatenate([widened, widened * dtype.type(0.9)])


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_hard_tanh_clips_at_the_nearest_numbers_of_the_format(dtype: Any, bounds: Any) -> None:
    x = every_half(dtype)
    with np.errstate(over="ignore"):
        low, high = (np.float64(b).astype(dtype) for b in bounds)
    wide = x.astype(np.float64)
    inside = (wide > np.float64(low)) & (wide < np.float64(high))
    y = ogive.hard_tanh(x, *bounds)
    clipped = np.clip(wide, np.float64(low), np.float64(high))
    assert np.array_equal(y.astype(np.float64), clipped, equal_nan=True)
    slope = np.where(np.isnan(wide), np.nan, inside).astype(dtype)
    ones = np.ones_like(x)
    for got in (
        ogive.derivative.hard_tanh(x, *bounds),
        ogive.backward.hard_tanh(ones, x, *bounds),
        ogive.backward_from_output.hard_tanh(ones, y, *bounds),
    ):
        assert np.array_equal(got.astype(np.float64), slope.astype(np.float64), equal_nan=True)
    kept, mask = ogive.lean.hard_tanh(x, *bounds)
    assert_same_bits(kept, y)
    dx = ogive.lean_backward.hard_tanh(ones, mask, *bounds).astype(np.float64)
    assert np.array_equal(dx, inside | np.isnan(wide))  # the bit of a NaN is set


def test_bounds_out_of_order_are_refused_and_nan_is_passed_on() -> None:
    for call in (
        lambda: ogive.hard_tanh([0.0], 2, 1),
        lambda: ogive.backward.hard_tanh([0.0], [0.0], 2.0, 1.0),
        lambda: ogive.lean.hard_tanh([0.0], 2, 1),
    ):
        with pytest.raises(ValueError, match=r"min_val = 2(\.0)? is above max_val = 1(\.0)?"):
            call()
    got = ogive.hard_tanh(np.zeros(3), [2, -1, math.nan], 1)
    assert np.array_equal(got, [math.nan, 0, math.nan], equal_nan=True)
    assert np.isnan(ogive.hard_tanh(0.0, -1, math.nan))


@pytest.mark.parametrize("name", ["softshrink", "hardshrink"])
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_a_shrink_of_width_0_is_the_identity_with_a_slope_of_0_at_0(name: str, dtype: Any) -> None:
    x = every_half(dtype)
    assert_same_bits(getattr(ogive, name)(x, 0), x)
    slope = np.where(np.isnan(x), np.nan, x != 0)
    got = getattr(ogive.derivative, name)(x, 0.0).astype(np.float64)
    assert np.array_equal(got, slope.astype(np.float64), equal_nan=True)
    got = getattr(ogive.backward_from_output, name)(np.ones_like(x), x, 0).astype(np.float64)
    assert np.array_equal(got, slope, equal_nan=True)


def test_hardshrink_of_a_negative_width_is_the_identity_and_softshrink_refuses_it() -> None:
    x = np.array([-2.0, -0.3, 0, 0.3, math.inf])
    assert_same_bits(ogive.hardshrink(x, -0.5), x)
    assert ogive.derivative.hardshrink(x, -0.5).tolist() == [1] * 5
    with pytest.raises(ValueError, match=r"lambd = -0\.5: it must be in \[0, inf\)"):
        ogive.softshrink(x, -0.5)
