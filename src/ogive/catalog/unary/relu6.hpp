// relu6: x where 0 < x < 6, +0 below and 6 above; NaN passes. The slope at 0 and at 6 is 0.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct relu6 {
  static constexpr bool exact = true;
  template <class M>
  static jet<typename M::real> at(typename M::real x) {
    using real = typename M::real;
    const real flat = x == x ? real(0) : x;
    return {x > 0 ? x < 6 ? x : real(6) : flat, x > 0 && x < 6 ? real(1) : flat};
  }
  template <class M>
  static typename M::real slope_from_output(typename M::real y) {
    return at<M>(y).slope;
  }
  static constexpr two_slopes slopes() { return {1, 0}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x) {
    return packed_above(x, all(0)) & packed_above(all(6), x);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
