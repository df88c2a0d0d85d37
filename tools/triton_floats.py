"""Write src/ogive/torch/_triton/floats.py: the polynomials of the kernels in pairs of floats.

    python tools/triton_floats.py             # needs mpmath (it comes with SymPy)
    python tools/triton_floats.py --check     # exit code 1 if the file is out of date

Polynomials are weighted least squares at Chebyshev nodes; their coefficients are rounded to float
one after another, from the constant up, and the rest is fitted again each time. Beside each stands
the error that it leaves in the function it serves.

The derivatives that have a zero, where the terms of a formula cancel, get a polynomial in x - zero;
they are those of the catalog's formulas, found and expanded through their tapes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

from ogive.catalog import find, names
from ogive.formula import tape
from ogive.reference.ball import Encloser

mp.mp.prec = 200
TARGET = Path(__file__).parent.parent / "src/ogive/torch/_triton/floats.py"
Function = Callable[[Any], Any]
ROOT_RADIUS = 0.08


def nearest(x: Any) -> Any:
    """The float32 nearest to x."""
    return mp.mpf(float(np.float32(float(x))))


def least_squares(
    f: Function, low: float, high: float, given: Sequence[Any], degree: int, weight: Function
) -> Any:
    """Coefficients from len(given) to degree of a polynomial; the lower ones are fixed."""
    middle, half = mp.mpf(low + high) / 2, mp.mpf(high - low) / 2
    nodes = [middle + half * mp.cos(mp.pi * (2 * i + 1) / 80) for i in range(40)]
    powers = range(len(given), degree + 1)
    rows = mp.matrix([[weight(x) * x**j for j in powers] for x in nodes])
    rest = mp.matrix(
        [weight(x) * (f(x) - sum(c * x**j for j, c in enumerate(given))) for x in nodes]
    )
    return mp.lu_solve(rows.T * rows, rows.T * rest)


def fit(
    f: Function, low: float, high: float, degree: int, weight: Function
) -> tuple[list[Any], float]:
    """Float coefficients, and the largest weighted error's logarithm."""
    chosen: list[Any] = []
    while len(chosen) <= degree:
        chosen.append(nearest(least_squares(f, low, high, chosen, degree, weight)[0]))
    points = [low + (high - low) * mp.mpf(i) / 400 for i in range(1, 400)]
    worst = max(abs(weight(x) * (mp.polyval(chosen[::-1], x) - f(x))) for x in points)
    return chosen, float(mp.log(worst, 2))


# --------------------------------------------------------------------------- elementary functions

CENTRE = mp.mpf("2.75")
"""c of v = 1/(a + c), in which the normal distribution's tail is nearly a parabola."""
FARTHEST = 15.0
"""Beyond it the tail is 0 in float, also times a number below 2^8."""
T_SCALE, T_SHIFT = mp.mpf(6), mp.mpf("-1.25")


def exp_rest(r: Any) -> Any:
    return (mp.expm1(r) - r - r * r / 2) / r**3 if r else mp.mpf(1) / 6


def atanh_rest(z: Any) -> Any:
    s = mp.sqrt(z)
    return (mp.atanh(s) / s - 1) / z


def erf_rest(z: Any) -> Any:
    x = mp.sqrt(z)
    return (mp.erf(x) / x - 2 / mp.sqrt(mp.pi)) / z


def gap_rest(z: Any) -> Any:
    x = mp.sqrt(z)
    gap = (x - mp.tanh(x)) / x**3
    return (((gap - mp.mpf(1) / 3) / z + mp.mpf(2) / 15) / z - mp.mpf(17) / 315) / z


def tail_over_v(v: Any) -> Any:
    """e^(a^2/2) erfc(a/sqrt 2)/v"""
    a = 1 / v - CENTRE
    return mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / v


