// Rows too short to fill vectors, side by side: a lane to each row, by the algebra of
// long_rows.hpp for modest logits. The result of a row depends on its own elements and their
// number alone.
#pragma once

#include "drivers/long_rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// Rows side by side: element c of row r lies at c width + r.
template <class Real, int rows_at_once>
class rows_side_by_side {
public:
  using real = Real;
  static constexpr std::ptrdiff_t longest = 64;
  static constexpr int width = rows_at_once;

  // Up to `width` rows; those missing repeat the first.
  [[gnu::noinline]] void read(const char *from, std::ptrdiff_t outer, std::ptrdiff_t step,
                              std::ptrdiff_t rows, std::ptrdiff_t n, bool negates) {
    n_ = n;
    rows_ = rows;
    if (in_fours && step == sizeof(Real) && rows == width && n >= 4)
      for_fours([&](auto c, auto r) OGIVE_INLINE_LAMBDA {
        transpose(from + r * outer + c * step, outer, at(c, r), width * sizeof(Real));
      });
    else
      for (std::ptrdiff_t c = 0; c < n; ++c, from += step)
        for (std::ptrdiff_t r = 0; r < width; ++r)
          x_[c * width + r] = *reinterpret_cast<const Real *>(from + (r < rows ? r : 0) * outer);
    for (std::ptrdiff_t c = 0; c < n && negates; ++c) set_column(c, -column(c));
  }

  // A column of the rows, a lane to each.
  std::ptrdiff_t columns() const { return n_; }
  OGIVE_INLINE auto column(std::ptrdiff_t c) const { return load(x_ + c * width); }
  template <class Vector>
  OGIVE_INLINE void set_column(std::ptrdiff_t c, Vector x) {
    store(x, x_ + c * width);
  }

  // Leaves one number a row.
  OGIVE_INLINE void reduce_to(const double (&result)[width]) {
    n_ = 1;
    for (int r = 0; r < width; ++r) x_[r] = static_cast<Real>(result[r]);
  }

  [[gnu::noinline]] void write(unsigned taken, char *to, std::ptrdiff_t outer,
                               std::ptrdiff_t step) {
    if (in_fours && step == sizeof(Real) && taken == (1u << width) - 1 && n_ >= 4) {
      for_fours([&](auto c, auto r) OGIVE_INLINE_LAMBDA {
        transpose(at(c, r), width * sizeof(Real), to + r * outer + c * step, outer);
      });
      return;
    }
    for (std::ptrdiff_t r = 0; r < rows_; ++r)
      if (taken >> r & 1)
        for (std::ptrdiff_t c = 0; c < n_; ++c)
          *reinterpret_cast<Real *>(to + r * outer + c * step) = x_[c * width + r];
  }

protected:
  alignas(64) Real x_[longest * width];
  std::ptrdiff_t n_, rows_;

private:
  static constexpr bool in_fours = width >= 4;

  char *at(std::ptrdiff_t c, std::ptrdiff_t r) {
    return reinterpret_cast<char *>(x_ + c * width + r);
  }

  // Every four columns and rows; the last columns meet those before them where n is no multiple.
  template <class Body>
  OGIVE_INLINE void for_fours(Body body) const {
    if constexpr (in_fours)
      for (std::ptrdiff_t r = 0; r < width; r += 4)
        for (std::ptrdiff_t c = 0; c < n_; c += 4) body(c + 4 <= n_ ? c : n_ - 4, r);
  }

  // Four by four numbers.
  OGIVE_INLINE static void transpose(const char *from, std::ptrdiff_t step, char *to,
                                     std::ptrdiff_t to_step) {
    typedef Real four __attribute__((vector_size(4 * sizeof(Real))));
    typedef Real packed
        __attribute__((vector_size(4 * sizeof(Real)), aligned(sizeof(Real)), may_alias));
    const auto row = [&](int k) OGIVE_INLINE_LAMBDA -> four {
      return *reinterpret_cast<const packed *>(from + k * step);
    };
    const four a = row(0), b = row(1), c = row(2), d = row(3);
    const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const four cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const four columns[4] = {__builtin_shufflevector(ab, cd, 0, 1, 4, 5),
                             __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                             __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5),
                             __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7)};
    for (int k = 0; k < 4; ++k) *reinterpret_cast<packed *>(to + k * to_step) = columns[k];
  }
};

class short_rows : public rows_side_by_side<float, lanes> {
public:
  static constexpr double scale = 1; // of a sum, to be that of e^x
  static constexpr double least_log = long_row::least_log;
  alignas(64) double sum[lanes]; // of the powers, but for the label's
  alignas(64) double own[lanes]; // the label's power, or 0

