// Rows of floats in float lanes: what softmax and its kin need of a row, without a row of doubles.
//
//   e^(x_i - origin) 2^-shift = 2^(z/8 - shift) (1 + p_i),   z = 8 log2(e) x to the nearest integer
//
// with p = e^r - 1 from a polynomial of degree 4 in |r| <= ln2/16, and 2^(j/8) from a table of
// eight floats. Those are unit 2^(j/8) for a unit that leaves hardly any error in eight floats at
// once; it is in every power and in their sum, and cancels. So a power is one (1 + rest) of two
// floats, and
//
//   y_i = factor one (1 + rest) = one f_high + one (rest f_high + f_low),   f = factor/unit
//
// is rounded once, without a division or a scaling of its own. Two passes: the powers and their sum
// S, then the results; between them a row keeps (one, rest), which even from the second cache are
// there sooner than computed anew.
//
// The difference to the largest logit is never rounded. Up to `reach` the origin is 0, the logits
// go into the exponential as they are, and S stays near 1 by an exact shift of exponents; beyond
// it, the origin is the largest logit, and every logit that counts lies within a factor of two of
// it, where a difference is exact. So an offset of all logits costs no digits. Logits up to
// `modest` need neither shift nor floor, so that nothing need be known of a row before its powers:
// its largest logit is found beside them, and only a row that turns out not to be of that kind
// begins again. As a shift is exact, both ways end in the same bits.
//
// The errors, in parts of the result: r and p 2^-29 each, the table 2^-28.4, the polynomial
// 2^-32.4; S by the same powers, whose `one` are summed as doubles and the rest as floats, no more
// than eight to a lane before they too go to double; one (rest f_high + f_low) 2^-27.5. Below 0.75
// ulp in all, the last rounding included.
#pragma once

#include "math/elementary.hpp"
#include "math/sums.hpp"
#include "simd/doubles.hpp"
#include "simd/float_math.hpp"
#include "simd/formats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

constexpr double ln2 = 0x1.62e42fefa39efp-1;

// Right to 2^-52 or so of 1 + |log x|; next to x = 1 its relative accuracy ends.
OGIVE_INLINE double logarithm(double x) {
  return x >= 1 ? row_math::log1p(x - 1) : -row_math::log1p(1 / x - 1);
}

namespace rows_of_floats {

#if defined(__AVX2__) && !defined(__AVX512F__)
alignas(64) constexpr std::int32_t first_lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

// Half of a vector of floats, as doubles.
OGIVE_INLINE doubles half_of(floats x, int upper) {
#if defined(__AVX512F__)
  return doubles(_mm512_cvtps_pd(upper ? _mm512_extractf32x8_ps(__m512(x), 1)
                                       : _mm512_castps512_ps256(__m512(x))));
#elif defined(__AVX2__)
  return doubles(_mm256_cvtps_pd(upper ? _mm256_extractf128_ps(__m256(x), 1)
                                       : _mm256_castps256_ps128(__m256(x))));
#else
  doubles r;
  for (int k = 0; k < lanes / 2; ++k) r[k] = static_cast<double>(x[upper * (lanes / 2) + k]);
  return r;
#endif
}
OGIVE_INLINE floats rounded(doubles lower, doubles upper) {
#if defined(__AVX512F__)
  return floats(_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(__m512d(lower))),
                                   _mm512_cvtpd_ps(__m512d(upper)), 1));
#elif defined(__AVX2__)
  return floats(_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(__m256d(lower))),
                                     _mm256_cvtpd_ps(__m256d(upper)), 1));
#else
  floats r;
  for (int k = 0; k < lanes; ++k)
    r[k] = static_cast<float>(k < lanes / 2 ? lower[k] : upper[k - lanes / 2]);
  return r;
