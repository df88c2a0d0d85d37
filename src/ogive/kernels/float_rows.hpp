// Rows of floats in float lanes: what softmax and its kin need of a row, without a row of doubles.
//
//   e^(x_i - origin) 2^-shift = 2^(z/4 - shift) (1 + p_i),   z = 4 log2(e) x to the nearest integer
//
// with p = e^r - 1 from a polynomial of degree 4 in |r| <= ln2/8. Three passes: the largest logit;
// the sum S of the powers; and the powers anew, this time with 2^(j/4) factor/S in place of 2^(j/4)
// in the table of four, so that the division costs nothing per element and the result is rounded
// once. Nothing is stored in between: to compute a power twice is cheaper than to carry it, as a
// pair of floats, through the second cache.
//
// The difference to the largest logit is never rounded. Up to `reach` the origin is 0, the logits
// go into the exponential as they are, and S stays near 1 by an exact shift of exponents; beyond
// it, the origin is the largest logit, and every logit that counts lies within a factor of two of
// it, where a difference is exact. So an offset of all logits costs no digits.
//
// The errors, in parts of the result: r 2^-28, the polynomial 2^-27.4, p 2^-28; S by the same
// powers, of which the high floats are summed as doubles and the low ones as floats, no more than
// eight to a lane before they too go to double. Below 0.8 ulp in all, the last rounding included.
#pragma once

constexpr double ln2 = 0x1.62e42fefa39efp-1;

// Right to 2^-52 or so of 1 + |log x|; next to x = 1 its relative accuracy ends.
inline double logarithm(double x) {
  return x >= 1 ? row_math::log1p(x - 1) : -row_math::log1p(1 / x - 1);
}

namespace rows_of_floats {

#if defined(__AVX2__) && !defined(__AVX512F__)
alignas(64) constexpr std::int32_t first_lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

// Half of a vector of floats, as doubles.
typedef double doubles __attribute__((vector_size(4 * lanes)));
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
OGIVE_INLINE void add_to(doubles (&sum)[2], floats x) {
  sum[0] += half_of(x, 0);
  sum[1] += half_of(x, 1);
}

constexpr int group = lane_sum::lanes, vectors = group / lanes, block = 8 * group;
constexpr float reach = 172;
// Logits this far below the largest count as if they were there: 2^-124 of the largest power.
constexpr float depth = 86;

constexpr float quarters_of_log2_e = 0x1.715476p+2f;
constexpr float ln2_4_high = 0x1.62ep-3f, ln2_4_low = 0x1.0bfbe8p-17f;
// e^r = 1 + r + r^2 q(r), |r| <= ln2/8: q. Error 2^-27.4.
constexpr float exp_tail_8[] = {0x1.00000cp-1f, 0x1.557206p-3f, 0x1.54f042p-5f};
constexpr double quarter_powers[] = {1, 0x1.306fe0a31b715p+0, 0x1.6a09e667f3bcdp+0,
                                     0x1.ae89f995ad3adp+0};

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

// Four floats, looked up by the low two bits of an index.
struct table_of_four {
#if defined(__AVX512F__)
  __m512 entries;
  void set(const float *four) { entries = _mm512_broadcast_f32x4(_mm_loadu_ps(four)); }
  OGIVE_INLINE floats operator[](words i) const {
    return floats(_mm512_permutevar_ps(entries, __m512i(i)));
  }
#elif defined(__AVX2__)
  __m256 entries;
  void set(const float *four) {
    entries = _mm256_broadcast_ps(reinterpret_cast<const __m128 *>(four));
  }
  OGIVE_INLINE floats operator[](words i) const {
    return floats(_mm256_permutevar_ps(entries, __m256i(i)));
  }
#else
  float entries[4];
  void set(const float *four) { __builtin_memcpy(entries, four, sizeof entries); }
  OGIVE_INLINE floats operator[](words i) const {
    floats r;
    for (int k = 0; k < lanes; ++k) r[k] = entries[i[k] & 3];
    return r;
  }
#endif
};

// A double as two floats, by Veltkamp's splitting: GCC 12 takes double(float(x)) for x where it
// packs a few of them into a vector.
inline void split(double x, float &high, float &low) {
  const double scaled = x * 0x20000001p0, rounded = scaled - (scaled - x);
  high = static_cast<float>(rounded);
  low = static_cast<float>(x - rounded);
}

// 2^(j/4) times a factor, as pairs of floats.
struct power_table {
  table_of_four high, low;

