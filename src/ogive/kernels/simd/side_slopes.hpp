// Slopes of functions with one minimum from their value and the side of the minimum, in float
// lanes, by tables that tools/fit_float_tables.py writes: what drivers/slope_from_output.hpp
// computes in double.
#pragma once

#include "simd/float_math.hpp"

namespace ogive::OGIVE_ISA {
namespace {

namespace side_slopes {

// log2(w) for normal w > 0: as 2^k m with m from sqrt(1/2) to sqrt(2).
OGIVE_INLINE floats log2(floats w) {
  const mask k = mask(words(w) - 0x3f3504f3u) >> 23;
  const floats m = floats(words(w) - (words(k) << 23)) - 1;
  const floats square = m * m;
  const auto pair = [&](int i)
                        OGIVE_INLINE_LAMBDA { return fma(m, log2_tail[i + 1], log2_tail[i]); };
  const floats high = fma(square, fma(square, all(log2_tail[8]), pair(6)), pair(4));
  const floats q = fma(square, fma(square, high, pair(2)), pair(0));
  return fma(m, q, __builtin_convertvector(k, floats));
}

// On the left a tail that is tiny goes to the double form, and so does what is not finite.
constexpr interval range{-largest_float, largest_float, 0x1p-50f};

template <class Table>
OGIVE_INLINE floats slope(floats y, mask right) {
  const floats above = (y - Table::least) - Table::least_rest;
  const floats s = square_root(greatest(above, floats{}));
  const floats share = y * Table::inverse;
  const mask far = ~right & (share < 0.75f);
  const floats on_log = log2(share) * Table::log_scale;
  const floats argument = far ? on_log : least(s, all(Table::last));
  const floats scale = right ? all(Table::right_scale) : all(Table::left_scale);
  const floats b = far ? on_log : fma(argument, scale, right ? all(1) : all(0.5f));
  const words shift = right ? words{} + 21 : words{} + 22, half = right ? words{} : words{} + 16;
  const words j = ((words(b) >> shift) & 15) | half;
  const floats d = argument - lookup(Table::centre, j), square = d * d;
  const auto pair = [&](int i) OGIVE_INLINE_LAMBDA {
    return fma(lookup(Table::c[i + 1], j), d, lookup(Table::c[i], j));
  };
  const floats c0 = lookup(Table::c[0], j), c1 = lookup(Table::c[1], j);
  const floats high = fma(square, pair(6), pair(4));
  const floats value = fma(c1, d, fma(square, fma(square, high, pair(2)), c0));
  return far ? value * y : value;
}

} // namespace side_slopes

} // namespace
} // namespace ogive::OGIVE_ISA
