"""Losses under every transform, and derivatives of any order that no call was asked for.

What is held against: the plain call sample by sample for first derivatives, which differences check
elsewhere; torch's own losses, or the card's formula in plain operations, for higher ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.autograd import forward_ad  # noqa: E402
from torch.autograd.functional import hessian, jacobian  # noqa: E402
from torch.func import grad, jacfwd, jacrev, jvp, vmap  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from cases import ELEMENT_LOSSES, ROW_LOSSES  # noqa: E402
from ogive.catalog import Card  # noqa: E402
from ogive.torch._formulas import peer_function  # noqa: E402

Loss = Callable[..., torch.Tensor]
SAMPLES, ROWS, CLASSES = 3, 4, 5
near = torch.testing.assert_close


class Plain:
    """What a formula needs, with no thought of overflow."""

    exp, expm1, log, log1p, sqrt, tanh = (
        torch.exp, torch.expm1, torch.log, torch.log1p, torch.sqrt, torch.tanh
    )  # fmt: skip
    sum = staticmethod(sum)
    split = staticmethod(lambda x, c, below, above: torch.where(x <= c, below, above))


def by_formula(card: Card) -> Loss:
    """A loss as its card defines it, rows of classes last; labels below 0 do not count."""

    def loss(z: torch.Tensor, t: torch.Tensor, reduction: str) -> torch.Tensor:
        if not card.over_rows:
            losses, total = card.formula(Plain(), z, t), z.numel()
        elif t.is_floating_point():
            losses = card.formula(Plain(), list(z.unbind(-1)), list(t.unbind(-1)))
            total = losses.numel()
        else:
            one_hot = F.one_hot(t.clamp(min=0), z.shape[-1]).to(z.dtype)
            losses = card.formula(Plain(), list(z.unbind(-1)), list(one_hot.unbind(-1)))
            losses, total = torch.where(t >= 0, losses, 0.0), (t >= 0).sum()
        if reduction == "none":
            return losses
        return losses.sum() / total if reduction == "mean" else losses.sum()

    return loss


def exact_loss(card: Card) -> Loss | None:
    """torch's own, or the formula; None where the Hessian jumps."""
    if not card.hessians:
        return None
    for peer in card.peers:
        if peer.name.startswith("torch.nn.functional."):
            return peer_function(peer.name, "z")
    return by_formula(card)


