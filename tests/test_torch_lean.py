"""What is kept for backward is the least that is exact, and never more than torch keeps."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import ogive.torch as ot  # noqa: E402
from torch_tables import kept, saved  # noqa: E402

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
    seen: dict[int, int] = {}

    def pack(t: torch.Tensor) -> torch.Tensor:
        seen[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        compiled(x)
    assert sum(seen.values()) / 4096 <= 4 + BIT
