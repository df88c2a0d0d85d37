// glu: a sigmoid(b).
#pragma once

#include "drivers/gated.hpp"
#include "unary/sigmoid.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct glu : gate<sigmoid> {
  static jet<double> break_ties(jet<double> f, double b) {
    const double side = sign_of(b);
    return {nudged_off(nudged_off(f.value, 0.5, side), 1, -1),
            nudged_off(f.slope, 0.25, -magnitude(side))};
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
