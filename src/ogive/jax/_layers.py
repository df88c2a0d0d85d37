"""What layers there are, once for every library of modules: from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from .. import catalog
from ..catalog import Card, Parameter
from . import _public


@dataclass(frozen=True)
class Layer:
    """One class of modules."""

    card: Card
    function: Callable[..., Any]

    @property
    def title(self) -> str:
        return self.card.title

    @property
    def summary(self) -> str:
        return self.card.summary

    @property
    def learned(self) -> Parameter | None:
        """The parameter that is trained."""
        return next((p for p in self.card.parameters if p.learnable), None)

    def checked(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options by name; others are refused when the module is made."""
        names = [p.name for p in self.card.parameters if p.role != "seed"]
        names += ["axis"] if self.card.kind == "gated" else []
        for name in options:
            if name not in names:
                known = f"it has {', '.join(names)}" if names else "it has none"
                raise TypeError(f"{self.title} has no option {name!r}: {known}")
        return dict(options)

    def call(self, arrays: tuple[Any, ...], options: dict[str, Any], key: Any) -> Any:
        """The function as a module calls it: gated units take the halves of one array, random
        functions draw from a key where they train.
        """
        if self.card.kind == "gated":
            (x,) = arrays
            axis = options.get("axis", -1)
            if x.shape[axis] % 2:
                raise ValueError(
                    f"{self.title}: axis {axis} of x of shape {x.shape} has no two equal halves"
                )
            return self.function(*jnp.split(x, 2, axis))
        if self.card.draws:
            trains = options.get(self.card.named("switch")[0], False) or self.card.kind == "rows"
            if trains and key is None:
                raise ValueError(f"{self.title}: a key is needed to draw from")
            return self.function(*arrays, **options, **({"seed": key} if trains else {}))
        return self.function(*arrays, **options)


def layers() -> Iterator[Layer]:
    """Of functions that are more than a call: with a state, two inputs or options."""
    for card in map(catalog.find, catalog.names()):
        function = _public.found(card.name)
        if function is not None and not card.layer:
            yield Layer(card, function)
