// What every driver does to its operands.
#pragma once

#include <cstddef>
#include <cstdint>

#include "math/elementary.hpp"
#include "simd/float_math.hpp"
#include "simd/floats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// A call converts blocks of this many elements, so strided and half-width operands meet the same
// vector code as contiguous ones. The buffers of one block stay within 16 KiB.
constexpr std::ptrdiff_t block_size = 256;

// How much of a large result is computed before its operands are prefetched this far ahead: a long
// chain of operations fills the processor's window, so that it sees too few of the misses to come.
// Keep the block small and issue one prefetch per line stored: with 4 KiB blocks, computing and
// memory wait for each other (tanh took 1.5 times as long on a Sapphire Rapids and on a Zen 5), and
// a burst of prefetches fills the queue of misses.
constexpr std::ptrdiff_t streamed_bytes = 1024, ahead_bytes = 4096;

// Elements of `size` bytes before the first that begins a cache line.
inline std::ptrdiff_t before_a_line(const void *out, int size) {
  const auto past = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(out) % 64) / size;
  return past == 0 ? 0 : 64 / size - past;
}

// Gathers up to one block into `buffer` unless it lies contiguous already.
template <class T>
inline const T *contiguous(const char *from, std::ptrdiff_t step, std::ptrdiff_t n, T *buffer) {
  if (step == static_cast<std::ptrdiff_t>(sizeof(T))) return reinterpret_cast<const T *>(from);
  for (std::ptrdiff_t i = 0; i < n; ++i) buffer[i] = *reinterpret_cast<const T *>(from + i * step);
  return buffer;
}

// Elements of halves that lanes do not take or leave undecided, with their operands: few of any
// group, so that they wait until together they fill vectors of doubles.
template <int inputs>
struct open_elements {
  static constexpr int most = 8 * lanes;
  int count = 0;
  alignas(64) float in[inputs][most];
  std::ptrdiff_t at[most];

  // The lanes `which` of a vector, whose elements are those from `begin`, `step` apart.
  void add(mask which, const floats (&x)[inputs], std::ptrdiff_t begin, std::ptrdiff_t step) {
    for (std::uint32_t those = packed(which); those != 0; those &= those - 1) {
      const int lane = __builtin_ctz(those);
      for (int k = 0; k < inputs; ++k) in[k][count] = x[k][lane];
      at[count++] = begin + lane * step;
    }
  }
  // How many there are, and as many zeros as fill a vector.
  std::ptrdiff_t whole_vectors() {
    const int whole = (count + lanes - 1) & ~(lanes - 1);
    for (int i = count; i < whole; ++i)
      for (int k = 0; k < inputs; ++k) in[k][i] = 0;
    return whole;
  }
  template <class T>
  void settle(const T *results, T *out) const {
    for (int i = 0; i < count; ++i) out[at[i]] = results[i];
  }
};

// Where the slope is 0 nothing comes through, whatever arrives: no NaN from an infinite dy.
template <class Real>
OGIVE_INLINE Real pass_back(Real dy, Real slope) {
  return slope == 0 ? Real(0) : dy * slope;
}
// The same where the slope may be infinite: there a dy of 0 brings nothing either. One condition at
// a time, or GCC makes branches of them.
OGIVE_INLINE double pass_steep_back(double dy, double slope, double product) {
  const double kept = slope == 0 ? 0 : product, none = dy == 0 ? 0 : product;
  return magnitude(slope) > 0x1.fffffffffffffp1023 ? none : kept;
}
// For finite dy, rounded once. At a root a slope may be all in its low part.
OGIVE_INLINE floats pass_back(floats dy, float_pair slope) {
  const floats product = fma(dy, slope.high, dy * slope.low), sum = slope.high + slope.low;
  return sum == 0 ? floats{} : copy_sign(product, floats(words(dy) ^ words(sum)));
}
// A zero takes its sign from the high part: an fma may sum -0 and 0.
OGIVE_INLINE floats pass_back(floats dy, signed_slope slope) {
  const floats product = fma(dy, slope.high, dy * slope.low);
  return product == 0 ? dy * slope.high : product;
}

} // namespace
} // namespace ogive::OGIVE_ISA
