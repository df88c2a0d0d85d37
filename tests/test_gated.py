"""Gated functions: a f(b), da and db against enclosures; edges; both halves of one array."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits
from ogive import _native
from ogive.catalog import find, names
from ogive.reference import gated, ulp
from ogive.reference.ulp import FLOAT32

GATED = names("gated")
EXACT = ["bilinear", "reglu"]  # both factors are in the format, so each result is rounded once
INF, NAN = math.inf, math.nan
LIMITS = {"value": 0.6, "da": 0.6, "db": 1.0}
LIMITS_64 = {"value": 3.0, "da": 3.0, "db": 4.0}
"""f(b) and f'(b) within 2 and 4 ulps, as the unary function's, and one rounding more."""

every_name = pytest.mark.parametrize("name", GATED)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)


def backward(name: str, *operands: Any, **options: Any) -> Any:
    return getattr(ogive.backward, name)(*operands, **options)


def half_operands(fmt: ulp.Format) -> tuple[Any, Any, Any]:
    """dy, a and b: every b several times, and more often where the gate is all but open."""
    b = gated.halves(fmt, 3)
    b = np.concatenate([b, np.repeat(b[np.abs(b) > 40], 32)])
    return gated.operands(fmt, b.size, 1), gated.operands(fmt, b.size, 2), b


@pytest.mark.parametrize("fmt", [ulp.FLOAT16, ulp.BFLOAT16], ids=lambda f: f.name)
@every_name
def test_halves_are_correctly_rounded(name: str, fmt: ulp.Format) -> None:
    dy, a, b = half_operands(fmt)
    for which, found in gated.measure(find(name), dy, a, b, fmt).items():
        assert found.wrong == 0, f"{name} {which}: {found}"


def test_ties_are_among_what_is_tried() -> None:
    """Products with b and b/2 that lie on a tie but for the gate's last step to 1 or from 1/2."""
    fmt = ulp.BFLOAT16
    _, a, b = half_operands(fmt)
    for factor, part in ((1.0, b > 40), (0.5, np.abs(b) < 2.0**-60)):
        exact = a[part].astype(float) * b[part].astype(float) * factor
        rest = np.abs(exact - fmt.round_all(exact)) / fmt.spacing(exact)
        assert np.count_nonzero(rest == 0.5) > 50


@pytest.mark.parametrize("dtype", DTYPES[1:], ids=DTYPE_IDS[1:])  # float16 ends too early
@every_name
def test_far_out_products_round_as_they_do_nearer(name: str, dtype: Any) -> None:
    """Beyond `gated.FAR` no enclosure is narrow enough, but scaling b scales the product."""
    a = np.repeat(gated.operands(ulp.FORMATS[dtype.name], 300, 3) % 64, 256).astype(dtype)
    b = np.tile(np.linspace(256, 511, 256), 300).astype(dtype)
    scale = 1 if find(name).gate == "sigmoid" else 2.0**80
    with np.errstate(over="ignore"):
        far = (b.astype(float) * 2.0**80).astype(dtype)
    expected = getattr(ogive, name)(a, b).astype(float) * scale
    np.testing.assert_array_equal(getattr(ogive, name)(a, far).astype(float), expected)


@every_name
def test_float32_is_within_its_bounds(name: str) -> None:
    patterns = np.arange(0, 1 << 32, 8209, dtype=np.uint64).astype(np.uint32)
    b = patterns.view(np.float32)
    b = b[np.isfinite(b)]
    dy, a = (gated.operands(FLOAT32, b.size, seed) for seed in (1, 2))
    for which, found in gated.measure(find(name), dy, a, b, FLOAT32).items():
        assert found.worst <= LIMITS[which], f"{name} {which}: {found}"
        if name in EXACT:
            assert found.wrong == 0


