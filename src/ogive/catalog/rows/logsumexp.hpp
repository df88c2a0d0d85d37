// logsumexp: max + log S. Its gradient is the softmax of the row.
#pragma once

struct logsumexp {
  static constexpr bool reduces = true;

  static void value(const row &r, double *y) { y[0] = r.masked_out ? -infinity : r.log_sum_exp(); }

  // Near 0 it has no more digits than log S, and needs them of a double.
  template <class M>
  static bool float_value(const float *x, std::ptrdiff_t n, float *y, bool) {
    float_row r;
    if (!r.prepare(x, n)) return false;
    const double all = r.origin() + r.log_sum();
    if (magnitude(all) < 0.5) return false;
    y[0] = static_cast<float>(all);
    return true;
  }

  static void backward(const row &r, const double *dy, double *dx) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) dx[i] = dy[0] * r.probability(i);
  }
};
