"""Which class of Ogive's does what a module's class does, and what keeps a module from getting it.

What stands for what follows from the cards: the title names torch's class, and the aliases are the
names that other libraries know a function by.
"""

from __future__ import annotations

import inspect
import itertools
import math
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch.utils._triton import has_triton

from .. import catalog
from ..catalog import Card
from . import nn
from ._arguments import ignored
from ._stand_in import has_own_forward, stands_for


def shown(cls: type) -> str:
    home = cls.__module__
    if home.startswith("torch.nn."):
        home = "torch.nn"
    return f"{home}.{cls.__qualname__}"


def counterpart(cls: type) -> type[torch.nn.Module] | None:
    """The module of Ogive's that does what a class does: one of torch, timm or transformers, or a
    subclass of those that keeps their forward.
    """
    if stands_for(cls):
        return None
    if cls.__module__.split(".")[0] not in ("torch", "timm", "transformers", "ogive"):
        cls = next((base for base in cls.__mro__ if "forward" in vars(base)), cls)
    return counterpart_by_name(cls)


@cache
def counterpart_by_name(cls: type) -> type[torch.nn.Module] | None:
    home = cls.__module__.split(".")[0]
    by_word = titles()
    if cls is torch.nn.Identity:
        return None  # nothing to gain, and a copy to lose
    if home == "torch":
        same = getattr(torch.nn, cls.__name__, None) is cls and cls.__name__ in nn.__all__
        product = cls.__name__ in {c.title for c in _gated_cards() if not _is_torch_s(c)}
        ours = getattr(nn, cls.__name__) if same and not product else None
        return ours
    title = None
    if home == "transformers":
        registry = getattr(sys.modules.get("transformers.activations"), "ACT2CLS", {})
        for key, value in dict(registry).items():
            if (value[0] if isinstance(value, tuple) else value) is cls:
                title = title or by_word.get(normal(key))
    elif home == "timm":
        title = by_word.get(normal(cls.__name__))
    if title is None or not _takes_no_arguments(cls):
        return None
    found: type[torch.nn.Module] = getattr(nn, title)
    return found


@cache
def titles() -> dict[str, str]:
    """The classes of `nn` by every name of their function."""
    found: dict[str, str] = {}
    for card in map(catalog.find, catalog.names()):
        for word in (card.title, card.name, *card.aliases):
            found.setdefault(normal(word), card.title)
    return found


def _takes_no_arguments(cls: type) -> bool:
    """Whether nothing must be said to make one: with bounds, say, it would be another function."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    taken = inspect.signature(cls).parameters.values()
    return all(p.default is not p.empty or p.kind in kinds for p in taken)


def _gated_cards() -> Iterator[Any]:
    return map(catalog.find, catalog.names("gated"))


def _is_torch_s(card: Any) -> bool:
    return any(p.name == f"torch.nn.functional.{card.name}" for p in card.peers)


def normal(word: str) -> str:
    return word.replace("_", "").lower()


def obstacle(module: Any, target: type[torch.nn.Module]) -> str | None:
    """Why a module of torch's cannot be swapped as it is set up."""
    if has_own_forward(module):
        return "it has a forward of its own, beside its class's"
    kind = target.__name__
    for card in map(catalog.find, catalog.names("unary")):
        if card.title == kind and (why := beyond(card, vars(module))) is not None:
            return why
    if getattr(module, "dim", 0) is None:
        return "it has no dim: torch chooses one by the number of dimensions"
    if kind == "GELU" and getattr(module, "approximate", "none") not in ("none", "tanh"):
        return f"approximate={module.approximate!r}"
    return None


def beyond(card: Card, given: dict[str, Any]) -> str | None:
    """Which number torch takes and Ogive does not, or ignores."""
    for p in card.parameters:
        number = given.get(p.name)
        if isinstance(number, (int, float)) and math.isfinite(p.domain[0]) and not p.holds(number):
            return f"{p.name} = {number} is not in {p.interval}"
    for name, default in ignored(card):
        if given.get(name, default) != default:
            (peer,) = (p for p in card.peers if dict(p.ignored).get(name) == default)
            return f"{name} = {given[name]}: torch's {peer.differs}"
    return None


def device_without_kernels(path: str, modules: dict[str, torch.nn.Module]) -> str | None:
    """The device of a module's tensors, or of those around it, if Ogive has no kernels for it."""
    while True:
        module = modules[path]
        tensor = next(itertools.chain(module.parameters(), module.buffers()), None)
        if tensor is not None or not path:
            break
        path = path.rpartition(".")[0]
    kind = "cpu" if tensor is None else tensor.device.type
    return None if kind in ("cpu", "meta") or (kind == "cuda" and has_triton()) else kind
