"""swap(fuse=True): gated products become gated functions, and a language model's head and loss one
call, under the model's own conventions; losses and gradients are those of the model as it was.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from functorch.compile import make_boxed_func  # noqa: E402
from torch import nn  # noqa: E402
from torch._dynamo.backends.common import aot_autograd  # noqa: E402

import ogive.torch as ot  # noqa: E402
from ogive.torch import _deferred, _gates  # noqa: E402
from ogive.torch._deferred import Deferred  # noqa: E402
from torch_tables import saved_bytes  # noqa: E402

aten = torch.ops.aten

# Gates.


class Gated(nn.Module):
    """A product in each of the ways in which libraries write it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.both = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(6, 16)
        self.down, self.act, self.drop = nn.Linear(8, 6), nn.SiLU(), nn.Dropout(0.0)


class AsLlama(Gated):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(self.act(self.gate(x)) * self.up(x))


class AsT5(Gated):
    def forward(self, x: torch.Tensor, *, scale: float = 2.0) -> torch.Tensor:
        hidden_gelu = self.act(self.gate(x))
        hidden_linear = self.up(x)
        x = hidden_gelu * hidden_linear
        x = self.drop(x)
        if isinstance(self.down.weight, torch.Tensor) and x.dtype != self.down.weight.dtype:
            x = x.to(self.down.weight.dtype)
        return self.down(x) * scale


class AsPhi(Gated):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.both(x).chunk(2, dim=-1)
        return self.down(up * self.act(gate))


class AsDiffusers(Gated):
    def gelu(self, gate: torch.Tensor) -> torch.Tensor:
        return F.gelu(gate)

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        x, gate = self.both(x).chunk(2, dim=-1)
        return x * self.gelu(gate)


class AsTimm(Gated):
    def forward(self, x: torch.Tensor, last: bool = True) -> torch.Tensor:
        a, b = self.both(x).chunk(2, -1)
        return F.relu(a) * b if last else a * torch.sigmoid(b)


class AsGemma(Gated):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.GELU("tanh")  # type: ignore[assignment]

    forward = AsLlama.forward


BLOCKS = {
    AsLlama: ["swiglu"], AsT5: ["swiglu"], AsPhi: ["swiglu"], AsDiffusers: ["geglu"],
    AsGemma: ["geglu_tanh"], AsTimm: ["glu", "reglu"],
}  # fmt: skip


def gradients(model: nn.Module, x: torch.Tensor, **options: Any) -> list[torch.Tensor]:
    model.zero_grad()
    x = x.clone().requires_grad_()
    y = model(x, **options)
    (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in model.parameters() if p.grad is not None)]  # type: ignore[list-item]


def units_called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    called: list[str] = []
    spied = {
        name: lambda *a, f=f, **k: called.append(f.__name__) or f(*a, **k)
        for name, f in _gates.UNITS.items()
    }
    for name, f in spied.items():
        f.__name__ = _gates.UNITS[name].__name__  # type: ignore[attr-defined]
    monkeypatch.setattr(_gates, "UNITS", spied)
    return called


