"""What the library says of the curves that the explorer page computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import ogive
import ogive.derivative
import ogive.second_derivative
import ogive.value_and_grad
from ogive.catalog import Card
from ogive.formula.curve import Curve

Array = npt.NDArray[np.float64]


def points() -> Array:
    """Near 0, the middle, the tails and huge numbers, of both signs."""
    near = np.geomspace(1e-300, 0.1, 30)
    right = np.concatenate([near, np.linspace(0.1, 40, 200), np.linspace(41, 745, 60)])
    right = np.concatenate([right, np.geomspace(1e3, 1e300, 30)])
    return np.concatenate([-right[::-1], [0.0], right])


def unary(card: Card, x: Array, given: Sequence[float]) -> dict[str, Array]:
    found = {"f": getattr(ogive, card.name)(x, *given)}
    for key, module in (("f'", ogive.derivative), ("f''", ogive.second_derivative)):
        if hasattr(module, card.name):
            found[key] = getattr(module, card.name)(x, *given)
    return found


def gated(card: Card, curve: Curve, x: Array, given: Sequence[float]) -> dict[str, Array]:
    held = np.full_like(x, given[0])
    operands = (x, held) if curve.variable == "a" else (held, x)
    slopes = getattr(ogive.backward, card.name)(np.ones_like(x), *operands)
    return {
        "f": getattr(ogive, card.name)(*operands),
        "f'": slopes[0 if curve.variable == "a" else 1],
    }


def row(card: Card, x: Array, given: dict[str, float]) -> dict[str, Array]:
    z = np.stack([x, np.zeros_like(x)], -1)
    name = "softmax" if card.name == "gumbel_softmax" else card.name  # equal noise cancels
    options = {"temperature": given["temperature"]}
    y = getattr(ogive, name)(z, **options)
    dy = np.zeros_like(z)
    dy[:, 0] = 1
    if y.ndim == 1:
        return {"f": y, "f'": getattr(ogive.backward, name)(np.ones_like(x), z, **options)[:, 0]}
    return {"f": y[:, 0], "f'": getattr(ogive.backward, name)(dy, z, **options)[:, 0]}


def loss(card: Card, x: Array, given: dict[str, float]) -> dict[str, Array]:
    name = card.loss_of or card.name
    options: dict[str, Any] = {k: v for k, v in given.items() if k != "target"}
    t = given["target"]
    if not card.over_rows:
        target: Any = np.full_like(x, t)
        z = x
    else:
        z = np.stack([x, np.zeros_like(x)], -1)
        target = np.stack([np.full_like(x, t), np.full_like(x, 1 - t)], -1)
    each, dz = getattr(ogive.value_and_grad, name)(z, target, reduction="none", **options)
    return {"f": each, "f'": dz if dz.ndim == 1 else dz[:, 0]}


def of(card: Card, curve: Curve, x: Array, given: Sequence[float]) -> dict[str, Array]:
    """f, f' and, where the library has it, f'' at parameters in the curve's order."""
    with np.errstate(all="ignore"):
        if card.kind == "unary":
            return unary(card, x, given)
        if card.kind == "gated":
            return gated(card, curve, x, given)
        named = dict(zip((p.name for p in curve.parameters), given, strict=True))
        return row(card, x, named) if card.kind == "rows" else loss(card, x, named)
