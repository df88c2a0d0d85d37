// silu: x/(1 + e^-x).
#pragma once

struct silu {
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 1000);
    const auto part = M::gate(c, c, 0, c);
    return {x > 1000 ? x : part.value, near_root<M>(c, 0, part.slope)};
  }
  // The slope where it passes through its root, elsewhere as it is.
  template <class M>
  static double near_root(double x, double x_low, double slope) {
    if constexpr (!M::full) return slope;
    const double d = ((x - root) - root_low) + x_low;
    return magnitude(d) < 0.5 ? d * polynomial(root_slope, d) : slope;
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
