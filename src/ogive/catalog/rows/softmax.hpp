// softmax: a_i = e^(x_i - max)/S.
#pragma once

struct softmax {
  static constexpr bool reduces = false;

  static void value(const row &r, double *y) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) y[i] = r.probability(i);
  }

  static unsigned short_value(short_rows &some) {
    const unsigned taken = some.prepare(nullptr);
    double factor[lanes];
    for (int k = 0; k < lanes; ++k) factor[k] = 1 / some.sum[k];
    some.powers(factor, nullptr, nullptr);
    return taken;
  }
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
    using namespace rows_of_floats;
    doubles sum[vectors][2] = {};
    const auto add = [&](int k, floats a, floats b) {
      for (int h = 0; h < 2; ++h) sum[k][h] += half_of(a, h) * (half_of(b, h) - origin);
    };
    std::ptrdiff_t i = 0;
    for (; i + group <= n; i += group)
#pragma GCC unroll 4
      for (int k = 0; k < vectors; ++k) add(k, load(y + i + k * lanes), load(dy + i + k * lanes));
    for (int k = 0; i < n; ++k, i += lanes) {
      const std::ptrdiff_t left = n - i < lanes ? n - i : lanes;
      if (left == lanes)
        add(k, load(y + i), load(dy + i));
      else
        add(k, load_some(y + i, left, 0), load_some(dy + i, left, static_cast<float>(origin)));
    }
    const double shift = total_of(sum);
    if (magnitude(temperature) == 1)
      for (std::ptrdiff_t j = 0; j < n; ++j)
        dx[j] = static_cast<float>(static_cast<double>(y[j]) *
                                   ((static_cast<double>(dy[j]) - origin) - shift) * temperature);
    else
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
