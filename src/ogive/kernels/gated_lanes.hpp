// Gated operations in float lanes, where f has both its value and its slope in them. As in
// lanes_driver.hpp an element goes to the double form where the lanes cannot tell: f(b) out of
// range, operands that are not finite, products that lie among or beyond the subnormal numbers, and
// halves whose float result lies next to a tie.
#pragma once

template <class K>
constexpr bool gate_in_lanes = requires { K::unary::both_lanes(floats{}); };

constexpr interval normal{-largest_float, largest_float, 0x1p-100f};

// A tiny f(b) has lost digits that a large factor would bring up.
constexpr interval above_subnormals(interval x) { return {x.least, x.most, normal.smallest}; }

// Both for a lane and for a vector, whose answers are joined by &.
inline bool inside(float x, interval range) { return lies_in(x, range); }
OGIVE_INLINE mask inside(floats x, interval range) {
  const floats size = magnitude(x);
  mask in = range.least == -range.most ? size <= all(range.most)
                                       : (x >= all(range.least)) & (x <= all(range.most));
  if (range.smallest > 0) in &= (size >= all(range.smallest)) | (x == 0);
  return in;
}
OGIVE_INLINE bool everywhere(bool x) { return x; }
OGIVE_INLINE bool everywhere(mask x) {
#if defined(__AVX512DQ__)
  return _mm512_movepi32_mask(__m512i(x)) == 0xffff;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(__m256(x)) == 0xff;
#else
  std::int32_t every = -1;
  for (int i = 0; i < lanes; ++i) every &= x[i];
  return every == -1;
#endif
}

template <class Op, class M>
[[gnu::noinline, gnu::flatten]] void mend_gated(const floats (&x)[Op::inputs],
                                                floats (&y)[Op::outputs]) {
  for (int i = 0; i < lanes; ++i) {
    float in[Op::inputs], out[Op::outputs];
    double whole[Op::inputs];
    for (int k = 0; k < Op::inputs; ++k) whole[k] = in[k] = x[k][i];
    for (int k = 0; k < Op::outputs; ++k) out[k] = y[k][i];
    if (Op::takes(in, out)) continue;
    Op::template whole<M>(whole, out);
    for (int k = 0; k < Op::outputs; ++k) y[k][i] = out[k];
  }
}

template <class Op, class M>
OGIVE_INLINE void gate_vector(const float *const (&in)[Op::inputs],
                              float *const (&out)[Op::outputs], std::ptrdiff_t at) {
  floats x[Op::inputs], y[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) x[k] = load(in[k] + at);
  Op::run(x, y);
  if (!Op::takes(x, y)) [[unlikely]]
    mend_gated<Op, M>(x, y);
  for (int k = 0; k < Op::outputs; ++k) store(y[k], out[k] + at);
}

template <class Op, class M>
void in_gate_lanes(float *const (&in)[Op::inputs], float *const (&out)[Op::outputs],
                   std::ptrdiff_t n) {
  const float *from[Op::inputs];
  for (int k = 0; k < Op::inputs; ++k) from[k] = in[k];
  std::ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes) gate_vector<Op, M>(from, out, i);
  if (i == n) return;
  alignas(64) float x[Op::inputs][lanes] = {}, y[Op::outputs][lanes]; // the rest, filled up
  float *to[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) {
    for (std::ptrdiff_t j = 0; i + j < n; ++j) x[k][j] = in[k][i + j];
    from[k] = x[k];
  }
  for (int k = 0; k < Op::outputs; ++k) to[k] = y[k];
  gate_vector<Op, M>(from, to, 0);
  for (int k = 0; k < Op::outputs; ++k)
    for (std::ptrdiff_t j = 0; i + j < n; ++j) out[k][i + j] = y[k][j];
}

template <class Op, class M, class T>
  requires(sizeof(T) == 2)
void in_gate_lanes(T *const (&in)[Op::inputs], T *const (&out)[Op::outputs], std::ptrdiff_t n) {
  alignas(64) float x[Op::inputs][block_size], y[Op::outputs][block_size];
  for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
    const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
    const std::ptrdiff_t padded = (count + lanes - 1) / lanes * lanes;
    for (int k = 0; k < Op::inputs; ++k) {
      for (std::ptrdiff_t i = 0; i < count; ++i) x[k][i] = widen(in[k][begin + i]);
      for (std::ptrdiff_t i = count; i < padded; ++i) x[k][i] = 0;
    }
    for (std::ptrdiff_t i = 0; i < padded; i += lanes) {
      floats a[Op::inputs], b[Op::outputs];
      for (int k = 0; k < Op::inputs; ++k) a[k] = load(x[k] + i);
      Op::run(a, b);
      for (int k = 0; k < Op::outputs; ++k) store(b[k], y[k] + i);
    }
    for (int k = 0; k < Op::outputs; ++k)
      for (std::ptrdiff_t i = 0; i < count; ++i) round_into(y[k][i], out[k][begin + i]);
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      float operands[Op::inputs], results[Op::outputs];
      bool decided = true;
      for (int k = 0; k < Op::inputs; ++k) operands[k] = x[k][i];
      for (int k = 0; k < Op::outputs; ++k) {
        results[k] = y[k][i];
        decided &= !undecided(results[k], T{});
      }
      if (decided && Op::takes(operands, results)) continue;
      double whole[Op::inputs];
      T rounded_results[Op::outputs];
      for (int k = 0; k < Op::inputs; ++k) whole[k] = operands[k];
      Op::template whole<M>(whole, rounded_results);
      for (int k = 0; k < Op::outputs; ++k) out[k][begin + i] = rounded_results[k];
    }
  }
}
