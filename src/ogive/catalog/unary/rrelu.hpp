// rrelu: x where x > 0, else slope * x. In evaluation the slope is the mean of [lower, upper], in
// training it is drawn for each element.
#pragma once

struct rrelu {
  template <class M>
  static jet<double> at(double x, double slope) {
    const double chosen = x > 0 ? 1 : x == x ? slope : x;
    return {chosen == 0 ? 0 : M::product(x, chosen), chosen};
  }
  static double draw(double u, double lower, double upper) { return fma(u, upper - lower, lower); }
  static double in_evaluation(double lower, double upper) { return (lower + upper) / 2; }

  static constexpr interval value_range = moderate_range, slope_range = any_number;
  static bool takes(double slope) { return moderate(slope); }
  OGIVE_INLINE static floats value_lanes(floats x, float_pair slope) {
    return x > 0 ? x : times(x, slope);
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair slope) {
    return select(x > 0, split(1.0), slope);
  }
  static constexpr two_slopes slopes(double slope) { return {1, slope}; }
};