#endif
}
OGIVE_INLINE bool any(mask m) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask(__m512i(m), __m512i(m)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(__m256(m)) != 0;
#else
  std::int32_t some = 0;
  for (int k = 0; k < lanes; ++k) some |= m[k];
  return some != 0;
#endif
}
OGIVE_INLINE void add_to(doubles (&sum)[2], floats x) {
  sum[0] += half_of(x, 0);
  sum[1] += half_of(x, 1);
}

constexpr int group = ordered_sum::partials, vectors = group / lanes, block = 8 * group;
// Prefetch distance, 4 KiB: usually into the next row, beyond the hardware prefetcher.
constexpr std::ptrdiff_t ahead = 1024;
constexpr float reach = 172;
// Logits this far below the largest count as if they were there: 2^-124 of the largest power.
constexpr float depth = 86;

// Logits of at most this size go into the exponential without shift or floor: their powers lie
// within 2^-65 and 2^66, and S of any number of them is far from both ends of the floats. What is
// asked is that 8 log2(e) x lies between -512 and 511, which is true of no logit beyond 45.
constexpr float modest = 45;

constexpr float eighths_of_log2_e = 0x1.715476p+3f;
constexpr float ln2_8_high = 0x1.62ep-4f, ln2_8_low = 0x1.0bfbe8p-18f;
// e^r = 1 + r + r^2 q(r), |r| <= ln2/16: q. Error 2^-32.42.
constexpr float exp_tail_16[] = {0x1p-1f, 0x1.555c82p-3f, 0x1.55589cp-5f};
// unit 2^(j/8). Error 2^-28.43.
constexpr double unit = 0x1.feb0520f802c1p+0;
constexpr float eighth_powers[] = {0x1.feb052p+0f, 0x1.16747cp+1f, 0x1.2fa848p+1f, 0x1.4b2404p+1f,
                                   0x1.691c8ap+1f, 0x1.89cb7cp+1f, 0x1.ad6fb4p+1f, 0x1.d44dbcp+1f};

// The first n < lanes elements, with others of the caller's choice behind them.
OGIVE_INLINE floats load_some(const float *from, std::ptrdiff_t n, float others) {
#if defined(__AVX512F__)
  return floats(
      _mm512_mask_loadu_ps(__m512(all(others)), static_cast<__mmask16>((1u << n) - 1), from));
#elif defined(__AVX2__)
  const mask taken =
      mask(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(first_lanes + 8 - n)));
  return floats((words(_mm256_maskload_ps(from, __m256i(taken))) & words(taken)) |
                (words(all(others)) & ~words(taken)));
#else
  floats r = all(others);
  for (int k = 0; k < lanes; ++k) r[k] = k < n ? from[k] : others;
  return r;
#endif
}
// A streaming store, to an aligned address.
OGIVE_INLINE void stream(floats x, float *to) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, __m512(x));
#elif defined(__AVX2__)
  _mm256_stream_ps(to, __m256(x));
#else
  store(x, to);
#endif
}
OGIVE_INLINE void store_some(floats x, std::ptrdiff_t n, float *to) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << n) - 1), __m512(x));
#elif defined(__AVX2__)
  _mm256_maskstore_ps(
      to, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(first_lanes + 8 - n)), __m256(x));
#else
  for (int k = 0; k < n; ++k) to[k] = x[k];
#endif
}

using ogive::OGIVE_ISA::load_some;
using ogive::OGIVE_ISA::store_some;
using ogive::OGIVE_ISA::stream;

