"""What `swap` reports: what it did not reach and why, and nothing that torch's code still runs."""

from __future__ import annotations

import re
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils import parametrize  # noqa: E402

import ogive.torch as ot  # noqa: E402


class QuickGELU(nn.Module):
    """As in open_clip."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class NewGELUActivation(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


class OwnGELU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.5 * x)


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + torch.randn_like(x))


class NoisyReLU(Noisy):
    pass


class SquaredReLU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x).square()


class Linear(nn.Linear):
    """As in timm; linear is a name of the identity, too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight, self.bias)


class GEGLU(nn.Module):
    """As in diffusers."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(4, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.proj(x).chunk(2, -1)
        return a * F.gelu(b)


class Doubled(nn.ReLU):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


class Positive(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.exp()


def parametrised() -> nn.Module:
    module = nn.PReLU()
    parametrize.register_parametrization(module, "weight", Positive())
    return module


def patched() -> nn.Module:
    module = nn.GELU()
    forward = module.forward
    module.forward = lambda x: forward(x)
    return module


LEFT: dict[str, tuple[Any, str]] = {
    "open_clip's": (QuickGELU, r"QuickGELU gives what ogive\.torch\.nn\.GELUSigmoid\(\) gives"),
    "transformers'": (NewGELUActivation, r"what ogive\.torch\.nn\.GELUTanh\(\) gives"),
    "another's": (SquaredReLU, r"what ogive\.torch\.nn\.ReLUSquared\(\) gives"),
    "diffusers'": (GEGLU, "GEGLU calls functions: functional=True reaches"),
    "a subclass": (Doubled, r"Doubled is a torch\.nn\.ReLU with a forward of its own"),
    "parametrised": (parametrised, r"torch\.nn\.PReLU is parametrised: swap the model before"),
    "patched": (patched, r"torch\.nn\.GELU: it has a forward of its own"),
    "a layer of torch's": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8), "in evaluation torch may compute"
    ),
    "attention": (lambda: nn.MultiheadAttention(4, 2), "computes its softmax"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_reached_is_named_with_the_reason(name: str) -> None:
    make, expected = LEFT[name]
    report = ot.swap(nn.Sequential(make()))
    assert not report.changed
    (why,) = [why for path, why in report.kept if path == "0"]
    assert re.search(expected, why), why


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_scripted_activation_is_named() -> None:
    report = ot.swap(nn.Sequential(torch.jit.script(nn.GELU())))
    assert report.kept == [("0", "it is compiled to TorchScript, with torch's functions in it")]


def test_what_is_no_function_of_the_catalog_is_not_offered() -> None:
    model = nn.Sequential(OwnGELU(), NoisyReLU(), Linear(2, 2), nn.Dropout(), nn.MSELoss())
    state = torch.random.get_rng_state()
    report = ot.swap(model)
    assert not report.kept
    assert torch.equal(torch.random.get_rng_state(), state)


def test_with_functional_the_calls_of_foreign_classes_are_reached() -> None:
    assert not ot.swap(nn.Sequential(GEGLU()), functional=True).kept


@pytest.mark.parametrize("functional", [False, True])
def test_on_a_device_without_kernels_nothing_is_changed(
    functional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Far(nn.Parameter):
        device = torch.device("xpu")

    model = nn.Sequential(nn.Linear(2, 2), nn.GELU(), nn.PReLU())
    for part in (model[0], model[2]):
        part.weight = Far(part.weight.data)
    kinds = [type(part) for part in model.modules()]
    report = ot.swap(model, functional=functional)
    assert not report.changed
    assert report.kept == [
        ("1", "torch.nn.GELU: there are no kernels for xpu"),
        ("2", "torch.nn.PReLU: there are no kernels for xpu"),
    ]
    assert [type(part) for part in model.modules()] == kinds
    ot.unswap(model)


def test_the_report_is_a_table() -> None:
    report = ot.swap(nn.Sequential(nn.GELU(), nn.Softmax(), Doubled()))
    table = report.table()
    lines = str(table).splitlines()
    assert lines[0].split() == ["module", "was", "is,", "or", "why", "not"]
    assert lines[1].split() == [
        "0",
        "torch.nn.GELU",
        *["ogive.torch.nn.GELU,", "keeps", "the", "input"],
    ]
    assert lines[2].startswith("1       left as it is  torch.nn.Softmax: it has no dim")
    assert repr(table) == str(table)
    assert (
        "<td>torch.nn.GELU</td><td>ogive.torch.nn.GELU, keeps the input</td>" in table._repr_html_()
    )
    console = pytest.importorskip("rich.console").Console(width=150, record=True, quiet=False)
    with console.capture() as captured:
        console.print(table)
    assert "ogive.torch.nn.GELU" in captured.get()


OF_LOSSES = "the gradient, the logits and the target"


@pytest.mark.parametrize(
    ("module", "plain", "lean"),
    [
        (nn.GELU(), "the input", "the output and a bit per element"),
        (nn.SiLU(inplace=True), "a copy of the input", "the output and a bit per element"),
        (nn.ReLU(), "the output", "a bit per element"),
        (nn.Hardswish(inplace=True), "a copy of the input", "a copy of the input"),
        (nn.Softmax2d(), "the output", "the output"),
        (nn.PReLU(3), "the input", "the input"),
        (nn.GELU("tanh"), "the input", "the input"),
        (nn.BCEWithLogitsLoss(), OF_LOSSES, OF_LOSSES),
    ],
    ids=repr,
)
def test_what_each_module_keeps_is_in_the_report(module: nn.Module, plain: str, lean: str) -> None:
    generator = torch.get_rng_state()
    for option, expected in ((None, plain), (True, lean)):
        report = ot.swap(module, lean=option)
        assert [c.kept for c in report.changed] == [expected]
        assert f"keeps {expected}" in str(report)
        assert report.table().rows[0][2].endswith(f", keeps {expected}")
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(p.grad is None for p in module.parameters())
