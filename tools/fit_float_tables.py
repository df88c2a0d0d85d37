"""Fit the tables and polynomials of the float-lane forms and write kernels/simd/float_tables.hpp.

    python tools/fit_float_tables.py          # needs mpmath (it comes with SymPy)

It also prints the polynomial and the table that are stored in kernels/drivers/long_rows.hpp.

The fits are weighted least squares at Chebyshev nodes in 160-bit arithmetic. Coefficients are
rounded to float one after another, from the constant up, and the rest is fitted again each time, so
that it compensates the previous roundings. The remaining error is written beside them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import numpy.typing as npt

from fit_coefficients import (
    Function,
    gelu_slope,
    gelu_tanh_scale,
    gelu_tanh_slope,
    mish_slope,
    silu_slope,
)
from fit_lean import between, gelu, mish, sides, silu

mp.mp.prec = 160
TARGET = Path(__file__).parent.parent / "src/ogive/kernels/simd/float_tables.hpp"

Floats = npt.NDArray[Any]


def nearest(x: mp.mpf) -> mp.mpf:
    """The float32 nearest to x."""
    return mp.mpf(float(np.float32(float(x))))


def truncated(x: mp.mpf, bits: int) -> mp.mpf:
    """x cut to `bits` bits, few enough that a product of two such numbers is exact."""
    scale = mp.mpf(2) ** (bits - 1 - mp.floor(mp.log(abs(x), 2)))
    return mp.nint(x * scale) / scale


def least_squares(
    f: Function, half: mp.mpf, given: Sequence[mp.mpf], degree: int, weight: Function
) -> list[mp.mpf]:
    """Coefficients from len(given) to degree on [-half, half]; the given ones are fixed."""
    nodes = [half * mp.cos(mp.pi * (2 * i + 1) / 96) for i in range(48)]
    powers = range(len(given), degree + 1)
    rows = mp.matrix([[weight(x) * (x / half) ** j for j in powers] for x in nodes])
    rest = mp.matrix([weight(x) * (f(x) - mp.polyval(given[::-1] or [0], x)) for x in nodes])
    solved = mp.lu_solve(rows.T * rows, rows.T * rest)
    return [solved[i] / half**j for i, j in enumerate(powers)]


def fit(
    f: Function,
    half: mp.mpf,
    degree: int,
    weight: Function,
    first: Callable[[mp.mpf], mp.mpf] = nearest,
) -> tuple[list[mp.mpf], mp.mpf]:
    """Float coefficients and the largest weighted error."""
    chosen: list[mp.mpf] = []
    while len(chosen) <= degree:
        value = least_squares(f, half, chosen, degree, weight)[0]
        chosen.append((nearest if chosen else first)(value))
    points = [half * k / 200 for k in range(-200, 201)]
    worst = max(abs((mp.polyval(chosen[::-1], x) - f(x)) * weight(x)) for x in points)
    return chosen, worst


def literal(x: mp.mpf) -> str:
    mantissa, exponent = float(x).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}f"


def array(name: str, why: str, values: Sequence[mp.mpf]) -> str:
    body = ", ".join(literal(v) for v in values)
    return f"// {why}\nalignas(64) constexpr float {name}[] = {{{body}}};\n"


def exp_tail(r: mp.mpf) -> mp.mpf:
    """q in e^r = 1 + r + r^2 q(r)."""
    return (mp.expm1(r) - r) / r**2 if abs(r) > mp.mpf(2) ** -50 else mp.mpf(1) / 2 + r / 6


def bits(error: mp.mpf) -> str:
    return f"2^{mp.nstr(mp.log(error, 2), 4)}"


def exponential() -> list[str]:
    """e^r = 1 + r + e0 + r^2 q(r). A degree of 1 for q leaves an error in r^4 that swings around a
    constant: e0, minus its fourth Chebyshev coefficient, which costs nothing inside the table.
    """
    step = mp.log(2) / 16
    half = step / 2
    e0 = -(half**4) / 192

    def tail(r: mp.mpf) -> mp.mpf:
        return exp_tail(r) - (e0 / r**2 if abs(r) > mp.mpf(2) ** -50 else 0)

    q, error = fit(tail, half, 1, lambda r: r**2 / mp.exp(r))
    longer, small = fit(exp_tail, half, 2, lambda r: r**2 / mp.exp(r))
    powers = [mp.mpf(2) ** (mp.mpf(j) / 16) for j in range(16)]
    rests = [nearest(p / nearest(p) - 1 + e0) for p in powers]
    whole_rests = [nearest(p / nearest(p) - 1) for p in powers]
    less = np.array([float(p) for p in powers], np.float32).view(np.uint32)
    less -= np.arange(16, dtype=np.uint32) << 19
    return [
        f"constexpr float sixteenths_of_log2_e = {literal(nearest(16 / mp.log(2)))};",
        "// The first has all its bits; n times it is exact where x is next to that.",
        f"constexpr float ln2_16 = {literal(nearest(step))}, "
        f"ln2_16_rest = {literal(nearest(step - nearest(step)))};\n",
        array(
            "exp_tail",
            f"e^r = 1 + r + e0 + r^2 q(r), |r| <= ln2/32: q. Error {bits(error)}.",
            q,
        ),
        array(
            "exp2_bits",
            "The floats whose bits are those of 2^(j/16) less j << 19.",
            less.view(np.float32).tolist(),
        ),
        array("exp2_rest", "2^(j/16) over its float, less 1, and e0.", rests),
        array(
            "exp_longer_tail",
            f"q without e0, where 1 is taken off e^r. Error {bits(small)}.",
            longer,
        ),
        array("exp2_whole_rest", "exp2_rest without e0.", whole_rests),
    ]


def eighths() -> str:
    """The constants in long_rows.hpp: e^r with one more coefficient and fewer entries, and a table
    unit * 2^(j/8). The unit is chosen so that all eight products are almost exact floats; it
    cancels in a row.
    """
    q, error = fit(exp_tail, mp.log(2) / 16, 2, lambda r: r**2 / mp.exp(r))
    first = 1 + np.arange(1 << 23) * 2.0**-23
    least, most = np.zeros_like(first), np.zeros_like(first)
    for j in range(1, 8):
        power = first * 2 ** (j / 8)
        off = power.astype(np.float32) / power - 1
        least, most = np.minimum(least, off), np.maximum(most, off)
    best = int(np.argmin(most - least))
    unit = first[best] * (1 + (least[best] + most[best]) / 2)
    powers = [nearest(first[best] * 2 ** (mp.mpf(j) / 8)) for j in range(8)]
    return (
        f"// e^r = 1 + r + r^2 q(r), |r| <= ln2/16: q. Error {bits(error)}.\n"
        f"constexpr float exp_tail_16[] = {{{', '.join(map(literal, q))}}};\n"
        f"// unit 2^(j/8). Error {bits(mp.mpf(most[best] - least[best]) / 2)}.\n"
        f"constexpr double unit = {unit.hex()};\n"
        f"constexpr float eighth_powers[] = {{{', '.join(map(literal, powers))}}};"
    )


def mills(a: mp.mpf) -> mp.mpf:
    """e^(a^2/2) Phi(-a)."""
    return mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2


def ratio_on_the_left(slope: Function, exponent: Function) -> Function:
    """The slope at -a without e^-exponent(a)."""
    return lambda a: slope(-a) * mp.exp(exponent(a))


def drifted(f: Function, exponent: Function) -> Function:
    """f for an e^-u whose reduction takes n ln2/16 with one constant: it gives e^-u' with
    u' = u ln2/16 over that constant.
    """
    step = mp.log(2) / 16
    off = 1 - step / nearest(step)
    return lambda a: f(a) * mp.exp(-off * exponent(a))


def fma32(a: Floats, b: Floats, c: Floats) -> Floats:
    """a b + c in float32; the double sum is rounded too, which is nothing here."""
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype(np.float32)


@dataclass(frozen=True)
class Piece:
    """Around `centre`, f(centre + d) = low + slope_low d + sum of c[k] d^k."""

    centre: float
    low: mp.mpf
    slope_low: mp.mpf
    c: list[mp.mpf | float]

    def simulated(self, a: Floats) -> Floats:
        """What the lanes compute from it, as kernels/simd/tails.hpp does."""
        c = [np.float32(float(v)) for v in self.c]
        low, d = np.float32(float(self.low)), a - np.float32(self.centre)
        square = d * d
        if self.slope_low:
            slope = fma32(c[2], d, c[1])
            u = fma32(slope, d, c[0])
            lost = c[1] - slope + np.float32(float(self.slope_low))
            rest = fma32(fma32(c[2], d, lost), d, fma32(slope, d, c[0] - u) + low)
            high = fma32(square, c[7], fma32(c[6], d, c[5]))
            v = fma32(square * d, fma32(square, high, fma32(c[4], d, c[3])), rest)
        else:
            u = fma32(c[1], d, c[0])
            third = fma32(c[7], d, c[6]) if len(c) == 8 else c[6]
            high = fma32(square, third, fma32(c[5], d, c[4]))
            rest = fma32(c[1], d, c[0] - u) + low
            v = fma32(square, fma32(square, high, fma32(c[3], d, c[2])), rest)
        return u.astype(np.float64) + v.astype(np.float64)


def fitted(
    f: Function, ends: tuple[mp.mpf, mp.mpf], centre: float, degree: int, how: str,
    slope_lows: bool = False,
) -> Piece:  # fmt: skip
    """The polynomial of a centre: relative error, coefficients rounded one after another."""
    at, middle, half = mp.mpf(centre), (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    nodes = [middle + half * mp.cos(mp.pi * (2 * i + 1) / 64) for i in range(32)]
    values = [f(a) for a in nodes]
    pairs = list(zip(nodes, values, strict=True))
    reach = max(at - ends[0], ends[1] - at)
    low, slope_low, c = mp.mpf(0), mp.mpf(0), list[mp.mpf | float]()
    if how == "root":  # the constant is all in `low`, and its sign is that of the slope there
        low = nearest(f(at))
        c = [-0.0 if low < 0 else 0.0]

    def rest() -> mp.mpf:
        powers = range(len(c), degree + 1)
        rows = mp.matrix([[((a - at) / reach) ** k / v for k in powers] for a, v in pairs])
        known = [low + slope_low * (a - at) + mp.polyval(c[::-1] or [0], a - at) for a in nodes]
        right = mp.matrix([(v - k) / v for v, k in zip(values, known, strict=True)])
        return mp.lu_solve(rows.T * rows, rows.T * right)[0] / reach ** len(c)

    if how == "split":
        whole = rest()
        c.append(nearest(whole))
        low = nearest(whole - c[0])
    elif how == "zero":
        c.append(nearest(f(mp.mpf(0))))
    if slope_lows:
        whole = rest()
        c.append(nearest(whole))
        slope_low = nearest(whole - c[1])
    while len(c) <= degree:
        c.append(nearest(rest()))
    return Piece(centre, low, slope_low, c)


def best_piece(
    f: Function, ends: tuple[mp.mpf, mp.mpf], degree: int, lows: bool, root: mp.mpf | None,
    slope_lows: bool = False,
) -> tuple[Piece, float]:  # fmt: skip
    """A centre is free, so it is searched among floats around some places of the interval until the
    coefficient of d is almost a float (and the constant), where it has no low part.
    """
    low, high = map(float, ends)
    smooth = np.polynomial.Chebyshev.interpolate(
        np.vectorize(lambda a: float(f(mp.mpf(a))), otypes=[float]), 24, domain=[low, high]
    )
    points = np.linspace(low, high, 2001).astype(np.float32)
    exact = smooth(points.astype(np.float64))
    how = "split" if lows else "plain"
    candidates: list[tuple[float, float]] = []
    if root is not None and ends[0] < root < ends[1]:
        # On both sides of the root c1 d has the sign of the sum: no float lies in between.
        how, at = "root", int(np.float32(float(root)).view(np.uint32))
        other = at + (1 if float(np.float32(float(root))) < root else -1)
        near = np.array([at, other], np.uint32).view(np.float32)
        slopes = smooth.deriv()(near.astype(np.float64))
        off = np.abs(slopes.astype(np.float32) / slopes - 1)
        candidates = sorted(zip(off.tolist(), near.tolist(), strict=True))
        away = np.abs(points - np.float32(float(root))) > 2**-17
        beside = np.arange(at - 64, at + 65).astype(np.uint32).view(np.float32)
        points = np.concatenate([points[away], beside])
        exact = np.concatenate([exact[away], [float(f(mp.mpf(float(a)))) for a in beside]])
    elif low == 0 and not lows:
        how, candidates = "zero", [(0.0, 0.0)]
    else:
        # Next to 0 a - centre is rounded; next to a root the polynomial is to be small.
        to_root = 0.0 if root is None else float((root - ends[0]) / (ends[1] - ends[0]))
        places = [0.5]
        if low == 0:
            places = [0.15, 0.2, 0.25, 0.3]
        elif root is not None and -1.5 < to_root <= 0:
            places = [0.5, 0.36, 0.24, 0.12]
        elif root is not None and 1 <= to_root < 2.5:
            places = [0.5, 0.64, 0.76, 0.88]
        for place in places:
            at = int(np.float32(low + (high - low) * place).view(np.uint32))
            near = np.arange(at - 1000, at + 1000).astype(np.uint32).view(np.float32)
            c0, c1 = (g(near.astype(np.float64)) for g in (smooth, smooth.deriv()))
            off = np.abs(c1.astype(np.float32) - c1) * max(high - near[0], near[0] - low)
            if not lows:
                off += np.abs(c0.astype(np.float32) - c0)
            order = np.argsort(off, kind="stable")[:6]
            candidates += [(float(off[k]), float(near[k])) for k in order]
    pieces = [fitted(f, ends, centre, degree, how, slope_lows) for _, centre in candidates]
    # Within 2^-20 of a root the contract measures errors against those at that distance.
    size = np.maximum(np.abs(exact), 2**-20)
    errors = [float(np.max(np.abs(p.simulated(points) - exact) / size)) for p in pieces]
    best = int(np.argmin(errors))
    return pieces[best], errors[best]


@dataclass(frozen=True)
class Tails:
    """16 intervals of b = a scale + offset, four for each power of two, which the bits of b select;
    where there is a root, it lies in the middle of one. The last interval that is met reaches to
    `end`.
    """

    name: str
    why: str
    f: Function
    scale: mp.mpf
    degree: int
    last: mp.mpf
    end: mp.mpf
    root: mp.mpf | None = None
    lows: bool = True
    slope_lows: bool = False

    @property
    def offset(self) -> mp.mpf:
        if self.root is None:
            return nearest(mp.mpf(1.03))
        return nearest(mp.mpf(15) / 8 - self.root * self.scale)

    def pieces(self, f: Function, root: mp.mpf | None) -> tuple[list[Piece], float]:
        edges = [(2**e * (1 + mp.mpf(k) / 4) - self.offset) / self.scale
                 for e in range(4) for k in range(4)]  # fmt: skip
        edges = [max(edge, mp.mpf(0)) for edge in [*edges, (16 - self.offset) / self.scale]]
        found, errors = list[Piece](), list[float]()
        for low, high in itertools.pairwise(edges):
            if low >= self.last:
                found.append(found[-1])
                continue
            ends = (low, self.end if high >= self.last else high)
            piece, error = best_piece(f, ends, self.degree, self.lows, root, self.slope_lows)
            found.append(piece)
            errors.append(error)
        return found, max(errors)

    def text(self, right: Function | None = None) -> str:
        pieces, error = self.pieces(self.f, self.root)
        # Exponents 127 to 130 end in 3, 0, 1, 2.
        entries = [pieces[(i + 4) % 16] for i in range(16)]
        if right is not None:
            others, worse = self.pieces(right, None)
            # Right comes first: the index has its fifth bit from the sign of x.
            entries = [*(others[(i + 4) % 16] for i in range(16)), *entries]
            error = max(error, worse)

        def row(values: Sequence[mp.mpf]) -> str:
            return "{" + ", ".join(literal(v) for v in values) + "}"

        size = len(entries)

        def table(name: str, values: Sequence[mp.mpf]) -> str:
            return f"alignas(64) static constexpr float {name}[{size}] = {row(values)};\n"

        c = ",\n".join(row([e.c[k] for e in entries]) for k in range(self.degree + 1))
        lows = ""
        if self.lows:
            lows += table("low", [e.low for e in entries])
        if self.slope_lows:
            lows += table("slope_low", [e.slope_low for e in entries])
        return (
            f"// {self.why} Error {bits(mp.mpf(error))}.\n"
            f"struct {self.name} {{\n"
            f"static constexpr float scale = {literal(self.scale)}, "
            f"offset = {literal(self.offset)};\n"
            f"{table('centre', [mp.mpf(e.centre) for e in entries])}{lows}"
            f"alignas(64) static constexpr float c[{self.degree + 1}][{size}] = {{\n{c}}};\n"
            "};\n"
        )


def tails() -> list[str]:
    """Slopes and GELU's value, without their exponentials, for kernels/simd/tails.hpp."""

    def itself(a: mp.mpf) -> mp.mpf:
        return a

    def half_square(a: mp.mpf) -> mp.mpf:
        return a * a / 2

    def twice_k(a: mp.mpf) -> mp.mpf:
        return gelu_tanh_scale() * a * (1 + mp.mpf(0.044715) * a * a)

    end = mp.mpf(12)
    gelu_ratio = ratio_on_the_left(gelu_slope, half_square)
    silu_ratio = ratio_on_the_left(silu_slope, itself)
    gelu_tanh_ratio = ratio_on_the_left(gelu_tanh_slope, twice_k)
    mish_ratio = ratio_on_the_left(mish_slope, itself)
    return [
        Tails(
            "gelu_tail", "e^(a^2/2) Phi(-a), with one constant for ln2/16.",
            drifted(mills, half_square), nearest(mp.mpf(1.245)), 7, end, end, lows=False,
        ).text(),
        Tails(
            "gelu_slope", "e^(a^2/2) times the slope of GELU at -a, likewise.",
            drifted(gelu_ratio, half_square), mp.mpf(1), 6, end, end,
            mp.findroot(gelu_ratio, 0.75),
        ).text(),
        Tails(
            "silu_slope", "e^a times the slope of SiLU at -a, likewise; a <= 22 is asked for.",
            drifted(silu_ratio, itself), nearest(mp.mpf(0.66)), 7, mp.mpf(22), mp.mpf(81),
            mp.findroot(silu_ratio, 1.28),
        ).text(),
        Tails(
            "gelu_tanh_slope", "e^(2k) times the slope of x (1 + tanh k)/2 at -a.",
            gelu_tanh_ratio, nearest(mp.mpf(1.16)), 7, mp.mpf(9.5), mp.mpf(9.5),
            mp.findroot(gelu_tanh_ratio, 0.75), slope_lows=True,
        ).text(),
        Tails(
            "mish_slope", "The slope of Mish at a, and e^a times that at -a.",
            mish_ratio, nearest(mp.mpf(0.58)), 7, mp.mpf(22.5), mp.mpf(81),
            mp.findroot(mish_ratio, 1.19), slope_lows=True,
        ).text(mish_slope),
    ]  # fmt: skip


