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

// n parameters and as many more as fill a vector.
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
    for (std::ptrdiff_t i = 0; i < size; ++i) parameters[i] = p[i < n ? i : 0];
  }
  operator const double *() const { return parameters; }
};

template <class Op, class T, int N, class... P>
OGIVE_INLINE bool takes_all(const floats (&first)[N], const floats (&second)[N], P... p) {
  bool taken = true;
  if constexpr (vary<P...>)
    for (int i = 0; i < N * lanes; ++i) taken &= Op::takes(parameter_at(p, i)...);
  if constexpr (Op::inputs == 2)
    return taken && all_inside(second, Op::template range<T>) &&
           all_inside(first, Op::template upstream<T>);
  else
    return taken && all_inside(first, Op::template range<T>);
}

// Computes anew, by `at`, those elements that the lanes do not take or leave undecided.
template <class Op, class M, int N, class T, class... P>
[[gnu::noinline, gnu::flatten]] void mend(const float (&first)[N], const float (&second)[N],
                                          const float (&y)[N], T *out, P... p) {
  alignas(64) float whole[N];
  alignas(64) std::int32_t known[N];
  for (int i = 0; i < N; ++i) {
    const double exact = Op::template run<M, double>(first[i], second[i], parameter_at(p, i)...);
    whole[i] = sizeof(T) == 2 ? round_to_odd(exact) : static_cast<float>(exact);
  }
  for (int i = 0; i < N; ++i) known[i] = vary<P...> ? -Op::takes(parameter_at(p, i)...) : -1;
  for (int i = 0; i < N; i += lanes) {
    const floats a = load(first + i), b = load(second + i), lane = load(y + i);
    mask taken = *reinterpret_cast<const mask *>(known + i);
    constexpr interval range = Op::template range<T>;
    taken &=
        Op::inputs == 2 ? inside(b, range) & inside(a, Op::template upstream<T>) : inside(a, range);
    if (!Op::keeps_ties) taken &= ~undecided(lane, T{});
    store(taken ? lane : load(whole + i), out + i);
  }
}

// A few vectors at once: their chains of operations overlap, and one branch asks for all of them
// whether the lanes take every element.
template <class Op, class M, int vectors, class T, class... P>
OGIVE_INLINE void lane_group(const T *first, const T *second, T *out, P... p) {
  floats a[vectors], b[vectors], y[vectors];
#pragma GCC unroll 8
  for (int k = 0; k < vectors; ++k) {
    a[k] = load(first + k * lanes);
    b[k] = Op::inputs == 2 ? load(second + k * lanes) : a[k];
  }
#pragma GCC unroll 8
  for (int k = 0; k < vectors; ++k)
    y[k] = Op::template lane_run<T>(a[k], b[k], split(parameters_from(p, k * lanes))...);
  bool taken = takes_all<Op, T>(a, b, p...);
  if constexpr (sizeof(T) == 2 && !Op::keeps_ties) {
    mask open = undecided(y[0], T{});
    for (int k = 1; k < vectors; ++k) open |= undecided(y[k], T{});
    taken &= everywhere(~open);
  }
#pragma GCC unroll 8
  for (int k = 0; k < vectors; ++k) store(y[k], out + k * lanes);
  if (taken) [[likely]]
    return;
  constexpr int size = vectors * lanes;
  alignas(64) float from[size], from_second[size], result[size];
  for (int k = 0; k < vectors; ++k) {
    store(a[k], from + k * lanes);
    store(b[k], from_second + k * lanes);
    store(y[k], result + k * lanes);
  }
  mend<Op, M>(from, from_second, result, out, p...);
}

// Fewer elements than a vector has, through the same lanes.
template <class Op, class M, class T, class... P>
OGIVE_INLINE void lane_rest(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  alignas(64) T a[lanes] = {}, b[lanes] = {}, y[lanes];
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    a[i] = first[i];
    b[i] = second[i];
  }
  lane_group<Op, M, 1, T, P...>(a, b, y, padded<P, lanes>(p, n)...);
  for (std::ptrdiff_t i = 0; i < n; ++i) out[i] = y[i];
}

template <class Op, class M, class T, class... P>
void compute_lanes(const T *first, const T *second, T *out, std::ptrdiff_t n, P... p) {
  constexpr int vectors = 4;
  constexpr std::ptrdiff_t group = vectors * lanes;
  std::ptrdiff_t i = 0;
  for (; i + group <= n; i += group)
    lane_group<Op, M, vectors>(first + i, second + i, out + i, parameters_from(p, i)...);
  for (; i + lanes <= n; i += lanes)
    lane_group<Op, M, 1>(first + i, second + i, out + i, parameters_from(p, i)...);
  if (i < n) lane_rest<Op, M>(first + i, second + i, out + i, n - i, parameters_from(p, i)...);
}
