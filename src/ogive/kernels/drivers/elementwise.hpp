// Elementwise operations of unary kernels (drivers/unary.hpp says what those are): value,
// derivative, backward.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drivers/blocks.hpp"
#include "drivers/elementwise_loop.hpp"
#include "drivers/unary_doubles.hpp"
#include "drivers/unary_floats.hpp"
#include "math/elementary.hpp"
#include "math/jet.hpp"
#include "runtime/table.hpp"
#include "simd/formats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// The grade a kernel runs in for results of format T.
template <class T>
struct grade {
  using type = elementary<f32_grade>;
};
template <class T>
  requires(is_half<T>)
struct grade<T> {
  using type = elementary<half_grade>;
};
template <>
struct grade<double> {
  using type = elementary<f64_grade>;
};
template <class K, class T>
struct grade_or_exact {
  using type = typename grade<T>::type;
};
template <class K, class T>
  requires requires { K::exact; }
struct grade_or_exact<K, T> {
  struct type : exact_grade<decltype(widen(T{}))> {
    // The number of the format that is nearest to a parameter.
    static auto stored(double parameter) {
      T nearest;
      round_into(parameter, nearest);
      return widen(nearest);
    }
  };
};
template <class K, class T>
using grade_t = typename grade_or_exact<K, T>::type;

template <class K>
constexpr bool drawn = requires { K::draw(0.5, 0.0, 0.0); };

// The parameters a call is given.
template <class K>
constexpr int parameter_count() {
  using M = elementary<f64_grade>;
  if constexpr (drawn<K>)
    return 2;
  else if constexpr (requires { K::template at<M>(0.0); })
    return 0;
  else if constexpr (requires { K::template at<M>(0.0, 0.0); })
    return 1;
  else
    return 2;
}

// Calls `run` with those of the kernel.
template <class K, class Parameter, class Run>
OGIVE_INLINE void with_parameters(Parameter parameter, Run run) {
  if constexpr (drawn<K>)
    run(K::in_evaluation(parameter(0), parameter(1)));
  else if constexpr (parameter_count<K>() == 0)
    run();
  else if constexpr (parameter_count<K>() == 1)
    run(parameter(0));
  else
    run(parameter(0), parameter(1));
}

// An upstream gradient times a pair must be finite: an infinity times a low part of 0 is NaN.
constexpr interval finite{-largest_float, largest_float};

// Halves need a float within four ulps, and the high part of some sums is.
template <class T, class Lanes>
OGIVE_INLINE floats rounded_for(Lanes y) {
  if constexpr (is_half<T> && (requires { y.factor; } || __is_same(Lanes, near_lanes)))
    return y.high;
  else
    return rounded(y);
}

// Forms for halves take an fma more or two, which are calls on some processors.
template <class T>
constexpr bool in_own_form = is_half<T> && has_fma;

// Whether the forms other than `at` take these parameters.
template <class K>
struct other_form {
  template <class... P>
  static bool takes(P... p) {
    if constexpr (sizeof...(P) > 0)
      return K::takes(p...);
    else
      return true;
  }
};

// What an operation does in float lanes, where its kernel has the form for it: `lane_run` gives the
// float to be rounded. Of halves it is `settled` where that decides ties as well. Where it does not
// and ties are no accident, `tie_run` gives one that does.
template <class K>
struct lane_form : other_form<K> {
  static constexpr bool fills_registers = false;
  template <class T>
  static constexpr bool settled = false;
  template <class T>
  static constexpr bool keeps_ties = false;
  template <class T>
  static constexpr interval upstream = finite;
};
// Where results of halves are as small as operands, small results are looked for instead.
template <class T>
constexpr interval without_smallest(interval x) {
  return {x.least, x.most, is_half<T> ? 0 : x.smallest};
}
template <class K>
struct value_in_lanes {};
template <class K>
  requires requires { K::value_range; }