@dataclass(frozen=True)
class Sides:
    """The slope of a function with one minimum from its value y, for kernels/simd/side_slopes.hpp.

    To the right of the minimum it is a function of s = sqrt(y - least), on 16 intervals around
    multiples of a step. To the left as well while y/least is above 3/4, on two; from there on
    slope/y is one of b = log2(y/least) log_scale + log_offset, on two for each of seven powers of
    two, as far as normal numbers go.
    """

    name: str
    f: Function
    slope: Function
    near: float
    last: mp.mpf  # the s from which on the slope is 1
    degree = 6

    def text(self) -> str:
        root, least, *_ = sides(self.f, self.slope, self.near)
        scale = nearest(mp.mpf(15.5) / self.last)
        turn = mp.mpf(3) / 4  # of y/least
        first, depth = mp.mpf(1.2), mp.log(-least * 2**126, 2)
        log_scale = nearest((127.9 - first) / (-depth - mp.log(turn, 2)))
        log_offset = nearest(first - mp.log(turn, 2) * log_scale)

        def x_at(y: mp.mpf, step: int) -> mp.mpf:
            return between(lambda x: self.f(x) - y, root, mp.mpf(step))

        @cache
        def right(s: mp.mpf) -> mp.mpf:
            return self.slope(x_at(least + s * s, 1)) if s else mp.mpf(0)

        @cache
        def left(s: mp.mpf) -> mp.mpf:
            return self.slope(x_at(least + s * s, -1)) if s else mp.mpf(0)

        @cache
        def share(b: mp.mpf) -> mp.mpf:
            log = mp.log(-least) + (b - log_offset) / log_scale * mp.log(2)
            x = between(lambda x: mp.log(-self.f(x)) - log, root, -mp.mpf(1))
            return self.slope(x) / self.f(x)

        steps = [mp.mpf(0), *((k + mp.mpf(1) / 2) / scale for k in range(16))]
        halves = [2**e * (1 + mp.mpf(k) / 2) for e in range(7) for k in range(2)]
        near = [*itertools.pairwise(steps)]
        far = [*itertools.pairwise([first, *halves[1:], mp.mpf(128)])]
        pieces = [(share, pair) for pair in far[2:]]  # exponents 127, 128, ... end in 15, 0, ...
        pieces += [(right, pair) for pair in near]
        pieces += [(left, near[0]), (left, (near[1][0], mp.sqrt(least * (turn - 1))))]
        pieces += [(share, pair) for pair in far[:2]]
        found = [self.piece(*piece) for piece in pieces]
        entries = [piece for piece, _ in found]

        def row(values: Sequence[mp.mpf | float]) -> str:
            return "{" + ", ".join(literal(v) for v in values) + "}"

        c = ",\n".join(row([e.c[k] for e in entries]) for k in range(self.degree + 1))
        numbers = {
            "least": nearest(least), "least_rest": nearest(least - nearest(least)),
            "inverse": nearest(1 / least), "scale": scale,
            "last": nearest(15.5 / scale * (1 - mp.mpf(2) ** -20)),
            "log_scale": log_scale, "log_offset": log_offset,
        }  # fmt: skip
        constants = ", ".join(f"{key} = {literal(value)}" for key, value in numbers.items())
        return (
            f"// Error {bits(max(error for _, error in found))}.\n"
            f"struct {self.name} {{\nstatic constexpr float {constants};\n"
            f"alignas(64) static constexpr float centre[32] = "
            f"{row([e.centre for e in entries])};\n"
            f"alignas(64) static constexpr float c[{self.degree + 1}][32] = {{\n{c}}};\n}};\n"
        )

    def piece(self, f: Function, ends: tuple[mp.mpf, mp.mpf]) -> tuple[Piece, mp.mpf]:
        # Where y is 0 the slope is that at 0, rounded once: there lies a centre.
        least = sides(self.f, self.slope, self.near)[1]
        above = -np.float32(float(least)) - np.float32(float(least - nearest(least)))
        at_zero = float(np.sqrt(above))
        centre = float(np.float32(float(sum(ends) / 2)))
        if ends[0] == 0:
            centre = 0.0
        elif ends[0] <= at_zero < ends[1]:
            centre = at_zero
        piece = fitted(f, ends, centre, self.degree, "plain" if ends[0] else "zero")
        points = [ends[0] + (ends[1] - ends[0]) * k / 40 for k in range(1, 41)]
        got = [mp.polyval(piece.c[::-1], v - mp.mpf(centre)) for v in points]
        return piece, max(abs(g / f(v) - 1) for g, v in zip(got, points, strict=True))


