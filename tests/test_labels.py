"""Labels of every integer format, with rows that are ignored; and labels that no class has."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import ogive
from cases import DTYPE_IDS, DTYPES, assert_same_bits, flat, public, public_modes
from ogive import _native
from ogive.calls.formats import NUMBER_OF
from ogive.calls.loop import Loop, Operand, loop, modes
from ogive.catalog import find
from ogive.reference import arb as enclosures

HEADS = [
    card.name for card in ogive.catalog("heads")
    if card.has("label")
]  # fmt: skip
CALLS = [(name, mode) for name in HEADS for mode in public_modes(name)]
every_call = pytest.mark.parametrize(("name", "mode"), CALLS)
INTEGERS = [np.dtype(code) for code in "?bBhHiIlLqQ"]
random = np.random.default_rng(0)
Z = random.normal(0, 3, (6, 3))
X, W = random.normal(0, 1, (6, 4)), random.normal(0, 1, (3, 4))


def arrays(name: str, rows: Any = slice(None)) -> tuple[Any, ...]:
    """What a head takes before its labels: logits, or inputs and a layer's weights."""
    return (X[rows], W) if ogive.card(name).layer else (Z[rows],)


def judge(name: str, mode: str, labels: Any, rows: Any = slice(None), **options: Any) -> list[Any]:
    return flat(public(name, mode)(*arrays(name, rows), labels, **options))


def others(name: str) -> list[dict[str, Any]]:
    """Options that make a row depend on all its classes."""
    taken = inspect.signature(getattr(ogive, name)).parameters
    chosen: list[dict[str, Any]] = [{}, {"weight": np.array([1.0, 2.0, 0.5])}]
    return chosen + ([{"label_smoothing": 0.1}] if "label_smoothing" in taken else [])


@pytest.mark.parametrize("name", HEADS)
def test_a_mask_of_bytes_whose_255_is_ignored(name: str) -> None:
    """The published case: two equal logits, the second row ignored."""
    labels = np.array([0, 255], np.uint8)
    zeros = (np.zeros((2, 2)),) * len(arrays(name))
    rows = find("cross_entropy") if find(name).layer else find(name)
    expected = float(enclosures.head(rows, [0.0, 0.0], [1.0, 0.0])[0].mid())
    got = getattr(ogive, name)(*zeros, labels, ignore_index=255)
    assert got == pytest.approx(expected, rel=1e-15)


@every_call
@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda dtype: dtype.char)
def test_labels_of_any_format_give_the_bits_of_int64(name: str, mode: str, dtype: Any) -> None:
    labels = np.array([0, 1, 0, 1, 1, 0])
    for options in others(name):
        want = judge(name, mode, labels, **options)
        # Nothing is ignored: no label has that value, and the format may not even hold it.
        for absent in (None, -100, -1, 300, 2**63, 2**70, -(2**70)):
            for form in (dtype, dtype.newbyteorder("S")):
                got = judge(name, mode, labels.astype(form), ignore_index=absent, **options)
                for a, b in zip(got, want, strict=True):
                    assert_same_bits(a, b, f"{form} {absent} {options}")


@every_call
@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda dtype: dtype.char)
def test_ignored_rows_are_as_if_they_were_not_there(name: str, mode: str, dtype: Any) -> None:
    labels = np.array([0, 1, 0, 1, 1, 0])
    ends = {0, 1} if dtype.kind == "b" else {1, np.iinfo(dtype).min, np.iinfo(dtype).max}
    for options in others(name):
        for ignored in ends:
            marked = labels.astype(dtype)
            marked[[1, 4]] = ignored
            rows = np.flatnonzero(marked != ignored)
            got = judge(name, mode, marked, ignore_index=ignored, **options)
            want = judge(name, mode, labels[rows], rows, **options)
            for a, b in zip(got, want, strict=True):
                if np.shape(a) != np.shape(b):  # a row for each label
                    assert not np.delete(a, rows, axis=0).any()
                    a = a[rows]
                np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@every_call
