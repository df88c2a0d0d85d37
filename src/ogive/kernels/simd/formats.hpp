// Storage formats and their conversion to and from the format a kernel computes in. Every store
// rounds once, to nearest even, subnormals included, with integer operations: hardware conversions
// to bfloat16 flush subnormals, and a detour f64 -> f32 -> half would round twice.
#pragma once

#include <cstddef>
#include <cstdint>

#include "math/elementary.hpp"
#include "simd/floats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct half {
  std::uint16_t bits;
};
struct bfloat {
  std::uint16_t bits;
};
// What loops ask of a format: whether it is one of these two, a float itself, or one whose numbers
// are all floats.
template <class T>
constexpr bool is_half = __is_same(T, half) || __is_same(T, bfloat);
template <class T>
constexpr bool is_float = __is_same(T, float);
template <class T>
constexpr bool within_floats = is_half<T> || is_float<T>;

OGIVE_INLINE std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
OGIVE_INLINE float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

OGIVE_INLINE float widen(float x) { return x; }
OGIVE_INLINE double widen(double x) { return x; }
// What follows is written once for a number and for a vector of them; Words holds 16 bits in 32.
OGIVE_INLINE words bits_of(floats x) { return words(x); }
OGIVE_INLINE floats float_of(words bits) { return floats(bits); }
template <class Words>
OGIVE_INLINE auto widened_half(Words x) {
  const Words magnitude_bits = (x & 0x7fffu) << 13;
  // Multiplying by 2^112 moves the exponent bias, and normalises subnormals exactly.
  const Words finite = bits_of(float_of(magnitude_bits) * 0x1p112f);
  const Words special = magnitude_bits | 0x7f800000u;
  return float_of((magnitude_bits >= 0x0f800000u ? special : finite) | (x & 0x8000u) << 16);
}
template <class Words>
OGIVE_INLINE Words rounded_to_bfloat(Words bits) {
  const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (bits & 0x7fffffffu) > 0x7f800000u ? bits >> 16 | 0x40u : rounded;
}
template <class Words>
OGIVE_INLINE Words rounded_to_half(Words bits) {
  const Words sign = (bits >> 16) & 0x8000u, size = bits & 0x7fffffffu;
  // Normal: drop 13 bits to nearest even and rebias. Subnormal: adding 1/2 leaves multiples of
  // 2^-24 in the low bits, rounded by the addition itself.
  const Words normal = (size + 0xfffu + ((size >> 13) & 1u) - (112u << 23)) >> 13;
  const Words subnormal = bits_of(float_of(size) + 0.5f) - bits_of(0.5f);
  Words result = size < 0x38800000u ? subnormal : normal;
  result = size >= 0x477ff000u ? Words{} + 0x7c00u : result; // 65520 and above
  result = size > 0x7f800000u ? Words{} + 0x7e00u : result;
  return result | sign;
}

OGIVE_INLINE float widen(bfloat x) { return float_of(std::uint32_t{x.bits} << 16); }
OGIVE_INLINE float widen(half x) { return widened_half(std::uint32_t{x.bits}); }

// Rounding to odd keeps the fact of inexactness in the last bit, so that rounding once more, to a
// format at least two bits narrower, gives what rounding the double directly would give.
OGIVE_INLINE float round_to_odd(double x) {
  const float nearest = static_cast<float>(x);
  const double back = magnitude(static_cast<double>(nearest)), exact = magnitude(x);
  const std::uint32_t bits = bits_of(nearest);
  const std::uint32_t step = exact > back ? 1u : exact < back ? ~0u : 0u;
  return float_of(bits & 1u ? bits : bits + step);
}
OGIVE_INLINE float round_to_odd(float x) { return x; }

// What is to be rounded once more.
struct odd_float {
  float value;
};
// The float that a double becomes on its way to a format.
template <class T, bool to_half = is_half<T>>
struct on_the_way {
  using type = float;
};
template <class T>
struct on_the_way<T, true> {
  using type = odd_float;
};
template <class Real>
OGIVE_INLINE void round_into(Real x, odd_float &y) {
  y.value = round_to_odd(x);
}

