// prelu: x where x > 0, else weight * x, with a learned weight.
#pragma once

struct prelu {
  template <class M>
  static jet<double> at(double x, double weight) {
    const double slope = x > 0 ? 1 : x == x ? weight : x;
    return {slope == 0 ? 0 : M::product(x, slope), slope};
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
  static constexpr two_slopes slopes(double weight) { return {1, weight}; }
};
