// Elementary functions in double, branch-free so that compilers vectorise whatever calls them.
//
// Two grades share every line. `f32_grade` is for results that will be rounded to float (with
// `half_grade` for shorter formats): relative error below 2^-45, so that one rounding is right to
// 0.500001 ULP. `f64_grade` is for double results: higher degrees and low-order corrections, about
// 0.7 ULP each.
#pragma once

#include <cstdint>

#include "math/coefficients.hpp"

namespace ogive::OGIVE_ISA {
namespace {

OGIVE_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
OGIVE_INLINE double magnitude(double x) { return __builtin_fabs(x); }
OGIVE_INLINE double with_sign(double x, double sign) { return __builtin_copysign(x, sign); }

// All let NaN through: the comparison is false and x is returned.
OGIVE_INLINE double at_least(double x, double lo) { return x < lo ? lo : x; }
OGIVE_INLINE double at_most(double x, double hi) { return x > hi ? hi : x; }
OGIVE_INLINE double within(double x, double hi) { return at_most(at_least(x, -hi), hi); }

// Even and odd coefficients run as two chains, at half the latency of Horner's rule. The order of
// operations is fixed, so the bits do not depend on the instruction set.
template <int N>
OGIVE_INLINE double polynomial(const double (&c)[N], double x) {
  constexpr int top_even = (N - 1) & ~1, top_odd = (N - 2) | 1;
  const double x2 = x * x;
  double even = c[top_even], odd = c[top_odd];
#pragma GCC unroll 16
  for (int i = top_even - 2; i >= 0; i -= 2) even = fma(even, x2, c[i]);
#pragma GCC unroll 16
  for (int i = top_odd - 2; i >= 1; i -= 2) odd = fma(odd, x2, c[i]);
  return fma(odd, x, even);
}

// The same by neighbours: the shortest chain for one product more.
template <int N>
OGIVE_INLINE double short_polynomial(const double (&c)[N], double x) {
  if constexpr (N <= 3) {
    double sum = c[N - 1];
    for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, c[i]);
    return sum;
  } else {
    double next[(N + 1) / 2];
#pragma GCC unroll 16
    for (int i = 0; i < N / 2; ++i) next[i] = fma(c[2 * i + 1], x, c[2 * i]);
    if (N % 2) next[N / 2] = c[N - 1];
    return short_polynomial(next, x * x);
  }
}

// An unevaluated sum, for results that must be right to the last bit of double.
struct pair {
  double high, low;
};

// a + b with what its rounding loses.
OGIVE_INLINE pair exact_sum(double a, double b) {
  const double sum = a + b, back = sum - a;
  return {sum, (a - (sum - back)) + (b - back)};
}

// Horner's rule at x + x_low. The last three steps, which decide the last bits where coefficients
// have the size of the sum, keep what they round away; the derivative carries x_low along.
template <int N>
OGIVE_INLINE pair horner(const double (&c)[N], double x, double x_low) {
  double sum = c[N - 1], slope = 0, low = 0;
#pragma GCC unroll 32
  for (int i = N - 2; i >= 0; --i) {
    slope = fma(slope, x, sum);
    if (i >= 3) {
      sum = fma(sum, x, c[i]);
    } else {
      const double product = sum * x, total = product + c[i], t = total - product;
      low = fma(low, x, fma(sum, x, -product) + ((product - (total - t)) + (c[i] - t)));
      sum = total;
    }
  }
  return {sum, fma(slope, x_low, low)};
}

// 1.5 * 2^52: adding it leaves the nearest integer in the low bits of the sum.
constexpr double shifter = 0x1.8p52;

// As far as 2^n and a factor of one's own can be told apart: n halved is an exponent of a double.
constexpr double far_exponent = 1416;

// 2^n from shifter + n. The shift drops all but the low 12 bits, so n may be negative.
OGIVE_INLINE double power_of_two(double shifted) {
  const auto bits = __builtin_bit_cast(std::uint64_t, shifted);
  return __builtin_bit_cast(double, (bits + 1023) << 52);
}

// The value (1 + p) a b, with a and b powers of two: scaling last rounds a subnormal result once,
// and lets the product with a large factor come back into range.
struct scaled {
  double p, a, b;
  double value() const { return (1 + p) * a * b; }
  // factor * value with one rounding more, and right for an infinite factor.
  double product(double factor) const { return factor * a * (1 + p) * b; }
  // factor * value; factor + factor_low where the factor itself was rounded.
  double unscaled(double factor, double factor_low = 0) const {
    return factor + fma(factor, p, factor_low);
  }
  double times(double factor, double factor_low = 0) const {
    return unscaled(factor, factor_low) * a * b;
  }
};

struct f32_grade {
  using real = double;
  static constexpr bool full = false, keeps_ties = false;
  // Beyond these e^x is 0 or infinite for every f32 result, and 2^n still fits one double.
  static constexpr double least_exponent = -700, most_exponent = 700;
  // The normal tail rounds to 0 in f32 from 14.4 on; the largest dy brings it back up to 19.6. The
  // polynomial is fitted up to 15, and right to 2^-38 there.
  static constexpr double tail_end = 20;
  OGIVE_INLINE static double exp_polynomial(double r) { return polynomial(exp_f32, r); }
  OGIVE_INLINE static double atanh_polynomial(double z) { return polynomial(atanh_f32, z); }
  OGIVE_INLINE static double tail_polynomial(double t) { return polynomial(normal_tail_f32, t); }
};

// For f16 and bf16, which are correctly rounded: a double on a tie says which side it came from.
struct half_grade : f32_grade {
  static constexpr bool keeps_ties = true;
};

struct f64_grade {
  using real = double;
  static constexpr bool full = true, keeps_ties = false;
  static constexpr double least_exponent = -800, most_exponent = 800; // beyond is 0 and infinity
  static constexpr double tail_end = 40;
  OGIVE_INLINE static double exp_polynomial(double r) { return polynomial(exp_f64, r); }
  OGIVE_INLINE static double atanh_polynomial(double z) { return polynomial(atanh_f64, z); }
  OGIVE_INLINE static pair tail_polynomial(double t, double t_low) {
    return horner(normal_tail_f64, t, t_low);
  }
};

// Functions whose result is exact in any format (relu, identity) run in the format itself.
template <class Real>
struct exact_grade {
  using real = Real;
};

template <class Grade>
struct elementary : Grade {
  using Grade::full;
  using Grade::keeps_ties;

