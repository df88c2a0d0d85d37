"""Fit the tables and polynomials of the float-lane forms and write kernels/simd/float_tables.hpp.

    python tools/fit_float_tables.py          # needs mpmath (it comes with SymPy)

It also prints the polynomial and the table that are stored in kernels/drivers/long_rows.hpp.

The fits are weighted least squares at Chebyshev nodes in 160-bit arithmetic. Coefficients are
rounded to float one after another, from the constant up, and the rest is fitted again each time, so
that it compensates the previous roundings. The remaining error is written beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.prec = 160
TARGET = Path(__file__).parent.parent / "src/ogive/kernels/simd/float_tables.hpp"

Function = Callable[[mp.mpf], mp.mpf]


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
    step = mp.log(2) / 16
    high = mp.floor(step * 2**16) / 2**16  # 12 bits: a product with an integer below 2^12 is exact
    q, error = fit(exp_tail, step / 2, 1, lambda r: r**2 / mp.exp(r))
    longer, small = fit(exp_tail, step / 2, 2, lambda r: r**2 / mp.exp(r))
    powers = [mp.mpf(2) ** (mp.mpf(j) / 16) for j in range(16)]
    highs = [truncated(p, 12) for p in powers]
    return [
        f"constexpr float sixteenths_of_log2_e = {literal(nearest(16 / mp.log(2)))};",
        f"constexpr float ln2_16_high = {literal(high)}, "
        f"ln2_16_low = {literal(nearest(step - high))};\n",
        array("exp_tail", f"e^r = 1 + r + r^2 q(r), |r| <= ln2/32: q. Error {bits(error)}.", q),
        array(
            "exp_longer_tail", f"The same where 1 is taken off e^r. Error {bits(small)}.", longer
        ),
        array("exp2_high", "2^(j/16) to 12 bits, and the rest.", highs),
        array("exp2_low", "", [nearest(p - h) for p, h in zip(powers, highs, strict=True)]).replace(
            "// \n", ""
        ),
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


def slope_ratio(a: mp.mpf) -> mp.mpf:
    """e^(a^2/2) (Phi(-a) - a phi(a)): the slope of GELU at -a, without its exponential."""
    return mills(a) - a / mp.sqrt(2 * mp.pi)


def normal_tail() -> list[str]:
    """Mills' ratio and the same for GELU's slope, on 16 intervals of a + offset, four per power of
    two, which its bits select. The offset puts the root of the slope into the middle of one.
    """
    root = mp.findroot(slope_ratio, 0.75)
    offset = nearest(mp.mpf(15) / 8 - root)

    def table(name: str, f: Function, degree: int) -> tuple[str, str]:
        columns: list[list[mp.mpf]] = [[] for _ in range(degree + 1)]
        lows, worst = [], mp.mpf(0)
        for j in range(16):
            scale = mp.mpf(2) ** ((j // 4 + 1) % 4)  # exponents 127 to 130 end in 3, 0, 1, 2
            middle, half = scale * (1 + (j % 4 + mp.mpf(1) / 2) / 4), scale / 8
            centre = nearest(middle - offset)

            def near(d: mp.mpf, centre: mp.mpf = centre) -> mp.mpf:
                return f(centre + d)

            def weight(d: mp.mpf, near: Function = near) -> mp.mpf:
                return 1 / (abs(near(d)) + mp.mpf(2) ** -30)

            wide = half * (1 + mp.mpf(2) ** -20)
            c, error = fit(near, wide, degree, weight, first=lambda v: v)
            worst = max(worst, error)
            if centre < half:  # half of all floats are near 0, so the polynomial is exact there
                c[0] = f(mp.mpf(0)) - (mp.polyval(c[::-1], -centre) - c[0])
            high = truncated(c[0], 12) if abs(c[0]) > mp.mpf(2) ** -20 else mp.mpf(0)
            lows.append(nearest(c[0] - high))
            for column, value in zip(columns, [high, *c[1:]], strict=True):
                column.append(value)
        rows = ",\n    ".join(f"{{{', '.join(map(literal, column))}}}" for column in columns)
        why = f"Around the middle of interval j, relative error {bits(worst)}; constant to 12 bits."
        return (
            f"// {why}\nalignas(64) constexpr float {name}[][16] = {{\n    {rows}}};\n",
            array(f"{name}_low", f"What the 12 bits of {name}[0] leave.", lows),
        )

    return [
        f"constexpr float normal_offset = {literal(offset)};\n",
        "// e^(a^2/2) Phi(-a).",
        *table("mills", mills, 7),
        "// e^(a^2/2) (Phi(-a) - a phi(a)).",
        *table("mills_slope", slope_ratio, 8),
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
        + "\n".join([*exponential(), *normal_tail(), *logarithm(), *sigmoidal()])
        + "\n} // namespace\n} // namespace ogive::OGIVE_ISA\n"
    )
    print(eighths())


if __name__ == "__main__":
    main()
