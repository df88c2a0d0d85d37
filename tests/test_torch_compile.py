"""Transforms inside what is compiled; and the operators pass torch's own checks."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import ogive.torch  # noqa: E402
from torch_cases import CASES, Case, samples  # noqa: E402
from torch_operators import operators  # noqa: E402

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def sample_arguments(name: str, count: int) -> list[tuple[object, ...]]:
    """Arguments of an operator, made from its schema."""
    schema = getattr(torch.ops.ogive, name).default._schema
    generator = torch.Generator().manual_seed(count)
    made: list[object] = []
    strides = (12, 4, 1)
    for argument in schema.arguments:
        kind = str(argument.type)
        if argument.name == "bits":
            made.append(torch.full((3,), 0x5A, dtype=torch.uint8))
        elif argument.name == "seed":
            made.append(torch.tensor(7))
        elif argument.name == "where":
            made.append(None)
        elif argument.name == "strides":
            made.append(strides)
        elif argument.name == "temperature" and kind == "Tensor":
            made.append((torch.rand(2, 4, generator=generator) + 0.5).requires_grad_())
        elif kind == "Tensor":
            x = 0.5 + torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
            y = argument.name == "y" and "max" not in name
            made.append((x / x.sum(-1, keepdim=True) if y else x).requires_grad_())
        elif kind == "bool":
            made.append(False)
        elif kind == "int":
            made.append(1)
        else:
            made.append(0.75)
    arguments = tuple(made)
    if name.startswith(("logsumexp_backward",)):
        arguments = (torch.rand(2, 4, dtype=torch.float64, requires_grad=True), *arguments[1:])
    return [arguments]


ELEMENTWISE_AND_ROWS = [
    name
    for name in operators()
    if any(name == c.name or name.startswith(f"{c.name}_") for c in CASES)
    and not any(name.startswith(head) for head in ogive.catalog.names("heads"))
]


@pytest.mark.parametrize("name", ELEMENTWISE_AND_ROWS)
def test_the_operator_passes_opcheck(name: str) -> None:
    op = getattr(torch.ops.ogive, name).default
    for arguments in sample_arguments(name, len(name)):
        tests = ("test_schema", "test_autograd_registration", "test_faketensor")
        # A lean backward from the output has no second derivative, and tracing asks for it.
        once = "y" in {a.name for a in op._schema.arguments} and "_lean_" in name
        if not once:
            tests = (*tests, "test_aot_dispatch_dynamic")
        else:
            arguments = tuple(a.detach() if isinstance(a, torch.Tensor) else a for a in arguments)
        torch.library.opcheck(op, arguments, test_utils=tests)


@every_case
def test_a_transform_inside_compile_is_not_silently_wrong(case: Case) -> None:
    if case.variant == "training" or case.name == "gumbel_softmax":
        pytest.skip("refused, as tested below")
    torch._dynamo.reset()
    xs = tuple(samples(case, torch.float64))
    ones = tuple(map(torch.ones_like, xs))

    def tangents(*xs: torch.Tensor) -> torch.Tensor:
        return torch.func.jvp(case.torch, xs, ones)[1]

    found = torch.compile(tangents, backend="aot_eager", fullgraph=True)(*xs)
    torch.testing.assert_close(found, tangents(*xs), rtol=1e-6, atol=1e-6)


def test_a_draw_inside_a_compiled_transform_is_refused() -> None:
    torch._dynamo.reset()

    @torch.compile(backend="aot_eager", fullgraph=True)
    def gradient(x: torch.Tensor) -> torch.Tensor:
        return torch.func.grad(lambda v: ogive.torch.rrelu(v, training=True, seed=1).sum())(x)

    with pytest.raises(Exception, match=r"slopes are not drawn under torch\.func"):
        gradient(torch.ones(3))
