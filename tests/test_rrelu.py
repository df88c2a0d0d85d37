"""RReLU in training: the generator is Philox4x32-10, and the seed alone decides the slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits
from ogive.reference.philox import MASK, philox4x32_10, uniform

# From the kat_vectors file of the authors' library, Random123.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([MASK] * 4, [MASK] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_the_generator_here_gives_the_published_words(
    counter: list[int], key: list[int], words: list[int]
) -> None:
    assert philox4x32_10(counter, key) == words


def slopes(seed: int, count: int, lower: float, upper: float) -> Any:
    """The slope of each element: word i mod 4 of block i div 4, moved into (lower, upper)."""
    u = np.array([float(v) for v in uniform(seed, count)])
    return lower + u * (upper - lower)


@pytest.mark.parametrize("seed", [0, 1, 7, MASK, 2**32, 2**63 + 5, 2**64 - 1])
def test_slopes_are_those_of_the_published_generator(seed: int) -> None:
    x = np.full(1001, -1.0)
    for lower, upper in ((1 / 8, 1 / 3), (0.0, 1.0), (-2.0, 3.0)):
        got = -ogive.rrelu(x, lower, upper, training=True, seed=seed)
        np.testing.assert_allclose(got, slopes(seed, 1001, lower, upper), rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_forward_backward_and_derivative_draw_the_same_slopes(dtype: Any) -> None:
    x = -np.ones(500, dtype)
    options = {"training": True, "seed": 3}
    forward = -ogive.rrelu(x, **options)
    assert_same_bits(ogive.derivative.rrelu(x, **options), forward)
    assert_same_bits(ogive.backward.rrelu(np.ones_like(x), x, **options), forward)
    assert np.unique(forward.astype(np.float64)).size > 20


def test_the_seed_decides() -> None:
    x = -np.ones(100)
    first = ogive.rrelu(x, training=True, seed=1)
    assert_same_bits(ogive.rrelu(x, training=True, seed=1), first)
    assert not np.any(ogive.rrelu(x, training=True, seed=2) == first)
    assert_same_bits(ogive.rrelu(x, training=True, seed=np.int64(1)), first)
    ogive.rrelu(x, training=True, seed=-1)  # any integer is a seed


def test_slopes_follow_the_position_in_c_order_whatever_the_shape_or_layout() -> None:
    x = np.random.default_rng(0).normal(size=720)
    options = {"training": True, "seed": 5}
    flat = ogive.rrelu(x, **options)
    for shape in ((720,), (1, 720), (720, 1), (24, 30), (8, 9, 10), (2, 3, 4, 5, 6)):
        got = ogive.rrelu(x.reshape(shape), **options)
        assert_same_bits(got.ravel(), flat)
        turned = np.asfortranarray(x.reshape(shape))
        assert_same_bits(np.ascontiguousarray(ogive.rrelu(turned, **options)).ravel(), flat)
    assert_same_bits(ogive.rrelu(x[0], **options), flat[0])
    assert ogive.rrelu(np.zeros((3, 0)), **options).shape == (3, 0)
    out = np.empty_like(x)
    assert ogive.rrelu(x, out=out, **options) is out
    assert_same_bits(out, flat)


def test_bounds_that_differ_by_channel_apply_to_their_channel_or_are_refused() -> None:
    x = -np.ones((4, 4))
    lower = np.array([0.0, 10.0, 20.0, 30.0])
    try:
        got = -ogive.rrelu(x, lower, lower + 1, training=True, seed=1)
    except (ValueError, TypeError):
        return
    assert np.all((got > lower) & (got < lower + 1))


def test_slopes_are_uniform_and_positive_inputs_pass() -> None:
    n = 200_000
    got = -ogive.rrelu(np.full(n, -1.0), 0.25, 0.75, training=True, seed=11)
    assert 0.25 < got.min() < got.max() < 0.75
    counts, _ = np.histogram(got, bins=50, range=(0.25, 0.75))
    chi2 = np.sum((counts - n / 50) ** 2 / (n / 50))
    assert chi2 < 49 + 5 * np.sqrt(2 * 49)
    assert abs(np.corrcoef(got[:-1], got[1:])[0, 1]) < 5 / np.sqrt(n)
    x = np.linspace(0, 5, 100)
    assert_same_bits(ogive.rrelu(x, training=True, seed=1), x)


def test_evaluation_uses_the_mean_slope() -> None:
    x = np.array([-2.0, 3.0])
    assert ogive.rrelu(x).tolist() == [-2 * ((1 / 8 + 1 / 3) / 2), 3.0]
    assert ogive.rrelu(x, 0.0, 0.5).tolist() == [-0.5, 3.0]
