"""Modules are torch's to the outside: constructor, repr, state_dict, train and eval."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from ogive.catalog.card import Card  # noqa: E402

BOTH: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("CELU", (2.0,), {}), ("ELU", (0.5, True), {}), ("GELU", (), {}), ("GELU", ("tanh",), {}),
    ("GLU", (1,), {}), ("Hardshrink", (0.25,), {}), ("Hardsigmoid", (), {"inplace": True}),
    ("Hardswish", (), {}), ("Hardtanh", (), {}), ("LeakyReLU", (0.2,), {"inplace": True}),
    ("LogSigmoid", (), {}), ("LogSoftmax", (1,), {}), ("Mish", (), {}), ("PReLU", (), {}),
    ("PReLU", (4, 0.1), {}), ("ReLU", (), {}), ("ReLU", (True,), {}), ("ReLU6", (), {}),
    ("RReLU", (0.1, 0.3), {}), ("SELU", (), {}), ("SiLU", (), {}), ("Sigmoid", (), {}),
    ("Softmax", (1,), {}), ("Softmax2d", (), {}), ("Softmin", (-1,), {}), ("Softplus", (), {}),
    ("Softplus", (2.0,), {}), ("Softshrink", (0.3,), {}), ("Softsign", (), {}), ("Tanh", (), {}),
    ("Tanhshrink", (), {}), ("Threshold", (0.1, 20.0), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), BOTH, ids=[f"{n}{a}{k}" for n, a, k in BOTH])
def test_a_module_of_torch_s_name_does_what_torch_s_does(name: str, args: Any, kwargs: Any) -> None:
    ours = getattr(ot.nn, name)(*args, **kwargs).eval().double()
    theirs = getattr(torch.nn, name)(*args, **kwargs).eval().double()
    assert repr(ours) == repr(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    x = torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = ours(x.clone())
    torch.testing.assert_close(y, theirs(x.clone()), rtol=1e-9, atol=1e-8)
    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = []
    for module in (ours, theirs):
        leaf = x.clone().requires_grad_()
        found.append(torch.autograd.grad(module(leaf * 1), leaf, dy)[0])
    torch.testing.assert_close(*found, rtol=1e-7, atol=1e-7)


def test_every_module_that_torch_has_too_is_compared() -> None:
    losses = {card.title for card in ogive.catalog("heads")}
    shared = {n for n in ot.nn.__all__ if hasattr(torch.nn, n)} - losses
    # torch's Bilinear is a layer with weights; Identity does nothing in both.
    assert shared - {"Bilinear", "Identity"} == {name for name, *_ in BOTH}


def test_every_function_has_its_module() -> None:
    assert {card.title for card in ogive.catalog()} | {"Softmax2d"} == set(ot.nn.__all__)


def test_prelu_s_weight_goes_to_torch_and_back() -> None:
    ours, theirs = ot.nn.PReLU(3), torch.nn.PReLU(3, init=0.4)
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.weight, theirs.weight)
    x = torch.randn(2, 3, 5)
    for module in (ours, theirs):
        module(x).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    theirs.load_state_dict(ours.state_dict())


def test_rrelu_draws_in_training_and_not_in_evaluation() -> None:
    layer = ot.nn.RReLU(generator=torch.Generator().manual_seed(3))
    x = -torch.ones(1000)
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    assert float(first.min()) >= -1 / 3
    assert float(first.max()) <= -1 / 8
    layer.generator = torch.Generator().manual_seed(3)
    assert torch.equal(layer(x), first)
    layer.eval()
    torch.testing.assert_close(layer(x), torch.full((1000,), -(1 / 8 + 1 / 3) / 2))
    torch.manual_seed(0)
    a = ot.nn.RReLU()(x)
    torch.manual_seed(0)
    assert torch.equal(ot.nn.RReLU()(x), a)


def test_rrelu_s_backward_has_the_slopes_of_its_forward() -> None:
    x = -torch.rand(50, 7, dtype=torch.float64).add(0.1).requires_grad_()
    y = ot.nn.RReLU()(x)
    (dx,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(dx, y / x)


@pytest.mark.parametrize("name", ["SwiGLU", "GEGLU", "ReGLU"])
def test_gated_modules_take_two_tensors_or_the_halves_of_one(name: str) -> None:
    layer = getattr(ot.nn, name)()
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    a, b = x.chunk(2, -1)
    assert torch.equal(layer(x), layer(a, b))
    gate = {"SwiGLU": torch.nn.functional.silu, "GEGLU": torch.nn.functional.gelu,
            "ReGLU": torch.relu}[name]  # fmt: skip
    torch.testing.assert_close(layer(x), a * gate(b))
    with pytest.raises(RuntimeError, match="halving needs an even size"):
        layer(torch.ones(3, 7))


def test_losses_hold_their_weights_as_torch_s_do() -> None:
    w = torch.tensor([1.0, 2.0, 3.0])
    ours = ot.nn.CrossEntropyLoss(w, label_smoothing=0.1, z_loss=0.0)
    theirs = torch.nn.CrossEntropyLoss(w, label_smoothing=0.1)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    z, t = torch.randn(4, 3), torch.tensor([0, 2, -100, 1])
    torch.testing.assert_close(ours(z, t), theirs(z, t))
    assert repr(ot.nn.CrossEntropyLoss(softcap=30.0)) == "CrossEntropyLoss(softcap=30.0)"
    ours, theirs = ot.nn.BCEWithLogitsLoss(pos_weight=w), torch.nn.BCEWithLogitsLoss(pos_weight=w)
    torch.testing.assert_close(ours(z, z.sigmoid()), theirs(z, z.sigmoid()))
    torch.testing.assert_close(ot.nn.FocalLoss(gamma=0.0)(z, t), torch.nn.CrossEntropyLoss()(z, t))
    linear = ot.nn.LinearCrossEntropyLoss(5, 3, bias=True)
    whole = torch.nn.LinearCrossEntropyLoss(5, 3, bias=True)
    linear.load_state_dict(whole.state_dict())
    x = torch.randn(4, 5)
    torch.testing.assert_close(linear(x, t), whole(x, t))


def test_in_place_writes_over_the_input() -> None:
    for name in ("ReLU", "LeakyReLU", "ELU", "SiLU", "Hardswish"):
        x = torch.randn(5, 6)
        expected = getattr(ot.nn, name)()(x)
        y = getattr(ot.nn, name)(inplace=True)(x)
        assert y.data_ptr() == x.data_ptr()
        assert torch.equal(x, expected)
        leaf = torch.randn(5, 6, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf"):
            getattr(ot.nn, name)(inplace=True)(leaf)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected argument 'slope'"):
        ot.nn.LeakyReLU(slope=1)
    with pytest.raises(ValueError, match="approximate must be"):
        ot.nn.GELU("sigmoid")
    with pytest.raises(ValueError, match="approximate must be 'none' or 'tanh'"):
        ot.gelu(torch.ones(3), approximate="sigmoid")
    with pytest.raises(TypeError, match=r"inplace must be True or False, not 20\.0"):
        ot.elu(torch.ones(3), 1.0, 20.0)
    with pytest.raises(ValueError, match=r"lower = 0\.3 is above upper = 0\.1"):
        ot.rrelu(torch.ones(3), 0.3, 0.1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'smoothing'"):
        ot.nn.LinearCrossEntropyLoss(4, 3, smoothing=0.1)
    with pytest.raises(ValueError, match="ignore_index = 1 applies to integer labels"):
        ot.cross_entropy(torch.ones(2, 3), torch.ones(2, 3) / 3, ignore_index=1)
    with pytest.raises(ValueError, match="min_val = 2 must be below max_val = -2"):
        ot.nn.Hardtanh(2, -2)
    with pytest.raises(TypeError, match="unexpected argument 'gama'"):
        ot.nn.FocalLoss(gama=1)
    with pytest.raises(ValueError, match=r"b = -1.0: it must be in \(0, inf\)"):
        ot.nn.Squareplus(-1.0)(torch.ones(3))
    with pytest.raises(RuntimeError, match="4 channels"):
        ot.nn.PReLU(3)(torch.ones(2, 4))
    with pytest.raises(RuntimeError, match="complex64"):
        ot.gelu(torch.ones(2, dtype=torch.complex64))
    with pytest.raises(RuntimeError, match="float8"):
        ot.gelu(torch.ones(2).to(torch.float8_e4m3fn))
    with pytest.raises(TypeError, match="expected a Tensor"):
        ot.gelu([1.0])
    with pytest.raises(IndexError, match="dim = 2 is out of range"):
        ot.softmax(torch.ones(2, 2), 2)


@pytest.mark.parametrize("lean", [None, True])
def test_approximate_chooses_the_tanh_form(lean: bool | None) -> None:
    x = torch.randn(7)
    assert torch.equal(ot.gelu(x, approximate="tanh", lean=lean), ot.gelu_tanh(x))
    assert torch.equal(ot.gelu(x, approximate="none", lean=lean), ot.gelu(x))


def test_integers_become_the_default_dtype() -> None:
    assert ot.sigmoid(torch.tensor([0, 1])).dtype == torch.float32


def test_a_device_without_kernels_gets_torch_s_formula_and_one_warning() -> None:
    from ogive.torch import _warn

    _warn._warned.clear()

    def twice() -> None:
        for _ in range(2):
            _warn.warn_of_fallback("gelu", torch.device("xpu"))

    with pytest.warns(RuntimeWarning, match="gelu has no kernel for xpu") as caught:
        twice()
    assert len(caught) == 1


@pytest.mark.parametrize("card", ogive.catalog("unary"), ids=lambda card: card.name)
def test_the_formula_for_other_devices_is_the_function(card: Card) -> None:
    from ogive.torch import _formulas

    x = torch.linspace(-6, 6, 49, dtype=torch.float64) + 0.01
    operands = [p.default for p in card.parameters if p.operand]
    if card.learns:
        expected = getattr(ogive, card.name)(x.numpy(), *operands)
        found = card.formula(_formulas.CONTEXT, x, *operands)
    else:
        expected = getattr(ogive, card.name)(x.numpy(), *operands)
        found = _formulas.unary(card)(x, *operands)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("card", ogive.catalog("unary"), ids=lambda card: card.name)
def test_the_slope_derived_from_the_output_is_the_derivative(card: Card) -> None:
    from ogive.torch import _formulas

    slope_of = _formulas.slope_from_output(card)
    if slope_of is None:
        pytest.skip("the output does not tell it smoothly")
    operands = [p.default for p in card.parameters if p.operand]
    x = torch.linspace(-6, 6, 49, dtype=torch.float64) + 0.01
    y = torch.from_numpy(getattr(ogive, card.name)(x.numpy(), *operands))
    slope = torch.as_tensor(slope_of(y, *operands), dtype=y.dtype).expand(y.shape)
    expected = torch.from_numpy(getattr(ogive.derivative, card.name)(x.numpy(), *operands))
    torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-2.0, 0.5), (0.0, 6.0)])
def test_hard_tanh_has_the_bounds_it_is_given(bounds: tuple[float, float]) -> None:
    x = torch.tensor([-torch.inf, -2.0, -1.0, -0.0, 0.5, 1.0, 6.0, torch.nan]).requires_grad_()
    layer = ot.nn.Hardtanh(*bounds)
    y = layer(x)
    low, high = bounds
    clipped = [v if low < v < high or v != v else low if v <= low else high for v in x.tolist()]
    assert torch.equal(y.nan_to_num(7.0), torch.tensor(clipped).nan_to_num(7.0))
    (dx,) = torch.autograd.grad(y.nan_to_num().sum(), x)
    assert dx[:-1].tolist() == [float(low < v < high) for v in x.tolist()[:-1]]
    assert "min_val" in repr(layer)


@pytest.mark.parametrize("module", [ot, ot.nn], ids=["functions", "modules"])
def test_stubs_name_what_exists(module: Any) -> None:
    stub = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text())
    declared = {n.name for n in stub.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    imported = {a.asname for n in stub.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert declared <= set(module.__all__) <= declared | imported
