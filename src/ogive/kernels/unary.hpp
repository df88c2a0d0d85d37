// Drivers of unary functions. A kernel is a struct in catalog/unary:
//
//   struct name {
//     template <class M> static jet<typename M::real> at(real x[, double parameter…]);
//     // the second derivative, which only a function that is linear between kinks leaves out:
//     template <class M> static real curvature(real x[, double parameter…]);
//     // optional: dy f'(x) where dy times the rounded slope is not good enough, from x (for halves
//     // in lanes too) or from a slope that `at` gave
//     template <class M> static real pull_back(real dy, real x);
//     static float_pair backward_lanes(floats dy, floats x);
//     template <class M> static real through(real dy, real slope);
//     // optional, for backward of halves: the short number that the slope is next to 0, with the
//     // sign of what it is more or less there
//     static jet<double> rail(double x[, double parameter…]);
//     // optional, where the output determines the slope:
//     template <class M> static real slope_from_output(real y[, double parameter…]);
//     // optional, where a parameter is learned: its slope d f / d parameter
//     template <class M> static real parameter_slope(real x, double parameter);
//     // optional, where the parameter of `at` is drawn in training, from a uniform u in (0, 1):
//     static double draw(double u, double lower, double upper);
//     static double in_evaluation(double lower, double upper);
//     // optional: every operation is exact in every format, so no widening is needed
//     static constexpr bool exact = true;
//     // optional, for backward from a bit an element: what lean.hpp asks for
//     // optional: value and slope in float lanes, for x within a range; see lanes_driver.hpp
//     static constexpr interval value_range; static floats value_lanes(floats x[, float_pair
//     parameter…]); static constexpr interval slope_range; static float_pair slope_lanes(…);
//   };
//
// The parameters of `at` after x are counted; nothing else about the function is told here.
#pragma once

// The grade a kernel runs in for results of format T.
template <class T>
struct grade {
  using type = elementary<f32_grade>;
};
template <class T>
  requires(sizeof(T) == 2)
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

// What an operation does in float lanes, where its kernel has the form for it.
template <class K>
struct lane_form {
  static constexpr bool keeps_ties = false;
  template <class T>
  static constexpr interval upstream = finite;
  template <class... P>
  static bool takes(P... p) {
    if constexpr (sizeof...(P) > 0)
      return K::takes(p...);
    else
      return true;
  }
};
template <class K>
struct value_in_lanes {};
template <class K>
  requires requires { K::value_range; }
struct value_in_lanes<K> : lane_form<K> {
  static constexpr interval lane_range = K::value_range;
  template <class T>
  static constexpr interval range = lane_range;
  static constexpr bool keeps_ties = requires { K::keeps_ties; };
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats x, floats, P... p) {
    if constexpr (keeps_ties && sizeof(T) == 2)
      return rounded_to_odd(K::value_lanes(x, p...));
    else
      return rounded(K::value_lanes(x, p...));
  }
};
// dy times a slope in lanes; to be rounded once more where the format is T.
template <class T, bool keeps_ties>
OGIVE_INLINE floats passed_back(floats dy, float_pair slope) {
  if constexpr (keeps_ties && sizeof(T) == 2)
    return slope.high == 0 ? floats{} : rounded_to_odd(product(dy, slope));
  else
    return pass_back(dy, slope);
}
template <class K, bool backward>
struct slope_in_lanes {};
template <class K, bool backward>
  requires requires { K::slope_range; }
