// tanh: expm1(2a)/(expm1(2a) + 2) with a = |x|, which keeps relative accuracy at 0; the slope is
// 4q/(1 + q)^2 with q = e^(-2a), which keeps it in the tails.
#pragma once

#include "drivers/unary.hpp"
#include "simd/saturating.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct tanh {
  template <class M>
  static jet<double> at(double x) {
    const double a = magnitude(x), m = M::expm1(2 * at_most(a, 30)); // 1 from 19.1 on, in double
    const double n = m + 2, n_low = m > 2 ? 2 - (n - m) : m - (n - 2);
    const double q = M::exp(-2 * a), d = 1 + q, d_low = q - (d - 1);
    return {with_sign(M::quotient(m, n, n_low), x), 4 * (M::quotient(q, d, d_low) / d)};
  }

  static constexpr double central_range = central_exponent / 4;
  static double central_value(double x) {
    const pair t = central_ratio(magnitude(x));
    return with_sign(t.high + t.low, x);
  }
  // (1 - e)/(1 + e) with e = e^-2a, with what the sums and the quotient lose
  static pair central_ratio(double a) {
    const central_power e = central_exp(-2 * at_most(a, 30));
    const double s = e.down(), less = s - 1, more = s + 1, n = less - e.p, d = more + e.p;
    const double n_low = (less - n) - e.p, d_low = e.p - (d - more), inverse = 1 / d;
    const double q = n * inverse, lost = fma(-q, d_low, fma(-q, d, n) + n_low);
    return {q, lost * inverse};
  }
  static double central_slope(double x) { return 4 * central_bell(2 * x); }

  static constexpr bool output_keeps_ties = true, value_fills_registers = true;
  static constexpr interval value_range{-largest_float, largest_float}, slope_range{-43, 43};
  OGIVE_INLINE static floats value_lanes(floats x) {
    const floats a = magnitude(x);
    const float_pair far = far_from_0(a);
    return with_sign_of(a < tanh_least ? fma(a, near_0(a), a) : far.high + far.low, x);
  }
  OGIVE_INLINE static signed_slope slope_lanes(floats x) {
    return over_one_plus<true>(exp_lanes<-1>(2 * magnitude(x))).bell(4);
  }
  // tanh(a)/a - 1 for 0 <= a < tanh_least; what the square loses counts.
  OGIVE_INLINE static floats near_0(floats a) {
    const floats z = a * a, lost = fma(a, a, -z) * tanh_near[0];
    return fma(z, tanh_near[0], fma(z * z, saturating::near_polynomial(tanh_near, z), lost));
  }
  // tanh(a) from tanh_least on.
  OGIVE_INLINE static float_pair far_from_0(floats a) {
    return saturating::far(a, tanh_far, tanh_far_low, tanh_least, tanh_last);
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
  OGIVE_INLINE static floats half_output_lanes(floats dy, floats y) {
    const floats slope = fnma(y, y, 1), slope_low = fnma(y, y, 1 - slope), dx = dy * slope;
    return slope == 0 ? floats{} : odd_of(dx, fma(dy, slope_low, fma(dy, slope, -dx)));
  }
  OGIVE_INLINE static near_lanes output_slope_lanes(floats y) {
    const floats square = y * y; // exact, if y is a half
    const float_pair slope = exact_sum(all(1), -square);
    return {{slope.high, slope.low - fma(y, y, -square)}};
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
