// Elementwise operations in float lanes. A kernel offers, besides `at`,
//
//   static constexpr interval value_range;                 // where value_lanes holds
//   static floats value_lanes(floats x[, float_pair parameter…]);
//   static constexpr interval slope_range;                 // where slope_lanes holds
//   static float_pair slope_lanes(floats x[, float_pair parameter…]);
//   static constexpr interval output_range;                // where output_slope_lanes holds
//   static float_pair output_slope_lanes(floats y[, float_pair parameter…]);
//   // with parameters: which of their values the forms take
//   static bool takes(double parameter…);
//
// and what lies outside the range (far tails, infinities, NaN) is computed by `at`, lane by lane:
// an element's result never depends on its neighbours. Halves are rounded from the float result,
// which is within one ulp: where that leaves the rounding undecided, next to a tie, `at` decides
// too. A kernel whose ties are no accident says
//
//   static constexpr bool keeps_ties = true;        // value_lanes gives a pair good to 2^-45
//   static constexpr bool slope_keeps_ties = true;  // and so does slope_lanes
//   static constexpr bool output_keeps_ties = true; // or output_slope_lanes
//
// and a kernel that has floats which round to the right half as they are, ties included, for any
// operands but those where they are not finite, gives
//
//   static floats half_lanes(floats x[, parameter_lanes parameter…]);
//   static floats half_backward_lanes(floats dy, floats x[, parameter_lanes parameter…]);
//   static floats half_output_lanes(floats dy, floats y[, parameter_lanes parameter…]);
//
// and one whose tables leave few registers, where that is faster,
//
//   static constexpr bool value_fills_registers = true, slope_fills_registers = true;
#pragma once

#include "drivers/blocks.hpp"
#include "math/jet.hpp"
#include "simd/float_math.hpp"
#include "simd/formats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class Op, class T>
constexpr bool in_lanes = sizeof(T) <= 4 && requires { Op::lane_range; };

// A parameter P is a double, the same for every element, or a pointer to one for each. An element
// has the same bits in either case.
template <class... P>
constexpr bool vary = (... || __is_same(P, const double *));
inline double parameter_at(double p, std::ptrdiff_t) { return p; }
inline double parameter_at(const double *p, std::ptrdiff_t i) { return p[i]; }
inline double parameters_from(double p, std::ptrdiff_t) { return p; }
inline const double *parameters_from(const double *p, std::ptrdiff_t i) { return p + i; }

// n parameters and as many more as fill a vector.
template <class P>
struct padded {
  P parameter;
  padded(P p, std::ptrdiff_t) : parameter(p) {}
  operator P() const { return parameter; }
};
template <>
struct padded<const double *> {
  alignas(64) double parameters[lanes];
  padded(const double *p, std::ptrdiff_t n) {
    for (std::ptrdiff_t i = 0; i < lanes; ++i) parameters[i] = p[i < n ? i : 0];
  }
  operator const double *() const { return parameters; }
};

// Whether n results may be written twice: they lie where no operand does.
template <class In, class Out>
OGIVE_INLINE bool lies_apart(const In *from, const Out *to, std::ptrdiff_t n) {
  const auto a = reinterpret_cast<std::uintptr_t>(from), b = reinterpret_cast<std::uintptr_t>(to);
  return a + static_cast<std::uintptr_t>(n) * sizeof(In) <= b ||
         b + static_cast<std::uintptr_t>(n) * sizeof(Out) <= a;
}

// `whole(first, second, out, n, parameters…)` takes multiples of `size`, a vector or some, so that
// its loop has no scalar rest. The last of them meets the one before it, or goes through buffers.
template <int size = lanes, class In, class Out, class Whole, class... P>
OGIVE_INLINE void in_whole_vectors(const In *first, const In *second, Out *out, std::ptrdiff_t n,
                                   Whole whole, P... p) {
  const std::ptrdiff_t most = n & ~std::ptrdiff_t{size - 1}, rest = n - most;
  if (most > 0) whole(first, second, out, most, p...);
  if (rest == 0) return;
  // Parameters may lie where the results do.
  const std::ptrdiff_t last = n - size;
  if (!vary<P...> && last > 0 && lies_apart(first, out, n) && lies_apart(second, out, n))
    return whole(first + last, second + last, out + last, std::ptrdiff_t{size},
                 parameters_from(p, last)...);
  alignas(64) In a[size] = {}, b[size] = {};
  alignas(64) Out y[size];
  for (std::ptrdiff_t i = 0; i < rest; ++i) {
    a[i] = first[most + i];
    b[i] = second[most + i];
  }
  whole(a, b, y, std::ptrdiff_t{size},
        static_cast<P>(padded<P>(parameters_from(p, most), rest))...);
  for (std::ptrdiff_t i = 0; i < rest; ++i) out[most + i] = y[i];
}

