// Rows of doubles whose logits are all near 0, by the exponential of simd/doubles.hpp. The logits go
// into it as they are, without their largest: the reduction by multiples of ln2/16 loses nothing,
// so an offset of all logits costs no digits, and nothing need be known of a row before its powers.
// Other rows are for `row`. Sums and powers are times the unit, which cancels in their quotients.
#pragma once

#include "drivers/blocks.hpp"
#include "drivers/short_rows.hpp"
#include "math/sums.hpp"
#include "simd/doubles.hpp"

namespace ogive::OGIVE_ISA {
namespace {

class long_double_row {
public:
  using real = double;
  // A logarithm of a sum that is smaller has lost digits.
  static constexpr double least_log = 1;
  // Room for a row.
  long_double_row(double *room, bool streaming) : room_(room), streaming_(streaming) {}
  ~long_double_row() { finish(); }
  long_double_row(const long_double_row &) = delete;
  long_double_row &operator=(const long_double_row &) = delete;

  // False where a logit is far from 0, infinite or NaN. The element `apart`, if any, is left out of
  // the sum. `keep` says that powers() will be asked for.
  template <bool keep>
  OGIVE_INLINE bool prepare(const double *x, std::ptrdiff_t n, std::ptrdiff_t apart = -1) {
    n_ = n;
    ordered_sum sum;
    long_words far = {};
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      double *const e = keep ? room_ + begin : room_;
      raise(x + begin, count, e, far);
      if (apart >= begin && apart < begin + count) {
        own_ = e[apart - begin];
        e[apart - begin] = 0;
      }
      sum.add(e, count);
    }
    sum_ = sum.total();
    return packed(unit_powers::is_far(far)) == 0;
  }

  double sum() const { return sum_; }
  // Of the element apart: its power, and -log of its share.
  double power(std::ptrdiff_t) const { return own_; }
  double surprisal(std::ptrdiff_t, double own) const { return row_math::log1p(sum_ / own); }
  static constexpr double least_sum() { return 0; }

  // factor e^x and, in place of the element apart, `instead`; it may overwrite the row.
  template <class M>
  OGIVE_INLINE bool powers(double factor, double *to, std::ptrdiff_t apart = -1,
                           double instead = 0) {
    constexpr std::ptrdiff_t line = 8;
    std::ptrdiff_t i = 0;
    const auto write_until = [&](std::ptrdiff_t end) OGIVE_INLINE_LAMBDA {
      for (; i < end; ++i) to[i] = room_[i] * factor;
    };
    if (streaming_) {
      const auto past = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(to) % 64 / 8);
      const std::ptrdiff_t first = (line - past) % line;
      write_until(first < n_ ? first : n_);
      for (; i + line <= n_; i += line) {
        alignas(64) double some[line];
        for (std::ptrdiff_t k = 0; k < line; ++k) some[k] = room_[i + k] * factor;
        stream_line(some, to + i);
      }
    }
    write_until(n_);
    if (apart >= 0) to[apart] = instead;
    return true;
  }

  // What is still to be written.
  void finish() {
    if (streaming_) end_of_stream();
  }

  // The logarithm of the sum of e^x.
  double log_sum_exp() const { return logarithm(sum_ * (1 / unit_powers::unit)); }

private:
  double *const room_;
  const bool streaming_;
  std::ptrdiff_t n_ = 0;
  double sum_ = 0, own_ = 0;

  [[gnu::noinline]] static void raise(const double *x, std::ptrdiff_t n, double *to,
                                      long_words &far) {
    constexpr std::ptrdiff_t ahead = 512;
    long_words seen = far;
    std::ptrdiff_t i = 0;
    for (; i + double_lanes <= n; i += double_lanes) {
      __builtin_prefetch(x + i + ahead);
      store(unit_powers::power_of(load(x + i), seen), to + i);
    }
    if (i < n)
      store_some(unit_powers::power_of(load_some(x + i, n - i), seen), n - i, to + i);
    far = seen;
  }
};