// Writes n numbers, of which at(i, count) gives a vector from i on, with `count` that matter. Where
// it streams, the first vector is short, so that the others are aligned.
template <class Real, class Function>
OGIVE_INLINE void write_vectors(Real *to, std::ptrdiff_t n, bool streams, Function at) {
  constexpr std::ptrdiff_t line = 64 / sizeof(Real), width = 4 * lanes / sizeof(Real);
  const auto past =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(to) % 64 / sizeof(Real));
  const std::ptrdiff_t head = streams ? (line - past) % line : 0;
  for (std::ptrdiff_t i = 0; i < n;) {
    const std::ptrdiff_t left = (i < head && head < n ? head : n) - i;
    if (left < width) {
      store_some(at(i, left), left, to + i);
      i += left;
    } else {
      const auto x = at(i, width);
      streams &&i >= head ? stream(x, to + i) : store(x, to + i);
      i += width;
    }
  }
}
OGIVE_INLINE floats load_up_to(const float *from, std::ptrdiff_t n, float others) {
  return n < lanes ? load_some(from, n, others) : load(from);
}
OGIVE_INLINE doubles load_up_to(const double *from, std::ptrdiff_t n) {
  return n < double_lanes ? load_some(from, n) : load(from);
}

// one = unit 2^(z/8): the bits of eighth_powers[z mod 8], with z 2^20 added to them, have z/8 in
// the exponent, and j 2^20 too many, which the entries are without.
struct power_table {
#if defined(__AVX512F__)
  __m512i entries;
#elif defined(__AVX2__)
  __m256i entries;
#else
  std::uint32_t entries[8];
#endif

  OGIVE_INLINE power_table() {
    alignas(64) std::uint32_t bits[16];
    for (std::uint32_t j = 0; j < 16; ++j) bits[j] = bits_of(eighth_powers[j % 8]) - (j % 8 << 20);
    __builtin_memcpy(&entries, bits, sizeof entries);
  }
  OGIVE_INLINE floats operator[](words z) const {
#if defined(__AVX512F__)
    return floats(words(_mm512_permutexvar_epi32(__m512i(z), entries)) + (z << 20));
#elif defined(__AVX2__)
    return floats(words(_mm256_permutevar8x32_epi32(entries, __m256i(z))) + (z << 20));
#else
    words r;
    for (int k = 0; k < lanes; ++k) r[k] = entries[z[k] & 7];
    return floats(r + (z << 20));
#endif
  }
};

// A double as two floats, by Veltkamp's splitting: GCC 12 takes double(float(x)) for x where it
// packs a few of them into a vector.
inline void split(double x, float &high, float &low) {
  const double scaled = x * 0x20000001p0, rounded = scaled - (scaled - x);
  high = static_cast<float>(rounded);
  low = static_cast<float>(x - rounded);
}

OGIVE_INLINE void split(const doubles (&x)[2], floats &high, floats &low) {
  doubles large[2];
  for (int k = 0; k < 2; ++k) {
    const doubles scaled = x[k] * 0x20000001p0;
    large[k] = scaled - (scaled - x[k]);
  }
  high = rounded(large[0], large[1]);
  low = rounded(x[0] - large[0], x[1] - large[1]);
}

// e^d as one (1 + rest), times unit and 2^-shift; z in the low bits of `shifted`.
struct power_parts {
  floats one, rest;
  words shifted;
};
// The shifter takes the row's shift off the exponent.
OGIVE_INLINE power_parts power_of(floats d, float shifter, const power_table &table) {
  const floats shifted = fma(d, eighths_of_log2_e, shifter), n = shifted - shifter;
  const floats r = fma(n, -ln2_8_low, fma(n, -ln2_8_high, d));
  const floats q = fma(fma(r, exp_tail_16[2], exp_tail_16[1]), r, exp_tail_16[0]);
  return {table[words(shifted)], fma(r * r, q, r), words(shifted)};
}
// All bits above the lowest ten of what it is for any number of `shifted` are 0 where their logits
// were modest; a NaN leaves some.
OGIVE_INLINE words modesty(words shifted) { return shifted - (bits_of(float_shifter) - 512); }

// A power times a factor, which comes as a pair of floats and without the unit.
OGIVE_INLINE floats times(floats one, floats rest, floats high, floats low) {
  return fma(one, high, one * fma(rest, high, low));
}

// 0, 1, 2 …
OGIVE_INLINE words lane_numbers() {
  words r;
  for (int k = 0; k < lanes; ++k) r[k] = static_cast<std::uint32_t>(k);
  return r;
}