  struct reduced {
    double p;       // e^r - 1
    double shifted; // shifter + n, where x = n ln2 + r
  };

  // x + x_low = n ln2 + r with |r| <= ln2/2. n * ln2_hi is exact, so r carries one rounding, and
  // in the full grade that rounding is put back as r_low (e^r_low - 1 = r_low to first order).
  OGIVE_INLINE static reduced reduce(double x, double x_low = 0) {
    const double shifted = fma(x, log2_e, shifter);
    const double n = shifted - shifter;
    const double high = fma(-n, ln2_hi, x);
    const double r = fma(-n, ln2_lo, high);
    double tail = r * r * Grade::exp_polynomial(r);
    if constexpr (full) {
      const double r_low = fma(-n, ln2_lo, high - r) + x_low;
      tail = tail + fma(r_low, r + tail, r_low);
    }
    return {r + tail, shifted};
  }

  // A rounded double may have landed on a tie of a half; setting the last bit of an inexact one,
  // towards where it came from, keeps it off (and off every tie of a shorter format). `lost` has
  // the sign of what the rounding lost.
  OGIVE_INLINE static double off_ties(double rounded, double lost) {
    if constexpr (!keeps_ties) return rounded;
    const auto bits = __builtin_bit_cast(std::uint64_t, rounded);
    const std::uint64_t away = (lost > 0) == (rounded > 0) ? 1 : ~std::uint64_t{0};
    const bool inexact = lost > 0 || lost < 0; // false for NaN, which an infinite result leaves
    return __builtin_bit_cast(double, inexact && !(bits & 1) ? bits + away : bits);
  }
  OGIVE_INLINE static double product(double a, double b) {
    const double p = a * b;
    return off_ties(p, fma(a, b, -p));
  }

