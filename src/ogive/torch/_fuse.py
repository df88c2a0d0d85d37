"""What `swap(model, fuse=True)` makes one call of several: gated products, a head and its loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from ._deferred import compiling, deferred, unread
from ._gates import rewritten
from ._stand_in import like, stand_in


class Fused(NamedTuple):
    """Makes another forward of a class's: with its gated products fused, or its head and loss."""

    gates: bool
    head: bool

    def __call__(self, of: Any) -> Callable[..., Any]:
        def as_it_is(self: Any, *args: Any, **kwargs: Any) -> Any:
            return of.forward(self, *args, **kwargs)

        run = rewritten(of) if self.gates else as_it_is
        return with_deferred_logits(of, run) if self.head else run


def of_fused(cls: Any, gates: bool, head: bool) -> type:
    """The class of a module that has something fused."""

    def write(made: Callable[[], Any]) -> dict[str, Any]:
        return {"forward": like(cls.forward, Fused(gates, head)(cls))}

    return stand_in(cls, of_fused, (gates, head), write)


# The head of a language model and its loss.


def heads(model: torch.nn.Module) -> Iterator[tuple[torch.nn.Module, Any]]:
    """Modules that make a loss of labels, and their heads: of the kind that transformers has."""
    for module in model.modules():
        find = getattr(module, "get_output_embeddings", None)
        if callable(find) and position_of_labels(type(module)) is not None:
            head = find()
            if isinstance(head, torch.nn.Module):
                yield module, head


def position_of_labels(cls: Any) -> int | None:
    """Which argument of forward the labels are, counted without self."""
    names = list(inspect.signature(cls.forward).parameters)[1:]
    return names.index("labels") if "labels" in names else None


def with_deferred_logits(of: Any, run: Callable[..., Any]) -> Callable[..., Any]:
    """A forward whose head, in training with labels, gives logits that are not computed yet."""
    at: Any = position_of_labels(of)
    exporting, enabled = torch.compiler.is_exporting, torch.is_grad_enabled

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        labels = args[at] if len(args) > at else kwargs.get("labels")
        if labels is None or exporting() or not (self.training and enabled()):
            return run(self, *args, **kwargs)
        with deferring(self.get_output_embeddings()):
            found = run(self, *args, **kwargs)
        return unread(found) if compiling() else found

    return forward


@contextmanager
def deferring(head: Any) -> Iterator[None]:
    head._ogive_defers = True
    try:
        yield
    finally:
        head._ogive_defers = False


def of_head(cls: Any) -> type:
    """The class of a head: a linear layer's."""

    def write(made: Callable[[], Any]) -> dict[str, Any]:
        def forward(self: Any, input: Any) -> Any:
            if self._ogive_defers:
                return deferred(self, input)
            return cls.forward(self, input)

        return {"forward": like(cls.forward, forward)}

    return stand_in(cls, of_head, (), write)