// The sum of sixteen lanes, in the order of ordered_sum.
inline double total_of(const doubles (&sum)[vectors][2]) {
  double t[group];
  __builtin_memcpy(t, sum, sizeof t);
#pragma GCC unroll 4
  for (int width = group / 2; width > 0; width /= 2)
#pragma GCC unroll 8
    for (int j = 0; j < width; ++j) t[j] += t[j + width];
  return t[0];
}

// The largest and the smallest element. NaN may come and go here.
struct extremes {
  floats large[vectors], small[vectors];
  extremes() {
    for (int k = 0; k < vectors; ++k) {
      large[k] = all(-__builtin_inff());
      small[k] = all(__builtin_inff());
    }
  }
  OGIVE_INLINE void take(int k, floats x) {
    large[k] = greatest(x, large[k]);
    small[k] = least(x, small[k]);
  }
  void take(const float *x, std::ptrdiff_t n) {
    std::ptrdiff_t i = 0;
    for (; i + group <= n; i += group)
#pragma GCC unroll 4
      for (int k = 0; k < vectors; ++k) take(k, load(x + i + k * lanes));
    for (; i + lanes <= n; i += lanes) take(0, load(x + i));
    if (i < n) take(0, load_some(x + i, n - i, x[i]));
  }
  float most() const {
    float most = large[0][0];
    for (int k = 0; k < group; ++k)
      most = large[k / lanes][k % lanes] > most ? large[k / lanes][k % lanes] : most;
    return most;
  }
  float least_of_all() const {
    float least = small[0][0];
    for (int k = 0; k < group; ++k)
      least = small[k / lanes][k % lanes] < least ? small[k / lanes][k % lanes] : least;
    return least;
  }
};

// How the logits go into the exponential: as they are, or from an origin and above a floor.
template <bool is_modest>
struct argument {
  float origin, floor, shifter;
  OGIVE_INLINE floats of(floats x) const {
    return is_modest ? x : greatest(all(floor), x - origin); // NaN stays
  }
};

// Sixteen lanes of double, and of float for what `one` leaves.
struct power_sum {
  doubles high[vectors][2] = {}, low[vectors][2] = {};
  floats few_low[vectors] = {};

  OGIVE_INLINE void add(int k, power_parts e) {
    add_to(high[k], e.one);
    few_low[k] = fma(e.one, e.rest, few_low[k]);
  }
  // After no more than `block` elements.
  OGIVE_INLINE void settle() {
#pragma GCC unroll 4
    for (int k = 0; k < vectors; ++k) {
      add_to(low[k], few_low[k]);
      few_low[k] = floats{};
    }
  }
  OGIVE_INLINE double total() const {
    doubles sum[vectors][2];
    for (int k = 0; k < vectors; ++k)
      for (int h = 0; h < 2; ++h) sum[k][h] = high[k][h] + low[k][h];
    return total_of(sum) * (1 / unit);
  }
};

// The first position of a value, or the last position where it does not occur.
inline std::ptrdiff_t first_position(const float *x, std::ptrdiff_t n, float value) {
  constexpr std::ptrdiff_t width = 64;
  std::ptrdiff_t i = 0;
  for (; i + width < n; i += width) {
    int found = 0;
    for (std::ptrdiff_t j = 0; j < width; ++j) found |= x[i + j] == value;
    if (found) break;
  }
  while (i + 1 < n && x[i] != value) ++i;
  return i;
}

} // namespace rows_of_floats

// Rows of floats, one after the other. While the powers of a row are summed, the results of the row
// before it are written, block by block: then there is always something to compute while memory
// reads, writes, or adds up the end of a row.
class long_row {
public:
  using real = float;
  // A logarithm of a sum that is smaller needs the digits of a double.
  static constexpr double least_log = 0.5;
  // Room for two rows of `room_for(n)` floats.
  long_row(float *room, bool streaming) : room_(room), streaming_(streaming) {}
  ~long_row() { finish(); }
  long_row(const long_row &) = delete;
  long_row &operator=(const long_row &) = delete;
  static constexpr std::ptrdiff_t room_for(std::ptrdiff_t n) {
    return n + 2 * rows_of_floats::group;
  }

