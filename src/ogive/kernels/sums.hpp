// Sums whose bits depend on the length alone: sixteen lanes of double, element i in lane i mod 16,
// merged in one fixed tree. Sixteen is two AVX-512 registers; narrower machines use more of theirs.
#pragma once

// Terms come as an array, not as a function: GCC 12 miscompiles conditional terms when it packs the
// sixteen lanes into vectors (tests/test_heads.py sees it at once).
struct lane_sum {
  static constexpr int lanes = 16;
  alignas(64) double lane[lanes] = {};

  void add(const double *terms, std::ptrdiff_t n) {
    std::ptrdiff_t i = 0;
    for (; i + lanes <= n; i += lanes)
      for (int j = 0; j < lanes; ++j) lane[j] += terms[i + j];
    for (int j = 0; i + j < n; ++j) lane[j] += terms[i + j];
  }
  double total() const {
    double t[lanes];
    for (int j = 0; j < lanes; ++j) t[j] = lane[j];
    for (int width = lanes / 2; width > 0; width /= 2)
      for (int j = 0; j < width; ++j) t[j] += t[j + width];
    return t[0];
  }
};

// The largest term, -inf where there is none; NaN is passed over. Its order does not matter.
inline double largest_of(const double *terms, std::ptrdiff_t n) {
  constexpr int lanes = lane_sum::lanes;
  alignas(64) double lane[lanes];
  for (double &m : lane) m = -__builtin_inf();
  std::ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int j = 0; j < lanes; ++j) lane[j] = terms[i + j] > lane[j] ? terms[i + j] : lane[j];
  for (int j = 0; i + j < n; ++j) lane[j] = terms[i + j] > lane[j] ? terms[i + j] : lane[j];
  for (int j = 1; j < lanes; ++j) lane[0] = lane[j] > lane[0] ? lane[j] : lane[0];
  return lane[0];
}

// The first position of a value, or the last position where it does not occur.
inline std::ptrdiff_t first_of(const double *terms, std::ptrdiff_t n, double value) {
  constexpr int lanes = lane_sum::lanes;
  std::ptrdiff_t i = 0;
  for (; i + lanes < n; i += lanes) {
    int found = 0;
    for (int j = 0; j < lanes; ++j) found |= terms[i + j] == value;
    if (found) break;
  }
  while (i + 1 < n && terms[i] != value) ++i;
  return i;
}

inline double sum_of(const double *terms, std::ptrdiff_t n) {
  lane_sum sum;
  sum.add(terms, n);
  return sum.total();
}
