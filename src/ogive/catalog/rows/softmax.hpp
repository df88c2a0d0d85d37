// softmax: a_i = e^(x_i - max)/S.
#pragma once

struct softmax {
  static constexpr bool reduces = false;

  static void value(const row &r, double *y) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) y[i] = r.probability(i);
  }

  static double short_factor(double sum) { return 1 / sum; }
  template <class M>
  static bool float_value(const float *x, std::ptrdiff_t n, float *y, bool streaming) {
    float_row r;
    return r.prepare(x, n) && r.powers<M>(1 / r.sum(), y, streaming);
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

  // The same operations as below, on floats as they are read.
  static void float_backward_from_output(std::ptrdiff_t n, const float *dy, const float *y,
                                         double temperature, float *dx) {
    if (n == 0) return;
    float most, least;
    rows_of_floats::find_extremes(y, n, most, least);
    const auto origin = static_cast<double>(dy[rows_of_floats::first_position(y, n, most)]);
    lane_sum sum;
    std::ptrdiff_t i = 0;
    const auto term = [&](std::ptrdiff_t j) {
      return static_cast<double>(y[j]) * (static_cast<double>(dy[j]) - origin);
    };
    constexpr int lanes_of_sum = lane_sum::lanes;
    for (; i + lanes_of_sum <= n; i += lanes_of_sum)
      for (int j = 0; j < lanes_of_sum; ++j) sum.lane[j] += term(i + j);
    for (int j = 0; i + j < n; ++j) sum.lane[j] += term(i + j);
    const double shift = sum.total();
    for (std::ptrdiff_t j = 0; j < n; ++j)
      dx[j] = static_cast<float>(static_cast<double>(y[j]) *
                                 ((static_cast<double>(dy[j]) - origin) - shift) / temperature);
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
