"""Lean backward: what one bit an element, or y and one bit, keeps of the slope."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lean as sweep  # tools/lean.py
import ogive
from cases import BF16, DTYPE_IDS, DTYPES, HALVES, assert_same_bits, other_parameters, values
from ogive.calls.rules import inputs
from ogive.reference.ulp import BFLOAT16, FLOAT16

RECORD: dict[str, Any] = tomllib.loads((Path(__file__).parent / "lean.toml").read_text())
NAMES = [name for name in ogive.catalog.names("unary") if name in dir(ogive.lean)]
TWO_SLOPES = [name for name in NAMES if inputs(ogive.card(name), "lean_backward") == ("dy", "mask")]
TWO_SIDES = [name for name in NAMES if name not in TWO_SLOPES]
LARGE = 300_007  # three threads share it, and its last byte of bits is not full

every = pytest.mark.parametrize("name", NAMES)
two_slopes = pytest.mark.parametrize("name", TWO_SLOPES)
two_sides = pytest.mark.parametrize("name", TWO_SIDES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)


def forward(name: str, x: Any, *parameters: float, **options: Any) -> Any:
    return getattr(ogive.lean, name)(x, *parameters, **options)


def backward(name: str, dy: Any, y: Any, mask: Any, *parameters: float, **options: Any) -> Any:
    kept = (mask,) if name in TWO_SLOPES else (y, mask)
    return getattr(ogive.lean_backward, name)(dy, *kept, *parameters, **options)


def through(name: str, dy: Any, x: Any, *parameters: float) -> Any:
    """dx by way of what forward keeps."""
    y, mask = forward(name, x, *parameters)
    return backward(name, dy, y, mask, *parameters)


def from_input(name: str, dy: Any, x: Any, *parameters: float) -> Any:
    dx = getattr(ogive.backward, name)(dy, x, *parameters)
    return dx[0] if isinstance(dx, tuple) else dx


def every_half(dtype: Any) -> Any:
    return np.arange(1 << 16, dtype=np.uint16).view(dtype)


def test_every_function_of_straight_lines_with_two_slopes_is_lean() -> None:
    """A function that has a kink or a jump and no curvature, by its card, has two slopes here."""
    straight = [
        card.name
        for card in ogive.catalog("unary")
        if card.claims is not None
        and card.claims.smoothness < 1
        and not card.claims.second_derivative_at_breaks
    ]
    assert straight == TWO_SLOPES
    assert TWO_SIDES == ["gelu", "mish", "silu"]
    assert dir(ogive.lean) == dir(ogive.lean_backward)


@every
@every_dtype
def test_the_output_is_that_of_the_function(name: str, dtype: Any) -> None:
    x = values(dtype)
    for parameters in [(), *other_parameters(name)]:
        y, mask = forward(name, x, *parameters)
        assert_same_bits(y, getattr(ogive, name)(x, *parameters))
        assert mask.dtype == np.uint8
        assert mask.shape == ((x.size + 7) // 8,)


@two_slopes
@every_dtype
def test_dx_from_the_mask_has_the_bits_of_dx_from_the_input(name: str, dtype: Any) -> None:
    sets = [values(dtype, count=3000)]
    if dtype in HALVES:
        sets.append(every_half(dtype))
    if dtype == np.float32:
        sets.append(np.arange(0, 1 << 32, 65_521, dtype=np.uint64).astype(np.uint32).view(dtype))
    for x in sets:
        with np.errstate(invalid="ignore"):  # ml_dtypes warns of NaN
            x = x[~np.isnan(x)]
        dy = np.resize(values(dtype), x.size)  # infinities and NaN too
        for parameters in [(), *other_parameters(name)]:
            got, expected = through(name, dy, x, *parameters), from_input(name, dy, x, *parameters)
            assert_same_bits(got, expected, f"{parameters}")


@two_slopes
def test_at_the_kinks_the_slope_is_the_one_that_backward_takes(name: str) -> None:
    claims = ogive.card(name).claims
    assert claims is not None
    x = np.array(claims.breaks)
    np.testing.assert_array_equal(through(name, np.ones_like(x), x), claims.derivative_at_breaks)


@every
def test_nan_never_hides(name: str) -> None:
    """A NaN in x shows in y; the bit lets through what a NaN makes of dy."""
    x, dy = np.full(9, np.nan, np.float32), np.full(9, np.nan, np.float32)
    y, mask = forward(name, x)
    assert np.isnan(y).all()
    assert np.isnan(backward(name, dy, y, mask)).all()
    if name in TWO_SIDES:
        assert np.isnan(backward(name, np.ones_like(y), y, mask)).all()


def test_the_mask_is_what_packbits_gives() -> None:
    x = np.random.default_rng(1).normal(0, 2, (5, 7, 11)).astype(np.float32)
    for name, condition in {
        "relu": x > 0,
        "leaky_relu": x > 0,
        "relu6": (x > 0) & (x < 6),
        "hard_tanh": np.abs(x) < 1,
        "softshrink": np.abs(x) > 0.5,
        "silu": x >= -1.2784645427610738,
    }.items():
        expected = np.packbits(condition, bitorder="little")
        np.testing.assert_array_equal(forward(name, x)[1], expected, name)


@two_sides
@pytest.mark.parametrize("fmt", [FLOAT16, BFLOAT16], ids=lambda f: f.name)
def test_every_half_is_within_the_recorded_error(name: str, fmt: Any) -> None:
    hold(name, fmt.name, sweep.errors(name, fmt.every(), fmt))


@two_sides
def test_every_1021st_float32_is_within_the_recorded_error(name: str) -> None:
    hold(name, "float32", sweep.float32(name, sweep.SAMPLE))


@two_sides
def test_float64_is_within_the_recorded_error(name: str) -> None:
    hold(name, "float64", sweep.rest(name)["float64"])


def hold(name: str, dtype: str, found: Any) -> None:
    record = RECORD[name][dtype]
    assert found.max_error <= record["max_error"], found
    assert found.max_ulp <= record["max_ulp"], found


@two_sides
def test_float_lanes_have_the_slope_of_the_double_form(name: str) -> None:
    """From the same y, wherever the slope is not next to 0: the double form is good to 1e-11."""
    x = np.arange(0, 1 << 32, 30_011, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = x[np.isfinite(x)]
    y, mask = forward(name, x)
    got = backward(name, np.ones_like(y), y, mask).astype(np.float64)
    wide = y.astype(np.float64)
    exact = backward(name, np.ones_like(wide), wide, mask)
    compared = (np.abs(wide) > 2.0**-126) & (np.abs(exact) > 0.05 * np.abs(wide))
    ulps = np.abs(got - exact)[compared] / np.spacing(np.abs(exact[compared]).astype(np.float32))
    assert compared.mean() > 0.4
    assert ulps.max() <= 6, (x[compared][ulps.argmax()], ulps.max())


# sqrt(f''(x0) ulp(y0)), rounded up: what y, rounded, can hide of f' at the minimum.
INHERENT = {"float16": 0.0082, "bfloat16": 0.023, "float32": 9e-5, "float64": 3.9e-9}


@two_sides
@pytest.mark.parametrize("dtype", INHERENT)
def test_what_is_lost_at_the_minimum_is_what_the_output_has_lost(name: str, dtype: str) -> None:
    assert RECORD[name][dtype]["max_error"] <= INHERENT[dtype]


@two_sides
@every_dtype
def test_the_slope_has_the_sign_of_its_side(name: str, dtype: Any) -> None:
    x = values(dtype, finite=True)
    y, mask = forward(name, x)
    dx = backward(name, np.ones_like(y), y, mask)
    right = np.unpackbits(mask, count=x.size, bitorder="little").astype(bool)
    assert (dx[right] >= 0).all()
    assert (dx[~right] <= 0).all()


@two_sides
@every_dtype
def test_the_ends_are_defined(name: str, dtype: Any) -> None:
    x = np.array([np.inf, -np.inf, 0.0, -0.0]).astype(dtype)
    dx = through(name, np.ones_like(x), x)
    middle = float(getattr(ogive.derivative, name)(np.zeros(1, dtype))[0])
    np.testing.assert_allclose(dx.astype(float), [1, 0, middle, middle], rtol=1e-15)
    # An output that a caller changed, or a mask of something else: finite all the same.
    odd = np.array([-1, -100, 1, 50]).astype(dtype)
    for byte in (0x00, 0xFF):
        got = backward(name, np.ones_like(odd), odd, np.array([byte], np.uint8))
        assert np.isfinite(got.astype(float)).all()


def sample(name: str, dtype: Any, count: int) -> tuple[Any, Any]:
    x = np.resize(values(dtype, count=997), count)
    return np.resize(values(dtype, count=601, finite=True), count), x


@every
@every_dtype
def test_an_element_does_not_depend_on_length_or_place(name: str, dtype: Any) -> None:
    dy, x = sample(name, dtype, 1100)
    y, mask = forward(name, x)
    chosen = np.unpackbits(mask, bitorder="little")
    dx = backward(name, dy, y, mask)
    for length in [*range(71), 255, 256, 257, 511, 513, 1025]:
        for offset in (0, 1, 3, 16, 64):
            part = slice(offset, offset + length)
            part_y, part_mask = forward(name, x[part])
            what = f"length {length}, offset {offset}"
            assert_same_bits(part_y, y[part], what)
            expected = np.packbits(chosen[part], bitorder="little")
            np.testing.assert_array_equal(part_mask, expected, what)
            assert_same_bits(backward(name, dy[part], part_y, part_mask), dx[part], what)


@every
@every_dtype
def test_threads_and_memory_past_the_caches_do_not_change_bits(name: str, dtype: Any) -> None:
    dy, x = sample(name, dtype, LARGE)
    ogive.set_num_threads(1)
    y, mask = forward(name, x)
    dx = backward(name, dy, y, mask)
    for threads in (2, 3):
        ogive.set_num_threads(threads)
        got_y, got_mask = forward(name, x)
        assert_same_bits(got_y, y, f"{threads} threads")
        np.testing.assert_array_equal(got_mask, mask)
        assert_same_bits(backward(name, dy, y, mask), dx, f"{threads} threads")


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "silu"])
def test_a_large_result_in_memory_that_is_there_has_the_same_bits(name: str) -> None:
    count = (40 << 20) + 77
    dy, x = sample(name, np.dtype(np.float16), count)
    y, mask = forward(name, x)
    assert_same_bits(y[:997], forward(name, x[:997])[0])
    for shift in (0, 1, 5):
        memory = np.ones(count + shift, np.float16)
        out = memory[shift:]
        assert backward(name, dy, y, mask, out=out) is out
        for place in (0, 8 * 1234, 8 * ((count - 3000) // 8)):
            few = slice(place, place + 3000)
            small = backward(name, dy[few], y[few], mask[place // 8 :][: (len(y[few]) + 7) // 8])
            assert_same_bits(out[few], small, f"shift {shift}, place {place}")


@every
@every_dtype
def test_memory_of_any_layout_gives_the_same_result(name: str, dtype: Any) -> None:
    dy, x = (np.resize(a, 600).reshape(20, 30) for a in sample(name, dtype, 600))
    y, mask = forward(name, x)
    dx = backward(name, dy, y, mask)

    def layouts(a: Any) -> dict[str, Any]:
        unaligned = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
        unaligned[...] = a
        views = {
            "Fortran order": np.asfortranarray(a),
            "reversed": a[::-1, ::-1].copy()[::-1, ::-1],
            "every second": np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
            "unaligned": unaligned,
        }
        if a.dtype != BF16:
            views["byte-swapped"] = a.astype(a.dtype.newbyteorder("S"))
        return views

    spread = np.zeros(2 * mask.size, np.uint8)
    spread[::2] = mask
    for layout in layouts(x):
        got_y, got_mask = forward(name, layouts(x)[layout])
        assert_same_bits(got_y, y, layout)
        np.testing.assert_array_equal(got_mask, mask, layout)
        got = backward(name, layouts(dy)[layout], layouts(y)[layout], spread[::2])
        assert_same_bits(got, dx, layout)
    for layout, view in layouts(np.zeros_like(x)).items():
        if layout == "byte-swapped":
            continue
        forward(name, x, out=(view, None))
        assert_same_bits(view, y, f"out: {layout}")
        backward(name, dy, y, mask, out=view)
        assert_same_bits(view, dx, f"out: {layout}")


@every
def test_out_may_be_an_input_or_overlap_it(name: str) -> None:
    dy, x = sample(name, np.dtype(np.float32), 70_001)
    y, mask = forward(name, x)
    dx = backward(name, dy, y, mask)
    mine, bits_out = x.copy(), np.zeros_like(mask)
    got = forward(name, mine, out=(mine, bits_out))
    assert got[0] is mine
    assert got[1] is bits_out
    assert_same_bits(mine, y, "in place")
    np.testing.assert_array_equal(bits_out, mask)
    mine = dy.copy()
    assert backward(name, mine, y, mask, out=mine) is mine
    assert_same_bits(mine, dx, "over dy")
    if name in TWO_SIDES:
        mine = y.copy()
        assert_same_bits(backward(name, dy, mine, mask, out=mine), dx, "over y")
    memory = np.zeros(dy.size + 1, dy.dtype)
    memory[1:] = dy
    assert_same_bits(backward(name, memory[1:], y, mask, out=memory[:-1]), dx, "shifted")


@every
def test_shapes_numbers_and_integers(name: str) -> None:
    y, mask = forward(name, np.zeros((0, 3), np.float32))
    assert y.shape == (0, 3)
    assert mask.shape == (0,)
    assert backward(name, y, y, mask).shape == (0, 3)
    y, mask = forward(name, np.float32(2))
    assert type(y) is np.float32
    assert mask.shape == (1,)
    dx = backward(name, np.float32(3), y, mask)
    assert type(dx) is np.float32
    np.testing.assert_allclose(dx, from_input(name, np.float32(3), np.float32(2)), rtol=1e-5)
    y, mask = forward(name, [1, 2, -3])
    assert_same_bits(y, getattr(ogive, name)([1, 2, -3]))
    x = np.arange(-5, 6, dtype=np.int16)
    assert forward(name, x)[0].dtype == getattr(ogive, name)(x).dtype


def test_what_is_kept_is_a_thirty_second_of_float32() -> None:
    x = np.ones((64, 32), np.float32)
    assert forward("relu", x)[1].nbytes * 32 == x.nbytes


@every
def test_containers_come_back(name: str) -> None:
    import pandas as pd

    x = pd.DataFrame(np.random.default_rng(0).normal(0, 2, (4, 3)), columns=list("abc"))
    y, mask = forward(name, x)
    assert isinstance(y, pd.DataFrame)
    assert isinstance(backward(name, x, y, mask), pd.DataFrame)
    import dask.array as da

    with pytest.raises(TypeError, match=r"x is a dask array.*map_blocks"):
        forward(name, da.ones(3))


X = np.ones((5, 7), np.float32)
MASK = np.zeros(5, np.uint8)
BAD: dict[str, tuple[Any, type[Exception], list[str]]] = {
    "mask too short": (
        lambda: backward("relu", X, X, MASK[:4]), ValueError, ["mask", "(4,)", "(5, 7)", "(5,)"]),
    "mask too long": (
        lambda: backward("gelu", X, X, np.zeros(35, np.uint8)), ValueError, ["(35,)", "(5,)"]),
    "mask of bools": (
        lambda: backward("relu", X, X, np.zeros(5, bool)), TypeError, ["mask", "uint8", "bool"]),
    "mask is a list": (lambda: backward("relu", X, X, [0]), TypeError, ["mask", "list"]),
    "mask of two dimensions": (
        lambda: backward("relu", X, X, np.zeros((5, 1), np.uint8)), ValueError, ["(5, 1)"]),
    "y of another shape": (
        lambda: backward("gelu", X, X[0], MASK), ValueError, ["dy", "(5, 7)", "y", "(7,)"]),
    "complex": (lambda: forward("relu", X + 0j), TypeError, ["x", "complex64"]),
    "a parameter an element": (
        lambda: forward("leaky_relu", X, np.ones(7)), ValueError, ["negative_slope", "(7,)"]),
    "a parameter out of its domain": (
        lambda: forward("softshrink", X, -1.0), ValueError, ["lambd", "-1"]),
    "out that is no pair": (lambda: forward("relu", X, out=X), TypeError, ["out", "(y, mask)"]),
    "out of another shape": (
        lambda: forward("relu", X, out=(X[0], None)), ValueError, ["out[0]", "(7,)", "(5, 7)"]),
    "out of another dtype": (
        lambda: backward("relu", X, X, MASK, out=np.ones((5, 7))), ValueError,
        ["out", "float64", "float32"]),
    "mask out of another size": (
        lambda: forward("relu", X, out=(None, MASK[:3])), ValueError, ["out[1]", "(3,)", "(5,)"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_the_argument(case: str) -> None:
    call, error, words = BAD[case]
    with pytest.raises(error) as raised:
        call()
    for word in words:
        assert word in str(raised.value), str(raised.value)


def test_a_mask_and_what_it_was_made_with_give_the_gradient_of_a_batch() -> None:
    """The whole way: the gradient of a sum of squares, from what forward kept alone."""
    x = np.random.default_rng(3).normal(0, 2, (16, 33))
    for name in NAMES:
        y, mask = forward(name, x)
        dx = backward(name, 2 * y, y, mask)
        step = 1e-6
        function = getattr(ogive, name)
        numeric = (function(x + step) ** 2 - function(x - step) ** 2) / (2 * step)
        kinked = np.abs(function(x + step) - 2 * y + function(x - step)) > 1e-8
        np.testing.assert_allclose(dx[~kinked], numeric[~kinked], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("out", [(), (None,), (None, None, None), [None, None], np.empty(3)])
def test_an_out_that_is_no_pair_is_refused(out: Any) -> None:
    with pytest.raises(TypeError, match=r"relu: out must be a tuple \(y, mask\)"):
        ogive.lean.relu(np.ones(3), out=out)


def test_an_out_that_is_no_array_is_refused() -> None:
    with pytest.raises(TypeError, match=r"out\[0\] must be a NumPy array, not list"):
        ogive.lean.relu(np.ones(3), out=([0.0, 0.0, 0.0], None))
