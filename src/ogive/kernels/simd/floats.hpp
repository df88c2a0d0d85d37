// A vector of floats, as wide as the instruction set has, and the few operations that the language
// has no operator for. Every lane computes what a single float would: results never depend on the
// width.
#pragma once

#include <cstdint>

#include "runtime/isa.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ogive::OGIVE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float floats __attribute__((vector_size(4 * lanes)));
typedef std::uint32_t words __attribute__((vector_size(4 * lanes)));
typedef std::int32_t mask __attribute__((vector_size(4 * lanes))); // -1 where true, else 0
typedef float unaligned_floats __attribute__((vector_size(4 * lanes), aligned(4), may_alias));

OGIVE_INLINE floats load(const float *from) {
  return *reinterpret_cast<const unaligned_floats *>(from);
}
OGIVE_INLINE void store(floats x, float *to) { *reinterpret_cast<unaligned_floats *>(to) = x; }

OGIVE_INLINE floats all(float x) { return x - floats{}; }

// a b + c, rounded once.
OGIVE_FMA floats fma(floats a, floats b, floats c) {
#if defined(__AVX512F__)
  return floats(_mm512_fmadd_ps(__m512(a), __m512(b), __m512(c)));
#elif defined(__AVX2__)
  return floats(_mm256_fmadd_ps(__m256(a), __m256(b), __m256(c)));
#else
  floats r;
  for (int i = 0; i < lanes; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
#endif
}
OGIVE_INLINE floats fma(floats a, float b, floats c) { return fma(a, all(b), c); }
OGIVE_INLINE floats fma(floats a, floats b, float c) { return fma(a, b, all(c)); }
OGIVE_INLINE floats fma(floats a, float b, float c) { return fma(a, all(b), all(c)); }

// c - a b, rounded once: the same bits as fma(-a, b, c), without an instruction for the negation.
OGIVE_FMA floats fnma(floats a, floats b, floats c) {
#if defined(__AVX512F__)
  return floats(_mm512_fnmadd_ps(__m512(a), __m512(b), __m512(c)));
#elif defined(__AVX2__)
  return floats(_mm256_fnmadd_ps(__m256(a), __m256(b), __m256(c)));
#else
  return fma(-a, b, c);
#endif
}
OGIVE_INLINE floats fnma(floats a, floats b, float c) { return fnma(a, b, all(c)); }

OGIVE_INLINE floats square_root(floats x) {
#if defined(__AVX512F__)
  return floats(_mm512_sqrt_ps(__m512(x)));
#elif defined(__AVX2__)
  return floats(_mm256_sqrt_ps(__m256(x)));
#else
  floats r;
  for (int i = 0; i < lanes; ++i) r[i] = __builtin_sqrtf(x[i]);
  return r;
#endif
}

// The second where either is NaN, as the instruction has it.
OGIVE_INLINE floats least(floats a, floats b) {
#if defined(__AVX512F__)
  return floats(_mm512_min_ps(__m512(a), __m512(b)));
#elif defined(__AVX2__)
  return floats(_mm256_min_ps(__m256(a), __m256(b)));
#else
  return a < b ? a : b;
#endif
}
OGIVE_INLINE floats greatest(floats a, floats b) {
#if defined(__AVX512F__)
  return floats(_mm512_max_ps(__m512(a), __m512(b)));
#elif defined(__AVX2__)
  return floats(_mm256_max_ps(__m256(a), __m256(b)));
#else
  return a > b ? a : b;
#endif
}

constexpr std::uint32_t sign_bit = 0x80000000u;
OGIVE_INLINE floats magnitude(floats x) { return floats(words(x) & ~sign_bit); }
// |x| with the sign of another; `with_sign_of` where x has none. GCC does not find the one
// instruction for them.
OGIVE_INLINE floats copy_sign(floats x, floats sign) {
#if defined(__AVX512F__)
  return floats(
      _mm512_ternarylogic_epi32(__m512i(x), __m512i(sign), __m512i(words{} + sign_bit), 0xd8));
#else
  return floats((words(x) & ~sign_bit) | (words(sign) & sign_bit));
#endif
}
OGIVE_INLINE floats with_sign_of(floats positive, floats x) {
#if defined(__AVX512F__)
  return copy_sign(positive, x);
#else
  return floats(words(positive) | (words(x) & sign_bit));
#endif
}

// x with its sign flipped where another is negative, -0 included.
OGIVE_INLINE floats flip_sign(floats x, floats sign) {
#if defined(__AVX512F__)
  return floats(
      _mm512_ternarylogic_epi32(__m512i(x), __m512i(sign), __m512i(words{} + sign_bit), 0x78));
#else
  return floats(words(x) ^ (words(sign) & sign_bit));
#endif
}
// One of two numbers by the sign of x, that of -0 included.
OGIVE_INLINE floats by_sign(floats x, float negative, float otherwise) {
  return mask(x) < 0 ? all(negative) : all(otherwise);
}

// table[i mod 16]: permutes where there are any, since a gather costs ten times
// as much.
OGIVE_FMA floats lookup(const float (&table)[16], words i) {
#if defined(__AVX512F__)
  return floats(_mm512_permutexvar_ps(__m512i(i), _mm512_load_ps(table)));
#elif defined(__AVX2__)
  const __m256 low = _mm256_permutevar8x32_ps(_mm256_load_ps(table), __m256i(i));
  const __m256 high = _mm256_permutevar8x32_ps(_mm256_load_ps(table + 8), __m256i(i));
  return floats(_mm256_blendv_ps(low, high, __m256(i << 28)));
#else
  floats r;
  for (int k = 0; k < lanes; ++k) r[k] = table[i[k] & 15];
  return r;
#endif
}

// table[i mod 32].
OGIVE_FMA floats lookup(const float (&table)[32], words i) {
#if defined(__AVX512F__)
  return floats(
      _mm512_permutex2var_ps(_mm512_load_ps(table), __m512i(i), _mm512_load_ps(table + 16)));
#elif defined(__AVX2__)
  __m256 part[4];
  for (int k = 0; k < 4; ++k)
    part[k] = _mm256_permutevar8x32_ps(_mm256_load_ps(table + 8 * k), __m256i(i));
  const __m256 by_8 = __m256(i << 28), low = _mm256_blendv_ps(part[0], part[1], by_8);
  const __m256 high = _mm256_blendv_ps(part[2], part[3], by_8);
  return floats(_mm256_blendv_ps(low, high, __m256(i << 27)));
#else
  floats r;
  for (int k = 0; k < lanes; ++k) r[k] = table[i[k] & 31];
  return r;
#endif
}

// Copies 64 bytes with streaming (non-temporal) stores, to an aligned address of memory that is
// resident already.
OGIVE_INLINE void stream_line(const void *from, void *to) {
#if defined(__AVX512F__)
  _mm512_stream_si512(static_cast<__m512i *>(to), _mm512_load_si512(from));
#elif defined(__AVX2__)
  for (int k = 0; k < 2; ++k)
    _mm256_stream_si256(static_cast<__m256i *>(to) + k,
                        _mm256_load_si256(static_cast<const __m256i *>(from) + k));
#else
  __builtin_memcpy(to, from, 64);
#endif
}
OGIVE_INLINE void end_of_stream() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

OGIVE_INLINE bool everywhere(bool x) { return x; }
OGIVE_INLINE bool everywhere(mask x) {
#if defined(__AVX512DQ__)
  return _mm512_movepi32_mask(__m512i(x)) == 0xffff;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(__m256(x)) == 0xff;
#else
  std::int32_t every = -1;
  for (int i = 0; i < lanes; ++i) every &= x[i];
  return every == -1;
#endif
}

// One bit of each lane, the first lane's in the lowest.
OGIVE_INLINE std::uint32_t packed(mask x) {
#if defined(__AVX512DQ__)
  return _mm512_movepi32_mask(__m512i(x));
#elif defined(__AVX2__)
  return static_cast<std::uint32_t>(_mm256_movemask_ps(__m256(x)));
#elif defined(__SSE2__)
  return static_cast<std::uint32_t>(_mm_movemask_ps(__m128(x)));
#else
  std::uint32_t bits = 0;
  for (int i = 0; i < lanes; ++i) bits |= (x[i] & 1u) << i;
  return bits;
#endif
}

// The bits of x >= y, which NaN passes.
OGIVE_INLINE std::uint32_t packed_from(floats x, floats y) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(__m512(x), __m512(y), _CMP_NLT_UQ);
#else
  return packed(~(x < y));
#endif
}
// The bits of x > y, which NaN passes.
OGIVE_INLINE std::uint32_t packed_above(floats x, floats y) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(__m512(x), __m512(y), _CMP_NLE_UQ);
#else
  return packed(~(x <= y));
