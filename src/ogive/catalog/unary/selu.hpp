// selu: scale (x where x > 0, else alpha (e^x - 1)), with the published doubles as definition.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct selu {
  static constexpr double alpha = 1.6732632423543772, scale = 1.0507009873554805;
  // alpha * scale to twice the precision of double: the rounded product and what it lost.
  static constexpr double alpha_scale = alpha * scale;
  static double alpha_scale_low() { return fma(alpha, scale, -alpha_scale); }

  template <class M>
  static jet<double> at(double x) {
    const double m = M::expm1(x), e = M::exp(x);
    return {x >= 0 ? scale * x : fma(alpha_scale, m, alpha_scale_low() * m),
            x > 0 ? scale : fma(alpha_scale, e, alpha_scale_low() * e)};
  }

  static constexpr double central_range = central_exponent;
  static double central_value(double x) {
    const double m = central_exp(x).minus_1();
    return x >= 0 ? scale * x : fma(alpha_scale, m, alpha_scale_low() * m);
  }
  static double central_slope(double x) {
    return x > 0 ? scale : alpha_scale * central_exp(x).value();
  }

  static constexpr interval value_range{-80, 0x1p127f, 0x1p-100f};
  OGIVE_INLINE static floats value_lanes(floats x) {
    const float_pair m = expm1_lanes(least(x, floats{}));
    const float_pair y = select(x > 0, product(x, split(scale)), product(m, split(alpha_scale)));
    return copy_sign(y.high + y.low, x);
  }
  static constexpr interval slope_range{-80, largest_float}, output_range = slope_range;
  OGIVE_INLINE static signed_slope slope_lanes(floats x) {
    const float_pair e = exp_lanes(least(x, floats{})).scaled();
    return {select(x > 0, split(scale), product(e, split(alpha_scale)))};
  }
  OGIVE_INLINE static float_pair output_slope_lanes(floats y) {
    const float_pair p = split(alpha_scale), sum = exact_sum(p.high, least(y, floats{}));
    return select(y > 0, split(scale), {sum.high, sum.low + p.low});
  }

  // At 0 it is scale alpha, as from the left.
  template <class M>
  static double curvature(double x) {
    return x > 0 ? 0 : M::exp_scaled(x).times(alpha_scale, alpha_scale_low());
  }
  template <class M>
  static double slope_from_output(double y) {
    return y > 0 ? scale : (y + alpha_scale) + alpha_scale_low();
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
