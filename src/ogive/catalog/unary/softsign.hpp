// softsign: x/(1 + |x|); the infinities are moved to the largest finite number, where it is +-1.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct softsign {
  template <class M>
  static jet<double> at(double x) {
    const double a = at_most(magnitude(x), 0x1.fffffffffffffp1023), inverse = 1 / (1 + a);
    return {with_sign(a / (1 + a), x), inverse * inverse};
  }

  static constexpr interval value_range{-0x1p60, 0x1p60, 0x1p-80f}, slope_range{-0x1p50, 0x1p50};
  OGIVE_INLINE static float_pair value_lanes(floats x) {
    const float_pair d = below(x);
    const floats q = 1 / d.high, y = x * q;
    return {y, fma(-y, d.low, fma(-y, d.high, x)) * q};
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x) {
    const float_pair d = below(x);
    const floats q = 1 / d.high, missed = fma(-q, d.low, fma(-q, d.high, 1)), square = q * q;
    return {square, fma(2 * square, missed, fma(q, q, -square))};
  }

  // -2/(1 + |x|)^3 with the sign of x; at 0 it is 2, as from the left.
  template <class M>
  static double curvature(double x) {
    const double a = at_most(magnitude(x), 0x1.fffffffffffffp1023), d = 1 + a;
    const double inverse = M::quotient(1, d, a > 1 ? 1 - (d - a) : a - (d - 1));
    const double size = inverse * inverse * (2 * inverse);
    return x > 0 ? -size : size;
  }

private:
  // 1 + |x|
  OGIVE_INLINE static float_pair below(floats x) {
    const floats a = magnitude(x);
    return exact_sum(greatest(a, all(1)), least(a, all(1)));
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
