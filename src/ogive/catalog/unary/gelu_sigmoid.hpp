// gelu_sigmoid: x/(1 + e^-u) with u = scale x, which is silu(u)/scale; the slope is that of silu at
// u.
#pragma once

#include "drivers/unary.hpp"
#include "unary/silu.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct gelu_sigmoid {
  static constexpr double scale = 1.702;
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 1000), u = scale * c, u_low = M::full ? fma(scale, c, -u) : 0;
    const auto part = M::gate(c, u, u_low, u);
    return {x > 1000 ? x : part.value, silu::near_root<M>(u, u_low, part.slope)};
  }
  static jet<double> saturation(double x) { return {0.5, x}; }
  template <class M>
  static double curvature(double x) {
    const double a = at_most(magnitude(x), 1000), u = scale * a;
    return silu::curvature_at<M>(u, M::full ? fma(scale, a, -u) : 0, scale);
  }

  static constexpr interval value_range{-46, 46, 1e-30f}, slope_range = value_range;
  OGIVE_INLINE static fused_lanes value_lanes(floats x) { return gate_value(x, scaled_lanes(x)); }
  // Where the high part of scale x is the root of silu's slope, the low part decides the sign.
  OGIVE_INLINE static float_pair slope_lanes(floats x) {
    return silu::slope_lanes_at(scaled_lanes(magnitude(x)), x);
  }

private:
  OGIVE_INLINE static float_pair scaled_lanes(floats x) {
    constexpr auto high = static_cast<float>(scale), low = static_cast<float>(scale - high);
    return product(x, {all(high), all(low)});
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
