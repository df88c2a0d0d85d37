"""One line for an existing model: its activations and losses become Ogive's, and back again.

A module keeps its identity, parameters, hooks and state_dict: only its class changes. What stands
for what follows from the cards: the title names torch's class, the peers name torch's functions,
and the aliases are the names other libraries know a function by.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import math
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import (
    TorchFunctionMode,
    _get_current_function_mode,
    _get_current_function_mode_stack,
)
from torch.utils._triton import has_triton
from torch.utils.checkpoint import CheckpointFunction

from .. import catalog
from ..calls.codegen import generated
from ..catalog import Card, Parameter
from . import nn
from ._arguments import ignored
from ._formats import FLOATS
from ._public import FUNCTIONS, approximations
from ._report import Change, Report
from ._route import is_dense, modes_without_effect, overrides
from ._stand_in import like, stand_in, stands_for, without_stand_in

RECORD = "_ogive_before"


@dataclass
class Before:
    """What a module was, kept in the module itself: copies and pickles have theirs."""

    cls: Any = None
    """Its class, if that was changed."""
    held: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Attributes that had other values: what they were, and what `swap` made of them."""
    added: list[str] = field(default_factory=list)
    """Attributes that it did not have."""

    def set(self, module: torch.nn.Module, name: str, value: Any) -> None:
        if name in vars(module):
            self.held[name] = vars(module)[name], value
        else:
            self.added.append(name)
        setattr(module, name, value)

    def restore(self, module: torch.nn.Module) -> Iterator[str]:
        """Undoes what was not changed since, and says what was."""
        for name in self.added:
            vars(module).pop(name, None)
        for name, (value, ours) in self.held.items():
            if vars(module).get(name) is ours:
                setattr(module, name, value)
            else:
                yield f"its {name} was set after it was swapped"
        if self.cls is None:
            return
        found = without_stand_in(type(module), self.cls)
        if found is None:
            yield f"it became {shown(type(module))} after it was swapped"
        else:
            module.__class__ = found


def record(module: torch.nn.Module) -> Before:
    return vars(module).setdefault(RECORD, Before())  # type: ignore[no-any-return]


def swap(model: torch.nn.Module, functional: bool = False, lean: bool | None = None) -> Report:
    """Make the activations and losses of a model Ogive's, in place.

    Parameters
    ----------
    model : Module
        Its modules keep their identity, parameters, hooks and state_dict.
    functional : bool
        Also what the forward of its modules calls as functions (``F.gelu(x)``, ``x.softmax(-1)``),
        in backward's recomputation of checkpoints too, and functions that modules hold as
        attributes. Calls are looked up while forward runs.
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
    restore(model)  # swapping twice is swapping once
    modules = dict(model.named_modules())
    report = Report(_model=weakref.ref(model))
    record(model)
    for path, module in modules.items():
        kind: Any = type(module)
        target = counterpart(kind)
        device = device_without_kernels(path, modules)
        if target is None:
            report.kept += [(path, why) for why in reasons(module, functional)]
        elif device is not None:
            report.kept.append((path, f"{shown(kind)}: there are no kernels for {device}"))
        elif (why := obstacle(module, target)) is not None:
            report.kept.append((path, f"{shown(kind)}: {why}"))
        else:
            record(module).cls = kind
            module.__class__ = with_function(kind)
            if lean is not None and hasattr(target, "lean"):
                record(module).set(module, "lean", lean)
            report.changed.append(Change(path, shown(kind), shown(target)))
            continue
        if functional and device is None:
            swap_attributes(path, module, lean, report)
            own = kind.__module__.split(".")[0] not in ("torch", "ogive")
            if own or module is model:
                swap_calls(path, module, lean, report)
    if functional and device_without_kernels("", modules) is None:
        report.changed.append(Change("forward", "functions of torch", "ogive.torch, as they come"))
    return report


def swap_attributes(path: str, module: torch.nn.Module, lean: bool | None, report: Report) -> None:
    """Functions of torch's that a module holds."""
    for name, value in list(vars(module).items()):
        if callable(value) and _hashable(value) and value in adapters():
            record(module).set(module, name, Adapted(value, lean))
            ours = adapters()[value].__name__
            report.changed.append(
                Change(f"{path}.{name}".lstrip("."), value.__name__, f"ogive.torch.{ours}")
            )


def swap_calls(path: str, module: torch.nn.Module, lean: bool | None, report: Report) -> None:
    """What a module's forward calls."""
    kind = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        report.kept.append((path, "it is compiled to TorchScript, with torch's functions in it"))
        return
    try:
        module.__class__ = of_functions(kind, lean)
    except Exception as error:
        report.kept.append((path, f"{shown(kind)} has no subclass for what it calls: {error}"))
        return
    record(module).cls = kind
    if "forward" in vars(module):
        record(module).set(module, "forward", Held(vars(module)["forward"], lean))


