"""A swapped model's recomputation under checkpoints calls the functions that its forward called.

Gradients are held against those of the model as it was, without a checkpoint.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.checkpoint import (  # noqa: E402
    CheckpointPolicy,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
)

import ogive.torch as ot  # noqa: E402

Way = Callable[..., Any]


def softened(x: torch.Tensor) -> torch.Tensor:
    """Each keeps its output where torch's keeps its input, of the same shape."""
    return F.softplus(F.elu(x)) * torch.sigmoid(x) + F.gelu(x).softmax(-1) - F.leaky_relu(x, -0.2)


class Part(nn.Module):
    def __init__(self, way: Way):
        super().__init__()
        self.a, self.way = nn.Linear(5, 5), way

    def block(self, x: torch.Tensor) -> torch.Tensor:
        return softened(self.a(x))

    def forward(self, x: torch.Tensor) -> Any:
        return self.way(self.block, x)


class Model(nn.Module):
    """Parts, a method and a function, each under a way to checkpoint it."""

    def __init__(self, way: Way):
        super().__init__()
        self.way = way
        self.parts = nn.ModuleList([Part(way), Part(way)])
        self.b = nn.Linear(5, 5)

    def block(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(softened(self.b(x)))

    def forward(self, x: torch.Tensor, scale: float = 2.0) -> torch.Tensor:
        for part in self.parts:
            x = x + self.way(part, x)
        x = x + self.way(self.block, x)
        x = self.way(softened, x)
        return scale * F.log_softmax(self.way(lambda y: softened(self.b(y)), x), -1)


def selective(function: Any, *args: Any) -> Any:
    def policy(ctx: Any, op: Any, *args: Any, **kwargs: Any) -> Any:
        kept = op in (torch.ops.aten.addmm.default, torch.ops.ogive.softplus.default)
        return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE

    contexts = partial(create_selective_checkpoint_contexts, policy)
    return checkpoint(function, *args, use_reentrant=False, context_fn=contexts)


class Foreign(torch.autograd.Function):
    """Another library's checkpoint, which runs its function again by itself."""

    @staticmethod
    def forward(ctx: Any, run: Any, x: torch.Tensor) -> Any:
        ctx.run, ctx.x = run, x.detach()
        with torch.no_grad():
            return run(x)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> Any:
        with torch.enable_grad():
            x = ctx.x.requires_grad_()
            ctx.run(x).backward(dy)
        return None, x.grad


def in_hooks(function: Any, x: torch.Tensor) -> Any:
    """Another's that is not reentrant: the hooks of saved tensors bring back what was saved."""
    kept: list[torch.Tensor] = []
    again: list[torch.Tensor] = []

    def pack(t: torch.Tensor) -> int:
        kept.append(t)
        return len(kept) - 1

    def unpack(index: int) -> torch.Tensor:
        if not again:
            with (
                torch.autograd.graph.saved_tensors_hooks(
                    lambda t: again.append(t.detach()), lambda _: x
                ),
                torch.enable_grad(),
            ):
                function(x.detach().requires_grad_())
            assert len(again) == len(kept)
        return again[index]

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        return function(x)


WAYS: dict[str, Way] = {
    "not reentrant": partial(checkpoint, use_reentrant=False),
    "reentrant": partial(checkpoint, use_reentrant=True),
    "to the end": partial(checkpoint, use_reentrant=False, early_stop=False),
    "unchecked": partial(checkpoint, use_reentrant=False, determinism_check="none"),
    "without states": partial(checkpoint, use_reentrant=False, preserve_rng_state=False),
    "nested": lambda f, x: checkpoint(
        lambda y: checkpoint(f, y, use_reentrant=False), x, use_reentrant=False
    ),
    "nested, outside reentrant": lambda f, x: checkpoint(
        lambda y: checkpoint(f, y, use_reentrant=False), x, use_reentrant=True
    ),
    "nested, inside reentrant": lambda f, x: checkpoint(
        lambda y: checkpoint(f, y, use_reentrant=True), x, use_reentrant=False
    ),
    "contexts": partial(
        checkpoint, use_reentrant=False,
        context_fn=lambda: (contextlib.nullcontext(), contextlib.nullcontext()),
    ),
    "selective": selective,
    "sequential": lambda f, x: checkpoint_sequential([f, nn.Identity()], 1, x, use_reentrant=False),
    "foreign": Foreign.apply,
    "in hooks": in_hooks,
}  # fmt: skip


def gradients(model: nn.Module, x: torch.Tensor, run: Any = None) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    model.zero_grad()
    y = (model if run is None else run)(x)
    y.backward(torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape))
    found = [y, x.grad, *(p.grad for p in model.parameters())]
    return [t.detach().clone() for t in found if t is not None]


def pair(way: Way) -> tuple[Model, Model, torch.Tensor]:
    torch.manual_seed(0)
    plain = Model(lambda f, x: f(x)).double()
    model = Model(way).double()
    model.load_state_dict(plain.state_dict())
    return plain, model, torch.randn(3, 5, dtype=torch.float64)


def close(found: list[torch.Tensor], exact: list[torch.Tensor], eps: float = 1e-9) -> None:
    for a, b in zip(found, exact, strict=True):
        torch.testing.assert_close(a, b, rtol=eps, atol=eps)


