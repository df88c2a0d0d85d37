// Lean backward: forward keeps one bit per element, and the output where that is not enough. A
// kernel of unary.hpp offers one of
//
//   // the slope takes two values, given the parameters; a set bit means the first
//   static constexpr two_slopes slopes([double parameter…]);
//   // one bit for each of any floats; parameters are as value_lanes has them, or doubles
//   template <class M> static std::uint32_t with_first_slope(floats x[, float_pair parameter…]);
//
//   // the function falls to one minimum and rises from there; a set bit means that x is not left
//   // of it, and the slope follows from that and the output
//   static bool rises(double x);
//   template <class M> static double slope_from_side(double y, double rising); // 1 or 0
//   // and in float lanes, for y within a range
//   static constexpr interval side_range;
//   static floats side_slope_lanes(floats y, mask rising);
//   static constexpr double turn; // where it begins to rise
//
// Element i has bit i mod 8 of byte i/8, as np.packbits(bitorder="little") has it; the bits after
// the last element are 0. The bit of a NaN is set. All operands lie contiguous.
#pragma once

#include "drivers/elementwise.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct two_slopes {
  double set, otherwise;
};

template <class K>
constexpr bool has_two_slopes =
    requires { K::slopes(); } || requires { K::slopes(0.0); } || requires { K::slopes(0.0, 0.0); };
template <class K>
constexpr bool has_two_sides = requires { K::rises(0.0); };

// What tells the two kinds of elements apart, as a number: it equals `set` where the bit is set.
template <class K>
struct lean_of {
  static constexpr int inputs = has_two_slopes<K> ? 1 : 2;
  template <class... P>
  static two_slopes marks(P... p) {
    if constexpr (has_two_slopes<K>)
      return K::slopes(p...);
    else
      return {1, 0};
  }
  // Whether the bit is not to be set; that of a NaN is.
  template <class M, class R, class... P>
  static bool otherwise(R x, R set, P... p) {
    if constexpr (has_two_slopes<K>) {
      const R slope = K::template at<M>(x, p...).slope;
      return (slope < set) | (slope > set);
    } else {
      return !K::rises(x);
    }
  }
  // dx from (dy, mark) or from (dy, y, mark).
  template <class M, class R, class... P>
  static R run(R dy, R y, R mark) {
    if constexpr (has_two_slopes<K>)
      return passed_through<K, M>(dy, mark);
    else
      return pass_back(dy, K::template slope_from_side<M>(y, mark));
  }
};

// Bits and numbers meet in an array, a block at a time: a loop over both would mix lanes of
// different width, which compilers give up on. Comparing with powers of two is a vector operation
// everywhere, which a shift by a different amount in each lane is not.
constexpr std::ptrdiff_t word_bits = 32;
constexpr std::uint32_t power_of_bit[word_bits] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
    1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
    1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
    1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bit i mod 8 of byte i/8 is bit i");
static_assert(block_size % word_bits == 0);

// One block of marks to bits, and back. Floats are compared a vector at a time.
inline void store_word(std::uint32_t word, std::uint8_t *mask, std::ptrdiff_t i, std::ptrdiff_t n) {
  if (n - i >= word_bits) {
    __builtin_memcpy(mask + i / 8, &word, sizeof(word));
  } else {
    word &= power_of_bit[n - i] - 1;
    for (std::ptrdiff_t k = i / 8; k < (n + 7) / 8; ++k, word >>= 8)
      mask[k] = static_cast<std::uint8_t>(word);
  }
}
// marked(x) has one bit of each lane.
template <class Marked>
OGIVE_INLINE void pack_bits(const float *x, std::uint8_t *bits, std::ptrdiff_t n, Marked marked) {
  for (std::ptrdiff_t i = 0; i < n; i += word_bits) {
    std::uint32_t word = 0;
#pragma GCC unroll 8
    for (int j = 0; j < word_bits; j += lanes) word |= marked(load(x + i + j)) << j;
    store_word(word, bits, i, n);
  }
}
[[gnu::noinline]] inline void pack_ones(const float *marks, std::uint8_t *bits, std::ptrdiff_t n) {
  pack_bits(marks, bits, n, [](floats x) OGIVE_INLINE_LAMBDA { return packed_from(x, all(1)); });
}
template <class R>
[[gnu::noinline]] inline void unpack_bits(const std::uint8_t *mask, R set, R otherwise, R *marks,
                                          std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; i += word_bits) {
    std::uint32_t word = 0;
    if (n - i >= word_bits)
      __builtin_memcpy(&word, mask + i / 8, sizeof(word));
    else
      for (std::ptrdiff_t k = (n + 7) / 8; k-- > i / 8;) word = word << 8 | mask[k];
    for (std::ptrdiff_t j = 0; j < word_bits; ++j)
      marks[i + j] = word & power_of_bit[j] ? set : otherwise;
  }
}