  // n/(d + d_low) for finite n. The full grade puts the quotient's rounding back.
  OGIVE_INLINE static double quotient(double n, double d, double d_low) {
    if constexpr (!full) return n / d;
    const pair q = quotient_pair(n, d, d_low);
    return with_sign(q.high + q.low, q.high); // -0 + 0 would be +0
  }
  OGIVE_INLINE static pair quotient_pair(double n, double d, double d_low) {
    const double inverse = 1 / d, q = n * inverse;
    return {q, fma(-q, d_low, fma(-q, d, n)) * inverse};
  }

  // (n.high + n.low)/d for d > 0. The full grade puts back what the quotient loses.
  OGIVE_INLINE static double divide(pair n, double d) {
    const double q = n.high / d, lost = fma(-q, d, n.high) + n.low;
    return full ? q + lost / d : off_ties(q, lost);
  }

  // A value x/2 + c x^2 + ... with c > 0: next to 0 it would round to x/2, which may be a tie of
  // the result's format, and stays above it.
  OGIVE_INLINE static double above_half(double x, double value) {
    const double above = with_sign(fma(magnitude(x), 0x1p-52, x / 2), x);
    return !full && magnitude(x) < 0x1p-60 ? above : value;
  }

  OGIVE_INLINE static double clamp_exponent(double x) {
    return at_most(at_least(x, Grade::least_exponent), Grade::most_exponent);
  }

  // e^(x + x_low), unscaled, so that callers can multiply before the result leaves the range.
  OGIVE_INLINE static scaled exp_scaled(double x, double x_low = 0) {
    if constexpr (full) {
      return exp_halves(x, x_low);
    } else {
      const reduced e = reduce(clamp_exponent(x), x_low);
      return {e.p, power_of_two(e.shifted), 1};
    }
  }
  // The same with 2^n in two steps, since n may lie outside the exponents of double: in any grade,
  // for a factor that may bring back into range what lies outside. |x| <= far_exponent.
  OGIVE_INLINE static scaled exp_halves(double x, double x_low = 0) {
    const double clamped = within(x, far_exponent);
    const reduced e = reduce(clamped, x_low);
    const double half = fma(clamped, log2_e / 2, shifter);
    const double rest = (e.shifted - shifter) - (half - shifter);
    return {e.p, power_of_two(half), power_of_two(rest + shifter)};
  }

  OGIVE_INLINE static double exp(double x, double x_low = 0) {
    return exp_scaled(x, x_low).value();
  }

  // factor e (1 - e)/(1 + e)^3 with e = e^-a, for a >= 0: minus the second derivative of the
  // logistic function at a. 1 - e is an expm1, for relative accuracy at 0.
  OGIVE_INLINE static double logistic_curvature(double a, double factor) {
    const scaled power = exp_scaled(-a);
    const double e = power.value(), d = 1 + e, n = -expm1(-a);
    if constexpr (!full) return power.unscaled(factor) * power.a * n / (d * d * d);
    const double d_low = e - (d - 1);
    const double slope = quotient(power.unscaled(factor), d, d_low) / d;
    return slope * quotient(n, d, d_low) * power.a * power.b;
  }

  // e^(x + x_low) - 1 for x up to 700. With n = 0 the scale is 1 and p passes through whole, which
  // keeps relative accuracy at 0; the sign of a zero is the caller's concern.
  OGIVE_INLINE static double expm1(double x, double x_low = 0) {
    const reduced e = reduce(at_most(at_least(x, -100), 700), x_low);
    const double scale = power_of_two(e.shifted);
    return fma(scale, e.p, scale - 1);
  }

