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
// too.
#pragma once

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

// n parameters and as many more as fill whole vectors.
template <class P, int size>
struct padded {
  P parameter;
  padded(P p, std::ptrdiff_t) : parameter(p) {}
  operator P() const { return parameter; }
};
template <int size>
struct padded<const double *, size> {
  alignas(64) double parameters[size];
  padded(const double *p, std::ptrdiff_t n) {
    const std::ptrdiff_t whole = (n + lanes - 1) / lanes * lanes;
    for (std::ptrdiff_t i = 0; i < whole; ++i) parameters[i] = p[i < n ? i : 0];
  }
  operator const double *() const { return parameters; }
};

// An upstream gradient times a pair must be finite: an infinity times a low part of 0 is NaN.
constexpr interval finite{-largest_float, largest_float};

template <class Op>
OGIVE_INLINE bool takes_element(float first, float second) {
  return Op::inputs == 2 ? lies_in(second, Op::lane_range) && lies_in(first, finite)
                         : lies_in(first, Op::lane_range);
}
template <class Op, int N, class... P>
OGIVE_INLINE bool takes_all(const floats (&first)[N], const floats (&second)[N], P... p) {
  bool taken = true;
  if constexpr (vary<P...>)
    for (int i = 0; i < N * lanes; ++i) taken &= Op::takes(parameter_at(p, i)...);
  if constexpr (Op::inputs == 2)
    return taken && all_inside(second, Op::lane_range) && all_inside(first, finite);
  else
    return taken && all_inside(first, Op::lane_range);
}

// Computes anew, by `at`, those elements that lie outside the range, or whose parameters do.
template <class Op, class M, int N, class... P>
[[gnu::noinline, gnu::flatten]] void mend(const float (&first)[N], const float (&second)[N],
                                          float (&y)[N], P... p) {
  alignas(64) float whole[N];
  for (int i = 0; i < N; ++i)
    round_into(Op::template run<M, double>(first[i], second[i], parameter_at(p, i)...), whole[i]);
  for (int i = 0; i < N; ++i) {
    const bool taken = takes_element<Op>(first[i], second[i]) && Op::takes(parameter_at(p, i)...);
    y[i] = taken ? y[i] : whole[i];
  }
}

// A few vectors at once: their chains of operations overlap, and one branch asks for all of them
// whether every x lies in the range.
template <class Op, class M, int vectors, class... P>
OGIVE_INLINE void lane_group(const float *first, const float *second, float *out, P... p) {
  floats a[vectors], b[vectors], y[vectors];
#pragma GCC unroll 8
  for (int k = 0; k < vectors; ++k) {
    a[k] = load(first + k * lanes);
    b[k] = Op::inputs == 2 ? load(second + k * lanes) : a[k];
  }
#pragma GCC unroll 8
  for (int k = 0; k < vectors; ++k)
    y[k] = Op::lane_run(a[k], b[k], split(parameters_from(p, k * lanes))...);
  if (!takes_all<Op>(a, b, p...)) [[unlikely]] {
    constexpr int size = vectors * lanes;
    alignas(64) float from[size], from_second[size], result[size];
    for (int k = 0; k < vectors; ++k) {
      store(a[k], from + k * lanes);
      store(b[k], from_second + k * lanes);
      store(y[k], result + k * lanes);
    }
    mend<Op, M>(from, from_second, result, p...);
    for (int k = 0; k < vectors; ++k) y[k] = load(result + k * lanes);
  }
#pragma GCC unroll 8
  for (int k = 0; k < vectors; ++k) store(y[k], out + k * lanes);
}

// Fewer elements than a vector has, through the same lanes.
template <class Op, class M, class... P>
OGIVE_INLINE void lane_rest(const float *first, const float *second, float *out, std::ptrdiff_t n,
                            P... p) {
  alignas(64) float a[lanes] = {}, b[lanes] = {}, y[lanes];
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    a[i] = first[i];
    b[i] = second[i];
  }
  lane_group<Op, M, 1, P...>(a, b, y, padded<P, lanes>(p, n)...);
  for (std::ptrdiff_t i = 0; i < n; ++i) out[i] = y[i];
}

template <class Op, class M, class... P>
void compute_lanes(const float *first, const float *second, float *out, std::ptrdiff_t n, P... p) {
  constexpr int vectors = 4;
  constexpr std::ptrdiff_t group = vectors * lanes;
  std::ptrdiff_t i = 0;
  for (; i + group <= n; i += group)
    lane_group<Op, M, vectors>(first + i, second + i, out + i, parameters_from(p, i)...);
  for (; i + lanes <= n; i += lanes)
    lane_group<Op, M, 1>(first + i, second + i, out + i, parameters_from(p, i)...);
  if (i < n) lane_rest<Op, M>(first + i, second + i, out + i, n - i, parameters_from(p, i)...);
}

// Whether a float within one ulp of the exact result leaves its rounding to a half undecided: it
// lies next to a tie, or among the subnormals of the shorter format, whose ties lie elsewhere.
inline bool undecided(float y, bfloat) {
  return ((bits_of(y) + 0x8002u) & 0xffffu) <= 4 || (y != 0 && __builtin_fabsf(y) < 0x1p-126f);
}
inline bool undecided(float y, half) {
  return ((bits_of(y) + 0x1002u) & 0x1fffu) <= 4 || (y != 0 && __builtin_fabsf(y) < 0x1p-14f);
}

constexpr std::ptrdiff_t half_block = 512;
template <class Op, class M, class T, class... P>
void half_lanes(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  alignas(64) float a[half_block], b[half_block], y[half_block];
  alignas(64) std::uint8_t left[half_block];
  const std::ptrdiff_t whole = (n + lanes - 1) / lanes * lanes;
  for (std::ptrdiff_t i = 0; i < n; ++i) a[i] = widen(first[i]);
  if constexpr (Op::inputs == 2)
    for (std::ptrdiff_t i = 0; i < n; ++i) b[i] = widen(second[i]);
  for (std::ptrdiff_t i = n; i < whole; ++i) a[i] = b[i] = 0;
  const float *const x = Op::inputs == 2 ? b : a;
  for (std::ptrdiff_t i = 0; i < whole; i += lanes)
    store(Op::lane_run(load(a + i), load(x + i), split(parameters_from(p, i))...), y + i);
  unsigned some = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const bool taken = takes_element<Op>(a[i], x[i]) && Op::takes(parameter_at(p, i)...);
    left[i] = static_cast<std::uint8_t>(!taken | undecided(y[i], T{}));
    some |= left[i];
  }
  for (std::ptrdiff_t i = 0; i < n; ++i) round_into(y[i], out[i]);
  if (some)
    for (std::ptrdiff_t i = 0; i < n; ++i)
      if (left[i])
        round_into(Op::template run<M, double>(a[i], x[i], parameter_at(p, i)...), out[i]);
}

template <class Op, class M, class T, class... P>
  requires(sizeof(T) == 2)
void compute_lanes(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  for (std::ptrdiff_t i = 0; i < n; i += half_block) {
    const std::ptrdiff_t count = n - i < half_block ? n - i : half_block;
    half_lanes<Op, M, T, P...>(first + i, second + i, out + i, count,
                               padded<P, half_block>(parameters_from(p, i), count)...);
  }
}
