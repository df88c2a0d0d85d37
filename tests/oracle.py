"""Whole calls by the cards' formulas in long double: plain, slow, and nothing of the kernels.

Values come from the formula itself, gradients from central differences of it. The formulas know no
axis, layout, chunk, mask or reduction: those are written out here once more, a row at a time, so
that an option which a fast way forgets shows. Good to about 1e-9 of the largest term.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ogive
from ogive.catalog import Card

LD = np.longdouble
STEP = LD(1e-5)


class Context:
    """The mathematics of formulas over long doubles; a row is a list of them."""

    pi = 4 * np.arctan(LD(1))
    const = LD
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    tanh = staticmethod(np.tanh)
    sqrt = staticmethod(np.sqrt)
    erf = staticmethod(np.vectorize(math.erf, otypes=[LD]))
    erfc = staticmethod(np.vectorize(math.erfc, otypes=[LD]))
    sum = staticmethod(lambda values: sum(values, LD(0)))

    @staticmethod
    def split(x: Any, c: Any, below: Any, above: Any) -> Any:
        return np.where(x <= c, below, above)

    @staticmethod
    def threshold(values: list[Any], power: int) -> Any:
        """tau at which the sum of (x_j - tau)^power over x_j > tau is 1: of each count of the
        largest elements the root, and the last whose own smallest element lies above it.
        """
        x = np.stack(np.broadcast_arrays(*values))
        falling = -np.sort(-x, axis=0)
        tau = falling[0] - 1
        for count in range(2, len(x) + 1):
            mean = falling[:count].mean(axis=0)
            if power == 1:
                root = mean - LD(1) / count
            else:
                spread = ((falling[:count] - mean) ** 2).mean(axis=0)
                root = mean - np.sqrt(np.maximum(LD(1) / count - spread, 0))
            tau = np.where(falling[count - 1] > root, root, tau)
        return tau


M = Context()


def exact(a: Any) -> Any:
    return np.asarray(a).astype(np.float64).astype(LD)


def elementwise(card: Card, arrays: Sequence[Any], parameters: Sequence[Any]) -> Any:
    """f(x), or a f(b), with numbers and parameters that broadcast."""
    with np.errstate(all="ignore"):
        if card.gate:
            a, b = arrays
            return a * elementwise(ogive.card(card.gate), [b], parameters)
        return np.asarray(card.formula(M, arrays[0], *parameters), LD)


def slopes(f: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """f' at each element by central differences, and where f is smooth enough to trust them."""
    step = STEP * np.maximum(1, np.abs(x))
    with np.errstate(all="ignore"):
        above, here, below = f(x + step), f(x), f(x - step)
        right, left = (above - here) / step, (here - below) / step
        smooth = np.abs(right - left) <= LD(1e-2) * (LD(1e-2) + np.abs(right) + np.abs(left))
        return (right + left) / 2, smooth


def pulled_back(f: Callable[[Any], Any], x: Any, dy: Any) -> tuple[Any, Any]:
    """sum(dy f(x)) differentiated by every element of a small x, and where that can be trusted."""
    found, smooth = np.zeros(x.shape, LD), np.ones(x.shape, bool)
    here = np.sum(dy * f(x))
    scale = 1 + np.sum(np.abs(dy))
    for index in np.ndindex(x.shape):
        moved = x.copy()
        step = STEP * max(LD(1), abs(x[index]))
        moved[index] = x[index] + step
        right = (np.sum(dy * f(moved)) - here) / step
        moved[index] = x[index] - step
        left = (here - np.sum(dy * f(moved))) / step
        found[index] = (right + left) / 2
        smooth[index] = abs(right - left) <= LD(1e-3) * scale
    return found, smooth


def rows(card: Card, x: Any, axis: int, temperature: Any = 1, where: Any = None) -> Any:
    """A function of rows along an axis; masked elements are not there, and give 0 or log 0."""
    moved = np.moveaxis(x, axis, -1)
    lead = moved.shape[:-1]
    each = np.broadcast_to(exact(temperature), lead)
    mask = np.ones(x.shape, bool) if where is None else np.broadcast_to(where, x.shape)
    mask = np.moveaxis(mask, axis, -1)
    nothing = -np.inf if card.name.startswith("log") else 0
    reduces = "value" in shape_of(card)
    out = np.full(lead if reduces else moved.shape, nothing, LD)
    for index in np.ndindex(lead):
        kept = mask[index]
        if not kept.any():
            continue
        with np.errstate(all="ignore"):
            found = card.formula(M, list(moved[index][kept] / each[index]))
        if reduces:
            out[index] = found
        else:
            out[index][kept] = found
    return out if reduces else np.moveaxis(out, -1, axis)


def shape_of(card: Card) -> str:
    """ "value" where a row gives one number, else "row"; the formula says which."""
    found = card.formula(M, [LD(0), LD(1)])
    return "row" if isinstance(found, list) else "value"


def taken(card: Card, options: dict[str, Any]) -> dict[str, Any]:
    """Those options that the formula has, whole powers as integers."""
    names = inspect.signature(card.formula).parameters
    unset = {k for k, v in options.items() if v is None and k != "alpha"}
    given = {k: v for k, v in options.items() if k in names and k not in unset}
    if float(given.get("gamma", 0.5)).is_integer():
        given["gamma"] = int(given["gamma"])
    return given


def row_losses(
    card: Card,
    z: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """The loss of each row of a two-dimensional z, and what each row counts in a mean."""
    n = z.shape[-1]
    given = taken(card, options)
    if weight is not None:
        given["weight"] = list(exact(weight))
    labels = target.shape != z.shape
    losses, counts = np.zeros(len(z), LD), np.zeros(len(z), LD)
    for i, row in enumerate(z):
        extra = {}
        if labels:
            label = int(target[i])
            if ignore_index is not None and label == ignore_index:
                continue
            t = [LD(c == label) for c in range(n)]
            if "label" in inspect.signature(card.formula).parameters:
                extra["label"] = label
            counts[i] = 1 if weight is None else exact(weight)[label]
        else:
            t, counts[i] = list(exact(target[i])), 1
        with np.errstate(all="ignore"):
            losses[i] = card.formula(M, list(row), t, **given, **extra)
    return losses, counts


def element_losses(card: Card, z: Any, target: Any, **options: Any) -> tuple[Any, Any]:
    """The loss of each logit that has one of its own, and 1 for each."""
    given = {
        k: exact(v) if isinstance(v, np.ndarray) else v for k, v in taken(card, options).items()
    }
    with np.errstate(all="ignore"):
        losses = np.asarray(card.formula(M, z, exact(target), **given), LD)
    return np.broadcast_to(losses, z.shape), np.ones(z.shape, LD)


def reduced(losses: Any, counts: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    total = counts.sum()
    if reduction == "sum":
        return losses.sum()
    return losses.sum() / total if total else LD(0)


def head(card: Card, z: Any, target: Any, axis: int | None, **options: Any) -> Any:
    """A loss of logits, classes along an axis, or with one loss for each element."""
    how = options.pop("reduction", "mean")
    if axis is None:
        losses, counts = element_losses(card, z, target, **options)
        return reduced(losses, counts, how)
    moved = np.moveaxis(z, axis, -1)
    if target.shape == z.shape:
        flat = np.moveaxis(target, axis, -1).reshape(-1, moved.shape[-1])
    else:
        flat = target.reshape(-1)
    losses, counts = row_losses(card, moved.reshape(-1, moved.shape[-1]), flat, **options)
    return reduced(losses.reshape(moved.shape[:-1]), counts, how)
