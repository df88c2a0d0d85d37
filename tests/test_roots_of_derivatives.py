"""Next to where a derivative passes through 0 it keeps its sign and its size, in every mode."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import ogive
from ogive.catalog import find, names
from ogive.reference import arb, measure, ulp

FORMATS = (ulp.FLOAT16, ulp.BFLOAT16, ulp.FLOAT32, ulp.FLOAT64)
ORDERS = {"derivative": 1, "second_derivative": 2}


def roots(name: str, order: int) -> list[float]:
    """The float64 next to each change of sign, by bisection of enclosures."""
    card = find(name)

    def sign(x: float) -> int:
        ball = arb.enclose(card, x, order=order, bits=8)
        return int(ball > 0) - int(ball < 0)

    found = []
    grid = [v for v in np.arange(-8, 8, 0.37).tolist() if abs(v) > 1e-3]
    for low, high in itertools.pairwise(grid):
        left, right = sign(low), sign(high)
        if left * right >= 0:
            continue
        while (middle := (low + high) / 2) not in (low, high):
            low, high = (middle, high) if sign(middle) == left else (low, middle)
        jumps = abs(float(arb.enclose(card, low, order=order, bits=8).mid())) > 1e-6
        if not jumps and abs(low) > 1e-3:  # next to 0 the formats have their own grain
            found.append(low)
    return found


ROOTS = [
    (name, mode, root)
    for name in names("unary")
    for mode, order in ORDERS.items()
    if mode in measure.results(name)
    for root in roots(name, order)
]
every_root = pytest.mark.parametrize(
    ("name", "mode", "root"), ROOTS, ids=[f"{mode}-{name}-{root:.3f}" for name, mode, root in ROOTS]
)
every_format = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)


def around(root: float, fmt: ulp.Format) -> Any:
    """The nearest number of a format and those beside it."""
    nearest = np.array([root]).astype(fmt.dtype)
    return (
        (nearest.view(f"i{fmt.dtype.itemsize}") + np.arange(-40, 41, dtype="i8"))
        .astype(f"i{fmt.dtype.itemsize}")
        .view(fmt.dtype)
    )


def test_the_valleys_are_found() -> None:
    found = {name for name, mode, _ in ROOTS if mode == "derivative"}
    assert {"gelu", "gelu_tanh", "gelu_sigmoid", "silu", "mish", "hard_swish"} <= found


@every_format
@every_root
def test_sign_and_size_next_to_a_root(name: str, mode: str, root: float, fmt: ulp.Format) -> None:
    card, x = find(name), around(root, fmt)
    calls = {"": getattr(ogive, mode)}
    got = {dy: getattr(calls[""], name)(x) for dy in (1.0,)}
    if mode == "derivative":
        got |= {dy: getattr(ogive.backward, name)(np.full_like(x, dy), x) for dy in (1.0, -3.0)}
    # The largest |f'| is about 1.1, |f"| no more: the contract's unit next to a zero.
    unit = math.ldexp(1, 1 - fmt.precision - 20)
    for i, point in enumerate(x.astype(np.float64).tolist()):
        exact = arb.enclose(card, point, order=ORDERS[mode], bits=80)
        for dy, values in got.items():
            want, found = float(exact.mid()) * dy, float(values[i])
            assert (found > 0) - (found < 0) == (want > 0) - (want < 0), (point, dy, found, want)
            near = max(unit * abs(dy), float(fmt.spacing(np.array([want]))[0]))
            assert abs(found - want) <= near, (point, dy, found, want)


@every_format
@pytest.mark.parametrize(
    ("name", "root"), [(name, root) for name, mode, root in ROOTS if mode == "derivative"]
)
def test_a_zero_upstream_takes_the_sign_of_the_slope(
    name: str, root: float, fmt: ulp.Format
) -> None:
    """A slope is a sum of two, whose products with 0 may be zeros of both signs."""
    x = around(root, fmt)
    slope = getattr(ogive.derivative, name)(x).astype(np.float64)
    x, slope = x[slope != 0], slope[slope != 0]
    for zero in (0.0, -0.0):
        dx = getattr(ogive.backward, name)(np.full_like(x, zero), x).astype(np.float64)
        assert not dx.any()
        np.testing.assert_array_equal(np.signbit(dx), np.signbit(zero * slope))