  // log(1 + u) for u in [0, 1]: 2 atanh(s), s = u/(2 + u) in [0, 1/3].
  OGIVE_INLINE static double log1p_unit(double u) {
    const double d = 2 + u, inverse = 1 / d, s = u * inverse, z = s * s;
    double tail = s * z * Grade::atanh_polynomial(z);
    if constexpr (full) {
      const double d_low = u - (d - 2);
      tail = fma(fma(-s, d_low, fma(-s, d, u)), inverse, tail);
      // Below 2^-54 the logarithm is u; s would lose a bit among the subnormals.
      return u < 0x1p-54 ? u : fma(2, tail, 2 * s);
    }
    return fma(2, tail, 2 * s);
  }

  // log(1 + u) for finite u >= 0 of any size, for one value a row: 1 + u = 2^k m, m in [2/3, 4/3].
  OGIVE_INLINE static double log1p(double u) {
    const double y = 1 + u, y_low = u > 1 ? 1 - (y - u) : u - (y - 1);
    const auto bits = __builtin_bit_cast(std::uint64_t, y);
    const auto shift = (bits - 0x3fe5555555555555ULL) >> 52; // counts from 2/3
    const double k = static_cast<double>(static_cast<std::int64_t>(shift));
    const double scale = __builtin_bit_cast(double, (1023 - shift) << 52);
    const double f = fma(y, scale, -1), f_low = y_low * scale;
    // log(1 + f) = 2 atanh(f/(2 + f)), with the quotient's own rounding put back.
    const double d = 2 + f, inverse = 1 / d, s = f * inverse, z = s * s;
    const double d_low = f - (d - 2);
    const double s_low = (fma(-s, d, f) - s * d_low + f_low - s * f_low) * inverse;
    const double tail = fma(k, ln2_lo, 2 * fma(s * z, f64_grade::atanh_polynomial(z), s_low));
    return fma(k, ln2_hi, 2 * s) + tail;
  }

  // x s with s = 1/(1 + e^-(u + u_low)), and its slope s (1 + v (1 - s)), for v = x u'(x), with
  // e = e^-|u|: for u < 0 s is e/(1 + e). The powers of two in e are multiplied in last, so results
  // near and below the smallest normal number keep their digits. |x| <= 1000, since x e must not
  // be inf * 0; u has the sign of x.
  struct gate_parts {
    double value, slope;
  };
  OGIVE_INLINE static gate_parts gate(double x, double u, double u_low, double v) {
    const bool negative = u < 0;
    const scaled power = exp_scaled(-magnitude(u), negative ? u_low : -u_low);
    const double e = power.value(), d = 1 + e, d_low = e - (d - 1);
    const double a = negative ? power.a : 1, b = negative ? power.b : 1;
    const double s = quotient(negative ? power.unscaled(1) : 1, d, d_low); // times a b
    const double complement = quotient(negative ? 1 : e, d, d_low);        // 1 - s a b
    const double slope = s * fma(v, complement, 1) * a * b;
    // The full grade saves a rounding.
    const double product = full ? quotient(negative ? power.unscaled(x) : x, d, d_low) : x * s;
    return {above_half(x, product * a * b), slope};
  }

