// hardshrink: x where |x| > lambd, else 0 with the sign of x; NaN passes.
#pragma once

struct hardshrink {
  template <class M>
  static jet<double> at(double x, double lambd) {
    const bool inside = magnitude(x) <= lambd;
    return {inside ? with_sign(0, x) : x, inside ? 0 : x == x ? 1 : x};
  }
  // For lambd >= 0 the output is 0 where x lies inside.
  template <class M>
  static double slope_from_output(double y, double) {
    return y == 0 ? 0 : y == y ? 1 : y;
  }
  static constexpr two_slopes slopes(double) { return {1, 0}; }
};
