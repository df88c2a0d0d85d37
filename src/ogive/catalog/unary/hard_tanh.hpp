// hard_tanh: x between min_val and max_val, the nearest bound elsewhere; NaN passes. A bound counts
// as the number of x's format that is nearest to it, so that input and output agree on which side
// an element lies. On a bound the slope is 0. Bounds out of order, or NaN, make everything NaN.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct hard_tanh {
  static constexpr bool exact = true;
  template <class M>
  static jet<typename M::real> at(typename M::real x, double min_val, double max_val) {
    using real = typename M::real;
    const real low = M::stored(min_val), high = M::stored(max_val);
    const real value = x > high ? high : x < low ? low : x;
    const real flat = x == x ? real(0) : x, nowhere = real(__builtin_nan(""));
    const bool ordered = min_val <= max_val;
    return {ordered ? value : nowhere, ordered ? x > low && x < high ? real(1) : flat : nowhere};
  }
  template <class M>
  static typename M::real slope_from_output(typename M::real y, double min_val, double max_val) {
    return at<M>(y, min_val, max_val).slope;
  }
  static constexpr two_slopes slopes(double, double) { return {1, 0}; }
  template <class M>
  OGIVE_INLINE static std::uint32_t with_first_slope(floats x, double min_val, double max_val) {
    const float low = M::stored(min_val), high = M::stored(max_val);
    const bool ordered = min_val <= max_val;
    return ordered ? packed_above(x, all(low)) & packed_above(all(high), x) : packed(~mask{});
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