// Blocks are filled up to whole vectors or words of bits, so that no loop has a scalar rest.
template <std::ptrdiff_t unit = lanes>
constexpr std::ptrdiff_t filled_up(std::ptrdiff_t n) {
  return (n + (unit - 1)) & ~(unit - 1);
}

// A block, widened, where it lies or in a buffer that is filled up with zeros.
template <std::ptrdiff_t unit = lanes, class T, class Wide = decltype(widen(T{}))>
inline const Wide *widened_block(const T *x, std::ptrdiff_t n, Wide *buffer) {
  if constexpr (is_half<T>) {
    widen_all(x, buffer, n);
  } else {
    if (n == filled_up<unit>(n)) return x;
    for (std::ptrdiff_t i = 0; i < n; ++i) buffer[i] = x[i];
  }
  for (std::ptrdiff_t i = n; i < filled_up<unit>(n); ++i) buffer[i] = 0;
  return buffer;
}

template <class K, class M, class In, class R, class... P>
OGIVE_FLATTEN void mark_block(const In *x, std::ptrdiff_t n, R set, float *marks, P... p) {
  const std::ptrdiff_t whole = filled_up<word_bits>(n);
  OGIVE_INDEPENDENT
  for (std::ptrdiff_t i = 0; i < whole; ++i)
    marks[i] = lean_of<K>::template otherwise<M, R>(static_cast<R>(x[i]), set, p...) ? 0 : 1;
}
// The least float that is not below a number.
constexpr float float_from(double x) {
  const auto near = static_cast<float>(x);
  const auto bits = __builtin_bit_cast(std::uint32_t, near);
  return near >= x ? near : __builtin_bit_cast(float, near < 0 ? bits - 1 : bits + 1);
}
// Whether a kernel tells them in lanes for these parameters.
template <class K, class T, class... P>
bool marks_in_lanes(P... p) {
  if constexpr (!within_floats<T>)
    return false;
  else if constexpr (has_two_slopes<K> && requires { &K::takes; })
    return K::takes(p...);
  else
    return true;
}
// The bits of a vector.
template <class K, class M, class... P>
OGIVE_INLINE std::uint32_t marked_in_lanes(floats x, P... p) {
  if constexpr (has_two_sides<K>) {
    constexpr float first = float_from(K::turn);
    return packed_from(x, all(first));
  } else {
    const two_slopes by = lean_of<K>::marks(p...);
    const std::uint32_t alike = by.set == by.otherwise ? packed(~mask{}) : 0;
    if constexpr (requires { K::template with_first_slope<M>(x, p...); })
      return K::template with_first_slope<M>(x, p...) | alike;
    else
      return K::template with_first_slope<M>(x, split(p)...) | alike;
  }
}

template <class K, class M, class T, class... P>
void mark_elements(const T *x, std::uint8_t *mask, std::ptrdiff_t n, P... p) {
  using R = typename M::real;
  alignas(64) decltype(widen(T{})) buffer[block_size];
  const R set = static_cast<R>(lean_of<K>::marks(p...).set);
  const bool by_lanes = marks_in_lanes<K, T>(p...);
  for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
    const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
    const auto *const block = widened_block<word_bits>(x + begin, count, buffer);
    std::uint8_t *const bits = mask + begin / 8;
    if constexpr (within_floats<T>)
      if (by_lanes) {
        pack_bits(block, bits, count,
                  [=](floats v) OGIVE_INLINE_LAMBDA { return marked_in_lanes<K, M>(v, p...); });
        continue;
      }
    alignas(64) float marks[block_size];
    mark_block<K, M>(block, count, set, marks, p...);
    pack_ones(marks, bits, count);
  }
}