@pytest.mark.parametrize(
    ("labels", "ignored", "words"),
    [
        (np.array([0, 3, 1, 0, 1, 2], np.uint8), None, r"target\[1\] = 3: .*\[0, 3\)"),
        (np.array([0, 255, 1, 0, 1, 2], np.uint8), -1, r"target\[1\] = 255: .*ignore_index = -1"),
        (np.array([0, 1, 1, 0, 1, -1], np.int8), 255, r"target\[5\] = -1: .*ignore_index = 255"),
        (np.array([0, 2**63 + 1, 1, 0, 1, 2], np.uint64), -(2**63) + 1, r"= 9223372036854775809"),
        (np.array([0, 2**64 - 1, 1, 0, 1, 2], np.uint64), -1, r"= 18446744073709551615"),
        (np.array([0, -(2**63), 1, 0, 1, 2]), 2**63, r"target\[1\] = -9223372036854775808"),
    ],
)
def test_a_label_that_no_class_has_is_named(
    name: str, mode: str, labels: Any, ignored: int | None, words: str
) -> None:
    for options in others(name):
        with pytest.raises((ValueError, IndexError), match=words):
            judge(name, mode, labels, ignore_index=ignored, **options)


@pytest.mark.parametrize("name", HEADS)
def test_a_label_beyond_int64_may_be_the_one_that_is_ignored(name: str) -> None:
    labels = np.array([0, 2**63 + 1, 1, 0, 1, 2], np.uint64)
    got = judge(name, "value_and_grad", labels, ignore_index=2**63 + 1)
    labels[1] = 250
    for a, b in zip(got, judge(name, "value_and_grad", labels, ignore_index=250), strict=True):
        assert_same_bits(a, b)


def kernels_of_labels() -> list[Loop]:
    every = [loop(name, mode) for name in ogive.catalog.names("heads") for mode in modes(name)]
    return [each for each in every if any(operand.kind == "l" for operand in each.operands)]


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("classes", [2, 5, 300])
@pytest.mark.parametrize("kernel", kernels_of_labels(), ids=lambda k: f"{k.name}-{k.mode}")
def test_no_kernel_indexes_with_a_label_that_nobody_checked(
    kernel: Loop, classes: int, dtype: Any
) -> None:
    """Labels may lie in memory that another thread writes to after the check."""
    name, mode = kernel.name, kernel.mode
    labels = np.array([1, classes, classes + 1, -1, 2**31, 2**40, -(2**40), 2**63 - 1, 0, -(2**63)])
    fits, ignored = (labels >= 0) & (labels < classes), labels < 0
    numbers = kernel.operands.count(Operand("d", row=False))
    for leading in (0.0, 0.5):  # the plain loss, and one with all options
        for kind in (0.0, 1.0, 2.0) if "hessian" in mode else (0.0,):
            given: list[float] = [leading] * numbers
            given[numbers - (2 if "hessian" in mode else 1)] = 1.0  # factor of the gradient
            if name == "cross_entropy":
                given[3] = 1.0  # temperature
            if "hessian" in mode:
                given[-1] = kind
            rest, inputs = iter(given), []
            for operand in kernel.operands:
                if operand.kind == "T":
                    inputs.append(np.zeros((len(labels), classes), dtype))
                elif operand.kind == "l":
                    inputs.append(labels)
                elif operand.row:
                    inputs.append(1.0)
                else:
                    inputs.append(next(rest))
            results = [
                np.zeros((len(labels), classes) if out.row else len(labels),
                         dtype if out.kind == "T" else float)
                for out in kernel.results
            ]  # fmt: skip
            _native.call(name, mode, NUMBER_OF[dtype], (*inputs, *results))
            # A negative class weight is no mark of an ignored row.
            loss = results[0].copy()
            inputs[2] = -1.0
            _native.call(name, mode, NUMBER_OF[dtype], (*inputs, *results))
            np.testing.assert_allclose(results[0][fits], -loss[fits], rtol=1e-7)
            inputs[2] = 1.0
            _native.call(name, mode, NUMBER_OF[dtype], (*inputs, *results))
            for result in results:
                rows = result.astype(float).reshape(len(labels), -1)
                assert np.isfinite(rows[fits]).all()
                assert not rows[ignored].any()
                assert np.isnan(rows[~fits & ~ignored]).all()
