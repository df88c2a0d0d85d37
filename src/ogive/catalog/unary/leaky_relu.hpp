// leaky_relu: x where x > 0, else negative_slope * x. A slope of 0 gives 0 at -inf, not NaN.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct leaky_relu {
  template <class M>
  static jet<double> at(double x, double negative_slope) {
    const double slope = x > 0 ? 1 : x == x ? negative_slope : x;
    return {slope == 0 ? 0 : M::product(x, slope), slope};
  }
  static constexpr interval value_range = moderate_range;
  static constexpr interval slope_range = any_number, output_range = any_number;
  static bool takes(double negative_slope) { return moderate(negative_slope); }
  OGIVE_INLINE static floats value_lanes(floats x, float_pair negative_slope) {
    return x > 0 ? x : times(x, negative_slope);
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair negative_slope) {
    return select(x > 0, split(1.0), negative_slope);
  }
  // A half times a slope of any number of digits may round to a tie.
  OGIVE_INLINE static floats half_lanes(floats x, parameter_lanes negative_slope) {
    const product_of_half y(x, negative_slope);
    return (y.is_long & (x < 0)) ? y.odd : x > 0 ? x : y.exact;
  }
  OGIVE_INLINE static floats half_backward_lanes(floats dy, floats x,
                                                 parameter_lanes negative_slope) {
    const product_of_half dx(dy, negative_slope);
    const floats above = fma(x, -0.0f, dy); // dy, or NaN of an x that is
    return !(x <= 0) ? above : (dx.is_long & (dy != 0)) ? dx.odd : dx.exact;
  }
  OGIVE_INLINE static floats half_output_lanes(floats dy, floats y,
                                               parameter_lanes negative_slope) {
    return half_backward_lanes(dy, y, negative_slope);
  }
  template <class M>
  static double through(double dy, double slope) {
    return slope == 0 ? 0 : M::product(dy, slope);
  }
  // For a positive slope the output has the sign of the input.
  template <class M>
  static double slope_from_output(double y, double negative_slope) {
    return at<M>(y, negative_slope).slope;
  }
  OGIVE_INLINE static float_pair output_slope_lanes(floats y, float_pair negative_slope) {
    return slope_lanes(y, negative_slope);
  }
  static constexpr two_slopes slopes(double negative_slope) { return {1, negative_slope}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x, float_pair) {
    return packed_above(x, all(0));
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
