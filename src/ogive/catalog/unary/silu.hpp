// silu: x/(1 + e^-x), with e = e^-|x|: for x < 0 the value is x e/(1 + e). The powers of two in e
// are multiplied in last, so results near and below the smallest normal number keep their digits.
#pragma once

struct silu {
  template <class M>
  static jet<double> at(double x) {
    const double low = at_least(x, -1000), c = at_most(low, 1000); // x e would be inf * 0
    const scaled power = M::exp_scaled(-magnitude(x));
    const double e = power.value(), d = 1 + e, d_low = e - (d - 1);
    const bool negative = x < 0;
    const double a = negative ? power.a : 1, b = negative ? power.b : 1;
    const double s = M::quotient(negative ? power.unscaled(1) : 1, d, d_low); // times a b
    const double complement = M::quotient(negative ? 1 : e, d, d_low);        // 1 - s a b
    double slope = s * fma(c, complement, 1) * a * b;
    double value = low * s * a * b;
    if constexpr (M::full) {
      // One rounding fewer, from a numerator that must be finite.
      const double bounded = M::quotient(negative ? power.unscaled(c) : c, d, d_low) * a * b;
      value = x > 1000 ? x : bounded;
      const double r = (x - root) - root_low;
      slope = magnitude(r) < 0.5 ? r * polynomial(root_slope, r) : slope;
    } else {
      // x/2 + x^2/4 would round to x/2, which may be a tie of the result's format: stay above it.
      const double above = with_sign(fma(magnitude(x), 0x1p-52, x / 2), x);
      value = magnitude(x) < 0x1p-60 ? above : value;
    }
    return {value, slope};
  }

  static constexpr interval value_range{-80, 80};
  OGIVE_INLINE static floats value_lanes(floats x) {
    const logistic_lanes s = logistic(x);
    const floats y = x * s.q;
    return with_sign_of(magnitude(y + fma(y, s.e, fma(x, s.q, -y))), x); // -0 + 0 would be +0
  }

private:
  // Around its root the slope is d p(d), d = x - root, so that it keeps relative accuracy in double
  // too. Printed by tools/fit_coefficients.py: degree 17 for |d| <= 1/2.
  static constexpr double root = -0x1.474973c84120bp+0, root_low = -0x1.f8d74bc9ac154p-54;
  static constexpr double root_slope[] = {
      0x1.be1410460527fp-3,   0x1.2c563458cc0adp-3,   0x1.353eb573ca456p-6,
      -0x1.f2d0e32bc2991p-7,  -0x1.b0f82c498fbc0p-8,  0x1.098e92b8ec7bdp-13,
      0x1.a2a7caf0d0ca2p-11,  0x1.8574d13778517p-13,  -0x1.57238da38b672p-15,
      -0x1.f2d897cf30991p-16, -0x1.8af42c1681c2cp-19, 0x1.3ae11d56cd221p-19,
      0x1.cdb461931a5b2p-21,  -0x1.065a31ae2f420p-25, -0x1.8e6542a4ec40dp-24,
      -0x1.42502b8cb93f7p-26, 0x1.4c1e004b6c058p-28,  0x1.6eae10d675b64p-29};
};
