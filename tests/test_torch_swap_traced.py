"""Functions and swapped models under torch.fx, jit.trace, torch.export, ONNX and flop counters."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402

X = torch.linspace(-4, 4, 24).reshape(4, 6)
CALLS: dict[str, Any] = {
    "gelu": lambda x: ot.gelu(x, approximate="tanh"),
    "leaky_relu": lambda x: ot.leaky_relu(x, 0.3),
    "relu_": lambda x: ot.relu_(x * 2),
    "softmax": lambda x: ot.softmax(x, 0),
    "softmax, dim=None": lambda x: ot.softmax(x, dim=None),
    "logsumexp": lambda x: ot.logsumexp(x, dim=0, keepdim=True),
    "swiglu": lambda x: ot.swiglu(x),
    "swiglu of two": lambda x: ot.swiglu(x, x + 1),
    "prelu": lambda x: ot.prelu(x, torch.tensor([0.2])),
    "rrelu": lambda x: ot.rrelu(x),
    "gumbel_softmax": lambda x: ot.gumbel_softmax(x, seed=3),
    "cross_entropy": lambda x: ot.cross_entropy(x, torch.tensor([0, 1, 2, 3]), label_smoothing=0.1),
    "linear_cross_entropy": lambda x: ot.linear_cross_entropy(
        x, torch.ones(3, 6), torch.tensor([0, 1, 2, 0])
    ),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.parametrize("name", CALLS)
def test_functions_are_recorded_by_fx(name: str) -> None:
    f = CALLS[name]
    traced = torch.fx.symbolic_trace(f)
    made = [node.target for node in traced.graph.nodes if node.op == "call_function"]
    assert any(getattr(target, "__module__", "") == "ogive.torch" for target in made)
    assert torch.equal(traced(X), f(X))
    again = pickle.loads(pickle.dumps(traced))
    assert torch.equal(again(X), f(X))


def test_what_is_neither_a_tensor_nor_a_proxy_is_refused() -> None:
    for f in (ot.gelu, ot.softmax, ot.swiglu, lambda x: ot.softmax(x, dim=None)):
        with pytest.raises(TypeError, match="expected a Tensor, not list"):
            f([1.0, 2.0])


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.act, self.b = nn.Linear(6, 6), nn.GELU("tanh"), nn.Linear(6, 6)
        self.relu, self.prelu, self.soft = nn.ReLU(inplace=True), nn.PReLU(), nn.Softmax(-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.soft(self.prelu(self.relu(self.b(self.act(self.a(x))))))


def swapped() -> nn.Module:
    torch.manual_seed(0)
    model = Model().eval()
    assert len(ot.swap(model).changed) == 4
    return model


def test_swapped_modules_are_leaves_of_fx() -> None:
    model = swapped()
    traced = torch.fx.symbolic_trace(model)
    ops = [node.op for node in traced.graph.nodes]
    assert ops == ["placeholder", *["call_module"] * 6, "output"]
    assert torch.equal(traced(X), model(X))
    assert torch.equal(copy.deepcopy(traced)(X), model(X))
    assert isinstance(traced.act, ot.nn.GELU)


def test_functions_that_a_swapped_model_calls_are_recorded_as_ogive_s() -> None:
    class Called(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.gelu(x, approximate="tanh") + torch.sigmoid(x)

    model = Called()
    ot.swap(model, functional=True)
    traced = torch.fx.symbolic_trace(model)
    assert {ot.gelu_tanh, ot.sigmoid} < {node.target for node in traced.graph.nodes}
    assert torch.equal(traced(X), model(X))


def test_modules_of_ogive_are_traced() -> None:
    model = nn.Sequential(ot.nn.LeakyReLU(0.2), ot.nn.Softmax(-1))
    traced = torch.fx.symbolic_trace(model)
    assert torch.equal(traced(X), model(X))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_swapped_model_is_traced_by_jit_and_calls_ogive() -> None:
    model = swapped()
    traced = torch.jit.trace(model, X)
    assert "ogive::gelu_tanh" in str(traced.inlined_graph)
    other = torch.randn(3, 6)
    assert torch.equal(traced(other), model(other))
    saved = io.BytesIO()
    torch.jit.save(traced, saved)
    saved.seek(0)
    assert torch.equal(torch.jit.load(saved)(other), model(other))
    for name, f in CALLS.items():
        if name not in ("relu_", "softmax, dim=None", "linear_cross_entropy"):
            assert torch.equal(torch.jit.trace(f, X, check_trace=False)(X + 1), f(X + 1)), name


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_scripting_says_in_one_sentence_what_to_do() -> None:
    for model in (swapped(), nn.Sequential(ot.nn.GELU())):
        with pytest.raises(RuntimeError, match="cannot compile Ogive's functions: use"):
            torch.jit.script(model)
    model = swapped()
    ot.unswap(model)
    torch.jit.script(model)


@pytest.mark.parametrize("strict", [False, True])
def test_a_swapped_model_is_exported(strict: bool) -> None:
    torch._dynamo.reset()
    model = swapped()
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(model, (X,), dynamic_shapes=({0: batch},), strict=strict)
    assert "torch.ops.ogive.gelu_tanh" in exported.graph_module.code
    other = torch.randn(3, 6)
    assert torch.equal(exported.module()(other), model(other))


def test_flops_of_a_swapped_model_are_counted() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    model, flops = Model(), []
    for _ in range(2):
        with FlopCounterMode(display=False) as counter:
            model(X).sum().backward()
        flops.append(counter.get_total_flops())
        ot.swap(model)
    assert flops[0] == flops[1] > 0


@pytest.mark.parametrize("name", ogive.catalog.names("unary") + ogive.catalog.names("rows"))
def test_what_an_operator_decomposes_to_has_its_values(name: str) -> None:
    if name == "gumbel_softmax":
        return  # its noise is Ogive's own
    operator = getattr(torch.ops.ogive, name).default
    card = ogive.catalog.find(name)
    x = X.double()
    given = [x, 0, 2.0, None]
    if card.kind == "unary":
        numbers = [p.default for p in card.parameters if p.operand]
        given = [x, *(torch.tensor([n]).to(x) if card.learns else n for n in numbers)]
    found = torch._decomp.decomposition_table[operator](*given)
    torch.testing.assert_close(found, operator(*given), rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_a_swapped_model_is_exported_to_onnx_and_runs_there() -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model = swapped()
    saved = io.BytesIO()
    program = torch.onnx.export(model, (X,), dynamo=True, verbose=False)
    assert {node.op_type for node in program.model.graph} >= {"Gelu", "PRelu", "Softmax"}
    program.save(saved)
    session = runtime.InferenceSession(saved.getvalue())
    (found,) = session.run(None, {session.get_inputs()[0].name: X.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), model(X).detach())


@pytest.mark.filterwarnings("ignore")
def test_a_swapped_model_is_quantised_as_it_was() -> None:
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Hardswish()).eval()
    x, results = X[None, None], []
    for _ in range(2):
        prepared = prepare_fx(copy.deepcopy(model), get_default_qconfig_mapping("x86"), (x,))
        prepared(x)
        results.append(convert_fx(prepared))
        ot.swap(model)
    kinds = [[type(part) for part in list(result.modules())[1:]] for result in results]
    assert torch.ao.nn.intrinsic.quantized.ConvReLU2d in kinds[0]
    assert kinds[0] == kinds[1]
    # Ranges may differ in their last bit, and results by a quantisation step.
    torch.testing.assert_close(results[0](x), results[1](x), rtol=0, atol=0.04)
