// relu: x where x > 0, else +0; NaN passes. The slope at 0 is 0.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct relu {
  static constexpr bool exact = true;
  template <class M>
  static jet<typename M::real> at(typename M::real x) {
    using real = typename M::real;
    const real otherwise = x == x ? real(0) : x;
    return {x > 0 ? x : otherwise, x > 0 ? real(1) : otherwise};
  }
  template <class M>
  static typename M::real slope_from_output(typename M::real y) {
    return at<M>(y).slope;
  }
  static constexpr two_slopes slopes() { return {1, 0}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x) {
    return packed_above(x, all(0));
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