def binary_logarithm() -> list[str]:
    """log2(m) = log2_high[j] + t q(t), t = m log2_inverse[j] - 1, where j are the first four bits
    of m's fraction.
    """
    middles = [1 + (mp.mpf(j) + mp.mpf(1) / 2) / 16 for j in range(16)]
    inverses = [nearest(1 / v) for v in middles]
    half = max(abs((m + side / 32) * v - 1) for m, v in zip(middles, inverses, strict=True)
               for side in (-mp.mpf(1), mp.mpf(1)))  # fmt: skip

    def q(t: mp.mpf) -> mp.mpf:
        return mp.log1p(t) / t / mp.log(2) if t else 1 / mp.log(2)

    tail, error = fit(q, half, 2, lambda t: t)
    return [
        array("log2_tail", f"log2(1 + t) = t q(t), |t| <= {mp.nstr(half, 4)}: q. "
              f"Absolute error {bits(error)}.", tail),
        array("log2_inverse", "One over 1 + (j + 1/2)/16, and minus the logarithm of that.",
              inverses),
        array("log2_high", "", [nearest(-mp.log(v, 2)) for v in inverses]).replace("// \n", ""),
    ]  # fmt: skip


def slopes_from_values() -> list[str]:
    """Logarithms, and what `Sides` describes."""
    return [
        *binary_logarithm(),
        Sides("gelu_sides", gelu, gelu_slope, -0.75, mp.mpf("2.46")).text(),
        Sides("silu_sides", silu, silu_slope, -1.28, mp.mpf("4.7")).text(),
        Sides("mish_sides", mish, mish_slope, -1.19, mp.mpf("3.3")).text(),
    ]