def unswap(model: torch.nn.Module | Report) -> None:
    """Undo `swap`, of the model, of a copy or a part of it, or of what has it inside.

    What was changed after the swap stays, and a warning names it.
    """
    module = model.model if isinstance(model, Report) else model
    if not restore(module):
        raise RuntimeError("this model is not swapped")


def restore(model: torch.nn.Module) -> bool:
    """Whether there was something to undo."""
    undone, left = False, []
    for path, part in list(model.named_modules()):
        before = vars(part).pop(RECORD, None)
        if before is not None:
            undone = True
            left += [f"{path or 'the model'}: {why}" for why in before.restore(part)]
    if left:
        warnings.warn(f"not restored: {'; '.join(left)}", stacklevel=3)
    return undone


def shown(cls: type) -> str:
    home = cls.__module__
    if home.startswith("torch.nn."):
        home = "torch.nn"
    return f"{home}.{cls.__qualname__}"


def _hashable(value: Any) -> bool:
    return type(value).__hash__ is not None and not isinstance(value, torch.nn.Module)


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
    if "forward" in vars(module):
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


# What is not reached, and why.


def reasons(module: torch.nn.Module, functional: bool) -> Iterator[str]:
    """Why torch's code, or another library's, still computes something that Ogive could."""
    kind = type(module)
    word = normal(kind.__name__).removesuffix("activation")
    base = next((b for b in kind.__mro__[1:] if counterpart_by_name(b) is not None), None)
    if isinstance(module, torch.jit.ScriptModule):
        if normal(module.original_name) in titles():
            yield "it is compiled to TorchScript, with torch's functions in it"
    elif isinstance(module, torch.nn.TransformerEncoderLayer):
        yield (
            "in evaluation torch may compute the whole layer in one call: its activation and "
            "softmax are then torch's"
        )
    elif kind is torch.nn.MultiheadAttention:
        yield "torch.nn.MultiheadAttention: torch computes its softmax with the matrix products"
    elif kind.__module__ == torch.nn.ReLU.__module__:
        yield f"{shown(kind)} has no counterpart"
    elif torch.nn.utils.parametrize.is_parametrized(module) and base is not None:
        yield f"{shown(base)} is parametrised: swap the model before"
    elif base is not None and any(b.__name__ == "FSDPModule" for b in kind.__mro__):
        yield f"{shown(base)} has a class of FSDP's: swap the model before fully_shard"
    elif base is not None:
        yield f"{shown(kind)} is a {shown(base)} with a forward of its own"
    elif kind.__module__.split(".")[0] in ("torch", "ogive"):
        return
    elif (title := computed(module, word)) is not None:
        yield (
            f"{shown(kind)} gives what ogive.torch.nn.{title}() gives, on probe values: it can be "
            "put in its place"
        )
    elif titles().get(word, "Identity") != "Identity" and not functional:
        yield f"{shown(kind)} calls functions: functional=True reaches torch's"


def computed(module: torch.nn.Module, word: str) -> str | None:
    """The class of `nn` that gives the same on probe values as a module named like a function."""
    cards = [card for card in map(catalog.find, catalog.names("unary")) if not card.draws]
    named = any(normal(card.name) in word for card in cards)
    if not named or any(True for _ in itertools.chain(module.children(), module.parameters())):
        return None
    x = torch.linspace(-6, 6, 97, dtype=torch.float64)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=()):
            y = type(module).forward(module, x.clone())  # without hooks
            for card in cards:
                if torch.allclose(getattr(nn, card.title)().double()(x), y, 1e-7, 1e-9):
                    return card.title
    except Exception:  # it takes something else
        return None
    return None


# Functions.


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
        "overrides": overrides,
    }  # fmt: skip
    header, given = [f"{first.name}=MISSING"], []
    of_floats = f"isinstance({first.name}, Tensor) and {first.name}.dtype in FLOATS"
    conditions = [f"({of_floats} or overrides({first.name}))"]  # a Proxy of fx is no Tensor
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


_adapters: dict[Any, Callable[..., Any]] = {}


def adapters() -> dict[Any, Callable[..., Any]]:
    """torch's functions that are ours too: in torch, in functional, and as methods.

    One dictionary, filled at once when first asked for: a compiler that meets it, or another
    thread, finds it filled.
    """
    if not _adapters:
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
                if function is None or not _hashable(function) or function in found:
                    continue
                if (takes := signature(function)) is not None:
                    found[function] = adapter(card.name, function, takes)
        _adapters.update(found)
    return _adapters


