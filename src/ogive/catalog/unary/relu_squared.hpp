// relu_squared: x^2 where x > 0, else +0; NaN passes. The slope 2x is 2 sqrt(y).
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct relu_squared {
  template <class M>
  static jet<double> at(double x) {
    const double positive = x > 0 ? x : x == x ? 0 : x;
    return {positive * positive, 2 * positive};
  }
  static constexpr bool steep = true; // the slope has no bound
  // dy 2x, where 2x may overflow and the product not.
  template <class M>
  static double pull_back(double dy, double x) {
    const double positive = x > 0 ? x : x == x ? 0 : x, product = dy * positive;
    if constexpr (M::full) return pass_steep_back(dy, positive, product + product);
    return pass_back(dy, 2 * at_most(positive, 0x1p1000)); // as good as infinite
  }
  template <class M>
  static double curvature(double x) {
    return x > 0 ? 2 : x == x ? 0 : x;
  }
  template <class M>
  static double slope_from_output(double y) {
    return 2 * __builtin_sqrt(y);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
