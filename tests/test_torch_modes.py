"""Modes around a call: contexts of a device change nothing, other modes see the operator."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._device import DeviceContext  # noqa: E402

from torch_cases import CASES, Case, same_bits, samples, to_numpy  # noqa: E402

ALIKE = [
    case for case in CASES if case.variant != "channels"
]  # which makes its weights in the call
every_case = pytest.mark.parametrize("case", ALIKE, ids=lambda case: case.id)


def in_every_way(
    case: Case, xs: list[torch.Tensor], batch: list[torch.Tensor]
) -> list[torch.Tensor]:
    """Values, gradients and theirs, and a value by way of torch.func."""
    y = case.torch(*xs)
    dxs = torch.autograd.grad(y, xs, torch.ones_like(y), create_graph=True)
    total = sum((dx * dx + 0 * x).sum() for dx, x in zip(dxs, xs, strict=True))
    again = torch.autograd.grad(total, xs)
    (first,) = torch.autograd.grad(case.torch(*xs).sum(), xs[:1])
    mapped = [torch.func.vmap(case.torch)(*batch)] if case.variant != "training" else []
    return [y, case.torch(*(x.detach() for x in xs)), *dxs, *again, first, *mapped]


@every_case
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_context_of_a_device_changes_nothing(case: Case, device: str) -> None:
    xs = [x.requires_grad_() for x in samples(case)]
    batch = samples(case, batch=(2,))
    expected = in_every_way(case, xs, batch)
    with torch.device(device):
        found = in_every_way(case, xs, batch)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.device.type == "cpu"
        assert same_bits(ours, to_numpy(theirs))


@every_case
def test_a_context_of_a_device_sees_nothing_of_a_call(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take a microsecond for each call of torch."""
    xs = [x.requires_grad_() for x in samples(case)]
    given, dy = [x.detach() for x in xs], torch.ones_like(case.torch(*xs))
    seen: list[Any] = []
    original = DeviceContext.__torch_function__

    def watched(self: Any, func: Any, *rest: Any) -> Any:
        seen.append(func)
        return original(self, func, *rest)

    monkeypatch.setattr(DeviceContext, "__torch_function__", watched)
    with torch.device("cpu"):
        case.torch(*given)
        y = case.torch(*xs)
        torch.autograd.grad(y, xs, dy)
    assert seen == [torch.autograd.grad]


class Watching(TorchFunctionMode):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


@every_case
@pytest.mark.parametrize("device", [None, "cpu"])
def test_other_modes_see_the_operator(case: Case, device: str | None) -> None:
    xs = samples(case)
    expected = case.torch(*xs)
    with torch.device(device or "cpu") if device else torch.enable_grad(), Watching() as mode:
        found = case.torch(*xs)
    assert same_bits(found, to_numpy(expected))
    seen = [func for func in mode.seen if getattr(func, "namespace", "") == "ogive"]
    assert len(seen) == 1
    assert seen[0].name().startswith(f"ogive::{case.name}")