  // False where the row is not for float lanes: empty, NaN, or its largest logit infinite. The
  // element `apart`, if any, is left out of the sum. `keep` says that powers() will be asked for.
  template <bool keep>
  OGIVE_INLINE bool prepare(const float *x, std::ptrdiff_t n, std::ptrdiff_t apart = -1) {
    using namespace rows_of_floats;
    x_ = x;
    n_ = n;
    // What the last row was, this one will be.
    if (modest_) modest_ = sum_modest<keep>(apart);
    if (!modest_) {
      extremes seen;
      seen.take(x, n);
      const float most = seen.most();
      if (!(__builtin_fabsf(most) <= largest_float)) return false;
      modest_ = most <= modest && seen.least_of_all() >= -modest && sum_modest<keep>(apart);
      if (modest_) return true;
      origin_ = __builtin_fabsf(most) < reach ? 0 : most;
      const float top = most - origin_;
      floor_ = top - depth;
      shift_ = fma(static_cast<double>(top), 1 / ln2, shifter) - shifter;
      sum_all<keep>(
          argument<false>{origin_, floor_, float_shifter - 8 * static_cast<float>(shift_)}, apart);
    }
    return sum_ < __builtin_inf();
  }

  // The sum of e^(x - origin) 2^-shift.
  double sum() const { return sum_; }

  // numerator e^(x - origin) 2^-shift/(own + sum), rounded, none of them above 2^60, and in place
  // of the one that was left out of the sum, whose power is `own`, `instead`. Written in full when
  // the next row has been prepared, or after finish(); it may overwrite the row. False, and nothing
  // written, where the factor is beyond what a float holds with room to spare.
  template <class M>
  OGIVE_INLINE bool powers(double numerator, double own, float *to, std::ptrdiff_t apart = -1,
                           float instead = 0) {
    const double factor = numerator / (own + sum_);
    const double size = magnitude(factor), most = modest_ ? 0x1p102 : 0x1p60;
    if (!(size >= 1 / most && size <= most)) return false;
    later_ = results(*this, factor, to);
    later_.apart = apart;
    later_.instead = instead;
    if (modest_ && size >= 0x1p-54 && size <= 0x1p54) return true; // no result is subnormal
    write_down_to_nothing<M>(factor);
    return true;
  }

  bool streams() const { return streaming_; }

  // What is still to be written.
  void finish() {
    later_.write_until(later_.n);
    if (streaming_) end_of_stream();
    later_ = results();
  }

  // e^(x_i - origin) 2^-shift and its logarithm, in double.
  double power(std::ptrdiff_t i) const { return power_at(x_[i]); }
  double log_power(std::ptrdiff_t i) const { return difference(x_[i]) - shift_ * ln2; }

  // -log of the share of element i, whose power `own` was left out of the sum.
  double surprisal(std::ptrdiff_t i, double own) const {
    const double all = own + sum_;
    return own >= all / 4 ? row_math::log1p(sum_ / own) : logarithm(all) - log_power(i);
  }
  // The logarithm of the sum of e^x.
  double log_sum_exp() const { return origin() + log_sum(); }

  double origin() const { return static_cast<double>(origin_); }
  // The logarithm of the sum of e^(x - origin), right to 2^-26 absolutely.
  double log_sum() const { return shift_ * ln2 + logarithm(sum_); }

  // Whether one logit has more than half of the sum; then the first position of the largest.
  bool is_confident(std::ptrdiff_t &likeliest) const {
    rows_of_floats::extremes seen;
    seen.take(x_, n_);
    const float most = seen.most();
    if (!(power_at(most) > sum_ / 2)) return false;
    likeliest = rows_of_floats::first_position(x_, n_, most);
    return true;
  }

