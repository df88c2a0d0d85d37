// celu: x where x > 0, else alpha (e^(x/alpha) - 1). The slope at 0 is 1 for every alpha.
#pragma once

struct celu {
  template <class M>
  static jet<double> at(double x, double alpha) {
    const double t = x / alpha, size = magnitude(t);
    // What the quotient lost would be multiplied by |t|; past 1000 nothing of e^t is left.
    const double lost = M::full && size < 1000 ? fma(-t, alpha, x) / alpha : 0;
    return {x >= 0 ? x : alpha * M::expm1(t, lost), x > 0 ? 1 : M::exp(t, lost)};
  }
  // At 0 it is 1/alpha, as from the left.
  template <class M>
  static double curvature(double x, double alpha) {
    return x > 0 ? 0 : at<M>(x, alpha).slope / alpha;
  }
  // y/alpha + 1, as a sum that loses nothing next to -alpha.
  template <class M>
  static double slope_from_output(double y, double alpha) {
    return y > 0 ? 1 : (y + alpha) / alpha;
  }
};