// Values and bits of floats in one pass: `group(x, y)` stores a group of values and returns their
// bits. It reads all of x first, since y may overwrite it.
constexpr std::ptrdiff_t group_size = 64;
template <class Group>
OGIVE_INLINE void in_groups(const float *x, float *y, std::uint8_t *bits, std::ptrdiff_t n,
                            Group group) {
  std::ptrdiff_t i = 0;
  for (; i + group_size <= n; i += group_size) {
    const std::uint64_t word = group(x + i, y + i);
    __builtin_memcpy(bits + i / 8, &word, sizeof(word));
  }
  if (i == n) return;
  alignas(64) float from[group_size] = {}, to[group_size];
  for (std::ptrdiff_t k = 0; i + k < n; ++k) from[k] = x[i + k];
  const std::uint64_t word = group(from, to) & ((std::uint64_t{1} << (n - i)) - 1);
  for (std::ptrdiff_t k = 0; i + k < n; ++k) y[i + k] = to[k];
  __builtin_memcpy(bits + i / 8, &word, static_cast<std::size_t>(n - i + 7) / 8);
}
template <class K, class M, class... P>
OGIVE_FLATTEN void lanes_with_bits(const float *x, float *y, std::uint8_t *bits, std::ptrdiff_t n,
                                   P... p) {
  const auto group = [=](const float *from, float *to) OGIVE_INLINE_LAMBDA {
    std::uint64_t word = 0;
#pragma GCC unroll 16
    for (int k = 0; k < group_size; k += lanes)
      word |= std::uint64_t{marked_in_lanes<K, M>(load(from + k), p...)} << k;
    if constexpr (in_lanes<value_of<K>, float>) {
      constexpr int vectors = has_fma ? vectors_at_once<value_of<K>> : 1;
      for (int k = 0; k < group_size; k += vectors * lanes)
        mended_group<value_of<K>, M, vectors>(from + k, from + k, to + k, p...);
    } else {
      compute_whole<value_of<K>, stored_once<M>>(from, from, to, group_size, p...);
    }
    return word;
  };
  in_groups(x, y, bits, n, group);
}

// Runs `group(dy, y, bits, out)` on `count` vectors at a time, as long as there are so many, and
// `one(dy, y, word, out)`, with the bits of a vector, on the rest, the last of it in buffers.
template <int count, class Group, class One>
OGIVE_INLINE void in_marked_vectors(const float *dy, const float *y, const std::uint8_t *bits,
                                    float *out, std::ptrdiff_t n, Group group, One one) {
  constexpr std::ptrdiff_t size = count * lanes;
  std::ptrdiff_t i = 0;
  if constexpr (has_fma && count > 1)
    for (; i + size <= n; i += size) group(dy + i, y + i, bits + i / 8, out + i);
  // The bits of some elements from the i-th on, which begins a vector.
  const auto word_at = [&](std::ptrdiff_t from, std::ptrdiff_t some) {
    std::uint32_t word = bits[from / 8];
    if (some > 8) word |= static_cast<std::uint32_t>(bits[from / 8 + 1]) << 8;
    return word >> from % 8;
  };
  for (; i + lanes <= n; i += lanes) one(dy + i, y + i, word_at(i, lanes), out + i);
  if (i == n) return;
  alignas(64) float rest[2][lanes] = {}, dx[lanes];
  for (std::ptrdiff_t k = 0; i + k < n; ++k) {
    rest[0][k] = dy[i + k];
    rest[1][k] = y[i + k];
  }
  one(rest[0], rest[1], word_at(i, n - i), dx);
  for (std::ptrdiff_t k = 0; i + k < n; ++k) out[i + k] = dx[k];
}
// The lanes whose bits are set.
OGIVE_INLINE mask lanes_of(std::uint32_t word) {
  words powers;
  for (int i = 0; i < lanes; ++i) powers[i] = power_of_bit[i];
  return ((words{} + word) & powers) != 0;
}

// dx from dy and the bits, where backward of the kernel runs in lanes: by the same operations, for
// the same bits.
inline void lean_lanes(const float *dy, const std::uint8_t *bits, float *out, std::ptrdiff_t n,
                       two_slopes given) {
  const float_pair set = split(given.set), otherwise = split(given.otherwise);
  const auto vector = [&](const float *from, const float *, std::uint32_t word, float *to) {
    const mask which = lanes_of(word);
    const floats first[] = {load(from)};
    store(pass_back(first[0], select(which, set, otherwise)), to);
    if (!all_inside(first, finite)) [[unlikely]]
      for (int i = 0; i < lanes; ++i)
        if (const double dy_i = first[0][i]; !lies_in(first[0][i], finite))
          round_into(pass_back(dy_i, which[i] ? given.set : given.otherwise), to[i]);
  };
  in_marked_vectors<1>(dy, dy, bits, out, n, [](auto...) {}, vector);
}

