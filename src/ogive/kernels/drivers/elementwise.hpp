// Elementwise operations of unary kernels (drivers/unary.hpp says what those are): value,
// derivative, backward, and the loops that run them over operands in any layout.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drivers/blocks.hpp"
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

// What an operation does in float lanes, where its kernel has the form for it.
template <class K>
struct lane_form {
  static constexpr bool keeps_ties = false, fills_registers = false;
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
  static constexpr bool fills_registers = requires { K::value_fills_registers; };
  template <class T>
  static constexpr interval range = lane_range;
  static constexpr bool keeps_ties = requires { K::keeps_ties; };
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats x, floats, P... p) {
    if constexpr (keeps_ties && is_half<T>)
      return rounded_to_odd(K::value_lanes(x, p...));
    else
      return rounded(K::value_lanes(x, p...));
  }
};
// dy times a slope in lanes; to be rounded once more where the format is T.
template <class T, bool keeps_ties, class Slope>
OGIVE_INLINE floats passed_back(floats dy, Slope slope) {
  if constexpr (keeps_ties && is_half<T>)
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
  static constexpr bool fills_registers = requires { K::slope_fills_registers; };
  // Halves whose backward has a form of its own, for numbers whose products keep all digits.
  template <class T>
  static constexpr bool own =
      backward && is_half<T> && requires(floats x) { K::backward_lanes(x, x); };
  template <class T>
  static constexpr interval range =
      own<T> ? interval{lane_range.least, lane_range.most, 0x1p-24f} : lane_range;
  template <class T>
  static constexpr interval upstream = own<T> ? interval{-0x1p100f, 0x1p100f, 0x1p-90f} : finite;
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats first, floats second, P... p) {
    if constexpr (own<T>) {
      return rounded_to_odd(K::backward_lanes(first, second));
    } else if constexpr (backward && requires { K::product_lanes(first, second, p...); }) {
      return rounded(K::product_lanes(first, second, p...));
    } else {
      const auto slope = K::slope_lanes(backward ? second : first, p...);
      if constexpr (backward)
        return passed_back<T, keeps_ties>(first, slope);
      else
        return keeps_ties && is_half<T> ? rounded_to_odd(slope) : slope.high + slope.low;
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
    if constexpr (__is_same(T, bfloat) && requires { K::output_range_of_bfloats; })
      return K::output_range_of_bfloats;
    else
      return lane_range;
  }();
  static constexpr bool keeps_ties = requires { K::output_keeps_ties; };
  template <class T, class... P>
  OGIVE_INLINE static floats lane_run(floats dy, floats y, P... p) {
    return passed_back<T, keeps_ties>(dy, K::output_slope_lanes(y, p...));
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
struct value_of : value_in_lanes<K> {
  using kernel = K;
  static constexpr int inputs = 1;
  template <class M, class R, class... P>
  static R run(R x, R, P... p) {
    return K::template at<M>(x, p...).value;
  }
};
template <class K>
struct derivative_of : slope_in_lanes<K, false> {
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
struct backward_of : slope_in_lanes<K, true> {
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
// Where little is computed, what the parameters become is worked out once for all blocks.
template <class Op, class M, class T, class... P>
OGIVE_FLATTEN void compute_exact_halves(const T *first, const T *second, T *out, std::ptrdiff_t n,
                                        P... p) {
  const auto whole = [](const float *a, const float *b, odd_float *y, std::ptrdiff_t count,
                        auto... q) OGIVE_INLINE_LAMBDA {
    using R = typename M::real;
#pragma GCC ivdep
    for (std::ptrdiff_t i = 0; i < (count & ~std::ptrdiff_t{lanes - 1}); ++i)
      round_into(Op::template run<M, R>(a[i], Op::inputs == 2 ? b[i] : 0, parameter_at(q, i)...),
                 y[i]);
  };
  in_blocks_of_floats<Op>(first, second, out, n, whole, p...);
}

// The one loop that computes.
template <class Op, class M, class T, class... P>
void compute(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  if constexpr (in_lanes<Op, T>)
    if (vary<P...> || Op::takes(parameter_at(p, 0)...))
      return compute_lanes<Op, M>(first, second, out, n, p...);
  if constexpr (!is_half<T>)
    in_whole_vectors(first, second, out, n, compute_whole<Op, M, T, T, P...>, p...);
  else if constexpr (requires { Op::kernel::exact; })
    compute_exact_halves<Op, M>(first, second, out, n, p...);
  else
    in_blocks_of_floats<Op>(first, second, out, n, compute_whole<Op, M, float, odd_float, P...>,
                            p...);
}

// An operation as the loops below see it, which do not know its kernel: they are compiled once for
// a format. Parameters are the same for all elements, or one for each of a block.
template <class T>
struct computation {
  void (*uniform)(const T *first, const T *second, T *out, std::ptrdiff_t n, const double *p);
  void (*each)(const T *first, const T *second, T *out, std::ptrdiff_t n, const double *const *p);
};

template <class Op, class T>
struct computed {
  using K = typename Op::kernel;
  using M = grade_t<K, T>;
  static void uniform(const T *first, const T *second, T *out, std::ptrdiff_t n, const double *p) {
    with_parameters<K>([&](int k) { return p[k]; },
                       [&](auto... q) { compute<Op, M>(first, second, out, n, q...); });
  }
  static void each(const T *first, const T *second, T *out, std::ptrdiff_t n,
                   const double *const *p) {
    if constexpr (drawn<K>) {
      alignas(64) double mean[block_size];
      for (std::ptrdiff_t i = 0; i < n; ++i) mean[i] = K::in_evaluation(p[0][i], p[1][i]);
      compute<Op, M>(first, second, out, n, static_cast<const double *>(mean));
    } else if constexpr (parameter_count<K>() > 0) {
      with_parameters<K>([&](int k) { return p[k]; },
                         [&](auto... q) { compute<Op, M>(first, second, out, n, q...); });
    }
  }
};

// Elements before the first that begins a cache line.
template <class T>
inline std::ptrdiff_t before_a_line(const T *out) {
  constexpr std::ptrdiff_t line = 64 / sizeof(T);
  const auto past =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(out) % 64 / sizeof(T));
  return past == 0 ? 0 : line - past;
}

// Where little is computed, stores across lines of the cache are what takes the time, and an array
// of NumPy's begins 16 bytes after one: the first few results go alone, the rest by whole lines.
template <int inputs, class T>
void compute_by_lines(const computation<T> &op, const T *first, const T *second, T *out,
                      std::ptrdiff_t n, const double *p) {
  constexpr std::ptrdiff_t line = 64 / sizeof(T), few = 16 * line;
  const std::ptrdiff_t head = n < few ? 0 : before_a_line(out);
  // A whole vector takes no longer, where its end may be written twice.
  const bool twice = lies_apart(first, out, n) && lies_apart(second, out, n);
  if (head > 0) op.uniform(first, second, out, twice && head < lanes ? lanes : head, p);
  op.uniform(first + head, second + head, out + head, n - head, p);
}

// How much of a large result is computed before it is streamed to its place, and how far ahead its
// operands are prefetched meanwhile: a long chain of operations fills the processor's window, so
// that it sees too few of the misses to come. Keep the block small and issue one prefetch per line
// stored: with 4 KiB blocks, computing and memory wait for each other (tanh took 1.5 times as long
// on a Sapphire Rapids), and a burst of prefetches fills the queue of misses.
constexpr std::ptrdiff_t streamed_bytes = 1024, ahead_bytes = 4096;

// For large results whose memory is resident: a block at a time, stored by streaming stores.
template <int inputs, class T>
void compute_streaming(const computation<T> &op, const T *first, const T *second, T *out,
                       std::ptrdiff_t n, const double *p) {
  constexpr std::ptrdiff_t size = streamed_bytes / sizeof(T), line = 64 / sizeof(T);
  constexpr std::ptrdiff_t ahead = ahead_bytes / sizeof(T);
  alignas(64) T block[size];
  const std::ptrdiff_t past = before_a_line(out), head = past < n ? past : n;
  if (head > 0) op.uniform(first, second, out, head, p);
  std::ptrdiff_t i = head;
  for (; i + size <= n; i += size) {
    op.uniform(first + i, second + i, block, size, p);
    for (std::ptrdiff_t k = 0; k < size; k += line) {
      __builtin_prefetch(first + i + ahead + k);
      if (inputs == 2) __builtin_prefetch(second + i + ahead + k);
      stream_line(block + k, out + i + k);
    }
  }
  end_of_stream();
  if (i < n) op.uniform(first + i, second + i, out + i, n - i, p);
}

// One NumPy inner loop: operands are first[, second][, parameters…], result.
template <int inputs, int parameters, bool by_lines, class T>
[[gnu::noinline]] bool elementwise_loop(const computation<T> &op, char **args, const work &todo,
                                        const std::ptrdiff_t *steps) {
  constexpr int result = inputs + parameters;
  const std::ptrdiff_t n = todo.rows;
  const auto size = static_cast<std::ptrdiff_t>(sizeof(T));
  bool uniform_parameters = true;
  for (int k = inputs; k < result; ++k) uniform_parameters &= steps[k] == 0 || n == 1;
  const bool packed = steps[0] == size && steps[inputs - 1] == size && steps[result] == size;
  const bool streaming = packed && uniform_parameters && todo.streaming;

  alignas(64) T first_buffer[block_size], second_buffer[block_size], out_buffer[block_size];
  constexpr int some = parameters ? parameters : 1;
  alignas(64) double p_buffer[some][block_size];
  double uniform[some];
  const double *each[some];
  for (int k = 0; k < parameters && uniform_parameters && n > 0; ++k)
    uniform[k] = *reinterpret_cast<const double *>(args[inputs + k]);
  const std::ptrdiff_t stride = packed && uniform_parameters ? n : block_size;
  for (std::ptrdiff_t begin = 0; begin < n; begin += stride) {
    const std::ptrdiff_t count = n - begin < stride ? n - begin : stride;
    const auto block = [&](int k, auto *buffer) {
      return contiguous(args[k] + begin * steps[k], steps[k], count, buffer);
    };
    const T *const first = block(0, first_buffer);
    const T *const second = inputs == 2 ? block(1, second_buffer) : first;
    T *const out =
        steps[result] == size ? reinterpret_cast<T *>(args[result] + begin * size) : out_buffer;
    if (!uniform_parameters) {
      for (int k = 0; k < parameters; ++k) each[k] = block(inputs + k, p_buffer[k]);
      op.each(first, second, out, count, each);
    } else if (streaming) {
      compute_streaming<inputs>(op, first, second, out, count, uniform);
    } else if (by_lines) {
      compute_by_lines<inputs>(op, first, second, out, count, uniform);
    } else {
      op.uniform(first, second, out, count, uniform);
    }
    if (out == out_buffer)
      for (std::ptrdiff_t i = 0; i < count; ++i)
        *reinterpret_cast<T *>(args[result] + (begin + i) * steps[result]) = out_buffer[i];
  }
  return true;
}

template <class K, template <class> class Operation, class T>
bool elementwise(char **args, const work &todo, const std::ptrdiff_t *steps) {
  using Op = Operation<K>;
  using C = computed<Op, T>;
  return elementwise_loop<Op::inputs, parameter_count<K>(), requires { K::exact; }, T>(
      {C::uniform, C::each}, args, todo, steps);
}

} // namespace
} // namespace ogive::OGIVE_ISA
