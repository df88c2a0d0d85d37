"""Sizes on both sides of each limit in ogive.torch give what torch's own functions give.

Limits are read from the code, and made small where tensors of the true size would take long.
"""

from __future__ import annotations

import importlib
import itertools
import math
import pkgutil
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from ogive.calls import losses as numpy_losses  # noqa: E402
from ogive.torch import (  # noqa: E402
    _launch,
    _loss_eager,
    _loss_elements,
    _loss_kernels,
    _parallel,
    _random_slopes,
    _unary,
)
from torch_cases import same_bits  # noqa: E402

near = torch.testing.assert_close
HELD = {
    "_launch.ONE_THREAD", "_random_slopes.KEPT_ROWS", "_random_slopes.ONE_THREAD",
    "_loss_eager.FEW", "_loss_elements.CHUNK", "_loss_kernels.CHUNK", "_loss_kernels.ONE_THREAD",
    "_parallel.FEW_ROWS", "_parallel.SMALL", "_parallel.SOME", "_unary.MOST_KEPT",
    "_unary.MOST_ORDERS", "_triton.heads.CHUNK_BYTES",
    "_triton.draws.BLOCK", "_triton.elementwise.BLOCK", "_triton.heads.BINARY_BLOCK",
    # by tests/test_torch_triton.py: a gamma on either side, and a fixture that makes rows long
    "_triton.focal_losses.MOST_FACTORS",
    "_triton.row_functions.LONGEST_BLOCK", "_triton.row_functions.LOOP_BLOCK",
}  # fmt: skip
NO_LIMITS = {"SEEDS", "IGNORED", "KERNELS", "TRANSFORMS", "OPERATOR", "FORMULA", "SUMMED",
             "NARROWED", "LSE", "GAP", "OWNED", "TOTAL", "WARPS",
             "ROWS", "COLUMNS", "ROWS_OF_LOSSES"}  # fmt: skip


def around(*limits: int) -> list[int]:
    return [n for limit in limits for n in (limit - 1, limit, limit + 1)]


def test_every_limit_is_held_here() -> None:
    found = set()
    for folder, home in ((ot.__path__, "ogive.torch"), (None, "ogive.torch._triton")):
        if folder is None:
            if importlib.util.find_spec("triton") is None:
                continue
            folder = importlib.import_module(home).__path__
        for module in pkgutil.iter_modules(folder):
            name = f"{home}.{module.name}"
            for key, value in vars(importlib.import_module(name)).items():
                if key.isupper() and key not in NO_LIMITS and type(value) is int and key[0] != "_":
                    found.add(f"{name.removeprefix('ogive.torch.')}.{key}")
    assert found == HELD


def numbers(*shape: int, dtype: Any = torch.float64) -> Any:
    """A row of its own for each number of elements."""
    index = torch.arange(math.prod(shape), dtype=torch.float64)
    return (3 * torch.sin(index * 1.7 + 0.3)).reshape(shape).to(dtype)


