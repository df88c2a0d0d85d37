// A sum of doubles without any rounding, in whatever order: a fixed-point number of 32-bit digits
// that spans every double. For the few rows whose terms cancel beyond what pairs of doubles hold.
#pragma once

#include "math/elementary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

class unrounded_sum {
public:
  void add(double x) {
    const auto bits = __builtin_bit_cast(std::uint64_t, x);
    const auto exponent = static_cast<int>((bits >> 52) & 2047);
    std::uint64_t mantissa = bits & 0xfffffffffffffULL;
    if (exponent > 0) mantissa |= std::uint64_t{1} << 52;
    const int position = exponent > 0 ? exponent - 1 : 0; // of the lowest bit, above 2^-1074
    const int first = position / 32, shift = position % 32;
    const std::uint64_t low = mantissa << shift, high = shift ? mantissa >> (64 - shift) : 0;
    const std::int64_t sign = bits >> 63 ? -1 : 1;
    digit_[first] += sign * static_cast<std::int64_t>(low & 0xffffffffU);
    digit_[first + 1] += sign * static_cast<std::int64_t>(low >> 32);
    digit_[first + 2] += sign * static_cast<std::int64_t>(high);
    if (++pending_ == 1 << 30) carry();
  }

  // The product, exact unless it falls below the normal numbers.
  void add_product(double a, double b) {
    const double p = a * b;
    add(p);
    add(fma(a, b, -p));
  }

  // The sum as two doubles that do not overlap.
  pair value() {
    const double high = leading();
    add(-high);
    return {high, leading()};
  }

private:
  static constexpr int digits = 70;
  std::int64_t digit_[digits] = {};
  int pending_ = 0;

  // Leaves digits in [0, 2^32) but for the last one, which carries the sign.
  void carry() {
    for (int i = 0; i + 1 < digits; ++i) {
      const std::int64_t up = digit_[i] >> 32;
      digit_[i] -= up * (std::int64_t{1} << 32);
      digit_[i + 1] += up;
    }
    pending_ = 0;
  }

  // The three leading digits, to a relative error below 2^-52.
  double leading() {
    carry();
    const bool negative = digit_[digits - 1] < 0;
    if (negative) {
      for (std::int64_t &d : digit_) d = -d;
      carry();
    }
    int top = digits - 1;
    while (top > 0 && digit_[top] == 0) --top;
    double sum = 0;
    for (int i = top; i >= 0 && i > top - 3; --i) {
      // 2^(32 i - 1074) in two factors, each a normal number.
      const int exponent = 32 * i - 1074, half = exponent / 2;
      sum += static_cast<double>(digit_[i]) * power_of_two(shifter + half) *
             power_of_two(shifter + (exponent - half));
    }
    if (negative) {
      for (std::int64_t &d : digit_) d = -d;
      carry();
      sum = -sum;
    }
    return sum;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
