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

template <class Op, class M, class T>
[[gnu::noinline, gnu::flatten]] void mend_gated(const floats (&x)[Op::inputs],
                                                const floats (&y)[Op::outputs],
                                                T *const (&out)[Op::outputs], std::ptrdiff_t at) {
  for (int i = 0; i < lanes; ++i) {
    float in[Op::inputs], results[Op::outputs];
    double whole[Op::inputs];
    bool open = false;
    for (int k = 0; k < Op::inputs; ++k) whole[k] = in[k] = x[k][i];
    for (int k = 0; k < Op::outputs; ++k) open |= undecided(results[k] = y[k][i], T{});
    if (!open && Op::takes(in, results)) continue;
    T rounded_results[Op::outputs];
    Op::template whole<M>(whole, rounded_results);
    for (int k = 0; k < Op::outputs; ++k) out[k][at + i] = rounded_results[k];
  }
}

template <class Op, class M, class T>
OGIVE_INLINE void gate_vector(const T *const (&in)[Op::inputs], T *const (&out)[Op::outputs],
                              std::ptrdiff_t at) {
  floats x[Op::inputs], y[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) x[k] = load(in[k] + at);
  Op::run(x, y);
  mask open = {};
  for (int k = 0; k < Op::outputs; ++k) {
    if (sizeof(T) == 2) open |= undecided(y[k], T{});
    store(y[k], out[k] + at);
  }
  if (!Op::takes(x, y) || !everywhere(~open)) [[unlikely]]
    mend_gated<Op, M>(x, y, out, at);
}

template <class Op, class M, class T>
void in_gate_lanes(T *const (&in)[Op::inputs], T *const (&out)[Op::outputs], std::ptrdiff_t n) {
  const T *from[Op::inputs];
  for (int k = 0; k < Op::inputs; ++k) from[k] = in[k];
  std::ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes) gate_vector<Op, M>(from, out, i);
  if (i == n) return;
  alignas(64) T x[Op::inputs][lanes] = {}, y[Op::outputs][lanes]; // the rest, filled up
  T *to[Op::outputs];
  for (int k = 0; k < Op::inputs; ++k) {
    for (std::ptrdiff_t j = 0; i + j < n; ++j) x[k][j] = in[k][i + j];
    from[k] = x[k];
  }
  for (int k = 0; k < Op::outputs; ++k) to[k] = y[k];
  gate_vector<Op, M>(from, to, 0);
  for (int k = 0; k < Op::outputs; ++k)
    for (std::ptrdiff_t j = 0; i + j < n; ++j) out[k][i + j] = y[k][j];
}