@pytest.mark.parametrize("lean", [None, True, False])
@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_those_without_a_checkpoint(way: str, lean: bool | None) -> None:
    plain, model, x = pair(WAYS[way])
    exact = gradients(plain, x)
    ot.swap(model, functional=True, lean=lean)
    close(gradients(model, x), exact)
    ot.unswap(model)
    close(gradients(model, x), exact)


@pytest.mark.parametrize("way", ["not reentrant", "reentrant", "nested", "selective"])
def test_the_calls_of_forward_are_made_again(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ogive.torch import _functional

    _, model, x = pair(WAYS[way])
    ot.swap(model, functional=True)
    called: list[str] = []
    spied = {
        name: lambda *a, name=name, f=f, **k: called.append(name) or f(*a, **k)
        for name, f in _functional.FUNCTIONS.items()
    }
    monkeypatch.setattr(_functional, "FUNCTIONS", spied)
    y = model(x.requires_grad_())
    first, called[:] = list(called), []
    y.sum().backward()
    # Recomputation stops where all is there; the last function stands outside.
    assert len(called) >= len(first) - 12
    assert set(called) == set(first) - {"log_softmax"}


@pytest.mark.parametrize("reentrant", [False, True])
def test_under_autocast(reentrant: bool) -> None:
    plain, model, x = pair(partial(checkpoint, use_reentrant=reentrant))
    plain, model, x = plain.float(), model.float(), x.float()
    ot.swap(plain, functional=True)
    ot.swap(model, functional=True)
    results = []
    for each in (plain, model):
        with torch.autocast("cpu", torch.bfloat16):
            results.append(gradients(each, x))
    # The reentrant form sums gradients of bfloat16 in another order.
    close(results[1], results[0], 0.02 if reentrant else 1e-6)


@pytest.mark.parametrize("reentrant", [False, True])
def test_backward_in_another_thread_and_twice(reentrant: bool) -> None:
    plain, model, x = pair(partial(checkpoint, use_reentrant=reentrant))
    exact = gradients(plain, x)
    ot.swap(model, functional=True)
    z = x.clone().requires_grad_()
    y = model(z)
    dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
    thread = threading.Thread(target=lambda: y.backward(dy, retain_graph=not reentrant))
    thread.start()
    thread.join()
    torch.testing.assert_close(z.grad, exact[1])
    if not reentrant:
        y.backward(dy)
        torch.testing.assert_close(z.grad, 2 * exact[1])


def test_the_mode_is_left_when_forward_or_recomputation_fails() -> None:
    class Failing(Part):
        fails = 0

        def block(self, x: torch.Tensor) -> torch.Tensor:
            y = super().block(x)
            self.fails -= 1
            if self.fails == 0:
                raise KeyError("on purpose")
            return y

    for fails in (1, 2):
        model = Failing(partial(checkpoint, use_reentrant=False, early_stop=False)).double()
        model.fails = fails
        ot.swap(model, functional=True)
        with pytest.raises(KeyError, match="on purpose"):
            model(torch.ones(2, 5, dtype=torch.float64)).sum().backward()
        assert torch._C._len_torch_function_stack() == 0


def test_a_checkpoint_of_torch_s_functions_keeps_them_inside_a_swapped_model() -> None:
    """A force field: its forward takes the gradient of what another model made."""
    encoder = Part(partial(checkpoint, use_reentrant=False)).double()
    exact = copy.deepcopy(encoder)
    exact.way = lambda f, x: f(x)

    class Force(nn.Module):
        def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
            (force,) = torch.autograd.grad(F.gelu(h).sum(), x)
            return force

    ours = Force()
    ot.swap(ours, functional=True)
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x, encoder(x)), Force()(x, exact(x)), rtol=1e-9, atol=1e-9)


def test_two_models_of_which_one_is_swapped_do_not_mix() -> None:
    plain, model, x = pair(WAYS["not reentrant"])
    plain.way = model.way
    expected = gradients(plain, x)
    ot.swap(model, functional=True, lean=True)
    ours, theirs = (each(x) for each in (model, plain))
    (ours * theirs).sum().backward()
    for a, b in zip(gradients(plain, x), expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_compiled_model_has_no_further_break(reentrant: bool) -> None:
    torch._dynamo.reset()
    plain, model, x = pair(partial(checkpoint, use_reentrant=reentrant))
    exact = gradients(plain, x)
    ot.swap(model, functional=True)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    close(gradients(model, x, compiled), exact)
    torch._dynamo.reset()


@pytest.mark.parametrize("reentrant", [False, True])
def test_parameters_that_are_given_in_a_call(reentrant: bool) -> None:
    plain, model, x = pair(partial(checkpoint, use_reentrant=reentrant))
    exact = gradients(plain, x)
    ot.swap(model, functional=True)
    given = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
    y = torch.func.functional_call(model, given, (x.requires_grad_(),))
    y.backward(torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape))
    if not reentrant:  # a reentrant checkpoint reads the parameters again, when they are back
        close([p.grad for p in given.values()], exact[2:])  # type: ignore[misc]
    torch.testing.assert_close(y, exact[0])
