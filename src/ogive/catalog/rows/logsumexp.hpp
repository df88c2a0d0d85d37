// logsumexp: max + log S. Its gradient is the softmax of the row.
#pragma once

#include "drivers/rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct logsumexp {
  static constexpr bool reduces = true;

  static void value(const row &r, double *y) { y[0] = r.masked_out ? -infinity : r.log_sum_exp(); }

  // Near 0 it has no more digits than log S, and they need the double form.
  template <class M, class Row>
  static bool lane_value(Row &r, const typename Row::real *x, std::ptrdiff_t n,
                         typename Row::real *y) {
    if (!r.template prepare<false>(x, n)) return false;
    const double all = r.log_sum_exp();
    if (magnitude(all) < Row::least_log) return false;
    y[0] = static_cast<typename Row::real>(all);
    return true;
  }

  template <class Rows>
  static unsigned short_value(Rows &some) {
    unsigned taken = some.template prepare<false>(nullptr);
    double result[Rows::width];
    for (int k = 0; k < Rows::width; ++k) result[k] = logarithm(some.sum[k] * Rows::scale);
    for (int k = 0; k < Rows::width; ++k)
      taken &= ~(unsigned{magnitude(result[k]) < Rows::least_log} << k);
    some.reduce_to(result);
    return taken;
  }

  template <class M, class Row>
  static bool lane_backward(Row &r, const typename Row::real *x, std::ptrdiff_t n,
                            typename Row::real dy, typename Row::real *dx) {
    const double size = magnitude(static_cast<double>(dy));
    return size >= 0x1p-60 && size <= 0x1p60 && r.template prepare<true>(x, n) &&
           r.template powers<M>(static_cast<double>(dy), 0, dx);
  }
  template <class Rows>
  static unsigned short_backward(Rows &some, const typename Rows::real *dy) {
    unsigned taken = some.template prepare<true>(nullptr);
    double numerator[Rows::width];
    for (int k = 0; k < Rows::width; ++k) {
      numerator[k] = static_cast<double>(dy[k]);
      const double size = magnitude(numerator[k]);
      taken &= ~(unsigned{!(size >= 0x1p-30 && size <= 0x1p30)} << k);
    }
    some.powers(numerator, nullptr, nullptr);
    return taken;
  }

  static void backward(const row &r, const double *dy, double *dx) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) dx[i] = dy[0] * r.probability(i);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
