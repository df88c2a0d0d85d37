"""Which functions of `jax.nn` Ogive has, and what a swap did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import catalog
from . import _public

Function = Callable[..., Any]


@cache
def counterparts() -> tuple[tuple[Function, str, Function], ...]:
    """Functions of `jax.nn` that cards name, with that function of the catalog which gives the same
    on probe values: `jax.nn.gelu` is by default the approximation.
    """
    x = jnp.linspace(-4, 4, 65)
    named: dict[str, list[str]] = {}
    for name in (*catalog.names("unary"), *catalog.names("rows")):
        for peer in catalog.find(name).peers:
            home, _, word = peer.name.rpartition(".")
            if home == "jax.nn" and callable(getattr(jax.nn, word, None)):
                named.setdefault(word, []).append(name)
    found = []
    for word, candidates in named.items():
        theirs = getattr(jax.nn, word)
        distance = {
            name: float(np.max(np.abs(np.asarray(_function(name)(x)) - np.asarray(theirs(x)))))
            for name in candidates
        }
        best = min(candidates, key=distance.__getitem__)
        if distance[best] < 1e-5:
            found.append((theirs, f"jax.nn.{word}", _function(best)))
    return tuple(found)


def _function(name: str) -> Function:
    function = _public.found(name)
    assert function is not None
    return function


def counterpart(value: Any) -> tuple[str, Function] | None:
    """What replaces a function of `jax.nn`, and its name there."""
    for theirs, name, ours in counterparts():
        if value is theirs:
            return name, ours
    return None


LIBRARIES = ("jax", "jaxlib", "flax", "equinox", "ogive")


def is_unknown(value: Any) -> bool:
    """A function of `jax.nn` that Ogive has not, or one of the user's."""
    if any(value is own for own in vars(jax.nn).values()):
        return True
    home = str(getattr(value, "__module__", "")).partition(".")[0]
    return isinstance(value, FunctionType) and home not in LIBRARIES


@dataclass
class Swapped:
    """A model with Ogive's functions in place of those of `jax.nn`, and what was done."""

    model: Any
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    """Where, what stood there, what stands there now."""
    left: list[tuple[str, str]] = field(default_factory=list)
    """Functions that the model holds and Ogive does not know: where, and which."""

    def note(self, path: str, value: Any) -> Any:
        """What is to stand in the place of a value, noted."""
        found = counterpart(value)
        if found is not None:
            name, ours = found
            self.changed.append((path, name, f"ogive.jax.{ours.__name__}"))
            return ours
        if is_unknown(value):
            self.left.append((path, getattr(value, "__qualname__", repr(value))))
        return value

    def __str__(self) -> str:
        lines = [f"{len(self.changed)} changed"]
        lines += [f"  {path}: {old} -> {new}" for path, old, new in self.changed]
        if self.left:
            lines.append(f"{len(self.left)} left, which are no functions of jax.nn that Ogive has")
            lines += [f"  {path}: {name}" for path, name in self.left]
        lines.append("Calls of jax.nn inside methods are not reached.")
        return "\n".join(lines)