// The double form (or the exact one), for n elements that fill vectors.
template <class Op, class M, class In, class Out, class... P>
OGIVE_FLATTEN void compute_whole(const In *first, const In *second, Out *out, std::ptrdiff_t n,
                                 P... p) {
  using R = typename M::real;
  const std::ptrdiff_t most = n & ~std::ptrdiff_t{lanes - 1};
  OGIVE_INDEPENDENT
  for (std::ptrdiff_t i = 0; i < most; ++i) {
    const R a = static_cast<R>(first[i]), b = Op::inputs == 2 ? static_cast<R>(second[i]) : R(0);
    round_into(Op::template run<M, R>(a, b, parameter_at(p, i)...), out[i]);
  }
}

// Whether it is worth while to decide ties in lanes.
template <class Op, class T>
constexpr bool decides_ties = Op::template keeps_ties<T> && !Op::template settled<T>;

// Whether settled results are of operands in a range.
template <class Op, class T>
constexpr bool bounded = Op::template range<T>.most <= largest_float;

// The lanes whose result is `y` (by `tie_run` where that decides), whatever its format.
template <class Op, class T, class... P>
OGIVE_INLINE mask taken_by_lanes(floats first, floats second, floats y, P... p) {
  mask taken = ~mask{};
  if constexpr (Op::template settled<T>) {
    taken = (magnitude(y) < all(largest_float)) & ~is_small(y, T{});
    if constexpr (bounded<Op, T>)
      taken &= inside(Op::inputs == 2 ? second : first, Op::template range<T>);
  } else if constexpr (decides_ties<Op, T>) {
    taken = inside(Op::inputs == 2 ? second : first, Op::template tie_range<T>);
    if constexpr (Op::inputs == 2) taken &= inside(first, Op::template tie_upstream<T>);
    taken &= ~is_small(y, T{});
  } else {
    taken = inside(Op::inputs == 2 ? second : first, Op::template range<T>);
    if constexpr (Op::inputs == 2) taken &= inside(first, Op::template upstream<T>);
    taken &= ~undecided(y, T{});
  }
  if constexpr (vary<P...>) {
    alignas(64) std::int32_t known[lanes];
    for (int i = 0; i < lanes; ++i) known[i] = -Op::takes(parameter_at(p, i)...);
    taken &= *reinterpret_cast<const mask *>(known);
  }
  return taken;
}

// Computes anew those elements of a vector that its lanes do not take or leave undecided: ties that
// are no accident in lanes, all others by `at`.
template <class Op, class M, class T, class... P>
[[gnu::noinline]] void mend(floats first, floats second, floats y, T *out, P... p) {
  if constexpr (decides_ties<Op, T>)
    store(y = Op::template tie_run<T>(first, second, split(p)...), out);
  const mask taken = taken_by_lanes<Op, T>(first, second, y, p...);
  if (everywhere(taken)) return;
  alignas(64) float a[lanes], b[lanes];
  store(first, a);
  store(second, b);
  alignas(64) typename on_the_way<T>::type exact[lanes];
  compute_whole<Op, M>(a, b, exact, lanes, p...);
  store(taken ? y : load(reinterpret_cast<const float *>(exact)), out);
}

template <class Op, class T, int N, class... P>
OGIVE_INLINE bool takes_all(const floats (&first)[N], const floats (&second)[N], P... p) {
  bool taken = true;
  if constexpr (vary<P...>)
    for (int i = 0; i < N * lanes; ++i) taken &= Op::takes(parameter_at(p, i)...);
  if constexpr (Op::template settled<T> && !bounded<Op, T>)
    return taken;
  else if constexpr (Op::template settled<T>)
    return taken && all_inside(Op::inputs == 2 ? second : first, Op::template range<T>);
  else if constexpr (Op::inputs == 2)
    return taken && all_inside(second, Op::template range<T>) &&
           all_inside(first, Op::template upstream<T>);
  else
    return taken && all_inside(first, Op::template range<T>);
}

// AVX2 has 16 registers, the others 32. Where tables fill those, four vectors at once are spilled;
// spilled vectors wait in the queue of stores behind results that miss the cache.
template <class Op>
constexpr int vectors_at_once = lanes == 8 || Op::fills_registers ? 2 : 4;

template <class Op, class M, class T, class... P>
[[gnu::noinline]] void settle(open_elements<2> &open, T *out, P... p) {
  alignas(64) odd_float exact[open.most];
  alignas(64) T y[open.most];
  const std::ptrdiff_t whole = open.whole_vectors();
  compute_whole<Op, M>(open.in[0], open.in[1], exact, whole, p...);
  round_all(reinterpret_cast<const float *>(exact), y, whole);
  open.settle(y, out);
  open.count = 0;
}

