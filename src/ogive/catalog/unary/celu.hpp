// celu: x where x > 0, else alpha (e^(x/alpha) - 1). The slope at 0 is 1 for every alpha.
#pragma once
#include "elu.hpp"

struct celu {
  template <class M>
  static jet<double> at(double x, double alpha) {
    const double t = x / alpha, size = magnitude(t);
    // What the quotient lost would be multiplied by |t|; past 1000 nothing of e^t is left.
    const double lost = M::full && size < 1000 ? fma(-t, alpha, x) / alpha : 0;
    return {x >= 0 ? x : alpha * M::expm1(t, lost), x > 0 ? 1 : M::exp(t, lost)};
  }

  // With alpha = 1 it is elu.
  static constexpr bool output_keeps_ties = true;
  static constexpr interval value_range = elu::value_range, slope_range = elu::slope_range;
  static constexpr interval output_range = elu::output_range;
  static bool takes(double alpha) { return alpha == 1; }
  OGIVE_INLINE static floats value_lanes(floats x, float_pair alpha) {
    return elu::value_lanes(x, alpha);
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair alpha) {
    return elu::slope_lanes(x, alpha);
  }
  OGIVE_INLINE static float_pair output_slope_lanes(floats y, float_pair alpha) {
    return elu::output_slope_lanes(y, alpha);
  }

  // At 0 it is 1/alpha, as from the left.
  template <class M>
  static double curvature(double x, double alpha) {
    return x > 0 ? 0 : at<M>(x, alpha).slope / alpha;
  }
  // y/alpha + 1, as a sum that loses nothing next to -alpha.
  template <class M>
  static double slope_from_output(double y, double alpha) {
    return y > 0 ? 1 : (y + alpha) / alpha;
  }
};
