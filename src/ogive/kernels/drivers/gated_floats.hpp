// Gated operations in float lanes, where f has both its value and its slope in them. As in
// unary_floats.hpp an element goes to the double form where the lanes cannot tell: f(b) out of
// range, operands that are not finite, products that lie among or beyond the subnormal numbers, and
// halves whose float result lies next to a tie.
#pragma once

#include "drivers/blocks.hpp"
#include "simd/float_math.hpp"
#include "simd/formats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class K>
constexpr bool gate_in_lanes = requires { K::unary::both_lanes(floats{}); };

constexpr interval normal{-largest_float, largest_float, 0x1p-100f};

// A tiny f(b) has lost digits that a large factor would bring up.
constexpr interval above_subnormals(interval x) { return {x.least, x.most, normal.smallest}; }

// Halves have no such digits to lose in f16; in bf16 only where they are that small.
template <class T>
constexpr interval gate_range_of(interval x) {
  return {x.least, x.most, __is_same(T, half) ? 0 : normal.smallest};
}

// Pointers, handed over by value.
template <class T, int count>
struct several {
  T *at[count];
};

// The double form (or the exact one), for n elements that fill vectors.
template <class Op, class M, class In, class Out>
OGIVE_FLATTEN void gate_whole(const In *const (&in)[Op::inputs], Out *const (&out)[Op::outputs],
                              std::ptrdiff_t n) {
  using R = typename M::real;
  const std::ptrdiff_t most = n & ~std::ptrdiff_t{lanes - 1};
  OGIVE_INDEPENDENT
  for (std::ptrdiff_t i = 0; i < most; ++i) {
    R x[Op::inputs];
    Out y[Op::outputs];
    for (int k = 0; k < Op::inputs; ++k) x[k] = static_cast<R>(in[k][i]);
    Op::template whole<M>(x, y);
    for (int k = 0; k < Op::outputs; ++k) out[k][i] = y[k];
  }
}

