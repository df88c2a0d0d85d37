// softplus: log(1 + e^(beta x))/beta = max(x, 0) + log1p(e^-|beta x|)/beta; no threshold.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct softplus {
  template <class M>
  static jet<double> at(double x, double beta) {
    const double t = beta * x, e = minus_size<M>(x, beta, t).value(), d = 1 + e;
    return {(t > 0 ? x : 0) + tail<M>(x, beta, t), (t < 0 ? e : 1) / d};
  }

  static constexpr double central_range = central_exponent;
  static double central_value(double x, double) {
    using M = elementary<f64_grade>;
    return (x > 0 ? x : 0) + M::log1p_unit(central_exp(-magnitude(x)).value());
  }
  static double central_slope(double x, double) { return central_logistic(x); }

  static constexpr interval value_range{-80, 80};
  static bool takes(double beta) { return beta == 1; }
  OGIVE_INLINE static floats value_lanes(floats x, float_pair) {
    const float_pair tail = log1p_exp_lanes(x);
    const floats rectified = greatest(x, floats{});
    const float_pair sum = exact_sum(greatest(rectified, tail.high), least(rectified, tail.high));
    return sum.high + (sum.low + tail.low);
  }

  // beta e/(1 + e)^2
  template <class M>
  static double curvature(double x, double beta) {
    const double t = beta * x;
    const scaled power = minus_size<M>(x, beta, t);
    const double e = power.value(), d = 1 + e;
    const double bend = M::quotient(power.unscaled(beta), d, e - (d - 1)) / d * power.a * power.b;
    return magnitude(t) > far_exponent ? 0 : bend;
  }
  static jet<double> saturation(double x, double) { return {0.5, x}; }
  // 1 - e^(-beta y)
  template <class M>
  static double slope_from_output(double y, double beta) {
    return -M::expm1(-beta * y);
  }
  static pair slope_pair(double y, double beta) { return fallen(beta * y); }
  // 1 - e^-t, next to 0 below t by more than a double may tell.
  static pair fallen(double t) {
    const double near = fma(-t / 2, t, t), lost = fma(-t / 2, t, t - near);
    const bool small = magnitude(t) < 0x1p-40;
    return {small ? near : -elementary<half_grade>::expm1(-t), small ? lost : 0};
  }
  // sigmoid(x)
  static constexpr interval slope_range{-80, 80};
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair) { return logistic(x); }
  OGIVE_INLINE static fused_lanes product_lanes(floats dy, floats x, float_pair) {
    return gate_value(dy, x);
  }
  static constexpr interval output_range{0, 80};
  OGIVE_INLINE static float_pair output_slope_lanes(floats y, float_pair) {
    const float_pair m = expm1_lanes(-y);
    return {-m.high, -m.low};
  }

private:
  // e^-|t| with t = beta x. What the product lost would be multiplied by |t|; past 1000 nothing of
  // e is left, but for a beta that brings it back.
  template <class M>
  static scaled minus_size(double x, double beta, double t) {
    const double size = magnitude(t);
    const double lost = M::full && size < far_exponent ? fma(beta, x, -t) : 0;
    return M::exp_halves(-size, t < 0 ? lost : -lost);
  }
  // log(1 + e^-|t|)/beta. In double a small beta brings back into range what is e itself.
  template <class M>
  static double tail(double x, double beta, double t) {
    const scaled power = minus_size<M>(x, beta, t);
    const double e = power.value(), plain = M::log1p_unit(e);
    if constexpr (!M::full) return plain / beta;
    const double lift = beta < 1 ? 0x1p960 : 1;
    return (beta < 1 && e < 0x1p-200 ? power.times(lift) : plain * lift) / (beta * lift);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
