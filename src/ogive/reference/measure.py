"""Measures Ogive's errors against the reference, and chooses the points.

The ordinary tests and the exhaustive sweep share it, so that both check the same contract against
the same reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

import ogive
from ogive._numpy.api import modes
from ogive.catalog import Card, find

from . import arb, ulp
from .ball import Encloser, Measured
from .philox import uniform
from .ulp import FLOAT32, FLOAT64, Format

ORDERS = {"value": 0, "derivative": 1, "second_derivative": 2}
FIRST_TWO = ("value", "derivative")
CONTRACT = {
    ("float16", "value"): 0.5,
    ("float16", "derivative"): 0.5,
    ("float16", "second_derivative"): 0.5,
    ("bfloat16", "value"): 0.5,
    ("bfloat16", "derivative"): 0.5,
    ("bfloat16", "second_derivative"): 0.5,
    ("float32", "value"): 0.6,
    ("float32", "derivative"): 1.0,
    ("float32", "second_derivative"): 1.0,
    ("float64", "value"): 2.0,
    ("float64", "derivative"): 4.0,
    ("float64", "second_derivative"): 4.0,
}
"""Largest allowed error of each result in ulps; 16-bit results must be correctly rounded."""
ROWS_CONTRACT = 1.0
"""The same for each float32 element of the results of rows and heads."""
SEED = 7
"""Seed for functions that draw noise."""

Patterns = npt.NDArray[np.uint32]


def function(card: Card, which: str) -> Callable[..., Any]:
    """Ogive's public function for the value or one of the derivatives."""
    found: Callable[..., Any] = getattr(
        ogive if which == "value" else getattr(ogive, which), card.name
    )
    return found


def results(name: str) -> tuple[str, ...]:
    """The `ORDERS` that a unary function has."""
    return tuple(which for which in ORDERS if which in modes(name))


@cache
def encloser(name: str, which: tuple[str, ...] = FIRST_TWO) -> Encloser:
    return Encloser(find(name), orders=tuple(ORDERS[each] for each in which))


def float32(
    card: Card, patterns: Patterns, which: tuple[str, ...] = FIRST_TWO
) -> dict[str, Measured]:
    """Errors of value and derivative, or of the named results, at float32 bit patterns."""
    return _judged(card, patterns.view(np.float32), FLOAT32, which)


def every_half(card: Card, fmt: Format, which: tuple[str, ...] = FIRST_TWO) -> dict[str, Measured]:
    """The same at all 65,536 numbers of a 16-bit format."""
    return _judged(card, fmt.every(), fmt, which)


def _judged(
    card: Card, x: npt.NDArray[Any], fmt: Format, which: tuple[str, ...]
) -> dict[str, Measured]:
    reference, wide = encloser(card.name, which), x.astype(np.float32, copy=False)
    bounds = reference.bounds(wide)
    return {
        each: reference.judge(wide, function(card, each)(x), bounds[order], fmt, order)
        for each, order in ((each, ORDERS[each]) for each in which)
    }


def float64(card: Card, which: tuple[str, ...] = FIRST_TWO) -> dict[str, Measured]:
    """The same at structured and random float64 points, by arb."""
    reference, points = encloser(card.name, which), float64_points(card, which)
    found = {}
    for each in which:
        order = ORDERS[each]
        results = function(card, each)(points)
        total = Measured(points.size, 0.0, 0.0, 0, points.size)
        for x, got in zip(points.tolist(), results.tolist(), strict=True):
            error, right = reference.measure(x, got, FLOAT64, order)
            total.wrong += not right
            if not error <= total.worst:
                total.worst, total.worst_at = error, x
        found[each] = total
    return found


def float64_points(card: Card, which: tuple[str, ...] = FIRST_TWO) -> npt.NDArray[np.float64]:
    """Points in both tails, at every scale, and near breaks and roots of the derivatives."""
    random = np.random.default_rng(2)
    scales = np.ldexp(random.uniform(1, 2, 150), np.linspace(-1074, 1023, 150).astype(int))
    tails = np.concatenate([random.uniform(0, 40, 200), random.uniform(40, 760, 150)])
    positive = np.concatenate([scales, tails, np.abs(random.normal(0, 1, 200))])
    special = np.array([0.0, 5e-324, 2.0**-1022, 1.0, np.finfo(float).max, np.inf])
    around = [
        c + s * 2.0**-k
        for c in _places(card, which)
        for k in (8, 16, 22, 30, 40, 52)
        for s in (-1, 1)
    ]
    one_sided = np.concatenate([positive, special])
    return np.concatenate([one_sided, -one_sided, around, [np.nan]])


def _places(card: Card, which: tuple[str, ...]) -> list[float]:
    """The breaks, and the roots of the derivatives."""
    roots = encloser(card.name, which).critical.values()
    return [*(card.claims.breaks if card.claims else ()), *(x for each in roots for x in each)]


