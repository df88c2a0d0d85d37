"""Where torch tells of a step: optimizers' hooks, the start of a backward pass; and of compiling.

These are global, so that loops, Lightning, Trainer and gradient scalers are seen alike. They are in
place only while a monitor is attached.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)


class Listener(Protocol):
    """A monitor."""

    def before_step(self, optimizer: Any, closure: bool) -> None: ...
    def after_step(self, optimizer: Any) -> None: ...
    def backward_begins(self, tensors: Any) -> None: ...
    def backward_ends(self) -> None: ...
    def compiled(self, module: Any, result: Any) -> None: ...


_listeners: list[Listener] = []
_handles: list[Any] = []
_original: Any = None
_compile: Any = None
_compile_method: Any = None
_depth = 0


def join(listener: Listener) -> None:
    """Tell it of steps from now on."""
    if not _listeners:
        _install()
    _listeners.append(listener)


def leave(listener: Listener) -> None:
    """Tell it no more."""
    if listener in _listeners:
        _listeners.remove(listener)
        if not _listeners:
            _uninstall()


def _before(optimizer: Any, args: Any, kwargs: Any) -> None:
    closure = (len(args) > 1 and callable(args[1])) or callable(kwargs.get("closure"))
    for each in [*_listeners]:
        each.before_step(optimizer, closure)


def _after(optimizer: Any, args: Any, kwargs: Any) -> None:
    for each in [*_listeners]:
        each.after_step(optimizer)


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
    global _depth
    if _depth:  # a checkpoint's, inside the pass of the loss
        return _original(tensors, *args, **kwargs)
    _depth += 1
    for each in [*_listeners]:
        each.backward_begins(tensors)
    try:
        return _original(tensors, *args, **kwargs)
    finally:
        _depth -= 1
        for each in [*_listeners]:
            each.backward_ends()


def _compiles(model: Any = None, *args: Any, **kwargs: Any) -> Any:
    result = _compile(model, *args, **kwargs)
    if isinstance(model, nn.Module):
        for each in [*_listeners]:
            each.compiled(model, result)
    return result


def _compiles_itself(self: nn.Module, *args: Any, **kwargs: Any) -> None:
    _compile_method(self, *args, **kwargs)
    for each in [*_listeners]:
        each.compiled(self, self)


def _install() -> None:
    global _original, _compile, _compile_method
    _handles.append(register_optimizer_step_pre_hook(_before))
    _handles.append(register_optimizer_step_post_hook(_after))
    if torch.autograd.backward is not _backward:
        _original = torch.autograd.backward
        torch.autograd.backward = _backward
    if torch.compile is not _compiles:
        _compile, torch.compile = torch.compile, _compiles
    if nn.Module.compile is not _compiles_itself:
        _compile_method, nn.Module.compile = nn.Module.compile, _compiles_itself  # type: ignore[method-assign]


def _uninstall() -> None:
    while _handles:
        _handles.pop().remove()
    # Another tool may have put itself in front meanwhile: then ours stays, and only passes on.
    if torch.autograd.backward is _backward:
        torch.autograd.backward = _original
    if torch.compile is _compiles:
        torch.compile = _compile
    if nn.Module.compile is _compiles_itself:
        nn.Module.compile = _compile_method  # type: ignore[method-assign]
