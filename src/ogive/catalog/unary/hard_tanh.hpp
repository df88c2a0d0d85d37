// hard_tanh: x where |x| < 1, else 1 with the sign of x; NaN passes. The slope at -1 and 1 is 0.
#pragma once

struct hard_tanh {
  static constexpr bool exact = true;
  template <class M>
  static jet<typename M::real> at(typename M::real x) {
    using real = typename M::real;
    const real flat = x == x ? real(0) : x;
    return {x > 1 ? real(1) : x < -1 ? real(-1) : x, x > -1 && x < 1 ? real(1) : flat};
  }
  template <class M>
  static typename M::real slope_from_output(typename M::real y) {
    return at<M>(y).slope;
  }
  static constexpr two_slopes slopes() { return {1, 0}; }
};
