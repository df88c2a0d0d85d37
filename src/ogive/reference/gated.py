"""Gated functions measured against proved bounds.

y = a f(b), da = dy f(b) and db = dy a f'(b) are products with f(b) and f'(b). Ball arithmetic gives
45 bits of those, for millions of operands per second; where that is not enough, arb decides with
the gated function's own formula.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb as Ball

import ogive
from ogive.catalog import Card

from . import arb, ulp
from .ball import Measured
from .measure import encloser
from .ulp import FLOAT64, Format

RESULTS = ("value", "da", "db")
_MOST_BITS = 1024
FAR = 600
"""For large |b|, f(b) is a multiple of b or of 1, up to a relative e^-b. Beyond this b no precision
shows on which side of a tie a product lies; tests/test_gated.py shows that it is the same side."""

Reals = npt.NDArray[Any]


def results(card: Card, dy: Reals, a: Reals, b: Reals) -> tuple[Reals, Reals, Reals]:
    """Ogive's results, in the order of `RESULTS`."""
    da, db = getattr(ogive.backward, card.name)(dy, a, b)
    return getattr(ogive, card.name)(a, b), da, db


def measure(card: Card, dy: Reals, a: Reals, b: Reals, fmt: Format) -> dict[str, Measured]:
    """The errors of y, da and db at finite operands of at most 32 bits.

    Near a zero of f' the error of db is measured in the unit used for f' there, times dy a.
    """
    gate = encloser(card.gate)
    wide = [np.asarray(v, dtype=np.float64) for v in (dy, a, b)]
    bounds = gate.bounds(wide[2].astype(np.float32))
    both = wide[0] * wide[1]
    near = np.zeros(b.shape, dtype=bool)
    for zero in gate.critical[1]:
        near |= np.abs(wide[2] - zero) < 2**-20
    nothing = np.zeros_like(both)
    unit_there = float(gate.least_unit(fmt, 1)) if near.any() else 0.0
    least = np.where(near, np.abs(both) * unit_there, nothing)
    sides = ((wide[1], 0, nothing), (wide[0], 0, nothing), (both, 1, least))
    found = {}
    for i, (which, got) in enumerate(zip(RESULTS, results(card, dy, a, b), strict=True)):
        factor, order, unit = sides[i]
        ends = np.sort([factor * end for end in bounds[order]], axis=0)
        low, high = np.nextafter(ends[0], -np.inf), np.nextafter(ends[1], np.inf)
        found[which] = _judge(card, wide, i, got.astype(np.float64), low, high, unit, fmt)
    return found


def _judge(
    card: Card,
    operands: list[Reals],
    which: int,
    got: Reals,
    low: Reals,
    high: Reals,
    unit: Reals,
    fmt: Format,
) -> Measured:
    """The verdict on one result, given bounds on the exact one."""
    right, other = fmt.round_all(low), fmt.round_all(high)
    spacing = np.maximum(fmt.spacing(np.minimum(np.abs(low), np.abs(high))), unit)
    with np.errstate(invalid="ignore"):
        error = np.maximum(np.abs(got - low), np.abs(got - high)) / spacing
    error[np.isinf(got) & (got == right) & (got == other)] = 0
    undecided = (right != other) | np.isnan(error)
    wrong = int(np.count_nonzero(~undecided & (got != right)))
    for i in np.flatnonzero(undecided):
        dy, a, b = (float(v[i]) for v in operands)
        exact = product(card, dy, a, b, which, fmt)
        least = Ball(float(unit[i])) if unit[i] else None
        error[i] = ulp.error(float(got[i]), exact, fmt, least_unit=least)
        wrong += float(got[i]) not in arb.decide(exact, fmt)
    worst = int(np.argmax(error))
    return Measured(
        got.size, float(error[worst]), float(operands[2][worst]), wrong, int(undecided.sum())
    )


def product(card: Card, dy: float, a: float, b: float, which: int, fmt: Format) -> Any:
    """An enclosure of one result, narrow enough to decide its rounding if `_MOST_BITS` suffice."""
    bits = fmt.precision + 40
    while True:
        ball = arb.gated(card, a, b, bits)[which]
        with arb.precision(4 * bits):
            exact = ball if which == 0 else ball * dy
        low, high = arb.decide(exact, fmt)
        if low == high or bits > _MOST_BITS:
            return exact
        bits *= 2


def float64(card: Card, count: int = 300) -> dict[str, Measured]:
    """The errors in float64, where f(b), f'(b) and their products are normal numbers."""
    random = np.random.default_rng(8)
    around = [
        centre + side * 2.0**-k
        for centre in (0.0, *encloser(card.gate).critical)
        for side in (-1, 1)
        for k in range(4, 52, 6)
    ]
    b = np.concatenate([random.normal(0, 3, count), random.uniform(-700, 700, count), around])
    dy, a = random.normal(0, 1, (2, b.size)) * 2.0 ** random.integers(-40, 40, (2, b.size))
    found = {}
    for i, (which, got) in enumerate(zip(RESULTS, results(card, dy, a, b), strict=True)):
        exact = [product(card, *v, i, FLOAT64) for v in zip(dy, a, b, strict=True)]
        normal = [bool(abs(e) > ulp.power(-980)) or e == 0 for e in exact]
        kept = [(float(g), e, x) for g, e, x, n in zip(got, exact, b, normal, strict=True) if n]
        errors = [ulp.error(g, e, FLOAT64) for g, e, _ in kept]
        wrong = sum(arb.decide(e, FLOAT64)[0] != g for g, e, _ in kept)
        worst = int(np.argmax(errors))
        found[which] = Measured(len(kept), errors[worst], float(kept[worst][2]), wrong, len(kept))
    return found


def halves(fmt: Format, repeat: int) -> Reals:
    """Every number of a 16-bit format up to `FAR` in size, each `repeat` times."""
    every = fmt.every()
    with np.errstate(invalid="ignore"):
        return np.repeat(every[np.abs(every.astype(np.float64)) <= FAR], repeat)


def operands(fmt: Format, size: int, seed: int) -> Reals:
    """Finite numbers, half with every exponent and half with sizes typical of networks."""
    random = np.random.default_rng(seed)
    bits = 8 * fmt.dtype.itemsize
    patterns = random.integers(0, 1 << bits, size, dtype=f"u{bits // 8}").view(fmt.dtype)
    ordinary = random.normal(0, 2, size).astype(fmt.dtype)
    with np.errstate(invalid="ignore"):
        return np.where((random.random(size) < 0.5) & np.isfinite(patterns), patterns, ordinary)