  explicit power_table(double factor) {
    alignas(16) float h[4], l[4];
    for (int j = 0; j < 4; ++j) split(quarter_powers[j] * factor, h[j], l[j]);
    high.set(h);
    low.set(l);
  }
};

// (high + low) 2^(exponent/2^23), where the exponent may be negative.
struct power_parts {
  floats high, low;
  words exponent;
};
// The shifter takes the row's shift off the exponent.
template <class Shifter> // for each lane, or for all
OGIVE_INLINE power_parts power_of(floats d, Shifter shifter, const power_table &table) {
  const floats shifted = fma(d, quarters_of_log2_e, shifter), n = shifted - shifter;
  const floats r = fma(n, -ln2_4_low, fma(n, -ln2_4_high, d));
  const floats q = fma(fma(r, exp_tail_8[2], exp_tail_8[1]), r, exp_tail_8[0]);
  const floats p = fma(r * r, q, r);
  const words z = words(shifted);
  const floats high = table.high[z];
  return {high, fma(high, p, table.low[z]), (z << 21) & 0xff800000u};
}

// The sum of sixteen lanes, in the order of lane_sum.
inline double total_of(const doubles (&sum)[vectors][2]) {
  double t[group];
  __builtin_memcpy(t, sum, sizeof t);
#pragma GCC unroll 4
  for (int width = group / 2; width > 0; width /= 2)
#pragma GCC unroll 8
    for (int j = 0; j < width; ++j) t[j] += t[j + width];
  return t[0];
}

// Sixteen lanes of double, and of float for what the high parts leave.
class power_sum {
public:
  // Up to `block` elements, a whole number of groups.
  OGIVE_INLINE void add(const float *x, std::ptrdiff_t n, floats origin, floats floor,
                        float shifter, const power_table &table) {
    floats low[vectors] = {};
    doubles high[vectors][2]; // in registers
    __builtin_memcpy(high, high_, sizeof high);
    for (std::ptrdiff_t i = 0; i < n; i += group)
#pragma GCC unroll 4
      for (int k = 0; k < vectors; ++k) {
        const floats d = greatest(floor, load(x + i + k * lanes) - origin); // NaN stays
        const power_parts e = power_of(d, shifter, table);
        const floats scale = floats(e.exponent + 0x3f800000u);
        add_to(high[k], e.high * scale);
        low[k] = fma(e.low, scale, low[k]);
      }
#pragma GCC unroll 4
    for (int k = 0; k < vectors; ++k) add_to(low_[k], low[k]);
    __builtin_memcpy(high_, high, sizeof high);
  }
  double total() const {
    doubles sum[vectors][2];
    for (int k = 0; k < vectors; ++k)
      for (int h = 0; h < 2; ++h) sum[k][h] = high_[k][h] + low_[k][h];
    return total_of(sum);
  }

private:
  doubles high_[vectors][2] = {}, low_[vectors][2] = {};
};

// Some of the row, filled up with -inf to a whole number of groups.
struct padded {
  alignas(64) float x[block];
  padded(const float *from, std::ptrdiff_t n) {
    std::ptrdiff_t i = 0;
    for (; i < n; ++i) x[i] = from[i];
    for (; i % group != 0; ++i) x[i] = -__builtin_inff();
  }
};

// Writes factor e^(x - origin) 2^-shift.
template <class M>
struct power_writer {
  power_table table; // with the factor in it
  double scale;      // factor 2^-shift
  float origin, shifter;
  // Below `normal` a result is subnormal, below `nothing` it is 0. Both lie a little off, where the
  // double form gives the same.
  float normal, nothing;

  template <bool all_normal>
  OGIVE_INLINE floats at(floats x) const {
    const floats d = x - origin;
    const power_parts e = power_of(d, shifter, table);
    floats y = floats(words(e.high + e.low) + e.exponent);
    if constexpr (!all_normal) {
      y = floats(words(y) & words(d >= all(normal)));
      const mask between = (d < all(normal)) & (d >= all(nothing));
      if (any(between)) [[unlikely]]
        y = mended(d, y, between);
    }
    return y;
  }
  template <bool all_normal>
  [[gnu::always_inline]] void write(const float *x, std::ptrdiff_t n, float *to) const {
    std::ptrdiff_t i = 0;
    for (; i + lanes <= n; i += lanes) store(at<all_normal>(load(x + i)), to + i);
    if (i < n) {
      const floats some = load_some(x + i, n - i, x[i]);
      store_some(at<all_normal>(some), n - i, to + i);
    }
  }
  // Past the caches, by way of a block that stays in the first of them.
  template <bool all_normal>
  [[gnu::always_inline]] void stream(const float *x, std::ptrdiff_t n, float *to) const {
    constexpr std::ptrdiff_t size = 1024, line = 16;
    alignas(64) float some[size];
    const auto past = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(to) % 64 / 4);
    std::ptrdiff_t i = past == 0 ? 0 : line - past < n ? line - past : n;
    write<all_normal>(x, i, to);
    while (n - i >= line) {
      const std::ptrdiff_t count = n - i < size ? (n - i) / line * line : size;
      write<all_normal>(x + i, count, some);
      for (std::ptrdiff_t k = 0; k < count; k += line) stream_line(some + k, to + i + k);
      i += count;
    }
    end_of_stream();
    write<all_normal>(x + i, n - i, to + i);
  }

private:
  static bool any(mask m) {
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
  [[gnu::noinline]] floats mended(floats d, floats y, mask which) const {
    for (int k = 0; k < lanes; ++k)
      if (which[k]) y[k] = static_cast<float>(M::exp(static_cast<double>(d[k])) * scale);
    return y;
  }
};

// NaN may come and go here.
inline void find_extremes(const float *x, std::ptrdiff_t n, float &most, float &least_of_all) {
  floats large[4], small[4];
  for (int k = 0; k < 4; ++k) {
    large[k] = all(-__builtin_inff());
    small[k] = all(__builtin_inff());
  }
  const auto take = [&](int k, floats some) {
    large[k] = greatest(some, large[k]);
    small[k] = least(some, small[k]);
  };
  std::ptrdiff_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) take(k, load(x + i + k * lanes));
  for (; i + lanes <= n; i += lanes) take(0, load(x + i));
  if (i < n) take(0, load_some(x + i, n - i, x[i]));
  for (int k = 1; k < 4; ++k) {
    large[0] = greatest(large[k], large[0]);
    small[0] = least(small[k], small[0]);
  }
  most = large[0][0];
  least_of_all = small[0][0];
  for (int k = 1; k < lanes; ++k) {
    most = large[0][k] > most ? large[0][k] : most;
    least_of_all = small[0][k] < least_of_all ? small[0][k] : least_of_all;
  }
}

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

