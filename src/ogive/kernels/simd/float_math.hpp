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
// A sum whose high part is within two ulps of it and has its sign.
struct near_lanes : float_pair {};
// One rounding; the larger part gives the sign, since a sum of zeros would lose it.
OGIVE_INLINE floats rounded(float_pair x) { return copy_sign(x.high + x.low, x.high); }
OGIVE_INLINE floats rounded(floats x) { return x; }
// high + rest factor, which one fma rounds; high and the sum have the same sign.
struct fused_lanes {
  floats high, rest, factor;
  OGIVE_INLINE operator float_pair() const { return {high, rest * factor}; }
};
OGIVE_INLINE floats rounded(fused_lanes x) {
  return copy_sign(fma(x.rest, x.factor, x.high), x.high);
}
// The same where it is positive.
struct positive_lanes : fused_lanes {};
OGIVE_INLINE floats rounded(positive_lanes x) { return fma(x.rest, x.factor, x.high); }
// The neighbour with an odd last bit where anything is lost: what is rounded once more, to a
// shorter format, is then as if it had been rounded once.
OGIVE_INLINE floats rounded_to_odd(float_pair x) {
  const floats sum = x.high + x.low, lost = x.low - (sum - x.high);
  const words towards_0 = words(mask(words(lost) ^ words(sum)) >> 31);
  const mask inexact = lost != 0;
  const floats odd = copy_sign(inexact ? floats((words(sum) + towards_0) | 1) : sum, x.high);
  return magnitude(x.high) <= all(largest_float) ? odd : x.high; // an infinite part has no rest
}
OGIVE_INLINE floats rounded_to_odd(floats x) { return x; }

// A slope that is nowhere 0, whose high part has its sign, be it that of a zero.
struct signed_slope : float_pair {};
// The same with a high part that is not 0.
OGIVE_INLINE float_pair raised(signed_slope s) {
  const mask none = s.high == 0;
  return {none ? s.low : s.high, none ? floats{} : s.low};
}

// What parameters become, one for all lanes or one for each: a double is the sum of three floats.
struct parameter_lanes : float_pair {
  floats rest;
};
OGIVE_INLINE parameter_lanes split(double p) {
  const auto high = static_cast<float>(p), low = static_cast<float>(p - high);
  return {{all(high), all(low)}, all(static_cast<float>(p - high - low))};
}
OGIVE_INLINE parameter_lanes split(const double *p) {
  parameter_lanes x;
  for (int i = 0; i < lanes; ++i) {
    x.high[i] = static_cast<float>(p[i]);
    x.low[i] = static_cast<float>(p[i] - x.high[i]);
    x.rest[i] = static_cast<float>(p[i] - x.high[i] - x.low[i]);
  }
  return x;
}
// Of the two floats that a number lies between the odd one, from either and what that lacks; or the
// number itself.
OGIVE_INLINE floats odd_of(floats near, floats lost) {
  const words towards_0 = words(mask(words(lost) ^ words(near)) >> 31);
  return lost != 0 ? floats((words(near) + towards_0) | 1) : near;
}
// A half x times a factor, rounded to odd. If the factor has at most 13 digits a float holds the
// product. If it has more the product is no half, nor lies halfway between two, so that its last
// bit may always be set.
struct product_of_half {
  floats exact, odd;
  mask is_long; // odd is meant, unless x is 0
  OGIVE_INLINE product_of_half(floats x, parameter_lanes factor) {
    exact = x * factor.high;
    const floats near = fma(x, factor.high, x * factor.low);
    const floats lost = fma(x, factor.rest, fma(x, factor.low, fma(x, factor.high, -near)));
    odd = floats((words(near) + words(mask(words(lost) ^ words(near)) >> 31)) | 1);
    is_long = (factor.low != 0) | mask((words(factor.high) & 0x7ffu) != 0);
  }
};
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
  return copy_sign(fma(x, factor.high, x * factor.low), floats(sign));
}
// Value and slope that have much to work out in common.
struct jet_lanes {
  float_pair value, slope;
};
// A float lies above a double if it lies above the float that is next to it, or equals that and the
// rest is negative.
OGIVE_INLINE mask is_above(floats x, float_pair bound) {
  return (x > bound.high) | ((x == bound.high) & (bound.low < 0));
}
OGIVE_INLINE float_pair select(mask which, float_pair yes, float_pair no) {
  return {which ? yes.high : no.high, which ? yes.low : no.low};
}
// t (1 + p), |p| < 0.022. Nothing else is rounded to be split again: whoever multiplies by t adds
// the product with p last.
struct power_lanes {
  floats t, p;
  float_pair scaled() const { return {t, t * p}; }
};

// 2^(z/16) from z in the low bits of `shifted`: the table has the bits of 2^(j/16) less j << 19, so
// that one integer add sets the fraction and the exponent. What rounding loses is in exp2_rest, and
// so is a constant of the polynomial for e^r.
OGIVE_INLINE floats power_of_two(floats shifted) {
  const words z = words(shifted);
  return floats(words(lookup(exp2_bits, z)) + (z << 19));
}
OGIVE_INLINE floats exp2_rest_at(floats shifted) { return lookup(exp2_rest, words(shifted)); }

