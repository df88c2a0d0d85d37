"""What torch's functions take beside the arguments of ours, and the names that it calls them by."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ..calls import codegen
from ..catalog import Card
from ._warn import warn_once


def ignored(card: Card) -> tuple[tuple[str, float], ...]:
    """Arguments that only torch's function has, in its order, with its defaults."""
    return tuple(pair for peer in card.peers if peer.framework == "torch" for pair in peer.ignored)


def torch_functions(card: Card) -> Iterator[tuple[Any, str]]:
    """torch's own functions of that name: the module, and the name there."""
    homes = {"torch": torch, "torch.nn.functional": torch.nn.functional}
    for peer in card.peers:
        home, _, word = peer.name.rpartition(".")
        if home in homes and callable(getattr(homes[home], word, None)):
            yield homes[home], word


def torch_function(card: Card, otherwise: Any = None) -> Any:
    """The first of them, or something else where torch has none."""
    return next((getattr(home, word) for home, word in torch_functions(card)), otherwise)


def by_torch_alone(card: Card, refusal: Exception, *args: Any) -> Tensor:
    """What torch's function gives for arguments that ours refuses, with one warning; where it has
    none, or refuses them too, the refusal.
    """
    for home, word in torch_functions(card):
        try:
            found: Tensor = getattr(home, word)(*args)
        except torch.OutOfMemoryError:
            raise
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            continue
        warn_once((card.name, type(refusal).__name__), f"{refusal}; torch's own function takes it")
        return found
    raise refusal


def warn_of_ignored(card: Card, argument: str, value: Any) -> None:
    warn_once(
        (card.name, argument),
        f"{argument} = {value!r} has no effect in ogive.torch.{card.name}, which takes it for "
        'torch\'s sake: see "Where it differs from torch" in docs/torch.md',
    )


def implicit_dim(name: str, x: Any) -> int:
    """The dimension that torch means by None."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a Tensor, not {type(x).__name__}")
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if x.dim() in (0, 1, 3) else 1


def into(out: Any, name: str, compute: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """The result in ``out``, which is resized and keeps its dtype, as with torch's functions."""
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}: out must be a Tensor, not {type(out).__name__}")
    tensors = [t for t in (*inputs, out) if isinstance(t, Tensor)]
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        raise RuntimeError(
            f"{name}: functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    y = compute(*inputs)
    if not torch.can_cast(y.dtype, out.dtype):
        raise RuntimeError(f"{name}: result type {y.dtype} can't be cast to {out.dtype} of out")
    if y.device != out.device:
        raise RuntimeError(f"{name}: out must be on {y.device}, not on {out.device}")
    if out.shape != y.shape:
        if out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape "
                f"{list(out.shape)}, which does not match the required output shape "
                f"{list(y.shape)}.",
                stacklevel=3,
            )
        out.resize_(y.shape)
    return out.copy_(y)


def names(card: Card, function: Callable[..., Tensor]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """torch's names of one of our functions: its own, where it is another, and of its form that
    writes over the input.
    """
    for home, word in torch_functions(card):
        if word != card.name:
            yield word, function
        if hasattr(home, f"{word}_") and "inplace" in inspect.signature(function).parameters:
            yield f"{word}_", over_input(f"{word}_", function)


def over_input(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function with what comes before ``inplace`` in its signature, which is True."""
    taken = list(inspect.signature(function).parameters.values())
    taken = taken[: [p.name for p in taken].index("inplace")]
    signature = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in taken]
    call = f"return function({codegen.items(p.name for p in taken)}inplace=True)"
    return codegen.written(name, signature, [call], {"function": function}, f"torch {name}")
