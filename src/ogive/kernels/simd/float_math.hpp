// Elementary functions in float lanes, for the arguments that networks meet: twice the lanes of
// double and half its arithmetic. What a float cannot hold is kept beside it: results come as a sum
// high + low that has not been rounded yet, good to about 2^-28, so that the one rounding at the
// end is right to 0.6 ULP. Arguments outside a kernel's range (the far tails, infinities, NaN) are
// never asked here: the driver sends them to the kernel's double form.
#pragma once

#include "simd/float_tables.hpp"
#include "simd/floats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct float_pair {
  floats high, low;
};

// 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the sum.
constexpr float float_shifter = 0x1.8p23f;

// The exact sum of a and b where |a| >= |b|, as the rounded sum and what it lost.
OGIVE_INLINE float_pair exact_sum(floats a, floats b) {
  const floats sum = a + b;
  return {sum, b - (sum - a)};
}

// The same for any a and b.
OGIVE_INLINE float_pair any_exact_sum(floats a, floats b) {
  const floats sum = a + b, back = sum - a;
  return {sum, (a - (sum - back)) + (b - back)};
}
OGIVE_INLINE float_pair operator-(float_pair x) { return {-x.high, -x.low}; }
OGIVE_INLINE float_pair product(floats a, float_pair b) {
  const floats high = a * b.high;
  return {high, fma(a, b.low, fma(a, b.high, -high))};
}
OGIVE_INLINE float_pair product(float_pair a, float_pair b) {
  const float_pair p = product(a.high, b);
  return {p.high, fma(a.low, b.high, p.low)};
}
OGIVE_INLINE float_pair sixth(float_pair x) {
  const floats q = x.high * (1.0f / 6);
  return {q, (fma(q, -6.0f, x.high) + x.low) * (1.0f / 6)};
}
// One rounding; the larger part gives the sign, since a sum of zeros would lose it.
OGIVE_INLINE floats rounded(float_pair x) {
  return with_sign_of(magnitude(x.high + x.low), x.high);
}
OGIVE_INLINE floats rounded(floats x) { return x; }
// The neighbour with an odd last bit where anything is lost: what is rounded once more, to a
// shorter format, is then as if it had been rounded once.
OGIVE_INLINE floats rounded_to_odd(float_pair x) {
  const floats sum = x.high + x.low, lost = x.low - (sum - x.high);
  const words bits = words(sum), step = (lost > 0) == (sum > 0) ? words{} + 1 : words{} - 1;
  const mask moves = (lost != 0) & mask((bits & 1) == 0);
  const floats odd = with_sign_of(magnitude(floats(moves ? bits + step : bits)), x.high);
  return magnitude(x.high) <= all(largest_float) ? odd : x.high; // an infinite part has no rest
}

// What parameters become, one for all lanes or one for each.
OGIVE_INLINE float_pair split(double p) {
  const auto high = static_cast<float>(p);
  return {all(high), all(static_cast<float>(p - high))};
}
OGIVE_INLINE float_pair split(const double *p) {
  floats high, low;
  for (int i = 0; i < lanes; ++i) {
    high[i] = static_cast<float>(p[i]);
    low[i] = static_cast<float>(p[i] - high[i]);
  }
  return {high, low};
}
// Factors and operands whose product stays clear of the subnormal numbers, where its low part would
// be lost.
inline bool moderate(double factor) {
  const double size = __builtin_fabs(factor);
  return size >= 0x1p-20 && size <= 1;
}
constexpr interval moderate_range{-largest_float, largest_float, 0x1p-100f};
// x times a factor, rounded once; likewise.
OGIVE_INLINE floats times(floats x, float_pair factor) {
  const words sign = words(x) ^ words(factor.high);
  return with_sign_of(magnitude(fma(x, factor.high, x * factor.low)), floats(sign));
}
// Value and slope that have much to work out in common.
struct jet_lanes {
  float_pair value, slope;
};
OGIVE_INLINE float_pair select(mask which, float_pair yes, float_pair no) {
  return {which ? yes.high : no.high, which ? yes.low : no.low};
}
// d c(d) with d = x + x_low - root, right relative to itself next to the root: below 1/16 six of
// the double form's coefficients are enough.
template <int N>
OGIVE_INLINE float_pair through_root(const double (&c)[N], double root, floats x, floats x_low) {
  const auto root_high = static_cast<float>(root);
  const floats d = x - root_high; // exact
  floats p = all(static_cast<float>(c[5]));
#pragma GCC unroll 4
  for (int k = 4; k >= 1; --k) p = fma(p, d, static_cast<float>(c[k]));
  const auto first = static_cast<float>(c[0]), rest = static_cast<float>(c[0] - first);
  const floats d_low = x_low + static_cast<float>(root_high - root);
  const floats slope = fma(2 * d, p, first); // nearly: d_low is small
  const floats high = d * first, lost = fma(d_low, slope, fma(d, first, -high));
  const floats low = fma(d, fma(d, p, rest), lost);
  // At the float nearest the root only what that misses is left.
  const mask apart = d != 0;
  return {apart ? high : low, floats(words(low) & words(apart))};
}
constexpr float root_vicinity = 0x1p-4f;

