// softsign: x/(1 + |x|); the infinities are moved to the largest finite number, where it is +-1.
#pragma once

struct softsign {
  template <class M>
  static jet<double> at(double x) {
    const double a = at_most(magnitude(x), 0x1.fffffffffffffp1023), inverse = 1 / (1 + a);
    return {with_sign(a / (1 + a), x), inverse * inverse};
  }
};
