// squareplus: (x + r)/2 with r = sqrt(x^2 + b), for x < 0 as (b/4)/h with h = (|x| + r)/2, so that
// nothing cancels; the slope is the value over r.
#pragma once

struct squareplus {
  template <class M>
  static jet<double> at(double x, double b) {
    const double a = at_most(magnitude(x), M::full ? 0x1.fffffffffffffp1023 : 0x1p500);
    // In double the square may leave the range: it is taken of x and b on another scale.
    const bool large = M::full && (a > 0x1p500 || b > 0x1p1000);
    const bool small = M::full && a < 0x1p-400 && b < 0x1p-800;
    const double down = large   ? 0x1p-600
                        : small ? 0x1p600
                                : 1,
                 up = large   ? 0x1p600
                      : small ? 0x1p-600
                              : 1;
    const double y = a * down, square = y * y;
    const pair sum = exact_sum(square, b * down * down);
    const double root = __builtin_sqrt(sum.high);
    const double lost = sum.low + fma(y, y, -square) + fma(-root, root, sum.high);
    const double root_low = M::full && root > 0 ? lost / (2 * root) : 0;
    const double r = root * up;
    const pair half = exact_sum(a / 2, r / 2);
    const double h = half.high + (half.low + root_low * up / 2);
    const double below = magnitude(x) > a ? 0 : b / 4 / h;
    const double value = x < 0 ? below : magnitude(x) > a ? x : x == x ? h : x;
    return {value, (x < 0 ? below : h) / r};
  }
  // y^2/(y^2 + b/4)
  template <class M>
  static double slope_from_output(double y, double b) {
    return 1 / (1 + b / 4 / y / y);
  }
};
