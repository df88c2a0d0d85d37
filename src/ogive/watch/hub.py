"""The two places where torch tells of a step: optimizers' hooks, and the start of a backward pass.

Both are global, so that loops, Lightning, Trainer and gradient scalers are seen alike. They are in
place only while a monitor is attached.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
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


_listeners: list[Listener] = []
_handles: list[Any] = []
_original: Any = None


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
    closure = len(args) > 1 and callable(args[1]) or callable(kwargs.get("closure"))
    for each in [*_listeners]:
        each.before_step(optimizer, closure)


def _after(optimizer: Any, args: Any, kwargs: Any) -> None:
    for each in [*_listeners]:
        each.after_step(optimizer)


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
    for each in [*_listeners]:
        each.backward_begins(tensors)
    try:
        return _original(tensors, *args, **kwargs)
    finally:
        for each in [*_listeners]:
            each.backward_ends()


def _install() -> None:
    global _original
    _handles.append(register_optimizer_step_pre_hook(_before))
    _handles.append(register_optimizer_step_post_hook(_after))
    if torch.autograd.backward is not _backward:
        _original = torch.autograd.backward
        torch.autograd.backward = _backward


def _uninstall() -> None:
    while _handles:
        _handles.pop().remove()
    # Another tool may have put itself in front meanwhile: then ours stays, and only passes on.
    if torch.autograd.backward is _backward:
        torch.autograd.backward = _original
