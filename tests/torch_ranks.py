"""What each rank of the distributed tests does; started by test_torch_parallel.py."""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
import torch.distributed as dist

import ogive.torch as ot

ROWS, WIDTH, CLASSES = 7, 4, 11
WEIGHT = torch.tensor([0.5, 2.0, 0.0, 1.0, 3.0, 0.25, 1.5, 0.0, 1.0, 2.5, 0.75])
OPTIONS: list[dict[str, Any]] = [
    {}, {"label_smoothing": 0.1}, {"z_loss": 0.05}, {"reduction": "sum", "label_smoothing": 0.3},
    {"label_smoothing": 0.1, "z_loss": 0.01}, {"weight": WEIGHT}, {"softcap": 1.5},
    {"temperature": 0.7}, {"weight": WEIGHT, "label_smoothing": 0.2, "reduction": "sum"},
    {"weight": WEIGHT, "z_loss": 0.05, "temperature": 2.0},
    {"softcap": 2.0, "label_smoothing": 0.1, "temperature": 1.5},
    {"weight": WEIGHT, "softcap": 2.0, "label_smoothing": 0.1, "z_loss": 0.05, "temperature": 0.8},
]  # fmt: skip


def starts(world: int) -> list[int]:
    """Shards of unequal size."""
    return [0, 4] if world == 2 else [0, 5, 6]


