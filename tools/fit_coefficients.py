"""Fit every polynomial in src/ogive/kernels/math/coefficients.hpp and write that file.

    python tools/fit_coefficients.py          # needs mpmath (it comes with SymPy)

It also prints the polynomials that are stored with functions in catalog/unary: for gelu, silu,
gelu_tanh and mish near the roots of their derivatives, for erf and tanhshrink for the value; and
what is stored in kernels/simd/doubles.hpp.

Each fit interpolates at Chebyshev nodes in 200-bit arithmetic, which is within a factor of two of
the minimax polynomial; the achieved relative error is written beside the coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mpmath as mp

mp.mp.prec = 200
TARGET = Path(__file__).parent.parent / "src/ogive/kernels/math/coefficients.hpp"

Function = Callable[[mp.mpf], mp.mpf]


def interpolate(f: Function, lo: mp.mpf, hi: mp.mpf, degree: int) -> list[mp.mpf]:
    nodes = [
        (lo + hi) / 2 + (hi - lo) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * degree + 2))
        for k in range(degree + 1)
    ]
    vandermonde = mp.matrix([[x**j for j in range(degree + 1)] for x in nodes])
    return list(mp.lu_solve(vandermonde, mp.matrix([f(x) for x in nodes])))


def exp_tail(r: mp.mpf) -> mp.mpf:
    """q in e^r = 1 + r + r^2 q(r)."""
    return (mp.expm1(r) - r) / r**2 if abs(r) > mp.mpf(2) ** -60 else mp.mpf(1) / 2 + r / 6


def atanh_tail(z: mp.mpf) -> mp.mpf:
    """p in 2 atanh(s) = 2 s + 2 s^3 p(s^2)."""
    if z < mp.mpf(2) ** -60:
        return mp.mpf(1) / 3 + z / 5
    s = mp.sqrt(z)
    return (mp.atanh(s) / s - 1) / z


def scaled_tail(c: int) -> Function:
    """n in Phi(-a) = e^(-a^2/2) n(t) / (a + c), with t = (a - c)/(a + c)."""

    def n(t: mp.mpf) -> mp.mpf:
        a = c * (1 + t) / (1 - t)
        return (a + c) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2

    return n


def gelu_slope(x: mp.mpf) -> mp.mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2 + x * mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def silu_slope(x: mp.mpf) -> mp.mpf:
    s = 1 / (1 + mp.exp(-x))
    return s * (1 + x * (1 - s))


def silu_curvature(x: mp.mpf) -> mp.mpf:
    s = 1 / (1 + mp.exp(-x))
    return s * (1 - s) * (2 + x * (1 - 2 * s))


def gelu_tanh_scale() -> mp.mpf:
    """2k = x (scale + 0.044715 scale x^2), where gelu_tanh is x/(1 + e^-2k)."""
    return 2 * mp.sqrt(2 / mp.pi)


def gelu_tanh_slope(x: mp.mpf) -> mp.mpf:
    scale, cubic = gelu_tanh_scale(), mp.mpf(0.044715)
    s = 1 / (1 + mp.exp(-scale * x * (1 + cubic * x * x)))
    return s * (1 + scale * x * (1 + 3 * cubic * x * x) * (1 - s))


def mish_slope(x: mp.mpf) -> mp.mpf:
    softplus, sigmoid = mp.log1p(mp.exp(x)), 1 / (1 + mp.exp(-x))
    return mp.tanh(softplus) + x * mp.sech(softplus) ** 2 * sigmoid


def gelu_tanh_curvature(x: mp.mpf) -> mp.mpf:
    scale, cubic = gelu_tanh_scale(), mp.mpf(0.044715)
    s = 1 / (1 + mp.exp(-scale * x * (1 + cubic * x * x)))
    slope = scale * (1 + 3 * cubic * x * x)
    return s * (1 - s) * (2 * slope + 6 * scale * cubic * x * x + x * slope**2 * (1 - 2 * s))


def mish_curvature(x: mp.mpf) -> mp.mpf:
    w = mp.exp(x)
    d = 2 + 2 * w + w * w
    bend = 2 * (2 + 4 * w + 3 * w**2 + w**3) + x * (2 + 2 * w - 3 * w**2 - 2 * w**3)
    return 4 * w * bend / d**3


def erf_near(z: mp.mpf) -> mp.mpf:
    """p in erf(x) = x + x p(x^2)."""
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1 if z > mp.mpf(2) ** -80 else 2 / mp.sqrt(mp.pi) - 1


def erf_far(c: int) -> Function:
    """n in 1 - erf(a) = e^(-a^2) n(t)/(a + c), with t = (a - c)/(a + c)."""

    def n(t: mp.mpf) -> mp.mpf:
        a = c * (1 + t) / (1 - t)
        return (a + c) * mp.exp(a * a) * mp.erfc(a)

    return n


def erf_blocks(grade: str, near: int, far: int, end: int, c: int = 3) -> str:
    def t_of(a: int) -> mp.mpf:
        return mp.mpf(a - c) / (a + c)

    def weight(t: mp.mpf) -> mp.mpf:
        a = c * (1 + t) / (1 - t)
        return mp.exp(-a * a) / ((a + c) * mp.erf(a))

    return block(
        f"near_{grade}", "", erf_near, mp.mpf(0), mp.mpf(1), near, lambda z: 1 / (1 + erf_near(z))
    ) + block(f"far_{grade}", "", erf_far(c), t_of(1), t_of(end), far, weight)


def tanh_gap(z: mp.mpf) -> mp.mpf:
    """q in x - tanh(x) = x^3 (1/3 + x^2 q(x^2))."""
    x = mp.sqrt(z)
    if z < mp.mpf(2) ** -40:
        return -mp.mpf(2) / 15 + 17 * z / 315
    return ((1 - mp.tanh(x) / x) / z - mp.mpf(1) / 3) / z


def two_doubles(x: mp.mpf) -> tuple[float, float]:
    return float(x), float(x - float(x))


def root_block(slope: Function, near: float, degree: int, name: str = "root") -> str:
    """slope(x) = d p(d), d = x - root, for |d| <= 1/2; the root as a sum of two doubles."""
    root = mp.findroot(slope, near)
    high, low = two_doubles(root)

    def p(d: mp.mpf) -> mp.mpf:
        if abs(d) < mp.mpf(2) ** -60:
            return mp.diff(slope, root)
        return slope(root + d) / d

    half = mp.mpf(1) / 2
    return f"  static constexpr double {name} = {high.hex()}, {name}_low = {low.hex()};\n" + block(
        f"{name}_slope", "", p, -half, half, degree, lambda d: 1 / p(d)
    )


def block(
    name: str, why: str, f: Function, lo: mp.mpf, hi: mp.mpf, degree: int, weight: Function
) -> str:
    coefficients = [float(c) for c in interpolate(f, lo, hi, degree)]
    points = [lo + (hi - lo) * k / 500 for k in range(501)]
    worst = max(abs((mp.polyval(coefficients[::-1], x) - f(x)) * weight(x)) for x in points)
    bits = mp.nstr(mp.log(worst, 2), 4)
    body = ",\n    ".join(c.hex() for c in coefficients)
    return (
        f"// {why}\n// Degree {degree} on [{mp.nstr(lo, 6)}, {mp.nstr(hi, 6)}], "
        f"relative error 2^{bits}.\nconstexpr double {name}[] = {{\n    {body}}};\n"
    )


UNIT = mp.mpf(12140778484942481277) / 2**63
"""The best of about 10^9 random numbers, as the one whose products with all 2^(j/16) are nearest to
doubles.
"""


def sixteenths() -> str:
    """The constants in simd/doubles.hpp: e^r on the reach of a table of 16, and that table times a
    unit, which is moved to the middle of what rounding the table leaves.
    """
    step = mp.log(2) / 16
    powers = [UNIT * mp.mpf(2) ** (mp.mpf(j) / 16) for j in range(16)]
    off = [mp.mpf(float(p)) / p - 1 for p in powers]
    unit = UNIT * (1 + (max(off) + min(off)) / 2)
    error = mp.nstr(mp.log((max(off) - min(off)) / 2, 2), 4)
    return (
        block(
            "exp_tail",
            "e^r = 1 + r + r^2 q(r): q.",
            exp_tail,
            -step / 2,
            step / 2,
            4,
            lambda r: r**2 / mp.exp(r),
        )
        + f"ln2_16 = {step!s}: {' '.join(part.hex() for part in two_doubles(step))}\n"
        + f"unit: {' '.join(part.hex() for part in two_doubles(unit))}\n"
        + f"// unit 2^(j/16). Error 2^{error}.\n"
        + ", ".join(float(p).hex() for p in powers)
    )


def main() -> None:
    half_ln2 = mp.log(2) / 2
    third2 = mp.mpf(1) / 9
    c = 5

    def t_of(a: float) -> mp.mpf:
        return (mp.mpf(a) - c) / (mp.mpf(a) + c)

    def tail(grade: str, degree: int, far: int) -> str:
        return block(
            f"normal_tail_{grade}",
            f"Phi(-a) = e^(-a^2/2) n(t)/(a + {c}), t = (a - {c})/(a + {c}), a <= {far}: n.",
            scaled_tail(c),
            mp.mpf(-1),
            t_of(far),
            degree,
            lambda t: 1 / scaled_tail(c)(t),
        )

    parts = []
    for grade, exp_degree, log_degree, tail_degree, far in (
        ("f32", 8, 7, 17, 15),
        ("f64", 10, 10, 24, 40),
    ):
        parts += [
            block(
                f"exp_{grade}",
                "e^r = 1 + r + r^2 q(r): q.",
                exp_tail,
                -half_ln2,
                half_ln2,
                exp_degree,
                lambda r: r**2 / mp.exp(r),
            ),
            block(
                f"atanh_{grade}",
                "2 atanh(s) = 2 s + 2 s^3 p(s^2): p.",
                atanh_tail,
                mp.mpf(0),
                third2,
                log_degree,
                lambda z: z,
            ),
            tail(grade, tail_degree, far),
        ]
    parts.append(tail("product_f32", 19, 24))
    parts.append(
        block(
            "exp_central",
            "e^r = 1 + r + r^2 q(r): q, where an error of a twentieth of a rounding is small.",
            exp_tail,
            -half_ln2,
            half_ln2,
            9,
            lambda r: r**2 / mp.exp(r),
        )
    )
    ln2_hi = mp.mpf(int(mp.floor(mp.log(2) * 2**40))) / 2**40
    constants = (
        f"constexpr double log2_e = {float(1 / mp.log(2)).hex()};\n"
        "// 40 bits, so that n * ln2_hi is exact for |n| < 2^13.\n"
        f"constexpr double ln2_hi = {float(ln2_hi).hex()};\n"
        f"constexpr double ln2_lo = {float(mp.log(2) - ln2_hi).hex()};\n"
        f"constexpr double inv_sqrt_2pi = {float(1 / mp.sqrt(2 * mp.pi)).hex()};\n"
        f"constexpr double tail_centre = {c};\n"
    )
    TARGET.write_text(
        "// Written by tools/fit_coefficients.py; do not edit.\n"
        "#pragma once\n\n"
        '#include "runtime/isa.hpp"\n\n'
        "namespace ogive::OGIVE_ISA {\nnamespace {\n\n"
        + constants
        + "\n"
        + "\n".join(parts)
        + "\n} // namespace\n} // namespace ogive::OGIVE_ISA\n"
    )

    print("rows of doubles", sixteenths(), sep="\n")
    print("gelu", root_block(gelu_slope, -0.75, 19), sep="\n")
    print("silu", root_block(silu_slope, -1.28, 17), sep="\n")
    print(root_block(silu_curvature, 2.4, 17, "bend"))
    print("gelu_tanh", root_block(gelu_tanh_slope, -0.75, 18), sep="\n")
    for name, power in (("linear", gelu_tanh_scale()), ("cubic", gelu_tanh_scale() * 0.044715)):
        print(f"  {name}", *(part.hex() for part in two_doubles(power)))
    print(root_block(gelu_tanh_curvature, 1.4, 17, "bend"))
    print("mish", root_block(mish_slope, -1.19, 17), sep="\n")
    print(root_block(mish_curvature, -2.26, 16, "left_bend"))
    print(root_block(mish_curvature, 1.49, 18, "right_bend"))
    print("erf", erf_blocks("f32", 9, 9, 4), erf_blocks("f64", 13, 15, 6), sep="\n")
    print("tanhshrink")
    for grade, degree in (("f32", 12), ("f64", 15)):
        print(
            block(
                f"near_{grade}",
                "",
                tanh_gap,
                mp.mpf(0),
                mp.mpf(1),
                degree,
                lambda z: z / (mp.mpf(1) / 3 + z * tanh_gap(z)),
            )
        )


if __name__ == "__main__":
    main()
