"""swap turns a model's activations into Ogive's and back, on the architectures people train."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import warnings
import weakref
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

import ogive.torch as ot  # noqa: E402
from cases import check_python  # noqa: E402
from ogive.torch import _adapters, _functional  # noqa: E402
from ogive.torch._modules import OfCard  # noqa: E402
from test_torch_swap_functional import counted  # noqa: E402
from torch_tables import saved_bytes  # noqa: E402


class Block(nn.Module):
    """ResNet's basic block."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x
        return self.relu(y)


class ResNet(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), Block(8), Block(8),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
        )  # fmt: skip


class Functional(nn.Module):
    """A model that calls functions, as most attention does."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)
        self.act = F.gelu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.leaky_relu(self.act(self.a(x)), 0.2)
        scores = (h @ h.transpose(-1, -2)).softmax(dim=-1)
        h = torch.sigmoid(self.b(scores @ h)) * F.gelu(h, approximate="tanh")
        h = F.softplus(h, 1, 20) + F.hardtanh(h, -2, 2) + F.relu_(h.clone())
        return F.log_softmax(h, dim=-1)


def huggingface() -> dict[str, tuple[nn.Module, torch.Tensor]]:
    transformers = pytest.importorskip("transformers")
    small: dict[str, Any] = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64,
    }  # fmt: skip
    ids, image = torch.arange(12)[None], torch.randn(1, 3, 32, 32)
    gpt = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, vocab_size=50, bos_token_id=1, eos_token_id=2
    )
    return {
        "gpt": (transformers.GPT2Model(gpt), ids),
        "bert": (transformers.BertModel(transformers.BertConfig(vocab_size=50, **small)), ids),
        "vit": (
            transformers.ViTModel(transformers.ViTConfig(image_size=32, patch_size=8, **small)),
            image,
        ),
        "resnet": (
            transformers.ResNetModel(
                transformers.ResNetConfig(
                    embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
                )
            ),
            image,
        ),
    }


def output(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = model(x)
    return y if isinstance(y, torch.Tensor) else y.last_hidden_state


@pytest.mark.parametrize("name", ["gpt", "bert", "vit", "resnet"])
@pytest.mark.parametrize("functional", [False, True])
def test_a_transformers_model_goes_on_as_before(name: str, functional: bool) -> None:
    model, x = huggingface()[name]
    model.eval()
    before = output(model, x)
    keys = list(model.state_dict())
    kinds = [type(m) for m in model.modules()]
    report = ot.swap(model, functional=functional)
    assert any("ogive.torch.nn" in change.after for change in report.changed)
    assert not report.kept
    left = {
        type(m).__name__
        for m in model.modules()
        if "activation" in type(m).__module__ and not isinstance(m, OfCard)
    }
    assert not left - {"Identity", "MultiheadAttention"}
    torch.testing.assert_close(output(model, x), before, rtol=1e-4, atol=1e-4)
    assert list(model.state_dict()) == keys
    output(model, x).sum().backward()
    ot.unswap(model)
    assert [type(m) for m in model.modules()] == kinds
    assert torch.equal(output(model, x), before)


@pytest.mark.parametrize("lean", [None, True])
def test_a_resnet_trains_the_same(lean: bool | None) -> None:
    torch.manual_seed(0)
    theirs = ResNet()
    ours = copy.deepcopy(theirs)
    report = ot.swap(ours, lean=lean)
    assert len(report.changed) == 3
    x, t = torch.randn(8, 3, 8, 8), torch.randint(5, (8,))
    losses = []
    for model in (theirs, ours):
        optimiser = torch.optim.SGD(model.parameters(), 0.05)
        for _ in range(5):
            loss = F.cross_entropy(model(x), t)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_functional_calls_are_found_while_forward_runs() -> None:
    model = Functional().double()
    x = torch.randn(2, 4, 6, dtype=torch.float64)
    before = model(x)
    called: list[str] = []
    import ogive.torch._functional as module

    spied = {
        name: (lambda *a, name=name, f=f, **k: called.append(name) or f(*a, **k))
        for name, f in module.FUNCTIONS.items()
    }
    for name, f in spied.items():
        import inspect

        f.__signature__ = inspect.signature(module.FUNCTIONS[name])  # type: ignore[attr-defined]
    original = module.FUNCTIONS
    module.FUNCTIONS = spied  # type: ignore[assignment]
    try:
        report = ot.swap(model, functional=True)
        found = model(x)
    finally:
        module.FUNCTIONS = original
    torch.testing.assert_close(found, before, rtol=1e-8, atol=1e-8)
    assert {c.path for c in report.changed} == {"act", "forward"}
    assert called == [
        "gelu", "leaky_relu", "softmax", "sigmoid", "gelu_tanh", "softplus", "hard_tanh", "relu",
        "log_softmax",
    ]  # fmt: skip
    ot.unswap(model)
    assert torch.equal(model(x), before)
    assert "forward" not in vars(model)
    assert model.act is F.gelu


def test_hooks_weights_and_mode_survive() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.PReLU(3), nn.RReLU())
    calls = []
    hook = model[1].register_forward_hook(lambda *_: calls.append(1))
    weight = model[1].weight
    model.eval()
    ot.swap(model)
    assert model[1].weight is weight
    assert not model[2].training
    model(torch.ones(2, 3))
    assert calls
    hook.remove()
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again(torch.ones(2, 3)), model(torch.ones(2, 3)))


def test_what_cannot_be_swapped_says_why() -> None:
    class Mine(nn.ReLU):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(input)

    model = nn.Sequential(
        nn.Hardtanh(-2, 2), nn.Softplus(threshold=1), nn.Softmax(), Mine(), nn.GELU()
    )
    report = ot.swap(model)
    assert [c.path for c in report.changed] == ["0", "4"]
    reasons = dict(report.kept)
    assert "threshold = 1: torch's is a straight line" in reasons["1"]
    assert "no dim" in reasons["2"]
    assert type(model[3]) is Mine
    assert "2 changed" in str(report)
    assert "left as they are" in str(report)


def test_swapping_twice_is_swapping_once_and_unswapping_what_was_not_is_refused() -> None:
    model = nn.Sequential(nn.ReLU())
    first = ot.swap(model, lean=False)
    again = ot.swap(model, lean=True)
    assert [(c.path, c.after) for c in again.changed] == [(c.path, c.after) for c in first.changed]
    assert again.kept == first.kept
    assert model[0].lean is True
    ot.unswap(model)
    assert type(model[0]) is nn.ReLU
    assert "lean" not in vars(model[0])
    with pytest.raises(RuntimeError, match="not swapped"):
        ot.unswap(model)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        ot.swap(3)  # type: ignore[arg-type]


def test_a_swapped_model_compiles() -> None:
    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.SiLU())
    ot.swap(model)
    x = torch.randn(3, 4)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x))


def test_lean_keeps_less() -> None:
    model = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
    x = torch.randn(32, 64)

    def kept() -> int:
        with saved_bytes() as seen:
            model(x)
        parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
        return sum(size for at, size in seen.items() if at not in parameters)

    full = kept()
    ot.swap(model, lean=True)
    # The output is the next layer's input already: all that is added is a bit an element.
    assert full - kept() == 32 * 256 * 4 - 32 * 256 // 8


@pytest.mark.parametrize("out_features", [(), (2,)])
def test_a_linear_loss_keeps_its_layer(out_features: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    weight = torch.tensor([1.0, 2.0, 0.5])
    loss = nn.LinearCrossEntropyLoss(
        4, 3, out_features=out_features, bias=True, weight=weight, label_smoothing=0.1
    )
    x, t = torch.randn(5, 4), torch.randint(3, (5, *out_features))
    before, layer = loss(x, t), loss.linear
    assert not ot.swap(loss).kept
    assert isinstance(loss, ot.nn.LinearCrossEntropyLoss)
    assert loss.linear is layer
    torch.testing.assert_close(loss(x, t), before)
    ot.unswap(loss)
    assert torch.equal(loss(x, t), before)


class Bounded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shrinks = nn.Sequential(nn.Softshrink(0.0), nn.Hardshrink(-1.0), nn.Hardtanh(-2, 0.5))
        self.celu = nn.CELU(-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.softplus(x, -1.0) + F.softplus(x, 1, 2) + F.softmax(self.shrinks(x), None)
        return self.celu(y) + x.clone().hardshrink(lambd=0.0)


@pytest.mark.filterwarnings("ignore:Implicit dimension")
def test_what_only_torch_takes_stays_torch_s() -> None:
    model, x = Bounded(), torch.randn(5)
    before = model(x)
    report = ot.swap(model, functional=True)
    assert report.kept == [("celu", "torch.nn.CELU: alpha = -0.5 is not in (0, inf)")]
    assert {c.path for c in report.changed} == {"shrinks.0", "shrinks.1", "shrinks.2", "forward"}
    assert torch.equal(model(x), before)


class Named(Functional):
    def forward(self, x: torch.Tensor, mask: Any = None, *, scale: float = 1.0) -> torch.Tensor:
        """What it does."""
        y = super().forward(x)
        return y * scale if mask is None else y * mask


def functional() -> tuple[Named, Any, torch.Tensor]:
    torch.manual_seed(0)
    model = Named().double()
    before = inspect.signature(model.forward)
    ot.swap(model, functional=True)
    return model, before, torch.randn(2, 4, 6, dtype=torch.float64)


def test_forward_is_the_bound_method_that_it_was() -> None:
    model, before, x = functional()
    assert inspect.signature(model.forward) == before
    assert list(inspect.getfullargspec(model.forward).args) == ["self", "x", "mask"]
    assert inspect.ismethod(model.forward)
    assert model.forward.__self__ is model
    assert (model.forward.__name__, model.forward.__doc__) == ("forward", "What it does.")
    assert "forward" not in vars(model)
    assert type(model).__name__ == "Named"
    assert isinstance(model, Named)
    assert torch.equal(model(x, scale=2.0), 2 * model.forward(x))


def calls_of(model: nn.Module, x: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> int:
    with counted(monkeypatch) as called:
        model(x)
    return len(called)


COPIES: dict[str, Any] = {
    "copy": copy.copy, "deepcopy": copy.deepcopy,
    **{f"pickle {k}": lambda m, k=k: pickle.loads(pickle.dumps(m, k)) for k in range(2, 6)},
    "python's pickle": lambda m: pickle._loads(pickle._dumps(m)),  # type: ignore[attr-defined]
    "replica": lambda m: m._replicate_for_data_parallel(),  # what DataParallel runs
}  # fmt: skip


@pytest.mark.parametrize("how", COPIES)
def test_copies_run_with_parts_of_their_own(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, before, x = functional()
    y = model(x)
    other = COPIES[how](model)
    if how == "replica":  # as `replicate` does it
        other.a, other.b = model.a._replicate_for_data_parallel(), model.b
        other.a.weight, other.a.bias = model.a.weight.clone(), model.a.bias.clone()
    assert other.forward.__self__ is other
    assert inspect.signature(other.forward) == before
    assert torch.equal(other(x), y)
    assert calls_of(other, x, monkeypatch) == 9
    if how == "copy":
        return
    with torch.no_grad():
        other.a.weight.zero_()
        other.a.bias.zero_()
    assert torch.equal(model(x), y)
    assert not torch.equal(other(x), y)
    if how == "replica":
        return
    ot.unswap(other)
    assert type(other) is Named
    assert not calls_of(other, x, monkeypatch)
    assert calls_of(model, x, monkeypatch) == 9


def test_a_saved_model_is_swapped_where_it_is_loaded(tmp_path: Any) -> None:
    torch.save(functional()[0], tmp_path / "model.pt")
    code = f"""
