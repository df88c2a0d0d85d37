// logsumexp: max + log S. Its gradient is the softmax of the row.
#pragma once

#include "drivers/rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct logsumexp {
  static constexpr bool reduces = true;

  static void value(const row &r, double *y) { y[0] = r.masked_out ? -infinity : r.log_sum_exp(); }

  // Near 0 it has no more digits than log S, and needs them of a double.
  template <class M>
  static bool float_value(long_row &r, const float *x, std::ptrdiff_t n, float *y) {
    if (!r.prepare<false>(x, n)) return false;
    const double all = r.origin() + r.log_sum();
    if (magnitude(all) < 0.5) return false;
    y[0] = static_cast<float>(all);
    return true;
  }

  static unsigned short_value(short_rows &some) {
    unsigned taken = some.prepare<false>(nullptr);
    double result[lanes];
    for (int k = 0; k < lanes; ++k) result[k] = logarithm(some.sum[k]);
    for (int k = 0; k < lanes; ++k) taken &= ~(unsigned{magnitude(result[k]) < 0.5} << k);
    some.reduce_to(result);
    return taken;
  }

  template <class M>
  static bool float_backward(long_row &r, const float *x, std::ptrdiff_t n, float dy, float *dx) {
    const double size = magnitude(static_cast<double>(dy));
    return size >= 0x1p-60 && size <= 0x1p60 && r.prepare<true>(x, n) &&
           r.powers<M>(static_cast<double>(dy) / r.sum(), dx);
  }
  static unsigned short_backward(short_rows &some, const float *dy) {
    unsigned taken = some.prepare<true>(nullptr);
    double factor[lanes];
    for (int k = 0; k < lanes; ++k) {
      factor[k] = static_cast<double>(dy[k]) / some.sum[k];
      const float size = __builtin_fabsf(dy[k]);
      taken &= ~(unsigned{!(size >= 0x1p-30f && size <= 0x1p30f)} << k);
    }
    some.powers(factor, nullptr, nullptr);
    return taken;
  }

  static void backward(const row &r, const double *dy, double *dx) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) dx[i] = dy[0] * r.probability(i);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
