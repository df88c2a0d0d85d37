// Storage formats and their conversion to and from the format a kernel computes in. Every store
// rounds once, to nearest even, subnormals included, with integer operations: hardware conversions
// to bfloat16 flush subnormals, and a detour f64 -> f32 -> half would round twice.
#pragma once

struct half {
  std::uint16_t bits;
};
struct bfloat {
  std::uint16_t bits;
};

inline std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
inline float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

inline float widen(float x) { return x; }
inline double widen(double x) { return x; }
inline float widen(bfloat x) { return float_of(std::uint32_t{x.bits} << 16); }
inline float widen(half x) {
  const std::uint32_t magnitude_bits = (x.bits & 0x7fffu) << 13;
  // Multiplying by 2^112 moves the exponent bias, and normalises subnormals exactly.
  const std::uint32_t finite = bits_of(float_of(magnitude_bits) * 0x1p112f);
  const std::uint32_t special = magnitude_bits | 0x7f800000u;
  const std::uint32_t sign = (x.bits & 0x8000u) << 16;
  return float_of((magnitude_bits >= 0x0f800000u ? special : finite) | sign);
}

// Rounding to odd keeps the fact of inexactness in the last bit, so that rounding once more, to a
// format at least two bits narrower, gives what rounding the double directly would give.
inline float round_to_odd(double x) {
  const float nearest = static_cast<float>(x);
  const double back = magnitude(static_cast<double>(nearest)), exact = magnitude(x);
  const std::uint32_t bits = bits_of(nearest);
  const std::uint32_t step = exact > back ? 1u : exact < back ? ~0u : 0u;
  return float_of(bits & 1u ? bits : bits + step);
}
inline float round_to_odd(float x) { return x; }

inline void round_into(double x, double &y) { y = x; }
inline void round_into(double x, float &y) { y = static_cast<float>(x); }
inline void round_into(float x, float &y) { y = x; }
template <class Real>
inline void round_into(Real x, bfloat &y) {
  const std::uint32_t bits = bits_of(round_to_odd(x));
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  y.bits = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}
template <class Real>
inline void round_into(Real x, half &y) {
  const std::uint32_t bits = bits_of(round_to_odd(x));
  const std::uint32_t sign = (bits >> 16) & 0x8000u, size = bits & 0x7fffffffu;
  // Normal: drop 13 bits to nearest even and rebias. Subnormal: adding 1/2 leaves multiples of
  // 2^-24 in the low bits, rounded by the addition itself.
  const std::uint32_t normal = (size + 0xfffu + ((size >> 13) & 1u) - (112u << 23)) >> 13;
  const std::uint32_t subnormal = bits_of(float_of(size) + 0.5f) - bits_of(0.5f);
  std::uint32_t result = size < 0x38800000u ? subnormal : normal;
  result = size >= 0x477ff000u ? 0x7c00u : result; // 65520 and above
  result = size > 0x7f800000u ? 0x7e00u : result;
  y.bits = static_cast<std::uint16_t>(result | sign);
}

template <class T>
struct format_of;
template <>
struct format_of<half> {
  static constexpr format value = format::f16;
};
template <>
struct format_of<bfloat> {
  static constexpr format value = format::bf16;
};
template <>
struct format_of<float> {
  static constexpr format value = format::f32;
};
template <>
struct format_of<double> {
  static constexpr format value = format::f64;
};
