// Elementwise operations in float lanes. A kernel offers, besides `at`,
//
//   static constexpr interval value_range;                 // where value_lanes holds
//   static floats value_lanes(floats x[, double parameter]);
//   static constexpr interval slope_range;                 // where slope_lanes holds
//   static float_pair slope_lanes(floats x[, double parameter]);
//   static constexpr interval output_range;                // where output_slope_lanes holds
//   static float_pair output_slope_lanes(floats y[, double parameter]);
//   // with a parameter: which of its values the forms take
//   static bool takes(double parameter);
//
// and what lies outside the range (far tails, infinities, NaN) is computed by `at`, lane by lane:
// an element's result never depends on its neighbours. Halves are rounded from the float result,
// which is within one ulp: where that leaves the rounding undecided, next to a tie, `at` decides
// too.
#pragma once

template <class Op, class T, class... P>
constexpr bool in_lanes = false;
template <class Op, class T, class... P>
  requires(sizeof(T) <= 4 && (... && __is_same(P, double)) && requires { Op::lane_range; })
constexpr bool in_lanes<Op, T, P...> = true;

// An upstream gradient times a pair must be finite: an infinity times a low part of 0 is NaN.
constexpr interval finite{-largest_float, largest_float};

template <class Op>
OGIVE_INLINE bool takes_element(float first, float second) {
  return Op::inputs == 2 ? lies_in(second, Op::lane_range) && lies_in(first, finite)
                         : lies_in(first, Op::lane_range);
}
template <class Op, int N>
OGIVE_INLINE bool takes_all(const floats (&first)[N], const floats (&second)[N]) {
  if constexpr (Op::inputs == 2)
    return all_inside(second, Op::lane_range) && all_inside(first, finite);
  else
    return all_inside(first, Op::lane_range);
}

// Computes anew, by `at`, those elements that lie outside the range.
template <class Op, class M, int N, class... P>
[[gnu::noinline, gnu::flatten]] void mend(const float (&first)[N], const float (&second)[N],
                                          float (&y)[N], P... p) {
  alignas(64) float whole[N];
  for (int i = 0; i < N; ++i)
    round_into(Op::template run<M, double>(first[i], second[i], p...), whole[i]);
  for (int i = 0; i < N; ++i) y[i] = takes_element<Op>(first[i], second[i]) ? y[i] : whole[i];
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
  for (int k = 0; k < vectors; ++k) y[k] = Op::lane_run(a[k], b[k], p...);
  if (!takes_all<Op>(a, b)) [[unlikely]] {
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
  lane_group<Op, M, 1>(a, b, y, p...);
  for (std::ptrdiff_t i = 0; i < n; ++i) out[i] = y[i];
}

template <class Op, class M, class... P>
void compute_lanes(const float *first, const float *second, float *out, std::ptrdiff_t n, P... p) {
  constexpr int vectors = 4;
  constexpr std::ptrdiff_t group = vectors * lanes;
  std::ptrdiff_t i = 0;
  for (; i + group <= n; i += group)
    lane_group<Op, M, vectors>(first + i, second + i, out + i, p...);
  for (; i + lanes <= n; i += lanes) lane_group<Op, M, 1>(first + i, second + i, out + i, p...);
  if (i < n) lane_rest<Op, M>(first + i, second + i, out + i, n - i, p...);
}

// Whether a float within one ulp of the exact result leaves its rounding to a half undecided: it
// lies next to a tie, or among the subnormals of the shorter format, whose ties lie elsewhere.
inline bool undecided(float y, bfloat) {
  return ((bits_of(y) + 0x8002u) & 0xffffu) <= 4 || (y != 0 && __builtin_fabsf(y) < 0x1p-126f);
}
inline bool undecided(float y, half) {
  return ((bits_of(y) + 0x1002u) & 0x1fffu) <= 4 || (y != 0 && __builtin_fabsf(y) < 0x1p-14f);
}

template <class Op, class M, class T, class... P>
  requires(sizeof(T) == 2)
void compute_lanes(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  constexpr std::ptrdiff_t size = 512;
  alignas(64) float a[size], b[size], y[size];
  alignas(64) std::uint8_t left[size];
  for (std::ptrdiff_t begin = 0; begin < n; begin += size) {
    const std::ptrdiff_t count = n - begin < size ? n - begin : size;
    const std::ptrdiff_t padded = (count + lanes - 1) / lanes * lanes;
    for (std::ptrdiff_t i = 0; i < count; ++i) a[i] = widen(first[begin + i]);
    if constexpr (Op::inputs == 2)
      for (std::ptrdiff_t i = 0; i < count; ++i) b[i] = widen(second[begin + i]);
    for (std::ptrdiff_t i = count; i < padded; ++i) a[i] = b[i] = 0;
    const float *const x = Op::inputs == 2 ? b : a;
    for (std::ptrdiff_t i = 0; i < padded; i += lanes)
      store(Op::lane_run(load(a + i), load(x + i), p...), y + i);
    unsigned some = 0;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      left[i] = static_cast<std::uint8_t>(!takes_element<Op>(a[i], x[i]) | undecided(y[i], T{}));
      some |= left[i];
    }
    for (std::ptrdiff_t i = 0; i < count; ++i) round_into(y[i], out[begin + i]);
    if (some)
      for (std::ptrdiff_t i = 0; i < count; ++i)
        if (left[i]) round_into(Op::template run<M, double>(a[i], x[i], p...), out[begin + i]);
  }
}
