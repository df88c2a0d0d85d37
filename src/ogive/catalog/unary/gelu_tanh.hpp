// gelu_tanh: x (1 + tanh k)/2 = x/(1 + e^-2k), 2k = x (linear + cubic x^2).
#pragma once

#include "drivers/unary.hpp"
#include "math/over_cube.hpp"
#include "simd/tails.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct gelu_tanh {
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 1000);
    const pair u = exponent<M>(c), slope = line<M>(c, 3);
    const double v = fma(c, slope.high, c * slope.low); // x (2k)'
    const auto part = M::gate(c, u.high, u.low, v);
    const double d = (c - root) - root_low, close = d * polynomial(root_slope, d);
    return {x > 1000 ? x : part.value, M::full && magnitude(d) < 0.5 ? close : part.slope};
  }

  static jet<double> saturation(double x) { return {0.5, x}; }
  // e ((w + v (2k)') e + w - v (2k)')/(1 + e)^3 with e = e^-2k at a = |x|, v = a (2k)' and
  // w = 2 (2k)' + a (2k)''.
  template <class M>
  static double curvature(double x) {
    const double a = at_most(magnitude(x), 1000);
    const pair u = exponent<M>(a), slope = line<M>(a, 3), half_w = line<M>(a, 6);
    const double v = a * slope.high, w = 2 * half_w.high;
    double difference = fma(-v, slope.high, w);
    if constexpr (M::full) {
      const double v_low = fma(a, slope.high, -v) + a * slope.low;
      difference += 2 * half_w.low - fma(v, slope.low, v_low * slope.high);
    }
    const scaled power = M::exp_scaled(-u.high, -u.low);
    const double e = power.value(), d = 1 + e, n = fma(fma(v, slope.high, w), e, difference);
    const double away = over_cube<M>(power.unscaled(n), d, e - (d - 1)) * power.a * power.b;
    const double r = (a - bend) - bend_low;
    return M::full && magnitude(r) < 0.5 ? r * polynomial(bend_slope, r) : away;
  }

  static constexpr double central_range = 20;
  static double central_value(double x) {
    const pair u = exponent<elementary<f64_grade>>(x);
    return with_sign(central_gate(x, u.high, u.low), x);
  }

  // 2k stays below 80; above the range it is as good as infinite.
  static constexpr interval value_range{-9.5f, largest_float, 1e-30f}, slope_range = value_range;
  OGIVE_INLINE static fused_lanes value_lanes(floats x) {
    return gate_value(x, polynomial_lanes(least(x, all(9.5f))));
  }
  OGIVE_INLINE static signed_slope slope_lanes(floats x) {
    const floats a = size(x);
    return slope_from(x, a, exp_lanes<-1>(polynomial_lanes(a)));
  }
  OGIVE_INLINE static jet_lanes both_lanes(floats x) {
    const floats a = size(x);
    const power_lanes e = exp_lanes<-1>(polynomial_lanes(a));
    const over_one_plus<true> gate(e);
    return {product(x, gate.inverse_or_rest(~(x < 0))), raised(slope_from(x, a, e))};
  }

private:
  OGIVE_INLINE static floats size(floats x) { return least(magnitude(x), all(9.5f)); }
  OGIVE_INLINE static signed_slope slope_from(floats x, floats a, power_lanes e) {
    const words j = tails::interval_of<gelu_tanh_slope>(a);
    return tails::on_side_of(x, e, tails::ratio<gelu_tanh_slope>(a, j));
  }
  // 2 sqrt(2/pi) and 0.044715 times that, as sums of two doubles.
  static constexpr double linear = 0x1.9884533d43651p+0, linear_low = -0x1.cbc0d30ebfd15p-54;
  static constexpr double cubic = 0x1.2444f2a4d8b4bp-4, cubic_low = -0x1.3023b0e5fbc6ep-58;
  // linear + times cubic c^2, in the full grade to twice the precision of double.
  template <class M>
  static pair line(double c, double times) {
    const double square = c * c;
    if constexpr (!M::full) return {fma(times * cubic, square, linear), 0};
    const double square_low = fma(c, c, -square), p = cubic * square;
    const double p_low = fma(cubic, square, -p) + fma(cubic, square_low, cubic_low * square);
    const double part = times * p, part_low = fma(times, p, -part) + times * p_low;
    const pair w = exact_sum(linear, part);
    return {w.high, w.low + (linear_low + part_low)};
  }
  // 2k; e^-2k multiplies what it loses by 2k.
  template <class M>
  static pair exponent(double c) {
    const pair w = line<M>(c, 1);
    const double u = c * w.high;
    return {u, M::full ? fma(c, w.high, -u) + c * w.low : 0};
  }
  // 2k = x (linear + cubic x^2)
  OGIVE_INLINE static float_pair polynomial_lanes(floats x) {
    const auto l = static_cast<float>(linear), c = static_cast<float>(cubic);
    const float_pair square = product(x, {x, floats{}});
    const float_pair part = product(square, {all(c), all(static_cast<float>(cubic - c))});
    const float_pair sum = any_exact_sum(all(l), part.high);
    const floats low = sum.low + (part.low + static_cast<float>(linear - l));
    return product(x, exact_sum(sum.high, low));
  }
  // Around its root the slope is d p(d), d = x - root, so that it keeps relative accuracy in double
  // too. Printed by tools/fit_coefficients.py, as are the numbers above: degree 18 for |d| <= 1/2.
  static constexpr double root = -0x1.81429f9e97e4dp-1, root_low = 0x1.3ce60c9e3b279p-55;
  static constexpr double root_slope[] = {
      0x1.b8bacd2c96b91p-2,   0x1.8cd1a2b2fff32p-2,  -0x1.029615edb0779p-6, -0x1.d2b7734647063p-4,
      -0x1.104a83edc0d1dp-6,  0x1.427996dc1fab5p-6,  0x1.58c9ed7127407p-8,  -0x1.3d8d641217e09p-9,
      -0x1.e63f2935e2955p-11, 0x1.14bf86a9c262bp-12, 0x1.04936b70a70c0p-13, -0x1.253af291f260dp-15,
      -0x1.0b9b6c15319dep-16, 0x1.8d065ef8c9f91p-18, 0x1.4666a279e838bp-19, -0x1.07407370d6d1dp-20,
      -0x1.c81f4663a1e32p-22, 0x1.07ad3c48ccd0ep-23, 0x1.0bb4155962138p-24};
  // The curvature around its root: degree 17.
  static constexpr double bend = 0x1.6b23142700629p+0, bend_low = 0x1.8a76a5d7fd655p-54;
  static constexpr double bend_slope[] = {
      -0x1.a360c3e39b757p-2,  0x1.ba73788e0f42ep-2,   -0x1.0bae2297928dep-7,  -0x1.49ec14523a9fcp-3,
      0x1.d0e682b0a9936p-5,   0x1.4842653d434f5p-6,   -0x1.11cd24a1aa36bp-6,  0x1.9022fc448c316p-11,
      0x1.5a7bd9de09cdcp-9,   -0x1.89f5e614a0c62p-11, -0x1.1274ebea7294ep-12, 0x1.71847e77c1e43p-13,
      0x1.9e28f4896ad5ap-18,  -0x1.e9b3ba8690016p-16, 0x1.3f01c2bcbbaecp-18,  0x1.e01fec176e30ep-19,
      -0x1.46069afe24207p-20, -0x1.0e0c6059cd998p-22};
};

} // namespace
} // namespace ogive::OGIVE_ISA
