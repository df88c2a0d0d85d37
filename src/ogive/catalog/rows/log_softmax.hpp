// log_softmax: (x_i - max) - log S, a sum of two non-positive terms, so nothing cancels.
#pragma once

#include "drivers/rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct log_softmax {
  static constexpr bool reduces = false;

  static void value(const row &r, double *y) {
    const double log_sum = r.log_sum();
    for (std::ptrdiff_t i = 0; i < r.n; ++i) y[i] = r.d[i] - log_sum;
  }

  // Next to 0, at a class that has more than half, log S is needed relative to itself: from the
  // rest.
  template <class M>
  static bool lane_value(long_row &r, const float *x, std::ptrdiff_t n, float *y) {
    if (!r.prepare<false>(x, n)) return false;
    double origin = r.origin(), log_sum = r.log_sum();
    if (std::ptrdiff_t k; r.is_confident(k)) {
      const double most = r.power(k);
      if (!r.prepare<false>(x, n, k) || !(r.sum() >= r.least_sum())) return false;
      origin = static_cast<double>(x[k]);
      log_sum = row_math::log1p(r.sum() / most);
    }
    using namespace rows_of_floats;
    write_vectors(
        y, n, r.streams(), [=](std::ptrdiff_t i, std::ptrdiff_t left) OGIVE_INLINE_LAMBDA {
          const floats z = load_up_to(x + i, left, 0);
          return rounded((half_of(z, 0) - origin) - log_sum, (half_of(z, 1) - origin) - log_sum);
        });
    return true;
  }

  // In doubles a difference to the likeliest class is rounded, and so is the result.
  template <class M>
  static bool lane_value(long_double_row &r, const double *x, std::ptrdiff_t n, double *y) {
    const std::ptrdiff_t k = first_largest(x, n);
    if (!r.prepare<false>(x, n, k)) return false;
    const double origin = x[k], log_sum = r.surprisal(k, r.power(k));
    rows_of_floats::write_vectors(
        y, n, r.streams(), [=](std::ptrdiff_t i, std::ptrdiff_t left) OGIVE_INLINE_LAMBDA {
          return (rows_of_floats::load_up_to(x + i, left) - origin) - log_sum;
        });
    return true;
  }

  template <class Rows>
  static unsigned short_value(Rows &some) {
    alignas(64) std::int32_t likeliest[Rows::width];
    some.find_likeliest(likeliest);
    const unsigned taken = some.template prepare<false>(likeliest);
    double log_sum[Rows::width];
    for (int k = 0; k < Rows::width; ++k) log_sum[k] = row_math::log1p(some.sum[k] / some.own[k]);
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

  // In floats: e^y as one (1 + rest) times the sum, from a pair of floats, taken from dy as a pair.
  // Where that cancels, and where dy is not large against what the smallest powers give, the
  // element goes to double. False where the sum is out of proportion.
  static bool lane_backward_from_output(std::ptrdiff_t n, const float *dy, const float *y,
                                        double temperature, float *dx, bool streams) {
    using namespace rows_of_floats;
    doubles sum[vectors][2] = {};
    std::ptrdiff_t i = 0;
    for (; i + group <= n; i += group) {
      __builtin_prefetch(y + i + ahead);
      __builtin_prefetch(dy + i + ahead);
#pragma GCC unroll 4
      for (int k = 0; k < vectors; ++k) add_to(sum[k], load(dy + i + k * lanes));
    }
    for (int k = 0; i < n; ++k, i += lanes)
      add_to(sum[k], n - i < lanes ? load_some(dy + i, n - i, 0) : load(dy + i));
    const double all_dy = total_of(sum), size = magnitude(all_dy);
    if (magnitude(temperature) != 1 || !(size >= 0x1p-60 && size <= 0x1p60)) return false;
    float high, low;
    split(all_dy * (1 / unit), high, low);
    const floats f_high = all(high), f_low = all(low), sign = all(static_cast<float>(temperature));
    const floats least_dy = least_seen(all(static_cast<float>(size)));
    const power_table table;
    write_vectors(dx, n, streams, [&](std::ptrdiff_t j, std::ptrdiff_t left) OGIVE_INLINE_LAMBDA {
      const floats x = load_up_to(y + j, left, -1), d = load_up_to(dy + j, left, 1);
      mask lost;
      floats result = without_share(d, x, f_high, f_low, least_dy, table, lost);
      if (any(lost)) [[unlikely]]
        result = mended(d, x, result, lost, all_dy);
      return result * sign;
    });
    return true;
  }

  // The same in doubles, where the share of the sum is not rounded.
  static bool lane_backward_from_output(std::ptrdiff_t n, const double *dy, const double *y,
                                        double temperature, double *dx, bool streams) {
    const pair all = over_unit(sum_of(dy, n));
    if (magnitude(temperature) != 1 || !(magnitude(all.high) < infinity)) return false;
    const doubles high = all.high - doubles{}, low = all.low - doubles{};
    using rows_of_floats::load_up_to;
    rows_of_floats::write_vectors(
        dx, n, streams, [=](std::ptrdiff_t i, std::ptrdiff_t left) OGIVE_INLINE_LAMBDA {
          const doubles d = load_up_to(dy + i, left), x = load_up_to(y + i, left);
          return without_share(d, x, high, low) * temperature;
        });
    return true;
  }
  static unsigned short_backward_from_output(short_double_rows &y, const short_double_rows &dy,
                                             double by) {
    column_sum sum;
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c) sum.add(dy.column(c));
    doubles rest;
    const doubles all = sum.total(rest);
    doubles high, low;
    for (int k = 0; k < double_lanes; ++k) {
      const pair share = over_unit(all[k]);
      high[k] = share.high;
      low[k] = share.low;
    }
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c)
      y.set_column(c, without_share(dy.column(c), y.column(c), high, low) * by);
    return y.rows_in(magnitude(all) < infinity);
  }

  // The same of rows of floats side by side; those with an element that goes to double it leaves.
  static unsigned short_backward_from_output(short_rows &y, const short_rows &dy, double by) {
    using namespace rows_of_floats;
    doubles sum[2] = {};
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c) add_to(sum, dy.column(c));
    const floats size = magnitude(rounded(sum[0], sum[1]));
    const mask fits = (size >= all(0x1p-60f)) & (size <= all(0x1p60f));
    for (doubles &half : sum) half *= 1 / unit;
    floats f_high, f_low;
    split(sum, f_high, f_low);
    const floats sign = all(static_cast<float>(by)), least_dy = least_seen(size);
    const power_table table;
    mask any_lost = {};
    for (std::ptrdiff_t c = 0; c < y.columns(); ++c) {
      mask lost;
      const floats dx =
          without_share(dy.column(c), y.column(c), f_high, f_low, least_dy, table, lost);
      any_lost |= lost;
      y.set_column(c, dx * sign);
    }
    return y.rows_in(fits & ~any_lost);
  }