def saturating(name: str, f: Function, least: float, last: float, degree: int) -> list[str]:
    """A function that rises to 1, on 16 intervals from `least` on, four per power of two, which the
    bits select. The last one extends to `last`, where f rounds to 1.
    """
    columns: list[list[mp.mpf]] = [[] for _ in range(degree + 1)]
    lows, worst = [], mp.mpf(0)
    start = int(np.float32(least).view(np.uint32)) >> 21
    for j in range(16):
        bits_of_start = start + (j - start) % 16
        ends = np.array([bits_of_start << 21, (bits_of_start + 1) << 21], np.uint32)
        low, high = map(mp.mpf, ends.view(np.float32).tolist())
        centre = (low + high) / 2
        end = mp.mpf(last) if high >= 16 * mp.mpf(least) else high

        def near(d: mp.mpf, centre: mp.mpf = centre) -> mp.mpf:
            return f(centre + d)

        def weight(d: mp.mpf, centre: mp.mpf = centre, low: mp.mpf = low) -> mp.mpf:
            return 1 / f(centre + d) if centre + d >= low else mp.mpf(0)

        c, error = fit(near, end - centre, degree, weight, first=lambda v: v)
        worst = max(worst, error)
        lows.append(nearest(c[0] - nearest(c[0])))
        for column, value in zip(columns, [nearest(c[0]), *c[1:]], strict=True):
            column.append(value)
    rows = ",\n    ".join(f"{{{', '.join(map(literal, column))}}}" for column in columns)
    why = f"Around the middle of interval j, relative error {bits(worst)}."
    return [
        f"constexpr float {name}_least = {literal(mp.mpf(least))}, "
        f"{name}_last = {literal(nearest(mp.mpf(last)))};\n",
        f"// {why}\nalignas(64) constexpr float {name}_far[][16] = {{\n    {rows}}};\n",
        array(f"{name}_far_low", f"What rounding {name}_far[0] leaves.", lows),
    ]