class float_row {
public:
  // False where the row is not for float lanes: empty, NaN, or its largest logit infinite. The
  // element `apart`, if any, is left out of the sum.
  bool prepare(const float *x, std::ptrdiff_t n, std::ptrdiff_t apart = -1) {
    using namespace rows_of_floats;
    x_ = x;
    n_ = n;
    find_extremes(x, n, most_, least_);
    if (!(__builtin_fabsf(most_) <= largest_float)) return false;
    origin_ = __builtin_fabsf(most_) < reach ? 0 : most_;
    const float top = most_ - origin_;
    shift_ = fma(static_cast<double>(top), 1 / ln2, shifter) - shifter;
    float_shifter_ = float_shifter - 4 * static_cast<float>(shift_);
    const power_table table(1);
    power_sum sum;
    for (std::ptrdiff_t i = 0; i < n; i += block) {
      const std::ptrdiff_t left = n - i < block ? n - i : block, skip = apart - i;
      const bool skips = skip >= 0 && skip < block;
      if (skips || left % group != 0) [[unlikely]] {
        padded some(x + i, left);
        if (skips) some.x[skip] = -__builtin_inff();
        sum.add(some.x, (left + group - 1) / group * group, all(origin_), all(top - depth),
                float_shifter_, table);
      } else {
        sum.add(x + i, left, all(origin_), all(top - depth), float_shifter_, table);
      }
    }
    sum_ = sum.total();
    return sum_ < __builtin_inf();
  }

  // The sum of e^(x - origin) 2^-shift.
  double sum() const { return sum_; }

  // factor e^(x - origin) 2^-shift, rounded; it may overwrite the row. False, and nothing written,
  // where the factor is beyond what a float holds with room to spare.
  template <class M>
  [[gnu::always_inline]] bool powers(double factor, float *to, bool streaming) const {
    using namespace rows_of_floats;
    const double size = magnitude(factor);
    if (!(size >= 0x1p-60 && size <= 0x1p60)) return false;
    const double level = shift_ * ln2 - logarithm(size);
    const power_writer<M> w{power_table(factor),
                            factor * power_of_two(shifter - shift_),
                            origin_,
                            float_shifter_,
                            static_cast<float>(level - 86),
                            static_cast<float>(level - 105)};
    const bool all_normal = least_ - origin_ >= w.normal;
    if (streaming)
      all_normal ? w.template stream<true>(x_, n_, to) : w.template stream<false>(x_, n_, to);
    else
      all_normal ? w.template write<true>(x_, n_, to) : w.template write<false>(x_, n_, to);
    return true;
  }

  // e^(x_i - origin) 2^-shift and its logarithm, in double.
  double power(std::ptrdiff_t i) const {
    return row_math::exp(difference(i)) * power_of_two(shifter - shift_);
  }
  double log_power(std::ptrdiff_t i) const { return difference(i) - shift_ * ln2; }

  double origin() const { return static_cast<double>(origin_); }
  // The logarithm of the sum of e^(x - origin), right to 2^-27 absolutely.
  double log_sum() const { return shift_ * ln2 + logarithm(sum_); }

  // The first position of the largest logit.
  std::ptrdiff_t likeliest() const { return rows_of_floats::first_position(x_, n_, most_); }

  // A sum as small as this may owe something to the elements that are left out or far below.
  double least_sum() const { return static_cast<double>(n_ + rows_of_floats::group) * 0x1p-94; }

private:
  const float *x_;
  std::ptrdiff_t n_;
  float most_, least_, origin_, float_shifter_;
  double shift_, sum_;

  double difference(std::ptrdiff_t i) const {
    return static_cast<double>(x_[i]) - static_cast<double>(origin_);
  }
};
