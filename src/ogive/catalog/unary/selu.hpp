// selu: scale (x where x > 0, else alpha (e^x - 1)), with the published doubles as definition.
#pragma once

struct selu {
  static constexpr double alpha = 1.6732632423543772, scale = 1.0507009873554805;
  // alpha * scale to twice the precision of double: the rounded product and what it lost.
  static constexpr double product = alpha * scale;
  static double product_low() { return fma(alpha, scale, -product); }

  template <class M>
  static jet<double> at(double x) {
    const double m = M::expm1(x), e = M::exp(x);
    return {x >= 0 ? scale * x : fma(product, m, product_low() * m),
            x > 0 ? scale : fma(product, e, product_low() * e)};
  }

  static constexpr interval value_range{-80, 0x1p127f, 0x1p-100f};
  OGIVE_INLINE static floats value_lanes(floats x) {
    constexpr float p = static_cast<float>(product), p_low = static_cast<float>(product - p);
    constexpr float s = static_cast<float>(scale), s_low = static_cast<float>(scale - s);
    const float_pair m = expm1_lanes(least(x, floats{}));
    const mask positive = x > 0;
    const floats a = positive ? x : m.high;
    const floats factor = positive ? all(s) : all(p),
                 factor_low = positive ? all(s_low) : all(p_low);
    const floats high = factor * a, low = fma(factor, a, -high);
    return with_sign_of(magnitude(high + fma(factor_low, a, positive ? low : fma(m.low, p, low))),
                        x);
  }

  // At 0 it is scale alpha, as from the left.
  template <class M>
  static double curvature(double x) {
    return x > 0 ? 0 : M::exp_scaled(x).times(product, product_low());
  }
  template <class M>
  static double slope_from_output(double y) {
    return y > 0 ? scale : (y + product) + product_low();
  }
};
