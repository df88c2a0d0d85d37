"""The stubs of frameworks' functions and modules, from the live ones and the catalog's cards.

A framework gives the type of its arrays and those of arguments that its signatures leave open.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ogive
from ogive.catalog import Card, Parameter
from stub_numpy import ROLES
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
    roles: Mapping[str, str] = field(default_factory=dict)
    """Types of the parameters of cards by their role, where its signatures leave those open."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types of arguments with the default None or a string by their name, and of written types."""

    def parameter(self, p: inspect.Parameter, own: Mapping[str, Parameter]) -> str:
        """A parameter with its written type, or that of its role, name or default. Those of the
        function's card are `own`.
        """
        prefix = "*" * (p.kind is p.VAR_POSITIONAL) + "**" * (p.kind is p.VAR_KEYWORD)
        kind = annotation(p)
        if p.name in own and self.roles:
            kind = self.roles[own[p.name].role]
        elif kind in ("", "Any", "str"):
            kind = "Any" if p.default is None else type(p.default).__name__
            kind = self.takes if p.default is p.empty else kind
            if p.default is None or isinstance(p.default, str):
                kind = self.types.get(p.name, kind)
        if p.name in own and own[p.name].as_operands is not None:
            kind = f"{kind.removesuffix(' | None')} | None"
        kind = self.types.get(kind, kind)
        default = "" if p.default is p.empty else f" = {literal(p.default)}"
        return f"{prefix}{p.name}: {kind}{default}"

    def taken(self, name: str, parameters: Iterable[inspect.Parameter]) -> str:
        """The parameters of a function of the catalog, or of torch's name for it."""
        parts = list[str]()
        card = ogive.card(name) if name in ogive.catalog.names() else None
        own = {} if card is None else {p.name: p for p in card.parameters}
        for p in parameters:
            if p.kind is p.KEYWORD_ONLY and "*" not in parts:
                parts.append("*")
            parts.append(self.parameter(p, own))
        return ", ".join(parts)

    def functions(
        self, of: Mapping[str, Callable[..., Any]], base: str, returns: Mapping[str, str]
    ) -> str:
        """The text of a stub of functions from arrays to an array, or to what is said."""
        lines = [
            f"def {name}({self.taken(name, inspect.signature(f).parameters.values())})"
            f" -> {returns.get(name, self.array)}: ...\n"
            for name, f in sorted(of.items())
        ]
        return f"{HEAD}{written(base, ''.join(lines), self.home)}"

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
        return HEAD + written("__all__: list[str]\n\n", "".join(lines()), home)


def annotation(p: inspect.Parameter) -> str:
    """The type that a parameter is written with; empty where it has none."""
    written: Any = p.annotation
    if isinstance(written, str):
        return written
    return "" if written is p.empty else inspect.formatannotation(written)


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
    home = "import torch\nfrom torch import Tensor\n"
    return Framework("Tensor", "Tensor", home, types=types)


def jax() -> Framework:
    home = "from jax import Array\nfrom jax.typing import ArrayLike\n"
    roles = ROLES | {
        "number": "ArrayLike",
        "seed": "ArrayLike | None",
        "reduction": 'Literal["mean", "sum", "none"]',
    }
    return Framework("Array", "ArrayLike", home, roles)


def stubs_of_torch(folder: Path) -> Iterator[tuple[Path, str]]:
    public = importlib.import_module("ogive.torch._public")
    modules = importlib.import_module("ogive.torch._modules")
    functions = public.FUNCTIONS | public.TORCH_NAMES
    yield folder / "__init__.pyi", torch().functions(functions, FUNCTIONS_OF_TORCH, {})
    yield folder / "nn.pyi", torch().modules(modules.CLASSES)


def stubs_of_jax(folder: Path) -> Iterator[tuple[Path, str]]:
    """Values and all else in the package, and a module for each other mode."""
    package = importlib.import_module("ogive.jax")
    public = importlib.import_module("ogive.jax._public")
    lines = [f"from . import {mode} as {mode}\n" for mode in public.MODES]
    for name in sorted(set(package.__all__) - set(public.names("value"))):
        home = getattr(package, name).__module__.removeprefix("ogive.jax.")
        lines.append(f"from .{home} import {name} as {name}\n")
    base = f"{''.join(lines)}\n__all__: list[str]\n\n"
    for mode in ("value", *public.MODES):
        functions = {name: public.found(name, mode) for name in public.names(mode)}
        returns = {name: of_jax(ogive.card(name), mode) for name in functions}
        stub = "__init__" if mode == "value" else mode
        text = jax().functions(functions, base if mode == "value" else "", returns)
        yield folder / f"{stub}.pyi", text


def of_jax(card: Card, mode: str) -> str:
    """What a mode of a function returns."""
    if mode == "value_and_grad":
        gradient = "tuple[Array, Array, Array | None]" if card.layer else "Array"
        return f"tuple[Array, {gradient}]"
    several = mode == "backward" and (card.kind == "gated" or card.learns)
    return "tuple[Array, Array]" if several else "Array"