def tail_parabola() -> list[Any]:
    """Floats: alpha + beta v + gamma v^2 lies within 2^-8 of `tail_over_v`, relatively. They are
    short, so that what a step rounds off is exact.
    """
    v = np.linspace(1 / (FARTHEST + float(CENTRE)), 1 / float(CENTRE), 200)
    y = np.array([float(tail_over_v(mp.mpf(each))) for each in v])
    rows = np.stack([1 / y, v / y, v * v / y], axis=1)
    weights = np.ones(len(v))
    for _ in range(200):  # towards the smallest maximum (Lawson)
        solved = np.linalg.lstsq(rows * weights[:, None], weights, rcond=None)[0]
        weights *= np.sqrt(np.abs(rows @ solved - 1) + 1e-6)
        weights /= weights.max()
    return [mp.mpf(round(each * 1024)) / 1024 for each in solved]


def elementary() -> Iterator[tuple[str, str, list[Any], float]]:
    """Name, what it is, coefficients and error of each polynomial."""
    half = float(mp.log(2) / 2) + 2.0**-12
    yield "exp_rest", "(e^r - 1 - r - r^2/2)/r^3", *fit(exp_rest, -half, half, 4, lambda r: r**3)
    yield (
        "atanh_rest",
        "(atanh(s)/s - 1)/z for z = 4 s^2",
        *fit(lambda z: atanh_rest(z / 4) / 4, 0.0, 0.16, 4, lambda z: z),
    )
    yield (
        "erf_rest",
        "(erf(x)/x - 2/sqrt pi)/z, z = x^2 <= 1/4",
        *fit(erf_rest, 0.0, 0.25, 4, lambda z: z),
    )
    yield (
        "gap_rest",
        "the rest of (x - tanh x)/x^3 after 1/3 - 2/15 z + 17/315 z^2, z = x^2 <= 1",
        *fit(gap_rest, 0.0, 1.0, 8, lambda z: 4 * z**3),
    )
    alpha, beta, gamma = tail_parabola()
    low, high = 1 / (FARTHEST + float(CENTRE)), 1 / float(CENTRE)
    ends = [float(T_SCALE * mp.mpf(v) + T_SHIFT) for v in (low, high)]

    def rest(t: Any) -> Any:
        v = (t - T_SHIFT) / T_SCALE
        return tail_over_v(v) - alpha - beta * v - gamma * v * v

    def weight(t: Any) -> Any:
        return 1 / tail_over_v((t - T_SHIFT) / T_SCALE)

    what = "e^(a^2/2) erfc(a/sqrt 2)/v - alpha - beta v - gamma v^2"
    yield "tail_rest", what, *fit(rest, ends[0], ends[1], 11, weight)


# ------------------------------------------------------------------------ zeros of derivatives


class Reals:
    """The arithmetic of a tape in mpmath's numbers."""

    pi = mp.pi
    exp, expm1, log, log1p = mp.exp, mp.expm1, mp.log, mp.log1p
    erf, erfc, tanh, sqrt = mp.erf, mp.erfc, mp.tanh, mp.sqrt

    @staticmethod
    def const(c: Fraction) -> Any:
        return mp.mpf(c.numerator) / c.denominator

    @staticmethod
    def split(x: Any, c: Any, below: Any, above: Any) -> Any:
        return below if mp.re(x) <= mp.re(c) else above

    @staticmethod
    def logistic(a: Any) -> Any:
        return 1 / (1 + mp.exp(-a))

    @staticmethod
    def softplus(a: Any) -> Any:
        return mp.log1p(mp.exp(a))

    @staticmethod
    def sech2(a: Any) -> Any:
        return mp.sech(a) ** 2

    @staticmethod
    def gauss(a: Any) -> Any:
        return 2 / mp.sqrt(mp.pi) * mp.exp(-a * a)

    @staticmethod
    def tanh_gap(a: Any) -> Any:
        return a - mp.tanh(a)


