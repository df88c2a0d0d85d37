// log_sigmoid: log(1/(1 + e^-x)) = -softplus(-x), whose slope is that of softplus at -x.
#pragma once

#include "drivers/unary.hpp"
#include "unary/softplus.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct log_sigmoid {
  template <class M>
  static jet<double> at(double x) {
    const jet<double> mirrored = softplus::at<M>(-x, 1);
    return {-mirrored.value, mirrored.slope};
  }
  static constexpr double central_range = softplus::central_range;
  static double central_value(double x) { return -softplus::central_value(-x, 1); }
  static double central_slope(double x) { return central_logistic(-x); }
  static constexpr interval value_range = softplus::value_range;
  OGIVE_INLINE static floats value_lanes(floats x) {
    return -softplus::value_lanes(-x, split(1.0));
  }
  static constexpr interval slope_range = softplus::slope_range;
  OGIVE_INLINE static float_pair slope_lanes(floats x) {
    return softplus::slope_lanes(-x, split(1.0));
  }
  OGIVE_INLINE static fused_lanes product_lanes(floats dy, floats x) { return gate_value(dy, -x); }
  static jet<double> saturation(double x) { return {0.5, -x}; }
  // Even, as that of softplus.
  template <class M>
  static double curvature(double x) {
    return -softplus::curvature<M>(x, 1);
  }
  // 1 - e^y
  template <class M>
  static double slope_from_output(double y) {
    return -M::expm1(y);
  }
  static pair slope_pair(double y) { return softplus::fallen(-y); }
  static constexpr interval output_range{-80, 0};
  OGIVE_INLINE static float_pair output_slope_lanes(floats y) {
    return softplus::output_slope_lanes(-y, split(1.0));
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
