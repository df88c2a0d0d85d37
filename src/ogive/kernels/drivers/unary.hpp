// Drivers of unary functions. A kernel is a struct in catalog/unary:
//
//   struct name {
//     template <class M> static jet<typename M::real> at(real x[, double parameter…]);
//     // the second derivative, which only a function that is linear between kinks leaves out:
//     template <class M> static real curvature(real x[, double parameter…]);
//     // optional: dy f'(x) where dy times the rounded slope is not good enough, from x (for halves
//     // in lanes too) or from a slope that `at` gave
//     template <class M> static real pull_back(real dy, real x[, double parameter…]);
//     static near_lanes backward_lanes(floats dy, floats x);
//     // optional: the same in lanes for any format, where it takes less than the slope
//     static fused_lanes product_lanes(floats dy, floats x[, float_pair parameter…]);
//     template <class M> static real through(real dy, real slope);
//     // optional, for backward of halves: the short number that the slope is next to 0, with the
//     // sign of what it is more or less there
//     static jet<double> saturation(double x[, double parameter…]);
//     // optional, where the output determines the slope:
//     template <class M> static real slope_from_output(real y[, double parameter…]);
//     // and for halves, where that is next to a short number: the same as a sum of two
//     static pair slope_pair(double y[, double parameter…]);
//     // optional, where a parameter is learned: its slope d f / d parameter
//     template <class M> static real parameter_slope(real x, double parameter);
//     // optional, where the parameter of `at` is drawn in training, from a uniform u in (0, 1):
//     static double draw(double u, double lower, double upper);
//     static double in_evaluation(double lower, double upper);
//     // optional: every operation is exact in every format, so no widening is needed
//     static constexpr bool exact = true;
//     // optional, for backward from one bit per element: what unary_bits.hpp asks for
//     // optional: value and slope in float lanes, for x within a range; see unary_floats.hpp
//     static constexpr interval value_range; static floats value_lanes(floats x[, float_pair
//     parameter…]); static constexpr interval slope_range; static float_pair slope_lanes(…);
//   };
//
// The parameters of `at` after x are counted; nothing else about the function is told here.
#pragma once

#include "drivers/elementwise.hpp"
#include "drivers/entry.hpp"
#include "drivers/unary_bits.hpp"
#include "math/philox.hpp"
#include "math/sums.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// dy * parameter_slope(x), for whole vectors.
template <class K, class T>
OGIVE_FLATTEN void parameter_terms(const T *dy, const T *x, const double *p, std::ptrdiff_t n,
                                   double *terms) {
  using M = elementary<f64_grade>;
  const std::ptrdiff_t whole = filled_up(n);
  OGIVE_INDEPENDENT
  for (std::ptrdiff_t i = 0; i < whole; ++i) {
    const auto given = static_cast<double>(dy[i]);
    const double slope = K::template parameter_slope<M>(static_cast<double>(x[i]), p[i]);
    terms[i] = pass_steep_back(given, slope, given * slope);
  }
}

// dL/dparameter = sum of dy * parameter_slope(x) along the core dimension: T(n) T(n) d(n) -> d.
template <class K, class T>
bool parameter_backward(char **args, const work &todo, const std::ptrdiff_t *steps) {
  using wide = decltype(widen(T{}));
  const std::ptrdiff_t rows = todo.rows, n = todo.n;
  alignas(64) T dy_buffer[block_size], x_buffer[block_size];
  alignas(64) wide dy_wide[block_size], x_wide[block_size];
  alignas(64) double p_buffer[block_size] = {}, terms[block_size];
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    ordered_sum sum;
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      const auto at = [&](int k) { return args[k] + row * steps[k] + begin * steps[4 + k]; };
      const T *dy = contiguous(at(0), steps[4], count, dy_buffer);
      const T *x = contiguous(at(1), steps[5], count, x_buffer);
      if (begin == 0 || steps[6] != 0) // otherwise it is there
        for (std::ptrdiff_t i = 0; i < count; ++i)
          p_buffer[i] = *reinterpret_cast<const double *>(at(2) + i * steps[6]);
      parameter_terms<K>(widened_block(dy, count, dy_wide), widened_block(x, count, x_wide),
                         p_buffer, count, terms);
      sum.add(terms, count);
    }
    *reinterpret_cast<double *>(args[3] + row * steps[3]) = sum.total();
  }
  return true;
}

template <class K>
OGIVE_FLATTEN void draw_block(std::uint64_t seed, std::uint64_t index, double lower, double upper,
                              std::ptrdiff_t n, double *drawn) {
  for (std::ptrdiff_t i = 0; i < n; ++i)
    drawn[i] = K::draw(uniform(seed, index + static_cast<std::uint64_t>(i)), lower, upper);
}

