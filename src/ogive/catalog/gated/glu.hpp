// glu: a sigmoid(b).
#pragma once
#include "../unary/sigmoid.hpp"

struct glu : gate<sigmoid> {
  static double rail(double) { return 1; }
};