  // A sum as small as this may owe something to elements far below.
  double least_sum() const { return static_cast<double>(n_ + rows_of_floats::group) * 0x1p-94; }

private:
  // A row of results, of which `done` are written, from its powers.
  struct results {
    const float *ones = nullptr, *rests = nullptr;
    float *to = nullptr;
    std::ptrdiff_t n = 0, done = 0, apart = -1;
    float high = 0, low = 0, instead = 0;
    bool streaming = false;

    results() = default;
    results(const long_row &r, double factor, float *where)
        : ones(r.ones()), rests(r.rests()), to(where), n(r.n_), streaming(r.streaming_) {
      rows_of_floats::split(factor * (1 / rows_of_floats::unit), high, low);
    }

    // Where it streams, it goes on to the end of a line if a whole line is left.
    [[gnu::noinline]] void write_until(std::ptrdiff_t end) {
      if (streaming) {
        constexpr std::ptrdiff_t line = 16;
        const auto past =
            static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(to) % 64 / 4);
        const std::ptrdiff_t first = (line - past) % line;
        if (end > first && n > first) {
          const std::ptrdiff_t lines = (n - first) / line, wanted = (end - first + line - 1) / line;
          write<false>(first);
          write<true>(first + (wanted < lines ? wanted : lines) * line);
        }
      }
      write<false>(end < n ? end : n);
      if (done == n && apart >= 0) {
        to[apart] = instead;
        apart = -1;
      }
    }