// As `elementwise` along the core dimension, with the parameter of element i drawn from
// (seed, offset + i): T(n)[ T(n)] d d l l -> T(n).
template <class K, template <class> class Operation, class T>
bool sampled(char **args, const work &todo, const std::ptrdiff_t *steps) {
  using Op = Operation<K>;
  using M = grade_t<K, T>;
  constexpr int result = Op::inputs + 4;
  const std::ptrdiff_t rows = todo.rows, n = todo.n;
  const std::ptrdiff_t *core = steps + result + 1; // of the operands with a core dimension only
  alignas(64) T first_buffer[block_size], second_buffer[block_size], out_buffer[block_size];
  alignas(64) double drawn[block_size];
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    const auto at = [&](int k) { return args[k] + row * steps[k]; };
    const auto number = [&](int k) {
      return *reinterpret_cast<const double *>(at(Op::inputs + k));
    };
    const auto integer = [&](int k) {
      return *reinterpret_cast<const std::uint64_t *>(at(Op::inputs + k));
    };
    const double lower = number(0), upper = number(1);
    const std::uint64_t seed = integer(2), offset = integer(3);
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      const T *first = contiguous(at(0) + begin * core[0], core[0], count, first_buffer);
      const T *second = first;
      if constexpr (Op::inputs == 2)
        second = contiguous(at(1) + begin * core[1], core[1], count, second_buffer);
      draw_block<K>(seed, offset + static_cast<std::uint64_t>(begin), lower, upper, count, drawn);
      compute<Op, M>(first, second, out_buffer, count, static_cast<const double *>(drawn));
      char *out = at(result) + begin * core[Op::inputs];
      for (std::ptrdiff_t i = 0; i < count; ++i)
        *reinterpret_cast<T *>(out + i * core[Op::inputs]) = out_buffer[i];
    }
  }
  return true;
}

// The row in the op table.
template <class K>
constexpr entry unary_entry(const char *name) {
  using M = elementary<f64_grade>;
  constexpr int parameters = parameter_count<K>();
  constexpr const char *one[] = {"T -> T", "T d -> T", "T d d -> T"};
  constexpr const char *two[] = {"T T -> T", "T T d -> T", "T T d d -> T"};
  entry e{name, "unary", {}, {}};
  set(e, mode::value, one[parameters],
      []<class T>(T) constexpr -> loop { return elementwise<K, value_of, T>; });
  set(e, mode::derivative, one[parameters],
      []<class T>(T) constexpr -> loop { return elementwise<K, derivative_of, T>; });
  if constexpr (
      requires { K::template curvature<M>(0.0); } ||
      requires { K::template curvature<M>(0.0, 0.0); } ||
      requires { K::template curvature<M>(0.0, 0.0, 0.0); })
    set(e, mode::second_derivative, one[parameters],
        []<class T>(T) constexpr -> loop { return elementwise<K, second_derivative_of, T>; });
  set(e, mode::backward, two[parameters],
      []<class T>(T) constexpr -> loop { return elementwise<K, backward_of, T>; });
  if constexpr (
      requires { K::template slope_from_output<M>(0.0); } ||
      requires { K::template slope_from_output<M>(0.0, 0.0); } ||
      requires { K::template slope_from_output<M>(0.0, 0.0, 0.0); })
    set(e, mode::backward_from_output, two[parameters],
        []<class T>(T) constexpr -> loop { return elementwise<K, backward_from_output_of, T>; });
  if constexpr (has_two_slopes<K> || has_two_sides<K>) {
    constexpr const char *keep[] = {"T -> T b", "T d -> T b", "T d d -> T b"};
    constexpr const char *bits[] = {"T b -> T", "T b d -> T", "T b d d -> T"};
    constexpr const char *both[] = {"T T b -> T", "T T b d -> T", "T T b d d -> T"};
    set(e, mode::lean, keep[parameters],
        []<class T>(T) constexpr -> loop { return lean_forward<K, T>; });
    set(e, mode::lean_backward, has_two_slopes<K> ? bits[parameters] : both[parameters],
        []<class T>(T) constexpr -> loop { return lean_backward<K, T>; });
  }
  if constexpr (requires { K::template parameter_slope<M>(0.0, 0.0); })
    set(e, mode::parameter_backward, "T(n) T(n) d(n) -> d",
        []<class T>(T) constexpr -> loop { return parameter_backward<K, T>; });
  if constexpr (drawn<K>) {
    set(e, mode::sampled_value, "T(n) d d l l -> T(n)",
        []<class T>(T) constexpr -> loop { return sampled<K, value_of, T>; });
    set(e, mode::sampled_derivative, "T(n) d d l l -> T(n)",
        []<class T>(T) constexpr -> loop { return sampled<K, derivative_of, T>; });
    set(e, mode::sampled_backward, "T(n) T(n) d d l l -> T(n)",
        []<class T>(T) constexpr -> loop { return sampled<K, backward_of, T>; });
  }
  return e;
}

} // namespace
} // namespace ogive::OGIVE_ISA
