"""Loss heads as the user calls them: signatures written out from their cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calls import codegen
from ..calls.arrays import rewrap
from ..calls.checks import HESSIANS, checked_hessian
from ..calls.losses import evaluate, loss_of
from ..catalog import Card, Parameter
from ..catalog.card import Role
from . import linear

TYPES = {
    "axis": "int", "weights": "Any", "label": "int | None", "number": "float", "reduction": "str",
    "bias": "Any", "choice": "str | None", "count": "int | None",
}  # fmt: skip
"""Types of options by their role."""
HESSIAN, OUT = f"hessian: str | None = {HESSIANS[0]!r}", "out: Any = None"
EXTRA = {"value": [], "value_and_grad": ["*", OUT], "value_grad_hess": ["*", HESSIAN, OUT]}
"""What each mode takes beside the options of the loss."""


def function(card: Card, mode: str) -> Callable[..., Any]:
    """The value of a head, alone or with its gradient, or with its Hessian's diagonal too."""
    inputs = [name for name, _ in card.inputs] or ["z", "target"]
    taken = [f"{name}: Any" for name in inputs]
    taken += [codegen.parameter(p, type_of(p)) for p in card.parameters]
    gradient = mode != "value"
    given = [*inputs, *(each_of(card, role) for role in ("axis", "weights", "label", "number"))]
    given += ["reduction", str(gradient)]
    given.append("checked_hessian(hessian)" if HESSIAN in EXTRA[mode] else "None")
    given.append("out" if gradient else "None")
    given.append(codegen.by_name(p.name for p in card.parameters if p.role in linear.ROLES))
    wraps = "if not isinstance(z, array) and out is None: return keeping_the_container(z, *found)"
    scope: dict[str, Any] = {
        "Any": Any, "evaluate": linear.evaluate if card.layer else evaluate, "array": np.ndarray,
        "loss": loss_of(card.loss_of or card.name), "checked_hessian": checked_hessian,
        "keeping_the_container": keeping_the_container,
    }  # fmt: skip
    return codegen.written(
        card.name,
        [*taken, *EXTRA[mode]],
        [
            f"found = evaluate(loss, {', '.join(given)})",
            wraps if gradient and not card.layer else "",
            "return found",
        ],
        scope,
        f"{mode} {card.name}",
        returns="Any",
    )


def type_of(p: Parameter) -> str:
    return TYPES[p.role] + (" | None" if p.as_operands is not None else "")


def each_of(card: Card, role: Role) -> str:
    """The parameters of a role as the driver takes them: of weights and numbers a tuple."""
    names = card.named(role)
    if role in ("weights", "number"):
        return f"({codegen.items(names)})"
    return names[0] if names else "None"


def keeping_the_container(z: Any, loss: Any, *arrays: Any) -> tuple[Any, ...]:
    """Gradient and Hessian in the container (xarray, pandas) that the logits came in."""
    return loss, *(rewrap(z, a) if isinstance(a, np.ndarray) else a for a in arrays)