template <class Op, class T, int N, class... P>
[[gnu::noinline]] void leave_open(const floats (&first)[N], const floats (&second)[N],
                                  floats (&y)[N], T *out, std::ptrdiff_t at, open_elements<2> &open,
                                  P... p) {
  if constexpr (decides_ties<Op, T>) {
    for (int k = 0; k < N; ++k) y[k] = Op::template tie_run<T>(first[k], second[k], split(p)...);
    store_settled(y, out + at);
  }
  for (int k = 0; k < N; ++k)
    open.add(~taken_by_lanes<Op, T>(first[k], second[k], y[k], p...), {first[k], second[k]},
             at + place<T, N>(k, 0), place<T, N>(k, 1) - place<T, N>(k, 0));
}

// A few vectors at once: their chains of operations overlap, and one branch asks for all of them
// whether the lanes take every element. If not, `leave` is given operands and results.
template <class Op, class M, int vectors, class T, class Leave, class... P>
OGIVE_INLINE void lane_group(const T *first, const T *second, T *out, Leave leave, P... p) {
  floats a[vectors], b[vectors], y[vectors];
  load_vectors(first, a);
  if constexpr (Op::inputs == 2)
    load_vectors(second, b);
  else
    for (int k = 0; k < vectors; ++k) b[k] = a[k];
#pragma GCC unroll 8
  for (int k = 0; k < vectors; ++k)
    y[k] = Op::template lane_run<T>(a[k], b[k], split(parameters_from(p, k * lanes))...);
  bool taken = takes_all<Op, T>(a, b, p...);
  if constexpr (Op::template settled<T>)
    taken &= !store_settled(y, out);
  else
    taken &= !store_decided<false>(y, out);
  if (taken) [[likely]]
    return;
  // Through memory, or the vectors of the likely way would be kept for this one.
  alignas(64) floats from[3][vectors];
  for (int k = 0; k < vectors; ++k) {
    from[0][k] = a[k];
    from[1][k] = b[k];
    from[2][k] = y[k];
  }
  leave(from[0], from[1], from[2]);
}

template <class Op, class M, int vectors, class T, class... P>
OGIVE_INLINE void mended_group(const T *first, const T *second, T *out, P... p) {
  const auto leave = [&](const floats *a, const floats *b, const floats *y) OGIVE_INLINE_LAMBDA {
    for (int k = 0; k < vectors; ++k)
      mend<Op, M>(a[k], b[k], y[k], out + k * lanes, parameters_from(p, k * lanes)...);
  };
  lane_group<Op, M, vectors>(first, second, out, leave, p...);
}

template <class Op, class M, class T, class... P>
OGIVE_FLATTEN void one_by_one(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  for (std::ptrdiff_t i = 0; i < n; i += lanes)
    mended_group<Op, M, 1>(first + i, second + i, out + i, parameters_from(p, i)...);
}

// n is a multiple of a group.
template <class Op, class M, int vectors, class T, class... P>
OGIVE_FLATTEN void halves_in_groups(const T *first, const T *second, T *out, std::ptrdiff_t n,
                                    P... p) {
  constexpr std::ptrdiff_t group = vectors * lanes;
  open_elements<2> open;
  for (std::ptrdiff_t i = 0; i < n; i += group) {
    const auto leave = [&](const floats(&a)[vectors], const floats(&b)[vectors],
                           floats(&y)[vectors]) OGIVE_INLINE_LAMBDA {
      leave_open<Op>(a, b, y, out, i, open, p...);
      if (open.count > open.most - group) settle<Op, M>(open, out, p...);
    };
    lane_group<Op, M, vectors>(first + i, second + i, out + i, leave, p...);
  }
  if (open.count > 0) settle<Op, M>(open, out, p...);
}

// Parameters of each element's own are rare: they go one vector at a time. The last halves go in a
// whole group of vectors, so that there is one loop for them.
template <class Op, class M, class T, class... P>
OGIVE_FLATTEN void compute_lanes(const T *first, const T *second, T *out, std::ptrdiff_t n,
                                 P... p) {
  constexpr int vectors = vectors_at_once<Op>;
  constexpr std::ptrdiff_t group = vectors * lanes;
  if constexpr (is_half<T> && has_fma && !vary<P...>) {
    in_whole_vectors<group>(first, second, out, n, halves_in_groups<Op, M, vectors, T, P...>, p...);
  } else {
    std::ptrdiff_t i = 0;
    if constexpr (has_fma && !vary<P...>)
      for (; i + group <= n; i += group)
        mended_group<Op, M, vectors>(first + i, second + i, out + i, p...);
    if (i < n)
      in_whole_vectors(first + i, second + i, out + i, n - i, one_by_one<Op, M, T, P...>,
                       parameters_from(p, i)...);
  }
}

} // namespace
} // namespace ogive::OGIVE_ISA
