"""The stubs of the NumPy API, from the live functions and their cards."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

import ogive
from ogive._numpy.api import build, modes
from ogive.calls import rules
from ogive.calls.checks import HESSIANS
from ogive.calls.loop import loop
from ogive.catalog import Card
from stub_text import HEAD, literal, written

UFUNCS = {1: "Unary", 2: "Binary"}
"""Classes of `_types.pyi` by the number of inputs."""
ARRAY, ANY_ARRAY = "NDArray[F]", "NDArray[Any]"
INTO, ANY_INTO = f"{ARRAY} | None", f"{ANY_ARRAY} | None"
BASE = """\
from types import ModuleType

from . import _native as _native
from . import backward as backward
from . import backward_from_output as backward_from_output
from . import derivative as derivative
from . import jacobian as jacobian
from . import lean as lean
from . import lean_backward as lean_backward
from . import objectives as objectives
from . import predict as predict
from . import second_derivative as second_derivative
from . import study as study
from . import value_and_grad as value_and_grad
from . import value_grad_hess as value_grad_hess
from . import watch as watch
from ._version import __version__ as __version__
{imports}
from .catalog import Card
from .catalog.conventions import conventions as conventions

__all__: list[str]

class _Catalog:
{members}
    def __call__(self, kind: _Kind | None = None) -> list[_Card]: ...

catalog: _Catalog
card = _find

def _display() -> ModuleType: ...
def gain(activation: str | Card, **parameters: float) -> float: ...
def get_num_threads() -> int: ...
def isa() -> str: ...
def set_num_threads(n: int, /) -> None: ...

"""

ROLES = {
    "axis": "int",
    "switch": "bool",
    "seed": "int | None",
    "label": "int | None",
    "reduction": "Reduction",
    "choice": 'Literal["float32", "float64"] | None',
    "count": "int | None",
    "weights": "ArrayLike | None",
    "bias": "ArrayLike | None",
    "mask": "ArrayLike | None",
}
"""Types of a card's parameters by their role; of numbers, see `Form.number`."""


@dataclass(frozen=True)
class Form:
    """One overload: the types that differ from the others', and what they lead to."""

    inputs: tuple[str, ...]
    """Types of the arrays, or one for all."""
    returns: str
    out: str = "None"
    number: str = "Numbers"
    keywords: str = "Keywords"
    options: Mapping[str, str] = field(default_factory=dict)
    """Types of single options."""


def forms(card: Card, mode: str) -> Iterator[Form]:
    """The overloads of a function, from the most exact."""
    if card.kind == "heads":
        yield from of_head(card, mode)
    elif mode == "lean":
        yield from of_lean()
    elif mode == "lean_backward":
        inputs = tuple("Mask" if i == "mask" else ARRAY for i in rules.inputs(card, mode))
        yield Form(inputs, ARRAY, INTO, "float")
        yield Form(("ArrayLike",) * len(inputs), "Any", ANY_INTO, "float")
    elif card.kind == "rows":
        yield from of_rows(card, mode)
    else:
        yield from of_elements(card, mode)


def of_elements(card: Card, mode: str) -> Iterator[Form]:
    inputs = rules.inputs(card, mode)
    pulled = ("float | NDArray[F]",) * (len(inputs) - 1)
    learns = bool(rules.learned(card, mode))
    into, typed = f"{ARRAY} | tuple[{ARRAY}]", "TypedKeywords"
    if learns:  # of one number the gradient is one number
        yield Form((*pulled, ARRAY), f"tuple[{ARRAY}, F]", INTO, "float")
        yield Form((*pulled, ARRAY), f"tuple[{ARRAY}, {ANY_ARRAY}]", INTO, "Arrays")
        yield Form(("ArrayLike",), "tuple[Any, Any]", ANY_INTO, "ArrayLike")
    elif card.kind == "gated":
        pair = f"tuple[{ARRAY}, {ARRAY}]"
        yield Form(("float | NDArray[F]", ARRAY, ARRAY), pair)
        yield Form(("ArrayLike",), pair, pair, keywords=typed)
        yield Form(("ArrayLike",), "tuple[Any, Any]", keywords=typed)
    else:
        yield Form((*pulled, ARRAY), ARRAY)
        yield Form(("float",), "np.float64", number="float")
        yield Form(("ArrayLike",), ARRAY, into, "ArrayLike", typed)
        yield Form(("Numbers",) * len(pulled) + ("Arrays",), ANY_ARRAY, keywords=typed)
        any_into = f"{ANY_ARRAY} | tuple[{ANY_ARRAY}] | None"  # by position, too
        yield Form(("ArrayLike",), "Any", any_into, "ArrayLike", typed)


def of_rows(card: Card, mode: str) -> Iterator[Form]:
    """A reduction of a vector is a number, so that NumPy itself says Any of reductions."""
    reduced = loop(card.name, "value").reduces and mode == "value"
    pulled = ("float | NDArray[F]",) if rules.pulls_back(mode) else ()
    if not reduced:
        yield Form((*pulled, ARRAY), ARRAY)
    if mode != "jacobian":
        yield Form(("ArrayLike",), ARRAY, ARRAY, "ArrayLike")
    if not reduced:
        yield Form(("Numbers",) * len(pulled) + ("Arrays",), ANY_ARRAY)
    yield Form(("ArrayLike",), "Any", ANY_INTO, "ArrayLike")


