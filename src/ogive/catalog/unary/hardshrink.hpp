// hardshrink: x where |x| > lambd, else 0 with the sign of x; NaN passes. lambd, a double, counts
// as the largest number of x's format that does not exceed it: no x lies between the two.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct hardshrink {
  static constexpr bool exact = true;
  template <class M>
  static jet<typename M::real> at(typename M::real x, double lambd) {
    using real = typename M::real;
    const real limit = not_above(lambd, x);
    const bool inside = x <= limit && x >= -limit;
    return {inside ? x * 0 : x, inside ? real(0) : x == x ? real(1) : x};
  }
  // For lambd >= 0 the output is 0 where x lies inside.
  template <class M>
  static typename M::real slope_from_output(typename M::real y, double) {
    using real = typename M::real;
    return y == 0 ? real(0) : y == y ? real(1) : y;
  }
  static constexpr two_slopes slopes(double) { return {1, 0}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x, double lambd) {
    const float limit = not_above(lambd, 0.0f);
    return packed_above(x, all(limit)) | packed_above(all(-limit), x);
  }

private:
  static double not_above(double limit, double) { return limit; }
  static float not_above(double limit, float) {
    const auto nearest = static_cast<float>(limit);
    const std::uint32_t bits = bits_of(nearest), below = nearest > 0 ? bits - 1 : bits + 1;
    return nearest > limit ? float_of(below) : nearest;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
