// mish: x tanh(log(1 + e^x)) = x n/d, with e = e^-|x|: n = 2 + e and d = 2 + 2e + e^2 times e for
// x < 0, n = 1 + 2e and d = 1 + 2e + 2e^2 for x > 0; the slope is (n + 4x (1 + e)/d)/d times e, and
// (n + 4x e^2 (1 + e)/d)/d. As in M::gate the powers of two in e are multiplied in last.
#pragma once

#include "drivers/slope_from_output.hpp"
#include "drivers/unary.hpp"
#include "math/over_cube.hpp"
#include "simd/side_slopes.hpp"
#include "simd/tails.hpp"

namespace ogive::OGIVE_ISA {
namespace {

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
  // With w = e^x it is 4w (4 + 2x + (8 + 2x) w + (6 - 3x) w^2 + (2 - 2x) w^3)/(2 + 2w + w^2)^3; for
  // x > 0 the same in e = 1/w.
  template <class M>
  static double curvature(double x) {
    const double c = within(x, 1000);
    const bool negative = x < 0;
    const scaled power = M::exp_scaled(-magnitude(c));
    const double e = power.value(), s = 2 * (2 + c), t = fma(2, c, 8);
    const double u = fma(-3, c, 6), v = 2 * (1 - c);
    const double last = negative ? fma(v, e, u) : fma(s, e, t);
    const double n = fma(fma(last, e, negative ? t : u), e, negative ? s : v);
    // d = 1 + 2e + 2e^2, and half of it for x < 0.
    const double h = negative ? e / 2 : e, q = 1 + h, part = 2 * h * q, d = 1 + part;
    const double d_low = part - (d - 1) + (fma(2 * h, q, -part) + 2 * h * (h - (q - 1)));
    const double share = over_cube<M>(power.unscaled(n), d, d_low) * (negative ? 0.5 : 4 * e);
    const double away = share * power.a * power.b;
    if constexpr (!M::full) return away;
    const double l = (c - left_bend) - left_bend_low, r = (c - right_bend) - right_bend_low;
    const double near = magnitude(l) < 0.5 ? l * polynomial(left_bend_slope, l) : away;
    return magnitude(r) < 0.5 ? r * polynomial(right_bend_slope, r) : near;
  }

  static constexpr interval value_range{-80, 80, 1e-30f}, slope_range{-80, 80};
  static constexpr bool slope_fills_registers = true;
  OGIVE_INLINE static float_pair value_lanes(floats x) {
    const parts_lanes m(x);
    const floats q = m.n.high * m.inverse.high;
    const floats rest = fma(-q, m.d.low, fma(-q, m.d.high, m.n.high) + m.n.low);
    return product(x, {q, rest * m.inverse.high});
  }
  // e^x times a ratio for x < 0, and one without the exponential for x > 0, whose tables come
  // first.
  OGIVE_INLINE static signed_slope slope_lanes(floats x) {
    const floats a = magnitude(x);
    const words j = tails::interval_of<mish_slope>(least(a, all(22.5f)));
    const words sided = (j & 15) | ((words(x) >> 27) & 16);
    const power_lanes e = exp_lanes(least(x, floats{}));
    return tails::times_ratio(e, tails::ratio<mish_slope>(a, sided));
  }

private:
  OGIVE_INLINE static float_pair sum_of_pairs(float_pair a, float_pair b) {
    const float_pair sum = any_exact_sum(a.high, b.high);
    return {sum.high, sum.low + (a.low + b.low)};
  }
  // tanh(log(1 + e^x)) = n/d, with n = 2e + e^2 and d = n + 2 for x < 0, and for x > 0 both over
  // e^2 of the other sign: n = 1 + 2e and d = n + 2e^2.
  struct parts_lanes {
    float_pair e, square, n, d, inverse;
    OGIVE_INLINE explicit parts_lanes(floats x) {
      const mask left = x < 0;
      const float_pair power = exp_lanes<-1>(magnitude(x)).scaled();
      e = exact_sum(power.high, power.low);
      square = product(e, e);
      n = sum_of_pairs({2 * e.high, 2 * e.low}, select(left, square, {all(1), floats{}}));
      d = sum_of_pairs(n, select(left, {all(2), floats{}}, {2 * square.high, 2 * square.low}));
      const floats q = 1 / d.high;
      inverse = {q, q * fma(-q, d.low, fma(-q, d.high, 1))};
    }
  };
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
  // The curvature around its roots: degrees 16 and 18.
  static constexpr double left_bend = -0x1.20d0f116eb001p+1, left_bend_low = -0x1.ed98c925498a2p-54;
  static constexpr double left_bend_slope[] = {
      0x1.bd7543d635e3fp-4,   0x1.956e15ad4977bp-4,   0x1.321192f866b01p-5,
      0x1.b79f54f63b1bfp-9,   -0x1.fa00ae6565048p-9,  -0x1.451146d813987p-9,
      -0x1.9fa64b5e0c8afp-11, -0x1.ba0302b79a26cp-14, 0x1.4dba0e17ae811p-15,
      0x1.0e6f8c64ab98dp-15,  0x1.86c9a13fd0f0bp-17,  0x1.26f3bf541d5efp-19,
      -0x1.9b4396c905c48p-23, -0x1.62a96c218d8d3p-22, -0x1.2a217e820c668p-23,
      -0x1.eb1f0f916117ep-26, 0x1.4882cec6d88ecp-31};
  static constexpr double right_bend = 0x1.7d9612a440040p+0, right_bend_low = 0x1.48a1647177d43p-54;
  static constexpr double right_bend_slope[] = {
      -0x1.d8765d356c1afp-3,  0x1.2005f89b94e16p-2,   -0x1.467b383afa811p-4, -0x1.11016a32bed61p-4,
      0x1.eb6dcd56f72fbp-5,   -0x1.24b1188e7e4c9p-7,  -0x1.79fcae5a9b291p-7, 0x1.caeea157bc7ccp-8,
      -0x1.1990c943cfccep-12, -0x1.6f584a1e923f7p-10, 0x1.3ee8aba99b92bp-11, 0x1.809b408c02a06p-15,
      -0x1.1faf3652199d0p-13, 0x1.6c658d1f7a649p-15,  0x1.3f81da3f17b2dp-17, -0x1.87e1c8996dbc2p-17,
      0x1.5343bcc305de4p-19,  0x1.4df66e19e75bdp-20,  -0x1.949720ff8de30p-21};

  // Backward from the output and the side; printed by tools/fit_lean.py.
  static constexpr minimum the_minimum{
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
  static constexpr interval side_range = side_slopes::range;
  static constexpr double turn = root;
  OGIVE_INLINE static floats side_slope_lanes(floats y, mask rising) {
    return side_slopes::slope<mish_sides>(y, rising);
  }
  static bool rises(double x) { return !(x < root); }
  template <class M>
  static double slope_from_side(double y, double rising) {
    return slope_from_output_and_side<mish, M>(the_minimum, y, rising);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