def tanh_tail(z: mp.mpf) -> mp.mpf:
    """p in tanh(x) = x + x z p(z), z = x^2."""
    x = mp.sqrt(abs(z))
    return (mp.tanh(x) / x - 1) / z if x > mp.mpf(2) ** -40 else -mp.mpf(1) / 3 + 2 * z / 15


def erf_tail(z: mp.mpf) -> mp.mpf:
    """p in erf(x) = x (9/8 + p(z)), z = x^2. The last fma adds 9/8 x, so p can be small."""
    x = mp.sqrt(abs(z))
    return (mp.erf(x) / x if x > mp.mpf(2) ** -40 else 2 / mp.sqrt(mp.pi)) - mp.mpf(9) / 8


def sigmoidal() -> list[str]:
    """tanh and erf."""

    def near(name: str, p: Function, what: str, least: float, degree: int, order: int) -> str:
        # Fit around the middle of [0, least^2], then expand in powers of z.
        half = mp.mpf(least) ** 2 / 2

        def weight(d: mp.mpf) -> mp.mpf:
            z = half + d
            return z**order / (1 + p(z) * z**order)

        nodes = [half * mp.cos(mp.pi * (2 * i + 1) / 96) for i in range(48)]
        chosen: list[mp.mpf] = []
        for j in range(degree + 1):
            powers = range(j, degree + 1)
            rows = mp.matrix([[weight(d) * (half + d) ** k for k in powers] for d in nodes])
            known = [mp.polyval(chosen[::-1] or [0], half + d) for d in nodes]
            rest = mp.matrix(
                [weight(d) * (p(half + d) - k) for d, k in zip(nodes, known, strict=True)]
            )
            chosen.append(nearest(mp.lu_solve(rows.T * rows, rows.T * rest)[0]))
        worst = max(
            abs((mp.polyval(chosen[::-1], half + d) - p(half + d)) * weight(d)) for d in nodes
        )
        return array(f"{name}_near", f"{what}, |x| <= {least}: p. Error {bits(worst)}.", chosen)

    return [
        near("tanh", tanh_tail, "tanh(x) = x + x z p(z), z = x^2", 0.5, 4, 1),
        *saturating("tanh", mp.tanh, 0.5, 9.5, 6),
        near("erf", erf_tail, "erf(x) = x (9/8 + p(z)), z = x^2", 0.25, 3, 0),
        *saturating("erf", mp.erf, 0.25, 4, 6),
    ]