struct slope_in_lanes<K, backward> : lane_form<K> {
  static constexpr interval lane_range = K::slope_range;
  static constexpr bool keeps_ties = requires { K::slope_keeps_ties; };
  // Halves whose backward has a form of its own, for numbers whose products keep all digits.
  template <class T>
  static constexpr bool own =
      backward && sizeof(T) == 2 && requires(floats x) { K::backward_lanes(x, x); };
  template <class T>
  static constexpr interval range =
      own<T> ? interval{lane_range.least, lane_range.most, 0x1p-24f} : lane_range;
  template <class T>
  static constexpr interval upstream = own<T> ? interval{-0x1p100f, 0x1p100f, 0x1p-90f} : finite;
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats first, floats second, P... p) {
    if constexpr (own<T>) {
      return rounded_to_odd(K::backward_lanes(first, second));
    } else {
      const float_pair slope = K::slope_lanes(backward ? second : first, p...);
      if constexpr (backward)
        return passed_back<T, keeps_ties>(first, slope);
      else
        return keeps_ties && sizeof(T) == 2 ? rounded_to_odd(slope) : slope.high + slope.low;
    }
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
    if constexpr (sizeof(T) == 2 && requires { K::output_range_of_halves; })
      return K::output_range_of_halves;
    else
      return lane_range;
  }();
  static constexpr bool keeps_ties = requires { K::output_keeps_ties; };
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats dy, floats y, P... p) {
    return passed_back<T, keeps_ties>(dy, K::output_slope_lanes(y, p...));
  }
};

// Where v is as near to the rail as this, the exact value lies beside it, on the side given. Times
// a half or two the rail may be exactly a tie of a half, and so near it nothing else is.
inline double beside(double v, double rail, double side) {
  const bool near = magnitude(v - rail) < 0x1p-40 * magnitude(rail);
  return near ? fma(rail, 0x1p-45 * side, rail) : v;
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
struct value_of : value_in_lanes<K> {
  static constexpr mode which = mode::value;
  static constexpr int inputs = 1;
  template <class M, class R, class... P>
  static R run(R x, R, P... p) {
    return K::template at<M>(x, p...).value;
  }
};
template <class K>
struct derivative_of : slope_in_lanes<K, false> {
  static constexpr mode which = mode::derivative;
  static constexpr int inputs = 1;
  template <class M, class R, class... P>
  static R run(R x, R, P... p) {
    return K::template at<M>(x, p...).slope;
  }
};
template <class K>
struct second_derivative_of {
  static constexpr mode which = mode::second_derivative;
  static constexpr int inputs = 1;
  template <class M, class R, class... P>
  static R run(R x, R, P... p) {
    return K::template curvature<M>(x, p...);
  }
};
template <class K>
struct backward_of : slope_in_lanes<K, true> {
  static constexpr mode which = mode::backward;
  static constexpr int inputs = 2;
  template <class M, class R, class... P>
  static R run(R dy, R x, P... p) {
    if constexpr (requires { K::template pull_back<M>(dy, x); })
      return K::template pull_back<M>(dy, x);
    R slope = K::template at<M>(x, p...).slope;
    if constexpr (requires { requires M::keeps_ties; } && requires { K::rail(x, p...); }) {
      const jet<double> by = K::rail(x, p...);
      slope = beside(slope, by.value, sign_of(by.slope));
    }
    return passed_through<K, M>(dy, slope);
  }
};
template <class K>
struct backward_from_output_of : output_slope_in_lanes<K> {
  static constexpr mode which = mode::backward_from_output;
  static constexpr int inputs = 2;
  template <class M, class R, class... P>
  static R run(R dy, R y, P... p) {
    const R slope = K::template slope_from_output<M>(y, p...);
    if constexpr (requires { K::exact; })
      return pass_back(dy, slope);
    else if constexpr (requires { K::steep; })
      return pass_steep_back(dy, slope, dy * slope);
    else if constexpr (requires { K::template through<M>(dy, slope); })
      return K::template through<M>(dy, slope);
    else // the slope may be next to a short number
      return slope == 0 ? 0 : M::product(dy, slope);
  }
};

#include "lanes_driver.hpp"

// The one loop that computes.
// Flattened: every call below it is inlined, whatever the size of the unit, or nothing vectorises.
template <class Op, class M, class T, class... P>
[[gnu::flatten]] void compute(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  using R = typename M::real;
  if constexpr (in_lanes<Op, T>)
    if (vary<P...> || Op::takes(parameter_at(p, 0)...))
      return compute_lanes<Op, M>(first, second, out, n, p...);
  if constexpr (sizeof(T) == 2) {
    alignas(64) float x[2][block_size], y[block_size];
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      widen_all(first + begin, x[0], count);
      if (Op::inputs == 2) widen_all(second + begin, x[1], count);
#pragma GCC ivdep
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        const R a = x[0][i], b = Op::inputs == 2 ? x[1][i] : 0;
        y[i] = round_to_odd(Op::template run<M, R>(a, b, parameter_at(p, begin + i)...));
      }
      round_all(y, out + begin, count);
    }
  } else {
#pragma GCC ivdep
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const R a = static_cast<R>(first[i]), b = Op::inputs == 2 ? static_cast<R>(second[i]) : R(0);
      round_into(Op::template run<M, R>(a, b, parameter_at(p, i)...), out[i]);
    }
  }
}