private:
  // Powers from e^-80 to e^80 are floats; below, they matter to no dy above what this gives for the
  // size of the sum of dy.
  static constexpr float end = 80;
  OGIVE_INLINE static floats least_seen(floats size) { return fma(size, 0x1p-80f, 0x1p-100f); }
  // dy - e^y f, the factor a pair without the unit; `lost` where that has not all digits.
  OGIVE_INLINE static floats without_share(floats dy, floats y, floats f_high, floats f_low,
                                           floats least_dy,
                                           const rows_of_floats::power_table &table, mask &lost) {
    using namespace rows_of_floats;
    const power_parts e = power_of(greatest(all(-end), y), float_shifter, table);
    const floats p = e.one * f_high;
    const floats p_low = fma(e.one, fma(e.rest, f_high, f_low), fma(e.one, f_high, -p));
    const float_pair t = any_exact_sum(dy, -p);
    const floats result = t.high + (t.low - p_low);
    lost = (magnitude(result) < greatest(magnitude(p) * 0.3f, least_dy)) | (y > all(end));
    return result;
  }
  OGIVE_INLINE static doubles without_share(doubles dy, doubles y, doubles high, doubles low) {
    const doubles e = -any_power_of(y);
    return fma(e, low, fma(e, high, dy));
  }
  [[gnu::noinline]] static floats mended(floats dy, floats y, floats result, mask which,
                                         double all_dy) {
    using namespace rows_of_floats;
    const pair all = over_unit(all_dy);
    const doubles high = all.high - doubles{}, low = all.low - doubles{};
    doubles half[2];
    for (int k = 0; k < 2; ++k) half[k] = without_share(half_of(dy, k), half_of(y, k), high, low);
    return which ? rounded(half[0], half[1]) : result;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
