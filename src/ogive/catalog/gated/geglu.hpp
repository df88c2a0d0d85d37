// geglu: a gelu(b).
#pragma once
#include "../unary/gelu.hpp"

struct geglu : gate<gelu> {
  static double rail(double b) { return b; }
};
