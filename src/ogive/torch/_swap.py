"""One line for an existing model: its activations and losses become Ogive's, and back again.

A module keeps its identity, parameters, hooks and state_dict: only its class changes. What stands
for what follows from the cards: the title names torch's class, the peers name torch's functions,
and the aliases are the names other libraries know a function by.
"""

from __future__ import annotations

import ast
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .. import catalog
from . import _functions, nn


@dataclass(frozen=True)
class Change:
    """One thing that was changed."""

    path: str
    before: str
    after: str


@dataclass
class Report:
    """What `swap` changed, and what it could not change and why."""

    model: torch.nn.Module
    changed: list[Change] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{len(self.changed)} changed"]
        lines += [f"  {c.path or '(the model)'}: {c.before} -> {c.after}" for c in self.changed]
        if self.kept:
            lines.append(f"{len(self.kept)} left as they are")
            lines += [f"  {path or '(the model)'}: {why}" for path, why in self.kept]
        return "\n".join(lines)


_undo: weakref.WeakKeyDictionary[torch.nn.Module, list[Callable[[], None]]] = (
    weakref.WeakKeyDictionary()
)


def swap(model: torch.nn.Module, functional: bool = False, lean: bool | None = None) -> Report:
    """Make the activations and losses of a model Ogive's, in place.

    Parameters
    ----------
    model : Module
        Its modules keep their identity, parameters, hooks and state_dict.
    functional : bool
        Also what its forward calls as functions (``F.gelu(x)``, ``x.softmax(-1)``), and functions
        that its modules hold as attributes. Calls are looked up while forward runs.
    lean : bool, optional
        As in the functions: True keeps the output and one bit for GELU, SiLU and Mish, on the CPU.

    Returns
    -------
    Report
        ``changed`` and ``kept``; printing it shows both.

    Examples
    --------
    >>> import torch, ogive.torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.GELU())
    >>> print(ogive.torch.swap(model))
    1 changed
      1: torch.nn.GELU -> ogive.torch.nn.GELU
    >>> ogive.torch.unswap(model)
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"swap changes a torch.nn.Module, not a {type(model).__name__}")
    if model in _undo:
        raise RuntimeError("this model is swapped already: call unswap(model) first")
    report = Report(model)
    undo: list[Callable[[], None]] = []
    for path, module in model.named_modules():
        kind: Any = type(module)
        target = counterpart(kind)
        if target is None:
            if type(module).__module__ == torch.nn.ReLU.__module__:
                report.kept.append((path, f"{shown(type(module))} has no counterpart"))
        elif (why := obstacle(module)) is not None:
            report.kept.append((path, f"{shown(type(module))}: {why}"))
        else:
            before = type(module)
            undo.append(partial(_restore_class, module, before, "lean" in module.__dict__))
            module.__class__ = target
            if lean is not None and hasattr(target, "lean"):
                module.lean = lean
            report.changed.append(Change(path, shown(before), shown(target)))
            continue
        if functional:
            for name, value in list(vars(module).items()):
                if callable(value) and _hashable(value) and value in functions():
                    undo.append(partial(setattr, module, name, value))
                    setattr(module, name, Adapted(functions()[value], value, lean))
                    report.changed.append(
                        Change(f"{path}.{name}".lstrip("."), shown_function(value),
                               f"ogive.torch.{functions()[value]}")
                    )  # fmt: skip
    if functional:
        undo.append(partial(model.__dict__.pop, "forward", None))
        held = model.__dict__.get("forward")
        if held is not None:
            undo[-1] = partial(setattr, model, "forward", held)
        model.forward = partial(_forward, type(model).forward if held is None else held,
                                () if held is not None else (model,), lean)  # fmt: skip
        report.changed.append(Change("forward", "functions of torch", "ogive.torch, as they come"))
    _undo[model] = undo
    return report


def unswap(model: torch.nn.Module | Report) -> None:
    """Undo `swap`."""
    module = model.model if isinstance(model, Report) else model
    if module not in _undo:
        raise RuntimeError("this model is not swapped")
    for step in reversed(_undo.pop(module)):
        step()


def _restore_class(module: torch.nn.Module, before: type, had_lean: bool) -> None:
    module.__class__ = before
    if not had_lean:
        module.__dict__.pop("lean", None)


def shown(cls: type) -> str:
    home = cls.__module__
    if home.startswith("torch.nn."):
        home = "torch.nn"
    return f"{home}.{cls.__qualname__}"


def shown_function(function: Any) -> str:
    return getattr(function, "__name__", repr(function))


def _hashable(value: Any) -> bool:
    return type(value).__hash__ is not None and not isinstance(value, torch.nn.Module)


@cache
def counterpart(cls: type) -> type[torch.nn.Module] | None:
    """The module of Ogive's that does what a class of torch, timm or transformers does."""
    home = cls.__module__.split(".")[0]
    by_word: dict[str, str] = {}
    for card in map(catalog.find, catalog.names()):
        for word in (card.title, card.name, *card.aliases):
            by_word.setdefault(normal(word), card.title)
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


