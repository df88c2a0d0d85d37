// squareplus: (x + r)/2 with r = sqrt(x^2 + b), for x < 0 as (b/4)/h with h = (|x| + r)/2, so that
// nothing cancels; the slope is the value over r.
#pragma once

#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct squareplus {
  template <class M>
  static jet<double> at(double x, double b) {
    const double a = at_most(magnitude(x), M::full ? 0x1.fffffffffffffp1023 : 0x1p500);
    const length y(M::full, a, b);
    const double root_low = y.root_low, up = y.up, r = y.root * up;
    const pair half = exact_sum(a / 2, r / 2);
    const double h = half.high + (half.low + root_low * up / 2);
    const double quarter = b < 0x1p-1000 ? b / h / 4 : b / 4 / h; // of a subnormal it rounds
    const double below = magnitude(x) > a ? 0 : quarter;
    const double value = x < 0 ? below : magnitude(x) > a ? x : x == x ? h : x;
    return {value, (x < 0 ? below : h) / r};
  }
  static constexpr double central_range = 0x1p200;
  // h = |x| + r: half of it, or b/2 over it. One quotient serves that and what the root loses.
  static double central_value(double x, double b) {
    const double a = magnitude(x), square = a * a, sum = square + b;
    const double larger = square > b ? square : b, smaller = square > b ? b : square;
    const double sum_low = (smaller - (sum - larger)) + fma(a, a, -square);
    const double r = __builtin_sqrt(sum), lost = fma(-r, r, sum) + sum_low;
    const double h = a + r, both = 1 / (r * h), inverse = r * both;
    const double h_low = fma(lost / 2, h * both, a - (h - r)), q = b / 2 * inverse;
    const double below = fma(fma(-q, h_low, fma(-q, h, b / 2)), inverse, q);
    return x < 0 ? below : (h + h_low) / 2;
  }
  // (b/2)/(r h), or 1 less that.
  static double central_slope(double x, double b) {
    const double a = magnitude(x), sum = fma(a, a, b), r = __builtin_sqrt(sum);
    const double below = b / 2 / fma(a, r, sum);
    return x < 0 ? below : 1 - below;
  }
  // (b/2)/r^3
  template <class M>
  static double curvature(double x, double b) {
    const length y(M::full, at_most(magnitude(x), M::full ? 0x1.fffffffffffffp1023 : 0x1p500), b);
    const double over_root = y.b / 2 / y.root, lost = 3 * y.root_low / y.root;
    const double size = over_root / y.root / y.root;
    return x == x ? fma(-size, lost, size) * y.down : x;
  }
  static jet<double> saturation(double x, double) { return {0.5, x}; }
  // y^2/(y^2 + b/4)
  template <class M>
  static double slope_from_output(double y, double b) {
    return 1 / (1 + b / 4 / y / y);
  }
  // Over a short number the square of a half may be a tie.
  static pair slope_pair(double y, double b) {
    const double square = at_most(y, 0x1p300) * at_most(y, 0x1p300);
    const pair sum = exact_sum(square, b / 4);
    const double slope = square / sum.high, rest = fma(-slope, sum.high, square);
    return {slope, (rest - slope * sum.low) / sum.high};
  }

  static constexpr interval value_range{-0x1p40f, 0x1p40f}, slope_range = value_range;
  static bool takes(double b) { return b >= 0x1p-20 && b <= 0x1p20; }
  OGIVE_INLINE static float_pair value_lanes(floats x, float_pair b) {
    const length_lanes y(x, b);
    return select(x < 0, quotient(quarter(b), y.half), y.half);
  }
  OGIVE_INLINE static float_pair slope_lanes(floats x, float_pair b) {
    const length_lanes y(x, b);
    const mask left = x < 0;
    return quotient(select(left, quarter(b), y.half),
                    select(left, product(y.root, y.half), y.root));
  }

private:
  OGIVE_INLINE static float_pair quarter(float_pair b) { return {b.high / 4, b.low / 4}; }
  OGIVE_INLINE static float_pair quotient(float_pair n, float_pair d) {
    const floats inverse = 1 / d.high, q = n.high * inverse;
    return {q, (fnma(q, d.high, n.high) + fnma(q, d.low, n.low)) * inverse};
  }
  // r and (|x| + r)/2.
  struct length_lanes {
    float_pair root, half;
    OGIVE_INLINE length_lanes(floats x, float_pair b) {
      const floats a = magnitude(x), square = a * a;
      const float_pair sum = any_exact_sum(square, b.high);
      const floats r = square_root(sum.high);
      const floats lost = fnma(r, r, sum.high) + (sum.low + (fma(a, a, -square) + b.low));
      // Half the bits of a number are 1/sqrt of it to 4 %, which does for what r misses.
      root = {r, lost * (floats(0x5f3759dfu - (words(sum.high) >> 1)) / 2)};
      const float_pair whole = exact_sum(r, a);
      half = {whole.high / 2, (whole.low + root.low) / 2};
    }
  };
  // sqrt(a^2 + b). In double the square may leave the range: it is taken of a and b on another
  // scale.
  struct length {
    double down, up, b; // r = (root + root_low) up, b = b down^2
    double root, root_low;
    length(bool full, double a, double b_given) {
      const bool large = full && (a > 0x1p500 || b_given > 0x1p1000);
      const bool small = full && a < 0x1p-400 && b_given < 0x1p-800;
      down = large ? 0x1p-600 : small ? 0x1p600 : 1;
      up = large ? 0x1p600 : small ? 0x1p-600 : 1;
      b = b_given * down * down;
      const double y = a * down, square = y * y;
      const pair sum = exact_sum(square, b);
      root = __builtin_sqrt(sum.high);
      const double lost = sum.low + fma(y, y, -square) + fma(-root, root, sum.high);
      root_low = full && root > 0 ? lost / (2 * root) : 0;
    }
  };
};

} // namespace
} // namespace ogive::OGIVE_ISA
