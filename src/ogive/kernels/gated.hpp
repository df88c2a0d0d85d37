// Drivers of gated functions, y = a f(b). A kernel is a struct in catalog/gated that names f, a
// unary kernel:
//
//   struct name : gate<f> {
//     // optional, for an f that is not exact: the double f(b) and f'(b), kept off the short
//     numbers
//     // that the exact ones come nearer to than a double can tell
//     static jet<double> off_rails(jet<double> f, double b);
//   };
//
// Backward gives da = dy f(b) and db = dy a f'(b) from one read of dy, a and b.
#pragma once

#include "unary.hpp"

template <class F>
struct gate {
  using unary = F;
};

// Where v is as near to the rail as this, the exact value lies beside it, on the side given. Times
// a half or two the rail may be exactly a tie of a half, and so near it nothing else is.
inline double beside(double v, double rail, double side) {
  const bool near = magnitude(v - rail) < 0x1p-40 * magnitude(rail);
  return near ? fma(rail, 0x1p-45 * side, rail) : v;
}
inline double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

// f(b) = b s(b), with s rising from 0 to 1 through 1/2 at b = 0.
template <class F>
struct gate_through_zero : gate<F> {
  static jet<double> off_rails(jet<double> f, double b) {
    const double side = sign_of(b);
    return {beside(beside(f.value, b / 2, side), b, -1), beside(beside(f.slope, 0.5, side), 1, 1)};
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
  requires(sizeof(T) == 2)
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

// f(b) and f'(b) as factors of a product.
template <class K, class M>
struct gate_at {
  using real = typename M::real;
  real value, slope;

  explicit gate_at(real b) {
    auto f = K::unary::template at<M>(b);
    if constexpr (requires { M::full; }) {
      if constexpr (!M::full) f = {at_infinity(f.value, b), at_infinity(f.slope, b)};
      if constexpr (M::keeps_ties && requires { K::off_rails(f, b); }) f = K::off_rails(f, b);
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
  // The short grades stop a tail where it rounds to 0; at infinity it is 0 to an infinite factor
  // too.
  static real at_infinity(real v, real b) {
    return magnitude(b) == __builtin_inf() && magnitude(v) < 0x1p-300 ? with_sign(0, v) : v;
  }
};

template <class K, class M, class T>
[[gnu::flatten]] void gated_values(const T *a, const T *b, T *y, std::ptrdiff_t n) {
  using R = typename M::real;
#pragma GCC ivdep
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const gate_at<K, M> f(static_cast<R>(widen(b[i])));
    round_into(f.product(static_cast<R>(widen(a[i])), f.value), y[i]);
  }
}

template <class K, class M, class T>
[[gnu::flatten]] void gated_gradients(const T *dy, const T *a, const T *b, T *da, T *db,
                                      std::ptrdiff_t n) {
  using R = typename M::real;
#pragma GCC ivdep
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const R g = static_cast<R>(widen(dy[i])), x = static_cast<R>(widen(a[i]));
    const gate_at<K, M> f(static_cast<R>(widen(b[i])));
    R to_b;
    if constexpr (requires { requires M::full; }) {
      // f' is at most 9/8: meeting the larger factor first, it neither overflows nor is lost.
      const bool a_larger = magnitude(g) < magnitude(x);
      to_b = (a_larger ? x : g) * f.slope * (a_larger ? g : x);
    } else {
      to_b = f.product(g * x, f.slope);
    }
    to_b = x == 0 ? R(0) : to_b; // one condition at a time, or GCC makes branches of them
    round_into(f.value == 0 ? R(0) : f.product(g, f.value), da[i]);
    round_into(f.slope == 0 ? R(0) : to_b, db[i]);
  }
}

// Blocks of operands, inputs first, as contiguous arrays; the results are scattered after each.
template <int inputs, int outputs, class T, class Compute>
inline void in_blocks(char **args, std::ptrdiff_t n, const std::ptrdiff_t *steps, Compute compute) {
  const auto size = static_cast<std::ptrdiff_t>(sizeof(T));
  bool packed = true;
  for (int k = 0; k < inputs + outputs; ++k) packed &= steps[k] == size;
  const std::ptrdiff_t stride = packed ? n : block_size;
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

template <class K, class T>
bool gated_value(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
  using M = product_t<K, T>;
  in_blocks<2, 1, T>(args, dims[0], steps, [](T **in, T **out, std::ptrdiff_t n) {
    gated_values<K, M>(in[0], in[1], out[0], n);
  });
  return true;
}

template <class K, class T>
bool gated_backward(char **args, const std::ptrdiff_t *dims, const std::ptrdiff_t *steps) {
  using M = product_t<K, T>;
  in_blocks<3, 2, T>(args, dims[0], steps, [](T **in, T **out, std::ptrdiff_t n) {
    gated_gradients<K, M>(in[0], in[1], in[2], out[0], out[1], n);
  });
  return true;
}

// The row in the op table.
template <class K>
constexpr entry gated_entry(const char *name) {
  entry e{name, "gated", 0, {}, {}};
  set(e, mode::value, "T T -> T", []<class T>(T) constexpr -> loop { return gated_value<K, T>; });
  set(e, mode::backward, "T T T -> T T",
      []<class T>(T) constexpr -> loop { return gated_backward<K, T>; });
  return e;
}
