// Drivers of gated functions, y = a f(b). A kernel is a struct in catalog/gated that names f, a
// unary kernel:
//
//   struct name : gate<f> {
//     // optional, for an f that is not exact: the double f(b) and f'(b), moved off the limits
//     // that the exact ones come nearer to than a double can tell
//     static jet<double> break_ties(jet<double> f, double b);
//     // optional: gradients of doubles do not use the central slope of f
//     static constexpr bool gradients_by_at = true;
//   };
//
// Backward gives da = dy f(b) and db = dy a f'(b) from one read of dy, a and b.
#pragma once

#include "drivers/gated_floats.hpp"
#include "drivers/unary.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class F>
struct gate {
  using unary = F;
};

// f(b) = b s(b), with s rising from 0 to 1 through 1/2 at b = 0.
template <class F>
struct gate_through_zero : gate<F> {
  static constexpr bool through_zero = true;
  static jet<double> break_ties(jet<double> f, double b) {
    const double side = sign_of(b);
    return {nudged_off(nudged_off(f.value, b / 2, side), b, -1),
            nudged_off(nudged_off(f.slope, 0.5, side), 1, 1)};
  }
};

// As the grades in elementary.hpp, for values of f that a large factor may lift back into range:
// dy a reaches 2^256, so a tail of f counts down to 2^-406.
struct product_grade : f32_grade {
  static constexpr double tail_end = 24;
  static double tail_polynomial(double t) { return polynomial(normal_tail_product_f32, t); }
};
struct half_product_grade : product_grade {
  static constexpr bool keeps_ties = true;
};

// Where f is exact, so is every product of halves in double, and one of floats rounds once.
template <class T, bool exact>
struct product_of {
  using type = elementary<product_grade>;
};
template <class T>
  requires(is_half<T>)
struct product_of<T, false> {
  using type = elementary<half_product_grade>;
};
template <>
struct product_of<double, false> {
  using type = elementary<f64_grade>;
};
template <class T>
struct product_of<T, true> {
  using type = exact_grade<double>;
};
template <>
struct product_of<float, true> {
  using type = exact_grade<float>;
};
template <class K, class T>
using product_t = typename product_of<T, requires { K::unary::exact; }>::type;

// Doubles b in the middle of their range, as in unary_doubles.hpp.
struct central_grade : elementary<f64_grade> {};
template <class K>
constexpr bool gate_in_the_middle = requires { K::unary::central_slope(0.0); };

// f(b) and f'(b) as factors of a product.
template <class K, class M>
struct gate_at {
  using real = typename M::real;
  real value, slope;

  explicit gate_at(real b) {
    auto f = of_grade(b);
    if constexpr (requires { M::full; }) {
      if constexpr (!M::full) f = {at_infinity(f.value, b), at_infinity(f.slope, b)};
      if constexpr (M::keeps_ties && requires { K::break_ties(f, b); }) f = K::break_ties(f, b);
    }
    value = f.value;
    slope = f.slope;
  }

  static real product(real x, real y) {
    if constexpr (requires { M::keeps_ties; })
      return M::product(x, y);
    else
      return x * y;
  }

private:
  static auto of_grade(real b) {
    if constexpr (__is_same(M, central_grade))
      return jet<double>{K::unary::central_value(b), K::unary::central_slope(b)};
    else
      return K::unary::template at<M>(b);
  }
  // The short grades stop a tail where it rounds to 0; at infinity it is 0 to an infinite factor
  // too.
  static real at_infinity(real v, real b) {
    return magnitude(b) == __builtin_inf() && magnitude(v) < 0x1p-300 ? with_sign(0, v) : v;
  }
};

template <class K, class M, class T, class R = typename M::real>
inline void value_at(R a, R b, T &y) {
  const gate_at<K, M> f(b);
  round_into(f.product(a, f.value), y);
}
template <class K, class M, class T, class R = typename M::real>
inline void gradients_at(R g, R x, R b, T &da, T &db) {
  const gate_at<K, M> f(b);
  R to_b;
  if constexpr (requires { requires M::full; }) {
    // f' is at most 9/8: meeting the larger factor first, it neither overflows nor is lost.
    const bool a_larger = magnitude(g) < magnitude(x);
    to_b = (a_larger ? x : g) * f.slope * (a_larger ? g : x);
  } else {
    to_b = f.product(g * x, f.slope);
  }
  to_b = x == 0 ? R(0) : to_b; // one condition at a time, or GCC makes branches of them
  round_into(f.value == 0 ? R(0) : f.product(g, f.value), da);
  round_into(f.slope == 0 ? R(0) : to_b, db);
}

