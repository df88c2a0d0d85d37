// silu: x/(1 + e^-x).
#pragma once

#include "drivers/slope_from_output.hpp"
#include "drivers/unary.hpp"
#include "math/over_cube.hpp"
#include "simd/side_slopes.hpp"
#include "simd/tails.hpp"

namespace ogive::OGIVE_ISA {
namespace {

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
  static jet<double> saturation(double x) { return {0.5, x}; }
  template <class M>
  static double curvature(double x) {
    return curvature_at<M>(at_most(magnitude(x), 1000), 0, 1);
  }
  // factor e (2 - a + (2 + a) e)/(1 + e)^3 with e = e^-(a + a_low)
  template <class M>
  static double curvature_at(double a, double a_low, double factor) {
    const scaled power = M::exp_scaled(-a, -a_low);
    const double e = power.value(), d = 1 + e, n = fma(2 + a, e, (2 - a) - a_low) * factor;
    const double away = over_cube<M>(power.unscaled(n), d, e - (d - 1)) * power.a * power.b;
    const double r = ((a - bend) - bend_low) + a_low;
    return M::full && magnitude(r) < 0.5 ? r * polynomial(bend_slope, r) * factor : away;
  }

  static constexpr double central_range = central_exponent / 2;
  static double central_value(double x) { return with_sign(central_gate(x, x), x); }
  // With r the root, where e^r = -1 - r, the slope is e^x (d + e^r (e^d - 1))/(1 + e^x)^2, d = x -
  // r: nothing cancels, as both terms have the sign of d. Its factors are formed over e^r and 2^n,
  // where e^d = 2^n (1 + p).
  static double central_slope(double x) {
    constexpr double over_power = 1 / (-1 - root - root_low);
    const double d = (x - root) - root_low, shifted = fma(d, log2_e, shifter);
    const double n = shifted - shifter, part = fma(-n, ln2_hi, x), lost = x - fma(n, ln2_hi, part);
    const central_power e = central_rest(fma(-n, ln2_lo, part - root) + (lost - root_low), shifted);
    const double s = e.down(), scaled = s * over_power, g = fma(scaled, d, (1 - s) + e.p);
    const double half = 1 + scaled, q = half + e.p, q_low = e.p - (q - half);
    return fma(g, e.p, g) / fma(q, q, q * (2 * q_low));
  }

  static constexpr interval value_range{-80, 80}, slope_range = value_range;
  static constexpr bool slope_fills_registers = true;
  OGIVE_INLINE static fused_lanes value_lanes(floats x) { return gate_value(x, x); }
  OGIVE_INLINE static signed_slope slope_lanes(floats x) { return slope_lanes_at(magnitude(x), x); }
  OGIVE_INLINE static jet_lanes both_lanes(floats x) {
    const floats a = magnitude(x);
    const power_lanes e = tails::exp_of_minus(a);
    const over_one_plus<true> gate({e.t, fma(a, -tails::drift, e.p)});
    return {product(x, gate.inverse_or_rest(~(x < 0))), raised(slope_from(a, x, e))};
  }
  // From a size, floats or a pair, and its sign.
  template <class Argument>
  OGIVE_INLINE static signed_slope slope_lanes_at(Argument a, floats sign) {
    return slope_from(a, sign, tails::exp_of_minus(a));
  }

private:
  template <class Argument>
  OGIVE_INLINE static signed_slope slope_from(Argument a, floats sign, power_lanes e) {
    const words j = tails::interval_of<silu_slope>(least(high_of(a), all(22)));
    return tails::on_side_of(sign, e, tails::ratio<silu_slope>(a, j));
  }
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
  // The curvature around its root: degree 17.
  static constexpr double bend = 0x1.331e23ad9de11p+1, bend_low = 0x1.a9c55ef03c74ap-53;
  static constexpr double bend_slope[] = {
      -0x1.76e8b4eb0ea41p-4,  0x1.388203715b23ep-4,   -0x1.706e66bf3603cp-6,
      -0x1.e178d8d2391d2p-10, 0x1.fa4e9f742fde1p-9,   -0x1.662f848d6c276p-10,
      0x1.e2e4a660036a8p-14,  0x1.94804c5543a1cp-14,  -0x1.8e0bb18c2803dp-15,
      0x1.1af1923966a67p-17,  0x1.4e834fe8e9f32p-20,  -0x1.3f8fc5da775dfp-20,
      0x1.51ae60c5c1adep-22,  -0x1.547a1b5725145p-27, -0x1.86499f26d9050p-26,
      0x1.28f15fde95003p-27,  -0x1.fd48ce0bc8288p-31, -0x1.760e73fb37533p-32};

  // Backward from the output and the side; printed by tools/fit_lean.py.
  static constexpr minimum the_minimum{
      -0x1.474973c84120bp+0,
      -0x1.1d25cf210482ep-2,
      0x1.ca2d0d94faaecp-60,
      0x1.a000000000000p+3,
      // right: relative error 2^-18.5
      {0x1.83de3da72a06cp+1, -0x1.07be7d6f592b2p+1, 0x1.726903c845d8bp+1, -0x1.f300cd69819eap+1,
       0x1.5b01d7d5b432ep+2, -0x1.b135599ea461ap+2, 0x1.c0db3948efac9p+2, -0x1.6b4c4f764ac8bp+2,
       0x1.bb3d921c44f70p+1, -0x1.8d49f11b4536dp+0, 0x1.fe291302c63c8p-2, -0x1.c5d22e3aca1f3p-4,
       0x1.08b590d253649p-6, -0x1.6ba623ec15e61p-10, 0x1.bd938549f4674p-15},
      // left: relative error 2^-15.8
      {-0x1.10f7393c10fa7p+3, -0x1.ed01884e284dap+3, -0x1.02e124168d333p+4, -0x1.fcdf8f57ec5c2p+3,
       -0x1.fcca1cb778610p+3, -0x1.f428558a4c7e2p+3, -0x1.1bf44eeaf3fefp+4, -0x1.36fda779d142ap+4,
       -0x1.01892a7109e10p+3, 0x1.482567a4b5045p+1, -0x1.cdc50440c20afp+4, -0x1.da8875fd3f651p+5,
       -0x1.9b5179ed88a2fp+4, 0x1.81d4f309e332ap+3, 0x1.09af030a21051p+3},
  };

public:
  // s (1 - s) (2 + x (1 - 2s)) with the sigmoid s; not to the last bit, but from what `at`
  // computes.
  template <class M>
  static double rough_curvature(double x) {
    const double c = within(x, 1000);
    const bool negative = x < 0;
    const double e = M::exp_scaled(-magnitude(c)).value(), inverse = 1 / (1 + e);
    const double s = negative ? e * inverse : inverse, rest = negative ? inverse : e * inverse;
    return s * rest * fma(c, rest - s, 2);
  }
  static constexpr interval side_range = side_slopes::range;
  static constexpr double turn = root;
  OGIVE_INLINE static floats side_slope_lanes(floats y, mask rising) {
    return side_slopes::slope<silu_sides>(y, rising);
  }
  static bool rises(double x) { return !(x < root); }
  template <class M>
  static double slope_from_side(double y, double rising) {
    return slope_from_output_and_side<silu, M>(the_minimum, y, rising);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
