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
        below = falling - falling[0]
        count = np.arange(1, len(x) + 1, dtype=LD).reshape(-1, *(1,) * (x.ndim - 1))
        mean = np.cumsum(below, axis=0) / count
        if power == 1:
            root = mean - 1 / count
        else:
            spread = np.cumsum(below**2, axis=0) / count - mean**2
            root = mean - np.sqrt(np.maximum(1 / count - spread, 0))
        last = len(x) - 1 - np.argmax((below > root)[::-1], axis=0)
        return falling[0] + np.take_along_axis(root, last[np.newaxis], axis=0)[0]


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


def summed_to(values: Any, shape: tuple[int, ...]) -> Any:
    """Sums over the axes along which an array of a shape was repeated."""
    lead = values.ndim - len(shape)
    total = values.sum(axis=tuple(range(lead)))
    repeated = tuple(k for k, n in enumerate(shape) if n == 1 and total.shape[k] != 1)
    return total.sum(axis=repeated, keepdims=True)


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
    if where is None and moved.size:  # the formula takes all rows at once
        with np.errstate(all="ignore"):
            found = card.formula(M, [moved[..., k] / each for k in range(moved.shape[-1])])
        return found if reduces else np.moveaxis(np.stack(found, axis=-1), -1, axis)
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
    given, weighs = taken(card, options), weight is not None
    if weighs:
        given["weight"] = exact(weight)
    kept, counts = np.ones(len(z), bool), np.ones(len(z), LD)
    if target.shape == z.shape:
        t = list(exact(target).T)
    else:
        kept = np.array([int(label) != ignore_index for label in target], bool)
        label = np.where(kept, target, 0).astype(np.int64)
        t = [(label == c).astype(LD) for c in range(n)]
        if "label" in inspect.signature(card.formula).parameters:
            given["label"] = label
        counts = kept * (given["weight"][label] if weighs else counts)
    with np.errstate(all="ignore"):
        losses = np.asarray(card.formula(M, list(z.T), t, **given), LD)
    return np.where(kept, losses, LD(0)), counts


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


def head_derivatives(
    card: Card, z: Any, target: Any, axis: int | None, **options: Any
) -> tuple[Any, Any, Any]:
    """A loss, and of its sum the gradient and the Hessian's diagonal. Each row has a loss of its
    own, so a column of all rows is moved at once.
    """
    how = options.pop("reduction", "mean")
    if axis is None:
        losses, counts = element_losses(card, z, target, **options)
        ways = [np.ones_like(z)]
        parts = [along(lambda x: element_losses(card, x, target, **options)[0], z, *ways)]
    else:
        moved = np.moveaxis(z, axis, -1)
        lead, n = moved.shape[:-1], moved.shape[-1]
        goal = target.reshape(-1)
        if target.shape == z.shape:
            goal = np.moveaxis(target, axis, -1).reshape(-1, n)
        rows = moved.reshape(-1, n)
        losses, counts = row_losses(card, rows, goal, **options)
        losses = losses.reshape(lead)
        ways = [np.broadcast_to(unit, rows.shape) for unit in np.eye(n)]
        parts = [along(lambda x: row_losses(card, x, goal, **options)[0], rows, w) for w in ways]
    dz, h = (np.stack(found, axis=-1) for found in list(zip(*parts, strict=True))[:2])
    dz, h = (a.reshape(*losses.shape, len(ways)) for a in (dz, h))
    dz, h = (a[..., 0] if axis is None else np.moveaxis(a, -1, axis) for a in (dz, h))
    total = counts.sum() if how == "mean" else LD(1)
    scale = 1 / total if total else LD(0)
    return reduced(losses, counts, how), dz * scale, h * scale


BEND = LD(np.finfo(LD).eps) ** LD(0.25)
"""The step of second differences."""


def along(f: Callable[[Any], Any], x: Any, way: Any) -> tuple[Any, Any, Any]:
    """First and second derivative of f along a way, and where f is smooth enough for both."""
    above, here, below = f(x + STEP * way), f(x), f(x - STEP * way)
    right, left = (above - here) / STEP, (here - below) / STEP
    bend = (f(x + BEND * way) - 2 * here + f(x - BEND * way)) / BEND**2
    return (right + left) / 2, bend, np.abs(right - left) <= LD(1e-3) * (1 + np.abs(right))


def rows_jacobian(f: Callable[[Any], Any], x: Any, axis: int) -> tuple[Any, Any]:
    """What each result of rows along an axis owes to each element of its row, which comes last;
    rows are last too where f does not reduce them. And where that can be trusted.
    """
    columns = []
    for k in range(x.shape[axis]):
        way = np.zeros(x.shape)
        np.moveaxis(way, axis, -1)[..., k] = 1
        slope, _, smooth = along(f, x, way)
        last = [np.moveaxis(a, axis, -1) if a.ndim == x.ndim else a for a in (slope, smooth)]
        columns.append(last)
    slopes, smooth = (np.stack(found, axis=-1) for found in zip(*columns, strict=True))
    return slopes, smooth
