// relu_squared: x^2 where x > 0, else +0; NaN passes. The slope 2x is 2 sqrt(y).
#pragma once

struct relu_squared {
  template <class M>
  static jet<double> at(double x) {
    const double positive = x > 0 ? x : x == x ? 0 : x;
    return {positive * positive, 2 * positive};
  }
  // dy 2x, in an order in which nothing overflows before the product does.
  template <class M>
  static double pull_back(double dy, double x) {
    const double positive = x > 0 ? x : x == x ? 0 : x, slope = 2 * positive;
    const double large = dy * slope, small = 2 * dy * positive;
    return pass_steep_back(dy, slope, magnitude(dy) < 1 ? small : large);
  }
  template <class M>
  static double curvature(double x) {
    return x > 0 ? 2 : x == x ? 0 : x;
  }
  template <class M>
  static double slope_from_output(double y) {
    return 2 * __builtin_sqrt(y);
  }
};