// Where little is computed, stores across lines of the cache are what takes the time, and an array
// of NumPy's begins 16 bytes after one: the first few results go alone, the rest by whole lines.
template <class Op, class M, class T, class... P>
void compute_by_lines(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  constexpr std::ptrdiff_t line = 64 / sizeof(T), few = 16 * line;
  const auto past =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(out) % 64 / sizeof(T));
  const std::ptrdiff_t head = past == 0 || n < few ? 0 : line - past;
  compute<Op, M>(first, second, out, head, p...);
  compute<Op, M>(first + head, second + head, out + head, n - head, p...);
}

// How much of a large result is computed before it goes past the caches to its place, and how far
// ahead its operands are fetched meanwhile: a long chain of operations fills the processor's
// window, so that it sees too few of the misses to come. Small, and a line fetched for each that
// goes: with 4 KiB at a time computing waits for memory and memory for computing (tanh took 1.5
// times as long on a Sapphire Rapids), and a burst of fetches fills the queue of misses.
constexpr std::ptrdiff_t streamed_bytes = 1024, ahead_bytes = 4096;

// The same for large results whose memory is resident: a block at a time, which then goes past the
// caches.
template <class Op, class M, class T, class... P>
void compute_streaming(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  constexpr std::ptrdiff_t size = streamed_bytes / sizeof(T), line = 64 / sizeof(T);
  constexpr std::ptrdiff_t ahead = ahead_bytes / sizeof(T);
  alignas(64) T block[size];
  const auto past =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(out) % 64 / sizeof(T));
  const std::ptrdiff_t head = past == 0 ? 0 : line - past < n ? line - past : n;
  compute<Op, M>(first, second, out, head, p...);
  std::ptrdiff_t i = head;
  for (; i + size <= n; i += size) {
    compute<Op, M>(first + i, second + i, block, size, p...);
    for (std::ptrdiff_t k = 0; k < size; k += line) {
      __builtin_prefetch(first + i + ahead + k);
      if (Op::inputs == 2) __builtin_prefetch(second + i + ahead + k);
      stream_line(block + k, out + i + k);
    }
  }
  end_of_stream();
  compute<Op, M>(first + i, second + i, out + i, n - i, p...);
}