// unit e^x for any x.
[[gnu::noinline]] inline doubles far_powers(doubles x) {
  for (int k = 0; k < double_lanes; ++k) x[k] = row_math::exp(x[k]) * unit_powers::unit;
  return x;
}
OGIVE_INLINE doubles any_power_of(doubles x) {
  long_words far = {};
  const doubles near = unit_powers::power_of(x, far);
  return packed(unit_powers::is_far(far)) == 0 ? near : far_powers(x);
}
// x/unit in twice the precision.
inline pair over_unit(double x) {
  const double q = x / unit_powers::unit;
  return {q, (fma(-q, unit_powers::unit, x) - q * unit_powers::unit_rest) / unit_powers::unit};
}

// A sum of columns in four partial sums that take turns.
struct double_column_sum {
  doubles partial[4] = {};
  OGIVE_INLINE void add(doubles x) {
    const doubles next = partial[0] + x;
    for (int k = 0; k < 3; ++k) partial[k] = partial[k + 1];
    partial[3] = next;
  }
  OGIVE_INLINE doubles total() const {
    return (partial[0] + partial[1]) + (partial[2] + partial[3]);
  }
};

// Short rows, side by side.
class short_double_rows : public rows_side_by_side<double, double_lanes> {
public:
  static constexpr double scale = 1 / unit_powers::unit;
  static constexpr double least_log = long_double_row::least_log;
  alignas(64) double sum[width];
  alignas(64) double own[width];

  // Bit r says whether all of row r is near enough for these powers.
  template <bool kept>
  OGIVE_INLINE unsigned prepare(const std::int32_t *labels) {
    long_words far = {}, label = {};
    if (labels != nullptr) label = from_labels(labels);
    doubles mine = {};
    double_column_sum total;
    for (std::ptrdiff_t c = 0; c < n_; ++c) {
      doubles e = unit_powers::power_of(column(c), far);
      if (labels != nullptr) {
        const auto here = label == static_cast<std::uint64_t>(c);
        mine = here ? e : mine;
        e = here ? doubles{} : e;
      }
      if constexpr (kept) store(e, powers_ + c * width);
      total.add(e);
    }
    store(total.total(), sum);
    store(mine, own);
    return rows_in(~unit_powers::is_far(far));
  }

  OGIVE_INLINE void powers(const double (&factor)[width], const std::int32_t *labels,
                           const double *instead) {
    const doubles by = load(factor);
    for (std::ptrdiff_t c = 0; c < n_; ++c) set_column(c, load(powers_ + c * width) * by);
    for (int r = 0; r < width && labels != nullptr; ++r)
      if (labels[r] >= 0) x_[labels[r] * width + r] = instead[r];
  }

  OGIVE_INLINE void find_likeliest(std::int32_t *labels) const {
    doubles most = column(0);
    long_words where = {};
    for (std::ptrdiff_t c = 1; c < n_; ++c) {
      const doubles x = column(c);
      where = x > most ? long_words{} + static_cast<std::uint64_t>(c) : where;
      most = greatest(x, most);
    }
    for (int r = 0; r < width; ++r) labels[r] = static_cast<std::int32_t>(where[r]);
  }

  OGIVE_INLINE void differences(const std::int32_t *labels, const double (&shift)[width]) {
    const doubles origin = at_labels(labels), less = load(shift);
    for (std::ptrdiff_t c = 0; c < n_; ++c) set_column(c, (column(c) - origin) - less);
  }

  // The elements with these labels.
  OGIVE_INLINE doubles at_labels(const std::int32_t *labels) const {
    doubles x;
    for (int r = 0; r < width; ++r) x[r] = x_[labels[r] * width + r];
    return x;
  }
  // A bit for each row whose lane is true.
  OGIVE_INLINE unsigned rows_in(long_mask m) const { return packed(m) & ((1u << rows_) - 1); }

private:
  alignas(64) double powers_[longest * width];

  OGIVE_INLINE static long_words from_labels(const std::int32_t *labels) {
    long_words r;
    for (int k = 0; k < width; ++k) r[k] = static_cast<std::uint64_t>(labels[k]);
    return r;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