OGIVE_INLINE void round_into(double x, double &y) { y = x; }
OGIVE_INLINE void round_into(double x, float &y) { y = static_cast<float>(x); }
OGIVE_INLINE void round_into(float x, float &y) { y = x; }
template <class Real>
OGIVE_INLINE void round_into(Real x, bfloat &y) {
  y.bits = static_cast<std::uint16_t>(rounded_to_bfloat(bits_of(round_to_odd(x))));
}
template <class Real>
OGIVE_INLINE void round_into(Real x, half &y) {
  y.bits = static_cast<std::uint16_t>(rounded_to_half(bits_of(round_to_odd(x))));
}

// The same for a vector. Processors that have instructions for f16 have them with subnormals.
typedef std::uint16_t shorts __attribute__((vector_size(2 * lanes)));
typedef std::uint16_t unaligned_shorts
    __attribute__((vector_size(2 * lanes), aligned(2), may_alias));

OGIVE_INLINE words load_shorts(const void *from) {
  return __builtin_convertvector(shorts(*static_cast<const unaligned_shorts *>(from)), words);
}
OGIVE_INLINE void store_shorts(words x, void *to) {
  *static_cast<unaligned_shorts *>(to) = unaligned_shorts(__builtin_convertvector(x, shorts));
}
OGIVE_INLINE floats load(const bfloat *from) { return float_of(load_shorts(from) << 16); }
OGIVE_INLINE void store(floats x, bfloat *to) { store_shorts(rounded_to_bfloat(bits_of(x)), to); }
OGIVE_INLINE floats load(const half *from) {
#if defined(__AVX512F__)
  return floats(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from))));
#elif defined(__F16C__)
  return floats(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from))));
#else
  return widened_half(load_shorts(from));
#endif
}
OGIVE_INLINE void store(floats x, half *to) {
#if defined(__F16C__)
  // A NaN has one form, whatever it carried.
  const floats y = x == x ? x : float_of((bits_of(x) & sign_bit) | 0x7fc00000u);
#if defined(__AVX512F__)
  const __m256i rounded = _mm512_maskz_cvtps_ph(0xffff, __m512(y), _MM_FROUND_TO_NEAREST_INT);
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), rounded);
#else
  const __m128i rounded = _mm256_cvtps_ph(__m256(y), _MM_FROUND_TO_NEAREST_INT);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(to), rounded);
#endif
#else
  store_shorts(rounded_to_half(bits_of(x)), to);
#endif
}

// The first n < lanes elements. Behind them are zeros, or what lay there.
#if defined(__AVX512BW__) && defined(__AVX512VL__)
OGIVE_INLINE __m256i some_shorts(const void *from, std::ptrdiff_t n) {
  return _mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << n) - 1), from);
}
OGIVE_INLINE floats load_first(const half *from, std::ptrdiff_t n) {
  return floats(_mm512_cvtph_ps(some_shorts(from, n)));
}
OGIVE_INLINE floats load_first(const bfloat *from, std::ptrdiff_t n) {
  return float_of(words(_mm512_cvtepu16_epi32(some_shorts(from, n))) << 16);
}
OGIVE_INLINE floats load_first(const float *from, std::ptrdiff_t n) {
  return floats(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), from));
}
OGIVE_INLINE void store_first(floats x, std::ptrdiff_t n, float *to) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << n) - 1), __m512(x));
}
template <class T>
OGIVE_INLINE void store_first(floats x, std::ptrdiff_t n, T *to) {
  alignas(32) T all[lanes];
  store(x, all);
  _mm256_mask_storeu_epi16(to, static_cast<__mmask16>((1u << n) - 1),
                           _mm256_load_si256(reinterpret_cast<const __m256i *>(all)));
}
#else
template <class T>
OGIVE_INLINE floats load_first(const T *from, std::ptrdiff_t n) {
  alignas(64) T some[lanes] = {};
  for (std::ptrdiff_t k = 0; k < n; ++k) some[k] = from[k];
  return load(some);
}
template <class T>
OGIVE_INLINE void store_first(floats x, std::ptrdiff_t n, T *to) {
  alignas(64) T all[lanes];
  store(x, all);
  for (std::ptrdiff_t k = 0; k < n; ++k) to[k] = all[k];
}
#endif

