// prelu: leaky_relu with a learned weight.
#pragma once
#include "leaky_relu.hpp"

struct prelu : leaky_relu {
  template <class M>
  static double parameter_slope(double x, double) {
    return x > 0 ? 0 : x;
  }
};