template <class K, class M>
[[gnu::noinline]] void mend_side(floats dy, floats y, mask rises, float *out) {
  for (int i = 0; i < lanes; ++i) {
    if (lies_in(dy[i], finite) && lies_in(y[i], K::side_range)) continue;
    round_into(lean_of<K>::template run<M, double>(dy[i], y[i], rises[i] ? 1 : 0), out[i]);
  }
}
// dx from dy, y and the bits in lanes; what lies outside of their range goes to the double form.
template <class K, class M, int count>
OGIVE_INLINE void side_group(const float *dy, const float *y, const mask (&rises)[count],
                             float *out) {
  floats first[count], second[count], slope[count];
#pragma GCC unroll 4
  for (int k = 0; k < count; ++k) {
    first[k] = load(dy + k * lanes);
    second[k] = load(y + k * lanes);
  }
#pragma GCC unroll 4
  for (int k = 0; k < count; ++k) slope[k] = K::side_slope_lanes(second[k], rises[k]);
#pragma GCC unroll 4
  for (int k = 0; k < count; ++k) store(first[k] * slope[k], out + k * lanes);
  if (all_inside(first, finite) && all_inside(second, K::side_range)) [[likely]]
    return;
  for (int k = 0; k < count; ++k) mend_side<K, M>(first[k], second[k], rises[k], out + k * lanes);
}
template <class K, class M>
OGIVE_FLATTEN void side_lanes(const float *dy, const float *y, const std::uint8_t *bits, float *out,
                              std::ptrdiff_t n) {
  constexpr int count = lanes == 8 ? 2 : 4; // as in compute_lanes
  const auto group = [](const float *a, const float *b, const std::uint8_t *at, float *to)
                         OGIVE_INLINE_LAMBDA {
                           std::uint64_t word = 0;
                           __builtin_memcpy(&word, at, count * lanes / 8);
                           mask rises[count];
#pragma GCC unroll 4
                           for (int k = 0; k < count; ++k)
                             rises[k] = lanes_of(static_cast<std::uint32_t>(word >> k * lanes));
                           side_group<K, M, count>(a, b, rises, to);
                         };
  const auto one = [](const float *a, const float *b, std::uint32_t word, float *to)
                       OGIVE_INLINE_LAMBDA {
                         const mask rises[] = {lanes_of(word)};
                         side_group<K, M, 1>(a, b, rises, to);
                       };
  in_marked_vectors<count>(dy, y, bits, out, n, group, one);
}

template <class K, class M, class In, class R, class Out>
OGIVE_FLATTEN void lean_block(const In *dy, const In *y, const R *marks, std::ptrdiff_t n,
                              Out *out) {
  const std::ptrdiff_t whole = filled_up(n);
  OGIVE_INDEPENDENT
  for (std::ptrdiff_t i = 0; i < whole; ++i) {
    const R b = lean_of<K>::inputs == 2 ? static_cast<R>(y[i]) : R(0);
    round_into(lean_of<K>::template run<M, R>(static_cast<R>(dy[i]), b, marks[i]), out[i]);
  }
}

template <class K, class M, class T, class... P>
[[gnu::noinline]] void compute_lean(const T *dy, const T *y, const std::uint8_t *mask, T *out,
                                    std::ptrdiff_t n, P... p) {
  using R = typename M::real;
  if constexpr (has_two_slopes<K> && in_lanes<backward_of<K>, T> && is_float<T>)
    if (backward_of<K>::takes(p...)) return lean_lanes(dy, mask, out, n, lean_of<K>::marks(p...));
  if constexpr (requires { K::side_range; } && is_float<T>)
    return side_lanes<K, M>(dy, y, mask, out, n);
  // Where much is computed, storing halves makes the loop take twice as many at once.
  constexpr bool rounds_apart = is_half<T> && lean_of<K>::inputs == 1;
  using wide = decltype(widen(T{}));
  using Out = decltype([] {
    if constexpr (rounds_apart)
      return odd_float{};
    else
      return T{};
  }());
  alignas(64) wide dy_buffer[block_size], y_buffer[block_size];
  alignas(64) R marks[block_size];
  alignas(64) Out result[block_size];
  const two_slopes given = lean_of<K>::marks(p...);
  const R set = static_cast<R>(given.set), otherwise = static_cast<R>(given.otherwise);
  for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
    const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
    unpack_bits(mask + begin / 8, set, otherwise, marks, count);
    const wide *const a = widened_block(dy + begin, count, dy_buffer);
    const wide *const b = lean_of<K>::inputs == 2 ? widened_block(y + begin, count, y_buffer) : a;
    Out *to = result;
    if constexpr (!rounds_apart)
      if (count == filled_up(count)) to = out + begin;
    lean_block<K, M>(a, b, marks, count, to);
    if constexpr (rounds_apart)
      round_all(reinterpret_cast<const float *>(result), out + begin, count);
    else if (to == result)
      for (std::ptrdiff_t i = 0; i < count; ++i) out[begin + i] = result[i];
  }
}