// e^x, or e^-x where `sign` is -1, for |x| <= 87, where t is a normal number; x is floats or a
// pair.
OGIVE_INLINE floats high_of(floats x) { return x; }
OGIVE_INLINE floats high_of(float_pair x) { return x.high; }
template <int sign = 1, bool longer = false, class Argument>
OGIVE_INLINE power_lanes exp_lanes(Argument x) {
  const floats high = high_of(x);
  const floats shifted = fma(high, sign * sixteenths_of_log2_e, float_shifter);
  const floats n = shifted - float_shifter;
  // sign x = n ln2/16 + sign r: the first step is exact, the second leaves r right to 2^-30.
  floats r = fma(n, -sign * ln2_16_rest, fma(n, -sign * ln2_16, high));
  if constexpr (__is_same(Argument, float_pair)) r += x.low;
  // The last addition makes the one rounding of the size of p.
  floats tail;
  if constexpr (longer) {
    const floats q = fma(r, exp_longer_tail[2], sign * exp_longer_tail[1]);
    tail = fma(r * r, fma(q, r, exp_longer_tail[0]), lookup(exp2_whole_rest, words(shifted)));
  } else {
    tail = fma(r * r, fma(r, sign * exp_tail[1], exp_tail[0]), exp2_rest_at(shifted));
  }
  return {power_of_two(shifted), sign > 0 ? tail + r : tail - r};
}

// e^(-x^2) for |x| <= 9.3: the square is never rounded, since the remainder takes it inside one
// fma.
OGIVE_INLINE power_lanes exp_of_minus_square(floats x) {
  const floats square = x * x;
  const floats shifted = fma(square, -sixteenths_of_log2_e, float_shifter);
  const floats n = shifted - float_shifter;
  // -r, as above; what is missing is small. Where e^r is next to 1 so is the result, which is next
  // to a tie for erf: there is no constant in the polynomial.
  const floats r = fma(n, ln2_16, square) + fma(n, ln2_16_rest, fma(x, x, -square));
  const floats q = fma(fma(r, exp_longer_tail[2], -exp_longer_tail[1]), r, exp_longer_tail[0]);
  const floats tail = fma(r * r, q, lookup(exp2_whole_rest, words(shifted)));
  return {power_of_two(shifted), tail - r};
}

// e^x - 1 as a pair, for -87 <= x <= 0. With x = n ln2/16 + r and t = 2^(n/16), but for the rest of
// it, it is (t - 1) + t r + t (e^r - 1 - r + rest (1 + r)). Nothing is lost where e^x is next to 1:
// there t = 1 and r = x.
OGIVE_INLINE float_pair expm1_lanes(floats x) {
  const floats shifted = fma(x, sixteenths_of_log2_e, float_shifter), n = shifted - float_shifter;
  const floats exact = fma(n, -ln2_16, x), r = fma(n, -ln2_16_rest, exact);
  const floats r_low = fma(n, -ln2_16_rest, exact - r);
  const floats q = fma(fma(r, exp_longer_tail[2], exp_longer_tail[1]), r, exp_longer_tail[0]);
  const floats rest = lookup(exp2_whole_rest, words(shifted));
  const floats tail = fma(r * r, q, fma(rest, r, r_low + rest)), t = power_of_two(shifted);
  const floats whole = t - 1, linear = t * r, high = whole + linear;
  const floats lost = fma(t, r, -linear) + (t - (whole + 1));
  return {high, ((whole - high) + linear) + fma(t, tail, lost)};
}

// log(1 + e^-|x|) as a pair, for |x| <= 87.
OGIVE_INLINE float_pair log1p_exp_lanes(floats x) {
  const power_lanes e = exp_lanes<-1>(magnitude(x));
  const floats high = fma(e.t, e.p, e.t);
  const float_pair u = {high, fma(e.t, e.p, e.t - high)};
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

// 1 + e = d + low and q = 1/d, for a power e = t (1 + p): no pair of the power is formed, since
// what rounding d loses follows from the larger of 1 and t, from which d is an exact distance.
template <bool at_most_1 = false> // whether e is
struct over_one_plus {
  power_lanes e;
  floats d, low, q;
  OGIVE_INLINE explicit over_one_plus(power_lanes power) : e(power) {
    d = fma(e.t, e.p, e.t) + 1;
    const floats large = at_most_1 ? all(1) : greatest(e.t, all(1));
    const floats small = at_most_1 ? e.t : least(e.t, all(1));
    low = fma(e.t, e.p, small - (d - large));
    q = 1 / d;
  }
  // What y misses of x/(1 + e), relative to 1/d.
  OGIVE_INLINE floats rest(floats x, floats y) const { return fnma(y, low, fnma(y, d, x)); }
  OGIVE_INLINE floats missed() const { return rest(all(1), q); }
  // 1/(1 + e) = q (1 + missed)
  OGIVE_INLINE float_pair inverse() const { return {q, q * missed()}; }
  // 1/(1 + e) or e/(1 + e)
  OGIVE_INLINE float_pair inverse_or_rest(mask which) const {
    const floats g = q * e.t, lost = fma(q, e.t, -g), part = fma(g, missed(), lost);
    return select(which, inverse(), {g, fma(g + part, e.p, part)});
  }
  // factor e/(1 + e)^2, for a power of two
  OGIVE_INLINE signed_slope bell(float factor = 1) const {
    const floats t = factor == 1 ? e.t : e.t * factor, g = q * t, b = g * q, miss = missed();
    const floats lost = fma(fma(q, t, -g), q, fma(g, q, -b)), part = fma(b, miss + miss, lost);
    return {b, fma(b + part, e.p, part)};
  }
};

// 1/(1 + e^-u), for |u| <= 87; floats or a pair.
template <class Argument>
OGIVE_INLINE positive_lanes logistic(Argument u) {
  const over_one_plus s(exp_lanes<-1>(u));
  return {{s.q, s.missed(), s.q}};
}
// x/(1 + e^-u).
template <class Argument>
OGIVE_INLINE fused_lanes gate_value(floats x, Argument u) {
  const over_one_plus s(exp_lanes<-1>(u));
  const floats y = x * s.q;
  return {y, s.rest(x, y), s.q};
}

} // namespace
} // namespace ogive::OGIVE_ISA
