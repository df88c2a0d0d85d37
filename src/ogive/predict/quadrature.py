"""Expectations over normal variables: Gauss-Legendre panels that end where a function breaks."""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NODES = 24
"""Gauss-Legendre nodes in each panel: exact to rounding for what is smooth there."""

REACH = 12.0
"""Standard deviations covered on each side; the density beyond is below 1e-32."""


@lru_cache(maxsize=64)
def rule(scale: float, breaks: tuple[float, ...], shift: float = 0.0) -> tuple[Floats, Floats]:
    """Nodes z and weights for E g(shift + scale z), z ~ N(0, 1)."""
    z, weight = rules(scale, breaks, np.array([shift]), NODES)
    return z[0], weight[0]


def rules(
    scale: float,
    breaks: tuple[float, ...],
    shifts: Floats,
    nodes: int,
    also: Floats | None = None,
) -> tuple[Floats, Floats]:
    """The same for many shifts, one in each row; panels end at the x in `also` too.

    The density varies over 1 in z, the function over 1 in x = shift + scale z near its breaks and
    near 0: panels shrink towards these.
    """
    fixed = np.arange(-REACH, REACH + 1)
    far = max(1.0, REACH * scale + float(np.abs(shifts).max()))
    widths = 2.0 ** np.arange(-2, 2 + max(0, math.ceil(math.log2(far))))
    offsets = np.concatenate([-widths, [0.0], widths])
    centres = np.array(sorted({0.0, *breaks}))
    places = (centres[:, None] + offsets).ravel()
    if also is not None:
        places = np.concatenate([places, also])
    moving = places - shifts[:, None]
    moving = np.clip(moving / scale, -REACH, REACH)
    ends = np.concatenate([np.broadcast_to(fixed, (len(shifts), len(fixed))), moving], axis=1)
    ends.sort(axis=1)
    return panels(ends, nodes)


def panels(ends: Floats, nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights, times the normal density, between the ends in each row."""
    half = np.diff(ends, axis=1)[..., None] / 2
    at, weights = _legendre(nodes)
    z = (ends[:, :-1, None] + half * (1 + at)).reshape(len(ends), -1)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return z, (half * weights).reshape(len(ends), -1) * density


@cache
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    at, weights = np.polynomial.legendre.leggauss(nodes)
    return at, weights