struct value_in_lanes<K> : lane_form<K> {
  static constexpr interval lane_range = K::value_range;
  static constexpr bool fills_registers = requires { K::value_fills_registers; };
  template <class T>
  static constexpr bool settled = in_own_form<T> && requires { &K::half_lanes; };
  template <class T>
  static constexpr interval range = settled<T> ? any_number : without_smallest<T>(lane_range);
  template <class T>
  static constexpr interval tie_range = range<T>;
  template <class T>
  static constexpr bool keeps_ties = is_half<T> && requires { K::keeps_ties; };
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats x, floats, P... p) {
    if constexpr (settled<T>)
      return K::half_lanes(x, p...);
    else
      return rounded_for<T>(K::value_lanes(x, p...));
  }
  template <class T, class... P>
  OGIVE_INLINE static floats tie_run(floats x, floats, P... p) {
    return rounded_to_odd(K::value_lanes(x, p...));
  }
};
// dy times a slope in lanes, within four ulps and such that a tie is decided too.
template <class T, class Slope>
OGIVE_INLINE floats passed_back(floats dy, Slope slope) {
  if constexpr (is_half<T> && __is_same(Slope, near_lanes))
    return slope.high == 0 ? floats{} : dy * slope.high;
  else
    return pass_back(dy, slope);
}
OGIVE_INLINE floats passed_back_to_odd(floats dy, float_pair slope) {
  return slope.high == 0 ? floats{} : rounded_to_odd(product(dy, slope));
}
template <class K, bool backward>
struct slope_in_lanes {};
template <class K, bool backward>
  requires requires { K::slope_range; }
struct slope_in_lanes<K, backward> : lane_form<K> {
  static constexpr interval lane_range = K::slope_range;
  static constexpr bool fills_registers = requires { K::slope_fills_registers; };
  // Halves whose backward has a form of its own, for numbers whose products keep all digits.
  template <class T>
  static constexpr bool own =
      backward && is_half<T> && requires(floats x) { K::backward_lanes(x, x); };
  template <class T>
  static constexpr bool settled =
      backward && in_own_form<T> && requires { &K::half_backward_lanes; };
  template <class T>
  static constexpr bool keeps_ties = is_half<T> && (own<T> || requires { K::slope_keeps_ties; });
  template <class T>
  static constexpr interval range = settled<T> ? any_number : lane_range;
  template <class T>
  static constexpr interval tie_range =
      own<T> ? interval{lane_range.least, lane_range.most, 0x1p-24f} : lane_range;
  template <class T>
  static constexpr interval tie_upstream =
      own<T> ? interval{-0x1p100f, 0x1p100f, 0x1p-90f} : finite;
  template <class T>
  static constexpr interval upstream{tie_upstream<T>.least, tie_upstream<T>.most};
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats first, floats second, P... p) {
    if constexpr (settled<T>) {
      return K::half_backward_lanes(first, second, p...);
    } else if constexpr (own<T>) {
      return rounded_for<T>(K::backward_lanes(first, second));
    } else if constexpr (backward && requires { K::product_lanes(first, second, p...); }) {
      return rounded_for<T>(K::product_lanes(first, second, p...));
    } else {
      const auto slope = K::slope_lanes(backward ? second : first, p...);
      if constexpr (backward)
        return passed_back<T>(first, slope);
      else
        return slope.high + slope.low;
    }
  }
  template <class T, class... P>
  OGIVE_INLINE static floats tie_run(floats first, floats second, P... p) {
    if constexpr (own<T>)
      return rounded_to_odd(K::backward_lanes(first, second));
    else if constexpr (backward)
      return passed_back_to_odd(first, K::slope_lanes(second, p...));
    else
      return rounded_to_odd(K::slope_lanes(first, p...));
  }
};

template <class K>
struct output_slope_in_lanes {};
template <class K>
  requires requires { K::output_range; }
struct output_slope_in_lanes<K> : lane_form<K> {
  static constexpr interval lane_range = K::output_range;
  template <class T>
  static constexpr interval range = [] {
    if constexpr (__is_same(T, bfloat) && requires { K::output_range_of_bfloats; })
      return K::output_range_of_bfloats;
    else
      return lane_range;
  }();
  template <class T>
  static constexpr interval tie_range = range<T>;
  template <class T>
  static constexpr interval tie_upstream = finite;
  template <class T>
  static constexpr bool settled = in_own_form<T> && requires { &K::half_output_lanes; };
  template <class T>
  static constexpr bool keeps_ties = is_half<T> && requires { K::output_keeps_ties; };
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats dy, floats y, P... p) {
    if constexpr (settled<T>)
      return K::half_output_lanes(dy, y, p...);
    else
      return passed_back<T>(dy, K::output_slope_lanes(y, p...));
  }
  template <class T, class... P>
  OGIVE_INLINE static floats tie_run(floats dy, floats y, P... p) {
    return passed_back_to_odd(dy, K::output_slope_lanes(y, p...));
  }
};

// What it does in the middle of the range of doubles.
template <class K>
struct central_form : other_form<K> {
  static constexpr double central_range = K::central_range;
};
template <class K>
struct central_value_of {};
template <class K>
  requires requires { &K::central_value; }
struct central_value_of<K> : central_form<K> {
  template <class... P>
  static double central(double x, double, P... p) {
    return K::central_value(x, p...);
  }
};
template <class K, bool backward>
struct central_slope_of {};
template <class K, bool backward>
  requires requires { &K::central_slope; }
