// softmax: a_i = e^(x_i - max)/S.
#pragma once

struct softmax {
  static constexpr bool reduces = false;

  static void value(const row &r, double *y) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) y[i] = r.probability(i);
  }

  static void backward(const row &r, const double *dy, double *dx) {
    contract(r.n, r.argmax, dy, dx, [&](std::ptrdiff_t i) { return r.probability(i); });
  }

  static void backward_from_output(std::ptrdiff_t n, const double *dy, const double *y,
                                   double *dx) {
    std::ptrdiff_t k = 0;
    for (std::ptrdiff_t i = 1; i < n; ++i) k = y[i] > y[k] ? i : k;
    contract(n, k, dy, dx, [&](std::ptrdiff_t i) { return y[i]; });
  }

private:
  // dx_i = a_i (dy_i - sum_j a_j dy_j). A softmax row is blind to a constant in dy, so dy_k of the
  // likeliest class is taken off first; in a confident row nothing then cancels.
  template <class Probability>
  static void contract(std::ptrdiff_t n, std::ptrdiff_t k, const double *dy, double *dx,
                       Probability a) {
    if (n == 0) return;
    const double origin = dy[k];
    for (std::ptrdiff_t j = 0; j < n; ++j) dx[j] = a(j) * (dy[j] - origin);
    const double shift = sum_of(dx, n);
    for (std::ptrdiff_t i = 0; i < n; ++i) dx[i] = a(i) * ((dy[i] - origin) - shift);
  }
};
