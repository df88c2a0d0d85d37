"""Around the sizes at which XLA's handler of losses goes another way, their bits are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import ogive  # noqa: E402
import ogive.jax as oj  # noqa: E402
from limits import limit  # noqa: E402


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_losses_of_elements_around_the_limits(reduction: str) -> None:
    """XLA's handler divides them as NumPy's driver does."""
    pieces, chunk = limit("bindings/xla.cpp:piece_of_elements"), limit("bindings/xla.cpp:chunk")
    random = np.random.default_rng(5)
    for size in (pieces - 1, pieces, pieces + 1, 3 * pieces + 5, chunk - 1, chunk, chunk + 1):
        z = random.normal(0, 4, size).astype(np.float32)
        target = random.random(size).astype(np.float32)
        found = oj.value_and_grad.binary_cross_entropy(
            jnp.asarray(z), jnp.asarray(target), reduction=reduction
        )
        expected = ogive.value_and_grad.binary_cross_entropy(z, target, reduction=reduction)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(ours), theirs)