struct central_slope_of<K, backward> : central_form<K> {
  template <class... P>
  static double central(double first, double second, P... p) {
    if constexpr (backward)
      return pass_back(first, K::central_slope(second, p...));
    else
      return K::central_slope(first, p...);
  }
};

// Slopes and gates saturate at values such as 1/4, 1/2 or 1, which they never reach. A double can
// round onto one; times a half (f16 or bf16) that is an exact rounding tie. Within 2^-40 of such a
// limit, this moves 2^-45 to the side where the exact value lies.
inline double nudged_off(double v, double limit, double side) {
  const bool near = magnitude(v - limit) < 0x1p-40 * magnitude(limit);
  return near ? fma(limit, 0x1p-45 * side, limit) : v;
}
inline double sign_of(double x) { return x == 0 ? 0 : with_sign(1, x); }

// dy times a slope that `at` gave.
template <class K, class M, class R>
inline R passed_through(R dy, R slope) {
  if constexpr (requires { K::template through<M>(dy, slope); })
    return K::template through<M>(dy, slope);
  else
    return pass_back(dy, slope);
}

// The elementwise operations, each from (first, second, parameters…): `first` is x, y or dy.
template <class K>
struct value_of : value_in_lanes<K>, central_value_of<K> {
  using kernel = K;
  static constexpr int inputs = 1;
  template <class M, class R, class... P>
  static R run(R x, R, P... p) {
    return K::template at<M>(x, p...).value;
  }
};
template <class K>
struct derivative_of : slope_in_lanes<K, false>, central_slope_of<K, false> {
  using kernel = K;
  static constexpr int inputs = 1;
  template <class M, class R, class... P>
  static R run(R x, R, P... p) {
    return K::template at<M>(x, p...).slope;
  }
};
template <class K>
struct second_derivative_of {
  using kernel = K;
  static constexpr int inputs = 1;
  template <class M, class R, class... P>
  static R run(R x, R, P... p) {
    return K::template curvature<M>(x, p...);
  }
};
template <class K>
struct backward_of : slope_in_lanes<K, true>, central_slope_of<K, true> {
  using kernel = K;
  static constexpr int inputs = 2;
  template <class M, class R, class... P>
  static R run(R dy, R x, P... p) {
    if constexpr (requires { K::template pull_back<M>(dy, x, p...); })
      return K::template pull_back<M>(dy, x, p...);
    R slope = K::template at<M>(x, p...).slope;
    if constexpr (requires { requires M::keeps_ties; } && requires { K::saturation(x, p...); }) {
      const jet<double> by = K::saturation(x, p...);
      slope = nudged_off(slope, by.value, sign_of(by.slope));
    }
    return passed_through<K, M>(dy, slope);
  }
};
template <class K>
struct backward_from_output_of : output_slope_in_lanes<K> {
  using kernel = K;
  static constexpr int inputs = 2;
  template <class M, class R, class... P>
  static R run(R dy, R y, P... p) {
    if constexpr (requires { requires M::keeps_ties; } && requires { K::slope_pair(y, p...); }) {
      const pair slope = K::slope_pair(y, p...);
      const double product = dy * slope.high;
      const double lost = fma(dy, slope.high, -product) + dy * slope.low;
      return slope.high == 0 ? 0 : M::off_ties(product, lost);
    }
    const R slope = K::template slope_from_output<M>(y, p...);
    if constexpr (requires { K::steep; })
      return pass_steep_back(dy, slope, dy * slope);
    else
      return passed_through<K, M>(dy, slope);
  }
};