def of_lean() -> Iterator[Form]:
    out = "tuple[{0} | None, Mask | None] | None"
    yield Form((ARRAY,), f"tuple[{ARRAY}, Mask]", out.format(ARRAY), "float")
    yield Form(("ArrayLike",), "tuple[Any, Mask]", out.format(ANY_ARRAY), "float")


def of_head(card: Card, mode: str) -> Iterator[Form]:
    """By reduction, and for a layer by whether there is a bias, whose gradient comes with it."""
    biases = [{p: "None"} for p in card.named("bias")]
    biases += [{p: "ArrayLike"} for p in card.named("bias")]
    for bias in biases or [{}]:
        there = "ArrayLike" in bias.values()
        into = [f"tuple[{ARRAY}, {ARRAY}, {ARRAY if there else 'None'}]" if card.layer else ARRAY]
        into += [ARRAY] if mode == "value_grad_hess" else []
        out = f"tuple[{', '.join([INTO] * 3 if card.layer else [INTO] * len(into))}] | None"
        out = INTO if into == [ARRAY] else out
        arrays = (ARRAY, ARRAY, "ArrayLike") if card.layer else (ARRAY, "ArrayLike")
        for value, how in (("F", 'Literal["mean", "sum"]'), (ARRAY, 'Literal["none"]')):
            returns = value if mode == "value" else f"tuple[{', '.join([value, *into])}]"
            options = {**bias, **dict.fromkeys(card.named("reduction"), how)}
            yield Form(arrays, returns, out, "float", options=options)
    if not card.layer and mode != "value":
        more = len(into)
        yield Form(
            ("Arrays", "ArrayLike"), f"tuple[{', '.join(['Any', *[ANY_ARRAY] * more])}]",
            number="float",
        )  # fmt: skip
    returns, out = "Any", "Any"
    if mode != "value":
        gradient = "tuple[Any, Any, Any]" if card.layer else "Any"
        returns = f"tuple[Any, {gradient}{', Any' * (mode == 'value_grad_hess')}]"
    yield Form(("ArrayLike",), returns, out, "float")


def taken(name: str, mode: str, form: Form) -> Iterator[str]:
    """The parameters of one overload."""
    signature = inspect.signature(build(name, mode)).parameters.values()
    own = {p.name: p for p in ogive.card(name).parameters}
    arrays = [p.name for p in signature if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    types = dict(zip(arrays, form.inputs * (len(arrays) // len(form.inputs)), strict=True))
    types |= {
        "where": "ArrayLike",
        "out": form.out,
        "hessian": f"Literal[{', '.join(map(literal, HESSIANS))}]",
        **{p.name: ROLES.get(p.role, form.number) for p in own.values()},
        **{p.name: f"{form.number} | None" for p in own.values() if p.as_operands is not None},
        **form.options,
    }
    optional = by_name = False
    for p in signature:
        if p.kind is p.VAR_KEYWORD:
            yield f"**{p.name}: Unpack[{form.keywords}]"
            continue
        default = "" if p.default is p.empty or refuses(types[p.name], p.default) else p.default
        # What an overload must be told is told by name where it stands behind a default.
        if not by_name and (p.kind is p.KEYWORD_ONLY or (default == "" and optional)):
            yield "*"
            by_name = True
        optional |= default != ""
        yield f"{p.name}: {types[p.name]}" + ("" if default == "" else f" = {literal(default)}")


def refuses(kind: str, default: object) -> bool:
    """Whether a type has no place for the default, so that the overload must be told a value."""
    if isinstance(default, str):
        return kind.startswith("Literal") and literal(default) not in kind
    if default is None:
        return "None" not in kind and kind != "Any"
    return kind == "Arrays"


def declaration(name: str, mode: str) -> str:
    """What one public object is."""
    built = build(name, mode)
    if isinstance(built, np.ufunc):
        return f"{name}: {UFUNCS[built.nin]}\n"
    each = [(list(taken(name, mode, form)), form.returns) for form in forms(ogive.card(name), mode)]
    return "".join(
        ("@overload\n" if len(each) > 1 else "")
        + f"def {name}({', '.join(parts)}) -> {returns}: ...\n"
        for parts, returns in each
    )


def stub(mode: str) -> str:
    """The text of one module's stub."""
    names = [name for name in ogive.catalog.names() if mode in modes(name)]
    declarations = "".join(declaration(name, mode) for name in names)
    return HEAD + written(base() if mode == "value" else "", declarations)


def base() -> str:
    """What the package has beside its functions. The catalog can be called, unlike a module."""
    imports, members = list[str](), list[str]()
    package = importlib.import_module("ogive.catalog")
    for name in package.__all__:
        own = f"staticmethod(_{name})" if inspect.isfunction(getattr(package, name)) else None
        imports.append(f"from .catalog import {name} as _{name}")
        members.append(f"    {name} = {own or f'_{name}'}")
    return BASE.format(imports="\n".join(imports), members="\n".join(members))
