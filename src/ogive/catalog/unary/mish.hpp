// mish: x tanh(log(1 + e^x)) = x n/d, with e = e^-|x|: n = 2 + e and d = 2 + 2e + e^2 times e for
// x < 0, n = 1 + 2e and d = 1 + 2e + 2e^2 for x > 0; the slope is (n + 4x (1 + e)/d)/d times e, and
// (n + 4x e^2 (1 + e)/d)/d. As in M::gate the powers of two in e are multiplied in last.
#pragma once

#include "valley.hpp"

struct mish {
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 1000);
    const bool negative = x < 0;
    const scaled power = M::exp_scaled(-magnitude(c));
    const double e = power.value(), q = 1 + e;
    const double m = e * (negative ? q : 2 * e); // d - n
    const double n = negative ? 2 + e : fma(2, e, 1), d = n + m;
    const double a = negative ? power.a : 1, b = negative ? power.b : 1, p = negative ? power.p : 0;
    const double four = 4 * c * (negative ? 1 : e * e);
    double value, slope;
    if constexpr (M::full) {
      // The same with what the roundings lost, since the sum in the slope cancels for x < 0.
      const double q_low = e - (q - 1), n_low = negative ? e - (n - 2) : fma(2, e, 1 - n);
      const double m_low = fma(e, negative ? q : 2 * e, -m) + (negative ? e * q_low : 0);
      const double d_low = m - (d - n) + (m_low + n_low);
      const pair w = M::quotient_pair(n, d, d_low), share = M::quotient_pair(q, d, d_low);
      const double v = c * w.high, w_low = w.low + n_low / d;
      value = (v + fma(v, p, fma(c, w.high, -v) + c * w_low)) * a * b;
      const double y = four * share.high, share_low = share.low + q_low / d;
      const double y_low = fma(four, share.high, -y) + four * share_low;
      const pair sum = exact_sum(n, y);
      slope = (sum.high + (sum.low + (y_low + n_low))) / d;
      slope = fma(slope, p, slope) * a * b;
      const double r = (c - root) - root_low;
      slope = magnitude(r) < 0.5 ? r * polynomial(root_slope, r) : slope;
    } else {
      const double v = c * (n / d), s = fma(four, q / d, n) / d;
      value = fma(v, p, v) * a * b;
      slope = fma(s, p, s) * a * b;
    }
    return {x > 1000 ? x : with_sign(value, x), slope};
  }

private:
  // Around its root the slope is d p(d), d = x - root, so that it keeps relative accuracy in double
  // too. Printed by tools/fit_coefficients.py: degree 17 for |d| <= 1/2.
  static constexpr double root = -0x1.31432c0d12d84p+0, root_low = -0x1.bf319154da210p-55;
  static constexpr double root_slope[] = {
      0x1.115acb42500bbp-2,   0x1.a34a251d8ad7bp-3,   0x1.574f121a868e1p-5,
      -0x1.4c222fe64d520p-6,  -0x1.03369d4ac9552p-6,  -0x1.b87ddfb513bfcp-9,
      0x1.1e5e184ac6697p-10,  0x1.0379918039a2ep-10,  0x1.0a7954ab86056p-12,
      -0x1.5fff9a0e8e3f0p-15, -0x1.d45397bc2f00ep-15, -0x1.223c5fd1f1a0ep-16,
      0x1.f9f5cd2d4bdc7p-21,  0x1.868942cee70e0p-19,  0x1.200db9538519bp-20,
      0x1.90d82472c7209p-26,  -0x1.3740b095ad69fp-23, -0x1.d21e08dd081a8p-25};

  // Backward from the output and the side; printed by tools/fit_lean.py.
  static constexpr valley the_valley{
      -0x1.31432c0d12d84p+0,
      -0x1.3c417299f9f85p-2,
      0x1.fff77bbd6ce02p-56,
      0x1.c000000000000p+2,
      // right: relative error 2^-16.6
      {0x1.5e5bb383f7f50p+1, -0x1.ea7a74a25a276p+0, 0x1.47ed00a8da573p+1, -0x1.b71578172f618p+1,
       0x1.5de65455614b4p+2, -0x1.1be7149e68604p+3, 0x1.923dab7271867p+3, -0x1.b78044a7a0194p+3,
       0x1.5d7815b52d8c5p+3, -0x1.8835011e0194cp+2, 0x1.2e90af75acbf3p+1, -0x1.3588b4d6dbad6p-1,
       0x1.8a4418e9d45c8p-4, -0x1.13413a4b7c786p-7, 0x1.2ffe5f9140bd8p-12},
      // left: relative error 2^-17.3
      {-0x1.10e3d1fe0b057p+3, -0x1.ed2ee700e944fp+3, -0x1.02ba9eec3e89ep+4, -0x1.fd120c69c50bfp+3,
       -0x1.fe588002b04b7p+3, -0x1.f7f84db86e2b4p+3, -0x1.0f8a0a9f9d5f0p+4, -0x1.2558c546fd565p+4,
       -0x1.81e76490b5d37p+3, -0x1.eedddb9b2b7ddp+1, -0x1.3742bceb5501ep+4, -0x1.4ed34fb1ea3e5p+5,
       -0x1.eb4b4d79104a9p+4, -0x1.926f0499c93efp+2, 0x1.cf4f57c02be4ap-1},
  };

public:
  // 4 e q (2 + x (1 - s (1 + 2t)))/d^2 as above, with t = tanh(log(1 + e^x)) and the sigmoid s; not
  // to the last bit, but from what `at` computes beside it.
  template <class M>
  static double rough_curvature(double x) {
    const double c = within(x, 1000);
    const bool negative = x < 0;
    const double e = M::exp_scaled(-magnitude(c)).value(), q = 1 + e, inverse = 1 / q;
    const double m = e * (negative ? q : 2 * e), n = negative ? 2 + e : fma(2, e, 1), d = n + m;
    const double s = negative ? e * inverse : inverse, t = n / d * (negative ? e : 1);
    const double share = q / d, w = 4 * e * (negative ? 1 : e) * (share * share) * inverse;
    return w * fma(c, 1 - s * fma(2, t, 1), 2);
  }
  static bool rises(double x) { return !(x < root); }
  template <class M>
  static double slope_from_side(double y, double rising) {
    return slope_in_valley<mish, M>(the_valley, y, rising);
  }
};
