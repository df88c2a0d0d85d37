// geglu_tanh: a gelu_tanh(b).
#pragma once

#include "drivers/gated.hpp"
#include "unary/gelu_tanh.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// Far out f(b) is b in double, and so are ties of a f(b): lanes, which may tell f(b) from b, stop.
struct gelu_tanh_gate : gelu_tanh {
  static constexpr interval value_range{gelu_tanh::value_range.least, 80, 1e-30f};
  static constexpr interval slope_range = value_range;
};

struct geglu_tanh : gate_through_zero<gelu_tanh_gate> {};

} // namespace
} // namespace ogive::OGIVE_ISA
