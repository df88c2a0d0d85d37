"""An element that a mask leaves out has no output: whatever arrives there counts nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, PLAIN_ROWS, assert_same_bits

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
every_row = pytest.mark.parametrize("name", [n for n in PLAIN_ROWS if n != "logsumexp"])
LENGTHS = (1, 2, 5, 16, 17, 64, 65, 300)


def case(n: int, dtype: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(n)
    x, dy = rng.normal(0, 2, (2, 8, n))
    mask = rng.random((8, n)) < 0.6
    mask[1] = False
    return x.astype(dtype), dy.astype(dtype), mask


@every_dtype
@every_row
def test_dy_of_masked_elements_counts_nowhere(name: str, dtype: Any) -> None:
    backward = getattr(ogive.backward, name)
    for n in LENGTHS:
        for t in (1.0, 0.7):
            x, dy, mask = case(n, dtype)
            clean = backward(np.where(mask, dy, 0).astype(dtype), x, temperature=t, where=mask)
            assert (clean[~mask] == 0).all()
            for what in (1000, np.nan, np.inf, -np.inf):
                dirty = np.where(mask, dy, np.array(what, dtype))
                found = backward(dirty, x, temperature=t, where=mask)
                assert_same_bits(found, clean, f"{what} at n = {n}")
            # What is left is the row without them, in the precision of a sum in another order.
            for i in range(len(x)):
                alone = backward(dy[i][mask[i]], x[i][mask[i]], temperature=t)
                np.testing.assert_allclose(
                    clean[i][mask[i]].astype(float), alone.astype(float), rtol=0.02, atol=1e-5
                )


@every_dtype
@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_jacobian_of_masked_elements_is_0(name: str, dtype: Any) -> None:
    x, _, mask = case(5, dtype)
    J = getattr(ogive.jacobian, name)(x, where=mask)
    if J.ndim == 2:
        assert (J[~mask] == 0).all()
        return
    assert (J[~mask] == 0).all()
    assert (J.swapaxes(1, 2)[~mask] == 0).all()
    for i in range(len(x)):
        kept = np.flatnonzero(mask[i])
        alone = getattr(ogive.jacobian, name)(x[i][kept])
        np.testing.assert_allclose(
            J[i][np.ix_(kept, kept)].astype(float), alone.astype(float), rtol=0.02, atol=1e-6
        )


def test_the_log_probability_that_nobody_has() -> None:
    found = ogive.backward.log_softmax([1.0, 1.0], [0.0, 0.0], where=[True, False])
    np.testing.assert_array_equal(found, [0, 0])


@every_dtype
@pytest.mark.parametrize("name", ["softmax", "softmin", "sparsemax", "entmax15"])
def test_backward_from_output_passes_over_what_has_no_probability(name: str, dtype: Any) -> None:
    """It takes no mask: an output of 0 tells that dy counts nowhere, whatever it is."""
    for n in LENGTHS:
        for t in (1.0, 0.7):
            x, dy, mask = case(n, dtype)
            y = getattr(ogive, name)(x, temperature=t, where=mask)
            backward = getattr(ogive.backward_from_output, name)
            clean = backward(np.where(y == 0, 0, dy).astype(dtype), y, temperature=t)
            for what in (np.nan, np.inf):
                dirty = backward(np.where(y == 0, what, dy).astype(dtype), y, temperature=t)
                assert (dirty[y == 0] == 0).all()
                np.testing.assert_allclose(
                    dirty.astype(float), clean.astype(float), rtol=0.01, atol=1e-6
                )
