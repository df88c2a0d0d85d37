// exp: e^x, which is its own slope.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct exp {
  template <class M>
  static jet<double> at(double x) {
    const double e = M::exp(x);
    return {e, e};
  }
  static constexpr bool steep = true; // the slope has no bound
  // In double the power may leave the range where the product does not.
  template <class M>
  static double pull_back(double dy, double x) {
    if constexpr (M::full) {
      const double product = M::exp_halves(x).product(dy);
      const double above = x > far_exponent ? product * 0x1p1023 : product;
      return x < -far_exponent ? 0 : above;
    } else {
      const double slope = M::exp(x);
      return pass_steep_back(dy, slope, dy * slope);
    }
  }
  static constexpr double central_range = central_exponent;
  static double central_value(double x) { return central_exp(x).value(); }
  static double central_slope(double x) { return central_value(x); }
  static constexpr interval value_range{-87, 88.5f};
  OGIVE_INLINE static floats value_lanes(floats x) {
    const power_lanes e = exp_lanes(x);
    return fma(e.t, e.p, e.t);
  }
  // Below it the low part would be lost.
  static constexpr interval slope_range{-80, 88.5f};
  OGIVE_INLINE static float_pair slope_lanes(floats x) { return exp_lanes(x).scaled(); }
  template <class M>
  static double curvature(double x) {
    return M::exp(x);
  }
  template <class M>
  static double slope_from_output(double y) {
    return y;
  }
  static constexpr interval output_range{-largest_float, largest_float};
  OGIVE_INLINE static float_pair output_slope_lanes(floats y) { return {y, floats{}}; }
  // Of two halves the product is a float.
  OGIVE_INLINE static floats half_output_lanes(floats dy, floats y) {
    return y == 0 ? floats{} : dy * y;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
