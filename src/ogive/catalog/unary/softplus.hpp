// softplus: log(1 + e^(beta x))/beta = max(x, 0) + log1p(e^-|beta x|)/beta; no threshold.
#pragma once

struct softplus {
  template <class M>
  static jet<double> at(double x, double beta) {
    const double t = beta * x, e = minus_size<M>(x, beta, t).value(), d = 1 + e;
    return {(t > 0 ? x : 0) + M::log1p_unit(e) / beta, (t < 0 ? e : 1) / d};
  }

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
    const scaled power = minus_size<M>(x, beta, beta * x);
    const double e = power.value(), d = 1 + e;
    return M::quotient(power.unscaled(beta), d, e - (d - 1)) / d * power.a * power.b;
  }
  // 1 - e^(-beta y)
  template <class M>
  static double slope_from_output(double y, double beta) {
    return -M::expm1(-beta * y);
  }
  // sigmoid(x)
  static constexpr interval slope_range{-80, 80};
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair) {
    const logistic_lanes s = logistic(x);
    return {s.q, s.q * s.e};
  }
  static constexpr interval output_range{0, 80};
  OGIVE_INLINE static float_pair output_slope_lanes(floats y, float_pair) {
    const float_pair m = expm1_lanes(-y);
    return {-m.high, -m.low};
  }

private:
  // e^-|t| with t = beta x. What the product lost would be multiplied by |t|; past 1000 nothing of
  // e is left.
  template <class M>
  static scaled minus_size(double x, double beta, double t) {
    const double size = magnitude(t);
    const double lost = M::full && size < 1000 ? fma(beta, x, -t) : 0;
    return M::exp_scaled(-size, t < 0 ? lost : -lost);
  }
};
