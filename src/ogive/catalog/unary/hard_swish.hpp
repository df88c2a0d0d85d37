// hard_swish: x (x + 3)/6 between -3 and 3, -0 below and x above. The slope at -3 is 0, at 3 it
// is 1.
#pragma once

struct hard_swish {
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 3), outside = x == x ? x > 0 : x;
    const pair sum = exact_sum(c, 3);
    const double n = c * sum.high, n_low = fma(c, sum.high, -n) + c * sum.low;
    const double value = M::above_half(c, M::divide({n, n_low}, 6));
    return {x > 3 ? x : with_sign(value, x), magnitude(x) < 3 ? fma(2, c, 3) / 6 : outside};
  }
  template <class M>
  static double curvature(double x) {
    return magnitude(x) < 3 ? 1.0 / 3 : x == x ? 0 : x;
  }
};
