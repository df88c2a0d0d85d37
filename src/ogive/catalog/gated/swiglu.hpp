// swiglu: a silu(b).
#pragma once
#include "../unary/silu.hpp"

struct swiglu : gate<silu> {
  static double rail(double b) { return b; }
};
