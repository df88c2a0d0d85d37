"""Write the type stubs from the live functions, or check that they are current.

    python tools/stub.py            # writes src/ogive/*.pyi, and src/ogive/torch/*.pyi with torch
    python tools/stub.py --check    # exit code 1 if a stub is out of date

The public names are created on first access, so type checkers and editors need stubs to see them.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ogive
from ogive._numpy.api import PUBLIC_MODES, build, modes
from ogive.catalog import Card

PACKAGE = Path(__file__).parent.parent / "src" / "ogive"
HEAD = "# Written by tools/stub.py; do not edit.\n"
TYPES = {
    "axis": "int",
    "switch": "bool",
    "seed": "int | None",
    "label": "int | None",
    "reduction": 'Literal["mean", "sum", "none"]',
    "choice": 'Literal["float32", "float64"] | None',
    "count": "int | None",
    "weights": "ArrayLike | None",
    "bias": "ArrayLike | None",
    "mask": "ArrayLike | None",
}
"""Types of a card's parameters by their role; of numbers, see `annotated`."""
OTHERS = {
    "hessian": 'Literal["exact", "abs", "upper"]',
    "out": "Any",
    "kwargs": "Any",
}
BASE = """\
from types import ModuleType

from . import _native as _native
from . import backward as backward
from . import backward_from_output as backward_from_output
from . import catalog as catalog
from . import derivative as derivative
from . import jacobian as jacobian
from . import lean as lean
from . import lean_backward as lean_backward
from . import objectives as objectives
from . import second_derivative as second_derivative
from . import value_and_grad as value_and_grad
from . import value_grad_hess as value_grad_hess
from ._version import __version__ as __version__
from .catalog import Card
from .catalog import find as card
from .catalog.conventions import conventions as conventions

__all__: list[str]

def _display() -> ModuleType: ...
def gain(activation: str | Card, **parameters: float) -> float: ...
def get_num_threads() -> int: ...
def isa() -> str: ...
def set_num_threads(n: int, /) -> None: ...

"""


def annotated(parameter: inspect.Parameter, card: Card) -> str:
    name, own = parameter.name, {p.name: p for p in card.parameters}
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return f"**{name}: {OTHERS[name]}"
    kind = OTHERS.get(name, "ArrayLike")
    if name in own:
        kind = TYPES.get(own[name].role, "ArrayLike")
        if card.kind == "heads" and own[name].operand:
            kind = "float | None" if own[name].as_operands is not None else "float"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{name}: {kind}{default}"


def declaration(name: str, mode: str) -> str:
    """One line for one public object."""
    built = build(name, mode)
    if isinstance(built, np.ufunc):
        return f"{name}: np.ufunc\n"
    card, parts = ogive.card(name), list[str]()
    for parameter in inspect.signature(built).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(annotated(parameter, card))
    pair = mode in ("value_and_grad", "lean") or (
        mode == "backward" and (card.kind == "gated" or card.learns)
    )
    triple = mode == "value_grad_hess"
    returns = "tuple[Any, Any, Any]" if triple else "tuple[Any, Any]" if pair else "Any"
    return f"def {name}({', '.join(parts)}) -> {returns}: ...\n"


def stub(mode: str) -> str:
    """The text of one module's stub."""
    lines = [declaration(name, mode) for name in ogive.catalog.names() if mode in modes(name)]
    body = "".join(lines)
    imports = []
    if "Any" in body:
        imports.append("from typing import Any" + (", Literal" if "Literal" in body else ""))
    if "np.ufunc" in body:
        imports.append("import numpy as np")
    if "ArrayLike" in body:
        imports.append("from numpy.typing import ArrayLike")
    return HEAD + "\n".join(imports) + "\n\n" + (BASE if mode == "value" else "") + body


TORCH_TYPES = {
    "input": "Tensor",
    "target": "Tensor",
    "weight": "Tensor | None",
    "pos_weight": "Tensor | None",
    "lean": "bool | None",
    "out": "Tensor | None",
    "size_average": "bool | None",
    "reduce": "bool | None",
    "Temperature": "float | Tensor",
}
TORCH_TYPES |= {
    p.name: "float | None"
    for card in ogive.catalog("heads")
    for p in card.parameters
    if p.as_operands is not None and p.default is None
}
TORCH_HEAD = "from typing import Any\nfrom collections.abc import Sequence\n\nimport torch\n"