def inputs(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(11)
    x = torch.randn(ROWS, WIDTH, generator=generator, dtype=torch.float64)
    W = torch.randn(CLASSES, WIDTH, generator=generator, dtype=torch.float64)
    b = torch.randn(CLASSES, generator=generator, dtype=torch.float64)
    t = torch.tensor([0, 10, 3, -100, 5, 4, 9])
    return x.to(dtype), W.to(dtype), b.to(dtype), t


class Count:
    """Counts collectives: what a rank sends."""

    def __enter__(self) -> Count:
        self.calls, self.original = 0, dist.all_gather

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return self.original(*args, **kwargs)

        dist.all_gather = counted
        return self

    def __exit__(self, *_: Any) -> None:
        dist.all_gather = self.original


def losses_are_float32_under_autocast(rank: int, world: int) -> None:
    x, W, b, t = inputs()
    begin = starts(world)
    end = [*begin[1:], CLASSES]
    mine = slice(begin[rank], end[rank])
    whole = ot.cross_entropy(x @ W.T + b, t)
    for dtype in (torch.float32, torch.bfloat16):
        hidden, V, c = (v.to(dtype).requires_grad_() for v in (x, W[mine], b[mine]))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = torch.nn.functional.linear(hidden, V, c)
            losses = [
                ot.vocab_parallel_cross_entropy(logits, t, vocab_start=begin[rank]),
                ot.vocab_parallel_linear_cross_entropy(
                    hidden, V, t, bias_shard=c, vocab_start=begin[rank]
                ),
            ]
        for loss in losses:
            assert loss.dtype == torch.float32
            torch.testing.assert_close(loss.double(), whole, rtol=0.01, atol=0)
            dx, dW = torch.autograd.grad(loss, (hidden, V))
            assert (dx.dtype, dW.dtype) == (dtype, dtype)


def losses_match(rank: int, world: int) -> None:
    x, W, b, t = inputs()
    begin = starts(world)
    end = [*begin[1:], CLASSES]
    mine = slice(begin[rank], end[rank])
    for options in OPTIONS:
        z = (x @ W.T + b).requires_grad_()
        whole = ot.cross_entropy(z, t, **options)
        (dz,) = torch.autograd.grad(whole, z)
        shard = z.detach()[:, mine].clone().requires_grad_()
        with Count() as count:
            loss = ot.vocab_parallel_cross_entropy(shard, t, vocab_start=begin[rank], **options)
        assert count.calls == 1
        torch.testing.assert_close(loss, whole, rtol=1e-12, atol=1e-12)
        with Count() as count:
            (mine_dz,) = torch.autograd.grad(loss, shard)
        assert count.calls == 0
        torch.testing.assert_close(mine_dz, dz[:, mine], rtol=1e-10, atol=1e-13)

        leaves = [a.clone().requires_grad_() for a in (x, W, b)]
        whole = ot.cross_entropy(torch.nn.functional.linear(*leaves), t, **options)
        expected = torch.autograd.grad(whole, leaves)
        own = [x.clone(), W[mine].clone(), b[mine].clone()]
        own = [a.requires_grad_() for a in own]
        with Count() as count:
            loss = ot.vocab_parallel_linear_cross_entropy(
                own[0], own[1], t, bias_shard=own[2], vocab_start=begin[rank], chunk_rows=3,
                **options,
            )  # fmt: skip
            found = torch.autograd.grad(loss, own)
        assert count.calls == 1
        torch.testing.assert_close(loss, whole, rtol=1e-12, atol=1e-12)
        for ours, theirs in zip(
            found, (expected[0], *(g[mine] for g in expected[1:])), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def rows_and_halves(rank: int, world: int) -> None:
    x, W, b, t = inputs()
    z = (x @ W.T + b).float()
    begin, end = starts(world), [*starts(world)[1:], CLASSES]
    shard = z[:, begin[rank] : end[rank]].clone().requires_grad_()
    whole = z.clone().requires_grad_()
    loss = ot.vocab_parallel_cross_entropy(
        shard, t, vocab_start=begin[rank], reduction="none", label_smoothing=0.1
    )
    expected = ot.cross_entropy(whole, t, reduction="none", label_smoothing=0.1)
    torch.testing.assert_close(loss, expected)
    up = torch.linspace(1, 2, ROWS)
    (dz,) = torch.autograd.grad(whole_sum := (expected * up).sum(), whole)
    assert whole_sum > 0
    (mine,) = torch.autograd.grad((loss * up).sum(), shard)
    torch.testing.assert_close(mine, dz[:, begin[rank] : end[rank]])
    half = ot.vocab_parallel_cross_entropy(shard.detach().bfloat16(), t, vocab_start=begin[rank])
    assert half.dtype == torch.bfloat16
    # What a softcap bounds is not rounded before its softmax.
    wide = 30 * z[:, begin[rank] : end[rank]].bfloat16()
    halves, whole_halves = wide.clone().requires_grad_(), (30 * z.bfloat16()).requires_grad_()
    capped = {"softcap": 30.0, "temperature": 0.5, "reduction": "sum"}
    loss = ot.vocab_parallel_cross_entropy(halves, t, vocab_start=begin[rank], **capped)
    (dz,) = torch.autograd.grad(ot.cross_entropy(whole_halves, t, **capped), whole_halves)
    (mine,) = torch.autograd.grad(loss, halves)
    torch.testing.assert_close(mine, dz[:, begin[rank] : end[rank]], rtol=2**-7, atol=1e-30)
    # Confident rows: torch's loss is 0 from a gap of 17 on.
    gap = torch.zeros(1, world)
    gap[0, 0] = 20
    own = gap[:, rank : rank + 1].clone().requires_grad_()
    loss = ot.vocab_parallel_cross_entropy(own, torch.tensor([0]))
    loss.backward()
    tail = (world - 1) * 2.0611536e-09
    assert abs(loss.item() / tail - 1) < 1e-6
    assert own.grad is not None
    if rank == 0:
        assert abs(own.grad.item() / -tail - 1) < 1e-6


def masked_classes(rank: int, world: int) -> None:
    """Logits of -inf: single ones, a shard's first, all of a shard, a label's, an ignored row's."""
    begin, end = starts(world), [*starts(world)[1:], CLASSES]
    mine = slice(begin[rank], end[rank])
    generator = torch.Generator().manual_seed(12)
    z = torch.randn(ROWS, CLASSES, generator=generator, dtype=torch.float64)
    t = torch.tensor([10, 10, 10, 10, -100, -100, 3])
    z[0, [0, 5]] = z[1, :4] = z[2, begin[1] : end[1] - (world == 2)] = -torch.inf
    z[3, 10] = z[4] = -torch.inf
    z[5] = torch.nan
    for given in (
        {}, {"z_loss": 0.1}, {"weight": WEIGHT, "temperature": 0.5}, {"softcap": 3.0},
        {"softcap": 3.0, "weight": WEIGHT, "label_smoothing": 0.1},
    ):  # fmt: skip
        options: dict[str, Any] = {"reduction": "none", **given}
        whole, shard = z.clone().requires_grad_(), z[:, mine].clone().requires_grad_()
        expected = ot.cross_entropy(whole, t, **options)
        loss = ot.vocab_parallel_cross_entropy(shard, t, vocab_start=begin[rank], **options)
        torch.testing.assert_close(loss, expected)
        (dz,) = torch.autograd.grad(expected.sum(), whole)
        (found,) = torch.autograd.grad(loss.sum(), shard)
        torch.testing.assert_close(found, dz[:, mine])

    x, W, b, t = inputs()
    t = torch.where((t == 0) | ((t >= begin[1]) & (t < end[1])), 10 if world == 3 else 3, t)
    b[begin[1] : end[1]] = b[0] = -torch.inf
    for options in ({}, {"reduction": "sum", "z_loss": 0.1}, {"weight": WEIGHT}):
        leaves = [a.clone().requires_grad_() for a in (x, W, b)]
        expected = ot.cross_entropy(torch.nn.functional.linear(*leaves), t, **options)
        gradients = torch.autograd.grad(expected, leaves)
        own = [a.clone().requires_grad_() for a in (x, W[mine], b[mine])]
        loss = ot.vocab_parallel_linear_cross_entropy(
            own[0], own[1], t, bias_shard=own[2], vocab_start=begin[rank], **options
        )
        torch.testing.assert_close(loss, expected)
        for ours, theirs in zip(
            torch.autograd.grad(loss, own), (gradients[0], *(g[mine] for g in gradients[1:])),
            strict=True,
        ):  # fmt: skip
            torch.testing.assert_close(ours, theirs)


def ignored_rows_count_nowhere(rank: int, world: int) -> None:
    """Whatever they hold, and in whatever format their labels are."""
    begin, end = starts(world), [*starts(world)[1:], CLASSES]
    x, W, b, t = inputs()
    mine, kept = slice(begin[rank], end[rank]), t >= 0
    mask = torch.where(kept, t, 255).to(torch.uint8)
    for bad in (torch.nan, torch.inf):
        x[~kept] = bad
        for options in ({}, {"label_smoothing": 0.1}, {"softcap": 2.0, "z_loss": 0.1}):
            leaves = [a.clone().requires_grad_() for a in (x[kept], W, b)]
            whole = ot.cross_entropy(torch.nn.functional.linear(*leaves), t[kept], **options)
            dx, dW, db = torch.autograd.grad(whole, leaves)
            for labels, ignored in ((t, -100), (mask, 255)):
                own = [a.clone().requires_grad_() for a in (x, W[mine], b[mine])]
                loss = ot.vocab_parallel_linear_cross_entropy(
                    own[0], own[1], labels, bias_shard=own[2], vocab_start=begin[rank],
                    chunk_rows=2, ignore_index=ignored, **options,
                )  # fmt: skip
                torch.testing.assert_close(loss, whole)
                found = torch.autograd.grad(loss, own)
                assert not found[0][~kept].any()
                for ours, theirs in zip(
                    (found[0][kept], *found[1:]), (dx, dW[mine], db[mine]), strict=True
                ):
                    torch.testing.assert_close(ours, theirs)


def class_weights_of_any_size(rank: int, world: int) -> None:
    """All of one size weigh nothing."""
    begin, end = starts(world), [*starts(world)[1:], CLASSES]
    x, W, b, t = inputs()
    mine = slice(begin[rank], end[rank])
    leaves = [a.clone().requires_grad_() for a in (x, W, b)]
    whole = torch.nn.functional.cross_entropy(torch.nn.functional.linear(*leaves), t)
    dx, dW, db = torch.autograd.grad(whole, leaves)
    for size in (1e308, 1e-310, -1.0):
        weight = torch.full((CLASSES,), size, dtype=torch.float64)
        own = [a.clone().requires_grad_() for a in (x, W[mine], b[mine])]
        loss = ot.vocab_parallel_linear_cross_entropy(
            own[0], own[1], t, bias_shard=own[2], vocab_start=begin[rank], weight=weight
        )
        torch.testing.assert_close(loss, whole)
        for ours, theirs in zip(
            torch.autograd.grad(loss, own), (dx, dW[mine], db[mine]), strict=True
        ):
            torch.testing.assert_close(ours, theirs)


def twice(shard: torch.Tensor, t: torch.Tensor) -> None:
    """Shards of 2, 3, … classes."""
    start = sum(range(2, shard.shape[-1]))
    loss = ot.vocab_parallel_cross_entropy(shard, t, vocab_start=start)
    torch.autograd.grad(loss, shard, create_graph=True)


def refusals(rank: int, world: int) -> None:
    shard = torch.zeros(3, 2 + rank)
    t, W = torch.tensor([0, 1, 2]), torch.zeros(2, 5)
    for call, kind, message in (
        (lambda: ot.vocab_parallel_cross_entropy(shard, t), ValueError, "give vocab_start"),
        (lambda: ot.vocab_parallel_cross_entropy(shard, t, vocab_start=0), ValueError, "overlap"),
        (
            lambda: ot.vocab_parallel_cross_entropy(torch.zeros(3, 2), t + 2 * world),
            IndexError,
            "labels must be in",
        ),
        (
            lambda: ot.vocab_parallel_cross_entropy(torch.zeros(3, 2), t, weight=torch.ones(3)),
            ValueError,
            f"weight of shape (3,) does not fit {2 * world} classes",
        ),
        (
            lambda: ot.vocab_parallel_linear_cross_entropy(
                torch.zeros(3, 5), torch.zeros(2, 5), t, weight=torch.ones(7), label_smoothing=0.1
            ),
            ValueError,
            "weight of shape (7,) does not fit",
        ),
        (
            lambda: ot.vocab_parallel_cross_entropy(shard, t, weight=torch.arange(3) / 0),
            ValueError,
            "weight[0] = nan: weights must be finite",
        ),
        (
            lambda: ot.vocab_parallel_cross_entropy(shard, t.float()),
            TypeError,
            "labels must be integers",
        ),
        (
            lambda: ot.vocab_parallel_cross_entropy(shard, t, softcap=0.0),
            ValueError,
            "softcap must be in (0, inf)",
        ),
        (
            lambda: ot.vocab_parallel_cross_entropy(shard.long(), t),
            RuntimeError,
            "logits_shard must be of floating-point numbers",
        ),
        (
            lambda: ot.vocab_parallel_linear_cross_entropy(torch.zeros(3, 5), W.long(), t),
            RuntimeError,
            "weight_shard must be of floating-point numbers",
        ),
        (
            lambda: ot.vocab_parallel_linear_cross_entropy(torch.zeros(3, 5).long(), W, t),
            RuntimeError,
            "input must be of floating-point numbers",
        ),
        (
            lambda: ot.vocab_parallel_linear_cross_entropy(torch.zeros(3, 5), W, t.float()),
            TypeError,
            "labels must be integers",
        ),
        (lambda: twice(shard.requires_grad_(), t), RuntimeError, "no second derivative"),
    ):
        try:
            call()
        except kind as error:
            if message not in str(error):
                raise
        else:
            raise AssertionError(f"no {kind.__name__}")


def groups_of_some_ranks(rank: int, world: int) -> None:
    """The first rank has all classes of a loss of its own, and the others share them."""
    groups = [dist.new_group([0]), dist.new_group(list(range(1, world)))]
    group, place, ranks = groups[rank > 0], max(rank - 1, 0), max(world - 1, 1) if rank else 1
    x, W, b, t = inputs()
    begin = [0, 5][:ranks]
    mine = slice(begin[place], [*begin[1:], CLASSES][place])
    z = (x @ W.T + b).requires_grad_()
    (dz,) = torch.autograd.grad(whole := ot.cross_entropy(z, t), z)
    given: dict[str, Any] = {"group": group, "vocab_start": begin[place]}
    shard = z.detach()[:, mine].clone().requires_grad_()
    loss = ot.vocab_parallel_cross_entropy(shard, t, **given)
    torch.testing.assert_close(loss, whole)
    torch.testing.assert_close(torch.autograd.grad(loss, shard)[0], dz[:, mine])
    V = W[mine].clone().requires_grad_()
    loss = ot.vocab_parallel_linear_cross_entropy(x, V, t, bias_shard=b[mine], **given)
    torch.testing.assert_close(loss, whole)
    torch.testing.assert_close(torch.autograd.grad(loss, V)[0], dz[:, mine].T @ x)


def dtensors(rank: int, world: int) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    x, W, b, t = inputs()
    z = x @ W.T + b
    mesh = init_device_mesh("cpu", (world,))
    spread = distribute_tensor(z, mesh, [Shard(1)]).requires_grad_()
    whole = z.clone().requires_grad_()
    loss = ot.vocab_parallel_cross_entropy(spread, t, label_smoothing=0.1)
    expected = ot.cross_entropy(whole, t, label_smoothing=0.1)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    assert spread.grad is not None
    torch.testing.assert_close(spread.grad.full_tensor(), whole.grad)


def functions_of_shards(rank: int, world: int) -> None:
    """Each rank computes its shards, with the bits of the whole; rows are put together."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    mesh, generator = init_device_mesh("cpu", (world,)), torch.Generator().manual_seed(3)
    x = torch.randn(6, 6, generator=generator)
    elementwise = {
        "gelu": ot.gelu, "gelu lean": lambda x: ot.gelu(x, lean=True), "sigmoid": ot.sigmoid,
        "relu": ot.relu, "leaky": lambda x: ot.leaky_relu(x, 0.2),
        "swiglu": lambda x: ot.swiglu(x, x + 1),
    }  # fmt: skip
    rows = {
        f"{f.__name__} {dim}": (lambda x, f=f, dim=dim: f(x, dim))
        for f in (ot.softmax, ot.log_softmax, ot.logsumexp) for dim in (0, -1)
    }  # fmt: skip
    for name, f in (elementwise | rows).items():
        for placement in (Shard(0), Shard(1), Replicate()):
            alone = x.clone().requires_grad_()
            y = f(alone)
            (exact,) = torch.autograd.grad(y.square().sum(), alone)
            shards = distribute_tensor(x, mesh, [placement]).requires_grad_()
            found = f(shards)
            assert torch.equal(found.full_tensor(), y), (name, placement)
            if name in elementwise:
                assert found.placements == (placement,)
            (dx,) = torch.autograd.grad(found.square().sum(), shards)
            if name == "gelu lean":  # bits are of whole tensors
                torch.testing.assert_close(dx.full_tensor(), exact, rtol=0, atol=1e-3)
            else:
                assert torch.equal(dx.full_tensor(), exact), (name, placement)


def losses_of_shards(rank: int, world: int) -> None:
    """Losses of a DTensor are torch's formula of it, wherever its rows or classes lie."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    mesh, generator = init_device_mesh("cpu", (world,)), torch.Generator().manual_seed(3)
    z = torch.randn(6, 5, generator=generator, dtype=torch.float64)
    shares, labels = z.flip(0).softmax(-1), torch.tensor([0, 4, 2, -100, 1, 4])
    W = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    for f, target in (
        (ot.cross_entropy, labels), (ot.cross_entropy, shares), (ot.focal, labels),
        (ot.sparsemax_loss, labels), (ot.binary_cross_entropy, shares), (ot.sigmoid_focal, shares),
        (ot.linear_cross_entropy, labels),
    ):  # fmt: skip
        linear = f is ot.linear_cross_entropy
        for placement in (Shard(0), Shard(1), Replicate()):
            alone = z.clone().requires_grad_()
            exact = f(alone, W, target) if linear else f(alone, target)
            (dz,) = torch.autograd.grad(exact, alone)
            of_rows = placement == Shard(1) and target.dim() == 1
            spread = Replicate() if of_rows else placement
            shards = distribute_tensor(z, mesh, [placement]).requires_grad_()
            t = distribute_tensor(target, mesh, [spread])
            more = (distribute_tensor(W, mesh, [Replicate()]),) if linear else ()
            loss = f(shards, *more, t)
            loss.backward()
            assert shards.grad is not None
            torch.testing.assert_close(loss.full_tensor(), exact)  # type: ignore[attr-defined]
            torch.testing.assert_close(shards.grad.full_tensor(), dz)  # type: ignore[attr-defined]


def a_swapped_model_in_tensor_parallel(rank: int, world: int) -> None:
    """Without use_local_output, its loss under loss_parallel."""
    from torch import nn
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        RowwiseParallel,
        loss_parallel,
        parallelize_module,
    )

    class Net(nn.Sequential):
        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            z = super().forward(x)
            return self.loss(z, t) + torch.nn.functional.cross_entropy(z, t)

    def net(functional: bool) -> Any:
        torch.manual_seed(0)
        model = Net(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 6), nn.SiLU(), nn.Linear(6, 4))
        object.__setattr__(model, "loss", nn.CrossEntropyLoss())
        if functional is not None:
            ot.swap(model, functional=functional)
            ot.swap(model.loss)
        return model

    mesh, generator = init_device_mesh("cpu", (world,)), torch.Generator().manual_seed(3)
    x, t = torch.randn(6, 5, generator=generator), torch.tensor([0, 1, 2, 3, 1, 0])
    alone: Any = net(None)  # type: ignore[arg-type]
    exact = alone(x, t)
    exact.backward()
    for functional in (False, True):
        model = net(functional)
        parallelize_module(
            model, mesh,
            {
                "0": ColwiseParallel(use_local_output=False),
                "2": RowwiseParallel(output_layouts=Shard(0), use_local_output=False),
                "4": ColwiseParallel(
                    input_layouts=Shard(0), output_layouts=Shard(-1), use_local_output=False
                ),
            },
        )  # fmt: skip
        with loss_parallel():
            loss = model(x, t)
            loss.backward()
        torch.testing.assert_close(loss.full_tensor(), exact)
        for a, b in zip(model.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(a.grad.full_tensor(), b.grad)


class Model(torch.nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(
            torch.nn.Linear(6, 8), ot.nn.GELU(), torch.nn.Linear(8, 8), ot.nn.PReLU(8),
            torch.nn.Linear(8, 5),
        )  # fmt: skip


def data_parallel(rank: int, world: int) -> None:
    """DDP and FSDP2 train to the weights that one process gets from the whole batch."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.nn.parallel import DistributedDataParallel

    torch.manual_seed(1)
    x, t = torch.randn(4 * world, 6), torch.randint(5, (4 * world,))
    own = slice(4 * rank, 4 * rank + 4)

    def train(model: torch.nn.Module, x: torch.Tensor, t: torch.Tensor) -> torch.nn.Module:
        optimiser = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(3):
            optimiser.zero_grad()
            ot.cross_entropy(model(x), t).backward()
            optimiser.step()
        return model

    expected = [p.detach() for p in train(Model(), x, t).parameters()]
    ddp = train(DistributedDataParallel(Model()), x[own], t[own])
    sharded = Model()
    fully_shard(sharded, mesh=init_device_mesh("cpu", (world,)))
    train(sharded, x[own], t[own])
    for a, b, c in zip(expected, ddp.parameters(), sharded.parameters(), strict=True):
        torch.testing.assert_close(b.detach(), a)
        torch.testing.assert_close(c.full_tensor().detach(), a)


def main() -> None:
    rank, world, file, *tests = sys.argv[1:]
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        "gloo", init_method=f"file://{file}", rank=int(rank), world_size=int(world)
    )
    for test in tests:
        globals()[test](int(rank), int(world))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
