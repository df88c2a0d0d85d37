// threshold: x where x > threshold, else value; NaN passes.
#pragma once

struct threshold {
  template <class M>
  static jet<double> at(double x, double threshold, double value) {
    const bool flat = x <= threshold;
    return {flat ? value : x, flat ? 0 : x == x ? 1 : x};
  }
  // For value <= threshold the output tells the side.
  template <class M>
  static double slope_from_output(double y, double threshold, double) {
    return y <= threshold ? 0 : y == y ? 1 : y;
  }
  static constexpr two_slopes slopes(double, double) { return {1, 0}; }
};
