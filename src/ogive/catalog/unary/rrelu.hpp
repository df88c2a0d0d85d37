// rrelu: x where x > 0, else slope * x. In evaluation the slope is the mean of [lower, upper], in
// training it is drawn for each element.
#pragma once

struct rrelu {
  template <class M>
  static jet<double> at(double x, double slope) {
    const double chosen = x > 0 ? 1 : x == x ? slope : x;
    return {chosen == 0 ? 0 : M::product(x, chosen), chosen};
  }
  template <class M>
  static jet<double> at(double x, double lower, double upper) {
    return at<M>(x, (lower + upper) / 2);
  }
  static double draw(double u, double lower, double upper) { return fma(u, upper - lower, lower); }
  static constexpr two_slopes slopes(double lower, double upper) {
    return {1, (lower + upper) / 2};
  }
};
