"""The stubs of frameworks' functions and modules, from the live ones and the catalog's cards.

A framework gives the type of its arrays and those of arguments that its signatures leave open.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ogive
from stub_text import HEAD, literal, written

FUNCTIONS_OF_TORCH = """\
from . import nn as nn
from ._init import InitReport as InitReport
from ._init import init_ as init_
from ._parallel import vocab_parallel_cross_entropy as vocab_parallel_cross_entropy
from ._parallel import (
    vocab_parallel_linear_cross_entropy as vocab_parallel_linear_cross_entropy,
)
from ._report import Report as Report
from ._swap import swap as swap
from ._swap import unswap as unswap

__all__: list[str]

"""


@dataclass(frozen=True)
class Framework:
    """What a framework's stubs say of arguments that have no written type."""

    array: str
    """The type of its arrays."""
    takes: str
    """The type of what it takes as an array."""
    home: str
    """The import that brings it."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types of arguments with the default None or a string by their name, and of written types."""

    def parameter(self, p: inspect.Parameter, optional: Collection[str]) -> str:
        """A parameter with its written type, or that of its name or default."""
        prefix = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        kind = "" if p.annotation is p.empty else str(p.annotation)
        if kind in ("", "Any", "str"):
            kind = "Any" if p.default is None else type(p.default).__name__
            kind = self.takes if p.default is p.empty else kind
            if p.default is None or isinstance(p.default, str):
                kind = self.types.get(p.name, kind)
        if p.name in optional:
            kind = "float | None"
        kind = self.types.get(kind, kind)
        default = "" if p.default is p.empty else f" = {literal(p.default)}"
        return f"{prefix}{p.name}: {kind}{default}"

    def taken(self, name: str, parameters: Iterable[inspect.Parameter]) -> str:
        """The parameters of a function of the catalog, or of torch's name for it."""
        parts = list[str]()
        optional = optional_numbers(name)
        for p in parameters:
            if p.kind is p.KEYWORD_ONLY and "*" not in parts:
                parts.append("*")
            parts.append(self.parameter(p, optional))
        return ", ".join(parts)

    def functions(self, of: Mapping[str, Callable[..., Any]], base: str = "") -> str:
        """The text of a stub of functions from arrays to an array."""
        lines = [
            f"def {name}({self.taken(name, inspect.signature(f).parameters.values())})"
            f" -> {self.array}: ...\n"
            for name, f in sorted(of.items())
        ]
        return f"{HEAD}{self.home}{written(base, ''.join(lines))}"

    def modules(self, of: Mapping[str, Any]) -> str:
        """The text of a stub of modules, whose call is their forward."""

        def lines() -> Iterator[str]:
            for name, cls in sorted(of.items()):
                own = f", {self.taken(getattr(cls, 'name', ''), made_with(cls))}".removesuffix(", ")
                forward = self.taken(
                    "", list(inspect.signature(cls.forward).parameters.values())[1:]
                )
                yield f"class {name}(Module):\n    def __init__(self{own}) -> None: ...\n"
                for method in ("forward", "__call__"):
                    yield f"    def {method}(self, {forward}) -> {self.array}: ...\n"

        home = f"{self.home}from torch.nn import Module\n"
        return f"{HEAD}{home}{written('__all__: list[str]' + chr(10) * 2, ''.join(lines()))}"


def optional_numbers(name: str) -> set[str]:
    """The numbers of a function that may be None."""
    if name not in ogive.catalog.names():
        return set()
    return {p.name for p in ogive.card(name).parameters if p.as_operands is not None}


def made_with(cls: Any) -> list[inspect.Parameter]:
    """What a module's constructor takes. Those of the catalog bind a signature of their own."""
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    if hasattr(cls, "signature"):
        return list(cls.signature.parameters.values())
    if own and own[0].kind is inspect.Parameter.VAR_POSITIONAL:
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        numbers = [
            inspect.Parameter(name, positional, default=default)
            for name, default in (*cls.parameters_of_function, ("inplace", False))
        ]
        own = numbers + [p for p in own if p.kind is p.KEYWORD_ONLY and p.name != "inplace"]
    return own


def torch() -> Framework:
    """PyTorch, whose functions `approximate` chooses among."""
    chosen = {"none": None} | {
        form: None for card in ogive.catalog() for form in ogive.catalog.approximations(card)
    }
    types = {
        "b": "Tensor | None",
        "weight": "Tensor | None",
        "pos_weight": "Tensor | None",
        "dim": "int | None",
        "lean": "bool | None",
        "out": "Tensor | None",
        "size_average": "bool | None",
        "reduce": "bool | None",
        "reduction": 'Literal["mean", "sum", "none"]',
        "approximate": f"Literal[{', '.join(map(literal, chosen))}]",
        "device": "torch.device | str | int | None",
        "dtype": "torch.dtype | None",
        "Temperature": "float | Tensor",
    }
    return Framework("Tensor", "Tensor", "import torch\nfrom torch import Tensor\n", types)


def jax() -> Framework:
    return Framework(
        "Array", "ArrayLike", "from jax import Array\nfrom jax.typing import ArrayLike\n"
    )


def stubs_of_torch(folder: Path) -> Iterator[tuple[Path, str]]:
    public = importlib.import_module("ogive.torch._public")
    modules = importlib.import_module("ogive.torch._modules")
    functions = public.FUNCTIONS | public.TORCH_NAMES
    yield folder / "__init__.pyi", torch().functions(functions, FUNCTIONS_OF_TORCH)
    yield folder / "nn.pyi", torch().modules(modules.CLASSES)


def stubs_of_jax(folder: Path) -> Iterator[tuple[Path, str]]:
    """Of the names of the catalog; all else is imported from where it is written."""
    public = importlib.import_module("ogive.jax")
    functions = {n: getattr(public, n) for n in ogive.catalog.names() if n in public.__all__}
    lines = list[str]()
    for name in sorted(set(public.__all__) - set(functions)):
        found = getattr(public, name)
        home = "" if inspect.ismodule(found) else found.__module__.removeprefix("ogive.jax.")
        lines.append(f"from .{home} import {name} as {name}\n")
    base = f"{''.join(lines)}\n__all__: list[str]\n\n"
    yield folder / "__init__.pyi", jax().functions(functions, base)
