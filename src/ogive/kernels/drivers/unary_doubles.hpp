// Elementwise operations on doubles in the middle of their range. A kernel may offer, besides `at`,
//
//   static constexpr double central_range;                     // |x| up to which they hold
//   static double central_value(double x[, double parameter…]);
//   static double central_slope(double x[, double parameter…]);
//   // with parameters: which of their values the forms take
//   static bool takes(double parameter…);
//
// within the contract, but without what tails, infinities and NaN need in every operation: those
// are computed by `at`, so that an element's result never depends on its neighbours.
#pragma once

#include "drivers/blocks.hpp"
#include "drivers/unary_floats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// Whether |x| <= range everywhere, by comparing bits, so that NaN lies beyond infinity.
OGIVE_FLATTEN bool all_central(const double *x, std::ptrdiff_t n, double range) {
  std::int64_t largest = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const auto size = __builtin_bit_cast(std::int64_t, magnitude(x[i]));
    largest = size > largest ? size : largest;
  }
  return largest <= __builtin_bit_cast(std::int64_t, range);
}

template <class Op, class In, class Out, class... P>
OGIVE_FLATTEN void compute_central(const In *first, const In *second, Out *out, std::ptrdiff_t n,
                                   P... p) {
  const std::ptrdiff_t most = n & ~std::ptrdiff_t{lanes - 1};
#pragma GCC ivdep
#pragma GCC unroll 2
  for (std::ptrdiff_t i = 0; i < most; ++i)
    out[i] = Op::central(first[i], second[i], parameter_at(p, i)...);
}

// One block, by both forms.
template <class Op, class M, class... P>
[[gnu::noinline]] void compute_mixed(const double *first, const double *second, double *out,
                                     std::ptrdiff_t n, P... p) {
  alignas(64) double central[block_size], any[block_size];
  in_whole_vectors(first, second, central, n, compute_central<Op, double, double, P...>, p...);
  in_whole_vectors(first, second, any, n, compute_whole<Op, M, double, double, P...>, p...);
  const double *x = Op::inputs == 2 ? second : first;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const bool taken = magnitude(x[i]) <= Op::central_range && Op::takes(parameter_at(p, i)...);
    out[i] = taken ? central[i] : any[i];
  }
}

template <class Op, class M, class... P>
void compute_doubles(const double *first, const double *second, double *out, std::ptrdiff_t n,
                     P... p) {
  for (std::ptrdiff_t i = 0; i < n; i += block_size) {
    const std::ptrdiff_t count = n - i < block_size ? n - i : block_size;
    const double *a = first + i, *b = second + i;
    if (!vary<P...> && all_central(Op::inputs == 2 ? b : a, count, Op::central_range))
      in_whole_vectors(a, b, out + i, count, compute_central<Op, double, double, P...>, p...);
    else
      compute_mixed<Op, M>(a, b, out + i, count, parameters_from(p, i)...);
  }
}

} // namespace
} // namespace ogive::OGIVE_ISA