template <class Op, class M, class T>
OGIVE_FLATTEN void mend_gated(const floats (&x)[Op::inputs], const floats (&y)[Op::outputs],
                              several<T, Op::outputs> out) {
  for (int i = 0; i < lanes; ++i) {
    float in[Op::inputs], results[Op::outputs];
    double whole[Op::inputs];
    for (int k = 0; k < Op::inputs; ++k) whole[k] = in[k] = x[k][i];
    for (int k = 0; k < Op::outputs; ++k) results[k] = y[k][i];
    if (Op::takes(in, results)) continue;
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
  const bool taken = Op::takes_all(x, y);
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

// Halves, two vectors at a time, from load to store in registers: in lanes, or exact as floats.
template <class Op, class T, int N>
OGIVE_INLINE void compute_halves(const floats (&x)[Op::inputs][N], floats (&y)[Op::outputs][N]) {
  if constexpr (Op::in_lanes) {
    for (int v = 0; v < N; ++v) {
      floats in[Op::inputs], out[Op::outputs];
      for (int k = 0; k < Op::inputs; ++k) in[k] = x[k][v];
      Op::run_halves(in, out);
      for (int k = 0; k < Op::outputs; ++k) y[k][v] = out[k];
    }
  } else {
    alignas(64) float in[Op::inputs][N * lanes], out[Op::outputs][N * lanes];
    __builtin_memcpy(in, x, sizeof in);
    OGIVE_INDEPENDENT
    for (int i = 0; i < N * lanes; ++i) {
      float one[Op::inputs], results[Op::outputs];
      for (int k = 0; k < Op::inputs; ++k) one[k] = in[k][i];
      Op::template whole<exact_grade<float>>(one, results);
      for (int k = 0; k < Op::outputs; ++k) out[k][i] = results[k];
    }
    __builtin_memcpy(y, out, sizeof out);
  }
}

template <class Op, class M, class T>
[[gnu::noinline]] void settle_gated(open_elements<Op::inputs> &open, several<T, Op::outputs> out) {
  alignas(64) odd_float exact[Op::outputs][open.most];
  alignas(64) T y[open.most];
  const float *from[Op::inputs];
  odd_float *to[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) from[k] = open.in[k];
  for (int k = 0; k < Op::outputs; ++k) to[k] = exact[k];
  const std::ptrdiff_t whole = open.whole_vectors();
  gate_whole<Op, M>(from, to, whole);
  for (int k = 0; k < Op::outputs; ++k) {
    round_all(reinterpret_cast<const float *>(exact[k]), y, whole);
    open.settle(y, out.at[k]);
  }
  open.count = 0;
}

template <class Op, class T, int N>
[[gnu::noinline]] void leave_gated_open(const floats (&x)[Op::inputs][N],
                                        const floats (&y)[Op::outputs][N], std::ptrdiff_t at,
                                        open_elements<Op::inputs> &open) {
  for (int v = 0; v < N; ++v) {
    floats in[Op::inputs];
    for (int k = 0; k < Op::inputs; ++k) in[k] = x[k][v];
    mask which = {};
    if constexpr (Op::in_lanes) which = ~inside(in[Op::inputs - 1], Op::template gate_range<T>);
    for (int k = 0; k < Op::outputs; ++k) {
      which |= ~(magnitude(y[k][v]) <= all(largest_float));
      if constexpr (Op::in_lanes)
        which |= undecided(y[k][v], T{});
      else
        which |= is_small(y[k][v], T{});
    }
    open.add(which, in, at + place<T, N>(v, 0), place<T, N>(v, 1) - place<T, N>(v, 0));
  }
}

template <class Op, class M, class T, int N>
OGIVE_INLINE void halves_group(const T *const (&in)[Op::inputs], T *const (&out)[Op::outputs],
                               std::ptrdiff_t at, open_elements<Op::inputs> &open) {
  floats x[Op::inputs][N], y[Op::outputs][N];
  for (int k = 0; k < Op::inputs; ++k) load_vectors(in[k] + at, x[k]);
  compute_halves<Op, T>(x, y);
  bool is_open = false;
  if constexpr (Op::in_lanes) is_open = !all_inside(x[Op::inputs - 1], Op::template gate_range<T>);
  for (int k = 0; k < Op::outputs; ++k)
    if constexpr (Op::in_lanes)
      is_open |= store_decided<true>(y[k], out[k] + at);
    else
      is_open |= store_settled(y[k], out[k] + at);
  if (!is_open) [[likely]]
    return;
  alignas(64) floats from[Op::inputs][N], to[Op::outputs][N];
  __builtin_memcpy(from, x, sizeof from);
  __builtin_memcpy(to, y, sizeof to);
  leave_gated_open<Op, T>(from, to, at, open);
  several<T, Op::outputs> where;
  for (int k = 0; k < Op::outputs; ++k) where.at[k] = out[k];
  if (open.count > open.most - 2 * lanes) settle_gated<Op, M>(open, where);
}

template <class Op, class M, class T>
OGIVE_FLATTEN void gate_halves(const T *const (&in)[Op::inputs], T *const (&out)[Op::outputs],
                               std::ptrdiff_t n) {
  const T *from[Op::inputs];
  T *to[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) from[k] = in[k];
  for (int k = 0; k < Op::outputs; ++k) to[k] = out[k];
  open_elements<Op::inputs> open;
  for (std::ptrdiff_t i = 0; i < n; i += 2 * lanes) halves_group<Op, M, T, 2>(from, to, i, open);
  several<T, Op::outputs> where;
  for (int k = 0; k < Op::outputs; ++k) where.at[k] = to[k];
  if (open.count > 0) settle_gated<Op, M>(open, where);
}

// `whole(in, out, n)` takes multiples of `size`, a vector or some, so that its loop has no scalar
// rest; the last elements go through it in buffers.
template <int size = lanes, class In, class Out, int inputs, int outputs, class Whole>
OGIVE_INLINE void gate_in_whole_vectors(In *const (&in)[inputs], Out *const (&out)[outputs],
                                        std::ptrdiff_t n, Whole whole) {
  const In *from[inputs];
  Out *to[outputs];
  for (int k = 0; k < inputs; ++k) from[k] = in[k];
  for (int k = 0; k < outputs; ++k) to[k] = out[k];
  const std::ptrdiff_t most = n & ~std::ptrdiff_t{size - 1};
  if (most > 0) whole(from, to, most);
  if (most == n) return;
  alignas(64) In x[inputs][size] = {};
  alignas(64) Out y[outputs][size];
  for (int k = 0; k < inputs; ++k) {
    for (std::ptrdiff_t j = 0; most + j < n; ++j) x[k][j] = in[k][most + j];
    from[k] = x[k];
  }
  for (int k = 0; k < outputs; ++k) to[k] = y[k];
  whole(from, to, std::ptrdiff_t{size});
  for (int k = 0; k < outputs; ++k)
    for (std::ptrdiff_t j = 0; most + j < n; ++j) out[k][most + j] = y[k][j];
}

} // namespace
} // namespace ogive::OGIVE_ISA
