// rrelu: leaky_relu whose slope in evaluation is the mean of [lower, upper], and in training drawn
// for each element; so the output does not tell it.
#pragma once

#include "drivers/unary.hpp"
#include "unary/leaky_relu.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct rrelu : private leaky_relu {
  using leaky_relu::at, leaky_relu::through, leaky_relu::takes, leaky_relu::slopes;
  using leaky_relu::half_lanes, leaky_relu::half_backward_lanes;
  using leaky_relu::slope_range, leaky_relu::slope_lanes;
  using leaky_relu::value_range, leaky_relu::value_lanes;
  using leaky_relu::with_first_slope;

  static double draw(double u, double lower, double upper) { return fma(u, upper - lower, lower); }
  static double in_evaluation(double lower, double upper) { return (lower + upper) / 2; }
};

} // namespace
} // namespace ogive::OGIVE_ISA