def obstacle(module: Any) -> str | None:
    """Why a module of torch's cannot be swapped as it is set up."""
    kind = type(module).__name__
    if kind == "Hardtanh" and (module.min_val, module.max_val) != (-1, 1):
        return f"it is between {module.min_val} and {module.max_val}, not -1 and 1"
    if kind == "Softplus" and module.threshold != 20:
        return f"it is a straight line from beta x = {module.threshold} on"
    for name in catalog.names("unary"):
        if catalog.find(name).title == kind and (why := beyond(name, vars(module))) is not None:
            return why
    if getattr(module, "dim", 0) is None:
        return "it has no dim: torch chooses one by the number of dimensions"
    if kind == "GELU" and getattr(module, "approximate", "none") not in ("none", "tanh"):
        return f"approximate={module.approximate!r}"
    if hasattr(module, "linear") and getattr(module, "out_features", ()) != ():
        return "it has several losses for each input (out_features)"
    if kind == "LinearCrossEntropyLoss":
        return "torch's chunks differ in their options; build ogive.torch.nn.LinearCrossEntropyLoss"
    return None


def beyond(name: str, given: dict[str, Any]) -> str | None:
    """Which number torch takes and Ogive does not."""
    card = catalog.find(name)
    for p in card.parameters if card.kind == "unary" else ():
        number, (low, high) = given.get(p.name), p.domain
        if isinstance(number, (int, float)) and not low < number < high:
            return f"{p.name} = {number} is not in ({low:g}, {high:g})"
    return None


# Functions.

NEUTRAL: dict[str, Any] = {
    "_stacklevel": ..., "eps": ..., "size_average": None, "reduce": None, "threshold": 20,
    "min_val": -1, "max_val": 1, "approximate": "none", "dtype": None, "options": None,
}  # fmt: skip
"""Arguments that only torch has, with the value at which both functions are the same."""


@cache
def functions() -> dict[Any, str]:
    """torch's functions by the name of ours: in torch, in functional, and as methods."""
    found: dict[Any, str] = {}
    for name in catalog.names():
        card = catalog.find(name)
        ours = counterpart(getattr(torch.nn, card.title, object))
        if ours is None or name == "identity":
            continue
        for peer in card.peers:
            if peer.framework != "torch":
                continue
            tree = ast.parse(peer.name, mode="eval").body
            if not isinstance(tree, ast.Attribute):
                continue
            for home in (torch.nn.functional, torch, torch.Tensor, torch._C._nn, torch.special):
                for word in (tree.attr, f"{tree.attr}_"):
                    function = getattr(home, word, None)
                    if function is not None and _hashable(function):
                        found[function] = name
    return found


@cache
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


class Adapted:
    """A function of torch's by ours, or by torch where the arguments go beyond ours."""

    def __init__(self, name: str, torch_function: Any, lean: bool | None):
        self.name, self.torch_function, self.lean = name, torch_function, lean
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = arguments(self.name, self.torch_function, args, kwargs, self.lean)
        if found is None:
            return self.torch_function(*args, **kwargs)
        function, given = found
        return function(**given)


def arguments(
    name: str, function: Any, args: Any, kwargs: Any, lean: bool | None
) -> tuple[Callable[..., Tensor], dict[str, Any]] | None:
    """Our function with its arguments, or None where only torch's own will do."""
    takes = signature(function)
    if takes is None:
        return None
    try:
        given = dict(takes.bind(*args, **kwargs).arguments)
    except TypeError:
        return None
    x = given.pop("self", given.pop("input", None))
    if not isinstance(x, Tensor) or x.dtype not in (
        torch.float16, torch.bfloat16, torch.float32, torch.float64
    ):  # fmt: skip
        return None
    if given.get("out") is not None:
        return None
    given.pop("out", None)
    if given.get("approximate") == "tanh":
        name, given["approximate"] = f"{name}_tanh", "none"
    ours = _functions.get(name)
    if ours is None:
        return None
    taken = inspect.signature(ours).parameters
    for key in list(given):
        if key in taken and not (key == "threshold" and name == "softplus"):
            continue
        same = NEUTRAL.get(key, inspect.Parameter.empty)
        if same is ... or same == given[key]:
            del given[key]
        else:
            return None
    if ("dim" in given and given["dim"] is None) or beyond(name, given) is not None:
        return None
    if function.__name__.endswith("_") and "inplace" in taken:
        given["inplace"] = True
    if lean is not None and "lean" in taken:
        given["lean"] = lean
    return ours, {next(iter(taken)): x, **given}


class Functional(TorchFunctionMode):
    """While it is active, torch's functions are ours where they can be."""

    def __init__(self, lean: bool | None):
        super().__init__()
        self.lean = lean

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = functions().get(func) if _hashable(func) else None
        if name is not None:
            found = arguments(name, func, args, kwargs, self.lean)
            if found is not None:
                function, given = found
                return function(**given)
        return func(*args, **kwargs)


def _forward(forward: Any, first: tuple[Any, ...], lean: bool | None, *args: Any, **kw: Any) -> Any:
    with Functional(lean):
        return forward(*first, *args, **kw)
