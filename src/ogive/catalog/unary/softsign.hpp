// softsign: x/(1 + |x|); the infinities are moved to the largest finite number, where it is +-1.
#pragma once

struct softsign {
  template <class M>
  static jet<double> at(double x) {
    const double a = at_most(magnitude(x), 0x1.fffffffffffffp1023), inverse = 1 / (1 + a);
    return {with_sign(a / (1 + a), x), inverse * inverse};
  }
  // -2/(1 + |x|)^3 with the sign of x; at 0 it is 2, as from the left.
  template <class M>
  static double curvature(double x) {
    const double a = at_most(magnitude(x), 0x1.fffffffffffffp1023), d = 1 + a;
    const double inverse = M::quotient(1, d, a > 1 ? 1 - (d - a) : a - (d - 1));
    const double size = inverse * inverse * (2 * inverse);
    return x > 0 ? -size : size;
  }
};
