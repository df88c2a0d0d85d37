// Rows of doubles whose logits are all near 0, by the exponential of simd/doubles.hpp. The logits
// go into it as they are, without their largest: the reduction by multiples of ln2/16 loses
// nothing, so an offset of all logits costs no digits, and nothing need be known of a row before
// its powers. Other rows are for `row`. Sums and powers are times the unit, which cancels in their
// quotients.
#pragma once

#include "drivers/blocks.hpp"
#include "drivers/short_rows.hpp"
#include "math/sums.hpp"
#include "simd/doubles.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// A sum right to twice the precision of its terms (Kahan's): sixteen partial sums, as in
// ordered_sum, of whole groups of terms.
struct compensated_sum {
  static constexpr int partials = ordered_sum::partials, vectors = partials / double_lanes;
  doubles high[vectors] = {}, low[vectors] = {};

  OGIVE_INLINE void add(int k, doubles term) {
    const doubles more = term + low[k], sum = high[k] + more;
    low[k] = more - (sum - high[k]);
    high[k] = sum;
  }
  pair total() const {
    double all_high[partials], all_low[partials];
    __builtin_memcpy(all_high, high, sizeof high);
    __builtin_memcpy(all_low, low, sizeof low);
    pair sum{0, 0};
    for (int j = 0; j < partials; ++j) {
      const pair s = exact_sum(sum.high, all_high[j]);
      sum = {s.high, s.low + (sum.low + all_low[j])};
    }
    return exact_sum(sum.high, sum.low);
  }
};

// Prefetch distance, as in rows of floats.
constexpr std::ptrdiff_t doubles_ahead = rows_of_floats::ahead / 2;

// The first position of the largest number; NaN is passed over. Fetches what else is needed next.
inline std::ptrdiff_t first_largest(const double *x, std::ptrdiff_t n,
                                    const double *next = nullptr) {
  constexpr int together = 4;
  constexpr std::ptrdiff_t group = together * double_lanes;
  doubles most[together];
  for (doubles &m : most) m = doubles{} - infinity;
  std::ptrdiff_t i = 0;
  for (; i + group <= n; i += group) {
#pragma GCC unroll 4
    for (int k = 0; k < together; ++k) {
      __builtin_prefetch(x + i + k * double_lanes + doubles_ahead);
      if (next != nullptr) __builtin_prefetch(next + i + k * double_lanes);
    }
#pragma GCC unroll 4
    for (int k = 0; k < together; ++k) most[k] = greatest(load(x + i + k * double_lanes), most[k]);
  }
  double largest = -infinity;
  for (; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  most[0] = greatest(greatest(most[0], most[1]), greatest(most[2], most[3]));
  for (int k = 0; k < double_lanes; ++k) largest = most[0][k] > largest ? most[0][k] : largest;
  for (i = 0; i + double_lanes < n; i += double_lanes)
    if (packed(long_mask(load(x + i) == largest)) != 0) break;
  while (i + 1 < n && x[i] != largest) ++i;
  return i;
}

class long_double_row {
public:
  using real = double;
  // A logarithm of a sum that is smaller has lost digits.
  static constexpr double least_log = 1;
  // Room for `long_row::room_for(n)` doubles.
  long_double_row(double *room, bool streaming) : room_(room), streaming_(streaming) {}
  ~long_double_row() { finish(); }
  long_double_row(const long_double_row &) = delete;
  long_double_row &operator=(const long_double_row &) = delete;

  // False where a logit is far from 0, infinite or NaN. The element `apart`, if any, is left out of
  // the sum. `keep` says that powers() will be asked for.
  template <bool keep>
  OGIVE_INLINE bool prepare(const double *x, std::ptrdiff_t n, std::ptrdiff_t apart = -1) {
    n_ = n;
    compensated_sum sum;
    long_words far = {};
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      double *const e = keep ? room_ + begin : room_;
      raise(x + begin, count, e, far);
      for (std::ptrdiff_t j = count; j % compensated_sum::partials != 0; ++j) e[j] = 0;
      if (apart >= begin && apart < begin + count) {
        own_ = e[apart - begin];
        e[apart - begin] = 0;
      }
      for (std::ptrdiff_t j = 0; j < count; j += compensated_sum::partials)
#pragma GCC unroll 8
        for (int k = 0; k < compensated_sum::vectors; ++k)
          sum.add(k, load(e + j + k * double_lanes));
    }
    sum_ = sum.total();
    return packed(unit_powers::is_far(far)) == 0;
  }

  double sum() const { return sum_.high; }
  // Of the element apart: its power, and -log of its share.
  double power(std::ptrdiff_t) const { return own_; }
  double surprisal(std::ptrdiff_t, double own) const { return row_math::log1p(sum() / own); }
  static constexpr double least_sum() { return 0; }

  // numerator e^x/(own + sum) and, in place of the element apart, whose power is `own`, `instead`;
  // it may overwrite the row.
  template <class M>
  OGIVE_INLINE bool powers(double numerator, double own, double *to, std::ptrdiff_t apart = -1,
                           double instead = 0) {
    const pair whole = exact_sum(sum_.high, own);
    const double high = numerator / whole.high;
    const double low =
        fma(-high, whole.low + sum_.low, fma(-high, whole.high, numerator)) / whole.high;
    rows_of_floats::write_vectors(to, n_, streaming_,
                                  [&](std::ptrdiff_t i, std::ptrdiff_t) OGIVE_INLINE_LAMBDA {
                                    const doubles e = load(room_ + i);
                                    return fma(e, high, e * low);
                                  });
    if (apart >= 0) to[apart] = instead;
    return true;
  }

  bool streams() const { return streaming_; }

  // What is still to be written.
  void finish() {
    if (streaming_) end_of_stream();
  }

  // The logarithm of the sum of e^x.
  double log_sum_exp() const { return logarithm(sum() * (1 / unit_powers::unit)); }

private:
  double *const room_;
  const bool streaming_;
  std::ptrdiff_t n_ = 0;
  pair sum_ = {0, 0};
  double own_ = 0;

  [[gnu::noinline]] static void raise(const double *x, std::ptrdiff_t n, double *to,
                                      long_words &far) {
    long_words seen = far;
    std::ptrdiff_t i = 0;
    for (; i + double_lanes <= n; i += double_lanes) {
      __builtin_prefetch(x + i + doubles_ahead);
      store(unit_powers::power_of(load(x + i), seen), to + i);
    }
    if (i < n) store_some(unit_powers::power_of(load_some(x + i, n - i), seen), n - i, to + i);
    far = seen;
  }
};

