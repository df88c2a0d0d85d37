// Odd functions that rise from 0 to 1, in float lanes: next to 0 a polynomial, then one on each of
// 16 intervals, whose tables tools/fit_float_tables.py writes.
#pragma once

#include "simd/float_math.hpp"

namespace ogive::OGIVE_ISA {
namespace {

namespace saturating {

// f(a) as a pair for a >= `least_far`, |low| < high/10. Four intervals go to each power of two, so
// that an interval and its middle follow from the bits of a; the last one reaches on to `last`,
// from where f rounds to 1.
template <int N>
OGIVE_INLINE float_pair far(floats a, const float (&c)[N][16], const float (&c_low)[16],
                            float least_far, float last) {
  const words bits = words(least(a, all(least_far * 0x1.fffffep3f))), j = bits >> 21;
  const floats d = least(a, all(last)) - floats((bits & 0xffe00000u) | 0x100000u);
  floats q = lookup(c[N - 1], j);
#pragma GCC unroll 8
  for (int k = N - 2; k >= 2; --k) q = fma(q, d, lookup(c[k], j));
  return {lookup(c[0], j), fma(d, lookup(c[1], j), fma(d * d, q, lookup(c_low, j)))};
}

template <int N>
OGIVE_INLINE floats near_polynomial(const float (&c)[N], floats z) {
  floats p = all(c[N - 1]);
#pragma GCC unroll 8
  for (int k = N - 2; k >= 1; --k) p = fma(p, z, c[k]);
  return p;
}

} // namespace saturating

} // namespace
} // namespace ogive::OGIVE_ISA
