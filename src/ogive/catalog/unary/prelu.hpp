// prelu: leaky_relu with a learned weight.
#pragma once

#include "drivers/unary.hpp"
#include "unary/leaky_relu.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct prelu : leaky_relu {
  template <class M>
  static double parameter_slope(double x, double) {
    return x > 0 ? 0 : x;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