// As large results are streamed elsewhere; but blocks begin where a byte of bits does, so that the
// first and the last line of each is shared with its neighbour and takes the ordinary way.
// `part(first, second, bits, out, n)` computes.
template <int inputs, class T, class Bits, class Part>
void in_streamed_blocks(const T *first, const T *second, Bits *bits, T *out, std::ptrdiff_t n,
                        Part part) {
  constexpr std::ptrdiff_t size = streamed_bytes / sizeof(T), line = 64 / sizeof(T);
  constexpr std::ptrdiff_t ahead = ahead_bytes / sizeof(T);
  alignas(64) T buffer[size + line];
  const auto past =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(out) % 64 / sizeof(T));
  T *const block = buffer + past; // lies on lines as its place does
  const std::ptrdiff_t head = before_a_line(out, sizeof(T));
  std::ptrdiff_t i = 0;
  for (; i + size <= n; i += size) {
    part(first + i, second + i, bits + i / 8, block, size);
    std::ptrdiff_t k = head;
    for (std::ptrdiff_t j = 0; j < head; ++j) out[i + j] = block[j];
    for (; k + line <= size; k += line) {
      __builtin_prefetch(first + i + ahead + k);
      if (inputs == 2) __builtin_prefetch(second + i + ahead + k);
      stream_line(block + k, out + i + k);
    }
    for (; k < size; ++k) out[i + k] = block[k];
  }
  end_of_stream();
  part(first + i, second + i, bits + i / 8, out + i, n - i);
}

// A few elements at a time, the bits first, since y may overwrite x.
template <class K, class M, class T, class... P>
void values_with_bits(const T *x, T *y, std::uint8_t *bits, std::ptrdiff_t n, P... p) {
  if constexpr (is_float<T> && (in_lanes<value_of<K>, T> || requires { K::exact; }))
    if (marks_in_lanes<K, T>(p...)) return lanes_with_bits<K, M>(x, y, bits, n, p...);
  constexpr std::ptrdiff_t most = 8192 / sizeof(T);
  for (std::ptrdiff_t begin = 0; begin < n; begin += most) {
    const std::ptrdiff_t count = n - begin < most ? n - begin : most;
    mark_elements<K, M>(x + begin, bits + begin / 8, count, p...);
    compute<value_of<K>, M>(x + begin, x + begin, y + begin, count, p...);
  }
}

// T[ d…] -> T b
template <class K, class T>
bool lean_forward(char **args, const work &todo, const std::ptrdiff_t *) {
  using M = grade_t<K, T>;
  constexpr int result = 1 + parameter_count<K>();
  const T *const x = reinterpret_cast<const T *>(args[0]);
  T *const y = reinterpret_cast<T *>(args[result]);
  auto *const mask = reinterpret_cast<std::uint8_t *>(args[result + 1]);
  const auto run = [&](auto... p) {
    const auto part = [=](const T *from, const T *, std::uint8_t *bits, T *to, std::ptrdiff_t n) {
      values_with_bits<K, M>(from, to, bits, n, p...);
    };
    if (todo.streaming)
      in_streamed_blocks<1>(x, x, mask, y, todo.rows, part);
    else
      part(x, x, mask, y, todo.rows);
  };
  with_parameters<K>([&](int k) { return *reinterpret_cast<const double *>(args[1 + k]); }, run);
  return true;
}

// T[ T] b[ d…] -> T
template <class K, class T>
bool lean_backward(char **args, const work &todo, const std::ptrdiff_t *) {
  using M = grade_t<K, T>;
  constexpr int bits = lean_of<K>::inputs, result = bits + 1 + parameter_count<K>();
  const T *const dy = reinterpret_cast<const T *>(args[0]);
  const T *const y = reinterpret_cast<const T *>(args[bits - 1]);
  const auto *const mask = reinterpret_cast<const std::uint8_t *>(args[bits]);
  T *const out = reinterpret_cast<T *>(args[result]);
  const auto run = [&](auto... p) {
    const auto part = [=](const T *a, const T *b, const std::uint8_t *which, T *to,
                          std::ptrdiff_t n) { compute_lean<K, M>(a, b, which, to, n, p...); };
    if (todo.streaming)
      in_streamed_blocks<bits>(dy, y, mask, out, todo.rows, part);
    else
      part(dy, y, mask, out, todo.rows);
  };
  const auto parameter = [&](int k) {
    return *reinterpret_cast<const double *>(args[bits + 1 + k]);
  };
  with_parameters<K>(parameter, run);
  return true;
}

} // namespace
} // namespace ogive::OGIVE_ISA