  // Sums the powers, and keeps them where powers() will be asked for. Bit r says whether row r is
  // for these lanes: no NaN in it, all its elements modest, and within e^60 of each other.
  template <bool kept>
  OGIVE_INLINE unsigned prepare(const std::int32_t *labels) {
    using namespace rows_of_floats;
    floats most = load(x_), smallest = most;
    for (std::ptrdiff_t c = 1; c < n_; ++c) {
      const floats x = load(x_ + c * lanes);
      most = greatest(x, most);
      smallest = least(x, smallest);
    }
    // A label's power is kept apart, and 0 stands in its place: a tiny one would make subnormal
    // products, which cost a hundred cycles each on some processors.
    words label = {};
    floats own_one = {}, own_rest = {};
    if (labels != nullptr) label = words(load(reinterpret_cast<const float *>(labels)));
    const power_table table;
    doubles high[2] = {}, low[2] = {};
    words far = {};
    for (std::ptrdiff_t begin = 0; begin < n_; begin += 8) {
      const std::ptrdiff_t end = n_ - begin < 8 ? n_ : begin + 8;
      floats some_low = {};
      for (std::ptrdiff_t c = begin; c < end; ++c) {
        power_parts e = power_of(load(x_ + c * lanes), float_shifter, table);
        far |= modesty(e.shifted);
        if (labels != nullptr) {
          const mask here = label == static_cast<std::uint32_t>(c);
          own_one = here ? e.one : own_one;
          own_rest = here ? e.rest : own_rest;
          e.one = here ? floats{} : e.one;
        }
        if constexpr (kept) {
          store(e.one, ones_ + c * lanes);
          store(e.rest, rests_ + c * lanes);
        }
        add_to(high, e.one);
        some_low = fma(e.one, e.rest, some_low);
      }
      add_to(low, some_low);
    }
    for (int k = 0; k < 2; ++k) {
      const doubles all = (high[k] + low[k]) * (1 / unit);
      const doubles one = half_of(own_one, k);
      const doubles mine = (one + one * half_of(own_rest, k)) * (1 / unit);
      __builtin_memcpy(sum + k * (lanes / 2), &all, sizeof all);
      __builtin_memcpy(own + k * (lanes / 2), &mine, sizeof mine);
    }
    const mask fits = (most - smallest <= all(60)) & mask((far >> 10) == 0);
    return rows_in(fits);
  }

  // Leaves numerator e^x/(own + sum), and in place of the label's what `instead` says. Results and
  // quotients are within 2^-100 and 2^60.
  OGIVE_INLINE void powers(const double (&numerator)[lanes], const std::int32_t *labels,
                           const float *instead) {
    using namespace rows_of_floats;
    doubles x[2];
    for (int k = 0; k < 2; ++k) {
      const int at = k * double_lanes;
      x[k] = load(numerator + at) / (load(own + at) + load(sum + at)) * (1 / unit);
    }
    floats f_high, f_low;
    split(x, f_high, f_low);
    words label = {};
    floats own = {};
    if (labels != nullptr) {
      label = words(load(reinterpret_cast<const float *>(labels)));
      own = load(instead);
    }
    for (std::ptrdiff_t c = 0; c < n_; ++c) {
      floats y = times(load(ones_ + c * lanes), load(rests_ + c * lanes), f_high, f_low);
      if (labels != nullptr) y = label == static_cast<std::uint32_t>(c) ? own : y;
      store(y, x_ + c * lanes);
    }
  }

  // The first position of each row's largest element.
  OGIVE_INLINE void find_likeliest(std::int32_t *labels) const {
    floats most = load(x_);
    words where = {};
    for (std::ptrdiff_t c = 1; c < n_; ++c) {
      const floats x = load(x_ + c * lanes);
      const words above = words(x > most);
      where = (where & ~above) | (above & static_cast<std::uint32_t>(c));
      most = greatest(x, most);
    }
    store(floats(where), reinterpret_cast<float *>(labels));
  }

  // Leaves (x - the label's x) - shift.
  OGIVE_INLINE void differences(const std::int32_t *labels, const double (&shift)[lanes]) {
    using namespace rows_of_floats;
    alignas(64) double origin[lanes];
    for (std::ptrdiff_t r = 0; r < lanes; ++r)
      origin[r] = static_cast<double>(x_[labels[r] * lanes + r]);
    doubles from[2], less[2];
    __builtin_memcpy(from, origin, sizeof from);
    __builtin_memcpy(less, shift, sizeof less);
    for (std::ptrdiff_t c = 0; c < n_; ++c) {
      const floats x = load(x_ + c * lanes);
      store(rounded((half_of(x, 0) - from[0]) - less[0], (half_of(x, 1) - from[1]) - less[1]),
            x_ + c * lanes);
    }
  }

  // A bit for each row whose lane is true.
  OGIVE_INLINE unsigned rows_in(mask m) const { return ones_in(m) & ((1u << rows_) - 1); }

private:
  alignas(64) float ones_[longest * lanes], rests_[longest * lanes];

  // A bit for each lane that is true.
  OGIVE_INLINE static unsigned ones_in(mask m) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask(__m512i(m), __m512i(m));
#elif defined(__AVX2__)
    return static_cast<unsigned>(_mm256_movemask_ps(__m256(m)));
#else
    unsigned bits = 0;
    for (int k = 0; k < lanes; ++k) bits |= unsigned{m[k] != 0} << k;
    return bits;
#endif
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
