// threshold: x where x > threshold, else value; NaN passes.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct threshold {
  template <class M>
  static jet<double> at(double x, double threshold, double value) {
    const bool flat = x <= threshold;
    return {flat ? value : x, flat ? 0 : x == x ? 1 : x};
  }
  static constexpr bool keeps_ties = true, slope_keeps_ties = true;
  static constexpr interval value_range{-largest_float, largest_float}, slope_range = value_range;
  static bool takes(double threshold, double value) { return fits(threshold) && fits(value); }
  OGIVE_INLINE static float_pair value_lanes(floats x, float_pair threshold, float_pair value) {
    return select(is_above(x, threshold), {x, floats{}}, value);
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair threshold, float_pair) {
    return select(is_above(x, threshold), split(1.0), split(0.0));
  }
  static constexpr two_slopes slopes(double, double) { return {1, 0}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x, float_pair threshold, float_pair) {
    return packed(is_above(x, threshold) | (x != x));
  }

private:
  // Whether a pair of floats holds what counts of it.
  static bool fits(double p) {
    return p == 0 || (magnitude(p) >= 0x1p-100 && magnitude(p) < 0x1p127);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