#endif
}

// Both ends belong to it; numbers other than 0 that are smaller than `smallest` do not.
struct interval {
  float least, most, smallest = 0;
};
constexpr float largest_float = 0x1.fffffep127f;
constexpr interval any_number{-__builtin_inff(), __builtin_inff()}; // infinities too

// NaN lies outside of everything.
OGIVE_INLINE bool lies_in(float x, interval range) {
  return x >= range.least && x <= range.most && !(x != 0 && __builtin_fabsf(x) < range.smallest);
}
// Both for a lane and for a vector, whose answers are joined by &.
inline bool inside(float x, interval range) { return lies_in(x, range); }
OGIVE_INLINE mask inside(floats x, interval range) {
  const floats size = magnitude(x);
  mask in = range.least == -range.most ? size <= all(range.most)
                                       : (x >= all(range.least)) & (x <= all(range.most));
  if (range.smallest > 0) in &= (size >= all(range.smallest)) | (x == 0);
  return in;
}
template <int N>
OGIVE_INLINE bool all_inside(const floats (&x)[N], interval range) {
#if defined(__AVX512F__)
  const __m512 least = __m512(all(range.least)), most = __m512(all(range.most));
  const words smallest = words(all(range.smallest)) - 1; // wraps where there is no bound, as 0 does
  __mmask16 inside = 0xffff;
#pragma GCC unroll 8
  for (int k = 0; k < N; ++k) {
    const __m512 size = __m512(magnitude(x[k]));
    if (range.least == -range.most) {
      inside = _mm512_mask_cmp_ps_mask(inside, size, most, _CMP_LE_OQ);
    } else {
      if (range.least > -__builtin_inff())
        inside = _mm512_mask_cmp_ps_mask(inside, __m512(x[k]), least, _CMP_GE_OQ);
      inside = _mm512_mask_cmp_ps_mask(inside, __m512(x[k]), most, _CMP_LE_OQ);
    }
    if (range.smallest > 0)
      inside = _mm512_mask_cmpge_epu32_mask(inside, __m512i(words(size) - 1), __m512i(smallest));
  }
  return inside == 0xffff;
#else
  mask inside = ~mask{};
#pragma GCC unroll 8
  for (int k = 0; k < N; ++k)
    inside &= (x[k] >= all(range.least)) & (x[k] <= all(range.most)) &
              ((x[k] == 0) | (magnitude(x[k]) >= all(range.smallest)));
  return everywhere(inside);
#endif
}

} // namespace
} // namespace ogive::OGIVE_ISA
