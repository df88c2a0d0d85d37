// entmax15: ((z_i/2 - tau)_+)^2.
#pragma once

#include "drivers/rows.hpp"
#include "drivers/threshold_rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct entmax15 {
  static constexpr bool reduces = false;
  using state = threshold_row<2>;

  static void value(const state &r, double *y) { r.probabilities(y); }

  static void backward(const state &r, const double *dy, double *dx) {
    r.probabilities(r.e);
    sparse_backward<2>(r.n, dy, r.e, dx);
  }

  static void backward_from_output(std::ptrdiff_t n, const double *dy, const double *y,
                                   double *dx) {
    sparse_backward<2>(n, dy, y, dx);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
