"""Gradients asked for many at a time, more than once, or of what was written over."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.autograd.functional import hessian, jacobian  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from torch_cases import CASES, Case, same_bits, samples, to_numpy  # noqa: E402

ELEMENTWISE = [case for case in CASES if case.card.kind in ("unary", "gated")]
BITS = ("relu", "leaky_relu", "threshold", "gelu", "silu", "mish")
every_case = pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: case.id)


def many(y: torch.Tensor) -> torch.Tensor:
    return torch.linspace(-2, 2, 3 * y.numel(), dtype=y.dtype).reshape(3, *y.shape)


def in_turn(y: torch.Tensor, xs: Any, dys: torch.Tensor) -> list[torch.Tensor]:
    each = [torch.autograd.grad(y, xs, dy, retain_graph=True) for dy in dys]
    return [torch.stack(of_one) for of_one in zip(*each, strict=True)]


def same(found: Any, expected: Any) -> bool:
    return all(map(torch.equal, found, expected))


@every_case
def test_gradients_many_at_a_time_are_those_one_by_one(case: Case) -> None:
    xs = [x.requires_grad_() for x in samples(case)]
    y = case.torch(*xs)
    dys = many(y)
    expected = in_turn(y, xs, dys)
    for create_graph in (False, True):
        found = torch.autograd.grad(
            y, xs, dys, is_grads_batched=True, retain_graph=True, create_graph=create_graph
        )
        assert same((g.detach() for g in found), expected)
    mapped = torch.func.vmap(lambda dy: torch.autograd.grad(y, xs, dy, retain_graph=True))(dys)
    for a, b in zip(mapped, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-14, atol=0)


@every_case
def test_vectorized_jacobians_and_hessians_are_those_of_loops(case: Case) -> None:
    x, *rest = samples(case, shape=(2, 3))

    def f(x: torch.Tensor) -> torch.Tensor:
        return case.torch(x, *rest)

    assert torch.equal(jacobian(f, x, vectorize=True), jacobian(f, x))
    found, expected = (hessian(lambda x: f(x).sum(), x, vectorize=v) for v in (True, False))
    torch.testing.assert_close(found, expected)


@every_case
def test_a_second_derivative_comes_through_gradients_many_at_a_time(case: Case) -> None:
    x, *rest = samples(case)
    x.requires_grad_()
    y = case.torch(x, *rest)
    dys = many(y).requires_grad_()
    (found,) = torch.autograd.grad(y, x, dys, is_grads_batched=True, create_graph=True)
    expected = torch.stack([torch.autograd.grad(y, x, dy, create_graph=True)[0] for dy in dys])
    for a, b in zip(
        *(
            torch.autograd.grad((g * g).sum(), (dys, x), retain_graph=True, materialize_grads=True)
            for g in (found, expected)
        ),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@every_case
def test_transforms_go_through_a_gradient(case: Case) -> None:
    xs = [x.requires_grad_() for x in samples(case)]
    y = case.torch(*xs)
    dy, along = many(y)[:2]

    def dx(dy: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(y, xs, dy, create_graph=True)[0]

    value, tangent = torch.func.jvp(dx, (dy,), (along,))
    torch.testing.assert_close(value, dx(dy))
    torch.testing.assert_close(tangent, dx(along))  # it is linear
    torch.testing.assert_close(torch.func.grad(lambda dy: (dx(dy) * along).sum())(dy), dx(along))


@pytest.mark.parametrize("lean", [True, None])
@pytest.mark.parametrize("name", BITS)
def test_bits_take_gradients_many_at_a_time(name: str, lean: bool | None) -> None:
    x = torch.randn(3, 7, requires_grad=True)
    y = getattr(ot, name)(x, lean=lean)
    dys = many(y)
    expected = in_turn(y, [x], dys)
    found = torch.autograd.grad(y, x, dys, is_grads_batched=True, retain_graph=True)
    assert same(found, expected)
    mapped = torch.func.vmap(lambda dy: torch.autograd.grad(y, x, dy, retain_graph=True))(dys)
    assert same(mapped, expected)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_linear_head_takes_gradients_many_at_a_time(reduction: str) -> None:
    x, W = (torch.randn(s, 3, dtype=torch.float64, requires_grad=True) for s in (4, 5))
    y = ot.linear_cross_entropy(x, W, torch.tensor([0, 4, -100, 2]), reduction=reduction)
    dys = many(y)
    found = torch.autograd.grad(y, (x, W), dys, is_grads_batched=True, retain_graph=True)
    for a, b in zip(found, in_turn(y, (x, W), dys), strict=True):
        torch.testing.assert_close(a, b)


def test_a_gradient_that_is_changed_leaves_the_next_one_alone() -> None:
    x, W = (torch.randn(s, 3, requires_grad=True) for s in (4, 5))
    loss = ot.linear_cross_entropy(x, W, torch.tensor([0, 4, 1, 2]))
    first = torch.autograd.grad(loss, (x, W), retain_graph=True)
    kept = [g.clone() for g in first]
    for g in first:
        g.mul_(100)
    assert same(torch.autograd.grad(loss, (x, W)), kept)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "gelu", "rrelu", "threshold"])
@pytest.mark.parametrize("turned", [False, True])
def test_what_is_written_over_without_a_gradient_is_missed_by_backward(
    name: str, turned: bool
) -> None:
    w = torch.randn(4, 3, requires_grad=True)
    x = torch.randn(3, 4).t() if turned else torch.randn(4, 3)
    y = w * x
    version = x._version
    with torch.no_grad():
        getattr(ot, name)(x, inplace=True)
    assert x._version > version
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_tensors_without_versions_are_written_over() -> None:
    with torch.inference_mode():
        x = torch.randn(5)
        expected = ot.relu(x)
        assert ot.relu(x, inplace=True) is x
    assert torch.equal(x, expected)


def test_slopes_drawn_in_place_have_the_gradient_of_those_beside() -> None:
    x = torch.randn(3, 5, requires_grad=True)
    beside = ot.rrelu(x, training=True, seed=4)
    hidden = x * 1
    y = ot.rrelu(hidden, training=True, inplace=True, seed=4)
    assert y is hidden
    assert torch.equal(y, beside)
    assert torch.equal(*(torch.autograd.grad(each.sum(), x)[0] for each in (y, beside)))
    plain = x.detach().clone()
    assert ot.rrelu(plain, training=True, inplace=True, seed=4) is plain
    assert torch.equal(plain, beside)
    with pytest.raises(RuntimeError, match="cannot be written over"):
        ot.rrelu(torch.arange(3), training=True, inplace=True)


def test_a_seed_is_drawn_where_its_generator_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from ogive.torch import _random_slopes

    class Elsewhere:
        device = "meta"

    asked: list[Any] = []

    def randint(*args: Any, generator: Any = None, device: Any = None) -> torch.Tensor:
        asked.append((generator, device))
        return torch.tensor(5)

    monkeypatch.setattr(torch, "randint", randint)
    there: Any = Elsewhere()
    assert _random_slopes.seed_tensor(None, there).device.type == "cpu"
    assert asked == [(there, "meta")]


@pytest.mark.parametrize("name", [card.name for card in ogive.catalog("gated")])
@pytest.mark.parametrize(
    ("shape", "dim"), [((8,), 0), ((3, 8), -1), ((4, 3, 5), 0), ((2, 6, 5), 1)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_halves_of_one_tensor_have_the_bits_and_derivatives_of_two(
    name: str, shape: tuple[int, ...], dim: int, dtype: torch.dtype
) -> None:
    f, x = getattr(ot, name), torch.randn(shape).to(dtype)
    turned = x.transpose(0, -1).contiguous().transpose(0, -1)
    for each in (x, turned, torch._neg_view(-x)):
        leaf = each.requires_grad_()
        pair = [t.clone().requires_grad_() for t in x.detach().chunk(2, dim)]
        y, expected = f(leaf, dim), f(*pair)
        assert torch.equal(y, expected)
        for dy in (torch.randn(y.shape).to(dtype), torch.ones((), dtype=dtype).expand(y.shape)):
            (dx,) = torch.autograd.grad(y, leaf, dy, retain_graph=True)
            both = torch.autograd.grad(expected, pair, dy, retain_graph=True)
            assert torch.equal(dx, torch.cat(both, dim))
        dys = many(y)
        (dx,) = torch.autograd.grad(y, leaf, dys, is_grads_batched=True, retain_graph=True)
        assert torch.equal(dx, torch.stack(in_turn(y, [leaf], dys)[0].unbind()))
    if dtype == torch.float64:
        leaf = x.detach().requires_grad_()
        assert torch.autograd.gradcheck(lambda x: f(x, dim), leaf)
        assert torch.autograd.gradgradcheck(lambda x: f(x, dim), leaf)
        with pytest.raises(RuntimeError, match="even size"):
            f(torch.ones(3), 0)
        with pytest.raises(IndexError, match="dim = 7 is out of range"):
            f(x, 7)


@pytest.mark.parametrize("weight", [1, True, 1.0, torch.tensor(0.5), torch.tensor([0.5])])
def test_prelu_takes_numbers_of_any_kind(weight: Any) -> None:
    x = torch.randn(3, requires_grad=True)
    y = ot.prelu(x, weight)
    assert torch.equal(y, torch.where(x > 0, x, float(weight) * x))
    y.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("shape", "count"),
    [((16,), 1), ((), 1), ((0, 3), 1), ((5, 3), 3), ((2, 3, 4), 3), ((9, 3, 4), 3), ((0, 3, 2), 3),
     ((2, 3, 1, 5), 3), ((2, 3, 7, 1), 3), ((1, 3, 4, 6), 3)],
)  # fmt: skip
def test_prelu_s_gradients_have_numpy_s_bits_however_tensors_lie(
    shape: tuple[int, ...], count: int, dtype: torch.dtype
) -> None:
    weight = torch.tensor([0.25, -0.5, 2.0])[:count].to(dtype).requires_grad_()
    x, dy = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
    fitted = weight.detach().reshape(() if count == 1 else (-1, *(1,) * (len(shape) - 2)))
    expected = ogive.backward.prelu(*map(to_numpy, (dy, x, fitted)))
    turned = x.transpose(0, -1).contiguous().transpose(0, -1) if shape else x
    for each in (x, turned, torch._neg_view(-x)):
        leaf = each.requires_grad_()
        y = ot.prelu(leaf, weight)
        assert same_bits(y, ogive.prelu(to_numpy(x), to_numpy(fitted)))
        for upstream in (dy, torch._neg_view(-dy)):
            dx, dw = torch.autograd.grad(y, (leaf, weight), upstream, retain_graph=True)
            assert same_bits(dx, expected[0])
            assert same_bits(dw, expected[1].reshape(weight.shape))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
@pytest.mark.parametrize("count", [1, 3])
def test_prelu_refuses_weights_that_cannot_be_trained(dtype: torch.dtype, count: int) -> None:
    with pytest.raises(RuntimeError, match="weight must be of floating-point numbers"):
        ot.prelu(torch.randn(2, 3), torch.ones(count, dtype=dtype))


def test_integers_reach_no_kernel_as_addresses() -> None:
    from ogive.torch import _launch

    x, dy = torch.randn(5), torch.randn(5)
    number: Any = 1
    assert torch.equal(_launch.elementwise("leaky_relu", "value")(x, number), ot.leaky_relu(x, 1.0))
    assert torch.equal(_launch.elementwise("leaky_relu", "value", number)(x), ot.leaky_relu(x, 1.0))
    lean = _launch.Lean("leaky_relu")
    y, bits = lean.forward(x, number)
    assert torch.equal(y, x)
    assert torch.equal(lean.backward(dy, (bits,), y.stride(), number), dy)
    assert torch.equal(torch.ops.ogive.prelu(x, torch.tensor(1)), x)
    assert torch.equal(_launch.in_place("leaky_relu")(x.clone(), number), x)


def test_the_gradient_at_a_nan_is_as_the_page_says() -> None:
    x, two = torch.tensor([torch.nan], requires_grad=True), torch.tensor([2.0])

    def dx(name: str, **given: Any) -> float:
        (g,) = torch.autograd.grad(getattr(ot, name)(x, **given), x, two)
        return float(g)

    def isnan(number: float) -> bool:
        return number != number

    assert isnan(float(ogive.backward.threshold(two.numpy(), x.detach().numpy())[0]))
    for name in ("threshold", "rrelu"):
        assert dx(name) == 2
        assert isnan(dx(name, lean=False))
    for name in ("relu", "leaky_relu", "hard_tanh", "gelu"):
        assert isnan(dx(name))
    assert dx("relu", lean=True) == 2
