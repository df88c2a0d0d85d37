"""Derivatives from the third on, and networks whose loss holds second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
mpmath = pytest.importorskip("mpmath")

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from torch_cases import CASES, Case, samples  # noqa: E402
from torch_kinds import Wrapped  # noqa: E402

Tensor = torch.Tensor
UNARY = [
    card.name for card in ogive.catalog("unary")
    if not card.learns and not card.draws
]  # fmt: skip
STRAIGHT = [name for name in UNARY if name not in dir(ogive.second_derivative)]
SMOOTH = [name for name in UNARY if name not in STRAIGHT]
# In both tails, and on both sides of each bend.
X = [-20.0, -12.0, -7.0, -2.5, -0.7, -0.125, 0.125, 0.75, 1.9, 4.5, 8.0, 14.0, 20.0]


class Exactly:
    """Formulas in so many digits that differences tell derivatives in the tails."""

    pi = mpmath.pi
    const = mpmath.mpf
    exp, expm1, log, log1p = mpmath.exp, mpmath.expm1, mpmath.log, mpmath.log1p
    erf, erfc, tanh, sqrt = mpmath.erf, mpmath.erfc, mpmath.tanh, mpmath.sqrt

    @staticmethod
    def split(x: Any, c: Any, below: Any, above: Any) -> Any:
        return below if x <= c else above


def exact(name: str, order: int) -> Tensor:
    card = ogive.card(name)
    given = [mpmath.mpf(p.default) for p in card.parameters if p.operand]
    with mpmath.workdps(140):
        found = [
            float(mpmath.diff(lambda t: card.formula(Exactly, t, *given), mpmath.mpf(x), order))
            for x in X
        ]
    return torch.tensor(found, dtype=torch.float64)


def by_autograd(f: Callable[[Tensor], Tensor], order: int) -> Tensor:
    x = torch.tensor(X, dtype=torch.float64, requires_grad=True)
    y = f(x)
    for _ in range(order):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return y.detach()


def through(f: Callable[[Tensor], Tensor], transform: Any, order: int) -> Tensor:
    for _ in range(order):
        f = transform(f)
    return torch.func.vmap(f)(torch.tensor(X, dtype=torch.float64))


def of_a_wrapped(f: Callable[[Tensor], Tensor], order: int) -> Tensor:
    x = Wrapped(torch.tensor(X, dtype=torch.float64)).requires_grad_()
    y: Any = f(x)
    for _ in range(order):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return y.inner


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("name", SMOOTH)
def test_third_and_fourth_derivatives_are_those_of_the_formula(name: str, order: int) -> None:
    f = getattr(ot, name)

    def of_input(x: Tensor) -> Tensor:
        return f(x, lean=False)

    expected = exact(name, order)
    for found in (
        by_autograd(of_input, order),
        through(f, torch.func.grad, order),
        through(f, torch.func.jacfwd, order),
        of_a_wrapped(of_input, order),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-100)
    # From the output, which no longer tells the slope where it has saturated.
    torch.testing.assert_close(by_autograd(f, order), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", STRAIGHT)
def test_second_derivatives_of_straight_lines_are_0_and_no_error(name: str) -> None:
    f = getattr(ot, name)
    zeros = torch.zeros(len(X), dtype=torch.float64)
    assert torch.equal(by_autograd(lambda x: f(x, lean=False), 2), zeros)
    if name != "threshold":  # which keeps bits
        assert torch.equal(by_autograd(f, 2), zeros)
    for order in (2, 3):
        assert torch.equal(through(f, torch.func.grad, order), zeros)
        assert torch.equal(through(f, torch.func.jacfwd, order), zeros)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_third_derivative_by_differences(case: Case) -> None:
    if case.variant == "training":
        pytest.skip("a line for each element")
    xs = [x.requires_grad_() for x in samples(case, shape=(2, 3))]

    def slope(*xs: Tensor) -> Tensor:
        y = case.torch(*xs)
        weights = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
        dxs = torch.autograd.grad((y * weights).sum(), xs, create_graph=True)
        return sum(dx.square() + 0 * x for dx, x in zip(dxs, xs, strict=True))

    assert torch.autograd.gradgradcheck(slope, xs)


PEERS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh, "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu,
    "softplus": torch.nn.functional.softplus, "mish": torch.nn.functional.mish,
    "sigmoid": torch.sigmoid, "elu": torch.nn.functional.elu, "relu": torch.relu,
    "erf": torch.erf, "tanhshrink": torch.nn.functional.tanhshrink,
}  # fmt: skip


@pytest.mark.parametrize("way", ["autograd", "transforms"])
@pytest.mark.parametrize("name", PEERS)
def test_a_network_learns_from_its_second_derivative(name: str, way: str) -> None:
    """As a physics-informed one does: u'' = -sin."""
    found, expected = (trained(f, way) for f in (getattr(ot, name), PEERS[name]))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def trained(f: Callable[[Tensor], Tensor], way: str) -> list[Tensor]:
    """The last loss, its gradients, and the weights after four steps."""
    torch.manual_seed(0)
    sizes = [(8, 1), (8, 8), (1, 8)]
    weights = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in sizes]
    x = torch.linspace(-2, 2, 8, dtype=torch.float64).reshape(-1, 1)

    def network(x: Tensor) -> Tensor:
        return f(f(x @ weights[0].t()) @ weights[1].t()) @ weights[2].t()

    for _ in range(4):
        if way == "autograd":
            points = x.clone().requires_grad_()
            (u_x,) = torch.autograd.grad(network(points).sum(), points, create_graph=True)
            (u_xx,) = torch.autograd.grad(u_x.sum(), points, create_graph=True)
        else:
            at = torch.func.grad(torch.func.grad(lambda t: network(t.reshape(1, 1)).sum()))
            u_xx = torch.func.vmap(at)(x[:, 0]).unsqueeze(1)
        loss = (u_xx + torch.sin(x)).square().mean() + network(x).square().mean()
        grads = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, grads, strict=True):
                weight -= 1e-3 * gradient
    return [loss.detach(), *grads, *(w.detach() for w in weights)]
