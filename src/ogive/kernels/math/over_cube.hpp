// A quotient that second derivatives of gates share.
#pragma once

#include "math/elementary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// n/(d + d_low)^3. The full grade puts back what the cube and the quotient lose.
template <class M>
double over_cube(double n, double d, double d_low) {
  const double square = d * d, cube = square * d;
  if constexpr (!M::full) return n / cube;
  const double square_low = fma(d, d, -square) + 2 * d * d_low;
  return M::quotient(n, cube, fma(square, d, -cube) + (square_low * d + square * d_low));
}

} // namespace
} // namespace ogive::OGIVE_ISA
