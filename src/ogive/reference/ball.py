"""Bounds on value and derivatives for millions of float inputs per second, as rigorous as arb's.

The tape runs in ball arithmetic in double (`ball.cpp`, compiled on demand by the system's
compiler). A ball of relative radius 2^-45 decides all but a few inputs in a million; the rest go
to arb. Near 0, where results can be arbitrarily close to a tie, a Taylor polynomial with enclosed
coefficients decides.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import math
import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from ogive.catalog import Card
from ogive.formula.tape import defaults, unary

from . import ulp
from .arb import CONTEXT, Context, enclose, precision, rounded
from .ulp import Format

_SOURCE = Path(__file__).with_suffix(".cpp")
_FLAGS = ["-std=c++20", "-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno"]
_FLAGS += ["-fno-trapping-math", "-shared", "-fPIC"]

# The order of ball.cpp's enumeration.
_OPERATIONS = (
    "add", "sub", "mul", "div", "neg", "split", "exp", "expm1", "log1p", "erf", "erfc", "tanh",
    "sqrt", "logistic", "softplus", "sech2", "gauss", "tanh_gap", "root_sum", "root_share",
)  # fmt: skip

_TINY = -60  # log2 of the inputs below which the Taylor polynomial is used
_ERFC_TERMS, _ERFC_NODES = 14, 256

Bounds = npt.NDArray[np.float64]


class _Step(ctypes.Structure):
    _fields_ = [("op", ctypes.c_int32), ("to", ctypes.c_int32), ("args", ctypes.c_int32 * 4)]


class _Taylor(ctypes.Structure):
    _fields_ = [
        ("high", ctypes.c_double * 2),
        ("low", ctypes.c_double * 2),
        ("low_radius", ctypes.c_double * 2),
        ("square", ctypes.c_double),
        ("square_radius", ctypes.c_double),
        ("cube", ctypes.c_double),
        ("cube_radius", ctypes.c_double),
        ("fourth", ctypes.c_double),
    ]


class _Program(ctypes.Structure):
    _fields_ = [
        ("steps", ctypes.c_int32),
        ("values", ctypes.c_int32),
        ("constants", ctypes.c_int32),
        ("results", ctypes.c_int32),
        ("code", ctypes.POINTER(_Step)),
        ("constant_m", ctypes.POINTER(ctypes.c_double)),
        ("constant_r", ctypes.POINTER(ctypes.c_double)),
        ("result", ctypes.POINTER(ctypes.c_int32)),
        ("near_zero", ctypes.POINTER(_Taylor)),
        ("reach", ctypes.c_double * 2),
        ("gap", ctypes.POINTER(ctypes.c_int32)),
    ]


class _Format(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in ("precision", "least", "greatest")]


class _Verdict(ctypes.Structure):
    _fields_ = [("worst", ctypes.c_double)]
    _fields_ += [(name, ctypes.c_int64) for name in ("worst_at", "wrong", "undecided")]


@cache
def _library() -> ctypes.CDLL:
    """The compiled evaluator, cached in the project's build folder."""
    compiler = os.environ.get("CXX", "c++")
    key = "\n".join([_SOURCE.read_text(), compiler, *_FLAGS, platform.node(), platform.machine()])
    folder = Path(__file__).parents[3] / "build" / "reference"
    target = folder / f"ball-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            built = Path(scratch) / "ball.so"
            subprocess.run([compiler, *_FLAGS, str(_SOURCE), "-o", str(built)], check=True)
            built.replace(target)
    library = ctypes.CDLL(str(target))
    library.ogive_ball_enclose.restype = ctypes.c_int
    library.ogive_ball_judge.restype = None
    library.ogive_ball_table(_erfc_table().ctypes.data_as(ctypes.c_void_p))
    return library


@cache  # keeps it alive for the library
def _erfc_table() -> Bounds:
    """Taylor coefficients of e^(x^2) erfc(x) at multiples of 1/8.

    M' = 2 x M - 2/sqrt(pi), so the coefficients follow from M by a recurrence. M is the Laplace
    transform of a positive function, so each derivative shrinks as x grows, and the polynomial's
    remainder is bounded by the next coefficient at the left end of its interval. It must be below
    2^-54 of M.
    """
    table = np.empty((_ERFC_NODES, _ERFC_TERMS))
    with precision(300):
        for i in range(_ERFC_NODES):
            coefficients = _scaled_erfc_series(arb(i) / 8, _ERFC_TERMS)
            table[i] = [float(c) for c in coefficients]
            left = _scaled_erfc_series(arb(2 * i - 1) / 16, _ERFC_TERMS + 1)
            missing = abs(left[-1]) * ulp.power(-4 * _ERFC_TERMS) / coefficients[0]
            if not missing < ulp.power(-54):
                raise ArithmeticError(f"the series of erfc at {i}/8 leaves {missing}")
    return table


def _scaled_erfc_series(x: arb, terms: int) -> list[arb]:
    c = [(x * x).exp() * x.erfc()]
    c.append(2 * x * c[0] - 2 / arb.const_sqrt_pi())
    for k in range(1, terms - 1):
        c.append((2 * x * c[k] + 2 * c[k - 1]) / (k + 1))
    return c


