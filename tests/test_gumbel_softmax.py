"""Gumbel-softmax: right for the noise of the published generator; a fair draw; the same twice."""

from __future__ import annotations

from typing import Any

import dask.array as da
import ml_dtypes
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import ogive
from cases import DTYPE_IDS, DTYPES, HALVES, assert_same_bits
from ogive.catalog import find
from ogive.reference import arb as enclosures
from ogive.reference import measure, ulp
from ogive.reference.philox import uniform

CARD = find("gumbel_softmax")
X = np.random.default_rng(0).normal(0, 3, (6, 5)).astype(np.float32)
DY = np.random.default_rng(1).normal(0, 1, (6, 5)).astype(np.float32)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)


def worst(got: Any, exact: list[Any], fmt: ulp.Format) -> float:
    return max(ulp.error(float(g), e, fmt) for g, e in zip(got, exact, strict=True))


@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.1, 3.0])
@pytest.mark.parametrize("seed", [0, 7, 2**63 + 5])
@every_dtype
def test_values_for_the_noise_of_the_published_generator(
    dtype: Any, seed: int, temperature: float
) -> None:
    fmt = ulp.FORMATS[dtype.name]
    most = {2: 0.501, 4: 0.6, 8: 4}[dtype.itemsize]
    for z in (X, X * 10, X + 1000, np.zeros_like(X)):
        x = z.astype(dtype)
        got = ogive.gumbel_softmax(x, temperature=temperature, seed=seed)
        for i, row in enumerate(x):
            u = uniform(seed, 5, start=5 * i)
            exact = enclosures.row(CARD, row.tolist(), temperature=temperature, u=u)
            assert worst(got[i], exact, fmt) <= most


@pytest.mark.parametrize("offset", [1e8, 3e38, -3e38])
def test_no_offset_of_the_logits_costs_the_noise(offset: float) -> None:
    x = np.full(7, offset, np.float32)
    assert_same_bits(
        ogive.gumbel_softmax(x, seed=3), ogive.gumbel_softmax(np.zeros_like(x), seed=3)
    )
    wide = np.full(7, 1e300)
    assert_same_bits(ogive.gumbel_softmax(wide, seed=3), ogive.gumbel_softmax(wide * 0, seed=3))


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@every_dtype
def test_backward_and_jacobian_are_those_of_the_same_draw(dtype: Any, temperature: float) -> None:
    x, dy = X.astype(dtype), DY.astype(dtype)
    options: dict[str, Any] = {"temperature": temperature, "seed": 9}
    got = ogive.backward.gumbel_softmax(dy, x, **options)
    jacobian = ogive.jacobian.gumbel_softmax(x, **options)
    assert got.dtype == jacobian.dtype == dtype
    rounding = float(np.finfo(np.float32).eps if dtype not in HALVES else 0.01)
    least = float(ml_dtypes.finfo(dtype).smallest_subnormal)
    for i in range(len(x)):
        u = uniform(9, 5, start=5 * i)
        row = x[i].tolist()
        exact = enclosures.row_backward(CARD, row, dy[i].tolist(), temperature=temperature, u=u)
        want = np.array([float(e) for e in exact])
        scale = np.abs(want).max()
        np.testing.assert_allclose(
            got[i].astype(float), want, rtol=rounding, atol=2.0**-40 * scale + least
        )
        for k, unit in enumerate(np.eye(5)):
            exact = enclosures.row_backward(
                CARD, row, unit.tolist(), temperature=temperature, u=u, bits=60
            )
            fmt = ulp.FORMATS[dtype.name]
            assert worst(jacobian[i, k], exact, fmt) <= (8 if dtype == np.float64 else 0.6)


