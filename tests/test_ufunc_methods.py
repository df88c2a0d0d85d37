"""reduce, accumulate, reduceat, outer and at of every ufunc of two operands: the plain call, one
element after the other.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits
from ogive.calls.loop import Loop, loop, modes
from ogive.calls.ufuncs import ufunc

# Where the second operand is a double, NumPy folds doubles alone.
FOLDED = {"TT": DTYPES, "Td": DTYPES[-1:]}


def folds(of: Loop) -> Any:
    """The formats in which two numbers give one."""
    read = "".join(operand.kind for operand in of.operands)
    return FOLDED.get(read, ()) if of.elementwise and len(of.results) == 1 else ()


every_fold = pytest.mark.parametrize(
    ("name", "mode", "dtype"),
    [
        pytest.param(name, mode, dtype, id=f"{mode}-{name}-{dtype}")
        for name in ogive.catalog.names()
        for mode in modes(name)
        for dtype in folds(loop(name, mode))
    ],
)
# Around the width of a vector, groups of four of them, and blocks.
LENGTHS = (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 255, 257)


def numbers(shape: Any, dtype: Any, seed: int = 5) -> Any:
    """Of both signs and near 1, so that a product of many stays in range."""
    rng = np.random.default_rng(seed)
    return (rng.choice([-1, 1], shape) * rng.uniform(0.7, 1.4, shape)).astype(dtype)


def fold(call: Any, x: Any) -> list[Any]:
    """The plain call on what it gave before and the next element, each alone."""
    return list(itertools.accumulate((x[i : i + 1] for i in range(len(x))), call))


@every_fold
def test_they_fold_from_the_left(name: str, mode: str, dtype: Any) -> None:
    call: Any = ufunc(name, mode)
    for n in LENGTHS:
        x = numbers(n, dtype)
        steps = fold(call, x)
        assert_same_bits(call.reduce(x), steps[-1][0], f"reduce of {n}")
        assert_same_bits(call.accumulate(x), np.concatenate(steps), f"accumulate of {n}")
        backwards = np.concatenate(fold(call, x[::-1].copy()))
        assert_same_bits(call.accumulate(x[::-1]), backwards, f"reversed {n}")
        ends = np.unique([0, n // 3, n // 2])
        parts = np.concatenate([fold(call, part)[-1] for part in np.split(x, ends[1:])])
        assert_same_bits(call.reduceat(x, ends), parts, f"reduceat of {n}")


@every_fold
def test_options_of_reduce(name: str, mode: str, dtype: Any) -> None:
    call: Any = ufunc(name, mode)
    x, keep = numbers((5, 40), dtype), np.arange(200).reshape(5, 40) % 3 != 1
    first = numbers(1, dtype, 3)
    for axis in (0, 1):
        rows = x if axis else x.T
        last = np.concatenate([fold(call, row)[-1] for row in rows])
        assert_same_bits(call.reduce(x, axis=axis), last, f"axis {axis}")
        assert_same_bits(
            call.accumulate(x, axis=axis).reshape(x.shape),
            np.stack([np.concatenate(fold(call, row)) for row in rows], 1 - axis),
            f"accumulate along axis {axis}",
        )
        out = np.empty(len(rows), dtype)
        assert call.reduce(x, axis=axis, out=out) is out
        assert_same_bits(out, last, f"out, axis {axis}")
        masked = [
            fold(call, np.concatenate([first, row[mask]]))[-1]
            for row, mask in zip(rows, keep if axis else keep.T, strict=True)
        ]
        found = call.reduce(x, axis=axis, initial=first[0], where=keep)
        assert_same_bits(found, np.concatenate(masked), f"where and initial, axis {axis}")
    # Over its own input, and beside it.
    memory = numbers(101, dtype)
    expected = np.concatenate(fold(call, memory[:100].copy()))
    assert_same_bits(call.accumulate(memory[:100], out=memory[1:]), expected, "shifted")
    same = numbers(100, dtype)
    assert_same_bits(
        call.accumulate(same, out=same), np.concatenate(fold(call, numbers(100, dtype)))
    )


@every_fold
def test_outer_and_at(name: str, mode: str, dtype: Any) -> None:
    call: Any = ufunc(name, mode)
    a, b = numbers(70, dtype), numbers(9, dtype, 8)
    each = np.concatenate([call(a[i : i + 1], b[j : j + 1]) for i in range(70) for j in range(9)])
    assert_same_bits(call.outer(a, b), each.reshape(70, 9), "outer")
    places = np.array([3, 0, 3, 8, 3, 1, 0])
    expected = b.copy()
    for place, x in zip(places, a[:7], strict=True):
        expected[place : place + 1] = call(expected[place : place + 1], np.array([x]))
    call.at(b, places, a[:7])
    assert_same_bits(b, expected, "at")


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_more_elements_than_one_thread_takes(dtype: Any) -> None:
    x = numbers(40_001, dtype)
    for call in (ogive.bilinear, ogive.swiglu, ogive.backward.gelu):
        steps = np.concatenate(fold(call, x))
        assert_same_bits(call.reduce(x), steps[-1], call.__name__)
        assert_same_bits(call.accumulate(x), steps, call.__name__)


def test_a_product_is_numpys() -> None:
    x = numbers(1000, np.float64)
    assert ogive.bilinear.reduce(np.array([1.0, 2.0, 3.0])) == 6
    assert ogive.bilinear.reduce([1, 2, 3]) == 6
    np.testing.assert_array_equal(ogive.bilinear.accumulate(x), np.multiply.accumulate(x))


def test_reads_ahead_of_what_is_written_and_behind_it() -> None:
    """An output that lies over its input, shifted: as if the input had been copied first."""
    for dtype in DTYPES:
        for n, shift in itertools.product((5, 64, 300, 70_000), (-3, -1, 1, 2, 65)):
            memory = numbers(n + 130, dtype)
            x, out = memory[65 : 65 + n], memory[65 + shift : 65 + shift + n]
            expected = ogive.bilinear(x.copy(), x.copy())
            assert_same_bits(ogive.bilinear(x, x, out=out), expected, f"{n} {shift} {dtype}")


def test_what_has_no_answer_says_why() -> None:
    with pytest.raises(ValueError, match="no identity"):
        ogive.bilinear.reduce(np.empty(0))
    with pytest.raises(ValueError, match="initial"):
        ogive.bilinear.reduce(np.ones(3), where=[True, False, True])
    with pytest.raises(ValueError, match="reorderable"):
        ogive.swiglu.reduce(np.ones((2, 2)), axis=(0, 1))
    with pytest.raises(ValueError, match="binary functions"):
        ogive.gelu.reduce(np.ones(3))