// Halves, widened and rounded a block at a time; `whole` as in_whole_vectors takes it.
template <class Op, class T, class Whole, class... P>
OGIVE_INLINE void in_blocks_of_floats(const T *first, const T *second, T *out, std::ptrdiff_t n,
                                      Whole whole, P... p) {
  alignas(64) float x[2][block_size];
  alignas(64) odd_float y[block_size];
  for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
    const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
    widen_all(first + begin, x[0], count);
    if (Op::inputs == 2) widen_all(second + begin, x[1], count);
    in_whole_vectors(x[0], x[Op::inputs - 1], y, count, whole, parameters_from(p, begin)...);
    round_all(reinterpret_cast<const float *>(y), out + begin, count);
  }
}
// A grade whose parameters are the same for all elements: the loop is told that what they become
// need not be worked out for each.
template <class M>
struct stored_once : M {
  [[gnu::const, gnu::noinline]] static float stored(double parameter) {
    return M::stored(parameter);
  }
};
template <bool first, class A, class B>
struct choose {
  using type = A;
};
template <class A, class B>
struct choose<false, A, B> {
  using type = B;
};
// Where little is computed, halves stay in registers from load to store.
template <class Op, class M, int N, class T, class... P>
OGIVE_INLINE void exact_group(const T *first, const T *second, T *out, P... p) {
  constexpr int most = N * lanes;
  floats x[2][N];
  load_vectors(first, x[0]);
  load_vectors(second, x[1]);
  alignas(64) float a[most], b[most], y[most];
  __builtin_memcpy(a, x[0], sizeof a);
  __builtin_memcpy(b, x[1], sizeof b);
  OGIVE_INDEPENDENT
  for (int i = 0; i < most; ++i)
    y[i] = Op::template run<M, float>(a[i], Op::inputs == 2 ? b[i] : 0, parameter_at(p, i)...);
  floats results[N];
  __builtin_memcpy(results, y, sizeof y);
  store_exact(results, out);
}
template <class Op, class M, class T, class... P>
OGIVE_FLATTEN void compute_exact_halves(const T *first, const T *second, T *out, std::ptrdiff_t n,
                                        P... p) {
  using Once = typename choose<vary<P...>, M, stored_once<M>>::type;
  constexpr int vectors = vary<P...> ? 1 : 2, group = vectors * lanes;
  std::ptrdiff_t i = 0;
  for (; i + group <= n; i += group)
    exact_group<Op, Once, vectors>(first + i, second + i, out + i, parameters_from(p, i)...);
  const auto whole = [](const T *u, const T *v, T *y, std::ptrdiff_t count,
                        auto... q) OGIVE_INLINE_LAMBDA {
    for (std::ptrdiff_t k = 0; k < count; k += lanes)
      exact_group<Op, Once, 1>(u + k, v + k, y + k, parameters_from(q, k)...);
  };
  if (i < n)
    in_whole_vectors(first + i, second + i, out + i, n - i, whole, parameters_from(p, i)...);
}

// The one loop that computes.
template <class Op, class M, class T, class... P>
void compute(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  if constexpr (in_lanes<Op, T>)
    if (vary<P...> || Op::takes(parameter_at(p, 0)...))
      return compute_lanes<Op, M>(first, second, out, n, p...);
  if constexpr (__is_same(T, double) && requires { Op::central_range; })
    if (vary<P...> || Op::takes(parameter_at(p, 0)...))
      return compute_doubles<Op, M>(first, second, out, n, p...);
  if constexpr (!is_half<T>)
    in_whole_vectors(first, second, out, n, compute_whole<Op, M, T, T, P...>, p...);
  else if constexpr (requires { Op::kernel::exact; })
    compute_exact_halves<Op, M>(first, second, out, n, p...);
  else
    in_blocks_of_floats<Op>(first, second, out, n, compute_whole<Op, M, float, odd_float, P...>,
                            p...);
}

// An operation as the loop over any layout sees it.
template <class Op, class T>
struct computed {
  using K = typename Op::kernel;
  using M = grade_t<K, T>;
  static constinit store_records found;
  template <class... P>
  static void run(const void *first, const void *second, void *out, std::ptrdiff_t n, P... p) {
    compute<Op, M>(static_cast<const T *>(first), static_cast<const T *>(second),
                   static_cast<T *>(out), n, p...);
  }
  static void uniform(const void *first, const void *second, void *out, std::ptrdiff_t n,
                      const double *p) {
    with_parameters<K>([&](int k) { return p[k]; },
                       [&](auto... q) { run(first, second, out, n, q...); });
  }
  static void each(const void *first, const void *second, void *out, std::ptrdiff_t n,
                   const double *const *p) {
    if constexpr (drawn<K>) {
      alignas(64) double mean[block_size];
      for (std::ptrdiff_t i = 0; i < n; ++i) mean[i] = K::in_evaluation(p[0][i], p[1][i]);
      run(first, second, out, n, static_cast<const double *>(mean));
    } else if constexpr (parameter_count<K>() > 0) {
      with_parameters<K>([&](int k) { return p[k]; },
                         [&](auto... q) { run(first, second, out, n, q...); });
    }
  }
  static constexpr computation all{uniform,
                                   each,
                                   &found,
                                   Op::inputs,
                                   parameter_count<K>(),
                                   static_cast<int>(sizeof(T)),
                                   requires { K::exact; }};
};
template <class Op, class T>
constinit store_records computed<Op, T>::found{};

template <class K, template <class> class Operation, class T>
bool elementwise(char **args, const work &todo, const std::ptrdiff_t *steps) {
  return run_elementwise(computed<Operation<K>, T>::all, args, todo, steps);
}

} // namespace
} // namespace ogive::OGIVE_ISA
