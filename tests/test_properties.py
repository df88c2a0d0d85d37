"""Claims that hold for every array: hypothesis looks for one for which they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import ogive
from ogive.catalog import find, names

REALS = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9),
    elements=st.floats(-60000, 60000, width=16),
)
ROWS = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=40),
    elements=st.floats(-1e4, 1e4, width=32),
)


@pytest.mark.parametrize("name", names("unary"))
@settings(max_examples=40, deadline=None)
@given(x=REALS)
def test_an_element_does_not_depend_on_its_neighbours(name: str, x: Any) -> None:
    function = getattr(ogive, name)
    whole = function(x)
    assert whole.shape == x.shape
    assert whole.dtype == x.dtype
    alone = np.array([function(element) for element in x.ravel()], x.dtype).reshape(x.shape)
    np.testing.assert_array_equal(whole, alone)


@pytest.mark.parametrize("name", [n for n in names("unary") if find(n).claims.monotone])
@settings(max_examples=40, deadline=None)
@given(x=REALS)
def test_what_is_claimed_monotone_never_falls(name: str, x: Any) -> None:
    # As float64: NumPy 2.4 on AVX-512 leaves a float16 -1 at place 448 of 543 zeros.
    rising = np.sort(x.astype(np.float64), axis=None).astype(x.dtype)
    y = getattr(ogive, name)(rising).astype(np.float64)
    assert np.all(y[1:] >= y[:-1])


@settings(max_examples=200, deadline=None)
@given(z=ROWS)
def test_softmax_is_a_distribution_and_its_logarithm_agrees(z: Any) -> None:
    a, logarithm = ogive.softmax(z), ogive.log_softmax(z)
    rounding = z.shape[-1] * np.finfo(z.dtype).eps
    assert np.all((a >= 0) & (a <= 1))
    np.testing.assert_allclose(a.sum(axis=-1, dtype=np.float64), 1, atol=rounding)
    np.testing.assert_allclose(
        np.exp(logarithm.astype(np.float64)), a, rtol=1e4 * np.finfo(z.dtype).eps, atol=1e-40
    )


@settings(max_examples=200, deadline=None)
@given(z=ROWS, label=st.integers(0, 39))
def test_a_constant_offset_changes_no_loss(z: Any, label: int) -> None:
    labels = np.full(z.shape[:-1], label % z.shape[-1])
    wide = z.astype(np.float64)
    here = ogive.cross_entropy(wide, labels, reduction="none")
    there = ogive.cross_entropy(wide + 4096.0, labels, reduction="none")
    np.testing.assert_allclose(there, here, rtol=1e-8, atol=1e-11)
    assert np.all(np.asarray(here) >= 0)
