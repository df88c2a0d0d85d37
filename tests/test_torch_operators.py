"""Operators called directly take samples, refuse bad arguments, and neither crash nor hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.testing import assert_close  # noqa: E402
from torch.utils._pytree import tree_map  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from torch_operators import good, operators, samples_like  # noqa: E402

SCRIPT = Path(__file__).parent / "torch_operators.py"


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, str]]:
    """What became of each call, by the operator and its arguments."""
    seed = os.environ.get("OGIVE_FUZZ_SEED", "0")
    command = [sys.executable, str(SCRIPT), seed]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"it ended at {lines[-1:]}: {done.stderr[-2000:]}"
    found: dict[str, dict[str, str]] = {name: {} for name in operators()}
    for line in lines:
        what, _, became = line.partition(" -> ")
        name, _, arguments = what.partition(": ")
        found[name][arguments] = became
    return found


def test_every_operator_comes_back(outcomes: dict[str, dict[str, str]]) -> None:
    for name, calls in outcomes.items():
        assert len(calls) > 20, name
        for arguments, became in calls.items():
            assert became, f"{name}: {arguments}"


@pytest.mark.parametrize("given", ["0.0", "-1.0", "nan", "inf", "-inf"])
def test_every_operator_refuses_the_temperature(
    given: str, outcomes: dict[str, dict[str, str]]
) -> None:
    asked = 0
    for name, calls in outcomes.items():
        if f"temperature {given}" in calls and name.startswith(tuple(ogive.catalog.names("rows"))):
            asked += 1
            assert calls[f"temperature {given}"].startswith("ValueError: temperature must be"), name
    assert asked >= 15


ROWS = ogive.catalog.names("rows")
BAD = [0.0, -1.0, float("nan"), float("inf")]


def at(name: str, x: torch.Tensor, temperature: object) -> torch.Tensor:
    f = getattr(ot, name)
    return f(x, temperature, seed=1) if name == "gumbel_softmax" else f(x, temperature=temperature)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ROWS)
def test_every_way_refuses_the_temperature(name: str, bad: float) -> None:
    x, one, many = torch.randn(3, 4), torch.tensor(bad), torch.full((3,), bad)
    ways = {
        "number": lambda: at(name, x, bad),
        "tensor": lambda: at(name, x, one),
        "bfloat16": lambda: at(name, x, one.bfloat16()),
        "learned": lambda: at(name, x, one.clone().requires_grad_()),
        "of another dtype": lambda: at(name, x.half(), one.double()),
        "vmap": lambda: torch.func.vmap(lambda x: at(name, x, bad))(x),
        "vmap of tensors": lambda: torch.func.vmap(lambda x, t: at(name, x, t))(x, many),
        "grad": lambda: torch.func.grad(lambda t: at(name, x, t).sum())(one),
        "jvp": lambda: torch.func.jvp(lambda t: at(name, x, t), (one,), (one,)),
        "hessian": lambda: torch.func.hessian(lambda t: at(name, x, t).sum())(one),
        "meta": lambda: at(name, x.to("meta"), bad),
    }
    if name != "gumbel_softmax":
        ways["a row each"] = lambda: at(name, x, many)
        ways["an axis"] = lambda: getattr(ot, name)(x, 0, temperature=bad)
        ways["operator"] = lambda: getattr(torch.ops.ogive, name)(x, -1, bad, None)
    for way, call in ways.items():
        with pytest.raises(ValueError, match=r"(temperature|tau) must be positive and finite"):
            print(way, call())


@pytest.mark.parametrize("name", ROWS)
def test_compiled_code_refuses_a_temperature_when_it_runs(name: str) -> None:
    torch._dynamo.reset()
    f = torch.compile(lambda x, t: at(name, x, t), backend="aot_eager")
    x = torch.randn(3, 4)
    torch.testing.assert_close(f(x, torch.tensor(0.5)), at(name, x, torch.tensor(0.5)))
    for bad in (torch.tensor(-1.0), torch.tensor(float("nan")), -1.0):
        with pytest.raises(ValueError, match=r"(temperature|tau) must be positive and finite"):
            f(x, bad)


def test_operators_refuse_tensors_of_two_devices_by_name() -> None:
    for name in operators():
        args = good(name)
        arrays = [k for k, t in enumerate(args) if isinstance(t, torch.Tensor) and t.dim()]
        for k in arrays if len(arrays) > 1 else ():
            given = [*args[:k], args[k].to("meta"), *args[k + 1 :]]
            with pytest.raises(RuntimeError, match=rf"^{name}: tensors are on different devices"):
                print(name, k, getattr(torch.ops.ogive, name)(*given))


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_operators_take_samples_of_each_tensor_along_any_axis() -> None:
    for name in operators():
        operator, args = getattr(torch.ops.ogive, name).default, good(name)
        of_bits = "strides" in str(operator._schema)  # which have one layout
        for k, t in enumerate(args):
            if not isinstance(t, torch.Tensor) or t.dtype is torch.uint8 or not t.dim():
                continue
            each = samples_like(t)
            one_by_one = [operator(*args[:k], one, *args[k + 1 :]) for one in each]
            for axis in range(1 if of_bits else t.dim() + 1):
                given = [*args[:k], torch.stack(each, axis), *args[k + 1 :]]
                dims = tuple(axis if i == k else None for i in range(len(args)))
                found = torch.vmap(operator, dims)(*given)
                exact = tree_map(lambda *some: torch.stack(some), *one_by_one)
                assert_close(found, exact, msg=f"{name}, argument {k} along {axis}")