// Elements from one format to another, elsewhere in memory: the last vector meets the one before
// it.
template <class From, class To>
[[gnu::noinline]] inline void convert_all(const From *from, To *to, std::ptrdiff_t n) {
  std::ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes) store(load(from + i), to + i);
  if (i == n) return;
  if (n > lanes) return store(load(from + n - lanes), to + n - lanes);
  store_first(load_first(from, n), n, to);
}
template <class T>
inline void widen_all(const T *from, float *to, std::ptrdiff_t n) {
  convert_all(from, to, n);
}
template <class T>
inline void round_all(const float *from, T *to, std::ptrdiff_t n) {
  convert_all(from, to, n);
}

// Results of bf16 so small that operands or rests of them may have lost digits. As a float, and as
// what twice the bits of a bf16 are at least for any other, 0 excepted if 1 is taken off.
constexpr float small_bfloat = 0x1p-80f;
constexpr std::uint16_t small_bits = 2 * (__builtin_bit_cast(std::uint32_t, small_bfloat) >> 16);
template <class Floats, class T>
OGIVE_INLINE auto is_small(Floats y, T) {
  const Floats size = float_of(bits_of(y) & 0x7fffffffu), bound = size * 0 + small_bfloat;
  return (size > 0) & (size < (__is_same(T, bfloat) ? bound : Floats{}));
}

// Whether a float within four ulps of the exact result leaves its rounding to a format undecided,
// since it lies next to a tie. For f16, whose subnormal numbers have ties elsewhere, what it
// becomes a little larger is compared with what it becomes a little smaller.
constexpr float a_little_more = 1 + 0x1p-21f, a_little_less = 1 - 0x1p-21f;
template <class Floats, class T>
OGIVE_INLINE auto undecided(Floats y, T) {
  const auto bits = bits_of(y);
  if constexpr (__is_same(T, bfloat)) {
    return (((bits + 0x8008u) & 0xffffu) <= 16) | is_small(y, T{});
  } else if constexpr (__is_same(T, half)) {
    return rounded_to_half(bits_of(y * a_little_more)) !=
           rounded_to_half(bits_of(y * a_little_less));
  } else {
    return (y < 0) & (y > 0);
  }
}

// Halves go in and out some vectors at a time, where that takes less; `pair_of_shorts` is what two
// vectors become. `place` says which element a lane of vector k holds.
typedef std::uint16_t pair_of_shorts __attribute__((vector_size(4 * lanes)));
typedef std::uint16_t unaligned_pair_of_shorts
    __attribute__((vector_size(4 * lanes), aligned(2), may_alias));

template <class T, int N>
constexpr bool in_pairs = __is_same(T, bfloat) && N % 2 == 0;
template <class T, int N>
OGIVE_INLINE std::ptrdiff_t place(int k, int lane) {
  if constexpr (in_pairs<T, N>) return (k & ~1) * lanes + 2 * lane + (k & 1);
  return k * lanes + lane;
}

template <class T, int N>
OGIVE_INLINE void load_vectors(const T *from, floats (&x)[N]) {
  for (int k = 0; k < N; ++k) x[k] = load(from + k * lanes);
}
// The even elements of two vectors, then the odd ones: no element crosses to another lane.
template <int N>
  requires(in_pairs<bfloat, N>)
