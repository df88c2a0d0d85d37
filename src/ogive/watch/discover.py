"""Finds the models that a program trains: those that own the parameters of its optimizers."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

Found = Callable[[str, nn.Module], None]


def roots(optimizer: torch.optim.Optimizer) -> list[nn.Module]:
    """Modules that hold an optimizer's parameters and are part of no other module."""
    wanted = {id(p) for group in optimizer.param_groups for p in group["params"]}
    # `type`, since the class that a lazy object claims is computed when asked.
    modules = [each for each in gc.get_objects() if issubclass(type(each), nn.Module)]
    ready = [each for each in modules if "_modules" in each.__dict__]
    parts = {id(child) for each in ready for child in each.children()}
    return [
        each
        for each in ready
        if id(each) not in parts and any(id(p) in wanted for p in each.parameters())
    ]


def named(module: nn.Module) -> str:
    """The program's own name for it, or its class's."""
    main = vars(sys.modules.get("__main__", object()))
    found = [name for name, value in main.items() if value is module and name[0] != "_"]
    return found[0] if found else type(module).__name__


class Discovery:
    """Tells of each model as its optimizer is made, and undoes what that takes."""

    def __init__(self, found: Callable[[list[nn.Module]], None]) -> None:
        self.found = found
        original = torch.optim.Optimizer.__init__

        def made(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self.found(roots(optimizer))

        self._original, self._made = original, made
        torch.optim.Optimizer.__init__ = made  # type: ignore[method-assign]

    def end(self) -> None:
        if torch.optim.Optimizer.__init__ is self._made:
            torch.optim.Optimizer.__init__ = self._original  # type: ignore[method-assign]


def distinct(name: str, taken: Iterator[str] | set[str]) -> str:
    """The name, numbered where it is taken."""
    names = set(taken)
    if name not in names:
        return name
    number = 2
    while f"{name} {number}" in names:
        number += 1
    return f"{name} {number}"