class _OneSide(Context):
    """Enclosures on one side of 0, where the branch of a split at 0 is known in advance."""

    def __init__(self, above: bool):
        self.above = above

    def split(self, x: arb, c: arb, below: arb, above: arb) -> arb:  # type: ignore[override]
        if c == 0:
            return above if self.above else below
        return Context.split(x, c, below, above)


def _centre(ball: arb) -> tuple[float, float]:
    """A double, and a bound on its distance from every point of the ball."""
    centre = float(ball.mid())
    return centre, _above(abs(ball - centre))


def _above(ball: arb) -> float:
    bound = float(ball.abs_upper())
    return 0.0 if bound == 0 and ball.is_zero() else math.nextafter(bound, math.inf)


def _taylor(name: str, parameters: tuple[float, ...], order: int, above: bool) -> _Taylor:
    program = unary(name, parameters, tuple(range(order, order + 5)))
    side = _OneSide(above)
    half = ulp.power(_TINY - 1)
    with precision(400):
        at_zero = program.run(side, [arb(0)])
        around = program.run(side, [half.union(0) if above else (-half).union(0)])
    t = _Taylor()
    for k in range(2):
        t.high[k] = float(at_zero[k].mid())
        t.low[k], t.low_radius[k] = _centre(at_zero[k] - t.high[k])
    t.square, t.square_radius = _centre(at_zero[2] / 2)
    t.cube, t.cube_radius = _centre(at_zero[3] / 6)
    t.fourth = _above(around[4] / 24)
    return t


def _reach(name: str, parameters: tuple[float, ...]) -> tuple[float, float]:
    """How far from 0, to the left and right, the Taylor polynomials are valid."""
    tape = unary(name, parameters, (0, 2))
    second = tape.nodes[tape.results[1]]
    sides = [second, second]
    if second.op == "split" and second.args[1].constant == 0:
        sides = [second.args[2], second.args[3]]
    least = [min((s * c for c in tape.breaks if s * c > 0), default=math.inf) for s in (-1, 1)]
    left, right = (
        end if side.constant == 0 else min(end, 2.0**_TINY)
        for side, end in zip(sides, least, strict=True)
    )
    return left, right


@dataclass
class Measured:
    """Outcome of comparing results with bounds."""

    count: int
    worst: float
    """Upper bound on the error, in ulps."""
    worst_at: float
    """The input at which it occurs."""
    wrong: int
    """Number of results that are not correctly rounded."""
    decided_by_arb: int

    def merge(self, other: Measured) -> Measured:
        worse = other if other.worst > self.worst else self
        return Measured(
            self.count + other.count,
            worse.worst,
            worse.worst_at,
            self.wrong + other.wrong,
            self.decided_by_arb + other.decided_by_arb,
        )


