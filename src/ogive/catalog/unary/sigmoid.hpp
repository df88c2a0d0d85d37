// sigmoid: 1/(1 + e^-x), written with e^-|x| so that nothing overflows and both tails keep full
// relative accuracy; the slope e/(1 + e)^2 is even.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct sigmoid {
  template <class M>
  static jet<double> at(double x) {
    const double e = M::exp(-magnitude(x)), d = 1 + e, d_low = e - (d - 1);
    return {M::quotient(x < 0 ? e : 1, d, d_low), M::quotient(e, d, d_low) / d};
  }

  static constexpr double central_range = central_exponent / 2;
  static double central_value(double x) { return central_gate(1, x); }
  static double central_slope(double x) { return central_bell(x); }

  static constexpr bool output_keeps_ties = true;
  static constexpr interval value_range{-80, 87}, slope_range{-80, 80};
  OGIVE_INLINE static positive_lanes value_lanes(floats x) { return logistic(x); }
  OGIVE_INLINE static signed_slope slope_lanes(floats x) {
    return over_one_plus<true>(exp_lanes<-1, true>(magnitude(x))).bell();
  }
  OGIVE_INLINE static jet_lanes both_lanes(floats x) {
    const over_one_plus s(exp_lanes<-1>(x));
    return {s.inverse(), s.bell()};
  }

  static jet<double> saturation(double x) { return {0.25, -magnitude(x)}; }
  template <class M>
  static double curvature(double x) {
    const double a = magnitude(x), size = M::logistic_curvature(a, 1);
    // -x/8 + x^3/24 would round to -x/8, which may be a tie of the result's format: stay below it.
    const double below = fma(a, -0x1p-53, a / 8);
    return with_sign(!M::full && a < 0x1p-28 ? below : size, -x);
  }
  // a (1 - a). Where a has rounded to 1, the slope it had is gone.
  template <class M>
  static double slope_from_output(double y) {
    return y * (1 - y);
  }
  static pair slope_pair(double y) {
    const pair rest = exact_sum(1, -y);
    const double slope = y * rest.high;
    return {slope, fma(y, rest.high, -slope) + y * rest.low};
  }
  static constexpr interval output_range{0, 1};
  OGIVE_INLINE static floats half_output_lanes(floats dy, floats y) {
    const floats slope = fnma(y, y, y), slope_low = fnma(y, y, y - slope);
    const floats dx = fma(dy, slope, dy * slope_low);
    const floats odd = odd_of(dx, fma(dy, slope_low, fma(dy, slope, -dx)));
    return slope == 0 ? floats{} : copy_sign(odd, dy);
  }
  static constexpr interval output_range_of_bfloats{0, 1, 0x1p-60f}; // or y^2 is lost
  OGIVE_INLINE static near_lanes output_slope_lanes(floats y) {
    const float_pair rest = exact_sum(all(1), -y);
    const floats slope = y * rest.high;
    return {{slope, fma(y, rest.low, fma(y, rest.high, -slope))}};
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
