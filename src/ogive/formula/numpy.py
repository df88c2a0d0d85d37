"""Values of a card's formula at float64 points, for plots and quadrature.

They are right to a few units in the last place, tails included, since the tape's rewritings avoid
overflow and cancellation. They are not correctly rounded, and do not use Ogive's kernels.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ogive.catalog import Card

from .tape import defaults, unary

Array = npt.NDArray[np.float64]

_erf: Any = np.frompyfunc(math.erf, 1, 1)
_erfc: Any = np.frompyfunc(math.erfc, 1, 1)


class Context:
    """Arithmetic on float64 arrays."""

    pi = math.pi
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    tanh = staticmethod(np.tanh)
    sqrt = staticmethod(np.sqrt)

    @staticmethod
    def const(c: Fraction) -> np.float64:
        return np.float64(float(c))

    @staticmethod
    def split(x: Array, c: Array, below: Array, above: Array) -> Array:
        return np.where(x <= c, below, above)

    @staticmethod
    def erf(a: Array) -> Array:
        return np.asarray(_erf(a), dtype=np.float64)

    @staticmethod
    def erfc(a: Array) -> Array:
        return np.asarray(_erfc(a), dtype=np.float64)

    @staticmethod
    def logistic(a: Array) -> Array:
        e = np.exp(-np.abs(a))
        return np.asarray(np.where(a < 0, e, 1.0) / (1 + e))

    @staticmethod
    def softplus(a: Array) -> Array:
        return np.asarray(np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))))

    @staticmethod
    def sech2(a: Array) -> Array:
        q = np.exp(-2 * np.abs(a))
        return np.asarray(4 * q / ((1 + q) * (1 + q)))

    @staticmethod
    def tanh_gap(a: Array) -> Array:
        # Lambert's continued fraction, a/(1 + a^2/(3 + a^2/(5 + ...))), without its first term.
        z = np.minimum(a * a, 1)
        tail = np.full_like(z, 25)
        for k in range(23, 1, -2):
            tail = k + z / tail
        return np.asarray(np.where(np.abs(a) < 1, a * z / (tail + z), a - np.tanh(a)))

    @staticmethod
    def root_sum(a: Array, c: Array) -> Array:
        root = np.sqrt(a * a + c)
        return np.asarray(np.where(a < 0, c / (root + np.abs(a)), a + root))

    @staticmethod
    def root_share(a: Array, c: Array) -> Array:
        return np.asarray(Context.root_sum(a, c) / np.sqrt(a * a + c))

    @staticmethod
    def gauss(a: Array) -> Array:
        return np.asarray(np.exp(-(a * a)) * (2 / math.sqrt(math.pi)))


_CONTEXT = Context()


def _evaluate(card: Card, order: int, x: npt.ArrayLike, parameters: tuple[float, ...]) -> Array:
    points = np.asarray(x, dtype=np.float64)
    program = unary(card.name, parameters or defaults(card.name), (order,))
    with np.errstate(all="ignore"):  # a branch that is not taken may overflow
        result = program.run(_CONTEXT, [points])[0]
    return np.where(np.isnan(points), np.nan, result)


def value(card: Card, x: npt.ArrayLike, *parameters: float) -> Array:
    """f(x) of a unary function, with its default parameters or the given ones."""
    return _evaluate(card, 0, x, parameters)


def derivative(card: Card, x: npt.ArrayLike, *parameters: float) -> Array:
    """f'(x); at a break of the formula, from the left."""
    return _evaluate(card, 1, x, parameters)


def second_derivative(card: Card, x: npt.ArrayLike, *parameters: float) -> Array:
    """f''(x), where it exists; at a break of the formula, from the left."""
    return _evaluate(card, 2, x, parameters)
