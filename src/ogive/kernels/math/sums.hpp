// Sums whose bits depend on the length alone: sixteen partial sums of double, element i in partial
// sum i mod 16, merged in one fixed tree. Sixteen is two AVX-512 registers; narrower machines use
// more.
#pragma once

#include <cstddef>

#include "runtime/isa.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// Terms come as an array, not as a function: GCC 12 miscompiles conditional terms when it packs the
// sixteen partial sums into vectors (tests/test_heads.py sees it at once).
struct ordered_sum {
  static constexpr int partials = 16;
  alignas(64) double partial[partials] = {};

  void add(const double *terms, std::ptrdiff_t n) {
    std::ptrdiff_t i = 0;
    for (; i + partials <= n; i += partials)
      for (int j = 0; j < partials; ++j) partial[j] += terms[i + j];
    for (int j = 0; i + j < n; ++j) partial[j] += terms[i + j];
  }
  double total() const {
    double t[partials];
    for (int j = 0; j < partials; ++j) t[j] = partial[j];
    for (int width = partials / 2; width > 0; width /= 2)
      for (int j = 0; j < width; ++j) t[j] += t[j + width];
    return t[0];
  }
};

// The largest term, -inf where there is none; NaN is passed over. Its order does not matter.
inline double largest_of(const double *terms, std::ptrdiff_t n) {
  constexpr int partials = ordered_sum::partials;
  alignas(64) double partial[partials];
  for (double &m : partial) m = -__builtin_inf();
  std::ptrdiff_t i = 0;
  for (; i + partials <= n; i += partials)
    for (int j = 0; j < partials; ++j)
      partial[j] = terms[i + j] > partial[j] ? terms[i + j] : partial[j];
  for (int j = 0; i + j < n; ++j)
    partial[j] = terms[i + j] > partial[j] ? terms[i + j] : partial[j];
  for (int j = 1; j < partials; ++j) partial[0] = partial[j] > partial[0] ? partial[j] : partial[0];
  return partial[0];
}

// The first position of a value, or the last position where it does not occur.
inline std::ptrdiff_t first_of(const double *terms, std::ptrdiff_t n, double value) {
  constexpr int partials = ordered_sum::partials;
  std::ptrdiff_t i = 0;
  for (; i + partials < n; i += partials) {
    int found = 0;
    for (int j = 0; j < partials; ++j) found |= terms[i + j] == value;
    if (found) break;
  }
  while (i + 1 < n && terms[i] != value) ++i;
  return i;
}

inline double sum_of(const double *terms, std::ptrdiff_t n) {
  ordered_sum sum;
  sum.add(terms, n);
  return sum.total();
}

} // namespace
} // namespace ogive::OGIVE_ISA
