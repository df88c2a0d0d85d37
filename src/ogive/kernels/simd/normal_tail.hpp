// The tail of the normal distribution in float lanes, for GELU: e^(-a^2/2) times a ratio from
// tables.
#pragma once

#include "simd/float_math.hpp"

namespace ogive::OGIVE_ISA {
namespace {

namespace normal_tail {

// e^(-a^2/2) for 0 <= a < 13: the square is never rounded, since r = -2 (the remainder of -a^2/2)
// takes it inside one fma.
OGIVE_INLINE power_lanes density(floats a) {
  const floats shifted = fma(a * a, -sixteenths_of_log2_e / 2, float_shifter);
  const floats n = shifted - float_shifter;
  const floats r = fma(n, 2 * ln2_16_low, fma(a, a, n * (2 * ln2_16_high)));
  floats q = fma(r, exp_longer_tail[2] / 16, -exp_longer_tail[1] / 8);
  q = fma(r, q, exp_longer_tail[0] / 4);
  const floats p = r * fma(r, q, -0.5f);
  return power(p, words(shifted));
}

// Where a lies among the intervals of the tables below, for 0 <= a < 12.5.
struct interval_at {
  words index;
  floats d; // a minus the middle
};
OGIVE_INLINE interval_at interval_of(floats a) {
  const words bits = words(a + normal_offset), j = bits >> 21; // mantissa: 2 bits, exponent: 2
  return {j, a - (floats((bits & 0xffe00000u) | 0x100000u) - normal_offset)};
}

// e times a polynomial from the tables: what is linear in d is kept exactly.
template <int N>
OGIVE_INLINE power_lanes times_table(power_lanes e, interval_at at, const float (&c)[N][16],
                                     const float (&c_low)[16]) {
  floats m = lookup(c[N - 1], at.index);
#pragma GCC unroll 8
  for (int k = N - 2; k >= 2; --k) m = fma(m, at.d, lookup(c[k], at.index));
  const floats slope = lookup(c[1], at.index), linear = slope * at.d;
  const floats rest = fma(at.d * at.d, m, lookup(c_low, at.index)) + fma(slope, at.d, -linear);
  const float_pair sum = exact_sum(lookup(c[0], at.index), linear);
  const float_pair ratio = exact_sum(sum.high, sum.low + rest);
  const float_pair p = product({e.high, e.low}, ratio);
  return {p.high, p.low, e.scale};
}

// The lower tail of the normal, Phi(-a) = (high + low) scale for 0 <= a < 12.5.
OGIVE_INLINE power_lanes tail(floats a) {
  return times_table(density(a), interval_of(a), mills, mills_low);
}
// Phi(-a) - a phi(a).
OGIVE_INLINE power_lanes tail_slope(floats a) {
  return times_table(density(a), interval_of(a), mills_slope, mills_slope_low);
}

} // namespace normal_tail

} // namespace
} // namespace ogive::OGIVE_ISA
