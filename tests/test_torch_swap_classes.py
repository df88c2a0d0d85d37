"""A swapped module is one of the class that it had: for isinstance, tables by class, and undo."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrize  # noqa: E402

import ogive.torch as ot  # noqa: E402

MODULES: dict[str, Any] = {
    "GELU": lambda: nn.GELU("tanh"),
    "ReLU": lambda: nn.ReLU(inplace=True),
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "Hardtanh": lambda: nn.Hardtanh(-2, 2),
    "PReLU": lambda: nn.PReLU(3),
    "RReLU": nn.RReLU,
    "Softmax": lambda: nn.Softmax(-1),
    "Softmax2d": nn.Softmax2d,
    "GLU": nn.GLU,
    "CrossEntropyLoss": lambda: nn.CrossEntropyLoss(torch.tensor([1.0, 2.0]), label_smoothing=0.1),
}
INPUT = torch.linspace(-3, 3, 36).reshape(3, 2, 3, 2)


def call(module: nn.Module) -> Any:
    if isinstance(module, nn.CrossEntropyLoss):
        return module(INPUT, torch.ones(3, 3, 2, dtype=torch.long))
    if isinstance(module, nn.PReLU):
        return module(INPUT.transpose(1, 2))
    return module(INPUT.clone())


@pytest.mark.parametrize("name", MODULES)
def test_a_swapped_module_is_of_its_class(name: str) -> None:
    torch.manual_seed(0)
    module = MODULES[name]().eval()
    kind, shown, before = type(module), repr(module), call(module)
    takes, made_by = inspect.signature(module.forward), inspect.signature(kind)
    state = list(module.state_dict())
    report = ot.swap(module)
    assert [c.after for c in report.changed] == [f"ogive.torch.nn.{name}"]
    assert isinstance(module, kind)
    assert isinstance(module, getattr(ot.nn, name))
    assert type(module) == kind  # noqa: E721 as tables by class compare
    assert {kind: 1}[type(module)] == 1
    assert issubclass(type(module), kind)
    assert not issubclass(kind, type(module))
    assert repr(module) == shown
    assert type(module).__module__ == kind.__module__
    assert inspect.signature(module.forward) == takes
    assert inspect.signature(type(module)) == made_by
    assert list(module.state_dict()) == state
    torch.testing.assert_close(call(module), before)
    assert type(type(module)()) is kind if name not in ("Softmax",) else True
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(other) is type(module)
        ot.unswap(other)
        assert type(other) is kind
        assert torch.equal(call(other), before)
    ot.unswap(module)
    assert type(module) is kind
    assert torch.equal(call(module), before)


def test_a_subclass_that_keeps_forward_is_swapped_and_stays_of_its_class() -> None:
    class Mine(nn.LeakyReLU):
        def extra_repr(self) -> str:
            return "mine"

    model = nn.Sequential(Mine(0.3))
    before = model(INPUT)
    report = ot.swap(model)
    assert report.changed[0].after == "ogive.torch.nn.LeakyReLU"
    assert isinstance(model[0], Mine)
    assert repr(model[0]) == "Mine(mine)"
    torch.testing.assert_close(model(INPUT), before)


def test_layers_with_swapped_activations_fuse() -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 1),
                             nn.ReLU()).eval()  # fmt: skip

    model = make()
    report = ot.swap(model)
    assert len(report.changed) == 2
    fused = torch.ao.quantization.fuse_modules(model, [["0", "1", "2"], ["3", "4"]])
    assert type(fused[0]) is torch.ao.nn.intrinsic.ConvReLU2d
    torch.testing.assert_close(fused(INPUT), model(INPUT))


class Positive(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.exp()


def test_parametrisations_come_and_go_while_swapped() -> None:
    module = nn.PReLU(3)
    x = INPUT.transpose(1, 2)
    ot.swap(module)
    parametrize.register_parametrization(module, "weight", Positive())
    swapped = module(x)
    other = copy.deepcopy(module)
    ot.unswap(module)
    assert type(module).__mro__[1] is nn.PReLU
    assert type(other).__mro__[1] is not nn.PReLU
    torch.testing.assert_close(module(x), swapped)
    parametrize.remove_parametrizations(module, "weight")
    assert type(module) is nn.PReLU
    parametrize.remove_parametrizations(other, "weight")
    assert isinstance(other, ot.nn.PReLU)
    ot.unswap(other)
    assert type(other) is nn.PReLU


class Held(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act, self.other, self.layer = torch.tanh, torch.sigmoid, nn.GELU()


def test_what_changed_after_the_swap_stays_and_is_named() -> None:
    model = Held()
    ot.swap(model, functional=True)
    model.act, model.layer.__class__ = torch.relu, nn.SiLU
    with pytest.warns(UserWarning, match="not restored: the model: its act .*; layer: it became"):
        ot.unswap(model)
    assert (model.act, model.other, type(model.layer)) == (torch.relu, torch.sigmoid, nn.SiLU)
    with pytest.raises(RuntimeError, match="not swapped"):
        ot.unswap(model)


def test_averages_and_parts_of_a_swapped_model_are_unswapped() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.GELU()))
    ot.swap(model)
    average = torch.optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    ot.unswap(average)
    assert type(average.module[1][0]) is nn.GELU
    part = copy.deepcopy(model[1])
    ot.unswap(part)
    assert type(part[0]) is nn.GELU
    assert type(model[1][0]) is not nn.GELU
    # A part that was swapped alone is a part of what is swapped later.
    outer = nn.Sequential(model, nn.ReLU())
    assert [c.path for c in ot.swap(outer).changed] == ["0.1.0", "1"]
    ot.unswap(outer)
    assert type(model[1][0]) is nn.GELU


@pytest.mark.filterwarnings("ignore::UserWarning:captum")  # of the hooks that it sets
@pytest.mark.parametrize("method", ["DeepLift", "GuidedBackprop"])
def test_captum_attributes_a_swapped_model_as_it_was(method: str) -> None:
    captum = pytest.importorskip("captum.attr")
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.Sigmoid()).eval()
    x = INPUT[0, 0]
    before = getattr(captum, method)(model).attribute(x, target=1)
    ot.swap(model)
    found = getattr(captum, method)(model).attribute(x, target=1)
    torch.testing.assert_close(found, before)
