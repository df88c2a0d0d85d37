// softplus: log(1 + e^(beta x))/beta = max(x, 0) + log1p(e^-|beta x|)/beta; no threshold.
#pragma once

struct softplus {
  template <class M>
  static jet<double> at(double x, double beta) {
    const double t = beta * x, size = magnitude(t);
    // What the product lost would be multiplied by |t|; past 1000 nothing of e is left.
    const double lost = M::full && size < 1000 ? fma(beta, x, -t) : 0;
    const double e = M::exp(-size, t < 0 ? lost : -lost), d = 1 + e;
    return {(t > 0 ? x : 0) + M::log1p_unit(e) / beta, (t < 0 ? e : 1) / d};
  }
  // 1 - e^(-beta y)
  template <class M>
  static double slope_from_output(double y, double beta) {
    return -M::expm1(-beta * y);
  }
};