import torch, test_torch_swap
model = torch.load({str(tmp_path / "model.pt")!r}, weights_only=False)
x = torch.ones(1, 2, 6, dtype=torch.float64)
swapped = model(x)
import ogive.torch
ogive.torch.unswap(model)
assert not torch.equal(model(x), swapped)
torch.testing.assert_close(model(x), swapped)
"""
    check_python(code)


@pytest.mark.parametrize("functional", [False, True])
def test_a_deleted_model_is_gone(functional: bool) -> None:
    class Local(nn.Sequential):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return F.softplus(super().forward(input))

    model = Local(nn.Linear(3, 3), nn.GELU())
    report = ot.swap(model, functional=functional)
    checkpoint(model, torch.ones(2, 3, requires_grad=True), use_reentrant=False).sum().backward()
    assert report.model is model
    gone = [weakref.ref(model), *map(weakref.ref, model)]
    made = weakref.ref(type(model))
    del model
    gc.collect()
    assert [ref() for ref in gone] == [None, None, None]
    assert functional == (made() is None)
    with pytest.raises(RuntimeError, match="the model of this report is gone"):
        ot.unswap(report)
    assert str(pickle.loads(pickle.dumps(report))) == str(report)


def test_parts_called_alone_and_forwards_of_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Named().double()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x)

    model, x = Outer(), torch.randn(1, 2, 6, dtype=torch.float64)
    given = model.inner.forward
    wrapped = functools.wraps(given)(lambda *a, **k: given(*a, **k) + 1)
    before = model(x)
    model.inner.forward = wrapped
    ot.swap(model, functional=True)
    assert calls_of(model, x, monkeypatch) == calls_of(model.inner, x, monkeypatch) == 9
    assert inspect.signature(model.inner.forward) == inspect.signature(wrapped)
    torch.testing.assert_close(copy.deepcopy(model)(x), before + 1)
    ot.unswap(model)
    assert model.inner.forward is wrapped
    assert torch.equal(model(x), before + 1)
    assert type(model.inner) is Named


def test_a_class_that_counts_its_subclasses_and_a_new_model_of_a_swapped_one_s_class() -> None:
    made = []

    class Registered(nn.Module):
        def __init_subclass__(cls, **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            made.append(cls.__name__)

    class Layer(Registered):
        def __init__(self, size: int):
            super().__init__()
            self.a = nn.Linear(size, size)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.gelu(self.a(x))

    model = nn.Sequential(Layer(3), Layer(3))
    ot.swap(model, functional=True)
    assert made == ["Layer", "Layer"]
    assert type(model[0]) is type(model[1])
    again = type(model[0])(3)
    assert type(again) is Layer
    assert inspect.signature(type(model[0])) == inspect.signature(Layer)


class Needy(nn.Module):
    def __init_subclass__(cls, name: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)


def test_what_has_no_subclass_is_reported_and_what_is_scripted_too() -> None:
    class Layer(Needy, name="a"):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.gelu(x)

    report = ot.swap(Layer(), functional=True)
    assert "Layer has no subclass for what it calls: " in str(report)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(nn.Sequential(nn.GELU()))
    assert "compiled to TorchScript" in str(ot.swap(scripted, functional=True))


def test_a_functional_model_compiles_to_one_graph() -> None:
    torch._dynamo.reset()
    model, _, x = functional()
    assert torch._dynamo.explain(model)(x).graph_break_count == 0
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x))
    torch._dynamo.reset()


def language_models() -> dict[str, Any]:
    transformers = pytest.importorskip("transformers")
    small: dict[str, Any] = {
        "hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 50, "pad_token_id": 0,
    }  # fmt: skip
    dense: dict[str, Any] = {**small, "num_attention_heads": 4, "intermediate_size": 48}
    return {
        "bert": (transformers.BertForMaskedLM, transformers.BertConfig(**dense)),
        "llama": (
            transformers.LlamaForCausalLM,
            transformers.LlamaConfig(**dense, num_key_value_heads=2),
        ),
        "t5": (
            transformers.T5ForConditionalGeneration,
            transformers.T5Config(
                d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, vocab_size=50,
                feed_forward_proj="gated-gelu", decoder_start_token_id=0, dropout_rate=0.0,
            ),
        ),
        "mamba": (
            transformers.MambaForCausalLM, transformers.MambaConfig(**small, state_size=4)
        ),
        "mamba2": (
            transformers.Mamba2ForCausalLM,
            transformers.Mamba2Config(
                **small, state_size=8, num_heads=8, head_dim=8, n_groups=1, chunk_size=8
            ),
        ),
        "falcon mamba": (
            transformers.FalconMambaForCausalLM,
            transformers.FalconMambaConfig(**small, state_size=4),
        ),
        "jamba": (
            transformers.JambaForCausalLM,
            transformers.JambaConfig(
                **dense, num_key_value_heads=2, num_experts=2, mamba_d_state=4, mamba_dt_rank=4,
                attn_layer_period=2, attn_layer_offset=1, use_mamba_kernels=False,
            ),
        ),
    }  # fmt: skip


def loss_and_gradients(model: Any, ids: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return [loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")
@pytest.mark.parametrize("lean", [None, True])
@pytest.mark.parametrize("name", language_models())
def test_transformers_checkpoint_layers_with_the_same_gradients(
    name: str, lean: bool | None
) -> None:
    torch.manual_seed(0)
    make, config = language_models()[name]
    model = make(config).train()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    ids = torch.randint(3, 50, (2, 7), generator=torch.Generator().manual_seed(1))
    exact = loss_and_gradients(model, ids)
    largest = max(float(g.abs().max()) for g in exact)
    takes = inspect.signature(model.forward)
    ot.swap(model, functional=True, lean=lean)
    assert inspect.signature(model.forward) == takes
    for reentrant in (None, False, True):
        if reentrant is not None:
            model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        if reentrant:
            model.enable_input_require_grads()
        for found, expected in zip(loss_and_gradients(model, ids), exact, strict=True):
            scale = float(expected.abs().max()) + 1e-4 * largest  # some vanish but for rounding
            torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=2e-4)


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_generation_gives_the_same_tokens(name: str) -> None:
    torch.manual_seed(0)
    make, config = language_models()[name]
    model = make(config).eval()
    ids = torch.randint(3, 50, (2, 5), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, :2] = 0  # padded on the left
    options = {"attention_mask": mask, "max_new_tokens": 6, "eos_token_id": None}
    before = [model.generate(ids, num_beams=n, do_sample=False, **options) for n in (1, 3)]
    ot.swap(model, functional=True)
    after = [model.generate(ids, num_beams=n, do_sample=False, **options) for n in (1, 3)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_an_end_of_a_domain_that_belongs_to_it_where_subnormals_are_flushed() -> None:
    """The lower end of [0, inf) is written as the number below 0, which is then 0 itself."""
    model, x = nn.Sequential(nn.Softshrink(0.0)), torch.tensor([-1.0, 2.0])
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor does not flush them")
    try:
        report = ot.swap(model)
        adapted = _adapters.adapters()[F.softshrink](None, _functional.FUNCTIONS, x, 0.0)
        found = model(x)
    finally:
        torch.set_flush_denormal(False)
    assert isinstance(model[0], ot.nn.Softshrink), str(report)
    assert adapted is not NotImplemented
    assert torch.equal(adapted, x)
    assert torch.equal(found, x)


# Results that a model writes over.


class Passing(nn.Module):
    """As stochastic depth is: it may give its input itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Shortcut(nn.Module):
    """As torchvision's EfficientNetV2 has it."""

    def __init__(self, act: nn.Module):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(5, 5), nn.Sequential(nn.Linear(5, 5), act))
        self.depth, self.first = Passing(), nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.block(self.first(x))
        if self.training:
            y = self.depth(y)
            y += x
        return y