def check(ours: Any, theirs: Any, *xs: Any) -> None:
    """Values and gradients."""
    found, exact = [], []
    for f, into in ((ours, found), (theirs, exact)):
        leaves = [x.clone().requires_grad_() for x in xs]
        y = f(*leaves)
        dy = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
        into += [y.detach(), *torch.autograd.grad(y, leaves, dy)]
    near(found, exact)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_elements(
    weighted: bool, reduction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(n: int) -> None:
        given: Any = {"weight": numbers(n).abs() if weighted else None, "reduction": reduction}
        target = torch.sigmoid(numbers(n))
        check(
            partial(ot.binary_cross_entropy, target=target, **given),
            partial(F.binary_cross_entropy_with_logits, target=target, **given), numbers(n).neg(),
        )  # fmt: skip

    for n in around(_loss_kernels.ONE_THREAD, numpy_losses.ROW, 2 * numpy_losses.ROW):
        compare(n)
    for module in (numpy_losses, _loss_elements, _loss_kernels):
        monkeypatch.setattr(module, "CHUNK", 8)
    for n in around(8, 16):
        compare(n)


@pytest.mark.parametrize("of", ["labels", "probabilities"])
def test_losses_of_rows(of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(rows: int) -> None:
        for reduction, weight in itertools.product(
            ("mean", "sum", "none"), (None, torch.tensor([0.5, 2.0, 1.0]).double())
        ):
            target = torch.arange(rows) * 2 % 3
            target = target if of == "labels" else torch.softmax(numbers(rows, 3), 1)
            given: Any = {"target": target, "weight": weight, "reduction": reduction}
            both = partial(ot.cross_entropy, **given), partial(F.cross_entropy, **given)
            check(*both, numbers(rows, 3).neg())

    for rows in around(_loss_kernels.SCRATCH.most):
        compare(rows)
    for module in (numpy_losses, _loss_elements, _loss_kernels):
        monkeypatch.setattr(module, "CHUNK", 8)
    for rows in around(8, 16):
        compare(rows)


def test_a_gradient_is_kept_for_few_logits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loss_eager, "FEW", 12)
    kept: list[Any] = []
    given = {"target": torch.tensor([1])}
    for n in around(12):
        z = numbers(1, n, dtype=torch.float32)
        check(partial(ot.cross_entropy, **given), partial(F.cross_entropy, **given), z)
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
            ot.cross_entropy(z.requires_grad_(), **given)
        assert len([t for t in kept if t.shape == z.shape]) == (2 if n <= 12 else 1), n


def test_what_is_drawn() -> None:
    for n in around(_launch.ONE_THREAD):
        x = numbers(n, dtype=torch.float32).requires_grad_()
        y = ot.rrelu(x, training=True, seed=5)
        (dx,) = torch.autograd.grad(y.sum(), x)
        x = x.detach().numpy()
        assert same_bits(y, ogive.rrelu(x, training=True, seed=5))
        assert same_bits(dx, ogive.backward.rrelu(np.ones_like(x), x, training=True, seed=5))
    for rows in around(_random_slopes.KEPT_ROWS):
        for x in (numbers(rows, 3), numbers(3, rows).T, numbers(rows, 6)[:, ::2]):
            found = ot.gumbel_softmax(x, seed=5)
            assert same_bits(found, ogive.gumbel_softmax(x.numpy(), seed=5)), rows


@pytest.fixture
def _one_rank() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("_one_rank")
@pytest.mark.parametrize("options", [{}, {"softcap": 2.0}], ids=str)
def test_shards_of_rows(options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parallel, "SOME", 9)  # three rows, or three classes
    monkeypatch.setattr(_parallel, "FEW_ROWS", 3)
    monkeypatch.setattr(_parallel, "SMALL", 1)
    for n in around(3, 6):
        for rows, classes in ((n, 3), (3, n)):
            given = {**options, "label_smoothing": 0.2, "weight": numbers(8)[:classes].abs()}
            given["target"] = torch.arange(rows) * 2 % classes
            whole = partial(ot.cross_entropy, **given)
            check(partial(ot.vocab_parallel_cross_entropy, **given), whole, numbers(rows, classes))
            check(
                partial(ot.vocab_parallel_linear_cross_entropy, **given),
                lambda x, W, whole=whole: whole(x @ W.T),
                numbers(rows, 3) / 2, numbers(classes, 3).cos(),
            )  # fmt: skip


def test_more_parameters_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    of: Any = ot.leaky_relu.__globals__["call"].__self__
    for name in ("bound", "by_number"):
        monkeypatch.setattr(of, name, {})
    x = numbers(5)
    slopes = [k / 128 for k in range(_unary.MOST_KEPT + 2)]
    for slope in (*slopes, *slopes):
        near(of.call_unary(x, (slope,), False, None), F.leaky_relu(x, slope))
    assert len(of.bound) == len(of.by_number) == _unary.MOST_KEPT


def test_orders_of_derivatives() -> None:
    x = numbers(5)
    for order in (0, *around(_unary.MOST_ORDERS)[:2]):
        near(torch.ops.ogive.exp_higher_derivative(x, order), x.exp())
    for order in (-1, _unary.MOST_ORDERS + 1):
        with pytest.raises(ValueError, match=f"order = {order} is not between"):
            torch.ops.ogive.exp_higher_derivative(x, order)


def test_blocks_and_chunks_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = pytest.importorskip("ogive.torch._triton")
    from ogive.torch._triton import draws, elementwise, heads, seam

    if not seam.INTERPRETED:
        pytest.skip("sizes are compiled into the kernels of a GPU")
    for module, name in ((draws, "BLOCK"), (elementwise, "BLOCK"), (heads, "BINARY_BLOCK")):
        monkeypatch.setattr(module, name, 16)
    for n in around(16, 32):
        x = numbers(n, dtype=torch.float32)
        near(kernels.unary("silu", "value", (x,), ()), F.silu(x))
        found = kernels.gumbel_softmax(x[None], 1.0, False, 3)
        near(found, ot.gumbel_softmax(x[None], seed=3))
        target = torch.sigmoid(x)
        loss, dz = heads.binary_cross_entropy(x.neg(), target, summed=True)
        leaf = x.neg().requires_grad_()
        exact = F.binary_cross_entropy_with_logits(leaf, target, reduction="sum")
        near((loss.float(), dz), (exact.detach(), torch.autograd.grad(exact, leaf)[0]))
    monkeypatch.setattr(heads, "CHUNK_BYTES", 3 * 4 * 4)  # three rows of four classes
    for rows in around(3):
        x, W = numbers(rows, 2, dtype=torch.float32), numbers(4, 2, dtype=torch.float32)
        target = torch.arange(rows) % 4
        loss, dx, dW, _ = heads.linear_cross_entropy(x, W, target)
        leaves = [t.double().requires_grad_() for t in (x, W)]
        exact = F.cross_entropy(leaves[0] @ leaves[1].T, target, reduction="sum")
        found = loss.sum(), dx.double(), dW.double()
        gradients = torch.autograd.grad(exact, leaves)
        near(found, (exact.detach(), *gradients), rtol=1e-5, atol=1e-6)
