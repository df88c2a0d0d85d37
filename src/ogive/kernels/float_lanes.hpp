// Elementary functions in float lanes, for the arguments that networks meet: twice the lanes of
// double and half its arithmetic. What a float cannot hold is kept beside it: results come as a sum
// high + low that has not been rounded yet, good to about 2^-28, so that the one rounding at the
// end is right to 0.6 ULP. Arguments outside a kernel's range (the far tails, infinities, NaN) are
// never asked here: the driver sends them to the kernel's double form.
#pragma once

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

// e^x for |x| <= 87, where the scale is a normal number.
OGIVE_INLINE power_lanes exp_lanes(floats x) {
  const floats shifted = fma(x, sixteenths_of_log2_e, float_shifter), n = shifted - float_shifter;
  // x = n ln2/16 + r: the first step is exact, the second leaves r right to 2^-30.
  const floats r = fma(n, -ln2_16_low, fma(n, -ln2_16_high, x));
  const floats p = fma(r * r, fma(r, exp_tail[1], exp_tail[0]), r);
  return power(p, words(shifted));
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

// e^(-a^2/2) for 0 <= a < 13: the square is never rounded, since r = -2 (the remainder of -a^2/2)
// takes it inside one fma.
OGIVE_INLINE power_lanes exp_minus_half_square(floats a) {
  const floats shifted = fma(a * a, -sixteenths_of_log2_e / 2, float_shifter);
  const floats n = shifted - float_shifter;
  const floats r = fma(n, 2 * ln2_16_low, fma(a, a, n * (2 * ln2_16_high)));
  const floats p = r * fma(r, fma(r, -exp_tail[1] / 8, exp_tail[0] / 4), -0.5f);
  return power(p, words(shifted));
}

// The lower tail of the normal, Phi(-a) = (high + low) scale for 0 <= a < 12.5, from Mills' ratio
// around the middle of one of 32 intervals.
OGIVE_INLINE power_lanes normal_tail_lanes(floats a) {
  const power_lanes e = exp_minus_half_square(a);
  const words bits = words(a + 1),
              j = bits >> 20; // three bits of the mantissa, two of the exponent
  const floats d = a - (floats((bits & 0xfff00000u) | 0x80000u) - 1);
  floats m = lookup(mills[mills_degree], j);
#pragma GCC unroll 8
  for (int k = mills_degree - 1; k >= 1; --k) m = fma(m, d, lookup(mills[k], j));
  m = fma(m, d, lookup(mills_low, j));
  const float_pair ratio = exact_sum(lookup(mills[0], j), m);
  const floats product = e.high * ratio.high;
  const floats lost = fma(e.high, ratio.low, fma(e.high, ratio.high, -product));
  return {product, fma(e.low, ratio.high, lost), e.scale};
}

// 1/(1 + e^-x) as q + q e, q = 1/d rounded and e what that misses of 1: for |x| <= 87.
struct logistic_lanes {
  floats q, e;
};
OGIVE_INLINE logistic_lanes logistic(floats x) {
  const float_pair parts = exp_lanes(-x).scaled();
  const float_pair power = exact_sum(parts.high, parts.low);
  const floats big = greatest(power.high, all(1)), small = least(power.high, all(1));
  const float_pair d = exact_sum(big, small);
  const floats low = d.low + power.low, q = 1 / d.high;
  return {q, fma(-q, low, fma(-q, d.high, 1))};
}