OGIVE_INLINE void load_vectors(const bfloat *from, floats (&x)[N]) {
#pragma GCC unroll 8
  for (int k = 0; k < N; k += 2) {
    const words both = words(*reinterpret_cast<const unaligned_pair_of_shorts *>(from + k * lanes));
    x[k] = float_of(both << 16);
    x[k + 1] = float_of(both & 0xffff0000u);
  }
}

// The upper half of each second word over the lower half of each first.
OGIVE_INLINE pair_of_shorts interleaved(words lower, words upper) {
#if defined(__AVX512BW__)
  return pair_of_shorts(_mm512_mask_blend_epi16(0xaaaaaaaau, __m512i(lower), __m512i(upper)));
#elif defined(__AVX2__)
  return pair_of_shorts(_mm256_blend_epi16(__m256i(lower), __m256i(upper), 0xaa));
#else
  return pair_of_shorts((lower & 0xffffu) | (upper & 0xffff0000u));
#endif
}
OGIVE_INLINE pair_of_shorts least(pair_of_shorts a, pair_of_shorts b) {
#if defined(__AVX512BW__)
  return pair_of_shorts(_mm512_min_epu16(__m512i(a), __m512i(b)));
#elif defined(__AVX2__)
  return pair_of_shorts(_mm256_min_epu16(__m256i(a), __m256i(b)));
#else
  return a < b ? a : b;
#endif
}
OGIVE_INLINE pair_of_shorts greatest(pair_of_shorts a, pair_of_shorts b) {
#if defined(__AVX512BW__)
  return pair_of_shorts(_mm512_max_epu16(__m512i(a), __m512i(b)));
#elif defined(__AVX2__)
  return pair_of_shorts(_mm256_max_epu16(__m256i(a), __m256i(b)));
#else
  return a > b ? a : b;
#endif
}
template <class Vector>
OGIVE_INLINE bool any(Vector x) {
#if defined(__AVX512BW__)
  if constexpr (sizeof x == 64) return _mm512_test_epi32_mask(__m512i(x), __m512i(x)) != 0;
#endif
#if defined(__AVX2__)
  if constexpr (sizeof x == 32) return !_mm256_testz_si256(__m256i(x), __m256i(x));
#endif
#if defined(__SSE4_1__)
  if constexpr (sizeof x == 16) return !_mm_testz_si128(__m128i(x), __m128i(x));
#endif
  std::uint64_t parts[sizeof x / 8], joined = 0;
  __builtin_memcpy(parts, &x, sizeof x);
  for (const std::uint64_t part : parts) joined |= part;
  return joined != 0;
}

// Results of halves that a float holds, NaN among them.
template <class T, int N>
OGIVE_INLINE void store_exact(const floats (&y)[N], T *to) {
#pragma GCC unroll 8
  for (int k = 0; k < N; ++k) store(y[k], to + k * lanes);
}
template <int N>
  requires(in_pairs<bfloat, N>)
OGIVE_INLINE void store_exact(const floats (&y)[N], bfloat *to) {
#pragma GCC unroll 8
  for (int k = 0; k < N; k += 2)
    *reinterpret_cast<unaligned_pair_of_shorts *>(to + k * lanes) =
        interleaved(bits_of(y[k]) >> 16, bits_of(y[k + 1]));
}
#if defined(__F16C__)
OGIVE_INLINE shorts to_halves(floats x) {
#if defined(__AVX512F__)
  return shorts(_mm512_maskz_cvtps_ph(0xffff, __m512(x), _MM_FROUND_TO_NEAREST_INT));
#else
  return shorts(_mm256_cvtps_ph(__m256(x), _MM_FROUND_TO_NEAREST_INT));
#endif
}
template <int N>
OGIVE_INLINE void store_exact(const floats (&y)[N], half *to) {
#pragma GCC unroll 8
  for (int k = 0; k < N; ++k)
    *reinterpret_cast<unaligned_shorts *>(to + k * lanes) = to_halves(y[k]);
}
#endif