// One NumPy inner loop: operands are first[, second][, parameters…], result.
template <class K, template <class> class Operation, class T>
bool elementwise(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
  using Op = Operation<K>;
  using M = grade_t<K, T>;
  constexpr int parameters = parameter_count<K>(), result = Op::inputs + parameters;
  const std::ptrdiff_t n = dims[0];
  const auto size = static_cast<std::ptrdiff_t>(sizeof(T));
  bool uniform_parameters = true;
  for (int k = Op::inputs; k < result; ++k) uniform_parameters &= steps[k] == 0 || n == 1;
  const bool packed = steps[0] == size && steps[Op::inputs - 1] == size && steps[result] == size;
  const bool streaming = packed && uniform_parameters && dims[2] != 0;

  alignas(64) T first_buffer[block_size], second_buffer[block_size], out_buffer[block_size];
  alignas(64) double p_buffer[parameters ? parameters : 1][block_size];
  const std::ptrdiff_t stride = packed && uniform_parameters ? n : block_size;
  for (std::ptrdiff_t begin = 0; begin < n; begin += stride) {
    const std::ptrdiff_t count = n - begin < stride ? n - begin : stride;
    const auto at = [&](int k) { return args[k] + begin * steps[k]; };
    const T *first = packed ? reinterpret_cast<const T *>(at(0))
                            : contiguous(at(0), steps[0], count, first_buffer);
    const T *second = first;
    if constexpr (Op::inputs == 2)
      second = packed ? reinterpret_cast<const T *>(at(1))
                      : contiguous(at(1), steps[1], count, second_buffer);
    T *out = steps[result] == size ? reinterpret_cast<T *>(at(result)) : out_buffer;

    const auto parameter = [&](int k) {
      return *reinterpret_cast<const double *>(at(Op::inputs + k));
    };
    const auto parameter_block = [&](int k) {
      return contiguous(at(Op::inputs + k), steps[Op::inputs + k], count, p_buffer[k]);
    };
    const auto uniform = [&](auto... p) {
      if (streaming)
        compute_streaming<Op, M>(first, second, out, count, p...);
      else if constexpr (requires { K::exact; })
        compute_by_lines<Op, M>(first, second, out, count, p...);
      else
        compute<Op, M>(first, second, out, count, p...);
    };
    const auto each = [&](auto... p) { compute<Op, M>(first, second, out, count, p...); };
    if (uniform_parameters) {
      with_parameters<K>(parameter, uniform);
    } else if constexpr (drawn<K>) {
      const double *lower = parameter_block(0), *upper = parameter_block(1);
      double *mean = p_buffer[0];
      for (std::ptrdiff_t i = 0; i < count; ++i) mean[i] = K::in_evaluation(lower[i], upper[i]);
      each(static_cast<const double *>(mean));
    } else if constexpr (parameters > 0) {
      with_parameters<K>(parameter_block, each);
    }
    if (out == out_buffer)
      for (std::ptrdiff_t i = 0; i < count; ++i)
        *reinterpret_cast<T *>(at(result) + i * steps[result]) = out_buffer[i];
  }
  return true;
}

#include "lean.hpp"

// dL/dparameter = sum of dy * parameter_slope(x) along the core dimension: T(n) T(n) d(n) -> d.
template <class K, class T>
[[gnu::flatten]] bool parameter_backward(char **args, const std::ptrdiff_t *dims,
                                         const std::ptrdiff_t *steps) {
  const std::ptrdiff_t rows = dims[0], n = dims[1];
  alignas(64) T dy_buffer[block_size], x_buffer[block_size];
  alignas(64) double p_buffer[block_size], terms[block_size];
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    lane_sum sum;
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      const auto at = [&](int k) { return args[k] + row * steps[k] + begin * steps[4 + k]; };
      const T *dy = contiguous(at(0), steps[4], count, dy_buffer);
      const T *x = contiguous(at(1), steps[5], count, x_buffer);
      const double *p = contiguous(at(2), steps[6], count, p_buffer);
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        using M = elementary<f64_grade>;
        const double slope = K::template parameter_slope<M>(static_cast<double>(widen(x[i])), p[i]);
        const auto given = static_cast<double>(widen(dy[i]));
        terms[i] = pass_steep_back(given, slope, given * slope);
      }
      sum.add(terms, count);
    }
    *reinterpret_cast<double *>(args[3] + row * steps[3]) = sum.total();
  }
  return true;
}

// As `elementwise` along the core dimension, with the parameter of element i drawn from
// (seed, offset + i): T(n)[ T(n)] d d l l -> T(n).
template <class K, template <class> class Operation, class T>
[[gnu::flatten]] bool sampled(char **args, const std::ptrdiff_t *dims,
                              const std::ptrdiff_t *steps) {
  using Op = Operation<K>;
  using M = grade_t<K, T>;
  constexpr int result = Op::inputs + 4;
  const std::ptrdiff_t rows = dims[0], n = dims[1];
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
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        const auto index = offset + static_cast<std::uint64_t>(begin + i);
        drawn[i] = K::draw(uniform(seed, index), lower, upper);
      }
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
  entry e{name, "unary", parameters, {}, {}};
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
