"""A tensor's result has the bits of NumPy's: every format, layout, size and number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ogive.torch  # noqa: E402
from torch_cases import CASES, DTYPES, Case, same_bits, samples, to_numpy  # noqa: E402

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-30, -1e-30, 88.0, -88.0, -120.0, 3e38]


def special(case: Case, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    made = []
    for k in range(case.inputs):
        x = 4 * torch.randn(4, 3, 17, generator=generator, dtype=torch.float64)
        x[1, 1, : len(SPECIAL)] = torch.tensor(SPECIAL).roll(k)
        made.append(x.to(dtype))
    return made


@every_case
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_have_numpy_s_bits(case: Case, dtype: torch.dtype) -> None:
    xs = special(case, dtype)
    y = case.torch(*xs)
    assert y.dtype == dtype
    assert same_bits(y, case.numpy(*map(to_numpy, xs)))


@every_case
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gradients_that_keep_the_input_have_numpy_s_bits(case: Case, dtype: torch.dtype) -> None:
    card = case.card
    if case.variant or card.kind == "rows" or card.learns:
        pytest.skip("the ways to call it are many; test_torch_autograd has their derivatives")
    xs = [x.requires_grad_() for x in special(case, dtype)]
    y = (
        case.torch(*xs)
        if card.kind == "gated"
        else getattr(ogive.torch, case.name)(*xs, lean=False)
    )
    dy = torch.linspace(-2, 2, y.numel(), dtype=dtype).reshape(y.shape)
    found = torch.autograd.grad(y, xs, dy)
    expected = getattr(ogive.backward, case.name)(to_numpy(dy), *map(to_numpy, xs))
    for ours, theirs in zip(found, expected if case.inputs > 1 else [expected], strict=True):
        assert same_bits(ours, theirs)


def layouts(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same numbers laid out in every way."""
    wide = torch.empty(*x.shape[:-1], 2 * x.shape[-1], dtype=x.dtype)[..., ::2]
    image = torch.empty(x.shape, dtype=x.dtype, memory_format=torch.channels_last)
    turned = torch.empty(x.shape[::-1], dtype=x.dtype).permute(*range(x.dim())[::-1])
    sliced = torch.empty(x.shape[0], x.shape[1] + 3, *x.shape[2:], dtype=x.dtype)[:, 2:-1]
    offset = torch.empty(x.numel() + 1, dtype=x.dtype)[1:].view(x.shape)
    return {
        "every second": wide.copy_(x), "channels last": image.copy_(x), "turned": turned.copy_(x),
        "a slice": sliced.copy_(x), "not aligned": offset.copy_(x),
        "negated": torch._neg_view(-x),
    }  # fmt: skip


@every_case
def test_the_layout_makes_no_difference(case: Case) -> None:
    xs = samples(case, torch.float32, (2, 3, 4, 5))
    y = case.torch(*xs)
    for name, first in layouts(xs[0]).items():
        found = case.torch(first, *xs[1:])
        assert torch.equal(found, y), name
        x = first.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        plain = xs[0].clone().requires_grad_()
        (ours,) = torch.autograd.grad(case.torch(x, *xs[1:]).sum(), x)
        (theirs,) = torch.autograd.grad(case.torch(plain, *xs[1:]).sum(), plain)
        torch.testing.assert_close(ours, theirs)


def test_channels_last_stays_channels_last() -> None:
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()
    for lean in (None, True, False):
        y = ogive.torch.relu(x, lean=lean)
        assert y.is_contiguous(memory_format=torch.channels_last)
        (dx,) = torch.autograd.grad(y, x, torch.ones(2, 3, 4, 5))
        assert torch.equal(dx, (x > 0).float())


@every_case
def test_empty_and_scalar_tensors(case: Case) -> None:
    if case.variant in ("channels", "axis 1") or case.name == "gumbel_softmax":
        pytest.skip("needs an axis 1")
    one = [x.flatten()[0] for x in samples(case, torch.float32)]
    y = case.torch(*one)
    assert y.shape == ()
    if case.card.kind != "rows":
        assert same_bits(y, np.asarray(case.numpy(*(to_numpy(x) for x in one))))
    nothing = [torch.empty(0, 3).requires_grad_() for _ in range(case.inputs)]
    empty = case.torch(*nothing)
    assert empty.numel() == 0
    empty.sum().backward()
    assert nothing[0].grad is not None


@pytest.mark.parametrize("name", ["gelu", "relu", "softmax", "swiglu"])
def test_threads_make_no_difference(name: str) -> None:
    f = getattr(ogive.torch, name)
    xs = [torch.randn(300, 1000) for _ in range(2 if name == "swiglu" else 1)]
    threads = torch.get_num_threads()
    try:
        found = []
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            found.append(f(*xs))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_flush_to_zero_changes_nothing() -> None:
    x = torch.tensor([-100.0, -87.5, 1e-40])
    expected = ogive.torch.silu(x)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush")
    try:
        found = ogive.torch.silu(x)
    finally:
        torch.set_flush_denormal(False)
    assert same_bits(found, to_numpy(expected))
    assert expected[0] != 0


def test_work_goes_to_torch_s_threads_alone() -> None:
    """After large calls the process has no more threads than torch's own work gave it."""
    from cases import check_python

    out = check_python(
        "import os, torch, ogive.torch as ot\n"
        "torch.set_num_threads(3)\n"
        "x = torch.randn(1 << 20, requires_grad=True)\n"
        "torch.relu(x).sum().backward()\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "for f in (ot.gelu, ot.relu, lambda x: ot.softmax(x.view(1024, -1))):\n"
        "    f(x).sum().backward()\n"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    assert out.strip() == "0"
