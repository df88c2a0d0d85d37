// celu: x where x > 0, else alpha (e^(x/alpha) - 1). The slope at 0 is 1 for every alpha.
#pragma once

#include "drivers/unary.hpp"
#include "unary/elu.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct celu {
  template <class M>
  static jet<double> at(double x, double alpha) {
    const argument t = over_alpha<M>(x, alpha);
    // Next to 0 it is x, of which a large alpha leaves t few digits.
    const double value = t.high > -0x1p-54 ? x : alpha * M::expm1(t.high, t.low);
    return {x >= 0 ? x : value, x > 0 ? 1 : M::exp(t.high, t.low)};
  }

  // With alpha = 1 it is elu.
  static constexpr double central_range = elu::central_range;
  static double central_value(double x, double) { return elu::central_value(x, 1); }
  static double central_slope(double x, double) { return elu::central_slope(x, 1); }
  static constexpr bool output_keeps_ties = true;
  static constexpr interval value_range = elu::value_range, slope_range = elu::slope_range;
  static constexpr interval output_range = elu::output_range;
  static bool takes(double alpha) { return alpha == 1; }
  OGIVE_INLINE static floats value_lanes(floats x, float_pair alpha) {
    return elu::value_lanes(x, alpha);
  }
  OGIVE_INLINE static signed_slope slope_lanes(floats x, float_pair alpha) {
    return elu::slope_lanes(x, alpha);
  }
  OGIVE_INLINE static floats half_output_lanes(floats dy, floats y, float_pair alpha) {
    return elu::half_output_lanes(dy, y, alpha);
  }
  OGIVE_INLINE static near_lanes output_slope_lanes(floats y, float_pair alpha) {
    return elu::output_slope_lanes(y, alpha);
  }

  // At 0 it is 1/alpha, as from the left.
  template <class M>
  static double curvature(double x, double alpha) {
    const argument t = over_alpha<M>(x, alpha);
    // Over a small alpha the power comes back into range: both go up before they meet.
    const double lift = alpha < 1 ? 0x1p960 : 1;
    const double power = M::exp_halves(t.high, t.low).times(lift) / (alpha * lift);
    return x > 0 || t.high < -far_exponent ? 0 : power;
  }
  // y/alpha + 1, as a sum that loses nothing next to -alpha.
  template <class M>
  static double slope_from_output(double y, double alpha) {
    return y > 0 ? 1 : (y + alpha) / alpha;
  }
  static pair slope_pair(double y, double alpha) {
    const pair sum = exact_sum(y, alpha);
    const double slope = sum.high / alpha, rest = fma(-slope, alpha, sum.high) + sum.low;
    return {y > 0 ? 1 : slope, y > 0 ? 0 : rest / alpha};
  }

private:
  // x/alpha. What the quotient lost would be multiplied by |t|; past 1500 nothing of e^t is left.
  struct argument {
    double high, low;
  };
  template <class M>
  static argument over_alpha(double x, double alpha) {
    const double t = x / alpha;
    return {t, M::full && magnitude(t) < 1500 ? fma(-t, alpha, x) / alpha : 0};
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