def test_a_hard_draw_is_one_hot_where_the_soft_one_is_largest_and_keeps_its_gradient() -> None:
    soft = ogive.gumbel_softmax(X, seed=4)
    hard = ogive.gumbel_softmax(X, hard=True, seed=4)
    assert hard.dtype == np.float32
    assert_same_bits(hard, np.eye(5, dtype=np.float32)[soft.argmax(axis=1)])
    for mode, args in (("backward", (DY, X)), ("jacobian", (X,))):
        function = getattr(ogive, mode).gumbel_softmax
        assert_same_bits(function(*args, hard=True, seed=4), function(*args, seed=4))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_the_largest_is_drawn_with_the_probabilities_of_the_softmax(temperature: float) -> None:
    logits = np.array([0.0, 1.0, -2.0, 2.0, 0.5, -1.0])
    draws = 200_000
    y = ogive.gumbel_softmax(
        np.tile(logits, (draws, 1)), temperature=temperature, hard=True, seed=11
    )
    found = scipy.stats.chisquare(y.sum(axis=0), draws * ogive.softmax(logits))
    assert 1e-4 < found.pvalue < 1 - 1e-4
    again = ogive.gumbel_softmax(np.tile(logits, (draws, 1)), hard=True, seed=12)
    assert scipy.stats.chisquare(again.sum(axis=0), draws * ogive.softmax(logits)).pvalue > 1e-4
    agree = (again * y).sum() / draws  # two seeds agree as often as chance has it
    p = ogive.softmax(logits)
    assert abs(agree - (p * p).sum()) < 5 / np.sqrt(draws)


def test_the_noise_has_the_gumbel_distribution() -> None:
    # Of two logits of 0, log(y_0/y_1) = g_0 - g_1, which is logistic.
    y = ogive.gumbel_softmax(np.zeros((100_000, 2)), seed=5)
    found = scipy.stats.kstest(np.log(y[:, 0] / y[:, 1]), "logistic")
    assert found.pvalue > 1e-4


@every_dtype
def test_only_the_place_of_an_element_decides_its_noise(dtype: Any) -> None:
    x = np.random.default_rng(2).normal(0, 2, (20_011, 10)).astype(dtype)
    dy = np.roll(x, 1, axis=0)
    calls = (
        lambda a, b, **o: ogive.gumbel_softmax(a, temperature=0.7, seed=8, **o),
        lambda a, b, **o: ogive.backward.gumbel_softmax(b, a, temperature=0.7, seed=8, **o),
    )
    for call in calls:
        ogive.set_num_threads(1)
        want = call(x, dy)
        for threads in (2, 3):
            ogive.set_num_threads(threads)
            assert_same_bits(call(x, dy), want, f"{threads} threads")
        turned = call(np.asfortranarray(x), np.asfortranarray(dy))
        assert_same_bits(turned, want, "Fortran order")
        apart = call(np.repeat(x, 2, axis=1)[:, ::2], dy)
        assert_same_bits(apart, want, "stride 2")
        backwards = call(x[::-1].copy()[::-1], dy)
        assert_same_bits(backwards, want, "reversed")
        assert_same_bits(call(x[:5], dy[:5]), want[:5], "five rows")
        split = call(x[:20_000].reshape(20, 1000, 10), dy[:20_000].reshape(20, 1000, 10))
        assert_same_bits(split.reshape(-1, 10), want[:20_000], "three dimensions")
        along = call(x.T.copy(), dy.T.copy(), axis=0)
        assert_same_bits(along.T, want, "axis 0")
        out = np.empty_like(x)
        assert call(x, dy, out=out) is out
        assert_same_bits(out, want, "out")
        place = x.copy()
        assert_same_bits(call(place, dy, out=place), want, "in place")
    ogive.set_num_threads(1)


