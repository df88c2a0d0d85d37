"""Calls by address: what they refuse, and that the work is torch's."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ogive  # noqa: E402
import ogive.torch  # noqa: E402
from ogive import _native  # noqa: E402
from ogive.catalog import find  # noqa: E402
from ogive.torch import _launch  # noqa: E402
from ogive.torch._formats import FLOATS  # noqa: E402
from torch_cases import same_bits, to_numpy  # noqa: E402


def test_handles_are_kept_and_unknown_ones_refused() -> None:
    handle = _native.raw_handle("gelu", "value")
    assert _native.raw_handle("gelu", "value") == handle
    with pytest.raises(KeyError, match="no kernel named no_such"):
        _native.raw_handle("no_such", "value")
    with pytest.raises(KeyError, match="softmax has no lean"):
        _native.raw_handle("softmax", "lean")


@pytest.mark.parametrize(
    "arguments",
    [(-1, 2, 0, 0, 0), (10**6, 2, 0, 0, 0), (0, 4, 0, 0, 0), (0, 2, -1, 0, 0), (0, 2, 0)],
)
def test_calls_that_do_not_fit_are_refused(arguments: tuple[int, ...]) -> None:
    handle = _native.raw_handle("gelu", "value")
    number = handle if arguments[0] == 0 else arguments[0]
    with pytest.raises(ValueError, match=r"handle|wrong number"):
        _native.raw_flat(number, *arguments[1:])


def test_rows_that_do_not_fit_are_refused() -> None:
    handle = _native.raw_handle("softmax", "value")
    for form, rows, n, operands in (
        (2, 1, 0, (0, 1.0, True, 0)), (2, -1, 4, (0, 1.0, True, 0)), (4, 1, 4, (0, 1.0, True, 0)),
        (2, 1, 4, (0, 1.0, True)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="wrong number"):
            _native.raw_rows(handle, form, rows, n, *operands)
    with pytest.raises(TypeError, match="raw_rows"):
        _native.raw_rows(handle, 2, 1)


def test_rows_one_after_the_other_are_the_rows_of_any_strides() -> None:
    """With numbers, a mask, weights and outputs that nobody wants."""
    z = np.random.default_rng(3).normal(size=(5, 7)).astype(np.float32)
    mask, out = np.random.default_rng(4).random((5, 7)) > 0.3, np.empty((5, 7), np.float32)
    handle = _native.raw_handle("softmax", "value")
    _native.raw_rows(handle, 2, 5, 7, z.ctypes.data, 0.5, (mask.ctypes.data,), out.ctypes.data)
    assert np.array_equal(out, ogive.softmax(z, temperature=0.5, where=mask))
    labels, loss = np.array([0, 6, -1, 3, 2]), np.empty(5)
    options, ends = (1.0, 0.1, 0.0, 0.0, 1.0, 1.0), (loss.ctypes.data, None)
    handle = _native.raw_handle("cross_entropy", "labels")
    _native.raw_rows(handle, 2, 5, 7, z.ctypes.data, (labels.ctypes.data,), *options, *ends)
    expected = ogive.cross_entropy(
        z, labels, reduction="none", label_smoothing=0.1, ignore_index=-1
    )
    assert np.array_equal(loss.astype(np.float32), expected)


def test_a_whole_number_is_no_address() -> None:
    """Nor a number: taken for an address, a parameter of 5000 would be read from nowhere."""
    x, out = np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32)
    at, to, each = x.ctypes.data, out.ctypes.data, np.full(8, 0.5)
    for number in (each.ctypes.data, 1, 2, True):
        with pytest.raises(
            TypeError, match=rf"operand 1 must be a float or \(address,\): {number}"
        ):
            _native.raw_flat(_native.raw_handle("leaky_relu", "value"), 2, 8, at, number, to)
        handle = _native.raw_handle("softmax", "value")
        with pytest.raises(
            TypeError, match=rf"operand 1 must be a float or \(address,\): {number}"
        ):
            _native.raw_rows(handle, 2, 2, 4, at, number, True, to)
        lying = (at, (16, 4)), number, True, (to, (16, 4))
        with pytest.raises(TypeError, match=r"operand 1 must be a float or \(address, strides\)"):
            _native.raw_strided(handle, 2, (2,), 4, lying)
    with pytest.raises(TypeError, match="operand 2 is no address: True"):
        _native.raw_flat(_native.raw_handle("leaky_relu", "value"), 2, 8, at, 0.5, True)
    with pytest.raises(TypeError, match=r"operand 3 must be None or \(address, strides\): 0.5"):
        _native.raw_strided(handle, 2, (2,), 4, ((at, (16, 4)), 1.0, True, 0.5))


def test_numbers_for_each_element_or_row_come_as_an_address_in_a_tuple() -> None:
    x, slopes = -np.ones((2, 4), np.float32), np.arange(8.0)
    out = np.empty_like(x)
    at, to = x.ctypes.data, out.ctypes.data
    handle = _native.raw_handle("leaky_relu", "value")
    _native.raw_flat(handle, 2, 8, at, (slopes.ctypes.data,), to)
    assert np.array_equal(out.ravel(), -slopes)
    x[:] = np.arange(8.0).reshape(2, 4)
    temperatures, handle = np.array([0.5, 2.0]), _native.raw_handle("softmax", "value")
    _native.raw_rows(handle, 2, 2, 4, at, (temperatures.ctypes.data,), True, to)
    assert np.array_equal(out, ogive.softmax(x, temperature=temperatures))


def test_an_int_where_a_number_could_stand_is_that_number_in_every_call() -> None:
    """Of labels one for all rows, never an address; a mask is no int at all."""
    z, loss = np.random.default_rng(5).normal(size=(3, 7)).astype(np.float32), np.empty(3)
    at, to, options = z.ctypes.data, loss.ctypes.data, (1.0, 0.0, 0.0, 0.0, 1.0, 1.0)
    expected = ogive.cross_entropy(z, [4, 4, 4], reduction="none")
    handle = _native.raw_handle("cross_entropy", "labels")
    _native.raw_rows(handle, 2, 3, 7, at, 4, *options, to, None)
    assert np.array_equal(loss.astype(np.float32), expected)
    loss[:] = 0
    lying = (at, (28, 4)), 4, *options, (to, (8,)), None
    _native.raw_strided(handle, 2, (3,), 7, lying)
    assert np.array_equal(loss.astype(np.float32), expected)
    mask, handle = np.ones((3, 7), bool), _native.raw_handle("softmax", "value")
    with pytest.raises(TypeError, match=r"operand 2 must be a bool or \(address,\)"):
        _native.raw_rows(handle, 2, 3, 7, at, 1.0, mask.ctypes.data, at)


def test_strides_that_do_not_fit_are_refused() -> None:
    handle = _native.raw_handle("gelu", "value")
    x = np.zeros(4, np.float32)
    at = x.ctypes.data
    with pytest.raises(ValueError, match="operand 1 has 2 strides, not 1"):
        _native.raw_strided(handle, 2, (4,), 1, ((at, (4,)), (at, (4, 4))))


@pytest.mark.parametrize("shape", [(3, 1, 5), (1, 1, 4), (2, 3, 4), (5,), (2, 1, 1, 3), (0, 3)])
def test_axes_that_are_walked_as_one_are_the_same_elements(shape: tuple[int, ...]) -> None:
    wide = np.random.default_rng(1).normal(size=(*shape[:-1], 2 * shape[-1])).astype(np.float32)
    x, out = wide[..., ::2], np.full(shape, np.nan, np.float32)
    handle = _native.raw_handle("tanh", "value")
    operands = tuple((a.ctypes.data, a.strides) for a in (x, out))
    _native.raw_strided(handle, 2, shape, 1, operands)
    assert np.array_equal(out, ogive.tanh(x))


def test_a_parameter_for_each_element_is_read_where_it_lies() -> None:
    x, slopes = torch.randn(3, 4, 5), torch.rand(4, 1, dtype=torch.float64)
    run = _launch.with_tensor_parameters("leaky_relu", "value")
    expected = ogive.leaky_relu(x.numpy(), slopes.numpy())
    assert np.array_equal(run(x, slopes).numpy(), expected)


@pytest.mark.skipif(
    ogive.isa() != "avx512" or bool(os.environ.get("OGIVE_ISA")),
    reason="few and many go to one instruction set",
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("mode", ["value", "backward"])
def test_a_few_elements_have_the_bits_that_they_have_among_many(
    mode: str, dtype: torch.dtype
) -> None:
    """Few go to another instruction set than many."""
    x = torch.cat([4 * torch.randn(1300), torch.tensor([torch.inf, -torch.inf, torch.nan, -0.0])])
    x = x.roll(200).to(dtype)
    dy = torch.linspace(-2, 2, len(x)).to(dtype)
    for card in ogive.catalog("unary"):
        run = _launch.elementwise(
            card.name, mode, *(p.default for p in card.parameters if p.operand)
        )
        given = (x,) if mode == "value" else (dy, x)
        many = run(*given)
        for few in (slice(0, 512), slice(200, 217), slice(3, 4)):
            found = run(*(t[few] for t in given))
            assert same_bits(found, to_numpy(many[few])), card.name
    if mode == "backward":
        return
    for card in ogive.catalog("rows"):
        of = getattr(ogive.torch, card.name)
        drawn = {"seed": 3} if card.draws else {}
        rows = x[:1300].view(130, 10)
        assert same_bits(of(rows[:40], dim=-1, **drawn), to_numpy(of(rows, dim=-1, **drawn)[:40]))


def test_tensors_of_different_shapes_reach_no_kernel() -> None:
    with pytest.raises(RuntimeError, match="do not fit"):
        torch.ops.ogive.gelu_backward(torch.ones(3), torch.ones(4))


def test_arrays_use_ogive_s_own_pool_unless_a_thread_says_otherwise() -> None:
    assert _native.use_framework_threads(True) is False
    try:
        x = np.linspace(-3, 3, 1 << 18, dtype=np.float32)
        outside = ogive.gelu(x)
    finally:
        assert _native.use_framework_threads(False) is True
    assert np.array_equal(outside, ogive.gelu(x))


ODD = {
    "a number": 1.0,
    "a subclass": torch.ones(4).as_subclass(type("Marked", (torch.Tensor,), {})),
    "integers": torch.arange(4),
    "no elements": torch.ones(0),
    "no elements of some memory": torch.ones(4)[:0],
    "gaps": torch.ones(8)[::2],
    "one element for many": torch.ones(1).expand(4),
    "a negative bit": torch._neg_view(torch.ones(4)),
    "zeros that are not stored": torch._efficientzerotensor((4,)),
    "a view of zeros that are not stored": torch._efficientzerotensor((8,))[4:],
    "no memory": torch.ones(4, device="meta"),
    "sparse": torch.ones(4).to_sparse(),
}
IN_MEMORY = {"integers", "gaps", "one element for many"}


@pytest.mark.parametrize("what", ODD)
def test_only_tensors_that_a_kernel_reads_as_they_are_go_to_it_at_once(what: str) -> None:
    """The rest get None, or what is given for them."""
    given = ODD[what]
    assert _launch.at_once("gelu", "value")(given) is None
    assert _launch.at_once("gelu", "backward")(torch.ones(4), given) is None
    assert _native.is_plain(given) == (what in IN_MEMORY)
    handle, asked = _native.raw_handle("gelu", "value"), []
    otherwise = _native.on_tensors(handle, (), (), None, lambda x: asked.append(x) or "another way")
    assert otherwise(given) == "another way"
    assert asked[0] is given


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="no flag asks for it"
)
def test_a_low_address_is_looked_at_twice() -> None:
    """Views of memory that was freed lie as low."""
    low = 0x40  # MAP_32BIT
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | low
    x = torch.frombuffer(mmap.mmap(-1, 4096, flags=flags), dtype=torch.float32)
    assert x.data_ptr() < 1 << 40
    x.copy_(torch.randn(1024))
    run, expected = _launch.at_once("gelu", "value"), ogive.gelu(x.numpy())
    assert same_bits(run(x), expected)
    assert run(x[4:]) is None
    assert same_bits(ogive.torch.gelu(x[4:]), expected[4:])


def test_tensors_that_differ_go_to_no_kernel_at_once() -> None:
    pull_back, rows = _launch.at_once("gelu", "backward"), _launch.dense_rows("softmax", "value")
    x = torch.ones(4, 6)
    for other in (x.double(), x[0], x.reshape(6, 4), x.t().contiguous().t(), x.to_sparse()):
        assert pull_back(x, other) is None
        assert pull_back(other, x) is None
    # The last has a temperature for each row.
    for given in ((x.t(), 1.0), (x[0, 0], 1.0), (x[:, :0], 1.0), (x, torch.ones(4))):
        assert rows(*given) is None


def test_a_layout_without_gaps_is_read_as_it_lies() -> None:
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    dy = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    found = _launch.at_once("silu", "value")(x), *_launch.at_once("swiglu", "backward")(dy, x, x)
    given = dy.numpy(), x.numpy(), x.numpy()
    expected = ogive.silu(given[1]), *ogive.backward.swiglu(*given)
    for y, right in zip(found, expected, strict=True):
        assert y.stride() == x.stride()
        assert same_bits(y, right)


def test_a_call_at_once_leaves_what_others_must_see() -> None:
    """Whoever is asked may keep it, and autograd records it."""
    x, asked = torch.ones(3), []
    run = _launch.at_once("gelu", "value", unless=(lambda: asked.append(1), lambda: len(asked) > 1))
    assert torch.equal(run(x), ogive.torch.gelu(x))
    assert run(x) is None
    learn = _launch.at_once("gelu", "value", learn=lambda t: t)
    x.requires_grad_()
    assert learn(x) is x
    assert not learn(x.detach()).requires_grad
    with torch.no_grad():
        assert learn(x) is not x
    with pytest.raises(ZeroDivisionError):
        _launch.at_once("gelu", "value", unless=(lambda: 1 / 0,))(x)


def test_a_number_of_a_kernel_may_be_a_tensor_of_one_element() -> None:
    run, x = _launch.at_once("leaky_relu", "value", given=False), torch.tensor([-8.0, 8.0])
    for number in (0.25, *(torch.full((1,), 0.25, dtype=d) for d in FLOATS if d.itemsize > 2)):
        assert run(x, number).tolist() == [-2.0, 8.0]
    assert run(x, torch.tensor(0.25, dtype=torch.bfloat16)).tolist() == [-2.0, 8.0]
    assert run(x, torch.ones(2)) is run(x, torch.tensor(1)) is run(x, 1) is None


def test_kernels_on_tensors_that_do_not_fit_are_refused() -> None:
    handle = _native.raw_handle("leaky_relu", "value")
    with pytest.raises(ValueError, match="takes 1 numbers"):
        _native.on_tensors(handle, (), (), None, None)
    with pytest.raises(ValueError, match="results of another format"):
        _native.on_tensors(_native.raw_handle("relu", "lean"), (), (), None, None)
    with pytest.raises(TypeError, match="takes 1 arguments, not 2"):
        _native.on_tensors(handle, (0.1,), (), None, None)(torch.ones(1), torch.ones(1))


def test_a_torch_without_the_table_of_dlpack_gives_the_same_bits() -> None:
    """So it was before torch 2.10: all tensors go the general way."""
    script = """