@every_name
def test_float32_is_within_its_bounds_where_only_a_product_is_large(name: str) -> None:
    """Tails of f(b) that alone round to 0, lifted back by a and dy; and roots of f'."""
    random = np.random.default_rng(4)
    b = np.concatenate([random.uniform(-300, 0, 20000), random.uniform(-30, 0, 20000)])
    roots = gated.encloser(find(name).gate).critical
    b = np.concatenate([b, *(r + random.normal(0, 1, 500) * 2.0**-k for r in roots for k in
                             (3, 9, 15, 21))]).astype(np.float32)  # fmt: skip
    dy, a = np.exp2(random.uniform(60, 127.9, (2, b.size))).astype(np.float32)
    found = gated.measure(find(name), dy, a, b, FLOAT32)
    assert all(f.worst <= LIMITS[which] for which, f in found.items()), found


@every_name
def test_float64_is_within_its_bounds(name: str) -> None:
    for which, found in gated.float64(find(name)).items():
        limit = 0.5 if name in EXACT else LIMITS_64[which]
        assert found.worst <= limit, f"{name} {which}: {found}"


def test_no_product_overflows_or_is_lost_on_the_way_in_float64() -> None:
    for dy, a in ((1e200, 1e200), (1e-200, 1e-180), (1e250, 1e-250)):
        for sign, b in ((1, -300.0), (-1, -400.0), (1, -1.0)):
            exact = gated.product(find("glu"), sign * dy, a, b, 2, ulp.FLOAT64)
            if not abs(exact) < ulp.power(-1022) and abs(exact) < ulp.power(1023):
                for operands in ((sign * dy, a, b), (a, sign * dy, b)):
                    got = float(backward("glu", *operands)[1])
                    assert ulp.error(got, exact, ulp.FLOAT64) <= 4


@every_name
def test_backward_is_the_derivative_of_the_value(name: str) -> None:
    random = np.random.default_rng(0)
    dy, a, b = random.normal(0, 1, (3, 100))
    function, step = getattr(ogive, name), 2.0**-20
    da, db = backward(name, dy, a, b)
    by_a = (function(a + step, b) - function(a - step, b)) / (2 * step)
    by_b = (function(a, b + step) - function(a, b - step)) / (2 * step)
    np.testing.assert_allclose(da, dy * by_a, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(db, dy * by_b, rtol=1e-6, atol=1e-8)


# Edges.


@every_dtype
@every_name
def test_values_are_those_of_a_product_with_the_unary_function(name: str, dtype: Any) -> None:
    unary = getattr(ogive, find(name).gate)
    points = np.array([0.0, -0.0, 1, -1, 3, INF, -INF, NAN]).astype(dtype)
    a, b = np.repeat(points, points.size), np.tile(points, points.size)
    with np.errstate(all="raise"):
        got = getattr(ogive, name)(a, b)
    with np.errstate(invalid="ignore"):
        expected = a * unary(b)
    finite = np.isfinite(expected) & (expected != 0)
    assert_same_bits(got[~finite], expected[~finite])
    np.testing.assert_allclose(
        got[finite].astype(float), expected[finite].astype(float), rtol=2.0**-7
    )


@every_dtype
@every_name
def test_a_factor_of_zero_lets_nothing_through_in_backward(name: str, dtype: Any) -> None:
    unary = find(name).gate
    points = np.array([0.0, 1, -2, INF, -INF]).astype(dtype)
    dy, a, b = (g.ravel() for g in np.meshgrid(points, points, points))
    with np.errstate(all="raise"):
        da, db = backward(name, dy, a, b)
    value, slope = getattr(ogive, unary)(b), getattr(ogive.derivative, unary)(b)
    assert np.all(da[value == 0] == 0)
    assert np.all(db[(slope == 0) | (a == 0)] == 0)
    assert not np.isnan(da[(value != 0) & (dy != 0)]).any()
    assert not np.isnan(db[(slope != 0) & (dy != 0)]).any()


@every_dtype
def test_an_infinite_value_meets_a_gate_that_is_open_a_crack(dtype: Any) -> None:
    a = np.array([INF, -INF, INF]).astype(dtype)
    b = np.array([-50.0, -700, -INF if dtype != np.float64 else INF]).astype(dtype)
    assert ogive.glu(a, b)[:2].tolist() == [INF, -INF]
    assert np.isnan(ogive.glu(a, np.full_like(b, -INF))).all()
    assert np.isnan(ogive.swiglu(a, np.zeros_like(b))).all()


# What a user does with them.


def test_torch_agrees_on_which_half_gates() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(0, 2, (5, 16)).astype(np.float32)
    expected = torch.nn.functional.glu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ogive.glu(*np.split(x, 2, axis=-1)), expected, rtol=1e-5)
    leaf = torch.from_numpy(x).requires_grad_()
    torch.nn.functional.glu(leaf).sum().backward()
    dx = np.empty_like(x)
    backward("glu", 1.0, *np.split(x, 2, axis=-1), out=tuple(np.split(dx, 2, axis=-1)))
    np.testing.assert_allclose(dx, leaf.grad.numpy(), rtol=1e-5, atol=1e-7)


