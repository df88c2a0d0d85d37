"""On both sides of every block, chunk and thread limit in the code, results are the plain ones.

The limits are read from the code (`limits`). What is computed in pieces is compared with the same
elements in small calls, bit for bit, or with the formulas of `oracle`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ogive
import oracle
from cases import (
    DTYPE_IDS,
    DTYPES,
    ELEMENTWISE,
    ROWS,
    assert_same_bits,
    operands,
    public,
    public_modes,
)
from limits import LIMITS, LOOPED_OVER, NO_SIZES, around, constants, limit, sizes_of, values
from ogive.calls.losses import checked_chunk
from ogive.calls.rules import inputs
from ogive.catalog import Card

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
FLOATS = [np.dtype(np.float32), np.dtype(np.float64)]
every_float = pytest.mark.parametrize("dtype", FLOATS, ids=["float32", "float64"])
PATTERN = 97  # elements or rows, which no limit is a multiple of
LD = oracle.LD


def repeated(pattern: Any, n: int) -> Any:
    """A pattern again and again, to n elements or rows."""
    return np.resize(pattern, (n, *pattern.shape[1:]))


def test_every_size_in_the_code_is_known_here() -> None:
    found = {key for key in constants() if not {key, key.partition(":")[2]} & NO_SIZES}
    assert found - LIMITS.keys() == set(), "say in limits.py what they divide"
    assert LIMITS.keys() - found == set(), "no longer in the code"
    names = {key.partition(":")[2] for key in constants()}
    assert NO_SIZES - names - constants().keys() == set(), "no longer in the code"
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*limits.py"))
    named = {key for key, counts in LIMITS.items() if not LOOPED_OVER & set(counts.split())}
    for key in named - {key for key, counts in LIMITS.items() if counts == "time"}:
        file, _, name = key.rpartition(":")
        of_torch = rf"\b_?{Path(file).stem.strip('_')}\W+{name}\b"
        assert key in tests or f"folder}}:{name}" in tests or re.search(of_torch, tests), key


@every_dtype
def test_arrays_of_any_length_have_the_bits_of_few_elements(dtype: Any) -> None:
    ogive.set_num_threads(3)
    for call in ELEMENTWISE:
        few = operands(call, dtype, count=PATTERN)
        expected = call(*few)
        for n in sizes_of("elements", dtype.itemsize):
            found = call(*(repeated(a, n) for a in few))
            assert_same_bits(found, repeated(expected, n), f"{call.id}, {n} elements")


@every_dtype
def test_lean_forms_of_any_length_have_the_bits_of_few_elements(dtype: Any) -> None:
    ogive.set_num_threads(3)
    random = np.random.default_rng(1)
    x, dy = random.normal(0, 2, (2, PATTERN)).astype(dtype)
    for name in dir(ogive.lean):
        forward, backward = public(name, "lean"), public(name, "lean_backward")
        kept = inputs(ogive.card(name), "lean_backward")
        y, mask = forward(x)
        dx = backward(*({"dy": dy, "y": y, "mask": mask}[k] for k in kept))
        marks = np.unpackbits(mask, count=PATTERN, bitorder="little")
        for n in sizes_of("elements", dtype.itemsize):
            long_y, bits = forward(repeated(x, n))
            assert_same_bits(long_y, repeated(y, n), f"{name}, {n} elements")
            expected = np.packbits(repeated(marks, n), bitorder="little")
            assert np.array_equal(bits, expected), f"bits of {name}, {n} elements"
            given = {"dy": repeated(dy, n), "y": long_y, "mask": bits}
            long_dx = backward(*(given[k] for k in kept))
            assert_same_bits(long_dx, repeated(dx, n), f"backward of {name}, {n} elements")


STREAMED: dict[str, tuple[int, Callable[..., Any]]] = {
    "exact": (1, ogive.relu),
    "in lanes": (1, ogive.gelu),
    "backward": (2, ogive.backward.silu),
    "gated": (2, ogive.reglu),
    "lean": (1, lambda x, out: ogive.lean.leaky_relu(x, out=(out, None))[0]),
}


@every_dtype
@pytest.mark.parametrize("what", STREAMED)
def test_large_results_have_the_bits_of_few_elements(what: str, dtype: Any) -> None:
    """Every way to store them is tried on the first pieces; some stream a block at a time."""
    ogive.set_num_threads(2)
    count, call = STREAMED[what]
    few = np.random.default_rng(2).normal(0, 2, (count, PATTERN)).astype(dtype)
    expected = call(*few, out=np.empty_like(few[0]))
    residency, stores = "kernels/runtime/residency.hpp", "kernels/runtime/stores.hpp"
    tried = {limit(f"{stores}:least_tried"), 2 * limit(f"{stores}:tried_bytes")}
    sizes = values(f"{residency}:least") | values(f"{residency}:most") | tried
    least = max(sizes) // dtype.itemsize
    block = limit("kernels/drivers/blocks.hpp:streamed_bytes") // dtype.itemsize
    longest = least + 2 * block + 1
    given, right = [repeated(a, longest) for a in few], repeated(expected, longest)
    out = np.zeros(longest, dtype)
    for n in {n // dtype.itemsize + by for n in sizes for by in (-1, 0)} | {
        least + block - 1,
        longest,
    }:
        out[:] = 7
        call(*(a[:n] for a in given), out=out[:n])
        # Bytes: NaN is not among them, and there are many.
        assert np.array_equal(out[:n].view(np.uint8), right[:n].view(np.uint8)), n


def test_a_lean_gradient_that_is_streamed_has_the_bits_of_few_elements() -> None:
    least = limit("kernels/runtime/residency.hpp:most") // 4
    n = least + max(values("kernels/drivers/unary_bits.hpp:size")) + 1
    x, dy = np.random.default_rng(3).normal(0, 2, (2, PATTERN)).astype(np.float32)
    for name in ("silu", "relu"):
        forward, backward = public(name, "lean"), public(name, "lean_backward")

        def kept(x: Any, name: str = name, forward: Any = forward) -> list[Any]:
            y, mask = forward(x)
            return [
                {"y": y, "mask": mask}[each]
                for each in inputs(ogive.card(name), "lean_backward")[1:]
            ]

        expected = backward(dy, *kept(x))
        out = np.zeros(n, np.float32)
        backward(repeated(dy, n), *kept(repeated(x, n)), out=out)
        assert_same_bits(out, repeated(expected, n), name)


# Rows.


def peaked(n: int, dtype: Any, seed: int = 0) -> Any:
    """Rows whose greatest logit comes first, last, and in between, with much of the sum."""
    random = np.random.default_rng(n + seed)
    x = np.round(random.normal(0, 1.5, (4, n)) * 16) / 16
    for row, at in zip(x, (0, n // 2, n - 1, 2 * n // 3), strict=True):
        row[at] = 6 + math.log(n)
    return x.astype(dtype)


def close(found: Any, expected: Any, dtype: Any, what: str) -> None:
    """Within a small part of the largest of its row."""
    __tracebackhide__ = True
    part = {2: 2e-2, 4: 2e-5, 8: 1e-7}[np.dtype(dtype).itemsize]
    found = oracle.exact(found)
    assert found.shape == expected.shape, what
    most = np.abs(expected).max(axis=-1, keepdims=expected.ndim > 1)
    wrong = ~(np.abs(found - expected) <= part * (most + 1e-3))
    assert not wrong.any(), f"{what}: {found[wrong][:3]} instead of {expected[wrong][:3]}"


def rows_expected(card: Card, x: Any, dy: Any) -> tuple[Any, Any]:
    """A function of rows, whose formula takes all rows at once, and its backward."""
    found = card.formula(oracle.M, list(oracle.exact(x).T))
    if card.pull_back is None:  # log-sum-exp: e^(x - y) is its gradient
        return found, oracle.exact(dy)[:, None] * np.exp(oracle.exact(x) - found[:, None])
    dx = card.pull_back(oracle.M, list(oracle.exact(dy).T), found)
    return np.stack(found, axis=-1), np.stack(dx, axis=-1)


@every_float
@pytest.mark.parametrize("name", sorted({call.name for call in ROWS}))
def test_rows_of_any_length_are_those_of_the_formula(name: str, dtype: Any) -> None:
    card = ogive.card(name)
    for n in sizes_of("row", dtype.itemsize):
        x = peaked(n, dtype)
        dy = np.random.default_rng(n).normal(0, 1, x.shape).astype(dtype)
        dy = dy if card.pull_back else dy[:, 0]
        y, dx = rows_expected(card, x, dy)
        close(public(name, "value")(x), y, dtype, f"{n} elements")
        close(public(name, "backward")(dy, x), dx, dtype, f"backward of {n} elements")
        if "backward_from_output" in public_modes(name):
            found = public(name, "backward_from_output")(dy, y.astype(dtype))
            if not name.startswith("entmax"):  # whose roots of outputs know half the digits
                close(found, dx, dtype, f"backward from {n} outputs")


@every_dtype
def test_any_number_of_rows_has_the_bits_of_few(dtype: Any) -> None:
    ogive.set_num_threads(3)
    random = np.random.default_rng(5)
    n, few = 10, 7
    share = -(-limit("bindings/op_table.hpp:grain_elements") // n)
    counts = [*around(limit("kernels/simd/floats.hpp:lanes")), *around(share)]
    for call in ROWS:
        x, dy = (3 * random.standard_normal((2, few, n))).astype(dtype)
        reduces = call.mode == "backward" and np.ndim(public(call.name, "value")(x[0])) == 0
        given = [x] if call.inputs == 1 else [dy[:, 0] if reduces else dy, x]
        expected = call(*given)
        for count in counts:
            found = call(*(repeated(a, count) for a in given))
            assert_same_bits(found, repeated(expected, count), f"{call.id}, {count} rows")


# Losses.

LOSSES = [card for card in ogive.catalog("heads") if not card.layer]
CLASSES = [card for card in LOSSES if card.over_rows]
ELEMENTS = [card for card in LOSSES if not card.over_rows]


@every_float
@pytest.mark.parametrize("card", CLASSES, ids=lambda card: card.name)
def test_losses_of_any_number_of_classes_are_those_of_the_formula(card: Card, dtype: Any) -> None:
    for n in sizes_of("row", dtype.itemsize):
        z = peaked(n, dtype)
        labels = np.array([0, n // 2, 0, n - 1])
        exact = oracle.exact(z)
        losses, _ = oracle.row_losses(card, exact, labels)
        found, dz = public(card.name, "value_and_grad")(z, labels, reduction="none")
        close(found, losses, dtype, f"{n} classes")
        # The slopes by some classes: the first, the last, and what lies at the limits.
        some = [0, *sorted({k for k in (n // 2, *sizes_of("row"), n - 1) if k < n})[-5:]]
        tries = np.repeat(exact, len(some), axis=0)
        way = np.tile(np.eye(n)[some], (len(z), 1))
        goal = np.repeat(labels, len(some))
        slopes, _, _ = oracle.along(
            lambda a, goal=goal: oracle.row_losses(card, a, goal)[0], tries, way
        )
        shape = (len(z), len(some))
        close(dz[:, some], slopes.reshape(shape), dtype, f"gradient of {n} classes")


@every_float
@pytest.mark.parametrize("card", ELEMENTS, ids=lambda card: card.name)
def test_losses_of_rows_of_any_length_have_the_bits_of_few(card: Card, dtype: Any) -> None:
    """With weights for each element, which come in blocks of their own."""
    random = np.random.default_rng(6)
    z, t, weight = random.normal(0, 3, PATTERN), random.random(PATTERN), random.random(PATTERN)
    z, t = z.astype(dtype), t.astype(dtype)
    head = public(card.name, "value_grad_hess")
    expected = head(z, t, weight=weight, reduction="none")
    for n in sizes_of("row", dtype.itemsize):
        given = (np.stack([repeated(a, n), repeated(a[::-1], n)]) for a in (z, t, weight))
        long_z, long_t, long_weight = given
        found = head(long_z, long_t, weight=long_weight, reduction="none")
        for one, other in zip(found, expected, strict=True):
            right = np.stack([repeated(other, n), repeated(other[::-1], n)])
            assert_same_bits(one, right, f"{n} elements")


@pytest.mark.parametrize("card", [*CLASSES, *ELEMENTS], ids=lambda card: card.name)
def test_the_sum_and_mean_of_any_number_of_losses_are_those_of_each(card: Card) -> None:
    ogive.set_num_threads(2)
    random = np.random.default_rng(7)
    rows = card in CLASSES
    z = random.normal(0, 3, (PATTERN, 2) if rows else PATTERN)
    target = random.integers(0, 2, PATTERN) if rows else random.random(PATTERN)
    value, both = (public(card.name, mode) for mode in ("value", "value_and_grad"))
    each, slopes = both(z, target, reduction="none")
    most = limit("calls/losses.py:CHUNK")
    for n in (most - 1, most, most + 1, 2 * most + 1) if rows else sizes_of("losses"):
        # Each time the pattern comes it is another one, so that no two chunks have the same sum.
        turned = np.arange(n) * (1 + np.arange(n) // PATTERN) % PATTERN
        given, losses = (z[turned], target[turned]), each[turned]
        for how, total in (("sum", 1), ("mean", n)):
            what, right = f"{how} of {n} losses", math.fsum(losses) / total
            loss, dz = both(*given, reduction=how)
            assert loss == pytest.approx(right, rel=1e-13), what
            assert np.allclose(dz, slopes[turned] / total, rtol=1e-14, atol=0), what
            if not rows:
                assert value(*given, reduction=how) == pytest.approx(right, rel=1e-13), what
                weighted = value(*given, weight=np.full(n, 0.5), reduction=how)
                assert weighted == pytest.approx(right / 2, rel=1e-13), f"weighted {what}"


def linear(x: Any, W: Any, labels: Any, **options: Any) -> tuple[Any, list[Any]]:
    """The loss of a layer and its gradients by way of whole logits, in float64."""
    wide = [a.astype(np.float64) for a in (x, W)]
    loss, dz = ogive.value_and_grad.cross_entropy(wide[0] @ wide[1].T, labels, **options)
    return loss, [dz @ wide[1], dz.T @ wide[0]]


def judge_linear(x: Any, W: Any, labels: Any, what: str) -> None:
    loss, gradients = ogive.value_and_grad.linear_cross_entropy(x, W, labels)
    right, expected = linear(x, W, labels)
    assert loss == pytest.approx(right, rel=1e-5), what
    for found, exact in zip(gradients[:2], expected, strict=True):
        atol = 1e-5 * np.abs(exact).max()
        np.testing.assert_allclose(found.astype(float), exact, rtol=0, atol=atol, err_msg=what)


def test_a_layer_takes_any_number_of_rows_and_of_classes() -> None:
    random = np.random.default_rng(8)
    few = limit("calls/losses.py:FEW_ROWS")
    wide = limit("calls/losses.py:SMALL") // 4 // few + 1  # so wide that no more rows fit a chunk
    W = random.normal(0, 1, (wide, 2)).astype(np.float32)
    for n in (few - 1, few, few + 1, 2 * few + 1):
        x = random.normal(0, 1, (n, 2)).astype(np.float32)
        judge_linear(x, W, random.integers(0, wide, n), f"{n} rows")
    inner = 64
    piece = limit("_numpy/linear.py:PIECE") // (4 * inner)
    W = random.normal(0, 1, (2 * piece + 1, inner)).astype(np.float16)  # widened in pieces
    x = random.normal(0, 0.3, (2, inner)).astype(np.float32)
    for n in (piece, piece + 1, 2 * piece + 1):
        labels = np.array([n - 1, 0])
        loss, (dx, _, _) = ogive.value_and_grad.linear_cross_entropy(x, W[:n], labels)
        right, (expected, _) = linear(x, W[:n], labels)
        assert loss == pytest.approx(right, rel=1e-5), f"{n} classes"
        np.testing.assert_allclose(dx, expected, atol=1e-5, err_msg=f"{n} classes")


def test_the_logits_of_a_chunk_take_little_memory_however_many_classes_there_are() -> None:
    most = limit("calls/losses.py:LARGE")
    for classes in around(most // 4 // 8, most // 4):
        rows = checked_chunk(None, (classes, 2), itemsize=4)
        assert rows == max(1, most // (4 * classes)), f"{classes} classes"


def test_arrays_of_parameters_are_searched_up_to_a_size_and_work_beyond_it() -> None:
    most = limit("calls/checks.py:MOST_CHECKED")
    for n in (most - 1, most, most + 1, 2 * most + 1):
        alphas = np.full(n, 0.5)
        x = repeated(np.array([-1.0, 2.0, -0.25]), n)
        assert_same_bits(ogive.celu(x, alphas), ogive.celu(x, 0.5), f"{n} parameters")
        alphas[-1] = -1
        if n <= most:
            with pytest.raises(ValueError, match=rf"alpha\[{n - 1}\] = -1"):
                ogive.celu(x, alphas)
        else:
            assert_same_bits(ogive.celu(x, alphas)[:-1], ogive.celu(x, 0.5)[:-1])
