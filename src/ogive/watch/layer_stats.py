"""From a block's sums to the statistics of a layer, and what weights and activation predict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ogive.predict import PredictError
from ogive.predict.functions import resolve
from ogive.predict.gaussian import dual_of, moments_of

from .faults import DORMANT, SATURATED_SHARE
from .places import BINS, UNITS, Block, Floats, Place
from .records import DEAD, SATURATED, Histogram, LayerStats, UnitMap
from .records import DORMANT as DORMANT_CODE


@dataclass(frozen=True, kw_only=True)
class Units:
    """Each unit of a place in a window."""

    dead: Any
    dormant: Any
    saturated: Any
    active: Floats
    """Share of samples at which |f'| is at least 5 % of its supremum."""
    mean: Floats
    """Of z."""
    spread: Floats
    """Standard deviation of z."""

    def share(self, name: str) -> float:
        found = getattr(self, name)
        return float(found.mean()) if len(found) else 0.0


def units_of(place: Place, block: Block) -> Units | None:
    """Which units are dead, dormant or saturated."""
    if block.units is None or not block.rows:
        return None
    slope, flat, _, _, size, z, z_square, _ = block.units
    n = block.count
    still = block.gradient_largest is None or len(block.gradient_largest) != len(slope)
    quiet = np.ones(len(slope), bool) if still else block.gradient_largest == 0
    activation = place.activation
    none = np.zeros(len(slope), bool)
    dead = saturated = none
    active = 1 - flat / n
    if activation is not None:
        stuck = flat >= SATURATED_SHARE * n
        silent = size == 0
        if activation.bounded:
            dead = (slope == 0) & silent & quiet if activation.flat else none
            saturated = stuck & ~dead
        elif activation.flat:
            dead = (slope == 0) & quiet
    average = size / n
    dormant = (average <= DORMANT * average.mean()) & ~dead if average.mean() > 0 else none
    mean = z / n
    with np.errstate(invalid="ignore"):
        spread = np.sqrt(np.maximum(z_square / n - mean**2, 0))
    return Units(
        dead=dead, dormant=dormant, saturated=saturated, active=active, mean=mean, spread=spread
    )


def stats_of(
    place: Place, block: Block, before: tuple[Place, Block] | None, units: Units | None
) -> LayerStats:
    """One layer in one window."""
    judged = units is not None and place.activation is not None and not place.head
    found: dict[str, Any] = {"step": block.step, "batches": block.batches, "samples": block.rows}
    if block.units is not None and block.rows:
        n = block.count * block.units.shape[1]
        total = block.units.sum(axis=1)
        finite = bool(np.isfinite(block.units).all())
        found |= {
            "mean_square": _ratio(total[6], n),
            "mean": _ratio(total[2], n),
            "rms": math.sqrt(max(0.0, total[3] / n)) if np.isfinite(total[3]) else math.inf,
            "largest": float(np.max(block.units[7])),
            "finite": finite,
        }
    if judged and units is not None:
        found |= {name: units.share(name) for name in ("dead", "dormant", "saturated")}
    found["cosine"] = block.cosine
    if block.gradient_square is not None and block.batches:
        found["gradient"] = math.sqrt(max(0.0, block.gradient_square / block.batches))
    found |= {"update_ratio": block.update_ratio, "weight_variance": block.weight_variance}
    if before is not None:
        found |= predicted(place, block, *before)
    return LayerStats(**found)


def _ratio(total: float, n: float) -> float:
    return float(total / n)


def predicted(place: Place, block: Block, before: Place, its: Block) -> dict[str, float]:
    """K of this layer and chi, from the K of the one before, its activation and these weights."""
    variance = block.weight_variance
    if variance is None or its.units is None or before.activation is None or not its.rows:
        return {}
    plain = place.direct and not (place.residual or place.normed)
    if not plain or before.activation.card.kind == "gated":
        return {}
    n = its.count * its.units.shape[1]
    k = float(its.units[6].sum() / n)
    mean = float(its.units[5].sum() / n)
    found = moments_at(before.name, tuple(sorted(before.activation.parameters.items())),
                       k - mean**2, mean)  # fmt: skip
    if found is None:
        return {}
    return {
        "predicted_mean_square": variance * found[1] + block.bias_variance,
        "predicted_chi": variance * found[2],
    }  # fmt: skip


def moments_at(
    name: str, parameters: tuple[tuple[str, float], ...], variance: float, mean: float = 0.0
) -> tuple[float, float, float] | None:
    """E f, E f^2, E f'^2 of an activation for normal z, or None where it cannot be told."""
    if not (math.isfinite(variance) and variance > 1e-280):
        return None
    # Two digits are enough to judge by, and let equal layers share one quadrature.
    size = float(f"{variance:.2g}")
    return _moments(name, parameters, size, round(mean / math.sqrt(size), 1) * math.sqrt(size))


@lru_cache(maxsize=512)
def _moments(
    name: str, parameters: tuple[tuple[str, float], ...], variance: float, mean: float
) -> tuple[float, float, float] | None:
    try:
        found = moments_of(resolve(name, None, (), **dict(parameters)), variance, mean)
    except (PredictError, ValueError, OverflowError):
        return None
    return found.mean, found.square, found.slope_square


@lru_cache(maxsize=256)
def cosine_after(name: str, cosine: float, variance: float) -> float | None:
    """Mean cosine of outputs, for normal inputs of that correlation."""
    try:
        function = resolve(name)
        square = moments_of(function, variance).square
        return dual_of(function, min(1.0, max(-1.0, cosine)), variance, nodes=8) / square
    except (PredictError, ValueError, OverflowError, ZeroDivisionError):
        return None


def map_of(place: Place, block: Block, units: Units | None) -> UnitMap | None:
    """Units at one check, at most so many."""
    if units is None or place.activation is None or place.head:
        return None
    codes = np.zeros(len(units.active), np.int64)
    codes[units.dormant] = DORMANT_CODE
    codes[units.saturated] = SATURATED
    codes[units.dead] = DEAD
    at = np.unique(np.linspace(0, len(codes) - 1, min(UNITS, len(codes))).round().astype(int))
    return UnitMap(
        step=block.step,
        units=tuple(at.tolist()),
        codes=tuple(codes[at].tolist()),
        active=tuple(round(float(v), 3) for v in units.active[at]),
    )


def histogram_of(block: Block) -> Histogram | None:
    """Pre-activations of the last batch."""
    if block.counts is None:
        return None
    edges = np.linspace(-block.wide, block.wide, BINS + 1)
    return Histogram(
        step=block.step,
        edges=tuple(float(f"{v:.4g}") for v in edges),
        counts=tuple(int(v) for v in block.counts),
    )
