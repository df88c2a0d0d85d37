"""Sizes, temperatures, axes, seeds and parameters that are arguments of what is compiled."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from torch_cases import CASES, HEAD_CASES, Case, same_bits, samples, to_numpy  # noqa: E402

Tensor = torch.Tensor
NAMED = {"ids": lambda case: case.id}
DRAWN = [case for case in CASES if case.variant != "training"]


def compiled(f: Any, **options: Any) -> Any:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    return torch.compile(f, backend="aot_eager", fullgraph=True, **options)


def check(found: Tensor, expected: Tensor, xs: list[Tensor]) -> None:
    """The bits of eager mode, in values and gradients."""
    assert same_bits(found, to_numpy(expected))
    dy = torch.linspace(-1, 2, expected.numel() + 1)[1:].reshape(expected.shape)
    for ours, theirs in zip(
        *(torch.autograd.grad(y, xs, dy.to(y.dtype)) for y in (found, expected)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("case", DRAWN, **NAMED)
def test_sizes_may_change(case: Case) -> None:
    f = compiled(case.torch, dynamic=True)
    for shape in ((2, 3, 4), (5, 3, 7)):
        xs = [x.requires_grad_() for x in samples(case, torch.float32, shape)]
        check(f(*xs), case.torch(*xs), xs)


@pytest.mark.parametrize("case", DRAWN, **NAMED)
def test_an_axis_that_is_marked_may_change(case: Case) -> None:
    f = compiled(case.torch)
    for size in (2, 5, 7):
        xs = samples(case, torch.float32, (size, 3, 4))
        for x in xs:
            torch._dynamo.mark_dynamic(x, 0)
        assert same_bits(f(*xs), to_numpy(case.torch(*xs)))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


class Layer(torch.nn.Module):
    def __init__(self, case: Case):
        super().__init__()
        self.case = case

    def forward(self, *xs: Tensor) -> Tensor:
        return self.case.torch(*xs)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("case", CASES, **NAMED)
def test_a_program_takes_other_sizes(case: Case, strict: bool) -> None:
    xs = tuple(samples(case, torch.float32, (4, 3, 5)))
    sizes = {k: torch.export.Dim(f"size{k}", min=2, max=64) for k in (0, 2)}
    program = torch.export.export(
        Layer(case), xs, dynamic_shapes=((sizes,) * len(xs),), strict=strict
    )
    others = samples(case, torch.float32, (7, 3, 9))
    assert same_bits(program.module()(*others), to_numpy(case.torch(*others)))


PARAMETERS = [
    card.name for card in ogive.catalog("unary")
    if any(p.operand for p in card.parameters) and not card.learns
]  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_may_be_arguments(name: str) -> None:
    f = getattr(ot, name)
    g = compiled(lambda x, *given: f(x, *given))
    x = torch.randn(3, 4, requires_grad=True)
    for scale in (1.0, 1.1, 1.3, 2):
        given = [(p.default or 0.25) * scale for p in ogive.card(name).parameters if p.operand]
        check(g(x, *given), f(x, *given), [x])


ROWS = ogive.catalog.names("rows")


def at(name: str, x: Tensor, temperature: Any, dim: int, seed: int) -> Tensor:
    f = getattr(ot, name)
    if name == "gumbel_softmax":
        return f(x, temperature, dim=dim, seed=seed)
    return f(x, dim, temperature=temperature)


@pytest.mark.parametrize("name", ROWS)
def test_temperatures_axes_and_seeds_may_be_arguments(name: str) -> None:
    f = compiled(lambda *given: at(name, *given))
    x = torch.randn(3, 4, requires_grad=True)
    for given in ((0.5, 0, 1), (0.7, 1, 2), (0.9, -1, 3), (1.1, -2, 1 << 40), (1, 0, 5)):
        check(f(x, *given), at(name, x, *given), [x])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", ROWS)
def test_a_tensor_of_temperatures_may_be_an_argument(name: str, dynamic: bool) -> None:
    f = compiled(lambda *given: at(name, *given), dynamic=dynamic)
    each = () if name == "gumbel_softmax" else (3,)  # a temperature for each row
    for shape, kind, learns in (
        ((), torch.bfloat16, False), ((), torch.float32, True), (each, torch.bfloat16, True),
    ):  # fmt: skip
        t = (torch.rand(shape) + 0.5).to(kind).requires_grad_(learns)
        x = torch.randn(3, 4, requires_grad=True)
        found, expected = f(x, t, -1, 1), at(name, x, t, -1, 1)
        torch.testing.assert_close(found, expected)
        for ours, theirs in zip(
            *(
                torch.autograd.grad(y.sin().sum(), (x, t) if learns else x)
                for y in (found, expected)
            ),
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", [n for n in ROWS if n != "gumbel_softmax"])
def test_masks_may_change_with_their_sizes(name: str) -> None:
    f = getattr(ot, name)
    g = compiled(lambda x, mask: f(x, where=mask), dynamic=True)
    for size in (3, 5):
        x, mask = torch.randn(size, 4, requires_grad=True), torch.rand(size, 4) > 0.4
        mask[0], mask[1] = False, True
        check(g(x, mask), f(x, where=mask), [x])


@pytest.mark.parametrize("case", HEAD_CASES, **NAMED)
def test_losses_take_other_sizes(case: Case) -> None:
    f = getattr(ot, case.name)
    g = compiled(lambda *given: f(*given), dynamic=True)
    for shape in ((4, 3), (7, 5)):
        xs = samples(case, torch.float32, shape)
        if case.card.layer:
            x, w = xs
            xs = [x, w] if shape[0] == 4 else [torch.cat([x, x]), w]
        xs = [x.detach().requires_grad_() for x in xs]
        assert case.target is not None
        target = case.target(*xs)
        target = target.float() if target.is_floating_point() else target
        check(g(*xs, target), f(*xs, target), xs)
