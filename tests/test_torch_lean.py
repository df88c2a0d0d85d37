"""What is kept for backward is the least that is exact, and never more than torch keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")

import ogive.torch as ot  # noqa: E402
from torch_tables import kept, saved, saved_bytes  # noqa: E402

BIT = 1 / 8


def test_no_activation_keeps_more_than_torch() -> None:
    for name, theirs, ours, _, lean in saved():
        assert ours <= theirs, name
        assert lean <= ours + BIT, name


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "hard_tanh", "softshrink"])
def test_the_relu_family_keeps_its_output_or_a_bit(name: str) -> None:
    f = getattr(ot, name)
    assert kept(f) == (4, 0)
    assert kept(lambda x: f(x, lean=True)) == (BIT, BIT)


def test_two_slopes_without_a_telling_output_keep_a_bit() -> None:
    assert kept(ot.threshold) == (BIT, BIT)
    assert kept(lambda x: ot.leaky_relu(x, -0.5)) == (BIT, BIT)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu", "selu", "celu", "softplus", "exp"])
def test_the_output_is_kept_where_it_tells_the_slope(name: str) -> None:
    assert kept(getattr(ot, name)) == (4, 0)
    assert kept(lambda x: getattr(ot, name)(x, lean=False)) == (4, 4)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_gelu_and_its_kin_keep_the_input_or_the_output_and_a_bit(name: str) -> None:
    f = getattr(ot, name)
    assert kept(f) == (4, 4)
    assert kept(lambda x: f(x, lean=True)) == (4 + BIT, BIT)
    x = torch.linspace(-5, 5, 1001, requires_grad=True)
    (exact,) = torch.autograd.grad(f(x).sum(), x)
    (lean,) = torch.autograd.grad(f(x, lean=True).sum(), x)
    assert float((exact - lean).abs().max()) < 9e-5
    with pytest.raises(RuntimeError, match="second derivative"):
        torch.autograd.grad(f(x, lean=True).sum(), x, create_graph=True)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "hard_sigmoid", "softshrink", "threshold"])
def test_bits_give_the_gradient_of_the_input_to_the_last_bit(name: str) -> None:
    x = torch.randn(3, 1001, requires_grad=True)
    dy = torch.randn(3, 1001)
    f = getattr(ot, name)
    found = [torch.autograd.grad(f(x, lean=lean), x, dy)[0] for lean in (True, False)]
    assert torch.equal(*found)


def test_gated_functions_keep_their_operands_alone() -> None:
    a, b = (torch.randn(8, 8, requires_grad=True) for _ in range(2))
    seen = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t) or t, lambda t: t):
        ot.swiglu(a, b)
    assert {t.data_ptr() for t in seen} == {a.data_ptr(), b.data_ptr()}


def test_compiled_code_keeps_no_more() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda x: ot.tanh(ot.threshold(x)), backend="aot_eager", fullgraph=True
    )
    x = torch.randn(1, 4096, requires_grad=True)
    with saved_bytes() as seen:
        compiled(x)
    assert sum(seen.values()) / 4096 <= 4 + BIT


def held(run: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> int:
    """Bytes that are kept for backward, those of the result apart."""
    with saved_bytes() as sizes:
        y = run(x)
    return sum(size for at, size in sizes.items() if at != y.untyped_storage().data_ptr())


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "relu", "leaky_relu", "hard_swish"])
def test_in_place_a_bit_is_all_that_is_kept_beside_the_result(
    name: str, form: torch.memory_format
) -> None:
    f = getattr(ot, name)
    x = torch.randn(2, 8, 5, 7).to(memory_format=form).requires_grad_()
    dy = torch.randn(2, 8, 5, 7)
    found = f(y := x * 1, inplace=True, lean=True)
    assert found is y
    assert torch.equal(found, f(x.detach()))
    if name == "hard_swish":  # it has no lean form
        assert held(lambda x: f(x * 1, inplace=True, lean=True), x) >= 4 * x.numel()
        return
    assert held(lambda x: f(x * 1, inplace=True, lean=True), x) == x.numel() * BIT
    (dx,) = torch.autograd.grad(found, x, dy)
    (exact,) = torch.autograd.grad(f(x, lean=True), x, dy)
    assert torch.equal(dx, exact)


def test_what_overwrites_what_was_kept_is_noticed() -> None:
    x = torch.randn(5, requires_grad=True)
    y = ot.silu(x.exp(), inplace=True, lean=True)  # exp keeps its result
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    y = ot.silu(x * 1, inplace=True, lean=True)
    y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_gaps_between_elements_are_left_alone() -> None:
    x = torch.randn(4, 6, requires_grad=True)
    whole = x * 1
    y = ot.mish(whole[:, ::2], inplace=True, lean=True)
    assert torch.equal(whole[:, 1::2], x[:, 1::2])
    (dx,) = torch.autograd.grad(y.sum(), x)
    (exact,) = torch.autograd.grad(ot.mish(x[:, ::2], lean=True).sum(), x)
    assert torch.equal(dx, exact)
