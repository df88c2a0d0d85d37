"""NaN, infinities, signed zeros, subnormals, huge numbers, kinks, empty and masked rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ogive
from cases import (
    DTYPE_IDS,
    DTYPES,
    ELEMENTWISE,
    HEADS,
    ROWS,
    Call,
    HeadCall,
    assert_same_bits,
    public_modes,
)
from ogive.catalog.card import Card
from ogive.reference import arb as enclosures
from ogive.reference import ulp

CARDS = ogive.catalog("unary")
INF, NAN = math.inf, math.nan

elementwise = pytest.mark.parametrize("call", ELEMENTWISE, ids=lambda call: call.id)
every_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)


@pytest.fixture(autouse=True)
def _no_floating_point_warning() -> Iterator[None]:
    with np.errstate(all="raise"):
        yield


def array(dtype: Any, *numbers: float) -> Any:
    with np.errstate(all="ignore"):
        return np.array(numbers, np.float64).astype(dtype)


def value(card: Card, x: Any) -> Any:
    return getattr(ogive, card.name)(x)


def derivative(card: Card, x: Any) -> Any:
    return getattr(ogive.derivative, card.name)(x)


def with_a_slope(call: Call) -> float:
    """An input, or an output, of the function where its slope is not 0."""
    if not hasattr(ogive.derivative, call.name):
        return 0.75
    x = next(x for x in (0.75, 1.5) if getattr(ogive.derivative, call.name)(x) != 0)
    return float(getattr(ogive, call.name)(x)) if call.mode == "backward_from_output" else x


@elementwise
@every_dtype
def test_a_nan_gives_a_nan_in_its_own_place_only(call: Call, dtype: Any) -> None:
    for length in (1, 2, 7, 16, 33, 257):
        for place in {0, 1, length // 2, length - 2, length - 1} & set(range(length)):
            for spoiled in set(range(call.inputs)) - set(call.ignores):
                arrays = [np.ones(length, dtype) for _ in range(call.inputs)]
                arrays[-1] *= array(dtype, with_a_slope(call))[0]
                arrays[spoiled][place] = NAN
                got = np.isnan(call(*arrays))
                assert got[place]
                assert got.sum() == 1


@every_card
@every_dtype
def test_infinite_input_gives_the_limits_the_card_claims(card: Card, dtype: Any) -> None:
    assert card.claims is not None
    x = array(dtype, -INF, INF)
    assert_same_bits(value(card, x), array(dtype, *card.claims.limits))
    assert_same_bits(
        np.abs(derivative(card, x)), np.abs(array(dtype, *card.claims.derivative_limits))
    )


@every_dtype
def test_the_limits_that_other_libraries_get_wrong(dtype: Any) -> None:
    minus = array(dtype, -INF)
    for name in ("gelu", "silu"):
        assert_same_bits(getattr(ogive, name)(minus), array(dtype, -0.0))
    assert_same_bits(ogive.softsign(array(dtype, -INF, INF)), array(dtype, -1, 1))


@every_card
@every_dtype
def test_an_infinite_gradient_meets_a_slope_of_zero_without_nan(card: Card, dtype: Any) -> None:
    for x in (-INF, INF):
        for dy in (-INF, INF):
            got = getattr(ogive.backward, card.name)(array(dtype, dy), array(dtype, x))
            dx = got[0] if isinstance(got, tuple) else got
            assert not np.isnan(dx).any()


@every_card
@every_dtype
def test_huge_finite_input_stays_finite(card: Card, dtype: Any) -> None:
    assert card.claims is not None
    most = float(ml_dtypes.finfo(dtype).max)
    got = value(card, array(dtype, -most / 2, most / 2)).astype(np.float64)
    slopes = derivative(card, array(dtype, -most, most)).astype(np.float64)
    for side, sign in ((0, -1), (1, 1)):
        limit, slope = card.claims.limits[side], card.claims.derivative_limits[side]
        if math.isinf(slope):  # faster than any multiple of x: beyond the format
            assert got[side] == limit
            assert slopes[side] == slope
            continue
        assert np.isfinite([got[side], slopes[side]]).all()
        expected = sign * slope * (most / 2) if math.isinf(limit) else limit
        assert got[side] == pytest.approx(expected, rel=0.02, abs=1e-4)
        assert slopes[side] == pytest.approx(slope, rel=0.02, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", ["hard_swish", "exp", "silu"])
def test_a_gradient_beyond_the_format_is_infinite_with_its_sign(name: str, dtype: Any) -> None:
    x = np.array([2.9, 61.25, 1.5]).astype(dtype)
    slope = getattr(ogive.derivative, name)(x).astype(np.float64)
    for n in (1, 70):  # alone, and where whole vectors go
        for sign in (1, -1):
            dy = np.full((n, 3), sign * 3.35e38).astype(dtype)
            with np.errstate(over="ignore"):  # of the conversions back
                dx = getattr(ogive.backward, name)(dy, np.tile(x, (n, 1))).astype(np.float64)
            beyond = np.abs(dy.astype(np.float64)[0] * slope) > 3.41e38
            assert beyond.any()
            assert np.all(dx[:, beyond] == sign * np.inf)
            assert not np.isnan(dx).any()


def test_the_least_negative_number_rounds_to_minus_zero() -> None:
    y = ogive.gelu(np.full(40, -1.4e-45, np.float32))
    assert np.all(y == 0)
    assert np.signbit(y).all()


def test_a_large_gradient_of_logsumexp_keeps_its_tail() -> None:
    z = np.array([60, -30, -40, 0] * 5, np.float32)
    dz = ogive.backward.logsumexp(np.float32(1e6), z)
    exact = 1e6 * np.exp(z.astype(np.float64) - 60) / (5 * (1 + np.exp(-60.0)))
    np.testing.assert_allclose(dz, exact, rtol=2**-22)


@every_card
@every_dtype
def test_zero_keeps_its_sign_where_the_function_rises_through_it(card: Card, dtype: Any) -> None:
    assert card.claims is not None
    zeros = array(dtype, 0.0, -0.0)
    at_zero, slopes = value(card, zeros), derivative(card, zeros)
    assert at_zero[0] == at_zero[1]
    assert slopes[0] == slopes[1]
    if at_zero[0] == 0 and (card.claims.parity == "odd" or slopes[0] > 0):
        assert_same_bits(at_zero, zeros)


@every_card
@every_dtype
def test_subnormal_input_is_not_flushed(card: Card, dtype: Any) -> None:
    least = float(ml_dtypes.finfo(dtype).smallest_subnormal)
    steps = np.arange(1, 60) * 1.0
    for sign in (-1, 1):
        x = array(dtype, *(sign * least * steps))
        got = value(card, x).astype(np.float64)
        at_zero = float(value(card, array(dtype, 0.0))[0])
        slope = float(derivative(card, np.float64(sign * least)))
        allowed = 2 if dtype == np.float64 else 0.6
        if at_zero == 0:
            # Near 0 the function is its slope, up to the error allowed in spacings.
            assert np.all(np.abs(got / least - sign * slope * steps) <= allowed)
        else:
            assert np.all(got == at_zero)


@every_card
@every_dtype
def test_the_derivative_at_a_kink_is_the_one_the_card_claims(card: Card, dtype: Any) -> None:
    assert card.claims is not None
    for x, slope in zip(card.claims.breaks, card.claims.derivative_at_breaks, strict=True):
        for at in {x} if x else (0.0, -0.0):
            assert_same_bits(derivative(card, array(dtype, at)), array(dtype, slope))


CURVED = [card for card in CARDS if "second_derivative" in public_modes(card.name)]


@pytest.mark.parametrize("card", CURVED, ids=lambda card: card.name)
@every_dtype
def test_second_derivatives_at_infinity_and_at_breaks(card: Card, dtype: Any) -> None:
    assert card.claims is not None
    bend = getattr(ogive.second_derivative, card.name)
    fmt = ulp.FORMATS[dtype.name]
    limits = [enclosures.rounded(card, side, fmt=fmt, order=2) for side in (-INF, INF)]
    np.testing.assert_array_equal(bend(array(dtype, -INF, INF)).astype(float), limits)
    for x, wanted in zip(card.claims.breaks, card.claims.second_derivative_at_breaks, strict=True):
        for at in {x, -x} if x == 0 else {x}:
            assert_same_bits(bend(array(dtype, at)), array(dtype, wanted))
    most = float(ml_dtypes.finfo(dtype).max)
    assert not np.isnan(bend(array(dtype, -most, most))).any()


KINKS = {"relu": 0.0, "leaky_relu": 0.01, "prelu": 0.25, "rrelu": (1 / 8 + 1 / 3) / 2, "elu": 1.0}


@pytest.mark.parametrize("name", KINKS)
def test_the_derivative_at_zero_is_the_conventional_one(name: str) -> None:
    got = getattr(ogive.derivative, name)(np.array([0.0, -0.0]))
    assert got.tolist() == [KINKS[name]] * 2


@elementwise
@every_dtype
def test_empty_arrays_return_empty(call: Call, dtype: Any) -> None:
    for shape in ((0,), (3, 0), (0, 2, 5)):
        got = call(*(np.zeros(shape, dtype) for _ in range(call.inputs)))
        assert got.shape == shape
        assert got.dtype == dtype


def test_a_slope_of_zero_gives_zero_at_minus_infinity() -> None:
    assert ogive.leaky_relu(-INF, 0.0) == 0
    assert ogive.prelu(-INF, 0.0) == 0


# Rows.


# Rows of probabilities that rise with their logits.
SHARES = [
    card.name
    for card in ogive.catalog("rows")
    if {"sums_to_one", "order_preserving"} <= set(card.row_claims)
]


def row(function: Any, *numbers: float, dtype: Any = np.float32, **options: Any) -> list[float]:
    got = function(array(dtype, *numbers), **options)
    return np.atleast_1d(got).astype(np.float64).tolist()


def same(got: list[float], expected: list[float]) -> None:
    __tracebackhide__ = True
    np.testing.assert_array_equal(got, expected)


@every_dtype
def test_a_nan_spoils_its_own_row_and_no_other(dtype: Any) -> None:
    for call in ROWS:
        for length in (1, 2, 17, 300):
            arrays = [np.ones((3, length), dtype) for _ in range(call.inputs)]
            if call.inputs == 2 and np.ndim(getattr(ogive, call.name)(arrays[1])) == 1:
                arrays[0] = arrays[0][:, 0]
            arrays[-1][1, length // 2] = NAN
            got = np.isnan(np.reshape(call(*arrays), (3, -1)))
            assert got[1].all() or call.mode == "backward_from_output"
            assert got[1].any()
            assert not got[[0, 2]].any()


@every_dtype
@pytest.mark.parametrize("run", HEADS, ids=lambda run: run.id)
def test_a_nan_spoils_its_own_loss_and_no_other(run: HeadCall, dtype: Any) -> None:
    for length in (1, 2, 17, 300):
        z = np.ones((4, length), dtype)
        z[2, length // 2] = NAN
        loss, dz = (np.isnan(a) for a in run(z, reduction="none"))
        spoiled = np.isnan(z.astype(float))
        if run.card.over_rows:
            spoiled[2] = True
        assert np.array_equal(dz, spoiled)
        assert np.array_equal(loss, spoiled[:, 0] if run.card.over_rows else spoiled)


@every_dtype
@pytest.mark.parametrize("run", HEADS, ids=lambda run: run.id)
def test_the_mean_loss_of_nothing_is_0(run: HeadCall, dtype: Any) -> None:
    loss, dz = run(np.zeros((0, 3), dtype))
    assert loss == 0
    assert (loss.dtype, dz.dtype, dz.shape) == (dtype, dtype, (0, 3))


@every_dtype
def test_a_row_of_minus_infinity(dtype: Any) -> None:
    minus = (-INF, -INF, -INF)
    for name in SHARES:
        same(row(getattr(ogive, name), *minus, dtype=dtype), [NAN] * 3)
    same(row(ogive.log_softmax, *minus, dtype=dtype), [NAN] * 3)
    same(row(ogive.logsumexp, *minus, dtype=dtype), [-INF])


@every_dtype
def test_one_infinite_logit_takes_all_and_several_are_undefined(dtype: Any) -> None:
    for name in SHARES:
        same(row(getattr(ogive, name), 1, INF, 2, dtype=dtype), [0, 1, 0])
        same(row(getattr(ogive, name), INF, INF, 2, dtype=dtype), [NAN] * 3)
        x = array(dtype, 1, INF, 2)
        same(getattr(ogive.backward, name)(x[[0, 2, 0]], x).astype(float).tolist(), [0, 0, 0])
    same(row(ogive.log_softmax, 1, INF, 2, dtype=dtype), [-INF, 0, -INF])
    same(row(ogive.logsumexp, 1, INF, 2, dtype=dtype), [INF])
    same(row(ogive.log_softmax, INF, INF, 2, dtype=dtype), [NAN] * 3)
    same(row(ogive.logsumexp, INF, INF, 2, dtype=dtype), [INF])


@every_dtype
def test_some_logits_of_minus_infinity_have_no_share(dtype: Any) -> None:
    x, ones = array(dtype, -INF, 0, 0), array(dtype, 1, 2, 3)
    for name in SHARES:
        same(row(getattr(ogive, name), -INF, 0, 0, dtype=dtype), [0, 0.5, 0.5])
        dx = getattr(ogive.backward, name)(ones, x)
        assert np.isfinite(dx).all()
        assert dx[0] == 0
    assert ogive.backward.logsumexp(array(dtype, 1)[0], x)[0] == 0


@every_dtype
def test_softmin_is_the_softmax_of_the_negated_row(dtype: Any) -> None:
    x = np.random.default_rng(6).normal(0, 4, (7, 33)).astype(dtype)
    x[1, 3], x[2], x[3, 4], x[4, :2] = INF, INF, -INF, -INF
    mask = np.random.default_rng(7).random(x.shape) < 0.8
    dy = x[::-1].copy()
    dy[~np.isfinite(dy)] = 1
    for options in ({}, {"temperature": 0.3}, {"where": mask}):
        y = ogive.softmax(-x, **options)
        assert_same_bits(ogive.softmin(x, **options), y)
        expected = ogive.backward.softmax(-dy, -x, **options)
        assert np.array_equal(ogive.backward.softmin(dy, x, **options), expected, equal_nan=True)
    got = ogive.backward_from_output.softmin(dy, y)
    assert np.array_equal(got, ogive.backward_from_output.softmax(-dy, y), equal_nan=True)
    expected = -ogive.jacobian.softmax(-x)
    assert np.array_equal(ogive.jacobian.softmin(x), expected, equal_nan=True)


@every_dtype
def test_masked_elements_take_no_part(dtype: Any) -> None:
    x = array(dtype, 5, 0, 0, NAN)
    mask = np.array([False, True, True, False])
    for name in SHARES:
        same(row(getattr(ogive, name), *x, dtype=dtype, where=mask), [0, 0.5, 0.5, 0])
        dx = getattr(ogive.backward, name)(array(dtype, 1, 2, 3, 4), x, where=mask)
        same(dx.astype(float).tolist()[::3], [0, 0])
        assert np.isfinite(dx).all()
    same(row(ogive.log_softmax, *x, dtype=dtype, where=mask)[::3], [-INF, -INF])
    half = array(dtype, math.log(2))[0]
    assert ogive.logsumexp(x, where=mask) == half


@every_dtype
def test_a_row_that_is_masked_out_gives_zeros(dtype: Any) -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]]).astype(dtype)
    mask = np.array([[False] * 3, [True] * 3])
    for name in SHARES:
        got = getattr(ogive, name)(x, where=mask)
        assert got[0].tolist() == [0, 0, 0]
        assert_same_bits(got[1], getattr(ogive, name)(x[1]))
        assert getattr(ogive.backward, name)(x, x, where=mask)[0].tolist() == [0, 0, 0]
    assert ogive.logsumexp(x, where=mask)[0] == -INF
    assert ogive.log_softmax(x, where=mask)[0].tolist() == [-INF] * 3
    assert ogive.backward.log_softmax(x, x, where=mask)[0].tolist() == [0, 0, 0]
    assert ogive.backward.logsumexp(x[:, 0], x, where=mask)[0].tolist() == [0, 0, 0]


@every_dtype
def test_rows_and_batches_may_be_empty(dtype: Any) -> None:
    for shape in ((0, 3), (3, 0), (0,), (0, 0)):
        x = np.zeros(shape, dtype)
        for function in (*(getattr(ogive, name) for name in SHARES), ogive.log_softmax):
            assert function(x).shape == shape
            assert function(x).dtype == dtype
        got = ogive.logsumexp(x)
        assert got.shape == shape[:-1]
        assert np.all(got == -INF)
        assert ogive.jacobian.softmax(x).shape == (*shape, shape[-1])


def test_offsets_and_huge_logits_do_not_overflow() -> None:
    most = float(np.finfo(np.float32).max)
    for name in SHARES:
        same(row(getattr(ogive, name), most, most), [0.5, 0.5])
        same(row(getattr(ogive, name), -most, most), [0, 1])
    same(row(ogive.logsumexp, -most, most), [most])
    same(row(ogive.log_softmax, 20, 0)[:1], [float(np.float32(-math.log1p(math.exp(-20))))])


# Heads.


def both(head: Any, z: Any, target: Any, **options: Any) -> tuple[Any, Any]:
    return head(np.asarray(z, np.float32), target, **options)  # type: ignore[no-any-return]


def cross(z: Any, target: Any, **options: Any) -> tuple[Any, Any]:
    return both(ogive.value_and_grad.cross_entropy, z, target, **options)


def binary(z: Any, target: Any, **options: Any) -> tuple[Any, Any]:
    return both(ogive.value_and_grad.binary_cross_entropy, z, target, **options)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_over_nothing_is_zero_with_a_zero_gradient(reduction: str) -> None:
    z = np.ones((2, 3))
    loss, dz = cross(z, [9, 9], ignore_index=9, reduction=reduction)
    assert loss == 0
    assert dz.tolist() == np.zeros((2, 3)).tolist()
    loss, dz = cross(z, [0, 1], weight=[0, 0, 5], reduction=reduction)
    assert loss == 0
    assert dz.tolist() == np.zeros((2, 3)).tolist()
    loss, dz = cross(np.ones((0, 3)), np.zeros(0, int), reduction=reduction)
    assert (loss, dz.shape) == (0, (0, 3))
    loss, dz = binary(np.ones(0), np.zeros(0), reduction=reduction)
    assert (loss, dz.shape) == (0, (0,))


def test_infinite_logits_of_cross_entropy() -> None:
    loss, dz = cross([[INF, 0], [-INF, 0]], [0, 1], reduction="none")
    assert loss.tolist() == [0, 0]
    assert dz.tolist() == [[0, 0], [0, 0]]
    loss, dz = cross([[INF, 0], [-INF, 0]], [1, 0], reduction="none")
    assert loss.tolist() == [INF, INF]
    assert dz.tolist() == [[1, -1], [-1, 1]]
    loss, dz = cross([[INF, INF], [-INF, -INF], [0, NAN], [0, 0]], [0, 0, 0, 0], reduction="none")
    assert np.isnan(loss).tolist() == [True, True, True, False]
    assert np.isnan(dz).all(axis=1).tolist() == [True, True, True, False]


def test_an_ignored_row_may_hold_anything() -> None:
    loss, dz = cross([[NAN, INF], [0, 0]], [-100, 1], ignore_index=-100)
    assert loss == np.float32(math.log(2))
    assert dz.tolist() == [[0, 0], [0.5, -0.5]]


def test_infinite_logits_of_binary_cross_entropy() -> None:
    z, right = [INF, -INF], [1.0, 0.0]
    loss, dz = binary(z, right, reduction="none")
    assert loss.tolist() == [0, 0]
    assert dz.tolist() == [0, 0]
    loss, dz = binary(z, right[::-1], reduction="none")
    assert loss.tolist() == [INF, INF]
    assert dz.tolist() == [1, -1]
    loss, dz = binary([NAN, 0], right, reduction="none")
    assert np.isnan(loss).tolist() == np.isnan(dz).tolist() == [True, False]


@every_dtype
def test_a_loss_beyond_the_format_is_infinite_without_a_warning(dtype: Any) -> None:
    most = float(ml_dtypes.finfo(dtype).max)
    z = array(dtype, most / 2, -most / 2, 0, 0).reshape(2, 2)
    for reduction in ("sum", "none"):
        loss = ogive.cross_entropy(np.vstack([z] * 3), [1, 0] * 3, reduction=reduction)
        assert loss.dtype == dtype
        assert np.max(loss) == INF or dtype == np.float64 or reduction == "none"
