// softshrink: x moved towards 0 by lambd, and 0 with the sign of x where |x| <= lambd; NaN passes.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct softshrink {
  template <class M>
  static jet<double> at(double x, double lambd) {
    const double size = magnitude(x);
    const bool inside = size <= lambd;
    const double rest = inside ? 0 : less<M>(size, lambd), flat = inside ? 0 : x;
    return {with_sign(rest, x), size > lambd ? 1 : flat};
  }

  static constexpr bool keeps_ties = true, slope_keeps_ties = true;
  static constexpr interval value_range{-0x1p126f, 0x1p126f}, slope_range = value_range;
  static bool takes(double lambd) { return lambd == 0 || (lambd >= 0x1p-100 && lambd <= 0x1p100); }
  OGIVE_INLINE static float_pair value_lanes(floats x, float_pair lambd) {
    const float_pair rest = beyond(x, lambd);
    const float_pair size = select(rest.high + rest.low > 0, rest, split(0.0));
    const words sign = words(x) & sign_bit;
    return {floats(words(size.high) ^ sign), floats(words(size.low) ^ sign)};
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair lambd) {
    const float_pair rest = beyond(x, lambd);
    return select(rest.high + rest.low > 0, split(1.0), split(0.0));
  }
  // For lambd >= 0 the output is 0 where x lies inside.
  template <class M>
  static double slope_from_output(double y, double) {
    return y == 0 ? 0 : y == y ? 1 : y;
  }
  static constexpr two_slopes slopes(double) { return {1, 0}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x, float_pair lambd) {
    return packed(is_above(magnitude(x), lambd) | (x != x));
  }

private:
  // |x| - lambd where it is positive, and something that is not elsewhere.
  OGIVE_INLINE static float_pair beyond(floats x, float_pair lambd) {
    const float_pair difference = exact_sum(magnitude(x), -lambd.high);
    return {difference.high, difference.low - lambd.low};
  }
  // a - b, kept off a tie that it only rounds to, as M::product is.
  template <class M>
  static double less(double a, double b) {
    const pair sum = exact_sum(a, -b);
    return M::off_ties(sum.high, sum.low);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
