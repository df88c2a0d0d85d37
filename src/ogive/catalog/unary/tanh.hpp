// tanh: expm1(2a)/(expm1(2a) + 2) with a = |x|, which keeps relative accuracy at 0; the slope is
// 4q/(1 + q)^2 with q = e^(-2a), which keeps it in the tails.
#pragma once

struct tanh {
  template <class M>
  static jet<double> at(double x) {
    const double a = magnitude(x), m = M::expm1(2 * at_most(a, 30)); // 1 from 19.1 on, in double
    const double n = m + 2, n_low = m > 2 ? 2 - (n - m) : m - (n - 2);
    const double q = M::exp(-2 * a), d = 1 + q, d_low = q - (d - 1);
    return {with_sign(M::quotient(m, n, n_low), x), 4 * (M::quotient(q, d, d_low) / d)};
  }
  // tanh(x) = 2 sigmoid(2x) - 1
  template <class M>
  static double curvature(double x) {
    return with_sign(M::logistic_curvature(2 * magnitude(x), 8), -x);
  }
  template <class M>
  static double slope_from_output(double y) {
    return fma(-y, y, 1);
  }
};
