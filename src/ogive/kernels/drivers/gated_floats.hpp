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

// A few vectors at once, as in unary_floats.hpp: one branch asks for all of them.
template <class Op, class M, int vectors, class T>
OGIVE_INLINE void gate_group(const T *const (&in)[Op::inputs], T *const (&out)[Op::outputs],
                             std::ptrdiff_t at) {
  floats x[Op::inputs][vectors], y[Op::outputs][vectors];
#pragma GCC unroll 4
  for (int j = 0; j < vectors; ++j)
    for (int k = 0; k < Op::inputs; ++k) x[k][j] = load(in[k] + at + j * lanes);
#pragma GCC unroll 4
  for (int j = 0; j < vectors; ++j) {
    floats one[Op::inputs], results[Op::outputs];
    for (int k = 0; k < Op::inputs; ++k) one[k] = x[k][j];
    Op::run(one, results);
    for (int k = 0; k < Op::outputs; ++k) y[k][j] = results[k];
  }
  bool taken = Op::takes_all(x, y);
  if constexpr (is_half<T>) {
    mask open = {};
    for (int k = 0; k < Op::outputs; ++k)
      for (int j = 0; j < vectors; ++j) open |= undecided(y[k][j], T{});
    taken &= everywhere(~open);
  }
#pragma GCC unroll 4
  for (int j = 0; j < vectors; ++j)
    for (int k = 0; k < Op::outputs; ++k) store(y[k][j], out[k] + at + j * lanes);
  if (taken) [[likely]]
    return;
  // Through memory, or the vectors of the likely way would be kept for this one.
  alignas(64) floats operands[vectors][Op::inputs], results[vectors][Op::outputs];
  for (int j = 0; j < vectors; ++j) {
    for (int k = 0; k < Op::inputs; ++k) operands[j][k] = x[k][j];
    for (int k = 0; k < Op::outputs; ++k) results[j][k] = y[k][j];
  }
  for (int j = 0; j < vectors; ++j) {
    several<T, Op::outputs> where;
    for (int k = 0; k < Op::outputs; ++k) where.at[k] = out[k] + at + j * lanes;
    mend_gated<Op, M>(operands[j], results[j], where);
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
  constexpr int vectors = lanes == 8 ? 2 : Op::outputs == 1 ? 4 : 2;
  constexpr std::ptrdiff_t group = vectors * lanes;
  std::ptrdiff_t i = 0;
  if constexpr (has_fma)
    for (; i + group <= n; i += group) gate_group<Op, M, vectors>(from, to, i);
  for (; i < n; i += lanes) gate_group<Op, M, 1>(from, to, i);
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
