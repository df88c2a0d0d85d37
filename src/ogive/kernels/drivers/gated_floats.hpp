// Gated operations in float lanes, where f has both its value and its slope in them. As in
// unary_floats.hpp an element goes to the double form where the lanes cannot tell: f(b) out of
// range, operands that are not finite, products that lie among or beyond the subnormal numbers, and
// halves whose float result lies next to a tie.
#pragma once

#include "simd/float_math.hpp"
#include "simd/formats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class K>
constexpr bool gate_in_lanes = requires { K::unary::both_lanes(floats{}); };

constexpr interval normal{-largest_float, largest_float, 0x1p-100f};

// A tiny f(b) has lost digits that a large factor would bring up.
constexpr interval above_subnormals(interval x) { return {x.least, x.most, normal.smallest}; }

// Pointers, handed over by value.
template <class T, int count>
struct several {
  T *at[count];
};

template <class Op, class M, class T>
OGIVE_FLATTEN void mend_gated(const floats (&x)[Op::inputs], const floats (&y)[Op::outputs],
                              several<T, Op::outputs> out) {
  for (int i = 0; i < lanes; ++i) {
    float in[Op::inputs], results[Op::outputs];
    double whole[Op::inputs];
    bool open = false;
    for (int k = 0; k < Op::inputs; ++k) whole[k] = in[k] = x[k][i];
    for (int k = 0; k < Op::outputs; ++k) open |= undecided(results[k] = y[k][i], T{});
    if (!open && Op::takes(in, results)) continue;
    T rounded_results[Op::outputs];
    Op::template whole<M>(whole, rounded_results);
    for (int k = 0; k < Op::outputs; ++k) out.at[k][i] = rounded_results[k];
  }
}

template <class Op, class M, class T>
OGIVE_INLINE void gate_vector(const T *const (&in)[Op::inputs], T *const (&out)[Op::outputs],
                              std::ptrdiff_t at) {
  floats x[Op::inputs], y[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) x[k] = load(in[k] + at);
  Op::run(x, y);
  mask open = {};
  for (int k = 0; k < Op::outputs; ++k) {
    if (is_half<T>) open |= undecided(y[k], T{});
    store(y[k], out[k] + at);
  }
  if (!Op::takes(x, y) || !everywhere(~open)) [[unlikely]] {
    several<T, Op::outputs> where;
    for (int k = 0; k < Op::outputs; ++k) where.at[k] = out[k] + at;
    mend_gated<Op, M>(x, y, where);
  }
}

template <class Op, class M, class T>
OGIVE_FLATTEN void gate_vectors(const T *const (&in)[Op::inputs], T *const (&out)[Op::outputs],
                                std::ptrdiff_t n) {
  // Its own copies: any store of a vector might change the pointers that it was given.
  const T *from[Op::inputs];
  T *to[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) from[k] = in[k];
  for (int k = 0; k < Op::outputs; ++k) to[k] = out[k];
  for (std::ptrdiff_t i = 0; i < n; i += lanes) gate_vector<Op, M, T>(from, to, i);
}

// `whole(in, out, n)` takes multiples of a vector, so that its loop has no scalar rest; the last
// elements go through it in buffers of one vector.
template <class In, class Out, int inputs, int outputs, class Whole>
OGIVE_INLINE void gate_in_whole_vectors(In *const (&in)[inputs], Out *const (&out)[outputs],
                                        std::ptrdiff_t n, Whole whole) {
  const In *from[inputs];
  Out *to[outputs];
  for (int k = 0; k < inputs; ++k) from[k] = in[k];
  for (int k = 0; k < outputs; ++k) to[k] = out[k];
  const std::ptrdiff_t most = n & ~std::ptrdiff_t{lanes - 1};
  if (most > 0) whole(from, to, most);
  if (most == n) return;
  alignas(64) In x[inputs][lanes] = {};
  alignas(64) Out y[outputs][lanes];
  for (int k = 0; k < inputs; ++k) {
    for (std::ptrdiff_t j = 0; most + j < n; ++j) x[k][j] = in[k][most + j];
    from[k] = x[k];
  }
  for (int k = 0; k < outputs; ++k) to[k] = y[k];
  whole(from, to, std::ptrdiff_t{lanes});
  for (int k = 0; k < outputs; ++k)
    for (std::ptrdiff_t j = 0; most + j < n; ++j) out[k][most + j] = y[k][j];
}

} // namespace
} // namespace ogive::OGIVE_ISA
