"""Gaussian moments that have a closed form: (E f(z), E f(z)^2, E f'(z)^2) for z ~ N(0, q).

A form is used where its terms do not cancel; elsewhere it says None, and quadrature takes over.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Form = Callable[..., tuple[float, float, float] | None]

CANCELS = 0.1
"""Standard deviation, over the scale of the exponential, below which ELU's terms cancel."""


def below(x: float) -> float:
    """The standard normal distribution function."""
    return math.erfc(-x / math.sqrt(2)) / 2


def density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def scaled_tail(t: float) -> float:
    """exp(t^2/2) times the normal probability below -t, for t >= 0."""
    if t < 16:
        return math.exp(t * t / 2) * below(-t)
    # Both factors leave the range of floats in time; ten terms are exact to rounding from here.
    term, total = 1.0, 1.0
    for k in range(1, 10):
        term *= -(2 * k - 1) / (t * t)
        total += term
    return total / (t * math.sqrt(2 * math.pi))


def two_slopes(q: float, above: float, under: float) -> tuple[float, float, float]:
    """One slope above 0 and another below: the ReLU family."""
    slope = (above * above + under * under) / 2
    return (above - under) * math.sqrt(q / (2 * math.pi)), q * slope, slope


def exponential_below(
    q: float, above: float, alpha: float, scale: float
) -> tuple[float, float, float] | None:
    """above x for x > 0 and alpha (exp(x / scale) - 1) below: ELU and its kin."""
    t = math.sqrt(q) / scale
    if t < CANCELS:
        return None
    one, two = scaled_tail(t), scaled_tail(2 * t)
    return (
        above * math.sqrt(q / (2 * math.pi)) + alpha * (one - 0.5),
        above * above * q / 2 + alpha * alpha * (two - 2 * one + 0.5),
        above * above / 2 + (alpha / scale) ** 2 * two,
    )


def clipped(q: float, low: float, high: float) -> tuple[float, float, float]:
    """x between two bounds."""
    s = math.sqrt(q)
    a, b = low / s, high / s
    inside = below(b) - below(a)
    bounds = low**2 * below(a) + high**2 * below(-b)
    return (
        low * below(a) + high * below(-b) + s * (density(a) - density(b)),
        bounds + q * (inside - (b * density(b) - a * density(a))),
        inside,
    )


def gelu(q: float) -> tuple[float, float, float]:
    s = math.sqrt(1 + 2 * q)
    angle = math.atan(q / s) / (2 * math.pi)
    tail = (1 / s**2 + (1 - q) / (1 + q) + 1) * q / (2 * math.pi * s)
    return (
        q / math.sqrt(2 * math.pi * (1 + q)),
        q * (0.25 + q / (math.pi * (1 + q) * s) + angle),
        0.25 + angle + tail,
    )


def exp(q: float) -> tuple[float, float, float]:
    square = math.exp(2 * q) if q < 350 else math.inf
    return math.exp(q / 2) if q < 1400 else math.inf, square, square


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

FORMS: dict[str, Form] = {
    "identity": lambda q: (0.0, q, 1.0),
    "relu": lambda q: two_slopes(q, 1.0, 0.0),
    "leaky_relu": lambda q, slope: two_slopes(q, 1.0, slope),
    "prelu": lambda q, slope: two_slopes(q, 1.0, slope),
    "rrelu": lambda q, lower, upper: two_slopes(q, 1.0, (lower + upper) / 2),
    "relu_squared": lambda q: (q / 2, 1.5 * q * q, 2 * q),
    "relu6": lambda q: clipped(q, 0.0, 6.0),
    "hard_tanh": clipped,
    "gelu": gelu,
    "elu": lambda q, alpha: exponential_below(q, 1.0, alpha, 1.0),
    "celu": lambda q, alpha: exponential_below(q, 1.0, alpha, alpha),
    "selu": lambda q: exponential_below(q, SELU_SCALE, SELU_SCALE * SELU_ALPHA, 1.0),
    "erf": lambda q: (
        0.0,
        2 / math.pi * math.asin(2 * q / (1 + 2 * q)),
        4 / math.pi / math.sqrt(1 + 4 * q),
    ),
    "exp": exp,
}
"""By name; parameters follow the variance in the card's order."""


def two_slopes_dual(q: float, c: float, above: float, under: float) -> float:
    """The arc-cosine kernel of degree 1, for any two slopes."""
    odd, even = (above + under) / 2, (above - under) / 2
    sizes = 2 / math.pi * (math.sqrt((1 - c) * (1 + c)) + c * math.asin(c))
    return q * (odd * odd * c + even * even * sizes)


DUALS: dict[str, Callable[..., float]] = {
    "identity": lambda q, c: q * c,
    "relu": lambda q, c: two_slopes_dual(q, c, 1.0, 0.0),
    "leaky_relu": lambda q, c, slope: two_slopes_dual(q, c, 1.0, slope),
    "prelu": lambda q, c, slope: two_slopes_dual(q, c, 1.0, slope),
    "rrelu": lambda q, c, lower, upper: two_slopes_dual(q, c, 1.0, (lower + upper) / 2),
    "erf": lambda q, c: 2 / math.pi * math.asin(2 * c * q / (1 + 2 * q)),
}
"""E f(z1) f(z2) at a variance and a correlation, then the parameters."""