def roots() -> Iterator[tuple[str, int, Any, list[Any]]]:
    """Function, order of the derivative, the float next to its zero, Taylor coefficients there."""
    for name in names("unary"):
        orders = (0, 1, 2)
        critical = Encloser(find(name), *tape.defaults(name), orders=orders).critical
        for order in (1, 2):
            steps = tape.unary(name, tape.defaults(name), (order,))
            if all(node.op in ("const", "add", "mul", "div", "neg", "split", "x")
                   for node in steps.nodes):  # fmt: skip
                continue  # polynomials do not cancel in pairs

            def f(x: Any, steps: Any = steps) -> Any:
                return steps.run(Reals, [x])[0]

            for near in critical[order]:
                if near != 0:  # at 0 it is a factor of the formula
                    zero = nearest(mp.findroot(f, mp.mpf(near)))
                    yield name, order, zero, mp.taylor(f, zero, 24)


def root_polynomial(taylor: list[Any]) -> tuple[float, float, float, list[float]]:
    """Floats: f(root), f' there and what the float lacks of it, and the coefficients after it."""
    r = ROOT_RADIUS * 1.02
    rest, _ = fit(lambda d: mp.polyval(taylor[:1:-1], d), -r, r, 4, lambda d: d)
    return float(nearest(taylor[0])), *pair(taylor[1]), [float(c) for c in rest]


# -------------------------------------------------------------------------------------- the file


def function(name: str, what: str, coefficients: list[Any], error: float) -> str:
    *rest, top = (float(c) for c in coefficients)
    steps = "".join(f"    p = tl.fma(p, x, {c!r})\n" for c in reversed(rest))
    head = f'@triton.jit\ndef {name}(x):\n    """{what}: 2^{error:.1f}."""\n'
    return f"{head}    p = tl.full((), {top!r}, tl.float32)\n{steps}    return p\n"


def pair(x: Any) -> tuple[float, float]:
    return float(nearest(x)), float(nearest(x - nearest(x)))


def text() -> str:
    alpha, beta, gamma = tail_parabola()
    numbers = {
        "LOG2_E": float(nearest(1 / mp.log(2))),
        "LN2": pair(mp.log(2)),
        "TWO_OVER_ROOT_PI": pair(2 / mp.sqrt(mp.pi)),
        "ROOT_2": pair(mp.sqrt(2)),
        "THIRD": pair(mp.mpf(1) / 3),
        "TWO_FIFTEENTHS": pair(mp.mpf(2) / 15),
        "SEVENTEENTHS": pair(mp.mpf(17) / 315),
        "CENTRE": float(CENTRE),
        "FARTHEST": FARTHEST,
        "ALPHA": float(alpha),
        "BETA": float(beta),
        "GAMMA": float(gamma),
        "T_SCALE": float(T_SCALE),
        "T_SHIFT": float(T_SHIFT),
        "ROOT_RADIUS": ROOT_RADIUS,
    }
    lines = []
    for name, value in numbers.items():
        parts = value if isinstance(value, tuple) else (value,)
        for ending, each in zip(("", "_LOW"), parts, strict=False):
            lines.append(f"{name}{ending} = tl.constexpr({each!r})\n")
    table: dict[tuple[str, int], str] = {}
    for name, order, zero, taylor in roots():
        *first, rest = root_polynomial(taylor)
        numbers_there = "".join(f"            {c!r},\n" for c in (float(zero), *first))
        after = "".join(f"                {c!r},\n" for c in rest)
        entry = f"        (\n{numbers_there}            (\n{after}            ),\n        ),\n"
        table[name, order] = table.get((name, order), "") + entry
    entries = "".join(f'    ("{n}", {k}): [\n{each}    ],\n' for (n, k), each in table.items())
    head = (
        '"""Written by tools/triton_floats.py; do not edit."""\n\n'
        "# mypy: ignore-errors\n"
        "import triton\n"
        "import triton.language as tl\n\n"
        "Root = tuple[float, float, float, float, tuple[float, ...]]\n"
        '"""A float next to a zero of a derivative; what that and its slope (a pair) are there;\n'
        'the coefficients after it."""\n\n'
    )
    functions = "\n\n".join(function(*each) for each in elementary())
    roots_there = f"ROOTS: dict[tuple[str, int], list[Root]] = {{\n{entries}}}\n"
    return f"{head}{''.join(lines)}\n\n{functions}\n\n{roots_there}"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text() != text())
    TARGET.write_text(text())
