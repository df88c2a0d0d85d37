"""Gradients of rows and losses where they are asked for many at a time, masked, or again."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils.checkpoint import checkpoint  # noqa: E402

import ogive.torch as ot  # noqa: E402
from cases import PLAIN_ROWS, ROW_LOSSES  # noqa: E402
from ogive.catalog import find, names  # noqa: E402

WHERE = torch.tensor([True, True, False, True, True, False])
OPTIONS: list[dict[str, Any]] = [
    {},
    {"dim": 0},
    {"temperature": 0.7},
    {"temperature": torch.tensor([0.5, 1.0, 2.0, 0.7], dtype=torch.float64)},
    {"where": WHERE},
]


def leaf(*shape: int) -> Any:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def one_by_one(y: Any, x: Any, many: Any) -> Any:
    return torch.stack([torch.autograd.grad(y, x, dy, retain_graph=True)[0] for dy in many])


def check_many_gradients(y: Any, x: Any) -> None:
    many = torch.randn(3, *y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
    expected = one_by_one(y, x, many)
    again: dict[str, Any] = {"retain_graph": True}
    (found,) = torch.autograd.grad(y, x, many, is_grads_batched=True, **again)
    torch.testing.assert_close(found, expected)
    found = torch.func.vmap(lambda dy: torch.autograd.grad(y, x, dy, **again)[0])(many)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("lean", [None, False])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "+".join(o) or "plain")
@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_many_gradients_of_rows_at_a_time(name: str, options: Any, lean: Any) -> None:
    x = leaf(4, 6)
    reduces = getattr(ot, name)(x).dim() == 1
    y = getattr(ot, name)(x, **options, **({} if reduces else {"lean": lean}))
    check_many_gradients(y, x)


def test_many_gradients_of_noisy_rows_at_a_time() -> None:
    x = leaf(4, 6)
    check_many_gradients(ot.gumbel_softmax(x, 0.7, seed=3), x)


@pytest.mark.parametrize("dim", [(0, 2), (-1,), [2, 1, 0], ()], ids=str)
@pytest.mark.parametrize("keepdim", [False, True])
def test_the_elements_of_several_axes_are_one_row(dim: Any, keepdim: bool) -> None:
    x = leaf(4, 3, 6)
    found = ot.logsumexp(x, dim, keepdim, where=WHERE)
    axes = dim or (0, 1, 2)
    expected = torch.logsumexp(x.masked_fill(~WHERE, -torch.inf), axes, keepdim)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(y.sum(), x)[0] for y in (found, expected)))
    with pytest.raises(RuntimeError, match="names an axis twice"):
        ot.logsumexp(x, (0, -3))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_many_gradients_of_losses_at_a_time(reduction: str) -> None:
    z, labels = leaf(4, 6), torch.tensor([0, 5, -100, 2])
    check_many_gradients(ot.cross_entropy(z, labels, reduction=reduction), z)
    p = torch.sigmoid(leaf(4, 6)).detach()
    check_many_gradients(ot.binary_cross_entropy(z, p, reduction=reduction), z)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_jacobians_by_vectors(name: str, create_graph: bool) -> None:
    jacobian, f = torch.autograd.functional.jacobian, getattr(ot, name)
    x = leaf(4).detach()
    expected = jacobian(f, x)
    torch.testing.assert_close(jacobian(f, x, vectorize=True, create_graph=create_graph), expected)


@pytest.mark.parametrize("shape", [(), (4,)])
@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_a_temperature_that_learns(name: str, shape: Any) -> None:
    x, f = leaf(4, 6), getattr(ot, name)
    t = torch.full(shape, 1.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, t: f(x, temperature=t), (x, t))
    y = f(x, temperature=t)
    assert torch.equal(y, f(x, temperature=t.detach()))
    (expected,) = torch.autograd.grad(y[..., 0].sum(), t)
    found = torch.func.grad(lambda t: f(x.detach(), temperature=t)[..., 0].sum())(t.detach())
    torch.testing.assert_close(found, expected)
    _, along = torch.func.jvp(
        lambda t: f(x.detach(), temperature=t)[..., 0].sum(), (t.detach(),), (torch.ones_like(t),)
    )
    torch.testing.assert_close(along, expected.sum())
    with pytest.raises(ValueError, match="temperature must be positive"):
        f(x, temperature=-t)


def test_a_temperature_of_noisy_rows_that_learns() -> None:
    x, t = leaf(4, 6), torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, t: ot.gumbel_softmax(x, t, seed=3), (x, t))
    with pytest.raises(TypeError, match="one number"):
        ot.gumbel_softmax(x, t.expand(4), seed=3)


@pytest.mark.parametrize("way", ["function", "keeping the input", "operator", "formula"])
@pytest.mark.parametrize("name", [n for n in PLAIN_ROWS if n != "logsumexp"])
def test_what_comes_to_a_masked_element_counts_nowhere(name: str, way: str) -> None:
    x = leaf(4, 6)
    dy = torch.randn(4, 6, dtype=torch.float64)
    dy[:, 2] = torch.inf
    f = getattr(ot, name)
    match way:
        case "operator":
            y = getattr(torch.ops.ogive, name)(x, 1, 1.0, WHERE)
        case "formula":
            y = torch.func.vmap(lambda row: f(row, where=WHERE))(x)
        case _:
            y = f(x, where=WHERE, lean=False if way == "keeping the input" else None)
    if way == "formula":
        dy = dy.masked_fill(~WHERE, 1)
    (dx,) = torch.autograd.grad(y, x, dy)
    (kept,) = torch.autograd.grad(f(x[:, WHERE]), x, dy[:, WHERE])
    torch.testing.assert_close(dx, kept)
    assert not dx[:, ~WHERE].any()


def test_the_operator_of_a_masked_backward() -> None:
    x, dy = leaf(4, 6).detach(), torch.ones(4, 6, dtype=torch.float64)
    dx = torch.ops.ogive.log_softmax_backward(dy, x, 1, 1.0, WHERE)
    again = torch.ops.ogive.log_softmax_backward(dy * WHERE, x, 1, 1.0, WHERE)
    assert torch.equal(dx, again)
    assert not dx[:, ~WHERE].any()


@pytest.mark.parametrize("name", ROW_LOSSES)
def test_logits_of_an_ignored_row_may_be_anything(name: str) -> None:
    f, z = getattr(ot, name), leaf(3, 5).detach()
    labels = torch.tensor([1, -100, 4])
    z[1, 2], z[1, 3] = torch.nan, torch.inf
    (dz,) = torch.autograd.grad(f(z.requires_grad_(), labels), z)
    found = torch.func.grad(lambda z: f(z, labels))(z.detach())
    torch.testing.assert_close(found, dz)
    assert not found[1].any()


def test_a_gradient_that_was_changed_is_no_other_s() -> None:
    z = leaf(3, 5)
    loss = ot.cross_entropy(z, torch.tensor([1, 0, 4]))
    (first,) = torch.autograd.grad(loss, z, retain_graph=True)
    before = first.clone()
    first.mul_(100)
    (again,) = torch.autograd.grad(loss, z)
    assert torch.equal(again, before)


def test_hard_noisy_rows_under_transforms_are_those_of_the_plain_call() -> None:
    x = torch.tensor([[0.5, -1.0, 2.0], [1.0, torch.nan, 3.0]], dtype=torch.float64)

    def f(x: Any) -> Any:
        return ot.gumbel_softmax(x, hard=True, seed=1)

    exact = f(x)
    assert exact[1].isnan().all()
    for found in (torch.func.functionalize(f)(x), torch.func.vjp(f, x)[0]):
        torch.testing.assert_close(found, exact, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", ["gumbel_softmax", "rrelu"])
def test_a_checkpoint_has_the_gradient_of_the_numbers_that_a_generator_gave(name: str) -> None:
    training = {"training": True} if name == "rrelu" else {}
    x = leaf(4, 5)
    found = []
    for again in (False, True):
        generator = torch.Generator().manual_seed(1)

        def f(x: Any, generator: Any = generator) -> Any:
            return getattr(ot, name)(x, generator=generator, **training)

        y = checkpoint(f, x, use_reentrant=False) if again else f(x)
        found.append(torch.autograd.grad((y * torch.arange(5)).sum(), x)[0])
    assert torch.equal(*found)


@pytest.mark.parametrize("name", names("rows"))
def test_a_single_number_is_a_row_in_every_derivative(name: str) -> None:
    given = {"seed": 3} if find(name).draws else {}
    options = [{}] if find(name).draws or name == "logsumexp" else [{"lean": True}, {"lean": False}]
    for lean in options:
        x, row = (torch.full(shape, 0.3, requires_grad=True) for shape in ((), (1,)))
        found, expected = (getattr(ot, name)(v, dim=0, **given, **lean).sum() for v in (x, row))
        for _ in range(2):
            assert found.shape == expected.shape == ()
            assert found.item() == expected.item()
            if not found.requires_grad:
                break
            found, expected = (
                torch.autograd.grad(y, v, create_graph=True)[0].sum()
                for y, v in ((found, x), (expected, row))
            )
