"""Every operator called directly with bad arguments: ``python tests/torch_operators.py [SEED]``.

A line for each call, before and after it, so that one that ends the process or never returns is
the last. tests/test_torch_operators.py reads them.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import ogive
import ogive.torch


def operators() -> list[str]:
    return sorted(
        name.split("::")[1].split(".")[0]
        for name in torch._C._dispatch_get_all_op_names()
        if name.startswith("ogive::")
    )


def good(name: str) -> list[Any]:
    """Arguments that fit each other, made from the schema."""
    made: list[Any] = []
    head = name.removesuffix("_backward")
    loss = ogive.card(head) if head in ogive.catalog.names("heads") else None
    for argument in getattr(torch.ops.ogive, name).default._schema.arguments:
        kind, of = str(argument.type), argument.name
        if of == "bits":
            made.append(torch.full((2,), 0x5A, dtype=torch.uint8))
        elif of == "seed":
            made.append(torch.tensor(7))
        elif of == "target":
            made.append(torch.tensor([0, 2, 1]) if loss and loss.over_rows else torch.rand(3, 4))
        elif of == "strides":
            made.append([4, 1])
        elif of == "linear_weight":
            made.append(torch.rand(4, 4))
        elif of == "temperature" and kind == "Tensor":
            made.append(torch.rand(3) + 0.5)
        elif of == "dy" and name == "logsumexp_backward":
            made.append(torch.rand(3))
        elif of == "dy" and loss:
            made.append(torch.tensor(0.5))
        elif kind == "Tensor":
            made.append(torch.rand(3, 4) + 0.5)
        elif kind.startswith("Optional"):
            made.append(None)
        elif kind == "List[bool]":
            made.append([True, True, False])
        elif kind == "List[Tensor]":
            made.append([torch.rand(3, 4)])
        elif kind == "str":
            made.append("mean")
        elif kind == "bool":
            made.append(False)
        elif kind == "int":
            made.append(1)
        elif kind == "float":
            made.append(0.75)
        else:
            raise NotImplementedError(f"{name}: {kind} {of}")
    return made


def tensors() -> dict[str, Tensor]:
    x = torch.rand(3, 4) + 0.5
    return {
        "of no axes": x[0, 0], "of no elements": torch.rand(0, 4), "empty rows": torch.rand(3, 0),
        "of one axis": x[0], "of other rows": torch.rand(7, 4),
        "of other columns": torch.rand(3, 9),
        "of three axes": torch.rand(2, 3, 4), "turned": torch.rand(4, 3).t(),
        "expanded": x[:1].expand(3, 4), "half": x.half(), "double": x.double(),
        "bfloat16": x.bfloat16(), "int64": torch.randint(0, 4, (3, 4)),
        "labels": torch.tensor([0, 9, -3]),
        "uint8": torch.tensor([0, 255, 1], dtype=torch.uint8), "bool": x > 1, "complex": x + 0j,
        "float8": x.to(torch.float8_e4m3fn), "meta": x.to("meta"), "of nan": x * float("nan"),
        "of inf": x / 0, "zero": torch._efficientzerotensor((3, 4)), "negative": torch._neg_view(x),
        "sparse": x.to_sparse(), "large": torch.full((3, 4), 2**40), "below zero": -x,
        "of one number": torch.tensor(-1.0), "of one integer": torch.tensor(-1),
        "quantized": torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
    }  # fmt: skip


OTHERS: dict[str, list[Any]] = {
    "int": [-100, -3, -2, -1, 0, 2, 7, 2**40, -(2**62)],
    "float": [0.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e300, 1e-300, 5e-324],
    "str": ["", "avg", "none", "sum"], "bool": [True], "Optional[int]": [-100, 0, 2**40],
    "Optional[float]": [0.0, -1.0, float("nan"), float("inf"), 0.5],
    "List[int]": [[], [0, 0], [1, 1], [1, 4], [-4, 1], [2**40, 1], [4, 1, 1]],
    "List[bool]": [[], [True], [False, False, False], [True, True, True]],
}  # fmt: skip
OTHERS["List[SymInt]"] = OTHERS["SymInt[]"] = OTHERS["List[int]"]


def bad(name: str, random: random.Random) -> Iterator[tuple[str, list[Any]]]:
    """One argument after another made unfit, and then a few at a time."""
    schema = getattr(torch.ops.ogive, name).default._schema.arguments
    some = tensors()

    def choices(argument: Any) -> list[tuple[str, Any]]:
        kind = str(argument.type)
        found: list[tuple[str, Any]] = [("None", None)]
        if "Tensor" in kind:
            found += [(k, v) for k, v in some.items()]
        return found + [(repr(v), v) for v in OTHERS.get(kind, ())]

    for at, argument in enumerate(schema):
        for what, value in choices(argument):
            given = good(name)
            given[at] = value
            yield f"{argument.name} {what}", given
    for _ in range(40):
        given, said = good(name), []
        for at in random.sample(range(len(schema)), min(len(schema), random.randint(2, 4))):
            what, value = random.choice(choices(schema[at]))
            given[at] = value
            said.append(f"{schema[at].name} {what}")
        yield ", ".join(said), given


def main(seed: int, *names: str) -> None:
    warnings.simplefilter("ignore")
    chosen = random.Random(seed)
    for name in names or operators():
        operator = getattr(torch.ops.ogive, name)
        operator(*good(name))
        for what, given in bad(name, chosen):
            print(f"{name}: {what}", end=" -> ", flush=True)
            try:
                operator(*given)
                became = "passed"
            except Exception as error:
                said = str(error).splitlines()[0][:120] if str(error) else ""
                became = f"{type(error).__name__}: {said}"
            print(became, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0, *sys.argv[2:])


def samples_like(t: Any) -> list[Any]:
    """Three tensors that are fit for the same place."""
    moved = [t.flatten().roll(k).reshape(t.shape) for k in range(3)]
    return [m * (1 - k / 8) if t.is_floating_point() else m for k, m in enumerate(moved)]
