// elu: x where x > 0, else alpha (e^x - 1). The slope at 0 is alpha.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct elu {
  template <class M>
  static jet<double> at(double x, double alpha) {
    // >= rather than >, so that -0 comes back as it is.
    return {x >= 0 ? x : alpha * M::expm1(x),
            x > 0 ? 1 : fallen(x, M::exp_halves(x).product(alpha))};
  }

  static constexpr double central_range = central_exponent;
  static double central_value(double x, double) { return x >= 0 ? x : central_exp(x).minus_1(); }
  static double central_slope(double x, double) { return x > 0 ? 1 : central_exp(x).value(); }

  static constexpr bool output_keeps_ties = true;
  static constexpr interval value_range{-80, largest_float};
  static bool takes(double alpha) { return alpha == 1; }
  OGIVE_INLINE static floats value_lanes(floats x, float_pair) {
    const float_pair m = expm1_lanes(least(x, floats{}));
    return x >= 0 ? x : m.high + m.low;
  }

  // At 0 it is alpha, as from the left.
  template <class M>
  static double curvature(double x, double alpha) {
    return x > 0 ? 0 : fallen(x, M::exp_halves(x).times(alpha));
  }
  // alpha (1 + x) dy next to 0, since alpha dy may be a tie of a half.
  template <class M>
  static double pull_back(double dy, double x, double alpha) {
    const double plain = pass_back(dy, at<M>(x, alpha).slope);
    if constexpr (!M::keeps_ties) return plain;
    const double product = dy * alpha, lost = fma(dy, alpha, -product) + product * x;
    const double near = M::off_ties(product, lost);
    return x < 0 && x > -0x1p-40 ? near : plain;
  }
  // y + alpha, for alpha > 0.
  template <class M>
  static double slope_from_output(double y, double alpha) {
    return y > 0 ? 1 : y + alpha;
  }
  static pair slope_pair(double y, double alpha) {
    return exact_sum(y > 0 ? 1 : y, y > 0 ? 0 : alpha);
  }
  static constexpr interval slope_range{-80, largest_float};
  OGIVE_INLINE static signed_slope slope_lanes(floats x, float_pair) {
    const float_pair e = exp_lanes(least(x, floats{})).scaled();
    return {x > 0 ? all(1) : e.high, x > 0 ? floats{} : e.low};
  }
  static constexpr interval output_range{-1, largest_float};
  OGIVE_INLINE static floats half_output_lanes(floats dy, floats y, float_pair) {
    const floats slope = 1 + least(y, floats{}), dx = dy * slope;
    return slope == 0 ? floats{} : odd_of(dx, fma(dy, slope, -dx));
  }
  OGIVE_INLINE static near_lanes output_slope_lanes(floats y, float_pair) {
    return {exact_sum(all(1), least(y, floats{}))};
  }

private:
  // alpha e^x, which is 0 from where on the power is no longer right.
  static double fallen(double x, double power) { return x < -far_exponent ? 0 : power; }
};

} // namespace
} // namespace ogive::OGIVE_ISA
