// hard_swish: x (x + 3)/6 between -3 and 3, -0 below and x above. The slope at -3 is 0, at 3 it
// is 1.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct hard_swish {
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 3), outside = x == x ? x > 0 : x;
    const double sum = c + 3, sum_low = c - (sum - 3);
    const double n = c * sum, n_low = fma(c, sum, -n) + c * sum_low;
    const double value = M::above_half(c, M::divide({n, n_low}, 6));
    return {x > 3 ? x : with_sign(value, x), magnitude(x) < 3 ? fma(2, c, 3) / 6 : outside};
  }
  // Unless selected last, each constant becomes a way of its own through all that follows.
  static constexpr double central_range = 0x1p500;
  static double central_value(double x) {
    const double sum = x + 3, n = x * sum, n_low = fma(x, sum, -n) + x * (x - (sum - 3));
    const double rising = x < -3 ? 0 : sixth(pair{n, n_low});
    return x > 3 ? x : with_sign(rising, x);
  }
  static double central_slope(double x) {
    const double flat = with_sign(0.5, x) + 0.5;
    return magnitude(x) < 3 ? sixth(pair{fma(2, x, 3), 0}) : flat;
  }

  // dy (2x + 3)/6, whose ties in halves the rounded slope would miss.
  template <class M>
  static double pull_back(double dy, double x) {
    const double slope = at<M>(x).slope, plain = pass_back(dy, slope);
    if constexpr (!M::keeps_ties) return plain;
    const pair n = exact_sum(2 * x, 3);
    const double high = dy * n.high, low = fma(dy, n.high, -high) + dy * n.low;
    const double part = M::divide({high, low}, 6), inside = magnitude(x) < 3 ? part : plain;
    return magnitude(plain) > 0 && magnitude(plain) < __builtin_inf() ? inside : plain;
  }
  OGIVE_INLINE static near_lanes backward_lanes(floats dy, floats x) {
    const floats c = least(greatest(x, all(-3)), all(3));
    const float_pair part = sixth(product(dy, any_exact_sum(2 * c, all(3))));
    const float_pair flat = {x > 0 ? dy : floats{}, floats{}};
    return {select((magnitude(x) < all(3)) & (2 * c != all(-3)), part, flat)};
  }
  template <class M>
  static double curvature(double x) {
    return magnitude(x) < 3 ? 1.0 / 3 : x == x ? 0 : x;
  }

  static constexpr bool keeps_ties = true, slope_keeps_ties = true;
  static constexpr interval value_range = moderate_range, slope_range = any_number;
  // Next to 0 it lies above x/2, which may be a tie.
  OGIVE_INLINE static floats half_lanes(floats x) {
    const floats c = least(all(3), greatest(all(-3), x)), y = c * (c + 3) * (1.0f / 6);
    return x > 3 ? x : greatest(x * (0.5f + 0x1p-20f), y); // NaN passes
  }
  OGIVE_INLINE static floats half_backward_lanes(floats dy, floats x) {
    const floats n = fma(x, 2.0f, all(3)), n_low = fma(x, 2.0f, 3 - n);
    const floats product = dy * n, y = product * (1.0f / 6);
    const floats lost = fma(y, -6.0f, product) + fma(dy, n_low, fma(dy, n, -product));
    const floats flat = x > 0 ? dy : x - x;
    return ((magnitude(x) < 3) & (n != 0)) ? odd_of(y, lost) : flat;
  }
  // a b + rest, which one fma rounds for floats.
  struct product_lanes_and_rest {
    floats a, b, rest;
    OGIVE_INLINE operator float_pair() const {
      const floats high = a * b;
      return {high, fma(a, b, -high) + rest};
    }
    OGIVE_INLINE friend floats rounded(product_lanes_and_rest x) { return fma(x.a, x.b, x.rest); }
  };
  // c w with w = (c + 3)/6, and 1 for w above 3.
  OGIVE_INLINE static product_lanes_and_rest value_lanes(floats x) {
    const floats c = least(greatest(x, all(-3)), all(3));
    const float_pair sum = exact_sum(all(3), c);
    const floats w = sum.high * (1.0f / 6), lost = fma(w, -6.0f, sum.high) + sum.low;
    const mask above = x > all(3);
    return {above ? x : c, above ? all(1) : w, c * (1.0f / 6) * lost};
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x) {
    const floats c = least(greatest(x, all(-3)), all(3)), flat = greatest(c, floats{}) / 3;
    const float_pair slope = sixth(any_exact_sum(2 * c, all(3)));
    return select(magnitude(x) < all(3), slope, {flat, floats{}});
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
