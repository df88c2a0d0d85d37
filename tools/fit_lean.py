"""Fit the constants of gelu.hpp, silu.hpp and mish.hpp (catalog/unary) for lean backward.

    python tools/fit_lean.py          # needs mpmath (it comes with SymPy); prints

Near its minimum y0 = f(x0) such a function is a parabola, so on each side x is analytic in
s = sqrt(y - y0), and also in s = sqrt(log(y0/y)), which on the left suits the whole tail. The
first guess of x, which kernels/drivers/slope_from_output.hpp refines, is x0 + s p(z) with z in
[-1, 1], which keeps p well-conditioned. On the right z = s scale - 1, up to where y is a good
guess of x; on the left z = (11/7 s - 8)/(s + 8), down to the smallest double.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

from fit_coefficients import Function, gelu_slope, interpolate, mish_slope, silu_slope, two_doubles

mp.mp.prec = 120
DEGREE = 14
CENTRE = 8
LAST = 28  # e^(-28^2) is below the smallest double


def gelu(x: mp.mpf) -> mp.mpf:
    return x * mp.erfc(-x / mp.sqrt(2)) / 2


def silu(x: mp.mpf) -> mp.mpf:
    return x / (1 + mp.exp(-x))


def mish(x: mp.mpf) -> mp.mpf:
    return x * mp.tanh(mp.log1p(mp.exp(x)))


def between(f: Function, near: mp.mpf, step: mp.mpf) -> mp.mpf:
    """The zero of f beyond `near` in the direction of `step`."""
    far = near + step
    while f(far) * f(near) > 0:
        near, far, step = far, far + 2 * step, 2 * step
    return mp.findroot(f, (near, far), solver="anderson", tol=mp.mpf(2) ** -100, verify=False)


def sides(f: Function, slope: Function, near: float) -> tuple[mp.mpf, mp.mpf, Function, Function]:
    """The minimum, and p as a function of s to its right and to its left."""
    root = mp.findroot(slope, near)
    least = f(root)

    def right(s: mp.mpf) -> mp.mpf:
        return (between(lambda x: f(x) - least - s * s, root, mp.mpf(1)) - root) / s

    def left(s: mp.mpf) -> mp.mpf:
        return (between(lambda x: mp.log(least / f(x)) - s * s, root, -mp.mpf(1)) - root) / s

    return root, least, right, left


def array(name: str, p: Callable[[mp.mpf], mp.mpf]) -> str:
    coefficients = [float(c) for c in interpolate(p, mp.mpf(-1), mp.mpf(1), DEGREE)]
    points = [2 * (k + mp.mpf(1) / 3) / 101 - 1 for k in range(101)]
    worst = max(abs(mp.polyval(coefficients[::-1], z) / p(z) - 1) for z in points)
    body = ", ".join(c.hex() for c in coefficients)
    return f"    // {name}: relative error 2^{mp.nstr(mp.log(worst, 2), 3)}\n    {{{body}}},\n"


def block(name: str, f: Function, slope: Function, near: float, end: float) -> str:
    root, least, right, left = sides(f, slope, near)
    last = mp.sqrt(end - least)
    stretch = mp.mpf(2 * CENTRE + LAST) / LAST  # 11/7: z = 1 at the last s
    numbers = [root, *two_doubles(least), end, 2 / last]
    return (
        f"{name}\n  static constexpr minimum the_minimum{{\n    "
        + ", ".join(float(number).hex() for number in numbers)
        + ",\n"
        + array("right", lambda z: right(last * (1 + z) / 2))
        + array("left", lambda z: left(CENTRE * (1 + z) / (stretch - z)))
        + "  };"
    )


def logarithm() -> str:
    """q in log(1 + m) = m q(m) for 0 <= m <= 1, accurate enough for a guess."""

    def q(m: mp.mpf) -> mp.mpf:
        return mp.log1p(m) / m if m else mp.mpf(1)

    coefficients = [float(c) for c in interpolate(q, mp.mpf(0), mp.mpf(1), 7)]
    points = [mp.mpf(k) / 100 for k in range(1, 101)]
    worst = max(abs(mp.polyval(coefficients[::-1], m) / q(m) - 1) for m in points)
    body = ", ".join(c.hex() for c in coefficients)
    return f"coarse_log: relative error 2^{mp.nstr(mp.log(worst, 2), 3)}\n    {{{body}}}"


def main() -> None:
    print(logarithm())
    print(block("gelu", gelu, gelu_slope, -0.75, 4))
    print(block("silu", silu, silu_slope, -1.28, 13))
    print(block("mish", mish, mish_slope, -1.19, 7))


if __name__ == "__main__":
    main()