// The operations, from operands to results: in double, and in lanes where f has the form.
template <class K>
struct gated_value_of {
  static constexpr int inputs = 2, outputs = 1;
  static constexpr bool in_lanes = gate_in_lanes<K>;
  template <class T>
  static constexpr interval gate_range = gate_range_of<T>(K::unary::value_range);
  template <class M, class T, class R = typename M::real>
  static void whole(const R (&in)[2], T (&out)[1]) {
    value_at<K, M>(in[0], in[1], out[0]);
  }
  OGIVE_INLINE static void run(const floats (&in)[2], floats (&out)[1]) {
    out[0] = times(in[0], K::unary::value_lanes(in[1]));
  }
  OGIVE_INLINE static void run_halves(const floats (&in)[2], floats (&out)[1]) {
    const auto f = K::unary::value_lanes(in[1]);
    if constexpr (requires { f.factor; })
      out[0] = in[0] * f.high; // within four ulps
    else
      out[0] = times(in[0], f);
  }
  // An operand that is not finite leaves a result that is not.
  template <class X>
  OGIVE_INLINE static bool takes(const X (&in)[2], const X (&out)[1]) {
    return everywhere(inside(in[1], above_subnormals(K::unary::value_range)) &
                      inside(out[0], normal));
  }
  template <int N>
  OGIVE_INLINE static bool takes_all(const floats (&in)[2][N], const floats (&out)[1][N]) {
    return all_inside(in[1], above_subnormals(K::unary::value_range)) & all_inside(out[0], normal);
  }
};
template <class K>
struct gated_gradients_of {
  static constexpr int inputs = 3, outputs = 2;
  static constexpr bool in_lanes = gate_in_lanes<K>;
  template <class T>
  static constexpr interval gate_range = gate_range_of<T>(K::unary::slope_range);
  template <class M, class T, class R = typename M::real>
  static void whole(const R (&in)[3], T (&out)[2]) {
    gradients_at<K, M>(in[0], in[1], in[2], out[0], out[1]);
  }
  OGIVE_INLINE static void run(const floats (&in)[3], floats (&out)[2]) {
    const jet_lanes f = K::unary::both_lanes(in[2]);
    const floats g = in[0] * in[1], lost = fma(in[0], in[1], -g);
    const floats high = g * f.slope.high, low = fma(g, f.slope.low, lost * f.slope.high);
    const floats da = times(in[0], f.value);
    const floats db = copy_sign(fma(g, f.slope.high, low), high);
    // The slope is nowhere 0 in their range, nor is a value that does not pass through 0.
    out[0] = da;
    if constexpr (requires { K::through_zero; }) out[0] = f.value.high == 0 ? floats{} : da;
    out[1] = in[1] == 0 ? floats{} : db;
  }
  OGIVE_INLINE static void run_halves(const floats (&in)[3], floats (&out)[2]) {
    const jet_lanes f = K::unary::both_lanes(in[2]);
    const floats g = in[0] * in[1]; // exact
    out[0] = f.value.high == 0 ? floats{} : times(in[0], f.value);
    out[1] = ((in[1] == 0) | (f.slope.high == 0)) ? floats{} : times(g, f.slope);
  }
  // Of factors that are not large a result that is not tiny says that nothing was lost on the way
  // to it, be it in f(b) or in the product; a result of 0 is right.
  static constexpr interval no_larger{-__builtin_inff(), 0x1p64f};
  static constexpr interval not_tiny{-largest_float, largest_float, 0x1p-68f};
  template <class X>
  OGIVE_INLINE static bool takes(const X (&in)[3], const X (&out)[2]) {
    return everywhere(inside(in[2], K::unary::slope_range) &
                      inside(in[0] * in[0] + in[1] * in[1], no_larger) & inside(out[0], not_tiny) &
                      inside(out[1], not_tiny));
  }
  template <int N>
  OGIVE_INLINE static bool takes_all(const floats (&in)[3][N], const floats (&out)[2][N]) {
    floats squares[N];
    for (int j = 0; j < N; ++j) squares[j] = in[0][j] * in[0][j] + in[1][j] * in[1][j];
    return all_inside(in[2], K::unary::slope_range) & all_inside(squares, no_larger) &
           all_inside(out[0], not_tiny) & all_inside(out[1], not_tiny);
  }
};

