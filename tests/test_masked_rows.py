"""Rows of which elements are masked: nothing leads from or to them, whatever is there."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, PLAIN_ROWS, ROWS, Call, assert_same_bits

X, DY = np.random.default_rng(0).normal(0, 2, (2, 3, 4, 5))
MASK = np.random.default_rng(1).random((3, 4, 5)) < 0.6
MASK[0, 0], MASK[1, 1] = False, True
TEMPERATURE = np.linspace(0.5, 2, 12).reshape(3, 4)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
every_hidden = pytest.mark.parametrize("hidden", [0.0, np.nan, np.inf, -np.inf, "largest"])


def filled(values: Any, hidden: Any, dtype: Any) -> Any:
    if hidden == "largest":
        hidden = float(ml_dtypes.finfo(dtype).max)
    return np.where(MASK, values, hidden).astype(dtype)


@every_dtype
@every_hidden
@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_rows_and_columns_of_the_jacobian_are_0_there(name: str, hidden: Any, dtype: Any) -> None:
    """And the others are those of the rows without these elements."""
    x = filled(X, hidden, dtype)
    jacobian = getattr(ogive.jacobian, name)
    got = jacobian(x, temperature=TEMPERATURE, where=MASK).astype(float)
    for i in np.ndindex(3, 4):
        kept, heat = MASK[i], float(TEMPERATURE[i])
        assert not got[i][..., ~kept].any()
        if got.ndim == 4:
            assert not got[i][~kept].any()
        if kept.any():
            alone = jacobian(x[i][kept], temperature=heat).astype(float)
            some = got[i][kept] if got.ndim == 3 else got[i][np.ix_(kept, kept)]
            np.testing.assert_allclose(some, alone, rtol=1e-12, atol=1e-15)


@every_dtype
@every_hidden
@pytest.mark.parametrize("call", ROWS, ids=lambda call: call.id)
def test_results_have_the_bits_of_rows_with_0_there(call: Call, hidden: Any, dtype: Any) -> None:
    if call.mode == "backward_from_output":
        return  # whose y is 0 there
    reduces = np.ndim(getattr(ogive, call.name)(X)) == 2
    options: dict[str, Any] = {"temperature": TEMPERATURE, "where": MASK}
    x, plain = filled(X, hidden, dtype), filled(X, 0.0, dtype)
    if call.mode == "value":
        assert_same_bits(call(x, **options), call(plain, **options))
        return
    assert call.mode == "backward"
    dy = DY[..., 0].astype(dtype) if reduces else filled(DY, hidden, dtype)
    want = call(dy if reduces else filled(DY, 0.0, dtype), plain, **options)
    got = call(dy, x, **options)
    assert_same_bits(got, want)
    assert not got[~MASK].astype(float).any()
    if not reduces:  # the Jacobian of the definition, transposed, times dy
        jacobian = getattr(ogive.jacobian, call.name)(plain.astype(float), **options)
        exact = np.einsum("...i,...ij->...j", filled(DY, 0.0, dtype).astype(float), jacobian)
        np.testing.assert_allclose(got.astype(float), exact, rtol=0.05, atol=0.05)
