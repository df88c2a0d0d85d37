"""Jacobians of rows along any axis, with temperatures and masks, of any container."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ogive
from cases import DTYPES, PLAIN_ROWS, assert_same_bits

ROWS = ogive.catalog.names("rows")
X = np.random.default_rng(0).normal(0, 2, (3, 4, 5))
MASK = np.random.default_rng(1).random((3, 4, 5)) < 0.6


def options(name: str) -> dict[str, Any]:
    return {} if name in PLAIN_ROWS else {"seed": 7}


def jacobian(name: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    return getattr(ogive.jacobian, name)(x, *args, **options(name), **kwargs)


@pytest.mark.parametrize("name", ROWS)
def test_any_axis_temperature_and_mask(name: str) -> None:
    for axis in range(3):
        moved, mask = np.moveaxis(X, axis, -1), np.moveaxis(MASK, axis, -1)
        temperature = np.linspace(0.5, 2, moved[..., 0].size).reshape(moved.shape[:-1])
        cases: list[dict[str, Any]] = [{}, {"temperature": 2.0}, {"temperature": temperature}]
        if name in PLAIN_ROWS:
            cases += [{"where": MASK}, {"where": MASK, "temperature": temperature}]
        for case in cases:
            inner = case | ({"where": mask} if "where" in case else {})
            want = jacobian(name, np.ascontiguousarray(moved), **inner)
            assert_same_bits(jacobian(name, X, axis, **case), want)
            # Chunks as they come, the row whole; masks and temperatures in others or in one.
            chunks = tuple(-1 if k == axis else 2 for k in range(3))
            lazy = jacobian(name, da.from_array(X, chunks=chunks), axis, **case)
            assert isinstance(lazy, da.Array)
            assert_same_bits(lazy.compute(), want)
            if "where" in case:
                others = tuple(-1 if k == axis else 1 for k in range(3))
                chunked = da.from_array(MASK, chunks=others)
                for x in (X, da.from_array(X, chunks=chunks)):
                    lazy = jacobian(name, x, axis, **case | {"where": chunked})
                    assert_same_bits(np.asarray(lazy), want)


@pytest.mark.parametrize("name", ROWS)
def test_any_container_and_format(name: str) -> None:
    want = jacobian(name, X[0])
    for x in (pd.DataFrame(X[0]), xr.DataArray(X[0]), xr.Variable(("a", "b"), X[0]), X[0].tolist()):
        assert_same_bits(np.asarray(jacobian(name, x)), want)
    for dtype in DTYPES:
        got = jacobian(name, X[0].astype(dtype))
        assert got.dtype == dtype
        want = jacobian(name, X[0].astype(dtype).astype(float))
        np.testing.assert_allclose(got.astype(float), want, rtol=0.01, atol=0.01)
    for code in "?bBhHiIlLqQ":
        x = np.array([[0, 1, 1], [1, 0, 1]], code)
        want = jacobian(name, x.astype(np.exp(x).dtype))
        assert_same_bits(jacobian(name, x), want)
