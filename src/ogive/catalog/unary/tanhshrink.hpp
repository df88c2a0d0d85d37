// tanhshrink: x - tanh(x): x^3 (1/3 + x^2 q(x^2)) up to |x| = 1, beyond it a - 1 + 2e/(1 + e) with
// a = |x|, e = e^(-2a).
#pragma once

#include "drivers/unary.hpp"
#include "unary/tanh.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct tanhshrink {
  template <class M>
  static jet<double> at(double x) {
    const double a = magnitude(x), e = M::exp(-2 * a), d = 1 + e;
    const double rest = M::quotient(2 * e, d, e - (d - 1));
    // Above a - 1, which may be a tie of the result's format.
    const double far = (a - 1) + (M::full ? rest : at_least(rest, 0x1p-52 * a));

    const double b = at_most(a, 1), square = b * b, cube = b * square;
    const double q =
        square * (M::full ? polynomial(near_f64, square) : polynomial(near_f32, square));
    const double lost = fma(b, square, -cube) + b * fma(b, b, -square);
    const double near =
        M::full ? fma(cube, third, fma(cube, q + third_low, lost * third)) : cube * (q + third);

    const double t = a < 1 ? a - near : 1 - rest;
    // Likewise below x^2 next to 0.
    const double slope = !M::full && a < 0x1p-24 ? fma(-0x1p-52 * a, a, a * a) : t * t;
    return {with_sign(a < 1 ? near : far, x), slope};
  }

  static constexpr double central_range = tanh::central_range;
  static double central_slope(double x) {
    const pair t = tanh::central_ratio(magnitude(x));
    return fma(t.high, t.high, t.high * (2 * t.low));
  }

  // tanh^2; a tiny square would lose its low part.
  static constexpr interval slope_range{-largest_float, largest_float, 0x1p-40f};
  static constexpr bool slope_fills_registers = true;
  OGIVE_INLINE static float_pair slope_lanes(floats x) {
    const floats a = magnitude(x);
    const float_pair parts = select(a < tanh_least, {a, a * tanh::near_0(a)}, tanh::far_from_0(a));
    const float_pair t = exact_sum(parts.high, parts.low);
    return product(t, t);
  }

  // 2 tanh sech^2, which is minus that of tanh.
  template <class M>
  static double curvature(double x) {
    return with_sign(M::logistic_curvature(2 * magnitude(x), 8), x);
  }

private:
  static constexpr double third = 0x1.5555555555555p-2, third_low = 0x1.5555555555555p-56;
  // Printed by tools/fit_coefficients.py.
  static constexpr double near_f32[] = {
      -0x1.11111111110a0p-3,  0x1.ba1ba1b9f6234p-5,  -0x1.664f4872405b2p-6,  0x1.226e328025ed6p-7,
      -0x1.d6d34b7fa979ap-9,  0x1.7d9c2174e8c48p-10, -0x1.35169279b682ep-11, 0x1.f25950a011ba7p-13,
      -0x1.890ade5b62467p-14, 0x1.20a7e50b622b7p-15, -0x1.650b3c6eb71cap-17, 0x1.39cadde86f158p-19,
      -0x1.17f0cac0736f1p-22};
  static constexpr double near_f64[] = {
      -0x1.1111111111111p-3,  0x1.ba1ba1ba1b98ep-5,  -0x1.664f4882bb240p-6,  0x1.226e355cdb611p-7,
      -0x1.d6d3d071a6963p-9,  0x1.7da35adf8c92cp-10, -0x1.35579d7e73e98p-11, 0x1.f572fd5d56015p-13,
      -0x1.96333853dbdc1p-14, 0x1.47f3a3b382d2fp-15, -0x1.050833cd4e0f6p-16, 0x1.8d42adb929683p-18,
      -0x1.0f50f19cd700cp-19, 0x1.2c170a6a9f8dfp-21, -0x1.ca55f1a641fc5p-24, 0x1.5e4bb3f365415p-27};
};

} // namespace
} // namespace ogive::OGIVE_ISA
