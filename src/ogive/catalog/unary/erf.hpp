// erf: x + x p(x^2) up to |x| = 1, which keeps relative accuracy at 0; beyond it, with a = |x|,
// 1 - e^(-a^2) n(t)/(a + c), t = (a - c)/(a + c).
#pragma once

#include "drivers/unary.hpp"
#include "simd/saturating.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct erf {
  template <class M>
  static jet<double> at(double x) {
    const double a = magnitude(x), near = fma(a, inner<M>(at_most(a, 1)), a);
    const double b = at_most(a, M::full ? 6 : 4), over = 1 / (b + centre);
    const double rest = M::exp(-b * b) * (outer<M>((b - centre) * over) * over);
    return {with_sign(a < 1 ? near : 1 - rest, x), bell<M>(x, two_over_sqrt_pi, two_low)};
  }

  // Among the subnormal numbers a p would be rounded too coarsely.
  static constexpr interval value_range{-largest_float, largest_float, 0x1p-100f};
  static constexpr interval slope_range{-9, 9};
  OGIVE_INLINE static floats value_lanes(floats x) {
    const floats a = magnitude(x), z = a * a;
    const floats p = fma(saturating::near_polynomial(erf_near, z), z, erf_near[0]);
    const float_pair far = saturating::far(a, erf_far, erf_far_low, erf_least, erf_last);
    return with_sign_of(a < erf_least ? fma(a, 1.125f, a * p) : far.high + far.low, x);
  }
  OGIVE_INLINE static signed_slope slope_lanes(floats x) {
    return {product(exp_of_minus_square(x).scaled(), split(two_over_sqrt_pi))};
  }

  template <class M>
  static double curvature(double x) {
    const double factor = -2 * two_over_sqrt_pi * within(x, M::tail_end);
    return bell<M>(x, factor, 0);
  }

private:
  // factor e^(-x^2), with what the rounding of the square loses.
  template <class M>
  static double bell(double x, double factor, double factor_low) {
    const double a = at_most(magnitude(x), M::tail_end), square = a * a;
    const double lost = M::full ? fma(a, a, -square) : 0;
    return M::exp_scaled(-square, -lost).times(factor, factor_low);
  }
  template <class M>
  static double inner(double a) {
    return M::full ? polynomial(near_f64, a * a) : polynomial(near_f32, a * a);
  }
  template <class M>
  static double outer(double t) {
    return M::full ? polynomial(far_f64, t) : polynomial(far_f32, t);
  }

  static constexpr double two_over_sqrt_pi = 0x1.20dd750429b6dp+0, two_low = 0x1.1ae3a914fed80p-56;
  // Printed by tools/fit_coefficients.py. In f32 it is 1 from 3.92 on, in f64 from 5.93 on.
  static constexpr double centre = 3;
  static constexpr double near_f32[] = {
      0x1.06eba8214d8c5p-3,  -0x1.812746b0271ecp-2,  0x1.ce2f2197bc2efp-4,  -0x1.b82ce15c3b7f8p-6,
      0x1.565ba0406c001p-8,  -0x1.c0286cad68e02p-11, 0x1.f941bed7e7847p-14, -0x1.f0705a1dde9aap-17,
      0x1.9ae0986f9de4fp-20, -0x1.c1a515de8637ap-24};
  static constexpr double far_f32[] = {
      0x1.12f21ddda00e1p+0,   -0x1.c44c471b929f7p-1, 0x1.2e32694259702p-1,   -0x1.3deb21863f00ep-2,
      0x1.e995f9ae98f72p-4,   -0x1.b787e2798f230p-6, -0x1.3dbad3cabe825p-10, 0x1.8c6b0f746f8fdp-9,
      -0x1.39aec272a7a76p-11, -0x1.938a267fc74e2p-12};
  static constexpr double near_f64[] = {
      0x1.06eba8214db69p-3,  -0x1.812746b0379e7p-2,  0x1.ce2f21a042bdep-4,  -0x1.b82ce312889bap-6,
      0x1.565bcd0e6502dp-8,  -0x1.c02db3feeb579p-11, 0x1.f9a326c233146p-14, -0x1.f4d2561aeafd4p-17,
      0x1.b9e6509b9867dp-20, -0x1.5f6d925a0bc7ap-23, 0x1.fc4356498c2d9p-27, -0x1.4e607b41a6416p-30,
      0x1.7f072188e194dp-34, -0x1.29b9f1b3df556p-38};
  static constexpr double far_f64[] = {
      0x1.12f21ddd9f5e2p+0,   -0x1.c44c471baa376p-1,  0x1.2e326945de2c8p-1,
      -0x1.3deb21415dc35p-2,  0x1.e995f11b12f87p-4,   -0x1.b78993d6e8518p-6,
      -0x1.3dd3e6e28376ap-10, 0x1.8dae3a7d8c415p-9,   -0x1.1f78e88426addp-11,
      -0x1.2239428fb212bp-12, 0x1.c327118162b35p-14,  0x1.fe36ecbf4b1f0p-16,
      -0x1.2514894443e7cp-16, -0x1.440715555f5b0p-18, 0x1.65b945c48d2e1p-19,
      0x1.34f4509e22a8dp-20};
};

} // namespace
} // namespace ogive::OGIVE_ISA