// A sum that stays 0 until an element is not finite.
OGIVE_INLINE floats plus_nothing_of(floats x, floats sum) {
  return has_fma ? fma(x, 0.0f, sum) : x * 0.0f + sum;
}
// Rounds with ties to even, and says whether some results are small or not finite.
template <class T, int N>
OGIVE_INLINE bool store_settled(const floats (&y)[N], T *to) {
  if constexpr (in_pairs<T, N>) {
    // Of the floats, since of those that round to 0 nothing is left.
    words smallest = ~words{};
    pair_of_shorts largest = {};
#pragma GCC unroll 8
    for (int k = 0; k < N; k += 2) {
      const words even = bits_of(y[k]), odd = bits_of(y[k + 1]);
      const words below = even + even - 1, other = odd + odd - 1;
      smallest = below < smallest ? below : smallest;
      smallest = other < smallest ? other : smallest;
      const pair_of_shorts rounded = interleaved((even + 0x7fffu + ((even >> 16) & 1u)) >> 16,
                                                 odd + 0x7fffu + ((odd >> 16) & 1u));
      const pair_of_shorts size = rounded + rounded;
      largest = greatest(largest, size);
      *reinterpret_cast<unaligned_pair_of_shorts *>(to + k * lanes) = rounded;
    }
    return any(smallest < 2 * bits_of(small_bfloat)) || any(largest >= 0xff00);
  } else {
    mask small = {};
    floats nothing = {};
#pragma GCC unroll 8
    for (int k = 0; k < N; ++k) {
      if (__is_same(T, bfloat)) small |= is_small(y[k], T{});
      nothing = plus_nothing_of(y[k], nothing);
    }
    store_exact(y, to);
    return any(small | (nothing != 0));
  }
}

// Rounds results that are within four ulps, and says whether some are undecided or small; or not
// finite, where that is asked for.
template <bool finite, int N>
  requires(in_pairs<bfloat, N>)
OGIVE_INLINE bool store_decided(const floats (&y)[N], bfloat *to) {
  pair_of_shorts lowest = ~pair_of_shorts{}, smallest = lowest, largest = {};
#pragma GCC unroll 8
  for (int k = 0; k < N; k += 2) {
    // No tie is decided here: half a unit more, eight ulps more, rounds all others as half would.
    const words even = bits_of(y[k]) + 0x8008u, odd = bits_of(y[k + 1]) + 0x8008u;
    lowest = least(lowest, interleaved(even, odd << 16));
    const pair_of_shorts rounded = interleaved(even >> 16, odd);
    smallest = least(smallest, rounded + rounded - 1); // wraps where the result is 0
    if (finite) largest = greatest(largest, rounded + rounded);
    *reinterpret_cast<unaligned_pair_of_shorts *>(to + k * lanes) = rounded;
  }
  return any((lowest <= 16) | (smallest < small_bits) | (largest >= 0xff00));
}
#if defined(__F16C__)
template <bool finite, int N>
OGIVE_INLINE bool store_decided(const floats (&y)[N], half *to) {
  shorts differ = {};
  floats nothing = {};
#pragma GCC unroll 8
  for (int k = 0; k < N; ++k) {
    const shorts above = to_halves(y[k] * a_little_more), below = to_halves(y[k] * a_little_less);
    differ |= above ^ below;
    if (finite) nothing = plus_nothing_of(y[k], nothing);
    *reinterpret_cast<unaligned_shorts *>(to + k * lanes) = above;
  }
  return any(differ) || (finite && any(nothing != 0));
}
#endif
template <bool finite, class T, int N>
OGIVE_INLINE bool store_decided(const floats (&y)[N], T *to) {
  mask open = {};
#pragma GCC unroll 8
  for (int k = 0; k < N; ++k) {
    if (finite) open |= ~(magnitude(y[k]) <= largest_float);
    if constexpr (is_half<T>) open |= undecided(y[k], T{});
    store(y[k], to + k * lanes);
  }
  return (finite || is_half<T>) && any(open);
}

} // namespace
} // namespace ogive::OGIVE_ISA
