// Slopes of functions with one minimum from their value and the side of the minimum, in float
// lanes, by tables that tools/fit_float_tables.py writes: what drivers/slope_from_output.hpp
// computes in double.
#pragma once

#include "simd/float_math.hpp"

namespace ogive::OGIVE_ISA {
namespace {

namespace side_slopes {

// log2(w) to 2^-23, absolute, for normal w > 0.
OGIVE_INLINE floats log2(floats w) {
#if defined(__AVX512F__)
  const floats k = floats(_mm512_getexp_ps(__m512(w)));
  const floats m = floats(_mm512_getmant_ps(__m512(w), _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src));
#else
  const floats k = __builtin_convertvector((mask(w) >> 23) - 127, floats);
  const floats m = floats((words(w) & 0x7fffffu) | 0x3f800000u);
#endif
  const words j = words(w) >> 19;
  const floats t = fma(m, lookup(log2_inverse, j), -1);
  const floats q = fma(fma(t, log2_tail[2], log2_tail[1]), t, log2_tail[0]);
  return fma(t, q, k + lookup(log2_high, j));
}

// What is not finite, or to the left and subnormal, goes to the double form.
constexpr interval range{-largest_float, largest_float, 0x1p-126f};

template <class Table>
OGIVE_INLINE floats slope(floats y, mask right) {
  const floats above = (y - Table::least) - Table::least_rest;
  const floats s = least(square_root(greatest(above, floats{})), all(Table::last));
  const floats share = greatest(y * Table::inverse, all(0x1p-126f));
  const floats on_log = fma(log2(share), Table::log_scale, Table::log_offset);
  const mask far = ~right & (share < 0.75f);
  // s in steps, rounded, which leaves the integer in the low bits.
  const floats first = right ? all(0x1.8p23f + 12) : all(0x1.8p23f + 28);
  const words j = far ? words(on_log) >> 22 : words(fma(s, all(Table::scale), first));
  const floats d = (far ? on_log : s) - lookup(Table::centre, j), square = d * d;
  const auto c = [&](int k) OGIVE_INLINE_LAMBDA { return lookup(Table::c[k], j); };
  const floats c0 = c(0), c1 = c(1);
  const floats high = fma(square, c(6), fma(c(5), d, c(4)));
  const floats value = fma(c1, d, fma(square, fma(square, high, fma(c(3), d, c(2))), c0));
  return far ? value * y : value;
}

} // namespace side_slopes

} // namespace
} // namespace ogive::OGIVE_ISA
