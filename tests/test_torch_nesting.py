"""Transforms inside transforms, and over parameters: each against the same one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.autograd import forward_ad  # noqa: E402
from torch.autograd.functional import hessian as hessian_by_loops  # noqa: E402
from torch.autograd.functional import jacobian as jacobian_by_loops  # noqa: E402
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from torch_cases import CASES, Case, samples, weighted  # noqa: E402

Tensor = torch.Tensor
near = torch.testing.assert_close


def stacked(f: Callable[..., Tensor], *xs: Tensor) -> Tensor:
    return torch.stack([f(*one) for one in zip(*xs, strict=True)])


def jacobians_in_forward_mode_at_once(f: Any, total: Any, x: Tensor, xs: Tensor) -> None:
    found = jacobian_by_loops(f, x, vectorize=True, strategy="forward-mode")
    near(found, jacobian_by_loops(f, x))
    found = hessian_by_loops(total, x, vectorize=True, outer_jacobian_strategy="forward-mode")
    near(found, hessian_by_loops(total, x))


def gradients_of_each_sample(f: Any, total: Any, x: Tensor, xs: Tensor) -> None:
    near(vmap(grad(total))(xs), stacked(grad(total), xs))
    leaf = xs.clone().requires_grad_()
    (found,) = torch.autograd.grad(weighted(vmap(f)(leaf)), leaf, create_graph=True)
    other = xs.clone().requires_grad_()
    (expected,) = torch.autograd.grad(weighted(stacked(f, other)), other, create_graph=True)
    near(found, expected)
    again = [
        torch.autograd.grad((g.square() + 0 * t).sum(), t)[0]
        for g, t in ((found, leaf), (expected, other))
    ]
    near(*again)


def hessians_of_each_sample(f: Any, total: Any, x: Tensor, xs: Tensor) -> None:
    expected = stacked(lambda x: hessian_by_loops(total, x), xs)
    for of in (hessian(total), jacrev(jacrev(total)), jacfwd(jacfwd(total)), jacrev(jacfwd(total))):
        near(vmap(of)(xs), expected)
    along = torch.cos(xs)
    found = vmap(lambda x, v: jvp(grad(total), (x,), (v,))[1])(xs, along)
    near(found, stacked(lambda h, v: torch.tensordot(h, v, v.dim()), expected, along))


def directions_of_each_sample(f: Any, total: Any, x: Tensor, xs: Tensor) -> None:
    along = torch.cos(xs)
    found = vmap(lambda x, v: jvp(f, (x,), (v,))[1])(xs, along)
    near(
        found, stacked(lambda x, v: torch.tensordot(jacobian_by_loops(f, x), v, v.dim()), xs, along)
    )
    y, pull = vjp(f, x)
    dys = torch.cos(torch.arange(3 * y.numel(), dtype=y.dtype)).reshape(3, *y.shape)
    near(vmap(lambda dy: pull(dy)[0])(dys), stacked(lambda dy: pull(dy)[0], dys))


def maps_inside_maps(f: Any, total: Any, x: Tensor, xs: Tensor) -> None:
    nested = torch.stack([xs, 0.5 * xs, -xs])
    expected = stacked(lambda xs: stacked(f, xs), nested)
    near(vmap(vmap(f))(nested), expected)
    turned = nested.movedim(0, -1)  # (2, …, 3)
    near(vmap(vmap(f), in_dims=-1)(turned), expected)
    near(vmap(vmap(f, in_dims=-1, out_dims=-1))(turned), expected.movedim(0, 1).movedim(1, -1))


def forward_over_reverse(f: Any, total: Any, x: Tensor, xs: Tensor) -> None:
    along = torch.cos(x)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x.clone().requires_grad_(), along)
        (slope,) = torch.autograd.grad(total(dual), dual, create_graph=True)
        found = forward_ad.unpack_dual(slope).tangent
    found = torch.zeros_like(x) if found is None else found
    near(found, torch.tensordot(hessian_by_loops(total, x), along, x.dim()))


WAYS = [
    jacobians_in_forward_mode_at_once, gradients_of_each_sample, hessians_of_each_sample,
    directions_of_each_sample, maps_inside_maps, forward_over_reverse,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_is_what_one_after_another_gives(case: Case, way: Callable[..., None]) -> None:
    if case.variant == "training":
        pytest.skip("each sample draws for itself")
    x, *rest = samples(case, shape=(2, 3))

    def f(x: Tensor) -> Tensor:
        return case.torch(x, *rest)

    way(f, lambda x: weighted(f(x)), x, torch.stack([x, x + 0.01]))


X = torch.randn(3, 4, 5, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 5)])
def test_maps_over_prelu_s_weights(shape: tuple[int, ...]) -> None:
    weights = torch.rand(shape, dtype=torch.float64)

    def total(x: Tensor, weight: Tensor) -> Tensor:
        return weighted(ot.prelu(x, weight))

    near(vmap(ot.prelu)(X, weights), stacked(ot.prelu, X, weights))
    near(vmap(ot.prelu, (None, 0))(X[0], weights), stacked(lambda w: ot.prelu(X[0], w), weights))
    turned = X.movedim(0, -1), weights.movedim(0, -1)
    near(vmap(ot.prelu, -1)(*turned), stacked(ot.prelu, X, weights))
    for k in (0, 1):
        near(vmap(grad(total, k))(X, weights), stacked(grad(total, k), X, weights))
        near(
            vmap(hessian(total, k))(X[:, :2], weights),
            stacked(hessian(total, k), X[:, :2], weights),
        )
    near(jacfwd(ot.prelu, 1)(X[0], weights[0]), jacrev(ot.prelu, 1)(X[0], weights[0]))


@pytest.mark.parametrize("dim", [-1, 0, 1])
@pytest.mark.parametrize("name", ogive.catalog.names("rows"))
def test_maps_over_temperatures_and_along_other_axes(name: str, dim: int) -> None:
    f = getattr(ot, name)
    numbers = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def at(x: Tensor, temperature: Any) -> Tensor:
        if name == "gumbel_softmax":
            return f(x, temperature, dim=dim, seed=3)
        return f(x, dim, temperature=temperature)

    def total(temperature: Tensor, x: Tensor) -> Tensor:
        return weighted(at(x, temperature))

    near(vmap(at)(X, numbers), stacked(lambda x, t: at(x, float(t)), X, numbers))
    near(vmap(at, (None, 0))(X[0], numbers), stacked(lambda t: at(X[0], float(t)), numbers))
    for axis in (1, 2):
        found = vmap(lambda x: at(x, 1.5), in_dims=axis)(X.movedim(0, axis))
        near(found, stacked(lambda x: at(x, 1.5), X))
    near(vmap(grad(total))(numbers, X), stacked(grad(total), numbers, X))
    near(vmap(hessian(total))(numbers, X), stacked(hessian(total), numbers, X))


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0), (2, 1)])
@pytest.mark.parametrize("name", [n for n in ogive.catalog.names("rows") if n != "gumbel_softmax"])
def test_maps_over_masks(name: str, dims: tuple[Any, Any]) -> None:
    f = getattr(ot, name)
    masks = torch.rand(3, 4, 5) > 0.3

    def masked(x: Tensor, mask: Tensor) -> Tensor:
        return f(x, temperature=1.5, where=mask)

    def given(t: Tensor, dim: Any) -> tuple[Tensor, Tensor]:
        """What is mapped, and each sample's."""
        return (t[0], t[:1].expand(t.shape)) if dim is None else (t.movedim(0, dim), t)

    (x, xs), (mask, each) = map(given, (X, masks), dims)
    near(vmap(masked, dims)(x, mask), stacked(masked, xs, each))
    slope = grad(lambda x, mask: weighted(masked(x, mask)))
    near(vmap(slope, dims)(x, mask), stacked(slope, xs, each))
    # One mask of the columns, beside samples of rows.
    column = masks[:, 0]
    near(vmap(masked)(X, column), stacked(masked, X, column))