class Encloser:
    """Bounds on a unary function's value and derivatives, and verdicts on results.

    Parameters
    ----------
    card
        The function.
    parameters
        Its parameters; the defaults if there are none.
    orders
        Orders of the derivatives; 0 is the value.
    """

    def __init__(self, card: Card, *parameters: float, orders: tuple[int, ...] = (0, 1)):
        self.card = card
        self.orders = orders
        self.parameters = parameters or defaults(card.name)
        self._library = _library()
        tape = unary(card.name, self.parameters, orders)
        constants = [node for node in tape.nodes if node.op in ("const", "pi")]
        place = {tape.nodes[tape.inputs[0]]: 0, **{n: 1 + i for i, n in enumerate(constants)}}
        steps = []
        for node in tape.nodes:
            if node in place:
                continue
            if node.op not in _OPERATIONS:
                raise NotImplementedError(f"ball.cpp has no rule for {node.op}")
            place[node] = len(place)
            args = [place[a] for a in node.args] + [0] * (4 - len(node.args))
            steps.append(
                _Step(_OPERATIONS.index(node.op), place[node], (ctypes.c_int32 * 4)(*args))
            )
        with precision(200):
            balls = [
                _centre(CONTEXT.pi if n.constant is None else CONTEXT.const(n.constant))
                for n in constants
            ]
        taylor = [
            _taylor(card.name, self.parameters, order, above)
            for order in orders
            for above in (False, True)
        ]
        doubles, flags = ctypes.c_double * max(len(balls), 1), ctypes.c_int32 * len(orders)
        self._program = _Program(
            len(steps),
            len(place),
            len(balls),
            len(orders),
            (_Step * max(len(steps), 1))(*steps),
            doubles(*(m for m, _ in balls)),
            doubles(*(r for _, r in balls)),
            flags(*(place[tape.nodes[i]] for i in tape.results)),
            (_Taylor * len(taylor))(*taylor),
            (ctypes.c_double * 2)(*_reach(card.name, self.parameters)),
            flags(*map(tape.is_gap, range(len(orders)))),
        )
        self.critical = {
            order: critical_points(card, self.parameters, order) if order else []
            for order in orders
        }
        self._peak = {
            order: peak(card, self.parameters, order) for order in orders if self.critical[order]
        }

    def bounds(self, x: npt.NDArray[np.float32]) -> dict[int, tuple[Bounds, Bounds]]:
        """(lower, upper) for every order; NaN where the ball gives no bound."""
        x = np.ascontiguousarray(x, dtype=np.float32)
        lo, hi = np.empty((2, len(self.orders), x.size))
        rows = ctypes.c_void_p * len(self.orders)
        failed = self._library.ogive_ball_enclose(
            ctypes.byref(self._program),
            x.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(x.size),
            rows(*(row.ctypes.data for row in lo)),
            rows(*(row.ctypes.data for row in hi)),
        )
        if failed:
            raise NotImplementedError(f"the tape of {self.card.name} is too long for ball.cpp")
        return {order: (lo[k], hi[k]) for k, order in enumerate(self.orders)}

    def judge(
        self,
        x: npt.NDArray[np.float32],
        got: npt.NDArray[Any],
        bounds: tuple[Bounds, Bounds],
        fmt: Format,
        order: int,
    ) -> Measured:
        """The verdict on results of one derivative order; arb decides where the bounds do not."""
        x = np.ascontiguousarray(x, dtype=np.float32)
        results = np.ascontiguousarray(got, dtype=np.float32)
        critical = self.critical[order]
        undecided = np.empty(x.size, dtype=np.int64)
        verdict = _Verdict()
        self._library.ogive_ball_judge(
            ctypes.byref(_Format(fmt.precision, fmt.least, fmt.greatest)),
            x.ctypes.data_as(ctypes.c_void_p),
            results.ctypes.data_as(ctypes.c_void_p),
            bounds[0].ctypes.data_as(ctypes.c_void_p),
            bounds[1].ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(x.size),
            (ctypes.c_double * max(len(critical), 1))(*critical),
            ctypes.c_int32(len(critical)),
            ctypes.c_double(float(self.least_unit(fmt, order)) if critical else 0.0),
            undecided.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(x.size),
            ctypes.byref(verdict),
        )
        found = Measured(
            x.size, verdict.worst, float(x[verdict.worst_at]), verdict.wrong, verdict.undecided
        )
        for i in undecided[: verdict.undecided]:
            error, right = self.measure(float(x[i]), float(results[i]), fmt, order)
            found.wrong += not right
            if error > found.worst:
                found.worst, found.worst_at = error, float(x[i])
        return found

    def measure(self, x: float, got: float, fmt: Format, order: int) -> tuple[float, bool]:
        """One result's error in ulps, and whether it is correctly rounded, by arb."""
        near = any(abs(x - c) < 2**-20 for c in self.critical[order])
        exact = enclose(self.card, x, *self.parameters, order=order, bits=fmt.precision + 24)
        error = ulp.error(got, exact, fmt, least_unit=self.least_unit(fmt, order) if near else None)
        want = rounded(self.card, x, *self.parameters, fmt=fmt, order=order)
        return error, got == want or (math.isnan(got) and math.isnan(want))

    def least_unit(self, fmt: Format, order: int) -> arb:
        """The unit of error near a zero of f' or f'': 2^-20 ulps of the largest |f'| or |f''|."""
        return ulp.power(fmt.ulp_exponent(self._peak[order]) - 20)


GRID = [k / 8 for k in range(-160, 161)]


def peak(card: Card, parameters: tuple[float, ...], order: int) -> int:
    """Exponent of a derivative's largest size on the grid. It is a lower bound on that of the
    supremum, so errors measured in this unit are not underestimated.
    """
    program = unary(card.name, parameters or defaults(card.name), (order,))
    with precision(100):
        sizes = [abs(program.run(CONTEXT, [arb(x)])[0]).lower() for x in GRID]
    return max((ulp.exponent_of(size) for size in sizes if size > 0), default=0)


@cache
def critical_points(
    card: Card, parameters: tuple[float, ...] = (), order: int = 1
) -> Sequence[float]:
    """The doubles just below the zeros of a derivative, except a zero at 0 itself: floats are dense
    there, so it needs no special unit of error.
    """
    program = unary(card.name, parameters or defaults(card.name), (order,))

    def at(x: float) -> arb:
        with precision(400):
            found: arb = program.run(CONTEXT, [arb(x)])[0]
            return found

    def sign(x: float) -> int:
        return int(at(x) > 0) - int(at(x) < 0)

    found = []
    for before, x, after in zip(GRID, GRID[1:], GRID[2:], strict=False):
        if x != 0 and sign(x) == 0 and sign(before) * sign(after) < 0:
            found.append(x)
    for a, b in itertools.pairwise(GRID):
        start, end = sign(a), sign(b)
        if start * end >= 0:
            continue
        while (middle := (a + b) / 2) not in (a, b):
            a, b = (middle, b) if sign(middle) == start else (a, middle)
        if abs(at(a)) < 2**-20:  # a jump across zero is not a root
            found.append(a)
    return found