import torch
if {without}:
    del torch.Tensor.__dlpack_c_exchange_api__
import ogive.torch as ot
x = torch.linspace(-4, 4, 60).reshape(6, 10)
a = x.clone().requires_grad_()
found = [ot.gelu(a), ot.leaky_relu(a, 0.1), ot.swiglu(a, x), ot.softmax(a), ot.logsumexp(a),
         ot.cross_entropy(a, torch.arange(6)), ot.prelu(a, torch.tensor([0.25]))]
found += [torch.autograd.grad(y.sum(), a)[0] for y in found]
print([t.tolist() for t in found])
"""
    with_it, without = (
        subprocess.run(
            [sys.executable, "-c", script.format(without=without)],
            capture_output=True, text=True, check=True,
        ).stdout
        for without in (False, True)
    )  # fmt: skip
    assert len(with_it) > 1000
    assert with_it == without


HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(
    not HUGE.exists() or "[never]" in HUGE.read_text(), reason="no huge pages to ask for"
)
@pytest.mark.parametrize("name", ["relu", "softmax"])
def test_large_fresh_results_ask_for_huge_pages(name: str) -> None:
    """NumPy asks for its arrays; without them the faults of a large result cost more than it."""
    options = {"dim": -1} if find(name).kind == "rows" else {}
    x = torch.ones(1 << 12, 1 << 12)  # so large that the allocator maps the result anew
    y = getattr(ogive.torch, name)(x, **options)
    assert "hg" in flags_at(y.data_ptr() + y.nbytes // 2)


@pytest.mark.skipif(
    not HUGE.exists() or "[never]" in HUGE.read_text(), reason="no huge pages to ask for"
)
def test_a_fresh_result_with_room_for_one_huge_page_asks_for_it() -> None:
    size, x = 2 << 20, torch.ones(3 << 18)
    memory = mmap.mmap(-1, 4 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    first = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % size
    start, handle = (
        ctypes.addressof(ctypes.c_char.from_buffer(memory, first)),
        _native.raw_handle("relu", "value"),
    )
    for at, n, asks in ((start + 2 * size + 4096, 1 << 18, False), (start, len(x), True)):
        _native.raw_flat(handle, 2, n, x.data_ptr(), at)
        assert ("hg" in flags_at(at)) == asks


def flags_at(address: int) -> list[str]:
    """What the kernel was told of the memory there."""
    here = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            here = int(found[1], 16) <= address < int(found[2], 16)
        elif here and line.startswith("VmFlags:"):
            return line.split()[1:]
    raise AssertionError(f"nothing lies at {address:#x}")