def cutoffs(card: Card, which: tuple[str, ...] = FIRST_TWO) -> list[int]:
    """The float32 bit patterns at which a correctly rounded result becomes zero, subnormal or
    infinite, or reaches its limit.
    """
    reference = encloser(card.name, which)
    found = set()
    for order in reference.orders:
        limits = {
            arb.rounded(card, side, *reference.parameters, fmt=FLOAT32, order=order)
            for side in (-math.inf, math.inf)
        }

        def regime(y: float, limits: set[float] = limits) -> tuple[bool, ...]:
            return (y == 0, abs(y) < 2.0**FLOAT32.least, math.isinf(y), y in limits)

        def at(pattern: int, order: int = order) -> tuple[bool, ...]:
            x = float(np.uint32(pattern).view(np.float32))
            return regime(arb.rounded(card, x, *reference.parameters, fmt=FLOAT32, order=order))

        for sign in (0, 0x8000_0000):
            grid = np.arange(sign, sign + 0x7F80_0000, 1 << 17, dtype=np.uint32)
            lower, _ = reference.bounds(grid.view(np.float32))[order]
            with np.errstate(over="ignore"):
                kinds = [regime(y) for y in lower.astype(np.float32).tolist()]
            for i in range(1, grid.size):
                if kinds[i] != kinds[i - 1]:
                    found.add(_bisect(int(grid[i - 1]), int(grid[i]), at))
    return sorted(found)


def _bisect(low: int, high: int, kind: Callable[[int], Any]) -> int:
    start = kind(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if kind(middle) == start else (low, middle)
    return high


def around(card: Card, which: tuple[str, ...] = FIRST_TWO, width: int = 64) -> Patterns:
    """Every float32 pattern within ``width`` of a cutoff, a break, a root, 0 or infinity."""
    centres = {*cutoffs(card, which), 0, 1 << 31, 0x7F80_0000, 0xFF80_0000}
    centres |= {int(np.float32(x).view(np.uint32)) for x in _places(card, which)}
    patterns = [np.arange(c - width, c + width + 1) for c in sorted(centres)]
    return (np.concatenate(patterns) % (1 << 32)).astype(np.uint32)


@dataclass(frozen=True)
class Row:
    """One row of float32 logits, with a name for reports."""

    name: str
    z: npt.NDArray[np.float32]


def rows(huge: bool = True) -> Iterator[Row]:
    """Rows on which other implementations of softmax and similar functions fail."""
    random = np.random.default_rng(3)
    for n in (1, 2, 3, 10, 129, 1000):
        for scale in (1, 8):
            yield Row(f"random-{n}-{scale}", random.normal(0, scale, n).astype(np.float32))
    for gap in (17, 20, 40, 80, 88, 100, 120, 200):
        yield Row(f"confident-{gap}", np.array([gap, 0, -1, 0.5], dtype=np.float32))
        yield Row(f"confident-last-{gap}", np.array([0, 0.25, gap], dtype=np.float32))
    for offset in (1e8, -1e8, 3e38):
        z = np.float32(offset) + random.normal(0, 30, 12).astype(np.float32)
        yield Row(f"offset-{offset:g}", z.astype(np.float32))
    for span in (58, 62, 88):  # short rows of floats end at 60
        yield Row(f"span-{span}", np.linspace(-span / 2, span / 2, 6).astype(np.float32))
    if huge:
        yield Row("huge", random.normal(0, 4, 200_000).astype(np.float32))


def row_error(card: Card, row: Row) -> Measured:
    """The worst element of one row of a row function."""
    given = {"seed": SEED} if card.draws else {}
    u = uniform(SEED, row.z.size) if card.draws else None
    got = np.atleast_1d(function(card, "value")(row.z, **given))
    exact = arb.row(card, row.z.tolist(), u=u, bits=48)
    return _worst(row.z, got, exact)


def _worst(z: npt.NDArray[Any], got: npt.NDArray[Any], exact: list[Any]) -> Measured:
    errors = [ulp.error(float(g), e, FLOAT32) for g, e in zip(got, exact, strict=True)]
    wrong = sum(float(g) not in arb.decide(e, FLOAT32) for g, e in zip(got, exact, strict=True))
    worst = max(range(len(errors)), key=errors.__getitem__)
    return Measured(len(errors), errors[worst], float(np.ravel(z)[worst % z.size]), wrong, z.size)


def head_error(card: Card, row: Row) -> dict[str, Measured]:
    """Errors of a head's loss and gradient on one row; the target is the first class, or t = 0."""
    judge = getattr(ogive.value_and_grad, card.name)
    if not card.over_rows:
        loss, gradient = judge(row.z, np.zeros_like(row.z), reduction="none")
        exact = [arb.head(card, float(z), 0.0, bits=48) for z in row.z]
        losses, slopes = [e[0] for e in exact], [e[1][0] for e in exact]
    else:
        target = np.eye(1, row.z.size)[0].tolist()
        if card.layer:  # an identity layer, so that its inputs are the logits
            layer = np.eye(row.z.size, dtype=np.float32)
            loss, (gradient, _, _) = judge(row.z[None], layer, [0], reduction="none")
        else:
            loss, gradient = judge(row.z[None], [0], reduction="none")
        rows = find(card.loss_of) if card.layer else card
        one, slopes = arb.head(rows, row.z.tolist(), target, bits=48)
        losses = [one]
    return {
        "value": _worst(row.z, np.ravel(loss), losses),
        "derivative": _worst(row.z, np.ravel(gradient), slopes),
    }
