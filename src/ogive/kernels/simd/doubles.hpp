// A vector of doubles, half as many as a vector of floats has, and the exponential of rows in it.
#pragma once

#include <cstddef>

#include "simd/floats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

constexpr int double_lanes = lanes / 2;
typedef double doubles __attribute__((vector_size(8 * double_lanes)));
typedef std::uint64_t long_words __attribute__((vector_size(8 * double_lanes)));
typedef std::int64_t long_mask __attribute__((vector_size(8 * double_lanes))); // -1 where true
typedef double unaligned_doubles
    __attribute__((vector_size(8 * double_lanes), aligned(8), may_alias));

OGIVE_INLINE doubles load(const double *from) {
  return *reinterpret_cast<const unaligned_doubles *>(from);
}
OGIVE_INLINE void store(doubles x, double *to) { *reinterpret_cast<unaligned_doubles *>(to) = x; }

// The first n < double_lanes elements, with 0 behind them.
OGIVE_INLINE doubles load_some(const double *from, std::ptrdiff_t n) {
  alignas(64) double some[double_lanes] = {};
  for (std::ptrdiff_t k = 0; k < n; ++k) some[k] = from[k];
  return load(some);
}
OGIVE_INLINE void store_some(doubles x, std::ptrdiff_t n, double *to) {
  for (int k = 0; k < double_lanes; ++k)
    if (k < n) to[k] = x[k];
}

// A streaming store, to an aligned address.
OGIVE_INLINE void stream(doubles x, double *to) {
#if defined(__AVX512F__)
  _mm512_stream_pd(to, __m512d(x));
#elif defined(__AVX2__)
  _mm256_stream_pd(to, __m256d(x));
#else
  store(x, to);
#endif
}

// a b + c, rounded once.
OGIVE_FMA doubles fma(doubles a, doubles b, doubles c) {
#if defined(__AVX512F__)
  return doubles(_mm512_fmadd_pd(__m512d(a), __m512d(b), __m512d(c)));
#elif defined(__AVX2__)
  return doubles(_mm256_fmadd_pd(__m256d(a), __m256d(b), __m256d(c)));
#else
  doubles r;
  for (int i = 0; i < double_lanes; ++i) r[i] = __builtin_fma(a[i], b[i], c[i]);
  return r;
#endif
}

OGIVE_INLINE doubles fma(doubles a, double b, doubles c) { return fma(a, b - doubles{}, c); }
OGIVE_INLINE doubles fma(doubles a, double b, double c) {
  return fma(a, b - doubles{}, c - doubles{});
}

OGIVE_INLINE doubles magnitude(doubles x) {
  return doubles(long_words(x) & ~(std::uint64_t{1} << 63));
}
OGIVE_INLINE doubles greatest(doubles a, doubles b) {
#if defined(__AVX512F__)
  return doubles(_mm512_max_pd(__m512d(a), __m512d(b)));
#elif defined(__AVX2__)
  return doubles(_mm256_max_pd(__m256d(a), __m256d(b)));
#else
  return a > b ? a : b;
#endif
}

// One bit of each lane, the first lane's in the lowest.
OGIVE_INLINE unsigned packed(long_mask x) {
#if defined(__AVX512DQ__)
  return _mm512_movepi64_mask(__m512i(x));
#elif defined(__AVX2__)
  return static_cast<unsigned>(_mm256_movemask_pd(__m256d(x)));
#else
  unsigned bits = 0;
  for (int k = 0; k < double_lanes; ++k) bits |= unsigned{x[k] != 0} << k;
  return bits;
#endif
}

// table[i mod 16]. AVX2 has no permute of sixteen doubles.
OGIVE_FMA doubles lookup(const double (&table)[16], long_words i) {
#if defined(__AVX512F__)
  return doubles(
      _mm512_permutex2var_pd(_mm512_load_pd(table), __m512i(i), _mm512_load_pd(table + 8)));
#elif defined(__AVX2__)
  return doubles(_mm256_i64gather_pd(table, __m256i(i & 15), 8));
#else
  doubles r;
  for (int k = 0; k < double_lanes; ++k) r[k] = table[i[k] & 15];
  return r;
#endif
}