class Inside(Shortcut):
    """The activation is in a module that gives its result, and a method writes."""

    def __init__(self, act: nn.Module):
        super().__init__(act)
        self.inner = Shortcut(act)
        del self.block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inner.block(x) if self.training else x
        y.mul_(2)
        return y


@pytest.mark.parametrize("lean", [None, True])
@pytest.mark.parametrize("cls", [Shortcut, Inside])
@pytest.mark.parametrize(
    "act", [nn.SiLU(), nn.SiLU(inplace=True), nn.ELU(), nn.GELU(), nn.Softplus()], ids=str
)
def test_results_that_are_written_over_are_not_kept(
    act: nn.Module, cls: type[Shortcut], lean: bool | None
) -> None:
    torch.manual_seed(0)
    model, x = cls(copy.deepcopy(act)), torch.randn(3, 5)

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        model(x).square().sum().backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    exact = gradients()
    report = ot.swap(model, lean=lean)
    for a, b in zip(gradients(), exact, strict=True):
        torch.testing.assert_close(a, b)
    told = {c.path: c.kept for c in report.changed}
    (path,) = (p for p in told if p.endswith("block.1.1"))
    assert ("writes over" in told[path]) == (lean is True or isinstance(act, (nn.ELU, nn.Softplus)))
    assert "writes over" not in told["first"]
    ot.unswap(model)
    assert "lean" not in vars(model.first)
    assert all(map(torch.equal, gradients(), exact))


def test_a_name_that_is_something_else_by_then_is_not_taken_for_it() -> None:
    """As a residual network's block writes over a norm's result, under the name of a ReLU's."""

    class Residual(Shortcut):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.first(x)
            y = self.block[0](y)
            y += x
            return self.first(y)

    model = Residual(nn.SiLU())
    report = ot.swap(model, lean=True)
    assert not any("writes over" in c.kept for c in report.changed)
    model(torch.randn(3, 5)).sum().backward()
