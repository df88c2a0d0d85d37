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

// The largest |x| is found by comparing bits, so that NaN lies beyond infinity.
OGIVE_INLINE std::int64_t bits_of_size(double x) {
  return __builtin_bit_cast(std::int64_t, magnitude(x));
}
OGIVE_FLATTEN inline bool all_central(const double *x, std::ptrdiff_t n, double range) {
  std::int64_t largest = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    largest = bits_of_size(x[i]) > largest ? bits_of_size(x[i]) : largest;
  return largest <= bits_of_size(range);
}

// Returns whether all of the results hold.
template <class Op, class... P>
OGIVE_FLATTEN bool compute_central(const double *first, const double *second, double *out,
                                   std::ptrdiff_t n, P... p) {
  const std::ptrdiff_t most = n & ~std::ptrdiff_t{lanes - 1};
  std::int64_t largest = 0;
  OGIVE_INDEPENDENT
#pragma GCC unroll 2
  for (std::ptrdiff_t i = 0; i < most; ++i) {
    const double x = Op::inputs == 2 ? second[i] : first[i];
    out[i] = Op::central(first[i], second[i], parameter_at(p, i)...);
    largest = bits_of_size(x) > largest ? bits_of_size(x) : largest;
  }
  return largest <= bits_of_size(Op::central_range);
}
template <class Op, class... P>
bool central_in_whole_vectors(const double *first, const double *second, double *out,
                              std::ptrdiff_t n, P... p) {
  bool hold = true;
  const auto whole = [&](const double *a, const double *b, double *y, std::ptrdiff_t count,
                         auto... q) { hold &= compute_central<Op>(a, b, y, count, q...); };
  in_whole_vectors(first, second, out, n, whole, p...);
  return hold;
}

// How much is computed before what lies ahead is asked for: a long chain of operations fills the
// processor's window, so that by itself it sees too few of the misses to come (the slope of silu
// took twice as long on 2^20 elements). What a core's own caches hold needs none of this.
constexpr std::ptrdiff_t central_block = 128, central_ahead = 512, central_least = 1 << 17;

// One block, by both forms.
template <class Op, class M, class... P>
[[gnu::noinline]] void compute_mixed(const double *first, const double *second, double *out,
                                     std::ptrdiff_t n, P... p) {
  alignas(64) double central[central_block], any[central_block];
  central_in_whole_vectors<Op>(first, second, central, n, p...);
  in_whole_vectors(first, second, any, n, compute_whole<Op, M, double, double, P...>, p...);
  const double *x = Op::inputs == 2 ? second : first;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const bool taken = magnitude(x[i]) <= Op::central_range && Op::takes(parameter_at(p, i)...);
    out[i] = taken ? central[i] : any[i];
  }
}

// Where a result replaces its operand, the range is asked for first.
template <class Op, class M, class... P>
void compute_doubles(const double *first, const double *second, double *out, std::ptrdiff_t n,
                     P... p) {
  const bool apart = lies_apart(first, out, n) && lies_apart(second, out, n);
  for (std::ptrdiff_t i = 0; i < n; i += central_block) {
    const std::ptrdiff_t count = n - i < central_block ? n - i : central_block;
    const double *a = first + i, *b = second + i, *x = Op::inputs == 2 ? b : a;
    for (std::ptrdiff_t k = 0; n >= central_least && k < count; k += 8) {
      __builtin_prefetch(a + central_ahead + k);
      if (Op::inputs == 2) __builtin_prefetch(b + central_ahead + k);
    }
    const bool open = !vary<P...> && (apart || all_central(x, count, Op::central_range));
    if (!open || !central_in_whole_vectors<Op>(a, b, out + i, count, parameters_from(p, i)...))
      compute_mixed<Op, M>(a, b, out + i, count, parameters_from(p, i)...);
  }
}

} // namespace
} // namespace ogive::OGIVE_ISA
