// Logarithms as pairs of doubles, and powers r^gamma of numbers in [0, 1] that keep their relative
// accuracy however small they are.
#pragma once

#include "math/elementary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// log x for 0 < x < 2^1000, to 2^-58 of its size: x = 2^k m with m in [2/3, 4/3), and log m is
// 2 atanh(f/(2 + f)) with f = m - 1, which is exact.
inline pair log_pair(double x) {
  const bool subnormal = x < 0x1p-1022;
  const auto bits = __builtin_bit_cast(std::int64_t, subnormal ? x * 0x1p54 : x);
  const std::int64_t exponent = (bits - 0x3fe5555555555555LL) >> 52;
  const double m = __builtin_bit_cast(double, bits - exponent * (std::int64_t{1} << 52));
  const double k = static_cast<double>(exponent) - (subnormal ? 54 : 0);
  const double f = m - 1, d = 2 + f, d_low = f - (d - 2);
  const double s = f / d, z = s * s, s_low = (fma(-s, d, f) - s * d_low) / d;
  const pair sum = exact_sum(k * ln2_hi, 2 * s);
  const double tail = 2 * fma(s * z, f64_grade::atanh_polynomial(z), s_low);
  return exact_sum(sum.high, sum.low + fma(k, ln2_lo, tail));
}

// r -> r^gamma for gamma >= 0, with 0^0 = 1. A small whole gamma multiplies.
class exponent {
public:
  explicit exponent(double gamma)
      : gamma_(gamma), whole_(gamma >= 0 && gamma <= most ? static_cast<int>(gamma) : -1) {
    if (static_cast<double>(whole_) != gamma) whole_ = -1;
  }

  double of(double r) const {
    double result = 1;
    raise(&r, 1, &result);
    return result;
  }

  void raise(const double *r, std::ptrdiff_t n, double *result) const {
    if (whole_ < 0) {
      for (std::ptrdiff_t i = 0; i < n; ++i) result[i] = by_logarithm(r[i]);
      return;
    }
    for (std::ptrdiff_t i = 0; i < n; ++i) result[i] = 1;
    for (int k = 0; k < whole_; ++k)
      for (std::ptrdiff_t i = 0; i < n; ++i) result[i] *= r[i];
  }

private:
  static constexpr double most = 8;
  double gamma_;
  int whole_; // gamma, or -1

  double by_logarithm(double r) const {
    const pair log = log_pair(r);
    const double x = gamma_ * log.high, low = fma(gamma_, log.high, -x) + gamma_ * log.low;
    const double power = row_math::exp(x, x > -800 ? low : 0);
    return r == 0 ? 0 : power;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
