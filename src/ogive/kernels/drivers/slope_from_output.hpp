// Backward from the output for functions with one minimum: f'(x) from y = f(x) and the side of the
// minimum that x lies on. A guess of x that is good to some 2^-15 (tools/fit_lean.py) is corrected
// by a step of Newton's method, and by one more for double; the last needs no evaluation after it,
// since the slope follows it by the curvature.
//
// Where y equals the least value in its format, x is taken for the minimum itself: y has lost the
// difference, and no method finds it again.
#pragma once

#include "math/elementary.hpp"
#include "math/jet.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// A minimum, and guesses of x from y on either side of it.
struct minimum {
  double x, y, y_low; // y as a sum of two
  double end;         // from this y on, y is a good enough guess of x
  double right[15], left[15];
};

// log(1 + m)/m for 0 <= m <= 1, to 2^-22.
constexpr double coarse_log[] = {
    0x1.fffff8a4bada7p-1, -0x1.fff897dabfc2bp-2, 0x1.54b45d2b44540p-2, -0x1.f53e4dd5f0e8bp-3,
    0x1.6a3d515e4b1e1p-3, -0x1.b5a860297c6e8p-4, 0x1.644d51a95d3d5p-5, -0x1.124e51374a7f4p-7};

// log(1 + u) for u >= 0 to 2^-22, relative: 1 + u = 2^k (1 + m).
inline double guess_log1p(double u) {
  const auto bits = __builtin_bit_cast(std::uint64_t, 1 + u);
  const double k = __builtin_bit_cast(double, (bits >> 52) | 0x4330000000000000u) - (0x1p52 + 1023);
  const double rest =
      __builtin_bit_cast(double, (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u) - 1;
  const double m = u < 1 ? u : rest;
  return fma(k, 0x1.62e42fefa39efp-1, m * polynomial(coarse_log, m));
}

// Choices between the sides by arithmetic: from `rising ? a : b` compilers make two paths, each of
// them computed whole.
struct side {
  double rising;      // 1 or 0
  std::uint64_t bits; // all or none
  explicit side(double right) : rising(right), bits(right != 0 ? ~std::uint64_t{0} : 0) {}
  double either(double a, double b) const {
    const auto from = __builtin_bit_cast(std::uint64_t, b);
    return __builtin_bit_cast(double,
                              from ^ ((from ^ __builtin_bit_cast(std::uint64_t, a)) & bits));
  }
  // For constants of like size, whose difference may be rounded.
  double constant(double a, double b) const { return fma(rising, a - b, b); }
};

// A guess of x. `above` is y less the minimum.
template <bool full>
inline double guess_x(const minimum &m, double y, double above, side on) {
  double depth; // log(m.y/y)
  if constexpr (full) {
    const double size = at_least(-y, 0x1p-1074);
    const bool tiny = size < 0x1p-960; // the quotient might overflow
    depth = guess_log1p(above / (size * (tiny ? 0x1p64 : 1))) + (tiny ? 0x1.62e42fefa39efp+5 : 0);
  } else {
    depth = guess_log1p(above / at_least(-y, 0x1p-160));
  }
  const double s = __builtin_sqrt(on.either(above, depth));
  const double z = on.either(s, (s - 8) / (s + 8)), z2 = z * z;
  double even = on.constant(m.right[14], m.left[14]), odd = on.constant(m.right[13], m.left[13]);
#pragma GCC unroll 16
  for (int i = 12; i >= 0; i -= 2) even = fma(even, z2, on.constant(m.right[i], m.left[i]));
#pragma GCC unroll 16
  for (int i = 11; i >= 1; i -= 2) odd = fma(odd, z2, on.constant(m.right[i], m.left[i]));
  const double x = fma(s, fma(odd, z, even), m.x);
  return on.either(y < m.end ? x : y, x);
}

// The curvature, of which a few digits do: a form of the kernel's own for that purpose shares the
// exponential with `at`.
template <class K, class M>
inline double rough_curvature_of(double x) {
  if constexpr (requires { K::template rough_curvature<M>(x); })
    return K::template rough_curvature<M>(x);
  else
    return K::template curvature<M>(x);
}

// How far x lies from a guess: Newton's step for sqrt(y - m.y), whose slope is not 0 at the
// minimum, and on the left for log(-y) as well; both are factors to the plain step, to first order
// in e, which is y less its value at the guess. Next to the minimum e is all rounding.
struct correction {
  double step, share, ratio; // x's; slope/value and y/value on the left, 0 and 1 on the right
};
template <bool full>
inline correction corrected(jet<double> guess, double e, double above, side on) {
  const double four = at_least(4 * above, 0x1p-60);
  double plain, of_root, of_value, share;
  if constexpr (full) {
    plain = e / guess.slope, of_root = e / four;
    of_value = e / guess.value, share = guess.slope / guess.value;
  } else { // one division for all: no product leaves the range
    const double product = guess.slope * guess.value, inverse = 1 / (product * four);
    const double e_inverse = e * inverse, rest = guess.slope * four;
    plain = e_inverse * (guess.value * four), of_root = e_inverse * product;
    of_value = e_inverse * rest, share = guess.slope * rest * inverse;
  }
  of_value = (1 - on.rising) * of_value;
  const double step = plain * (1 - within(fma(0.5, of_value, of_root), 0.25));
  return {above > 0x1p-44 ? step : 0, (1 - on.rising) * share, 1 + of_value};
}

template <class K, class M>
inline double slope_from_output_and_side(const minimum &m, double output, double rising) {
  const side on(rising);
  const double y = at_most(output, 100); // where x and y have long been the same
  const double above = at_least((y - m.y) - m.y_low, 0);
  double x = guess_x<M::full>(m, y, above, on);
  if constexpr (M::full) {
    const jet<double> first = K::template at<M>(x);
    x = x + corrected<M::full>(first, y - first.value, above, on).step;
  }
  const jet<double> here = K::template at<M>(x);
  const correction c = corrected<M::full>(here, y - here.value, above, on);
  // To first order in the step; on the left that of f'/f, times y, which keeps the tail.
  const double bend = rough_curvature_of<K, M>(x);
  const double slope = c.ratio * fma(c.step, fma(-c.share, here.slope, bend), here.slope);
  const double falling = y < 0 ? at_most(slope, -0.0) : y; // 0 or NaN
  return on.either(at_least(slope, 0), falling);
}

} // namespace
} // namespace ogive::OGIVE_ISA