// (high + low) scale: high has 12 bits, |low| < 0.03 high, and scale is a power of two.
struct power_lanes {
  floats high, low, scale;
  float_pair scaled() const { return {high * scale, low * scale}; }
};

// e^r 2^(z/16) from p = e^r - 1 and z in the low bits of `shifted`, one table entry per sixteenth.
OGIVE_INLINE power_lanes power(floats p, words shifted) {
  const floats high = lookup(exp2_high, shifted), rest = lookup(exp2_low, shifted);
  const floats low = fma(high + rest, p, rest);
  const words exponent = (shifted << 19) & 0xff800000u;
  return {high, low, floats(exponent + 0x3f800000u)};
}

// e^x for |x| <= 87, where the scale is a normal number; x is floats or a pair.
OGIVE_INLINE floats high_of(floats x) { return x; }
OGIVE_INLINE floats high_of(float_pair x) { return x.high; }
template <class Argument>
OGIVE_INLINE power_lanes exp_lanes(Argument x) {
  const floats high = high_of(x);
  const floats shifted = fma(high, sixteenths_of_log2_e, float_shifter);
  const floats n = shifted - float_shifter;
  // x = n ln2/16 + r: the first step is exact, the second leaves r right to 2^-30.
  floats r = fma(n, -ln2_16_low, fma(n, -ln2_16_high, high));
  if constexpr (__is_same(Argument, float_pair)) r += x.low;
  return power(fma(r * r, fma(r, exp_tail[1], exp_tail[0]), r), words(shifted));
}

// e^(-x^2) for |x| <= 9.3: the square is never rounded, since the remainder takes it inside one
// fma.
OGIVE_INLINE power_lanes exp_of_minus_square(floats x) {
  const floats shifted = fma(x * x, -sixteenths_of_log2_e, float_shifter);
  const floats n = shifted - float_shifter;
  const floats r = fma(n, -ln2_16_low, -fma(x, x, n * ln2_16_high));
  return power(fma(r * r, fma(r, exp_tail[1], exp_tail[0]), r), words(shifted));
}

// e^x - 1 before and after it is added up: e^x = one + linear + rest, where `one` = 2^(n/16) to 12
// bits and linear = one r. Nothing is lost where e^x is next to 1: there one = 1 and r = x.
struct exp_parts_lanes {
  floats one, linear, rest;
};
OGIVE_INLINE exp_parts_lanes exp_parts(floats x) {
  const floats shifted = fma(x, sixteenths_of_log2_e, float_shifter), n = shifted - float_shifter;
  const floats exact = fma(n, -ln2_16_high, x), r = fma(n, -ln2_16_low, exact);
  const floats r_low = fma(n, -ln2_16_low, exact - r);
  const floats tail = fma(fma(r, exp_longer_tail[2], exp_longer_tail[1]), r, exp_longer_tail[0]);
  const floats square = fma(r * r, tail, r_low);
  const words z = words(shifted);
  const floats one = lookup(exp2_high, z), missing = lookup(exp2_low, z);
  const floats linear = one * r, lost = fma(one, r, -linear);
  const floats rest = fma(one + missing, square, fma(missing, r, lost)) + missing;
  const floats scale = floats(((z << 19) & 0xff800000u) + 0x3f800000u);
  return {one * scale, linear * scale, rest * scale};
}

