// gelu: x Phi(x). For x < 0 it is x times the lower tail of the normal, kept as e^(-x^2/2) times a
// ratio, so the tail keeps relative accuracy until it underflows; for x > 0 it is x - x times the
// tail. The slope is Phi(x) + x phi(x), and 1 minus that of -x.
#pragma once

#include "drivers/slope_from_output.hpp"
#include "drivers/unary.hpp"
#include "simd/side_slopes.hpp"
#include "simd/tails.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct gelu {
  template <class M>
  static jet<double> at(double x) {
    const double a = at_most(magnitude(x), M::tail_end);
    const auto part = M::normal_tail(a, a), tail = M::normal_tail(a, 1);
    const double lower = part.density.times(part.ratio, part.ratio_low);
    double slope = tail.density.times(fma(-a, inv_sqrt_2pi, tail.ratio), tail.ratio_low);
    if constexpr (M::full) {
      const double d = (a + root) + root_low; // -(x - root) for x < 0
      slope = magnitude(d) < 0.5 ? -d * polynomial(root_slope, -d) : slope;
    }
    // Exactly 1/2 at 0, where a half's backward meets a tie.
    const double rising = x == 0 ? 0.5 : 1 - slope;
    return {x < 0 ? -lower : x - lower, x < 0 ? slope : rising};
  }
  static jet<double> saturation(double x) { return {0.5, x}; }
  // phi(x) (2 - x^2), even; the fused difference is right next to its root.
  template <class M>
  static double curvature(double x) {
    const double a = at_most(magnitude(x), M::tail_end), square = a * a;
    const double lost = M::full ? fma(a, a, -square) : 0;
    return M::exp_scaled(-square / 2, -lost / 2).times(fma(-a, a, 2) * inv_sqrt_2pi);
  }

  static constexpr interval value_range{-12, largest_float}, slope_range = value_range;
  static constexpr bool slope_fills_registers = true;
  OGIVE_INLINE static float_pair value_lanes(floats x) {
    const floats a = size(x);
    return value_from(x, a, tails::density(a));
  }
  OGIVE_INLINE static signed_slope slope_lanes(floats x) {
    const floats a = size(x);
    return slope_from(x, a, tails::density(a));
  }
  OGIVE_INLINE static jet_lanes both_lanes(floats x) {
    const floats a = size(x);
    const power_lanes e = tails::density(a);
    return {value_from(x, a, e), raised(slope_from(x, a, e))};
  }

private:
  // Above 12 the tail is nothing to x.
  OGIVE_INLINE static floats size(floats x) { return least(magnitude(x), all(12)); }
  // max(x, 0) - a Phi(-a). The product with p, which alone is rounded to its size, comes last.
  OGIVE_INLINE static float_pair value_from(floats x, floats a, power_lanes e) {
    const tails::ratio_lanes f = tails::ratio<gelu_tail>(a, tails::interval_of<gelu_tail>(a));
    const floats h = e.t * f.u, l = fma(e.t, f.v, fma(e.t, f.u, -h)); // Phi(-a)/(1 + p)
    const floats base = greatest(floats{}, x);                        // -0 stays
    const floats high = fnma(a, h, base), part = base - high;         // a h, but for what is lost
    const floats low = fnma(a, l, fnma(a, h, part));
    return {high, fnma(part - low, e.p, low)};
  }
  OGIVE_INLINE static signed_slope slope_from(floats x, floats a, power_lanes e) {
    return tails::on_side_of(x, e, tails::ratio<gelu_slope>(a, tails::interval_of<gelu_slope>(a)));
  }
  // Around its root the slope is d p(d), d = x - root, so that it keeps relative accuracy in double
  // too. Printed by tools/fit_coefficients.py: degree 19 for |d| <= 1/2.
  static constexpr double root = -0x1.80ead197f00b4p-1, root_low = 0x1.13e74c58cada8p-56;
  static constexpr double root_slope[] = {
      0x1.b9d98fa5a3215p-2,   0x1.8d9a941de3ac5p-2,   -0x1.2a2ef9bb865aep-6, -0x1.d2fa4c17c7e84p-4,
      -0x1.e4088244f9014p-7,  0x1.3e346def42057p-6,   0x1.297b9d6ffa709p-8,  -0x1.258a6d8563482p-9,
      -0x1.8680f74e3a6b5p-11, 0x1.86c863b675f3bp-13,  0x1.6961090df9bd0p-14, -0x1.784acae8c3749p-17,
      -0x1.03fec017ce722p-17, 0x1.d0c3a24dd261cp-22,  0x1.3227e84278f79p-21, -0x1.b986669c47858p-30,
      -0x1.301b75b0dbe72p-25, -0x1.7e43e2bd49275p-30, 0x1.ed4c07d1821b1p-30, 0x1.24b4406bc5943p-33};

  // Backward from the output and the side; printed by tools/fit_lean.py.
  static constexpr minimum the_minimum{
      -0x1.80ead197f00b4p-1,
      -0x1.5c19dd4b1a3fbp-3,
      -0x1.2b9ce10f863d8p-58,
      0x1.0000000000000p+2,
      // right: relative error 2^-19.2
      {0x1.1392e17edbb5ap+1, -0x1.63fd7de2b9c21p+0, 0x1.2e0bc812183c3p+1, -0x1.02cc74bd2fb01p+2,
       0x1.06f7f162a986bp+3, -0x1.1679eed120e5bp+4, 0x1.0c0f6315be8c7p+5, -0x1.9f47aba939368p+5,
       0x1.e62cc03e40d86p+5, -0x1.a07e631662041p+5, 0x1.fd6d843edde6fp+4, -0x1.ae9cf8556172ap+3,
       0x1.dc1c8c53047acp+1, -0x1.34e4d0ba2c7adp-1, 0x1.63f2a9174b941p-5},
      // left: relative error 2^-22.8
      {-0x1.545d828e3a5e0p+0, -0x1.358a67ca7bbf5p-3, 0x1.db66f59a3b817p-4, -0x1.59053d7e536e0p-4,
       0x1.d0c7abff09047p-5, -0x1.1b08f9a0f1a59p-5, 0x1.344565c3c6a12p-6, -0x1.8a5f666eb6d24p-8,
       -0x1.145d354142ab6p-7, 0x1.8c9030d1b2cccp-8, 0x1.c31a3c2c2c5e8p-7, 0x1.ac708e875b36bp-8,
       -0x1.1670965c4d01ap-5, -0x1.4fdfc6db428bbp-12, 0x1.f605a3de5266cp-7},
  };

public:
  static constexpr interval side_range = side_slopes::range;
  static constexpr double turn = root;
  OGIVE_INLINE static floats side_slope_lanes(floats y, mask rising) {
    return side_slopes::slope<gelu_sides>(y, rising);
  }
  static bool rises(double x) { return !(x < root); }
  template <class M>
  static double slope_from_side(double y, double rising) {
    return slope_from_output_and_side<gelu, M>(the_minimum, y, rising);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
