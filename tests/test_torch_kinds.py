"""Tensors that are no plain memory, in every place of every function: the right value or a refusal.

They are tried in another process, which a kernel that reads address 0 would end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import ogive.torch as ot  # noqa: E402
from torch_kinds import KINDS, MUST_WORK  # noqa: E402

SCRIPT = Path(__file__).parent / "torch_kinds.py"
REASONS = (
    "temperature must be positive",  # that of a zero
    "got mixed torch.Tensor and DTensor",  # as torch's own functions say
    "draws no slopes",  # the seed has no meaning to a wrapper that does not know the operator
    "RegisterFunctionalization",  # a bug of torch's own, it says
    "nference tensor",  # torch's own rule: they take no part in autograd
)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[tuple[str, str]]]:
    """(what, what became of it) by the kind of tensor."""
    seed = os.environ.get("OGIVE_FUZZ_SEED", "0")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), seed], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"it ended at {lines[-1:]}: {done.stderr[-2000:]}"
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for line in lines:
        what, _, became = line.partition(" -> ")
        found[what.partition(":")[0]].append((what, became))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_right_or_refused_in_each_place(
    kind: str, outcomes: dict[str, list[tuple[str, str]]]
) -> None:
    assert len(outcomes[kind]) > 100
    for what, became in outcomes[kind]:
        if not became.startswith("refused"):
            assert became == "right", f"{what} -> {became}"
            continue
        reason = became.partition(": ")[2]
        assert reason, f"{what}: no message"
        assert kind not in MUST_WORK or any(r in reason for r in REASONS), f"{what}: {reason}"


def test_a_gradient_of_zeros_that_lie_nowhere() -> None:
    x = torch.ones(3, requires_grad=True)
    torch.sgn(ot.gelu(x)).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.zeros(3))


@pytest.mark.parametrize("offset", [0, 2])
def test_memory_that_was_freed_is_named(offset: int) -> None:
    x = torch.ones(8)
    view, one = x[offset : offset + 4], x[offset : offset + 1]
    x.untyped_storage().resize_(0)
    for f in (ot.relu, ot.gelu, ot.softmax, ot.glu):
        with pytest.raises(RuntimeError, match=r"was freed|storage of size 0"):
            f(view)
    with pytest.raises(RuntimeError, match="was freed"):
        ot.prelu(torch.ones(3), one)


def test_views_of_zeros_that_lie_nowhere() -> None:
    zeros = torch._efficientzerotensor(8)[2:]
    for f in (ot.relu, ot.gelu, ot.softmax, ot.glu):
        assert torch.equal(f(zeros), f(torch.zeros(6)))
