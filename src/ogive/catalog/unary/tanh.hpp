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

  // (1 - e)/(1 + e) with e = e^(-2a): both sums are kept as pairs, the quotient is corrected once.
  static constexpr interval value_range{-largest_float, largest_float};
  OGIVE_INLINE static floats value_lanes(floats x) {
    const floats a = least(magnitude(x), all(9.1f)); // where tanh has long been 1
    const exp_parts_lanes e = exp_parts(-2 * a);
    const float_pair difference = exact_sum(all(1), -e.one), sum = exact_sum(all(1), e.one);
    const float_pair n_sum = exact_sum(difference.high, -e.linear);
    const float_pair d_sum = exact_sum(sum.high, e.linear);
    const float_pair n = exact_sum(n_sum.high, n_sum.low + (difference.low - e.rest));
    const float_pair d = exact_sum(d_sum.high, d_sum.low + (sum.low + e.rest));
    const floats inverse_d = 1 / d.high, q = n.high * inverse_d;
    const floats missed = fma(-q, d.low, fma(-q, d.high, n.high) + n.low);
    return with_sign_of(fma(missed, inverse_d, q), x);
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
  static constexpr interval output_range{-1, 1};
  OGIVE_INLINE static float_pair output_slope_lanes(floats y) {
    const floats square = y * y;
    const float_pair slope = exact_sum(all(1), -square);
    return {slope.high, slope.low - fma(y, y, -square)};
  }
};