  // The lower tail of the standard normal, times a factor f >= 0 of one's own, for a >= 0:
  // f Phi(-a) = e^(-a^2/2) n(t) f/(a + c).
  struct normal_tail_parts {
    scaled density;          // e^(-a^2/2), without 1/sqrt(2 pi)
    double ratio, ratio_low; // f Phi(-a) e^(a^2/2)
  };
  OGIVE_INLINE static normal_tail_parts normal_tail(double a, double f) {
    const double square = a * a, d = a + tail_centre;
    if constexpr (full) {
      const double d_low = a > tail_centre ? tail_centre - (d - a) : a - (d - tail_centre);
      const pair t = quotient_pair(a - tail_centre, d, d_low), q = quotient_pair(f, d, d_low);
      const pair n = Grade::tail_polynomial(t.high, t.low);
      const double ratio = n.high * q.high;
      const double ratio_low = fma(n.high, q.high, -ratio) + fma(n.low, q.high, n.high * q.low);
      return {exp_scaled(-square / 2, -fma(a, a, -square) / 2), ratio, ratio_low};
    } else {
      const double inverse = 1 / d;
      const double n = Grade::tail_polynomial((a - tail_centre) * inverse);
      return {exp_scaled(-square / 2), n * inverse * f, 0};
    }
  }
};

// (n.high + n.low)/6
OGIVE_INLINE double sixth(pair n) {
  constexpr double high = 0x1.5555555555555p-3, low = 0x1.5555555555555p-57;
  return fma(n.high, high, fma(n.high, low, n.low * high));
}

// Doubles in the middle of their range, where neither e^x nor its inverse leaves the exponents:
// e^x = 2^n (1 + p) with nothing to clamp, and p within 2^-53 of e^r - 1. Fractions are formed over
// 2^n, so that the power of two is one of their summands and rounds nothing.
constexpr double central_exponent = 690;

struct central_power {
  double p, shifted; // shifter + n
  OGIVE_INLINE double up() const { return power_of_two(shifted); }
  OGIVE_INLINE double down() const { // 2^-n
    const auto bits = __builtin_bit_cast(std::uint64_t, shifted);
    return __builtin_bit_cast(double, (1023 - bits) << 52);
  }
  OGIVE_INLINE double value() const { return fma(up(), p, up()); }
  OGIVE_INLINE double minus_1() const { return fma(up(), p, up() - 1); }
};

// From r, which is x less n ln2.
OGIVE_INLINE central_power central_rest(double r, double shifted) {
  return {fma(r * r, short_polynomial(exp_central, r), r), shifted};
}
// e^(x - excess)
OGIVE_INLINE central_power central_exp(double x, double excess = 0) {
  const double shifted = fma(x, log2_e, shifter), n = shifted - shifter;
  return central_rest(fma(-n, ln2_lo, fma(-n, ln2_hi, x)) - excess, shifted);
}

// (1 + s) + p for a power of two s and |p| < 1/2
OGIVE_INLINE pair central_sum(double s, double p) {
  const double most = 1 + s, sum = most + p;
  return {sum, (p - (sum - most)) + (1 - (most - s))};
}

// factor/(1 + e^-(x + x_low)), with what the sum and the quotient lose.
OGIVE_INLINE double central_gate(double factor, double x, double x_low = 0) {
  const central_power e = central_exp(-x, x_low);
  const double s = e.down();
  const pair d = central_sum(s, e.p);
  const double inverse = 1 / d.high, q = factor * inverse;
  return s * fma(fma(-q, d.low, fma(-q, d.high, factor)), inverse, q);
}
// The same to 4 ULP, as slopes may be.
OGIVE_INLINE double central_logistic(double x) {
  const central_power e = central_exp(-x);
  const double s = e.down();
  return s / ((1 + s) + e.p);
}
// e^x/(1 + e^x)^2 to 4 ULP, for |x| <= central_exponent/2: the square stays in the range.
OGIVE_INLINE double central_bell(double x) {
  const central_power e = central_exp(-x);
  const double s = e.down();
  const pair d = central_sum(s, e.p);
  return fma(s, e.p, s) / fma(d.high, d.high, d.high * (2 * d.low));
}

// What a row works out once for all its elements runs in the full grade.
using row_math = elementary<f64_grade>;

constexpr double infinity = __builtin_inf(), not_a_number = __builtin_nan("");

} // namespace
} // namespace ogive::OGIVE_ISA
