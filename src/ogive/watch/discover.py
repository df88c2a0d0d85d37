"""Finds the models that a program trains: those that own the parameters of its optimizers."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from . import hub


def roots(wanted: Callable[[nn.Parameter], bool]) -> list[nn.Module]:
    """Modules that hold wanted parameters and are part of no other module."""
    # `type`, since the class that a lazy object claims is computed when asked.
    modules = [each for each in gc.get_objects() if issubclass(type(each), nn.Module)]
    ready = [each for each in modules if "_modules" in each.__dict__]
    parts = {id(child) for each in ready for child in each.children()}
    return [
        each
        for each in ready
        if id(each) not in parts and any(wanted(p) for p in each.parameters())
    ]


def named(module: nn.Module) -> str:
    """The program's own name for it, or its class's."""
    main = vars(sys.modules.get("__main__", object()))
    found = [name for name, value in main.items() if value is module and name[0] != "_"]
    return found[0] if found else type(module).__name__


class Discovery:
    """Tells of each model as its optimizer is made; or, in a program that makes none, after the
    first backward pass. Undoes what that takes.
    """

    def __init__(self, found: Callable[[list[nn.Module]], None]) -> None:
        self.found = found
        self._done = False
        original = torch.optim.Optimizer.__init__

        def made(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self._done = True
            trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
            self.found(roots(lambda p: id(p) in trained))

        self._original, self._made = original, made
        torch.optim.Optimizer.__init__ = made  # type: ignore[method-assign, assignment]
        hub.join(self)

    def end(self) -> None:
        hub.leave(self)
        if torch.optim.Optimizer.__init__ is self._made:
            torch.optim.Optimizer.__init__ = self._original  # type: ignore[method-assign]

    def backward_ends(self) -> None:
        if not self._done:
            self._done = True
            self.found(roots(lambda p: p.grad is not None))

    def backward_begins(self, tensors: Any) -> None:
        """Nothing is known yet."""

    def before_step(self, optimizer: Any, closure: bool) -> None:
        """Its models are known since it was made."""

    def after_step(self, optimizer: Any) -> None:
        """As before."""

    def compiled(self, module: Any, result: Any) -> None:
        """Found with its optimizer."""


def distinct(name: str, taken: Iterator[str] | set[str]) -> str:
    """The name, numbered where it is taken."""
    names = set(taken)
    if name not in names:
        return name
    number = 2
    while f"{name} {number}" in names:
        number += 1
    return f"{name} {number}"
