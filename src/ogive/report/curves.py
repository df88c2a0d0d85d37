"""A function's curves and densities at plotting points, from its card's formula."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ogive.catalog import Card

SPAN = 6.0
"""Curves are plotted over [-SPAN, SPAN], the range of pre-activations in a healthy network."""


@dataclass(frozen=True)
class Curves:
    """f, f′, f″ of one unary function."""

    x: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray
    normal: np.ndarray
    """Density of N(0, 1) at x."""


def operands(card: Card, given: Mapping[str, float] | None = None) -> list[float]:
    """Values of the parameters in the formula: as given, else the defaults."""
    given = given or {}
    return [float(given.get(p.name, p.default)) for p in card.parameters if p.operand]


def curves(
    card: Card,
    points: int = 241,
    *,
    given: Mapping[str, float] | None = None,
    ends: tuple[float, float] = (-SPAN, SPAN),
) -> Curves:
    """Sample a unary function, on both sides of each branch point; jumps leave a gap."""
    import ogive.formula.numpy as formula

    low, high = ends
    x = np.linspace(low, high, points)
    at = operands(card, given)
    breaks = card.claims.breaks if card.claims else ()
    gaps = [b for b in breaks if low < b < high]
    # Sample just below and just above each break, but not on it.
    x = np.array(sorted({*x.tolist()} - set(gaps) | {b + s * 1e-9 for b in gaps for s in (-1, 1)}))
    value, slope, curvature = (
        np.asarray(each(card, x, *at), dtype=float)
        for each in (formula.value, formula.derivative, formula.second_derivative)
    )
    for b in gaps:
        here = int(np.searchsorted(x, b))
        x = np.insert(x, here, b)
        # NaN breaks the line at a jump; a continuous curve is joined.
        value, slope, curvature = (_bridge(each, here) for each in (value, slope, curvature))
    normal = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return Curves(x, value, slope, curvature, normal)


def _bridge(y: np.ndarray, here: int) -> np.ndarray:
    left, right = y[here - 1], y[here]
    joined = abs(left - right) <= 1e-6 * max(1.0, abs(left), abs(right))
    return np.insert(y, here, (left + right) / 2 if joined else math.nan)
