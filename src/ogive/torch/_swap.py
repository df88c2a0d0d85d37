"""One line for an existing model: its activations and losses become Ogive's, and back again.

A module keeps its identity, parameters, hooks and state_dict: only its class changes.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from ._adapters import adapters, hashable
from ._counterparts import counterpart, device_without_kernels, obstacle, shown
from ._formats import FLOATS
from ._functional import Adapted, Held, of_functions
from ._fuse import Fused, heads, of_fused, of_head
from ._gates import units_of
from ._kept import OUTPUT, kept
from ._modules import Loss
from ._overwritten import overwritten
from ._report import Change, Report
from ._route import is_dense, is_for_torch_s_loss
from ._stand_in import has_own_forward, like, rebind, stand_in, without_stand_in
from ._unreached import reasons

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
            become(module, found)


def become(module: torch.nn.Module, cls: Any) -> None:
    was = type(module)
    module.__class__ = cls
    rebind(module, was)


def record(module: torch.nn.Module) -> Before:
    return vars(module).setdefault(RECORD, Before())  # type: ignore[no-any-return]


def swap(
    model: torch.nn.Module, functional: bool = False, lean: bool | None = None, fuse: bool = False
) -> Report:
    """Make the activations and losses of a model Ogive's, in place.

    Parameters
    ----------
    model : Module
        Its modules keep their identity, parameters, hooks and state_dict.
    functional : bool
        Also what the methods of its modules call as functions (``F.gelu(x)``, ``x.softmax(-1)``),
        in backward's recomputation of checkpoints too, and functions that modules hold as
        attributes. Calls are looked up while a method runs.
    lean : bool, optional
        As in the functions: True keeps the output and one bit for GELU, SiLU and Mish, on the CPU.
    fuse : bool
        Also make one call of ``act(gate) * up`` in a forward, where there is such a gated function,
        and of the head and the loss of a language model of transformers: in training with labels
        its logits are computed only if they are read.

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
      1: torch.nn.GELU -> ogive.torch.nn.GELU, keeps the input
    >>> ogive.torch.unswap(model)
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"swap changes a torch.nn.Module, not a {type(model).__name__}")
    restore(model)  # swapping twice is swapping once
    modules = dict(model.named_modules())
    report = Report(_model=weakref.ref(model))
    record(model)
    without = {path: device_without_kernels(path, modules) for path in modules}
    lost = overwritten(model)
    others = {
        path: module for path, module in modules.items()
        if not swap_module(path, module, functional, lean, module in lost, without[path], report)
        and without[path] is None
    }  # fmt: skip
    if functional:
        for path, module in others.items():
            swap_attributes(path, module, lean, report)
    owners = swap_heads(modules, others, report) if fuse else set()
    for path, module in others.items():
        units = units_of(module) if fuse else set()
        own = type(module).__module__.split(".")[0] not in ("torch", "ogive")
        calls = functional and (own or module is model)
        if calls or units or module in owners:
            swap_forward(path, module, calls, lean, units, module in owners, report)
    if functional and without[""] is None:
        report.changed.append(Change("forward", "functions of torch", "ogive.torch, as they come"))
    return report


def swap_module(
    path: str, module: torch.nn.Module, functional: bool, lean: bool | None, lost: bool,
    device: str | None, report: Report,
) -> bool:  # fmt: skip
    """Whether the module has become one of Ogive's; the report says what was done, or why not. If
    its results are lost, as the model writes over them, backward does not need them.
    """
    kind: Any = type(module)
    target = counterpart(kind)
    if target is None:
        report.kept += [(path, why) for why in reasons(module, functional)]
        return False
    why = obstacle(module, target)
    if device is not None:
        why = f"there are no kernels for {device}"
    if why is not None:
        report.kept.append((path, f"{shown(kind)}: {why}"))
        return False
    record(module).cls = kind
    become(module, with_function(kind))
    chooses = hasattr(target, "lean")
    if chooses and (lean is not None or lost):
        record(module).set(module, "lean", lean)
    words = kept(module)
    if chooses and lost and OUTPUT in words:
        module.lean = False  # type: ignore[assignment]
        words = f"{kept(module)}, as the model writes over its result"
    report.changed.append(Change(path, shown(kind), shown(target), words))
    return True


def swap_attributes(path: str, module: torch.nn.Module, lean: bool | None, report: Report) -> None:
    """Functions of torch's that a module holds."""
    for name, value in list(vars(module).items()):
        if callable(value) and hashable(value) and value in adapters():
            record(module).set(module, name, Adapted(value, lean))
            ours = adapters()[value].__name__
            report.changed.append(
                Change(f"{path}.{name}".lstrip("."), value.__name__, f"ogive.torch.{ours}")
            )


def swap_heads(
    modules: dict[str, torch.nn.Module], others: dict[str, torch.nn.Module], report: Report
) -> set[torch.nn.Module]:
    """Makes heads give logits that are not computed yet; the modules whose forward asks for it."""
    paths = {module: path for path, module in modules.items()}
    owners = set()
    for owner, head in list(heads(modules[""])):
        path = paths.get(head)
        if path not in others or paths[owner] not in others:
            continue
        if type(head) is not torch.nn.Linear:
            report.kept.append(
                (path, f"{shown(type(head))}: only torch.nn.Linear fuses with a loss")
            )
            continue
        record(head).cls = type(head)
        become(head, of_head(type(head)))
        record(head).set(head, "_ogive_defers", False)
        owners.add(owner)
        report.changed.append(
            Change(
                path, "torch.nn.Linear, and the loss of its logits",
                "ogive.torch.linear_cross_entropy, in training with labels",
                "input, weights and their gradients, but no logits",
            )
        )  # fmt: skip
    return owners


def swap_forward(
    path: str, module: torch.nn.Module, calls: bool, lean: bool | None, units: set[str],
    has_head: bool, report: Report,
) -> None:  # fmt: skip
    """What a module's forward calls as functions, and what is fused in it."""
    kind = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        report.kept.append((path, "it is compiled to TorchScript, with torch's functions in it"))
        return
    try:
        if not calls:
            found = of_fused(kind, bool(units), has_head)
        elif units or has_head:
            found = of_functions(kind, lean, Fused(bool(units), has_head))
        else:
            found = of_functions(kind, lean)
        become(module, found)
    except Exception as error:
        report.kept.append((path, f"{shown(kind)} has no subclass for what it calls: {error}"))
        return
    record(module).cls = kind
    if has_own_forward(module):
        given: Any = vars(module)["forward"]
        if calls:
            record(module).set(module, "forward", Held(given, lean, type(module).forward))
    report.changed += [
        Change(path, "act(gate) * up", f"ogive.torch.{unit}", "both of its inputs")
        for unit in sorted(units)
    ]


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


def with_function(cls: type) -> type:
    """The class of a module as it is in a swapped model: its forward calls Ogive's function, or
    torch's for kinds of tensors that only torch takes.
    """
    ours: Any = counterpart(cls)

    def write(made: Callable[[], Any]) -> dict[str, Any]:
        of: Any = cls
        function, theirs = ours.forward, of.forward
        of_loss = issubclass(ours, Loss)

        def forward(self: Any, input: Any, *more: Any, **rest: Any) -> Any:
            if input.dtype in FLOATS and not (of_loss and is_for_torch_s_loss(input)):
                try:
                    return function(self, input, *more, **rest)
                except RuntimeError:
                    if is_dense(input):
                        raise
            return theirs(self, input, *more, **rest)

        return {"forward": like(theirs, forward), "extra_repr": of.extra_repr}

    return stand_in(cls, with_function, (), write, ours)