def data(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shape = SAMPLES, ROWS, CLASSES
    z, other = torch.randn((2, *shape), generator=generator, dtype=torch.float64)
    if kind == "labels":
        target = torch.randint(CLASSES, shape[:-1], generator=generator)
        target[0, 1] = -100
        return z, target
    return z, torch.softmax(other, -1) if kind == "rows" else torch.sigmoid(other)


CASES: list[tuple[str, str, Loss | None]] = [
    (name, kind, exact_loss(ogive.card(name)))
    for names, kinds in ((ROW_LOSSES, ("labels", "rows")), (ELEMENT_LOSSES, ("elements",)))
    for name in names
    for kind in kinds
]
every_case = pytest.mark.parametrize(
    ("name", "kind", "theirs"), CASES, ids=[f"{n}-{k}" for n, k, _ in CASES]
)
every_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def total(f: Loss, reduction: str) -> Loss:
    """One number of a loss, whose gradient differs from element to element."""

    def function(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        y = f(z, t, reduction=reduction)
        return (y * torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)).sum()

    return function


def plain_gradient(f: Loss) -> Loss:
    def function(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        z = z.clone().requires_grad_()
        return torch.autograd.grad(f(z, t), z)[0]

    return function


def one_by_one(f: Loss, *batches: torch.Tensor) -> torch.Tensor:
    return torch.stack([f(*each) for each in zip(*batches, strict=True)])


@every_reduction
@every_case
def test_samples_of_a_batch_are_as_one_by_one(
    name: str, kind: str, theirs: Loss | None, reduction: str
) -> None:
    (z, t), f = data(kind), getattr(ot, name)
    ours = total(f, reduction)
    assert torch.equal(vmap(ours)(z, t), one_by_one(ours, z, t))
    gradients = one_by_one(plain_gradient(ours), z, t)
    assert torch.equal(vmap(grad(ours))(z, t), gradients)
    assert torch.equal(vmap(grad(ours), in_dims=(2, 0))(z.movedim(0, 2), t), gradients)
    shared = vmap(grad(ours), in_dims=(0, None))(z, t[0])
    assert torch.equal(shared, one_by_one(lambda z: plain_gradient(ours)(z, t[0]), z))
    if kind != "elements" and reduction == "mean":
        t = t.clamp(min=0) if kind == "labels" else t  # a mean over no rows is 0, torch's NaN
    rows = vmap(vmap(lambda z, t: f(z, t, reduction="sum")))(z, t)
    one = partial(f, reduction="sum")
    expected = one_by_one(lambda z, t: one_by_one(one, z, t), z, t)
    assert torch.equal(rows, expected)
    leaf = z.clone().requires_grad_()
    (found,) = torch.autograd.grad(vmap(ours)(leaf, t).square().sum(), leaf)
    each = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(one_by_one(ours, each, t).square().sum(), each)
    near(found, expected)


@every_reduction
@every_case
def test_jacobians_agree_however_they_are_made(
    name: str, kind: str, theirs: Loss | None, reduction: str
) -> None:
    z, t = (each[0] for each in data(kind))

    def f(z: torch.Tensor) -> torch.Tensor:
        return getattr(ot, name)(z, t, reduction=reduction)  # type: ignore[no-any-return]

    expected, along = jacobian(f, z), torch.cos(z)
    pushed = (expected * along).flatten(f(z).dim()).sum(-1)
    for vectorize in ({}, {"strategy": "forward-mode"}, {"create_graph": True}):
        near(jacobian(f, z, vectorize=True, **vectorize).detach(), expected)
    near(jacrev(f)(z), expected)
    near(jacfwd(f)(z), expected)
    near(jvp(f, (z,), (along,))[1], pushed)
    near(vmap(lambda z, v: jvp(f, (z,), (v,))[1])(z[None], along[None])[0], pushed)
    with forward_ad.dual_level():
        near(forward_ad.unpack_dual(f(forward_ad.make_dual(z, along))).tangent, pushed)


@every_reduction
@every_case
def test_hessians_are_torch_s(name: str, kind: str, theirs: Loss | None, reduction: str) -> None:
    if theirs is None:
        pytest.skip("its Hessian jumps")
    z, t = (each[1] for each in data(kind))
    ours, exact = total(getattr(ot, name), reduction), total(theirs, reduction)
    expected = hessian(lambda z: exact(z, t), z)
    for vectorize in ({}, {"vectorize": True}, {
        "vectorize": True, "outer_jacobian_strategy": "forward-mode"
    }):  # fmt: skip
        near(hessian(lambda z: ours(z, t), z, **vectorize), expected)
    for outer in (jacfwd, jacrev):
        for inner in (jacfwd, jacrev):
            near(outer(inner(ours))(z, t), expected)
    near(vmap(torch.func.hessian(ours))(z[None], t[None])[0], expected)
    near(torch.func.hessian(lambda z: vmap(ours)(z[None], t[None])[0])(z), expected)


@every_reduction
@every_case
def test_derivatives_need_not_be_asked_for(
    name: str, kind: str, theirs: Loss | None, reduction: str
) -> None:
    """A gradient penalty, a Hessian's product and a third derivative, as PyTorch has them."""
    if theirs is None:
        pytest.skip("its Hessian jumps")
    z, t = (each[1] for each in data(kind))
    layer, along = torch.eye(CLASSES, dtype=z.dtype) + z[:1], torch.cos(z)

    def found(f: Loss) -> list[torch.Tensor]:
        W, x = layer.clone().requires_grad_(), z.clone().requires_grad_()
        (first,) = torch.autograd.grad(f(x @ W, t), x, create_graph=True)
        penalty = torch.autograd.grad(first.square().sum(), (W, x), create_graph=True)
        (product,) = torch.autograd.grad((first * along).sum(), x, create_graph=True)
        third = torch.autograd.grad(product.square().sum(), (W, x))
        return [first, *penalty, product, *third]

    for ours, exact in zip(
        *(found(total(f, reduction)) for f in (getattr(ot, name), theirs)), strict=True
    ):
        near(ours, exact)
    leaf = z.clone().requires_grad_()
    f = getattr(ot, name)
    assert torch.autograd.gradgradcheck(lambda z: f(z, t, reduction=reduction), leaf)
    assert torch.autograd.gradgradcheck(
        lambda z: f(z, t, reduction=reduction), leaf, check_batched_grad=True
    )


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_second_derivative_of_compiled_and_wrapped_calls_is_not_lost(reduction: str) -> None:
    """By way of the operators, as gradients many at a time take them."""
    z, t = (each[1] for each in data("labels"))
    leaf = z.clone().requires_grad_()
    ordered = (t, 1, None, -100, 0.0, 0.0, None, 1.0, reduction)
    loss = torch.ops.ogive.cross_entropy(leaf, *ordered, False)[0]
    (first,) = torch.autograd.grad(loss.sum(), leaf, create_graph=True)
    (found,) = torch.autograd.grad(first.square().sum(), leaf)
    exact = z.clone().requires_grad_()
    loss = F.cross_entropy(exact, t, reduction=reduction)
    (first,) = torch.autograd.grad(loss.sum(), exact, create_graph=True)
    near(found, torch.autograd.grad(first.square().sum(), exact)[0])


def test_what_else_learns_has_derivatives_too() -> None:
    z, t = data("labels")
    weights = torch.linspace(0.5, 2, SAMPLES * CLASSES, dtype=z.dtype).reshape(SAMPLES, -1)
    temperatures = torch.tensor([0.5, 1.0, 2.0], dtype=z.dtype)

    def ours(z: Any, t: Any, w: Any, temperature: Any = 1.0) -> torch.Tensor:
        return ot.cross_entropy(z, t, w, temperature=temperature)

    def exact(z: Any, t: Any, w: Any, temperature: Any = 1.0) -> torch.Tensor:
        kept, goal = t >= 0, t.clamp(min=0)
        log_p = torch.log_softmax(z / temperature, -1).gather(-1, goal.unsqueeze(-1)).squeeze(-1)
        own = torch.where(kept, w[goal], 0.0)
        return -(own * log_p).sum() / own.sum()

    given = (z, t, weights, temperatures)
    near(vmap(ours)(*given), vmap(exact)(*given))
    for k in (0, 2, 3):
        near(vmap(grad(ours, k))(*given), vmap(grad(exact, k))(*given))
        near(grad(ours, k)(*(each[1] for each in given)), grad(exact, k)(*(e[1] for e in given)))
    alone = (None, None, 0)
    near(
        vmap(grad(ours), in_dims=alone)(z[0], t[0], weights),
        vmap(grad(exact), in_dims=alone)(z[0], t[0], weights),
    )
    found = torch.func.hessian(ours, (0, 2))(z[1], t[1], weights[0])
    expected = torch.func.hessian(exact, (0, 2))(z[1], t[1], weights[0])
    for a, b in zip(found, expected, strict=True):
        near(a, b)
    leaves = [each[1].clone().requires_grad_() for each in (z, weights, temperatures)]

    def penalty(f: Loss) -> tuple[torch.Tensor, ...]:
        x, w, temperature = leaves
        first = torch.autograd.grad(f(x, t[1], w, temperature), leaves, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), leaves)

    for a, b in zip(penalty(ours), penalty(exact), strict=True):
        near(a, b)


@pytest.mark.parametrize("which", ["target", "weight"])
def test_a_pull_back_is_called_when_its_transform_is_over(which: str) -> None:
    z, ones = torch.randn(3, 4, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    given = {"target": torch.rand(3, 4).double(), "weight": torch.rand(4).double()}

    def loss(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return ot.cross_entropy(z, **{**given, which: t})

    def first(*xs: torch.Tensor) -> Any:
        return torch.func.vjp(loss, *xs)[1](ones)

    exact = torch.func.grad(loss, (0, 1))(z, given[which])
    torch.testing.assert_close(first(z, given[which]), exact)
    x = z.clone().requires_grad_()
    second = torch.autograd.grad(first(x, given[which])[1].sum(), x)[0]
    exact = torch.func.grad(lambda z: torch.func.grad(loss, 1)(z, given[which]).sum())(z)
    torch.testing.assert_close(second, exact)


@pytest.mark.parametrize("value", [2.0, 2.5])
@pytest.mark.parametrize("name", ["focal", "sigmoid_focal"])
def test_a_gamma_that_learns_may_be_whole_and_may_differ_from_sample_to_sample(
    name: str, value: float
) -> None:
    z, t = torch.randn(3, 4, dtype=torch.float64), torch.rand(3, 4).double()

    def loss(gamma: Any) -> torch.Tensor:
        found: torch.Tensor = getattr(ot, name)(z, t, gamma=gamma)
        return found

    gamma = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    exact = (loss(value + 1e-6) - loss(value - 1e-6)) / 2e-6
    torch.testing.assert_close(torch.autograd.grad(loss(gamma), gamma)[0], exact)
    gammas = torch.tensor([value, 1.0], dtype=torch.float64)
    (first, _) = torch.func.vmap(torch.func.grad(loss))(gammas)
    torch.testing.assert_close(first, exact)


def negated(x: torch.Tensor) -> torch.Tensor:
    """The same numbers as a view that torch has not negated yet: no kernel reads it as it is."""
    return torch.complex(torch.zeros_like(x), -x).conj().imag


def test_through_operators_every_derivative_is_that_of_plain_logits() -> None:
    z, t, W = (a.detach() for a in (torch.randn(4, 5), torch.rand(4, 5), torch.randn(5, 5)))
    z, t, W = (a.double().requires_grad_() for a in (z, t / t.sum(1, keepdim=True), W))
    assert negated(z).is_neg()
    for name in ogive.catalog.names("heads"):
        more = (W,) if ogive.card(name).layer else ()
        for create_graph in (True, False):
            found = []
            for given in (z, negated(z)):
                loss = getattr(ot, name)(given, *more, t, create_graph=create_graph)
                each = torch.autograd.grad(loss, (z, *more, t), create_graph=create_graph)
                if create_graph:
                    square = sum((g * g).sum() for g in each)
                    each += torch.autograd.grad(square, (z, *more, t))
                found.append((loss, *each))
            torch.testing.assert_close(found[1], found[0], msg=f"{name}, {create_graph}")
