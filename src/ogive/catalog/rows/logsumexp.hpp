// logsumexp: max + log S. Its gradient is the softmax of the row.
#pragma once

struct logsumexp {
  static constexpr bool reduces = true;

  static void value(const row &r, double *y) { y[0] = r.masked_out ? -infinity : r.log_sum_exp(); }

  static void backward(const row &r, const double *dy, double *dx) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) dx[i] = dy[0] * r.probability(i);
  }
};
