// log_softmax: (x_i - max) - log S, a sum of two non-positive terms, so nothing cancels.
#pragma once

struct log_softmax {
  static constexpr bool reduces = false;

  static void value(const row &r, double *y) {
    const double log_sum = r.log_sum();
    for (std::ptrdiff_t i = 0; i < r.n; ++i) y[i] = r.d[i] - log_sum;
  }

  // Next to 0, at a class that has more than half, log S is needed relative to itself: from the
  // rest.
  template <class M>
  static bool float_value(const float *x, std::ptrdiff_t n, float *y, bool) {
    float_row r;
    if (!r.prepare(x, n)) return false;
    const std::ptrdiff_t k = r.likeliest();
    double origin = r.origin(), log_sum = r.log_sum();
    if (const double most = r.power(k); most > r.sum() / 2) {
      if (!r.prepare(x, n, k) || !(r.sum() >= r.least_sum())) return false;
      origin = static_cast<double>(x[k]);
      log_sum = row_math::log1p(r.sum() / most);
    }
    for (std::ptrdiff_t i = 0; i < n; ++i)
      y[i] = static_cast<float>((static_cast<double>(x[i]) - origin) - log_sum);
    return true;
  }

  static unsigned short_value(short_rows &some) {
    alignas(64) std::int32_t likeliest[lanes];
    some.find_likeliest(likeliest);
    const unsigned taken = some.prepare(likeliest);
    double log_sum[lanes];
    for (int k = 0; k < lanes; ++k) log_sum[k] = row_math::log1p(some.sum[k] / some.own[k]);
    some.differences(likeliest, log_sum);
    return taken;
  }

  // dx_i = dy_i - a_i sum_j dy_j; at the likeliest class 1 - a_k = rest/S is used as it is.
  static void backward(const row &r, const double *dy, double *dx) {
    if (r.n == 0) return;
    for (std::ptrdiff_t j = 0; j < r.n; ++j) dx[j] = dy[j];
    dx[r.argmax] = 0;
    const double rest = sum_of(dx, r.n), all = rest + dy[r.argmax];
    for (std::ptrdiff_t i = 0; i < r.n; ++i) dx[i] = dy[i] - r.probability(i) * all;
    dx[r.argmax] = (dy[r.argmax] * r.rest - rest) / r.sum();
  }

  static void backward_from_output(std::ptrdiff_t n, const double *dy, const double *y,
                                   double *dx) {
    const double all = sum_of(dy, n);
    for (std::ptrdiff_t i = 0; i < n; ++i) dx[i] = dy[i] - row_math::exp(y[i]) * all;
  }
};
