"""Gaussian moments of activations, and their consequences for deep networks.

With pre-activations z ~ N(0, K), weights of variance sw2/fan_in and biases of variance sb2, one
layer maps K to sw2 E f(z)^2 + sb2, and multiplies the squared gradient by chi = sw2 E f'(z)^2 on
the way back (Poole et al. 2016, arXiv:1606.05340; Schoenholz et al. 2016, arXiv:1611.01232).
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

import ogive
from ogive.catalog import Card, find
from ogive.formula import tape

NODES = 24
"""Gauss-Legendre nodes per panel; exact to rounding for functions that are smooth in it."""

REACH = 12.0
"""Standard deviations covered on each side; the density beyond is below 1e-32."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Moments of f(z) and f'(z), for z ~ N(0, variance)."""

    mean: float
    """E f(z)"""
    square: float
    """E f(z)^2"""
    slope_square: float
    """E f'(z)^2"""

    @property
    def off_centre(self) -> float:
        """|mean| / rms of the output: 0 where it is centred, 1 where it is constant."""
        return abs(self.mean) / math.sqrt(self.square)


def moments(activation: str | Card, variance: float = 1.0, **parameters: float) -> Moments:
    """Moments of an activation under a centred normal input.

    Parameters
    ----------
    activation
        Name, alias or card of a unary function.
    variance
        K, the variance of its input.
    **parameters
        The function's parameters, such as ``negative_slope``, if not its defaults.

    Raises
    ------
    ValueError
        The name is unknown (the nearest are suggested), the function takes whole rows, a parameter
        is unknown or outside its domain, or the variance is not positive and finite.
    """
    card = _unary(activation)
    _check(card, parameters)
    if not (math.isfinite(variance) and variance > 0):
        raise ValueError(f"variance must be positive and finite, not {variance}")
    breaks = _breaks(card, parameters)
    scale = math.sqrt(variance)
    z, weight = _rule(scale, breaks)
    x = scale * z
    y = getattr(ogive, card.name)(x, **parameters)
    slope = getattr(ogive.derivative, card.name)(x, **parameters)
    with np.errstate(over="ignore"):  # an overflow is reported as inf, which callers handle
        return Moments(
            mean=float(weight @ y),
            square=float(weight @ (y * y)),
            slope_square=float(weight @ (slope * slope)),
        )


def gain(activation: str | Card, **parameters: float) -> float:
    """The factor on 1/sqrt(fan_in) weights that keeps a layer's mean square at 1.

    1 / sqrt(E f(z)^2) for z ~ N(0, 1), to a relative error of 1e-12.

    Examples
    --------
    >>> round(gain("relu"), 4)
    1.4142
    """
    square = moments(activation, **parameters).square
    if not (math.isfinite(square) and square > 0):
        name = activation if isinstance(activation, str) else activation.name
        raise ValueError(f"{name} has no gain: E f(z)^2 is {square}")
    return 1 / math.sqrt(square)


def gradient_ratio(
    activation: str | Card,
    layers: int,
    *,
    weight_variance: float,
    bias_variance: float = 0.0,
    variance: float = 1.0,
    **parameters: float,
) -> float:
    """log10 of the ratio of the gradient's size before ``layers`` equal layers to that after them.

    Parameters
    ----------
    activation
        Name, alias or card of a unary function.
    layers
        Number of factors chi, that is of activations between the two gradients.
    weight_variance, bias_variance
        sw2 (weights have variance sw2/fan_in) and sb2.
    variance
        K at the first of these activations.

    Returns
    -------
    float
        Negative where gradients vanish towards the input; inf where signals overflow.
    """
    if layers < 0:
        raise ValueError(f"layers must not be negative, not {layers}")
    total = 0.0
    for _ in range(layers):
        here = moments(activation, variance, **parameters)
        chi = weight_variance * here.slope_square
        if chi == 0:
            return -math.inf
        total += math.log10(chi) / 2
        variance = weight_variance * here.square + bias_variance
        if not math.isfinite(total) or not math.isfinite(variance):
            return math.inf
        if variance == 0:
            return -math.inf
    return total


def _unary(activation: str | Card) -> Card:
    card = activation if isinstance(activation, Card) else find(activation)
    if card.kind != "unary":
        raise ValueError(
            f"{card.name} is not a unary function: it acts on {card.kind}, so no single input's "
            "distribution determines its output"
        )
    return card


def _breaks(card: Card, parameters: dict[str, float]) -> tuple[float, ...]:
    """The points at which the formula changes branch, for these parameters."""
    given = [parameters.get(p.name, p.default) for p in card.parameters if p.operand]
    if not parameters or not all(map(math.isfinite, given)):
        return card.claims.breaks if card.claims else ()
    return tuple(tape.unary(card.name, tuple(map(float, given)), (0,)).breaks)


def _check(card: Card, parameters: dict[str, float]) -> None:
    known = {parameter.name: parameter for parameter in card.parameters if parameter.operand}
    for name, value in parameters.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            has = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
            raise ValueError(f"{card.name} has no parameter {name!r}; {has}")
        low, high = known[name].domain
        if not low < value < high:
            raise ValueError(f"{card.name}: {name} must lie between {low} and {high}, not {value}")


@cache
def _legendre() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return nodes, weights


@cache
def _rule(
    scale: float, breaks: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes z and weights for E g(scale z), with panels that end at breaks and shrink near them."""
    edges = set(np.arange(-REACH, REACH + 1))
    # The density varies on the scale 1 in z; the function, near 0 and its breaks, on the scale 1 in
    # x = scale z.
    widths = [2.0**j for j in range(-2, 2 + max(0, math.ceil(math.log2(REACH * scale))))]
    for centre in {0.0, *breaks}:
        for x in (centre, *(centre + w for w in widths), *(centre - w for w in widths)):
            if abs(x) < REACH * scale:
                edges.add(x / scale)
    ends = np.array(sorted(edges))
    half = np.diff(ends)[:, None] / 2
    nodes, weights = _legendre()
    z = (ends[:-1, None] + half * (1 + nodes)).ravel()
    return z, (half * weights).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
