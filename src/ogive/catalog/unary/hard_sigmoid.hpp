// hard_sigmoid: (x + 3)/6 between -3 and 3, 0 below and 1 above. The slope at -3 and 3 is 0.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct hard_sigmoid {
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 3), flat = x == x ? 0 : x;
    const pair sum = exact_sum(c, 3);
    return {M::full ? sixth(sum) : M::divide(sum, 6), magnitude(x) < 3 ? 1.0 / 6 : flat};
  }
  static constexpr double central_range = 0x1p500;
  static double central_slope(double x) { return magnitude(x) < 3 ? 1.0 / 6 : 0; }

  static constexpr interval value_range{-largest_float, largest_float};
  OGIVE_INLINE static float_pair value_lanes(floats x) {
    return sixth(exact_sum(all(3), least(greatest(x, all(-3)), all(3))));
  }
  static constexpr bool keeps_ties = true;
  // A float next to 1/6 times a number of a few digits is next to a tie only where it is one.
  OGIVE_INLINE static floats half_lanes(floats x) {
    return (least(all(3), greatest(all(-3), x)) + 3) * (1.0f / 6); // NaN passes
  }
  OGIVE_INLINE static floats half_backward_lanes(floats dy, floats x) {
    return magnitude(x) < 3 ? dy * (1.0f / 6) : x - x;
  }
  OGIVE_INLINE static floats half_output_lanes(floats dy, floats y) {
    return ((y > 0) & (y < 1)) ? dy * (1.0f / 6) : y - y;
  }
  // A sixth of a half may be a tie.
  template <class M>
  static double through(double dy, double slope) {
    if constexpr (!M::keeps_ties) return pass_back(dy, slope);
    return slope > 0 ? M::divide({dy, 0}, 6) : slope;
  }
  // Between the flat sides the output lies strictly between 0 and 1.
  template <class M>
  static double slope_from_output(double y) {
    const double flat = y == y ? 0 : y;
    return y > 0 && y < 1 ? 1.0 / 6 : flat;
  }
  static constexpr interval slope_range = any_number, output_range = any_number;
  OGIVE_INLINE static float_pair slope_lanes(floats x) {
    return select(magnitude(x) < all(3), split(1.0 / 6), split(0.0));
  }
  OGIVE_INLINE static float_pair output_slope_lanes(floats y) {
    return select((y > 0) & (y < all(1)), split(1.0 / 6), split(0.0));
  }
  static constexpr two_slopes slopes() { return {1.0 / 6, 0}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x) {
    return packed_above(all(3), magnitude(x));
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