def test_the_seed_decides_and_must_be_an_integer() -> None:
    first = ogive.gumbel_softmax(X, seed=1)
    assert_same_bits(ogive.gumbel_softmax(X, seed=np.int64(1)), first)
    assert not np.any(ogive.gumbel_softmax(X, seed=2) == first)
    ogive.gumbel_softmax(X, seed=-1)
    for function, args in (
        (ogive.gumbel_softmax, (X,)),
        (ogive.backward.gumbel_softmax, (DY, X)),
        (ogive.jacobian.gumbel_softmax, (X,)),
    ):
        with pytest.raises(ValueError, match="gumbel_softmax: seed is needed"):
            function(*args)
        with pytest.raises(TypeError, match="seed must be an integer, not 1\\.5"):
            function(*args, seed=1.5)
        with pytest.raises(TypeError, match="hard must be True or False, not 2"):
            function(*args, hard=2, seed=1)
        with pytest.raises(ValueError, match="temperature"):
            function(*args, temperature=0, seed=1)
        with pytest.raises(ValueError, match="gumbel_softmax: axis"):
            function(*args, axis=2, seed=1)
        with pytest.raises(ValueError, match=r"temperature of shape \(3,\) does not fit .*\(6,\)"):
            function(*args, temperature=np.ones(3), seed=1)
    with pytest.raises(ValueError, match=r"\(5,\) does not fit the output's \(6, 5\)"):
        ogive.backward.gumbel_softmax(DY[0], X, seed=1)
    with pytest.raises(ValueError, match=r"out of shape \(6, 4\)"):
        ogive.gumbel_softmax(X, seed=1, out=np.empty((6, 4), np.float32))
    with pytest.raises(TypeError, match="complex"):
        ogive.gumbel_softmax(X + 0j, seed=1)


def test_edges() -> None:
    inf, nan = np.inf, np.nan
    x = np.float32([[inf, 0, 1], [0, -inf, 1], [nan, 0, 0], [-inf] * 3, [inf, inf, 0]])
    for hard in (False, True):
        y = ogive.gumbel_softmax(x, hard=hard, seed=1)
        assert y[0].tolist() == [1, 0, 0]
        assert y[1, 1] == 0
        assert y[1].sum() == pytest.approx(1)
        assert np.isnan(y[2:]).all()
    dx = ogive.backward.gumbel_softmax(np.ones_like(x), x, seed=1)
    assert not dx[:2].any()
    assert np.isnan(dx[2:]).all()
    assert ogive.gumbel_softmax(np.zeros((3, 0)), seed=1).shape == (3, 0)
    assert ogive.gumbel_softmax(np.zeros((0, 3)), seed=1).shape == (0, 3)
    assert ogive.gumbel_softmax(np.zeros((2, 1)), seed=1).tolist() == [[1], [1]]
    assert ogive.gumbel_softmax([1, 2, 3], seed=1).dtype == np.float64
    each = ogive.gumbel_softmax(X, temperature=np.linspace(0.2, 2, 6), seed=1)
    for i, t in enumerate(np.linspace(0.2, 2, 6)):
        assert_same_bits(each[i], ogive.gumbel_softmax(X, temperature=t, seed=1)[i])


def test_chunks_draw_the_noise_of_the_whole() -> None:
    want = ogive.gumbel_softmax(X, seed=6)
    lazy = ogive.gumbel_softmax(da.from_array(X, chunks=(4, 5)), seed=6)
    assert isinstance(lazy, da.Array)
    assert_same_bits(lazy.compute(), want)
    lazy = ogive.backward.gumbel_softmax(
        da.from_array(DY, chunks=(2, 5)), da.from_array(X, chunks=(2, 5)), seed=6
    )
    assert_same_bits(lazy.compute(), ogive.backward.gumbel_softmax(DY, X, seed=6))
    got = ogive.gumbel_softmax(xr.DataArray(X, dims=("sample", "class")), seed=6)
    assert got.dims == ("sample", "class")
    assert_same_bits(got.values, want)


def test_float32_rows_of_every_kind_within_one_ulp() -> None:
    for row in measure.rows(huge=False):
        assert measure.row_error(CARD, row).worst <= 0.6