def of_torch(parameter: inspect.Parameter) -> str:
    """A parameter of a function or a module of torch's, with the type that it is written with, or
    else that of its name or default.
    """
    name, default = parameter.name, parameter.default
    prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    written = "" if parameter.annotation is parameter.empty else str(parameter.annotation)
    if written in ("", "Any"):
        number = type(default).__name__ if isinstance(default, (bool, int, float, str)) else "Any"
        written = "Tensor" if default is parameter.empty else TORCH_TYPES.get(name, number)
    written = TORCH_TYPES.get(written, written)
    return f"{prefix}{name}: {written}" + ("" if default is parameter.empty else f" = {default!r}")


def taken(parameters: Iterable[inspect.Parameter]) -> str:
    parts = list[str]()
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(of_torch(parameter))
    return ", ".join(parts)


def torch_stub(functions: dict[str, Callable[..., Any]]) -> str:
    """The text of the stub of `ogive.torch`."""
    lines = [
        f"def {name}({taken(inspect.signature(f).parameters.values())}) -> Tensor: ...\n"
        for name, f in sorted(functions.items())
    ]
    return (
        f"{HEAD}{TORCH_HEAD}from torch import Tensor\n\nfrom . import nn as nn\n"
        "from ._init import InitReport as InitReport\nfrom ._init import init_ as init_\n"
        "from ._parallel import vocab_parallel_cross_entropy as vocab_parallel_cross_entropy\n"
        "from ._parallel import (\n"
        "    vocab_parallel_linear_cross_entropy as vocab_parallel_linear_cross_entropy,\n)\n"
        "from ._report import Report as Report\nfrom ._swap import swap as swap\n"
        "from ._swap import unswap as unswap\n\n__all__: list[str]\n\n" + "".join(lines)
    )


def nn_stub(classes: dict[str, Any]) -> str:
    """The text of the stub of `ogive.torch.nn`."""

    def lines() -> Iterator[str]:
        for name, cls in sorted(classes.items()):
            own = f", {made_with(cls)}".removesuffix(", ")
            yield f"class {name}(Module):\n    def __init__(self{own}) -> None: ...\n"
            forward = list(inspect.signature(cls.forward).parameters.values())[1:]
            yield f"    def forward(self, {taken(forward)}) -> Tensor: ...\n"

    return (
        f"{HEAD}{TORCH_HEAD}from torch import Tensor\nfrom torch.nn import Module\n\n"
        "__all__: list[str]\n\n" + "".join(lines())
    )


def made_with(cls: Any) -> str:
    """What a module's constructor takes. Those of the catalog bind a signature of their own."""
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    if hasattr(cls, "signature"):
        return taken(cls.signature.parameters.values())
    if own and own[0].kind is inspect.Parameter.VAR_POSITIONAL:
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        numbers = [
            inspect.Parameter(name, positional, default=default)
            for name, default in (*cls.parameters_of_function, ("inplace", False))
        ]
        own = numbers + [p for p in own if p.kind is p.KEYWORD_ONLY and p.name != "inplace"]
    return taken(own)


def stubs() -> Iterator[tuple[Path, str]]:
    """Every stub's path and text."""
    for mode in PUBLIC_MODES:
        module = importlib.import_module("ogive" if mode == "value" else f"ogive.{mode}")
        yield PACKAGE / Path(str(module.__file__)).with_suffix(".pyi").name, stub(mode)
    if importlib.util.find_spec("torch") is not None:
        public = importlib.import_module("ogive.torch._public")
        yield PACKAGE / "torch/__init__.pyi", torch_stub(public.FUNCTIONS | public.TORCH_NAMES)
        modules = importlib.import_module("ogive.torch._modules")
        yield PACKAGE / "torch/nn.pyi", nn_stub(modules.CLASSES)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which stubs are stale")
    check = parser.parse_args().check
    stale = []
    for path, text in stubs():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(PACKAGE)))
        if not check:
            path.write_text(text)
    if check and stale:
        print(f"stale stubs: {', '.join(stale)}; run `make format`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
