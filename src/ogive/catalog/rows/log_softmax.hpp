// log_softmax: (x_i - max) - log S, a sum of two non-positive terms, so nothing cancels.
struct log_softmax {
  static constexpr bool reduces = false;

  static void value(const row &r, double *y) {
    const double log_sum = r.log_sum();
    for (std::ptrdiff_t i = 0; i < r.n; ++i) y[i] = r.d[i] - log_sum;
  }

  // dx_i = dy_i - a_i sum_j dy_j; at the likeliest class 1 - a_k = rest/S is used as it is.
  static void backward(const row &r, const double *dy, double *dx) {
    if (r.n == 0) return;
    lane_sum others;
    others.add(r.n, [&](std::ptrdiff_t j) { return j == r.argmax ? 0.0 : dy[j]; });
    const double rest = others.total(), all = rest + dy[r.argmax], sum = r.sum();
    for (std::ptrdiff_t i = 0; i < r.n; ++i) dx[i] = dy[i] - r.e[i] / sum * all;
    dx[r.argmax] = (dy[r.argmax] * r.rest - rest) / sum;
  }

  static void backward_from_output(std::ptrdiff_t n, const double *dy, const double *y,
                                   double *dx) {
    lane_sum total;
    total.add(n, [&](std::ptrdiff_t j) { return dy[j]; });
    const double all = total.total();
    for (std::ptrdiff_t i = 0; i < n; ++i) dx[i] = dy[i] - row_math::exp(y[i]) * all;
  }
};