// Blocks of operands, inputs first, as contiguous arrays; the results are scattered after each.
// What lies packed is one block, unless they are wanted `always`.
template <int inputs, int outputs, class T, bool always, class Compute>
inline void in_blocks(char **args, std::ptrdiff_t n, const std::ptrdiff_t *steps, Compute compute) {
  const auto size = static_cast<std::ptrdiff_t>(sizeof(T));
  bool packed = true;
  for (int k = 0; k < inputs + outputs; ++k) packed &= steps[k] == size;
  const std::ptrdiff_t stride = packed && !always ? n : block_size;
  alignas(64) T buffers[inputs + outputs][block_size];
  for (std::ptrdiff_t begin = 0; begin < n; begin += stride) {
    const std::ptrdiff_t count = n - begin < stride ? n - begin : stride;
    T *in[inputs], *out[outputs];
    for (int k = 0; k < inputs; ++k)
      in[k] =
          const_cast<T *>(contiguous<T>(args[k] + begin * steps[k], steps[k], count, buffers[k]));
    for (int k = 0; k < outputs; ++k) {
      const int at = inputs + k;
      out[k] = steps[at] == size ? reinterpret_cast<T *>(args[at] + begin * size) : buffers[at];
    }
    compute(in, out, count);
    for (int k = 0; k < outputs; ++k)
      if (out[k] == buffers[inputs + k])
        for (std::ptrdiff_t i = 0; i < count; ++i)
          *reinterpret_cast<T *>(args[inputs + k] + (begin + i) * steps[inputs + k]) = out[k][i];
  }
}

// A block of doubles; where some b lie beyond the middle of the range, by both forms.
template <class Op, class K>
void compute_gated_doubles(double *const (&in)[Op::inputs], double *const (&out)[Op::outputs],
                           std::ptrdiff_t n) {
  constexpr double range = K::unary::central_range;
  const double *b = in[Op::inputs - 1];
  const auto central = gate_whole<Op, central_grade, double, double>;
  if (all_central(b, n, range)) return gate_in_whole_vectors(in, out, n, central);
  alignas(64) double middle[Op::outputs][block_size], any[Op::outputs][block_size];
  double *to_middle[Op::outputs], *to_any[Op::outputs];
  for (int k = 0; k < Op::outputs; ++k) {
    to_middle[k] = middle[k];
    to_any[k] = any[k];
  }
  gate_in_whole_vectors(in, to_middle, n, central);
  gate_in_whole_vectors(in, to_any, n, gate_whole<Op, elementary<f64_grade>, double, double>);
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const bool taken = magnitude(b[i]) <= range; // before a result replaces it
    for (int k = 0; k < Op::outputs; ++k) out[k][i] = taken ? middle[k][i] : any[k][i];
  }
}

template <class Op, class K, class T>
bool gated(char **args, const work &todo, const std::ptrdiff_t *steps) {
  constexpr int inputs = Op::inputs, outputs = Op::outputs;
  using M = product_t<K, T>;
  constexpr bool by_at = outputs == 2 && requires { K::gradients_by_at; };
  constexpr bool in_the_middle = gate_in_the_middle<K> && __is_same(T, double) && !by_at;
  in_blocks<inputs, outputs, T, in_the_middle>(
      args, todo.rows, steps, [](T *(&in)[inputs], T *(&out)[outputs], std::ptrdiff_t n) {
        if constexpr (is_half<T>)
          gate_in_whole_vectors<2 * lanes>(in, out, n, gate_halves<Op, M, T>);
        else if constexpr (gate_in_lanes<K> && is_float<T>)
          gate_in_whole_vectors(in, out, n, gate_vectors<Op, M, T>);
        else if constexpr (in_the_middle)
          compute_gated_doubles<Op, K>(in, out, n);
        else
          gate_in_whole_vectors(in, out, n, gate_whole<Op, M, T, T>);
      });
  return true;
}

// The row in the op table.
template <class K>
constexpr entry gated_entry(const char *name) {
  entry e{name, "gated", {}, {}};
  set(e, mode::value, "T T -> T",
      []<class T>(T) constexpr -> loop { return gated<gated_value_of<K>, K, T>; });
  set(e, mode::backward, "T T T -> T T",
      []<class T>(T) constexpr -> loop { return gated<gated_gradients_of<K>, K, T>; });
  return e;
}

} // namespace
} // namespace ogive::OGIVE_ISA
