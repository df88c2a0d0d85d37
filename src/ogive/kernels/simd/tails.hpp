// Functions that are an exponential times a smooth ratio, in float lanes: slopes of GELU, SiLU and
// Mish, and GELU itself. The ratio comes from tables that tools/fit_float_tables.py writes.
#pragma once

#include "simd/float_math.hpp"

namespace ogive::OGIVE_ISA {
namespace {

namespace tails {

// e^-a and e^(-a^2/2) where tables know what one constant for ln2/16 leaves: they are of -a times
// 1 - drift, and likewise. For a <= 81 and 13.
constexpr float drift = -ln2_16_rest / ln2_16;
template <class Argument> // floats or a pair
OGIVE_INLINE power_lanes exp_of_minus(Argument a) {
  const floats shifted = fma(high_of(a), -sixteenths_of_log2_e, float_shifter);
  const floats n = shifted - float_shifter;
  floats r = fma(n, ln2_16, high_of(a));
  if constexpr (__is_same(Argument, float_pair)) r += a.low;
  const floats tail = fma(r * r, fma(r, -exp_tail[1], exp_tail[0]), exp2_rest_at(shifted));
  return {power_of_two(shifted), tail - r};
}
OGIVE_INLINE power_lanes density(floats a) {
  const floats square = a * a;
  const floats shifted = fma(square, -sixteenths_of_log2_e / 2, float_shifter);
  const floats n = shifted - float_shifter;
  const floats r = fma(n, 2 * ln2_16, square) + fma(a, a, -square); // twice what it is above
  const floats q = fma(r, -exp_tail[1] / 8, exp_tail[0] / 4);
  return {power_of_two(shifted), fma(r, -0.5f, fma(r * r, q, exp2_rest_at(shifted)))};
}

// Which of 16 intervals a lies in: they are four to each power of two of a scale + offset.
template <class Table>
OGIVE_INLINE words interval_of(floats a) {
  return words(fma(a, Table::scale, Table::offset)) >> 21;
}

// u + v, not rounded: c0 + c1 d, with d from the interval's centre, is split exactly into u and
// what rounding u loses. Where a table says so, c1 + c2 d takes the place of c1, as a sum of two.
// The argument may be a pair.
struct ratio_lanes {
  floats u, v;
};
template <class Table, class Argument>
OGIVE_INLINE ratio_lanes ratio(Argument a, words j) {
  constexpr int degree = sizeof Table::c / sizeof Table::c[0] - 1;
  const auto c = [&](int k) OGIVE_INLINE_LAMBDA { return lookup(Table::c[k], j); };
  const floats d = high_of(a) - lookup(Table::centre, j), square = d * d;
  const floats c0 = c(0), c1 = c(1);
  if constexpr (requires { Table::slope_low; }) {
    const floats c2 = c(2), slope = fma(c2, d, c1);
    const floats slope_low = fma(c2, d, (c1 - slope) + lookup(Table::slope_low, j));
    const floats u = fma(slope, d, c0);
    floats rest = fma(slope_low, d, fma(slope, d, c0 - u) + lookup(Table::low, j));
    if constexpr (__is_same(Argument, float_pair)) rest = fma(a.low, fma(c2, d, slope), rest);
    const floats high = fma(square, c(7), fma(c(6), d, c(5)));
    return {u, fma(square * d, fma(square, high, fma(c(4), d, c(3))), rest)};
  } else {
    const floats u = fma(c1, d, c0), c2 = c(2);
    floats rest = fma(c1, d, c0 - u);
    if constexpr (requires { Table::low; }) rest += lookup(Table::low, j);
    if constexpr (__is_same(Argument, float_pair)) rest = fma(a.low, fma(c2 + c2, d, c1), rest);
    floats third = c(6);
    if constexpr (degree == 7) third = fma(c(7), d, third);
    const floats high = fma(square, third, fma(c(5), d, c(4)));
    return {u, fma(square, fma(square, high, fma(c(3), d, c2)), rest)};
  }
}

// t (1 + p) (u + v), to be rounded by one addition.
OGIVE_INLINE signed_slope times_ratio(power_lanes e, ratio_lanes f) {
  const floats high = e.t * f.u, lost = fma(e.t, f.u, -high), low = fma(e.t, f.v, lost);
  return {high, fma(high + low, e.p, low)};
}
// For a slope s that goes from 0 to 1, with s(x) + s(-x) = 1: s(x) from s(-|x|) = t (1 + p) (u +
// v). With the sign of x in t it is (0 or 1) - t (1 + p) (u + v). The 0 is -0, so that a u of 0
// leaves its sign.
OGIVE_INLINE signed_slope on_side_of(floats x, power_lanes e, ratio_lanes f) {
  const floats base = by_sign(x, -0.0f, 1), t = flip_sign(e.t, x);
  const floats high = fnma(t, f.u, base), lost = fnma(t, f.u, base - high);
  return {high, fnma(t, fma(f.u + f.v, e.p, f.v), lost)};
}

} // namespace tails

} // namespace
} // namespace ogive::OGIVE_ISA