// unit e^x for any x; no lane depends on another.
[[gnu::noinline]] inline doubles far_powers(doubles x, doubles near, long_mask far) {
  for (int k = 0; k < double_lanes; ++k)
    if (far[k]) near[k] = row_math::exp(x[k]) * unit_powers::unit;
  return near;
}
OGIVE_INLINE doubles any_power_of(doubles x) {
  long_words seen = {};
  const doubles near = unit_powers::power_of(x, seen);
  const long_mask far = unit_powers::is_far(seen);
  return packed(far) == 0 ? near : far_powers(x, near, far);
}
// x/unit in twice the precision.
inline pair over_unit(double x) {
  const double q = x / unit_powers::unit;
  return {q, (fma(-q, unit_powers::unit, x) - q * unit_powers::unit_rest) / unit_powers::unit};
}

// A compensated sum of columns: four partial sums, which take turns.
struct column_sum {
  static constexpr int partials = 4;
  doubles high[partials] = {}, low[partials] = {};

  OGIVE_INLINE void add(doubles term) {
    const doubles more = term + low[0], sum = high[0] + more, lost = more - (sum - high[0]);
    for (int k = 0; k + 1 < partials; ++k) {
      high[k] = high[k + 1];
      low[k] = low[k + 1];
    }
    high[partials - 1] = sum;
    low[partials - 1] = lost;
  }
  // The rounded sum, and what it lost.
  OGIVE_INLINE doubles total(doubles &rest) const {
    doubles sum = high[0], lost = low[0];
    for (int k = 1; k < partials; ++k) {
      const doubles next = sum + high[k], back = next - sum;
      lost += ((sum - (next - back)) + (high[k] - back)) + low[k];
      sum = next;
    }
    rest = lost - ((sum + lost) - sum);
    return sum + lost;
  }
};

// Short rows, side by side.
class short_double_rows : public rows_side_by_side<double, double_lanes> {
public:
  static constexpr double scale = 1 / unit_powers::unit;
  static constexpr double least_log = long_double_row::least_log;
  alignas(64) double sum[width];
  alignas(64) double own[width];
  alignas(64) double sum_rest[width]; // what rounding took from the sum

  // Bit r says whether all of row r is near enough for these powers.
  template <bool kept>
  OGIVE_INLINE unsigned prepare(const std::int32_t *labels) {
    long_words far = {}, label = {};
    if (labels != nullptr) label = from_labels(labels);
    doubles mine = {};
    column_sum total;
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
    doubles rest;
    store(total.total(rest), sum);
    store(rest, sum_rest);
    store(mine, own);
    return rows_in(~unit_powers::is_far(far));
  }

  // Leaves numerator e^x/(own + sum), and in place of the label's what `instead` says.
  OGIVE_INLINE void powers(const double (&numerator)[width], const std::int32_t *labels,
                           const double *instead) {
    const doubles mine = load(own), others = load(sum), whole = mine + others, back = whole - mine;
    const doubles lost = ((mine - (whole - back)) + (others - back)) + load(sum_rest);
    const doubles top = load(numerator), high = top / whole;
    const doubles low = fma(-high, lost, fma(-high, whole, top)) / whole;
    for (std::ptrdiff_t c = 0; c < n_; ++c) {
      const doubles e = load(powers_ + c * width);
      set_column(c, fma(e, high, e * low));
    }
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
