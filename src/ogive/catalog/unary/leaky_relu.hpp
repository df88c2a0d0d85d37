// leaky_relu: x where x > 0, else negative_slope * x. A slope of 0 gives 0 at -inf, not NaN.
#pragma once

struct leaky_relu {
  template <class M>
  static jet<double> at(double x, double negative_slope) {
    const double slope = x > 0 ? 1 : x == x ? negative_slope : x;
    return {slope == 0 ? 0 : M::product(x, slope), slope};
  }
  // For a positive slope the output has the sign of the input.
  template <class M>
  static double slope_from_output(double y, double negative_slope) {
    return at<M>(y, negative_slope).slope;
  }
  static constexpr two_slopes slopes(double negative_slope) { return {1, negative_slope}; }
};