def log1p_tail(t: mp.mpf) -> mp.mpf:
    """g in log(1 + t) = t + t^2 g(t)."""
    return (mp.log1p(t) - t) / t**2 if abs(t) > mp.mpf(2) ** -50 else -mp.mpf(1) / 2 + t / 3


def logarithm() -> list[str]:
    """log(1 + u) = log_high[j] + log_low[j] + log1p(t), t = (1 + u) inverse[j] - 1, j = 16 u
    rounded. A 17th entry would wrap around, so u = 1 uses that of 15/16; |t| <= 1/30 everywhere.
    """
    inverses = [truncated(1 / (1 + mp.mpf(j) / 16), 12) for j in range(16)]
    half = max(
        abs((1 + (mp.mpf(j) + side) / 16) * inverses[j] - 1)
        for j in range(16) for side in (-mp.mpf(1) / 2, 1 if j == 15 else mp.mpf(1) / 2)
    )  # fmt: skip
    g, error = fit(
        log1p_tail, half, 3, lambda t: t**2 / (mp.log1p(t) if abs(t) > mp.mpf(2) ** -50 else 1)
    )
    logs = [-mp.log(v) for v in inverses]
    highs = [nearest(v) for v in logs]
    return [
        array(
            "log1p_tail",
            f"log(1 + t) = t + t^2 g(t), |t| <= {mp.nstr(half, 4)}: g. Error {bits(error)}.",
            g,
        ),
        array("inverse", "1/(1 + j/16) to 12 bits, and minus its logarithm as a pair.", inverses),
        array("log_high", "", highs).replace("// \n", ""),
        array("log_low", "", [nearest(v - h) for v, h in zip(logs, highs, strict=True)]).replace(
            "// \n", ""
        ),
    ]


def main() -> None:
    TARGET.write_text(
        "// Written by tools/fit_float_tables.py; do not edit.\n"
        "#pragma once\n\n"
        '#include "runtime/isa.hpp"\n\n'
        "namespace ogive::OGIVE_ISA {\nnamespace {\n\n"
        + "\n".join([*exponential(), *tails(), *slopes_from_values(), *logarithm(), *sigmoidal()])
        + "\n} // namespace\n} // namespace ogive::OGIVE_ISA\n"
    )
    print(eighths())


if __name__ == "__main__":
    main()
