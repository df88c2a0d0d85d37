"""torch's functions by ours: written out from torch's signatures and the cards."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import catalog
from ..calls.codegen import generated
from ..catalog import Parameter
from ._arguments import ignored
from ._counterparts import counterpart
from ._formats import FLOATS
from ._public import FUNCTIONS, approximations
from ._route import is_for_torch_s_loss, overrides


def hashable(value: Any) -> bool:
    return type(value).__hash__ is not None and not isinstance(value, torch.nn.Module)


def signature(function: Any) -> inspect.Signature | None:
    """What a function of torch takes; of built-in ones the operator's schema says it."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        pass
    word = function.__name__.rstrip("_")
    packet = getattr(torch.ops.aten, word, None) or getattr(torch.ops.aten, f"{word}_", None)
    if packet is None:
        return None
    found = [getattr(packet, name, None) for name in ("default", "int", *packet.overloads())]
    schema: Any = next(overload for overload in found if overload is not None)._schema
    parameters = [
        inspect.Parameter(
            "input" if a.name == "self" else a.name, inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=a.default_value if a.has_default_value() else inspect.Parameter.empty,
        )
        for a in schema.arguments
    ]  # fmt: skip
    return inspect.Signature(parameters)


MISSING = object()


def adapter(name: str, function: Any, takes: inspect.Signature) -> Callable[..., Any]:
    """A function of torch's by ours: of `lean`, our functions by name, and what torch's takes.

    It gives NotImplemented where the arguments go beyond ours. It is written out, so that Python
    binds the arguments, in a fifth of the time of `inspect`, and a compiler can follow.
    """
    card, ours = catalog.find(name), inspect.signature(FUNCTIONS[name]).parameters
    first, *rest = takes.parameters.values()
    scope: dict[str, Any] = {
        "MISSING": MISSING, "Tensor": Tensor, "FLOATS": FLOATS, "inf": math.inf,
        "overrides": overrides, "is_for_torch_s_loss": is_for_torch_s_loss,
    }  # fmt: skip
    header, given = [f"{first.name}=MISSING"], []
    of_floats = f"isinstance({first.name}, Tensor) and {first.name}.dtype in FLOATS"
    conditions = [f"({of_floats} or overrides({first.name}))"]  # a Proxy of fx is no Tensor
    if card.kind == "heads":
        conditions.append(f"not is_for_torch_s_loss({first.name})")
    own = {p.name: p for p in card.parameters if card.kind == "unary"}
    without = dict(ignored(card))
    for p in rest:
        default = scope[f"d_{p.name}"] = MISSING if p.default is p.empty else p.default
        header.append(f"{p.name}=d_{p.name}")
        if p.name == "approximate":
            continue
        if p.name in ours and p.name not in without:
            given.append(f"{p.name}={p.name}")
            if p.name in own and own[p.name].domain != Parameter.domain:
                conditions.append(own[p.name].fits(p.name))
            elif default is MISSING or p.name == "dim":
                conditions.append(f"{p.name} is not MISSING and {p.name} is not None")
        elif p.name != "_stacklevel":
            conditions.append(f"{p.name} == d_{p.name}")
    if function.__name__.endswith("_") and "inplace" in ours:
        given.append("inplace=True")
    if "lean" in ours:
        given.append("lean=lean")
    call = f"({', '.join([first.name, *given])})"
    lines = [f"return functions[{name!r}]{call}"]
    if "approximate" in takes.parameters:
        forms = {"none": name, **approximations(card)}
        lines = [
            f"if approximate == {form!r}: return functions[{of!r}]{call}"
            for form, of in forms.items()
        ]
    body = "\n        ".join(lines)
    text = f"""
def adapted(lean, functions, /, {", ".join(header)}, *more, **rest):
    if not more and not rest and {" and ".join(conditions)}:
        {body}
    return NotImplemented
"""
    made: Any = generated("adapted", text, scope, f"functional {function.__name__}")
    made.__name__ = name
    return made  # type: ignore[no-any-return]


ADAPTERS: dict[Any, Callable[..., Any]] = {}


def adapters() -> dict[Any, Callable[..., Any]]:
    """torch's functions that are ours too: in torch, in functional, and as methods.

    One dictionary, filled at once when first asked for: a compiler that meets it, or another
    thread, finds it filled.
    """
    if not ADAPTERS:
        found: dict[Any, Callable[..., Any]] = {}
        homes = (torch.nn.functional, torch, torch.Tensor, torch._C._nn, torch.special)
        for card in map(catalog.find, catalog.names()):
            ours = counterpart(getattr(torch.nn, card.title, object))
            if ours is None or card.name == "identity":
                continue
            words = {
                tree.attr for peer in card.peers if peer.framework == "torch"
                for tree in [ast.parse(peer.name, mode="eval").body]
                if isinstance(tree, ast.Attribute)
            }  # fmt: skip
            for home, word in itertools.product(homes, [w + e for w in words for e in ("", "_")]):
                function = getattr(home, word, None)
                if function is None or not hashable(function) or function in found:
                    continue
                if (takes := signature(function)) is not None:
                    found[function] = adapter(card.name, function, takes)
        ADAPTERS.update(found)
    return ADAPTERS
