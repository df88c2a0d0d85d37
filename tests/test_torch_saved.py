"""Each way of a call keeps the same tensors: a checkpoint's recomputation may go another.

It does where a mode is active in forward and not in backward, or the other way round; tensors of
the same shape that mean something else would give wrong gradients without a word.
"""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.overrides import BaseTorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils.checkpoint import CheckpointError, checkpoint  # noqa: E402

import ogive.torch as ot  # noqa: E402
from torch_cases import CASES, Case, samples  # noqa: E402


class Through(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def options(case: Case) -> list[dict[str, Any]]:
    takes = "lean" in inspect.signature(getattr(ot, case.name)).parameters
    learns = case.card.learns
    if learns or not takes or case.variant == "training":
        return [{}]
    return [{"lean": lean} for lean in (None, True, False)]


WAYS = [(case, given) for case in CASES for given in options(case)]


@pytest.mark.parametrize("mode", [Through, BaseTorchFunctionMode])
@pytest.mark.parametrize(("case", "given"), WAYS, ids=[f"{c.id} {g}" for c, g in WAYS])
def test_a_checkpoint_under_a_mode_is_right_or_refused(
    case: Case, given: dict[str, Any], mode: Any
) -> None:
    xs = [x.requires_grad_() for x in samples(case)]

    def gradients(way: Any) -> Any:
        torch.manual_seed(0)
        y = way(*xs)
        return torch.autograd.grad(y.sum() + (y * y).sum(), xs)

    exact = gradients(lambda *x: case.torch(*x, **given))
    for forward in (True, False):

        def contexts(forward: bool = forward) -> Any:
            return (mode(), nullcontext()) if forward else (nullcontext(), mode())

        def checkpointed(*x: Any, contexts: Any = contexts) -> Any:
            return checkpoint(
                lambda *x: case.torch(*x, **given), *x, use_reentrant=False, context_fn=contexts
            )

        try:
            found = gradients(checkpointed)
        except CheckpointError:
            continue
        for dx, expected in zip(found, exact, strict=True):
            torch.testing.assert_close(dx, expected, rtol=1e-6, atol=1e-6)