// unit e^x in 15 operations, right to 2^-53 of itself: with z = 16 log2(e) x to the nearest
// integer,
//
//   e^x = 2^(z/16) (1 + p),   p = e^r - 1 = r + r^2 q(r),   |r| <= ln2/32
//
// The table holds unit 2^(j/16), for a unit of which all sixteen are almost exact doubles. It is in
// every power of a row and in their sum, and cancels. Its entries are without j 2^48 and without
// the offset of z: the bits of one, with z 2^48 added to them, have z/16 in the exponent.
namespace unit_powers {

// Error 2^-55.4.
constexpr double sixteenths[16] = {
    0x1.50f96b6a37675p+0, 0x1.5fe4b74c42c78p+0, 0x1.6f791b6c79917p+0, 0x1.7fbe1453a0170p+0,
    0x1.90bb7364a5c48p+0, 0x1.a279629e5e1a3p+0, 0x1.b5006887cde54p+0, 0x1.c8596c48ef50cp+0,
    0x1.dc8db9f1e4c4fp+0, 0x1.f1a706f2a8da5p+0, 0x1.03d7bb62b07a3p+1, 0x1.0f58cfe6c8357p+1,
    0x1.1b5c483741c98p+1, 0x1.27e7ea2db2409p+1, 0x1.3501bd11c3891p+1, 0x1.42b00c7ecb5d1p+1};
// e^r = 1 + r + r^2 q(r), |r| <= ln2/32: q. Error 2^-54.97.
constexpr double exp_tail[] = {0x1.0000000000000p-1, 0x1.55555554dd44dp-3, 0x1.55555555194d2p-5,
                               0x1.11120af701debp-7, 0x1.6c17bb51f236dp-10};
constexpr double sixteenths_of_log2_e = 0x1.71547652b82fep+4;
// The first has all its bits: n times it, taken from x inside one fma, is exact.
constexpr double ln2_16 = 0x1.62e42fefa39efp-5, ln2_16_rest = 0x1.abc9e3b39803fp-60;

// |z| < 2^12, or |x| < 177: powers within 2^-257 and 2^257, whose sums and quotients are far from
// both ends of double.
constexpr std::uint64_t range = 1 << 12;
constexpr double offset = 0x1.8p52 + range;
constexpr std::uint64_t first_bits = __builtin_bit_cast(std::uint64_t, 0x1.8p52);

struct bits_of_entries {
  alignas(64) double entry[16];
  constexpr bits_of_entries() : entry() {
    for (std::uint64_t j = 0; j < 16; ++j)
      entry[j] = __builtin_bit_cast(double, __builtin_bit_cast(std::uint64_t, sixteenths[j]) -
                                                ((range + j) << 48));
  }
};
constexpr bits_of_entries table;

// The unit, whose table entry is not quite exact.
constexpr double unit = sixteenths[0], unit_rest = -0x1.37bcc8727ba2dp-56;

// Gathers in `far` what is_far() asks for.
OGIVE_INLINE doubles power_of(doubles x, long_words &far) {
  const doubles shifted = fma(x, sixteenths_of_log2_e, offset), n = shifted - offset;
  const doubles r = fma(n, -ln2_16_rest, fma(n, -ln2_16, x)), r2 = r * r;
  const doubles even = fma(r2, exp_tail[4], fma(r, exp_tail[3], exp_tail[2]));
  const doubles p = fma(r2, fma(r2, even, fma(r, exp_tail[1], exp_tail[0])), r);
  const long_words z = long_words(shifted);
  const doubles one = doubles(long_words(lookup(table.entry, z)) + (z << 48));
  far |= z ^ first_bits;
  return fma(one, p, one);
}
// Which lanes were out of the range at some time; NaN is.
OGIVE_INLINE long_mask is_far(long_words far) { return far >= 2 * range; }

} // namespace unit_powers

} // namespace
} // namespace ogive::OGIVE_ISA
