// gelu_sigmoid: x/(1 + e^-u) with u = scale x, which is silu(u)/scale; the slope is that of silu at
// u.
#pragma once
#include "silu.hpp"

struct gelu_sigmoid {
  static constexpr double scale = 1.702;
  template <class M>
  static jet<double> at(double x) {
    const double c = within(x, 1000), u = scale * c, u_low = M::full ? fma(scale, c, -u) : 0;
    const auto part = M::gate(c, u, u_low, u);
    return {x > 1000 ? x : part.value, silu::near_root<M>(u, u_low, part.slope)};
  }
};