  private:
    template <bool stream>
    OGIVE_INLINE void write(std::ptrdiff_t end) {
      using namespace rows_of_floats;
      if (end <= done) return;
      const floats f_high = all(high), f_low = all(low);
      std::ptrdiff_t i = done;
      for (; i + lanes <= end; i += lanes) {
        const floats y = times(load(ones + i), load(rests + i), f_high, f_low);
        stream ? rows_of_floats::stream(y, to + i) : store(y, to + i);
      }
      if (i < end)
        store_some(times(load(ones + i), load(rests + i), f_high, f_low), end - i, to + i);
      done = end;
    }
  };

  float *const room_;
  const bool streaming_;
  const float *x_ = nullptr;
  std::ptrdiff_t n_ = 0;
  results later_;
  bool modest_ = true;           // all logits of the row
  float origin_ = 0, floor_ = 0; // what lies below the floor was moved up to it
  double shift_ = 0, sum_ = 0;

  float *ones() const { return room_; }
  float *rests() const { return room_ + room_for(n_); }
  double difference(float x) const { return static_cast<double>(x) - static_cast<double>(origin_); }
  double power_at(float x) const {
    return row_math::exp(difference(x)) * power_of_two(shifter - shift_);
  }

  // Whether the row was modest.
  template <bool keep>
  OGIVE_INLINE bool sum_modest(std::ptrdiff_t apart) {
    origin_ = 0;
    floor_ = -__builtin_inff();
    shift_ = 0;
    return sum_all<keep>(rows_of_floats::argument<true>{0, 0, float_shifter}, apart);
  }

  template <bool keep, bool is_modest>
  OGIVE_INLINE bool sum_all(rows_of_floats::argument<is_modest> from, std::ptrdiff_t apart) {
    using namespace rows_of_floats;
    const power_table table;
    power_sum sum;
    words far = {};
    // Those that are not there count as 0, whose products no processor stops at.
    const auto add = [&](std::ptrdiff_t i, int k, floats x, words there) OGIVE_INLINE_LAMBDA {
      power_parts e = power_of(from.of(x), from.shifter, table);
      if (is_modest) far |= modesty(e.shifted);
      e.one = floats(words(e.one) & there);
      if constexpr (keep) {
        store(e.one, ones() + i + k * lanes);
        store(e.rest, rests() + i + k * lanes);
      }
      sum.add(k, e);
    };
    // The powers of the last row are overwritten where its results are.
    const auto write_until = [&](std::ptrdiff_t end) OGIVE_INLINE_LAMBDA {
      if (keep) later_.write_until(end);
    };
    const auto span = [&](std::ptrdiff_t i, std::ptrdiff_t end) OGIVE_INLINE_LAMBDA {
      while (i < end) {
        const std::ptrdiff_t some = end - i < block ? end : i + block;
        write_until(some);
        for (; i < some; i += group) {
          __builtin_prefetch(x_ + i + ahead, 0, 2);
#pragma GCC unroll 4
          for (int k = 0; k < vectors; ++k) add(i, k, load(x_ + i + k * lanes), ~words{});
        }
        sum.settle();
      }
    };
    // A group with elements missing.
    const auto part = [&](std::ptrdiff_t i, std::ptrdiff_t skip) OGIVE_INLINE_LAMBDA {
      write_until(i + group);
      const float missing = is_modest ? 0 : -__builtin_inff();
#pragma GCC unroll 4
      for (int k = 0; k < vectors; ++k) {
        const std::ptrdiff_t at = i + k * lanes, left = n_ - at;
        const floats x = left >= lanes ? load(x_ + at)
                         : left > 0    ? load_some(x_ + at, left, missing)
                                       : all(missing);
        const words number = lane_numbers();
        const auto end = static_cast<std::uint32_t>(left < 0 ? 0 : left < lanes ? left : lanes);
        const auto own = static_cast<std::uint32_t>(skip - k * lanes);
        add(i, k, x, words(number < end) & words(number != own));
      }
      sum.settle();
    };
    const std::ptrdiff_t whole = n_ / group * group;
    std::ptrdiff_t i = 0;
    if (apart >= 0) {
      const std::ptrdiff_t own = apart / group * group;
      span(0, own);
      part(own, apart - own);
      i = own + group;
    }
    span(i, whole);
    if (i < n_ && whole < n_) part(whole, -1);
    if (keep) later_.write_until(later_.n);
    sum_ = sum.total();
    return !any(mask(far >> 10 != 0)) && sum_ < __builtin_inf();
  }

  // The results at once, of which some are subnormal or 0.
  template <class M>
  OGIVE_INLINE void write_down_to_nothing(double factor) {
    using namespace rows_of_floats;
    const double level = shift_ * ln2 - logarithm(magnitude(factor));
    // Below `normal` a result is subnormal or next to it, or its power is that of the floor; below
    // `nothing` it is 0. Both lie a little off, where the double form gives the same.
    const auto subnormal = static_cast<float>(level - 82);
    const float normal = subnormal > floor_ + 0.5f ? subnormal : floor_ + 0.5f;
    const auto nothing = static_cast<float>(level - 105);
    const double scale = factor * power_of_two(shifter - shift_);
    const floats f_high = all(later_.high), f_low = all(later_.low);
    for (std::ptrdiff_t i = 0; i < n_; i += lanes) {
      const std::ptrdiff_t left = n_ - i;
      const floats x = left < lanes ? load_some(x_ + i, left, x_[i]) : load(x_ + i);
      const floats d = x - origin_;
      floats y = times(load(ones() + i), load(rests() + i), f_high, f_low);
      y = floats(words(y) & words(d >= all(normal)));
      const mask between = (d < all(normal)) & (d >= all(nothing));
      if (any(between)) [[unlikely]]
        y = mended<M>(d, y, between, scale);
      left < lanes ? store_some(y, left, later_.to + i) : store(y, later_.to + i);
    }
    if (later_.apart >= 0) later_.to[later_.apart] = later_.instead;
    later_ = results();
  }
  template <class M>
  [[gnu::noinline]] static floats mended(floats d, floats y, mask which, double scale) {
    for (int k = 0; k < lanes; ++k)
      if (which[k]) y[k] = static_cast<float>(M::exp(static_cast<double>(d[k])) * scale);
    return y;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
