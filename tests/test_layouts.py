"""Shapes, layouts and dtypes: broadcasting, out=, where=, odd memory, promotion, every axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ogive
from cases import (
    BF16,
    DTYPE_IDS,
    DTYPES,
    ELEMENTWISE,
    HEADS,
    ROWS,
    UNARY,
    Call,
    HeadCall,
    assert_same_bits,
    operands,
    values,
)

elementwise = pytest.mark.parametrize("call", ELEMENTWISE, ids=lambda call: call.id)
rows = pytest.mark.parametrize("call", ROWS, ids=lambda call: call.id)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
F32 = np.dtype(np.float32)

# prelu's backward returns a pair and takes no where.
PAIRS = [c for c in UNARY if isinstance(c.function(*[np.ones(2)] * c.inputs), tuple)]
plain = pytest.mark.parametrize(
    "call", [c for c in ELEMENTWISE if c not in PAIRS], ids=lambda call: call.id
)


def arrays(call: Call, dtype: Any = F32, shape: tuple[int, ...] = (20, 30)) -> list[Any]:
    count = int(np.prod(shape))
    return [np.resize(a, count).reshape(shape) for a in operands(call, dtype)]


def odd_views(a: Any) -> dict[str, Any]:
    """The same values in memory laid out in every way NumPy knows."""
    memory = np.zeros(a.nbytes + 1, np.uint8)
    unaligned = memory[1:].view(a.dtype).reshape(a.shape)
    unaligned[...] = a
    read_only = a.copy()
    read_only.flags.writeable = False
    views = {
        "Fortran order": np.asfortranarray(a),
        "reversed": a[::-1, ::-1].copy()[::-1, ::-1],
        "transposed": a.T.copy().T,
        "every second": np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
        "unaligned": unaligned,
        "read-only": read_only,
        "subclass": a.view(np.memmap),
    }
    if a.dtype != BF16:
        views["byte-swapped"] = a.astype(a.dtype.newbyteorder("S"))
    return views


@plain
@every_dtype
def test_memory_of_any_layout_gives_the_same_result(call: Call, dtype: Any) -> None:
    given = arrays(call, dtype)
    expected = call(*given)
    for layout in odd_views(given[0]):
        got = call(*(odd_views(a)[layout] for a in given))
        assert_same_bits(got, expected, layout)


@elementwise
def test_zero_stride_and_overlapping_input(call: Call) -> None:
    given = [a[0] for a in arrays(call)]
    for i in range(len(given)):
        constant = [np.broadcast_to(a[3], 30) if i == j else a for j, a in enumerate(given)]
        assert_same_bits(call(*constant), call(*(a.copy() for a in constant)), "zero stride")
    windows = [np.lib.stride_tricks.sliding_window_view(a, 7) for a in given]
    assert_same_bits(call(*windows), call(*(w.copy() for w in windows)), "overlapping windows")


@plain
@every_dtype
def test_out_may_be_an_input_or_overlap_it(call: Call, dtype: Any) -> None:
    ogive.set_num_threads(3)
    for size in (100, 131_072):
        given = [a.ravel() for a in arrays(call, dtype, (size,))]
        expected = call(*given)
        for place in range(call.inputs):
            mine = [a.copy() for a in given]
            assert call(*mine, out=mine[place]) is mine[place]
            assert_same_bits(mine[place], expected, "in place")
            # Several times: NumPy lets these overlap, and threads would race for the seams.
            for shift in (1, -1, 1, 1, 1):
                memory = np.zeros(size + 1, dtype)
                source, target = (
                    (memory[1:], memory[:-1]) if shift > 0 else (memory[:-1], memory[1:])
                )
                source[...] = given[place]
                mine = [source if j == place else a for j, a in enumerate(given)]
                call(*mine, out=target)
                assert_same_bits(target, expected, f"out shifted by {shift}")
            source = given[place].copy()
            mine = [source if j == place else a for j, a in enumerate(given)]
            call(*mine, out=source[::-1])
            assert_same_bits(source[::-1], expected, "out reversed")


@plain
def test_out_of_any_layout_and_of_a_wider_dtype(call: Call) -> None:
    given = arrays(call)
    expected = call(*given)
    for layout, view in odd_views(np.zeros_like(expected)).items():
        if view.flags.writeable:
            call(*given, out=view)
            assert_same_bits(np.asarray(view).astype(F32), expected, layout)
    wide = np.zeros(expected.shape)
    assert call(*given, out=wide) is wide
    np.testing.assert_array_equal(wide.astype(F32), expected)
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        call(*given, out=np.zeros((2, 2), F32))
    with pytest.raises(TypeError, match="arrays"):
        call(*given, out=[1.0])


@plain
@every_dtype
def test_where_leaves_the_other_elements_alone(call: Call, dtype: Any) -> None:
    given = arrays(call, dtype)
    mask = (np.arange(600).reshape(20, 30) % 3 == 0) | (np.arange(30) > 20)
    out = np.full((20, 30), 7).astype(dtype)
    call(*given, out=out, where=mask)
    assert_same_bits(out, np.where(mask, call(*given), np.full_like(out, 7)))


@elementwise
def test_operands_broadcast(call: Call) -> None:
    x = arrays(call)
    if call.inputs == 2:
        for shape in ((30,), (1, 30), (20, 1), ()):
            dy = x[0][tuple(slice(n) for n in shape)] if len(shape) == 2 else x[0].ravel()[:30]
            dy = dy.reshape(-1)[0] if shape == () else dy.reshape(shape)
            full = np.broadcast_to(dy, (20, 30)).copy()
            assert_same_bits(call(dy, x[1]), call(full, x[1]))
    for p in ogive.card(call.name).parameters:
        if not p.operand:
            continue
        for shape in ((30,), (20, 1), (20, 30), ()):
            values = np.linspace(0.1, 2, max(1, int(np.prod(shape)))).reshape(shape)
            got = call(*x, **{p.name: values})
            each = [
                call(*(a[i, j] for a in x), **{p.name: np.broadcast_to(values, (20, 30))[i, j]})
                for i in (0, 7, 19)
                for j in (0, 11, 29)
            ]
            picked = [got[i, j] for i in (0, 7, 19) for j in (0, 11, 29)]
            assert got.dtype == F32
            assert_same_bits(np.array(picked), np.array(each), f"{p.name} of shape {shape}")
            narrow = values.astype(np.float32)
            assert_same_bits(call(*x, **{p.name: narrow}), call(*x, **{p.name: narrow + 0.0}))


@elementwise
@every_dtype
def test_numbers_and_lists_give_numbers_and_arrays(call: Call, dtype: Any) -> None:
    number = dtype.type(0.5)
    got = call(*[number] * call.inputs)
    assert np.ndim(got) == 0
    assert np.asarray(got).dtype == dtype
    assert np.asarray(call(*[np.array(0.5, dtype)] * call.inputs)).dtype == dtype
    assert np.asarray(call(*[0.5] * call.inputs)).dtype == np.float64
    assert call(*[[0.5, 0.25]] * call.inputs).shape == (2,)


INTEGERS = "?bBhHiIlLqQ"


@plain
def test_integers_and_bool_are_promoted_as_exp_promotes(call: Call) -> None:
    for kind in INTEGERS:
        x = np.array([0, 1], kind)
        expected = np.exp(x).dtype
        got = call(*[x] * call.inputs)
        assert got.dtype == expected, kind
        assert_same_bits(got, call(*[x.astype(expected)] * call.inputs), kind)


@rows
def test_rows_promote_integers_as_exp_promotes(call: Call) -> None:
    for kind in INTEGERS:
        x = np.array([[0, 1], [1, 1]], kind)
        expected = np.exp(x).dtype
        given = like(call, x, x)
        got = call(*given)
        assert got.dtype == expected, kind
        assert_same_bits(got, call(*(a.astype(expected) for a in given)), kind)


def reduces(call: Call) -> bool:
    return np.ndim(getattr(ogive, call.name)(np.zeros(2))) == 0


def like(call: Call, dy: Any, x: Any, axis: int = -1) -> list[Any]:
    """Operands of a rows call; where the function reduces, dy has the shape of its output."""
    if call.inputs == 1:
        return [x]
    return [np.take(dy, 0, axis) if reduces(call) and call.mode == "backward" else dy, x]


def batch(call: Call, dtype: Any, shape: tuple[int, ...], axis: int = -1) -> list[Any]:
    random = np.random.default_rng(4)
    dy, x = (random.normal(0, 2, (2, *shape))).astype(dtype)
    return like(call, dy, x, axis)


@rows
@every_dtype
def test_rows_along_every_axis(call: Call, dtype: Any) -> None:
    shape = (4, 5, 6)
    for axis in range(-3, 3):
        given = batch(call, dtype, shape, axis)
        moved = [
            np.ascontiguousarray(np.moveaxis(a, axis, -1)) if a.ndim == 3 else a for a in given
        ]
        expected = call(*moved)
        got = call(*given, axis=axis)
        back = np.moveaxis(got, axis, -1) if got.ndim == 3 else got
        assert_same_bits(back, expected, f"axis {axis}")


@rows
def test_rows_take_memory_of_any_layout(call: Call) -> None:
    given = batch(call, F32, (20, 30))
    expected = call(*given)
    for layout in odd_views(given[-1]):
        got = call(*(odd_views(a)[layout] if a.ndim == 2 else a for a in given))
        assert_same_bits(np.asarray(got), expected, layout)
    constant = [np.broadcast_to(a[:1], a.shape) for a in given]
    assert_same_bits(call(*constant), call(*(a.copy() for a in constant)), "zero stride")


@rows
@every_dtype
def test_rows_in_place_and_into_out(call: Call, dtype: Any) -> None:
    for axis in (-1, 0):
        given = batch(call, dtype, (20, 30), axis)
        expected = call(*given, axis=axis)
        for layout, view in odd_views(np.zeros_like(np.atleast_2d(expected))).items():
            out = view if expected.ndim == 2 else view[0]
            if view.flags.writeable:
                assert call(*given, axis=axis, out=out) is out
                assert_same_bits(np.asarray(out).astype(dtype), expected, layout)
        for place in range(call.inputs):
            if given[place].shape == expected.shape:
                mine = [a.copy() for a in given]
                call(*mine, axis=axis, out=mine[place])
                assert_same_bits(mine[place], expected, "in place")
                source = given[place].copy()
                mine = [source if j == place else a for j, a in enumerate(given)]
                call(*mine, axis=axis, out=source[::-1])
                assert_same_bits(source[::-1], expected, "out reversed")


@every_dtype
@pytest.mark.parametrize("run", HEADS, ids=lambda run: run.id)
def test_losses_of_logits_in_any_memory(run: HeadCall, dtype: Any) -> None:
    z = values(dtype, finite=True).reshape(20, 30)
    loss, dz = run(z, reduction="none")
    for layout, view in odd_views(z).items():
        got_loss, got_dz = run(view, reduction="none")
        assert_same_bits(got_loss, loss, layout)
        assert_same_bits(got_dz, dz, layout)
    for layout, out in odd_views(np.zeros_like(dz)).items():
        if out.flags.writeable and out.flags.aligned and out.dtype.isnative:
            assert run(z, reduction="none", out=out)[1] is out
            assert_same_bits(np.asarray(out), dz, f"out in {layout}")
    source = z.copy()
    run(source, reduction="none", out=source)
    assert_same_bits(source, dz, "in place")
    source = z.copy()
    run(source, reduction="none", out=source[::-1])
    assert_same_bits(source[::-1], dz, "out reversed")


@rows
@every_dtype
@pytest.mark.parametrize("n", [2, 10, 64, 65])
def test_a_temperature_for_each_row_gives_the_bits_of_one_for_all(
    call: Call, dtype: Any, n: int
) -> None:
    given = batch(call, dtype, (2000, n))
    want = call(*given, temperature=1.0)
    assert_same_bits(call(*given, temperature=np.ones(2000)), want)


@rows
def test_temperatures_and_masks_broadcast(call: Call) -> None:
    given = batch(call, F32, (6, 5))
    temperature = np.linspace(0.5, 3, 6)
    got = call(*given, temperature=temperature)
    for i, t in enumerate(temperature):
        assert_same_bits(got[i], call(*(a[i] for a in given), temperature=t))
    if call.mode == "backward_from_output":
        return
    masks = np.random.default_rng(1).random((6, 5)) < 0.6
    got = call(*given, where=masks)
    for i, mask in enumerate(masks):
        assert_same_bits(got[i], call(*(a[i] for a in given), where=mask), f"mask {mask}")
    one = masks[0] | True
    one[1] = False
    got = call(*given, where=one)
    assert_same_bits(got, call(*given, where=np.broadcast_to(one, (6, 5)).copy()))
    column = np.array([True, False, True, True, False, True])[:, None]
    got = call(*given, where=column)
    assert_same_bits(got, call(*given, where=np.broadcast_to(column, (6, 5)).copy()))


def test_the_jacobian_is_the_one_of_the_definition_along_any_axis() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for axis in range(3):
        a = np.moveaxis(ogive.softmax(x, axis), axis, -1)
        expected = a[..., None] * (np.eye(x.shape[axis]) - a[..., None, :])
        got = ogive.jacobian.softmax(x, axis)
        np.testing.assert_allclose(got, expected, atol=1e-15)
    a = ogive.softmax(x)
    expected = np.eye(5) - a[..., None, :]
    np.testing.assert_allclose(ogive.jacobian.log_softmax(x), expected, atol=1e-15)
    np.testing.assert_allclose(ogive.jacobian.logsumexp(x), a, atol=1e-15)
    warm = ogive.jacobian.softmax(x, temperature=2.0)
    np.testing.assert_allclose(warm, ogive.jacobian.softmax(x / 2) / 2, atol=1e-15)


@pytest.mark.parametrize("call", PAIRS, ids=lambda call: call.id)
def test_a_learned_parameter_gets_the_gradient_summed_where_it_was_broadcast(call: Call) -> None:
    random = np.random.default_rng(0)
    dy, x = random.normal(size=(2, 4, 5, 6)).astype(np.float32)
    products = np.where(x > 0, 0, x.astype(np.float64)) * dy
    for shape in ((), (1,), (6,), (5, 1), (4, 1, 1), (1, 5, 1), (4, 5, 6), (4, 1, 6)):
        weight = random.uniform(0.1, 1, shape)
        dx, dweight = call.function(dy, x, weight)
        lead = 3 - len(shape)
        summed = tuple(i for i in range(3) if i < lead or shape[i - lead] == 1)
        expected = products.sum(axis=summed).reshape(shape)
        np.testing.assert_allclose(dx, dy * np.where(x > 0, 1, weight), rtol=1e-6)
        np.testing.assert_allclose(dweight, expected, rtol=1e-6, atol=1e-6)
        assert np.shape(dweight) == shape
    assert call.function(dy, x, np.full(6, 0.1, np.float32))[1].dtype == np.float32
