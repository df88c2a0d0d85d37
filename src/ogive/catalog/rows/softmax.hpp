// softmax: a_i = e^(x_i - max)/S.
#pragma once

#include "drivers/rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct softmax {
  static constexpr bool reduces = false;

  static void value(const row &r, double *y) {
    for (std::ptrdiff_t i = 0; i < r.n; ++i) y[i] = r.probability(i);
  }

  template <class Rows>
  static unsigned short_value(Rows &some) {
    const unsigned taken = some.template prepare<true>(nullptr);
    double ones[Rows::width];
    for (double &one : ones) one = 1;
    some.powers(ones, nullptr, nullptr);
    return taken;
  }
  template <class M, class Row>
  static bool lane_value(Row &r, const typename Row::real *x, std::ptrdiff_t n,
                         typename Row::real *y) {
    return r.template prepare<true>(x, n) && r.template powers<M>(1, 0, y);
  }

  static void backward(const row &r, const double *dy, double *dx) {
    contract(r.n, r.argmax, dy, dx, [&](std::ptrdiff_t i) { return r.probability(i); });
  }

  static void backward_from_output(std::ptrdiff_t n, const double *dy, const double *y,
                                   double *dx) {
    contract(n, first_of(y, n, largest_of(y, n)), dy, dx, [&](std::ptrdiff_t i) { return y[i]; });
  }

  // The same as below, on floats as they are read. The likeliest class is looked for block by
  // block, while the block is near; where a later block has a likelier one, what is summed so far
  // takes the change of origin by the sum of its probabilities.
  static bool lane_backward_from_output(std::ptrdiff_t n, const float *dy, const float *y,
                                        double temperature, float *dx, bool streams) {
    using namespace rows_of_floats;
    constexpr std::ptrdiff_t near = 2048;
    double origin = 0, shift = 0, probability = 0;
    float most = -__builtin_inff();
    for (std::ptrdiff_t begin = 0; begin < n; begin += near) {
      const std::ptrdiff_t count = n - begin < near ? n - begin : near;
      const float *const some_y = y + begin, *const some_dy = dy + begin;
      extremes seen;
      seen.take(some_y, count);
      if (const float here = seen.most(); begin == 0 || here > most) {
        const auto next = static_cast<double>(some_dy[first_position(some_y, count, here)]);
        shift += begin == 0 ? 0 : (origin - next) * probability;
        origin = next;
        most = here;
      }
      doubles sum[vectors][2] = {}, all[vectors][2] = {};
      const auto add = [&](int k, floats a, floats b) {
        for (int h = 0; h < 2; ++h) {
          const doubles p = half_of(a, h);
          sum[k][h] += p * (half_of(b, h) - origin);
          if (n > near) all[k][h] += p;
        }
      };
      std::ptrdiff_t i = 0;
      for (; i + group <= count; i += group) {
        __builtin_prefetch(some_y + i + ahead);
        __builtin_prefetch(some_dy + i + ahead);
#pragma GCC unroll 4
        for (int k = 0; k < vectors; ++k)
          add(k, load(some_y + i + k * lanes), load(some_dy + i + k * lanes));
      }
      for (int k = 0; i < count; ++k, i += lanes) {
        const std::ptrdiff_t left = count - i < lanes ? count - i : lanes;
        if (left == lanes)
          add(k, load(some_y + i), load(some_dy + i));
        else
          add(k, load_some(some_y + i, left, 0),
              load_some(some_dy + i, left, static_cast<float>(origin)));
      }
      shift += total_of(sum);
      if (n > near) probability += total_of(all);
    }
    // Where dy is not finite, that of a class without probability must not count.
    if (!(magnitude(shift) < infinity)) return false;
    const double whole = origin + shift, size = magnitude(whole);
    // In floats where neither addend is lost to rounding: y (dy - whole), the difference as a
    // pair.
    if (magnitude(temperature) == 1 &&
        (shift == 0 || magnitude(shift) > magnitude(origin) * 0x1p-24) && size < 0x1p90) {
      float high, low;
      split(whole, high, low);
      const floats sign = all(static_cast<float>(temperature));
      write_vectors(dx, n, streams, [=](std::ptrdiff_t i, std::ptrdiff_t left) OGIVE_INLINE_LAMBDA {
        const floats a = load_up_to(y + i, left, 0) * sign, d = load_up_to(dy + i, left, 0);
        const float_pair t = any_exact_sum(d, all(-high));
        return fma(a, t.high, a * (t.low - low));
      });
    } else if (magnitude(temperature) == 1) {
      for (std::ptrdiff_t j = 0; j < n; ++j)
        dx[j] = static_cast<float>(static_cast<double>(y[j]) *
                                   ((static_cast<double>(dy[j]) - origin) - shift) * temperature);
    } else {
      for (std::ptrdiff_t j = 0; j < n; ++j)
        dx[j] = static_cast<float>(static_cast<double>(y[j]) *
                                   ((static_cast<double>(dy[j]) - origin) - shift) / temperature);
    }
    return true;
  }

  // The same on doubles as they lie.
  static bool lane_backward_from_output(std::ptrdiff_t n, const double *dy, const double *y,
                                        double temperature, double *dx, bool streams) {
    using namespace rows_of_floats;
    const double origin = dy[first_largest(y, n, dy)];
    alignas(64) double terms[block_size];
    ordered_sum sum;
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      for (std::ptrdiff_t j = 0; j < count; j += double_lanes) {
        const doubles a = load_up_to(y + begin + j, count - j);
        store(a * (load_up_to(dy + begin + j, count - j) - origin), terms + j);
      }
      sum.add(terms, count);
    }
    const double shift = sum.total();
    if (!(magnitude(shift) < infinity)) return false;
    const bool divides = magnitude(temperature) != 1;
    const double sign = divides ? 1 : temperature;
    write_vectors(dx, n, streams && !divides,
                  [=](std::ptrdiff_t i, std::ptrdiff_t left) OGIVE_INLINE_LAMBDA {
                    const doubles a = load_up_to(y + i, left), d = load_up_to(dy + i, left);
                    return a * ((d - origin) - shift) * sign;
                  });
    for (std::ptrdiff_t j = 0; j < n && divides; ++j) dx[j] /= temperature;
    return true;
  }
  static unsigned short_backward_from_output(short_double_rows &y, const short_double_rows &dy,
                                             double by) {
    alignas(64) std::int32_t likeliest[short_double_rows::width];
    y.find_likeliest(likeliest);
    const doubles origin = dy.at_labels(likeliest);
    column_sum sum;
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c) sum.add(y.column(c) * (dy.column(c) - origin));
    doubles rest;
    const doubles shift = sum.total(rest);
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c)
      y.set_column(c, y.column(c) * ((dy.column(c) - origin) - shift) * by);
    return y.rows_in(magnitude(shift) < infinity);
  }

  // The same of rows of floats side by side, where neither addend is lost to rounding in its pair
  // of floats.
  static unsigned short_backward_from_output(short_rows &y, const short_rows &dy, double by) {
    using namespace rows_of_floats;
    alignas(64) std::int32_t likeliest[lanes];
    y.find_likeliest(likeliest);
    const words there = words(load(reinterpret_cast<const float *>(likeliest)));
    floats origin = {};
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c)
      origin = there == static_cast<std::uint32_t>(c) ? dy.column(c) : origin;
    doubles whole[2], shift[2] = {};
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c)
      for (int h = 0; h < 2; ++h)
        shift[h] += half_of(y.column(c), h) * (half_of(dy.column(c), h) - half_of(origin, h));
    for (int h = 0; h < 2; ++h) whole[h] = half_of(origin, h) + shift[h];
    const floats moved = rounded(shift[0], shift[1]);
    const mask fits = ((moved == 0) | (magnitude(moved) > magnitude(origin) * 0x1p-24f)) &
                      (magnitude(origin + moved) < all(0x1p90f));
    floats high, low;
    split(whole, high, low);
    const floats sign = all(static_cast<float>(by));
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c) {
      const floats a = y.column(c) * sign;
      const float_pair t = any_exact_sum(dy.column(c), -high);
      y.set_column(c, fma(a, t.high, a * (t.low - low)));
    }
    return y.rows_in(fits);
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
    if (!(magnitude(shift) < infinity)) return contract_infinite(n, origin, dy, dx, a);
    for (std::ptrdiff_t i = 0; i < n; ++i) dx[i] = a(i) * ((dy[i] - origin) - shift);
  }
  // Where not all of dy is finite: what arrives at a class without probability counts nowhere.
  template <class Probability>
  [[gnu::noinline]] static void contract_infinite(std::ptrdiff_t n, double origin, const double *dy,
                                                  double *dx, Probability a) {
    for (std::ptrdiff_t j = 0; j < n; ++j) dx[j] = a(j) == 0 ? 0 : dx[j];
    const double shift = sum_of(dx, n);
    for (std::ptrdiff_t i = 0; i < n; ++i)
      dx[i] = a(i) == 0 ? 0 : a(i) * ((dy[i] - origin) - shift);
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