@pytest.mark.parametrize("functional", [False, True])
@pytest.mark.parametrize("cls", BLOCKS, ids=lambda cls: cls.__name__)
def test_gated_products_become_gated_functions(
    cls: type[Gated], functional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model, x = cls().double(), torch.randn(3, 6, dtype=torch.float64)
    exact = gradients(model, x)
    called = units_called(monkeypatch)
    report = ot.swap(model, fuse=True, functional=functional)
    found = [c.after for c in report.changed if c.before == "act(gate) * up"]
    assert found == [f"ogive.torch.{name}" for name in BLOCKS[cls]]
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        called.clear()
        for a, b in zip(gradients(other, x), exact, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
        assert called == BLOCKS[cls][-1:]
    ot.unswap(model)
    assert type(model) is cls
    assert all(map(torch.equal, gradients(model, x), exact))


def test_a_rewritten_forward_keeps_its_defaults() -> None:
    model, x = AsT5(), torch.randn(3, 6)
    exact = model(x)
    ot.swap(model, fuse=True)
    torch.testing.assert_close(model(x), exact)
    torch.testing.assert_close(model(x, scale=1.0), exact / 2)


def test_only_a_and_b_are_kept() -> None:
    model, x = AsLlama(), torch.randn(64, 6)

    def kept() -> int:
        with saved_bytes() as seen:
            model(x)
        return sum(seen.values())

    before = kept()
    ot.swap(model, fuse=True)
    assert before - kept() == 64 * 8 * 4  # the activation's result


def test_what_an_activation_does_beside_its_function_is_done() -> None:
    model, x = AsLlama(), torch.randn(3, 6)
    ot.swap(model, fuse=True)
    seen: list[Any] = []
    hook = model.act.register_forward_hook(lambda *_: seen.append(1))
    model(x)
    assert seen
    hook.remove()
    fused = model(x)
    model.act = nn.Tanh()  # another, of which there is no gated form
    assert not torch.allclose(model(x), fused)
    torch.testing.assert_close(model(x), model.down(torch.tanh(model.gate(x)) * model.up(x)))


def test_products_of_other_shapes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As squeeze-and-excitation has them: a gate for each channel."""

    class Excited(Gated):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.act(x.mean(0, keepdim=True)) + self.act(x) * 2

    model, x = Excited(), torch.randn(3, 6)
    exact = model(x)
    called = units_called(monkeypatch)
    ot.swap(model, fuse=True)
    torch.testing.assert_close(model(x), exact)
    assert not called


def test_fused_gates_compile_to_one_graph() -> None:
    torch._dynamo.reset()
    model, x = AsLlama(), torch.randn(3, 6)
    ot.swap(model, fuse=True)
    graphs: list[Any] = []

    def count(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch.testing.assert_close(torch.compile(model, backend=count, fullgraph=True)(x), model(x))
    assert [("swiglu" in graph.code) for graph in graphs] == [True]
    torch._dynamo.reset()


# Heads.

SMALL = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24,
    "vocab_size": 50,
}  # fmt: skip


def models() -> dict[str, Any]:
    transformers = pytest.importorskip("transformers")
    grouped = {**SMALL, "num_key_value_heads": 2}
    return {
        "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**grouped)),
        "gpt2": lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                n_embd=16, n_layer=1, n_head=2, vocab_size=50, bos_token_id=1, eos_token_id=2,
                attn_pdrop=0.0, resid_pdrop=0.0, embd_pdrop=0.0,
            )
        ),
        "gemma 2, softcap": lambda: transformers.Gemma2ForCausalLM(
            transformers.Gemma2Config(**grouped, head_dim=8, final_logit_softcapping=0.3)
        ),
        "cohere, scaled": lambda: transformers.CohereForCausalLM(
            transformers.CohereConfig(**grouped, logit_scale=0.5, pad_token_id=0)
        ),
        "granite, divided": lambda: transformers.GraniteForCausalLM(
            transformers.GraniteConfig(**grouped, logits_scaling=3.0)
        ),
        "bert, masked": lambda: transformers.BertForMaskedLM(
            transformers.BertConfig(
                **SMALL, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
            )
        ),
        "t5, two parts": lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                d_model=16, num_layers=1, num_heads=2, d_kv=8, d_ff=24, vocab_size=50,
                dropout_rate=0.0, decoder_start_token_id=0, feed_forward_proj="gated-gelu",
            )
        ),
    }  # fmt: skip


GATES = {
    "llama": ["swiglu"], "gemma 2, softcap": ["geglu_tanh"], "cohere, scaled": ["swiglu"],
    "granite, divided": ["swiglu"], "t5, two parts": ["geglu_tanh"],
}  # fmt: skip
"""What the gated products of these models become."""

NAMES = ("llama", "gpt2", "gemma 2, softcap", "cohere, scaled", "granite, divided", "bert, masked",
         "t5, two parts")  # fmt: skip


def batch(rows: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(3, 50, (rows, 7), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[0, :3] = -100
    return ids, labels


def language_model(name: str = "llama") -> Any:
    torch.manual_seed(0)
    return models()[name]().train()


def loss_and_gradients(model: Any, **more: Any) -> list[torch.Tensor]:
    model.zero_grad()
    ids, labels = batch()
    out = model(input_ids=ids, labels=labels, **more)
    out.loss.backward()
    return [out.loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


def near(found: list[torch.Tensor], exact: list[torch.Tensor]) -> None:
    for a, b in zip(found, exact, strict=True):
        scale = float(b.abs().max()) + 1e-6
        torch.testing.assert_close(a / scale, b / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize("functional", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_losses_and_gradients_are_those_of_whole_logits(
    name: str, functional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = language_model(name)
    exact, again = loss_and_gradients(model), loss_and_gradients(model, return_dict=True)
    assert all(map(torch.equal, exact, again))
    ids, labels = batch()
    logits = model(input_ids=ids, labels=labels).logits
    report = ot.swap(model, fuse=True, functional=functional)
    assert sum("linear_cross_entropy" in c.after for c in report.changed) == 1
    assert {c.after for c in report.changed if c.before == "act(gate) * up"} == {
        f"ogive.torch.{unit}" for unit in GATES.get(name, ())
    }
    products: list[torch.Tensor] = []
    whole = _deferred.computed
    monkeypatch.setattr(
        _deferred, "computed",
        lambda v: (products.append(v) if isinstance(v, Deferred) else None, whole(v))[1],
    )  # fmt: skip
    near(loss_and_gradients(model), exact)
    assert not products  # the logits were never computed
    out = model(input_ids=ids, labels=labels)
    assert out.logits.shape == logits.shape
    torch.testing.assert_close(out.logits + 0, logits)  # they are there when asked for
    assert products
    ot.unswap(model)
    assert all(map(torch.equal, loss_and_gradients(model), exact))


@pytest.mark.parametrize(
    "options",
    [{"num_items_in_batch": torch.tensor(5)}, {"logits_to_keep": 7}, {"shift_labels": True}],
    ids=["num_items_in_batch", "logits_to_keep", "shift_labels"],
)
def test_the_model_s_own_conventions_hold(options: dict[str, Any]) -> None:
    model = language_model()
    if "shift_labels" in options:
        options = {"shift_labels": batch()[1].roll(-1, 1)}
    exact = loss_and_gradients(model, **options)
    ot.swap(model, fuse=True)
    near(loss_and_gradients(model, **options), exact)


def test_in_evaluation_and_without_labels_nothing_changes() -> None:
    model = language_model()
    ot.swap(model, fuse=True)
    ids, labels = batch()
    assert type(model(input_ids=ids).logits) is torch.Tensor
    with torch.no_grad():
        assert type(model(input_ids=ids, labels=labels).logits) is torch.Tensor
    assert type(model.eval()(input_ids=ids, labels=labels).logits) is torch.Tensor
    assert not model.lm_head._ogive_defers
    ot.unswap(model)
    assert "_ogive_defers" not in vars(model.lm_head)


def test_a_loss_of_one_s_own_by_the_logits_has_their_gradients() -> None:
    model = language_model()
    ids, labels = batch()

    def run() -> list[torch.Tensor]:
        model.zero_grad()
        out = model(input_ids=ids, labels=labels)
        (out.loss + out.logits.float().logsumexp(-1).square().mean()).backward()
        return [p.grad for p in model.parameters()]

    exact = run()
    ot.swap(model, fuse=True)
    near(run(), exact)


def test_logits_after_a_step_are_refused_not_wrong() -> None:
    model = language_model()
    ot.swap(model, fuse=True)
    ids, labels = batch()
    out, read = (model(input_ids=ids, labels=labels) for _ in range(2))
    before = read.logits.argmax(-1)
    out.loss.backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert torch.equal(read.logits.argmax(-1), before)
    with pytest.raises(RuntimeError, match="before the optimiser's step"):
        out.logits.argmax(-1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_formats_and_autocast(dtype: torch.dtype) -> None:
    model, autocast = language_model(), dtype is torch.bfloat16

    def run() -> torch.Tensor:
        with torch.autocast("cpu", dtype, enabled=autocast):
            return loss_and_gradients(model if autocast else model.to(dtype))[0]

    exact = run()
    ot.swap(model, fuse=True)
    found = run()
    assert found.dtype == exact.dtype
    torch.testing.assert_close(found, exact, rtol=5e-3 if autocast else 1e-6, atol=0)
    half = language_model().bfloat16()
    exact = loss_and_gradients(half)[0]
    ot.swap(half, fuse=True)
    found = loss_and_gradients(half)[0]
    assert found.dtype == exact.dtype
    torch.testing.assert_close(found, exact, rtol=1e-2, atol=0)


def test_a_head_that_is_no_plain_layer_is_named() -> None:
    model = language_model()
    model.lm_head = nn.utils.parametrizations.weight_norm(model.lm_head)
    report = ot.swap(model, fuse=True)
    assert any(path == "lm_head" and "torch.nn.Linear" in why for path, why in report.kept)
    assert not any("linear_cross_entropy" in c.after for c in report.changed)


# Inside torch.compile.


@pytest.fixture
def compiled() -> Iterator[tuple[Any, list[Any]]]:
    """A compiler of whole models, and the graphs of forward that it has made."""
    torch._dynamo.reset()
    graphs: list[Any] = []

    def keep(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return make_boxed_func(graph)

    backend = aot_autograd(fw_compiler=keep, bw_compiler=lambda g, _: make_boxed_func(g))
    yield lambda model: torch.compile(model, backend=backend, fullgraph=True), graphs
    torch._dynamo.reset()


def whole_logits_in(graph: Any) -> bool:
    """Whether a graph computes a number for each row and class."""
    values = [n.meta.get("val") for n in graph.graph.nodes if n.target != aten.expand.default]
    return any(getattr(v, "shape", ())[1:] and v.shape[-1] == 50 for v in values)


@pytest.mark.parametrize(
    ("name", "functional"),
    [("llama", False), ("gemma 2, softcap", True), ("granite, divided", False)],
)
def test_a_compiled_model_fuses_its_head_in_one_graph(
    name: str, functional: bool, compiled: Any
) -> None:
    compile, graphs = compiled
    model = language_model(name)
    ids, labels = batch()
    exact, logits = loss_and_gradients(model), model(input_ids=ids, labels=labels).logits
    ot.swap(model, fuse=True, functional=functional)
    call = compile(model)
    near(loss_and_gradients(call), exact)
    (graph,) = graphs
    assert "linear_cross_entropy" in graph.code
    assert not whole_logits_in(graph)
    out = call(input_ids=ids, labels=labels)
    assert out.logits.shape == logits.shape
    torch.testing.assert_close(out.logits + 0, logits)
    out.logits.sum().backward()
    assert model.get_output_embeddings().weight.grad.abs().sum() > 0


def test_a_compiled_loss_that_nobody_can_take_over_is_of_whole_logits(compiled: Any) -> None:
    """Dynamo writes torch.nn.CrossEntropyLoss into its graph without asking its input."""
    compile, graphs = compiled
    model = language_model("bert, masked")
    exact = loss_and_gradients(model)
    ot.swap(model, fuse=True)
    near(loss_and_gradients(compile(model)), exact)
    assert whole_logits_in(graphs[0])


def test_a_compiled_model_trains_to_the_same_losses(compiled: Any) -> None:
    models = [language_model() for _ in range(2)]
    ot.swap(models[1], fuse=True, functional=True)
    losses = []
    for model, call in ((models[0], models[0]), (models[1], compiled[0](models[1]))):
        optimizer, found = torch.optim.AdamW(model.parameters(), 1e-2), []
        for _ in range(5):
            ids, labels = batch()
            optimizer.zero_grad()
            out = call(input_ids=ids, labels=labels)
            out.loss.backward()
            optimizer.step()
            found.append(float(out.loss.detach()))
        losses.append(found)
        assert found[-1] < found[0] - 0.5
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    with pytest.raises(RuntimeError, match="before the optimiser's step"):
        out.logits.argmax(-1)


# Logits that are not computed.


def layer() -> tuple[Any, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    linear = nn.Linear(5, 7).double()
    x = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    return linear, x, linear(x)


OPERATIONS: dict[str, Any] = {
    "view": lambda z: z.view(-1, 7), "reshape": lambda z: z.reshape(6, 7),
    "flatten": lambda z: z.flatten(0, 1), "shifted": lambda z: z[..., :-1, :],
    "row": lambda z: z[0], "slice": lambda z: z[:, 1:], "mask": lambda z: z[torch.eye(2, 3) > 0],
    "indices": lambda z: z[torch.tensor([1, 0, 1])], "scaled": lambda z: 3 * z / 2,
    "capped": lambda z: torch.tanh(z / 2) * 2, "float": lambda z: z.double().contiguous(),
    "to": lambda z: z.to(torch.float64),
}  # fmt: skip
OTHERS: dict[str, Any] = {
    "column": lambda z: z[..., 2], "columns": lambda z: z[:, :, 1:],
    "as wide": lambda z: z.view(7, 6),
    "rounded": lambda z: z.float(), "negative": lambda z: z * -1, "transposed": lambda z: z.mT,
    "none": lambda z: z[:, None], "sum": lambda z: z.sum(), "list": lambda z: z[:, [0, 1]],
    "softmax": lambda z: z.softmax(-1), "numpy": lambda z: torch.as_tensor(z.detach().numpy()),
    "in place": lambda z: z.mul_(2) + z, "function": lambda z: F.dropout(z, 0.0),
    "added": lambda z: torch.add(z, z), "tensor": lambda z: z * torch.tensor(2.0),
}  # fmt: skip


@pytest.mark.parametrize("name", [*OPERATIONS, *OTHERS])
def test_operations_on_deferred_logits_give_what_they_give(name: str) -> None:
    linear, x, z = layer()
    operation = (OPERATIONS | OTHERS)[name]
    found, exact = operation(_deferred.deferred(linear, x)), operation(z.clone())
    assert isinstance(found, Deferred) == (name in OPERATIONS)
    assert found.shape == exact.shape
    assert found.dtype == exact.dtype
    torch.testing.assert_close(found + 0, exact + 0)


def test_what_is_known_of_deferred_logits_computes_nothing() -> None:
    linear, x, z = layer()
    d = _deferred.deferred(linear, x)
    assert (d.shape, d.dtype, d.device, d.ndim, d.size(-1), d.numel(), len(d)) == (
        z.shape, z.dtype, z.device, 3, 7, 42, 2,
    )  # fmt: skip
    assert d.requires_grad
    assert isinstance(d, torch.Tensor)
    assert d.whole is None
    assert repr(d.detach()) == repr(z.detach())
    assert d.whole is not None
    assert type(pickle.loads(pickle.dumps(d.detach()))) is torch.Tensor


@pytest.mark.parametrize(
    "options",
    [
        {}, {"ignore_index": 2}, {"label_smoothing": 0.1}, {"reduction": "sum"},
        {"reduction": "none"}, {"weight": torch.arange(1.0, 8.0, dtype=torch.float64)},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["view", "capped"])
def test_cross_entropy_of_deferred_logits(name: str, options: dict[str, Any]) -> None:
    linear, x, z = layer()
    target = torch.tensor([0, 2, 6, 1, 2, 5])

    def loss(z: torch.Tensor) -> list[torch.Tensor]:
        linear.zero_grad()
        x.grad = None
        z = OPERATIONS[name](z).reshape(-1, 7)
        found = F.cross_entropy(z, target, **options)
        found.sum().backward()
        return [found.detach(), x.grad, linear.weight.grad, linear.bias.grad]  # type: ignore[list-item]

    exact = loss(z)
    d = _deferred.deferred(linear, x)
    for a, b in zip(loss(d), exact, strict=True):
        torch.testing.assert_close(a, b)
    assert d.whole is None
