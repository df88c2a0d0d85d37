// silu: x/(1 + e^-x), with e = e^-|x|: for x < 0 the value is x e/(1 + e). The powers of two in e
// are multiplied in last, so results near and below the smallest normal number keep their digits.
struct silu {
  template <class M>
  static jet<double> at(double x) {
    const double c = at_most(at_least(x, -1000), 1000); // x e would be inf * 0
    const scaled power = M::exp_scaled(-magnitude(c));
    const double d = 1 + power.value();
    // s (1 + x (1 - s)); for x < 0, s = e/d and 1 - s = 1/d.
    const double complement = (x < 0 ? 1 : power.value()) / d;
    const double value = (x < 0 ? c * power.mantissa : x) / d;
    const double slope = (x < 0 ? power.mantissa : 1) * fma(c, complement, 1) / d;
    const double a = x < 0 ? power.a : 1, b = x < 0 ? power.b : 1;
    return {value * a * b, slope * a * b};
  }
};