// e^x - 1 as a pair, for |x| <= 87.
OGIVE_INLINE float_pair expm1_lanes(floats x) {
  const exp_parts_lanes e = exp_parts(x);
  const floats whole = e.one - 1; // exact, or the larger of the two is
  const floats lost = e.one > all(1) ? (e.one - whole) - 1 : e.one - (whole + 1);
  const floats high = whole + e.linear;
  return {high, ((whole - high) + e.linear) + (e.rest + lost)};
}

// log(1 + e^-|x|) as a pair, for |x| <= 87.
OGIVE_INLINE float_pair log1p_exp_lanes(floats x) {
  const float_pair parts = exp_lanes(floats(words(x) | sign_bit)).scaled();
  const float_pair u = exact_sum(parts.high, parts.low);
  // 16 u rounded; u = 1 stays with 15/16.
  const words j = words(least(u.high, all(0x1.ep-1f)) + 0x1.8p19f);
  const floats c = lookup(inverse, j), product = u.high * c;
  const floats t = product + (c - 1); // exact: c has 12 bits and t is small
  const floats missed = fma(u.low, c, fma(u.high, c, -product));
  const floats g =
      fma(fma(fma(t, log1p_tail[3], log1p_tail[2]), t, log1p_tail[1]), t, log1p_tail[0]);
  const float_pair sum = exact_sum(lookup(log_high, j), t);
  return {sum.high, fma(t * t, g, sum.low + (lookup(log_low, j) + missed))};
}

// 1/(1 + e^-x) as q + q e, q = 1/d rounded and e what that misses of 1: for |x| <= 87.
struct logistic_lanes {
  floats q, e;
};
template <class Argument> // floats or a pair
OGIVE_INLINE logistic_lanes logistic(Argument x) {
  const float_pair parts = exp_lanes(-x).scaled(), power = exact_sum(parts.high, parts.low);
  const floats big = greatest(power.high, all(1)), small = least(power.high, all(1));
  const float_pair d = exact_sum(big, small);
  const floats low = d.low + power.low, q = 1 / d.high;
  return {q, fma(-q, low, fma(-q, d.high, 1))};
}

// x/(1 + e^-u).
template <class Argument>
OGIVE_INLINE float_pair gate_value(floats x, Argument u) {
  const logistic_lanes s = logistic(u);
  const floats y = x * s.q;
  return {y, fma(y, s.e, fma(x, s.q, -y))};
}
// e = e^-|u| and 1/(1 + e) = q (1 + miss).
struct gate_lanes {
  float_pair e, d;
  floats q, miss;
  template <class Argument>
  OGIVE_INLINE explicit gate_lanes(Argument size) {
    const float_pair parts = exp_lanes(-size).scaled();
    e = exact_sum(parts.high, parts.low);
    const float_pair sum = exact_sum(all(1), e.high);
    d = {sum.high, sum.low + e.low};
    q = 1 / d.high;
    miss = fma(-q, d.low, fma(-q, d.high, 1));
  }
  // 1/(1 + e^-u)
  OGIVE_INLINE float_pair logistic(floats u) const {
    const float_pair s = select(u < 0, product(q, e), {q, floats{}});
    return {s.high, fma(miss, s.high, s.low)};
  }
  // e/(1 + e)^2
  OGIVE_INLINE float_pair bell() const {
    const float_pair g = product(q, product(q, e));
    return {g.high, fma(2 * miss, g.high, g.low)};
  }
  // The slope of x/(1 + e^-u) at x = -a, for a u that is odd in x: e w/(1 + e)^2 with
  // w = 1 + e - a u'(a). w cancels next to its root, where kernels take a polynomial instead.
  OGIVE_INLINE float_pair slope(float_pair a_slope) const {
    const float_pair difference = any_exact_sum(d.high, -a_slope.high);
    const float_pair w = {difference.high, difference.low + (d.low - a_slope.low)};
    const float_pair g = product(product(q, e), product(q, w));
    return {g.high, fma(2 * miss, g.high, g.low)};
  }
};
// What goes up from 0 on the left goes up to 1 on the right: the slope at x from that at -|x|.
OGIVE_INLINE float_pair slope_on_side_of(floats x, float_pair left) {
  const float_pair sum = exact_sum(all(1), -left.high);
  return select(x < 0, left, {sum.high, sum.low - left.low});
}

} // namespace
} // namespace ogive::OGIVE_ISA
