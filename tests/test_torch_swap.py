"""swap turns a model's activations into Ogive's and back, on the architectures people train."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import ogive.torch as ot  # noqa: E402


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
    left = {type(m).__name__ for m in model.modules() if "activation" in type(m).__module__}
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
    import ogive.torch._swap as module

    spied = {
        name: (lambda *a, name=name, f=f, **k: called.append(name) or f(*a, **k))
        for name, f in module._functions.items()
    }
    for name, f in spied.items():
        import inspect

        f.__signature__ = inspect.signature(module._functions[name])  # type: ignore[attr-defined]
    original = module._functions
    module._functions = spied  # type: ignore[assignment]
    try:
        report = ot.swap(model, functional=True)
        found = model(x)
    finally:
        module._functions = original
    torch.testing.assert_close(found, before, rtol=1e-8, atol=1e-8)
    assert {c.path for c in report.changed} == {"act", "forward"}
    # hardtanh between -2 and 2 stays torch's.
    assert called == [
        "gelu", "leaky_relu", "softmax", "sigmoid", "gelu_tanh", "softplus", "relu", "log_softmax",
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
    assert [c.path for c in report.changed] == ["4"]
    reasons = dict(report.kept)
    assert "between -2 and 2" in reasons["0"]
    assert "straight line" in reasons["1"]
    assert "no dim" in reasons["2"]
    assert type(model[3]) is Mine
    assert "1 changed" in str(report)
    assert "left as they are" in str(report)


def test_swapping_twice_and_unswapping_what_was_not_is_refused() -> None:
    model = nn.Sequential(nn.ReLU())
    ot.swap(model)
    with pytest.raises(RuntimeError, match="swapped already"):
        ot.swap(model)
    ot.unswap(model)
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

    def kept() -> set[int]:
        seen: dict[int, int] = {}

        def pack(t: torch.Tensor) -> torch.Tensor:
            seen[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            model(x)
        parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
        return sum(size for at, size in seen.items() if at not in parameters)  # type: ignore[return-value]

    full = kept()
    ot.swap(model, lean=True)
    # The output is the next layer's input already: all that is added is a bit an element.
    assert full - kept() == 32 * 256 * 4 - 32 * 256 // 8  # type: ignore[operator]


class Shrinking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Softshrink(0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.hardshrink(self.module(x), -1.0)


def test_a_number_that_only_torch_takes_stays_torch_s() -> None:
    model, x = Shrinking(), torch.randn(5)
    before = model(x)
    report = ot.swap(model, functional=True)
    assert report.kept == [("module", "torch.nn.Softshrink: lambd = 0.0 is not in (0, inf)")]
    assert torch.equal(model(x), before)