class Adapted:
    """A function of torch's by ours, or by torch where the arguments go beyond ours."""

    def __init__(self, torch_function: Any, lean: bool | None):
        self.torch_function, self.lean = torch_function, lean
        self.__name__ = torch_function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = adapters()[self.torch_function](self.lean, FUNCTIONS, *args, **kwargs)
        return self.torch_function(*args, **kwargs) if found is NotImplemented else found


class Functional(TorchFunctionMode):
    """While it is active, torch's functions are ours where they can be."""

    paused = False

    def __init__(self, lean: bool | None):
        super().__init__()
        self.lean = lean

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        adapted = None if self.paused else _adapters.get(func)
        if adapted is not None:
            found = adapted(self.lean, FUNCTIONS, *args, **kwargs)
            if found is not NotImplemented:
                return found
        return func(*args, **kwargs)


modes_without_effect.add(Functional)

# The mode must be active wherever code of the model runs: in its forward, in that of each of its
# parts called alone, and when a checkpoint runs some of it again, in backward.


def active_modes() -> list[Functional]:
    """The modes that are active in this thread."""
    stack = _get_current_function_mode_stack()
    return [mode for mode in stack if isinstance(mode, Functional) and not mode.paused]


def mode_now() -> Functional | None:
    """The one of them that decides."""
    return (None, *active_modes())[-1]


def of_functions(cls: type, lean: bool | None) -> type:
    """The class as it is in a swapped model: its forward runs in the mode."""
    adapters()
    carry_through_checkpoints()
    mode, top = Functional, _get_current_function_mode

    def write(made: Callable[[], Any]) -> dict[str, Any]:
        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            now = top()
            if isinstance(now, mode) and now.lean is lean and not now.paused:
                return super(made(), self).forward(*args, **kwargs)
            with mode(lean):
                return super(made(), self).forward(*args, **kwargs)

        original: Any = cls.forward  # type: ignore[attr-defined]
        scope = getattr(original, "__globals__", None)  # where its annotations are looked up
        return {"forward": like(original, forward, scope)}

    return stand_in(cls, of_functions, (lean,), write)


def with_function(cls: type) -> type:
    """The class of a module as it is in a swapped model: its forward calls Ogive's function, or
    torch's for kinds of tensors that only torch takes.
    """
    ours: Any = counterpart(cls)

    def write(made: Callable[[], Any]) -> dict[str, Any]:
        of: Any = cls
        function, theirs = ours.forward, of.forward

        def forward(self: Any, input: Any, *more: Any, **rest: Any) -> Any:
            if input.dtype in FLOATS:
                try:
                    return function(self, input, *more, **rest)
                except RuntimeError:
                    if is_dense(input):
                        raise
            return theirs(self, input, *more, **rest)

        return {"forward": like(theirs, forward), "extra_repr": of.extra_repr}

    return stand_in(cls, with_function, (), write, ours)


class Held:
    """A forward that an instance has in place of its class's, in the mode."""

    def __init__(self, forward: Any, lean: bool | None):
        self.forward, self.lean = forward, lean
        functools.update_wrapper(self, forward, updated=())

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.forward)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with Functional(self.lean):
            return self.forward(*args, **kwargs)


def carry_through_checkpoints() -> None:
    """Make what runs again in backward run in the mode, or outside it, as it did at first.

    That is a reentrant checkpoint's function, and all that the hooks of saved tensors do, by which
    checkpoints of torch and of other libraries bring back what they did not keep. Both begin in
    forward, where it is known. (A checkpoint does the same for autocast and the default device.)
    """
    with _carrying:
        if not getattr(saved_tensors_hooks.__init__, "carries_functions", False):
            _carry()


_carrying = threading.Lock()


def _carry() -> None:
    make, forward = saved_tensors_hooks.__init__, CheckpointFunction.forward

    def __init__(self: Any, pack_hook: Any, unpack_hook: Any) -> None:
        if not isinstance(unpack_hook, torch.fx.GraphModule):  # of which compilers know more
            unpack_hook = functools.partial(_again, mode_now(), unpack_hook)
        make(self, pack_hook, unpack_hook)

    def carried(ctx: Any, run_function: Any, *args: Any) -> Any:
        return forward(ctx, functools.partial(_again, mode_now(), run_function), *args)

    __init__.carries_functions = True  # type: ignore[attr-defined]
    saved_tensors_hooks.__init__ = functools.wraps(make)(__init__)  # type: ignore[method-assign]
    CheckpointFunction.forward = staticmethod(  # type: ignore[method-assign]
        functools.wraps(forward)(carried)
    )


def _again(then: Functional | None, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if then is not None:
        with Functional(then.lean):
            return run(*args, **kwargs)
    active = active_modes()
    for mode in active:
        mode.paused = True
    try:
        return run(*args, **kwargs)
    finally:
        for mode in active:
            mode.paused = False