@every_name
def test_both_halves_of_one_array_need_no_copy(name: str) -> None:
    x = np.random.default_rng(1).normal(0, 2, (7, 600)).astype(np.float32)
    a, b = np.split(x, 2, axis=-1)
    assert a.base is b.base is x
    expected = getattr(ogive, name)(a.copy(), b.copy())
    assert_same_bits(getattr(ogive, name)(a, b), expected)
    assert_same_bits(getattr(ogive, name)(x[:, :300], x[:, 300:]), expected)
    dx = np.empty_like(x)
    got = backward(name, expected, a, b, out=(dx[:, :300], dx[:, 300:]))
    assert got[0].base is dx
    for half, whole in zip(got, backward(name, expected, a.copy(), b.copy()), strict=True):
        assert_same_bits(half, whole)


@every_name
def test_gradients_may_replace_any_operands(name: str) -> None:
    ogive.set_num_threads(3)
    given = np.random.default_rng(2).normal(0, 2, (3, 70_001)).astype(np.float32)
    expected = backward(name, *given)
    for places in ((0, 1), (1, 2), (2, 1), (2, 0)):
        mine = [v.copy() for v in given]
        outs = tuple(mine[i] for i in places)
        got = backward(name, *mine, out=outs)
        for result, out, right in zip(got, outs, expected, strict=True):
            assert result is out
            assert_same_bits(result, right, f"da and db over operands {places}")
    memory = np.zeros(70_002, np.float32)  # results that overlap each other: the last one wins
    _, second = backward(name, *given, out=(memory[1:], memory[:-1]))
    assert_same_bits(second[1000:1100], memory[1000:1100])


@every_name
def test_operands_of_gated_functions_broadcast(name: str) -> None:
    random = np.random.default_rng(3)
    shapes = ((4, 5, 6), (5, 1), (6,))
    for turn in range(3):
        operands = [random.normal(0, 2, shapes[(i + turn) % 3]).astype(np.float32) for i in "012"
                    for i in [int(i)]]  # fmt: skip
        full = [np.broadcast_to(v, (4, 5, 6)).copy() for v in operands]
        for got, right in zip(backward(name, *operands), backward(name, *full), strict=True):
            assert_same_bits(got, right)
        a, b = operands[1:]
        shape = np.broadcast_shapes(a.shape, b.shape)
        expected = getattr(ogive, name)(*(np.broadcast_to(v, shape).copy() for v in (a, b)))
        assert_same_bits(getattr(ogive, name)(a, b), expected)
    with pytest.raises(ValueError, match="broadcast"):
        backward(name, np.ones(3), np.ones(4), np.ones(3))


def test_dtypes_promote_as_those_of_a_product_do() -> None:
    half, single, double = (np.ones(3, d) for d in (np.float16, np.float32, np.float64))
    for a, b in ((half, single), (single, double), (double, half), (np.ones(3, np.int32), half)):
        assert ogive.swiglu(a, b).dtype == (a * b).dtype
        assert backward("swiglu", a, a, b)[1].dtype == (a * b).dtype
    assert ogive.swiglu(half, 2.0).dtype == np.float16
    bf16 = np.ones(3, ml_dtypes.bfloat16)
    assert ogive.swiglu(bf16, bf16).dtype == bf16.dtype


def test_gated_functions_have_value_and_backward_alone() -> None:
    for name in GATED:
        assert set(_native.entries()[name]) == {"value", "backward"}
        assert isinstance(getattr(ogive, name), np.ufunc)
        with pytest.raises(AttributeError):
            getattr(ogive.derivative, name)
