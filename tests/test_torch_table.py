"""Every function in every mode of PyTorch, by the checks of the table in the documentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.autograd.gradcheck import GradcheckError  # noqa: E402

import ogive.torch as ot  # noqa: E402
import torch_table as table  # noqa: E402  tools/torch_table.py
from ogive.catalog import names  # noqa: E402
from torch_cases import CASES, Case  # noqa: E402


@pytest.mark.parametrize("case", table.EVERY, ids=lambda case: case.id)
@pytest.mark.parametrize("column", table.COLUMNS)
def test_it_passes(column: str, case: Case) -> None:
    table.COLUMNS[column](case)


def test_every_function_has_a_case() -> None:
    assert {case.name for case in table.EVERY} == set(names())


GELU = next(case for case in CASES if case.id == "gelu")
calls = count()


def slope(x: Any) -> Any:
    return torch.func.jvp(ot.gelu, (x.detach(),), (torch.ones_like(x),))[1]


def unlike_eager(x: Any) -> Any:
    return ot.gelu(x) * (2 if torch.compiler.is_compiling() else 1)


FAULTS: dict[str, Callable[[Any], Any]] = {
    "forward": lambda x: ot.gelu(x) * (1 + 2.0**-20),
    "backward": lambda x: ot.gelu(x).detach() + x - x.detach(),
    "double backward": lambda x: ot.gelu(x).detach() + (x - x.detach()) * slope(x),
    "vmap": lambda x: ot.gelu(x) + next(calls),
    "jvp": lambda x: ot.gelu(x).detach() + x - x.detach(),
    "compile": unlike_eager,
    "export": unlike_eager,
    "autocast": lambda x: ot.gelu(x.float()),
    "bf16": lambda x, **o: ot.gelu(x) * 2.5 / 2.5,
}


@pytest.mark.parametrize("column", table.COLUMNS)
def test_a_fault_is_noticed(column: str) -> None:
    with pytest.raises((AssertionError, GradcheckError)):
        table.COLUMNS[column](replace(GELU, torch=FAULTS[column]))
