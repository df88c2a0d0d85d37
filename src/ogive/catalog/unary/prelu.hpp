// prelu: x where x > 0, else weight * x, with a learned weight.
#pragma once

struct prelu {
  template <class M>
  static jet<double> at(double x, double weight) {
    const double slope = x > 0 ? 1 : x == x ? weight : x;
    return {slope == 0 ? 0 : M::product(x, slope), slope};
  }
  static constexpr interval value_range = moderate_range;
  static constexpr interval slope_range = any_number, output_range = any_number;
  static bool takes(double weight) { return moderate(weight); }
  OGIVE_INLINE static floats value_lanes(floats x, float_pair weight) {
    return x > 0 ? x : times(x, weight);
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair weight) {
    return select(x > 0, split(1.0), weight);
  }
  // For a positive weight the output has the sign of the input.
  template <class M>
  static double slope_from_output(double y, double weight) {
    return at<M>(y, weight).slope;
  }
  template <class M>
  static double parameter_slope(double x, double) {
    return x > 0 ? 0 : x;
  }
  OGIVE_INLINE static float_pair output_slope_lanes(floats y, float_pair weight) {
    return slope_lanes(y, weight);
  }
  static constexpr two_slopes slopes(double weight) { return {1, weight}; }
};
