"""torch.func.functionalize takes every function, above and below other transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.func import functionalize, grad, jvp, vmap  # noqa: E402

import ogive.torch as ot  # noqa: E402
from torch_cases import CASES, HEAD_CASES, Case, samples  # noqa: E402

WAYS: dict[str, Callable[..., Any]] = {
    "value": lambda f, x, way: way(f)(x),
    "gradient outside": lambda f, x, way: grad(lambda x: way(f)(x).sin().sum())(x),
    "gradient inside": lambda f, x, way: way(grad(lambda x: f(x).sin().sum()))(x),
    "autograd": lambda f, x, way: torch.autograd.grad(
        way(f)(y := x.clone().requires_grad_()).sin().sum(), y
    )[0],
    "tangent outside": lambda f, x, way: jvp(way(f), (x,), (x.cos(),))[1],
    "tangent inside": lambda f, x, way: way(lambda x: jvp(f, (x,), (x.cos(),))[1])(x),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES + HEAD_CASES, ids=lambda case: case.id)
def test_functionalize_changes_nothing(case: Case, way: str) -> None:
    if case.variant == "training":
        pytest.skip("slopes are drawn by a Function alone")
    first, *rest = samples(case, torch.float64, (4, 3))

    def f(x: Any) -> Any:
        return case.torch(x, *rest)

    found, expected = (WAYS[way](f, first, through) for through in (functionalize, lambda f: f))
    torch.testing.assert_close(found, expected)


def test_samples_of_a_batch() -> None:
    x = torch.randn(5, 3)
    for one in (vmap(functionalize(ot.gelu)), functionalize(vmap(ot.gelu))):
        torch.testing.assert_close(one(x), ot.gelu(x))
