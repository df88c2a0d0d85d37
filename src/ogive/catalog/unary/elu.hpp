// elu: x where x > 0, else alpha (e^x - 1). The slope at 0 is alpha.
#pragma once

struct elu {
  template <class M>
  static jet<double> at(double x, double alpha) {
    // >= rather than >, so that -0 comes back as it is.
    return {x >= 0 ? x : alpha * M::expm1(x), x > 0 ? 1 : alpha * M::exp(x)};
  }
  // At 0 it is alpha, as from the left.
  template <class M>
  static double curvature(double x, double alpha) {
    return x > 0 ? 0 : M::exp_scaled(x).times(alpha);
  }
  // y + alpha, for alpha > 0.
  template <class M>
  static double slope_from_output(double y, double alpha) {
    return y > 0 ? 1 : y + alpha;
  }
};
