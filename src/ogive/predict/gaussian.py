"""Gaussian moments of activations, and what follows from them for deep networks.

With pre-activations z ~ N(0, K), weights of variance sw2/fan_in and biases of variance sb2, one
layer maps K to sw2 E f(z)^2 + sb2, and multiplies the squared gradient by chi = sw2 E f'(z)^2 on
the way back (Poole et al. 2016, arXiv:1606.05340; Schoenholz et al. 2016, arXiv:1611.01232).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import PredictError
from .functions import Activation, Function, resolve
from .quadrature import NODES, Floats, rule, rules


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Of f(z) and f'(z), for z ~ N(0, variance).

    Of a gated unit v f(u), u and v independent with that variance: of its output, and of the sum
    of its squared derivatives with respect to u and v.
    """

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


def moments(
    activation: Activation,
    variance: float = 1.0,
    *,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> Moments:
    """Moments of an activation under a centred normal input, to a relative error of 1e-12.

    Closed forms where they exist, else quadrature that is split where the function breaks.

    Parameters
    ----------
    activation
        Name, alias or card of a unary or gated function; or a Python function of arrays.
    variance
        K, the variance of its input.
    derivative
        Of a Python function.
    breaks
        Where a Python function or its derivative jumps; 0 is always taken into account.
    **parameters
        The function's own, such as ``negative_slope``; its defaults where not given.

    Raises
    ------
    ValueError
        Unknown name (the nearest are suggested), a function of whole rows, a parameter it does
        not have or outside its domain, or a variance that is not positive and finite.

    Examples
    --------
    >>> import numpy as np
    >>> round(moments("gelu").square, 4)
    0.4252
    >>> round(moments(np.sin, derivative=np.cos).square, 4)
    0.4323
    """
    return moments_of(resolve(activation, derivative, breaks, **parameters), variance)


def moments_of(function: Function, variance: float, mean: float = 0.0) -> Moments:
    """The same of a resolved function, for an input whose mean need not be 0."""
    if not (math.isfinite(variance) and variance > 0):
        raise ValueError(f"variance must be positive and finite, not {variance}")
    found = function.closed(variance) if function.closed and mean == 0 else None
    if found is None:
        found = _by_quadrature(function, variance, mean)
    if function.gated:
        _, square, slope_square = found
        with np.errstate(over="ignore"):
            return Moments(
                mean=0.0, square=variance * square, slope_square=variance * slope_square + square
            )
    return Moments(mean=found[0], square=found[1], slope_square=found[2])


def _by_quadrature(
    function: Function, variance: float, mean: float = 0.0
) -> tuple[float, float, float]:
    scale = math.sqrt(variance)
    z, weight = rule(scale, function.breaks, mean)
    x = mean + scale * z
    y, slope = function.value(x), function.slope(x)
    with np.errstate(over="ignore"):  # an overflow is reported as inf, which callers handle
        return float(weight @ y), float(weight @ (y * y)), float(weight @ (slope * slope))


def dual_activation(
    activation: Activation,
    correlation: float,
    variance: float = 1.0,
    *,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> float:
    """E f(z1) f(z2) for normal z1 and z2 of one variance and a given correlation.

    Parameters
    ----------
    activation, variance, derivative, breaks, **parameters
        As in :func:`moments`.
    correlation
        Of z1 and z2, from -1 to 1. At 1 the result is E f(z)^2.

    Examples
    --------
    >>> round(dual_activation("relu", 0.5), 6)  # (sqrt(3) + 2 pi / 3) / (4 pi)
    0.304499
    """
    function = resolve(activation, derivative, breaks, **parameters)
    return dual_of(function, correlation, variance)


def dual_of(
    function: Function, correlation: float, variance: float = 1.0, nodes: int = NODES
) -> float:
    """The same of a resolved function."""
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation must lie between -1 and 1, not {correlation}")
    if correlation == 1:
        return moments_of(function, variance).square
    if function.dual:
        product = function.dual(variance, correlation)
        return correlation * variance * product if function.gated else product
    scale = math.sqrt(variance)
    # z2 = c z1 + sqrt(1 - c^2) v: the inner expectation, over v, is smooth in z1 over `rest`.
    rest = scale * math.sqrt((1 - correlation) * (1 + correlation))
    also = _steps(function, rest, correlation)
    z, weight = rules(scale, function.breaks, np.zeros(1), nodes, also)
    x = scale * z[0]
    y = function.value(x)
    if rest < 1e-12 * scale:
        inner = function.value(correlation * x)
    else:
        inner = np.empty_like(x)
        for part in np.array_split(np.arange(len(x)), 1 + len(x) // 256):
            shifts = correlation * x[part]
            v, inner_weight = rules(rest, function.breaks, shifts, nodes)
            there = function.value(shifts[:, None] + rest * v)
            inner[part] = (inner_weight * there).sum(axis=1)
    with np.errstate(over="ignore"):
        product = float(weight[0] @ (y * inner))
    return correlation * variance * product if function.gated else product


def _steps(function: Function, rest: float, correlation: float) -> Floats:
    """Where the inner expectation changes, at distances from its own width up to 1."""
    if correlation == 0:
        return np.zeros(0)
    width = max(rest / abs(correlation), 1e-9)
    widths = width * 2.0 ** np.arange(max(0, math.ceil(-math.log2(width))))
    centres = np.array([0.0, *function.breaks])[:, None] / correlation
    return np.concatenate([centres, centres - widths, centres + widths], axis=1).ravel()


def gain(
    activation: Activation,
    *,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> float:
    """The factor on 1/sqrt(fan_in) weights that keeps a layer's mean square at 1.

    1 / sqrt(E f(z)^2) for z ~ N(0, 1), to a relative error of 1e-12. Of a gated unit v f(u):
    1 / sqrt(E f(u)^2 E v^2).

    Parameters
    ----------
    activation, derivative, breaks, **parameters
        As in :func:`moments`.

    Examples
    --------
    >>> round(gain("relu"), 4)
    1.4142
    >>> round(gain("swiglu"), 4)
    1.6765
    """
    return 1 / math.sqrt(square_of(resolve(activation, derivative, breaks, **parameters)))


def square_of(function: Function) -> float:
    """E f(z)^2 for z ~ N(0, 1), by which a gain divides."""
    square = moments_of(function, 1.0).square
    if not (math.isfinite(square) and square > 0):
        raise PredictError(f"{function.name} has no gain: E f(z)^2 is {square}")
    return square


def through_layer(
    function: Function, variance: float, weight_variance: float, bias_variance: float
) -> tuple[float, float]:
    """K after a layer at K, and chi: the factor on squared gradients on their way back."""
    here = moments_of(function, variance)
    return weight_variance * here.square + bias_variance, weight_variance * here.slope_square


def gradient_ratio(
    activation: Activation,
    layers: int,
    *,
    weight_variance: float,
    bias_variance: float = 0.0,
    variance: float = 1.0,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> float:
    """log10 of the gradient's size before ``layers`` equal layers over its size after them.

    Parameters
    ----------
    activation, derivative, breaks, **parameters
        As in :func:`moments`.
    layers
        Factors of chi: how many activations lie between the two gradients.
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
    function = resolve(activation, derivative, breaks, **parameters)
    total = 0.0
    for _ in range(layers):
        variance, chi = through_layer(function, variance, weight_variance, bias_variance)
        if chi == 0:
            return -math.inf
        total += math.log10(chi) / 2
        if not math.isfinite(total) or not math.isfinite(variance):
            return math.inf
        if variance == 0:
            return -math.inf
    return total
