// Lean backward: forward keeps one bit per element, and the output where that is not enough. A
// kernel of unary.hpp offers one of
//
//   // the slope takes two values, given the parameters; a set bit means the first
//   static constexpr two_slopes slopes([double parameter…]);
//
//   // the function falls to one minimum and rises from there; a set bit means that x is not left
//   // of it, and the slope follows from that and the output
//   static bool rises(double x);
//   template <class M> static double slope_from_side(double y, double rising); // 1 or 0
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
  template <class M, class R, class... P>
  static R mark(R x, R set, P... p) {
    if constexpr (has_two_slopes<K>) {
      const R slope = K::template at<M>(x, p...).slope;
      return x == x ? slope : set;
    } else {
      return K::rises(x) ? R(1) : R(0);
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

// One block of marks to bits, and back.
template <class R>
[[gnu::noinline]] inline void pack_bits(const R *marks, R set, std::uint8_t *mask,
                                        std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; i += word_bits) {
    std::uint32_t word = 0;
    for (std::ptrdiff_t j = 0; j < word_bits; ++j)
      word |= marks[i + j] == set ? power_of_bit[j] : 0;
    if (n - i >= word_bits) {
      __builtin_memcpy(mask + i / 8, &word, sizeof(word));
    } else {
      word &= power_of_bit[n - i] - 1;
      for (std::ptrdiff_t k = i / 8; k < (n + 7) / 8; ++k, word >>= 8)
        mask[k] = static_cast<std::uint8_t>(word);
    }
  }
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

// Blocks are filled up to whole vectors, so that no loop has a scalar rest.
constexpr std::ptrdiff_t filled_up(std::ptrdiff_t n) {
  return (n + (lanes - 1)) & ~std::ptrdiff_t{lanes - 1};
}

// A block, widened, where it lies or in a buffer that is filled up with zeros.
template <class T, class Wide = decltype(widen(T{}))>
inline const Wide *widened_block(const T *x, std::ptrdiff_t n, Wide *buffer) {
  if constexpr (is_half<T>) {
    widen_all(x, buffer, n);
  } else {
    if (n == filled_up(n)) return x;
    for (std::ptrdiff_t i = 0; i < n; ++i) buffer[i] = x[i];
  }
  for (std::ptrdiff_t i = n; i < filled_up(n); ++i) buffer[i] = 0;
  return buffer;
}

template <class K, class M, class In, class R, class... P>
OGIVE_FLATTEN void mark_block(const In *x, std::ptrdiff_t n, R set, R *marks, P... p) {
  const std::ptrdiff_t whole = filled_up(n);
  for (std::ptrdiff_t i = 0; i < whole; ++i)
    marks[i] = lean_of<K>::template mark<M, R>(static_cast<R>(x[i]), set, p...);
  for (std::ptrdiff_t i = whole; i % word_bits != 0; ++i) marks[i] = 0;
}
template <class K, class M, class T, class... P>
void mark_elements(const T *x, std::uint8_t *mask, std::ptrdiff_t n, P... p) {
  using R = typename M::real;
  alignas(64) decltype(widen(T{})) buffer[block_size];
  alignas(64) R marks[block_size];
  const R set = static_cast<R>(lean_of<K>::marks(p...).set);
  for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
    const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
    mark_block<K, M>(widened_block(x + begin, count, buffer), count, set, marks, p...);
    pack_bits(marks, set, mask + begin / 8, count);
  }
}

// dx from dy and the bits, where backward of the kernel runs in lanes: by the same operations, for
// the same bits.
inline void lean_lanes(const float *dy, const std::uint8_t *bits, float *out, std::ptrdiff_t n,
                       two_slopes given) {
  const float_pair set = split(given.set), otherwise = split(given.otherwise);
  words powers;
  for (int i = 0; i < lanes; ++i) powers[i] = power_of_bit[i];
  const auto vector = [&](const float *from, std::uint32_t word, float *to) {
    const mask which = ((words{} + word) & powers) != 0;
    const floats first[] = {load(from)};
    store(pass_back(first[0], select(which, set, otherwise)), to);
    if (!all_inside(first, finite)) [[unlikely]]
      for (int i = 0; i < lanes; ++i)
        if (const double dy_i = first[0][i]; !lies_in(first[0][i], finite))
          round_into(pass_back(dy_i, which[i] ? given.set : given.otherwise), to[i]);
  };
  // The bits of `count` elements from the i-th on, which begins a vector.
  const auto word_at = [&](std::ptrdiff_t i, std::ptrdiff_t count) {
    std::uint32_t word = bits[i / 8];
    if (count > 8) word |= static_cast<std::uint32_t>(bits[i / 8 + 1]) << 8;
    return word >> i % 8;
  };
  const std::ptrdiff_t count = n & (lanes - 1), whole = n - count;
  for (std::ptrdiff_t i = 0; i < whole; i += lanes) vector(dy + i, word_at(i, lanes), out + i);
  if (count == 0) return;
  alignas(64) float rest[lanes] = {}, dx[lanes];
  for (std::ptrdiff_t k = 0; k < count; ++k) rest[k] = dy[whole + k];
  vector(rest, word_at(whole, count), dx);
  for (std::ptrdiff_t k = 0; k < count; ++k) out[whole + k] = dx[k];
}

template <class K, class M, class In, class R, class Out>
OGIVE_FLATTEN void lean_block(const In *dy, const In *y, const R *marks, std::ptrdiff_t n,
                              Out *out) {
  const std::ptrdiff_t whole = filled_up(n);
#pragma GCC ivdep
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

// As compute_streaming does it; but blocks begin where a byte of bits does, so that the first and
// the last line of each is shared with its neighbour and takes the ordinary way.
template <class K, class M, class T, class... P>
void compute_lean_streaming(const T *dy, const T *y, const std::uint8_t *mask, T *out,
                            std::ptrdiff_t n, P... p) {
  constexpr std::ptrdiff_t size = streamed_bytes / sizeof(T), line = 64 / sizeof(T);
  constexpr std::ptrdiff_t ahead = ahead_bytes / sizeof(T);
  alignas(64) T buffer[size + line];
  const auto past =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(out) % 64 / sizeof(T));
  T *const block = buffer + past; // lies on lines as its place does
  const std::ptrdiff_t head = before_a_line(out);
  std::ptrdiff_t i = 0;
  for (; i + size <= n; i += size) {
    compute_lean<K, M>(dy + i, y + i, mask + i / 8, block, size, p...);
    std::ptrdiff_t k = head;
    for (std::ptrdiff_t j = 0; j < head; ++j) out[i + j] = block[j];
    for (; k + line <= size; k += line) {
      __builtin_prefetch(dy + i + ahead + k);
      if (lean_of<K>::inputs == 2) __builtin_prefetch(y + i + ahead + k);
      stream_line(block + k, out + i + k);
    }
    for (; k < size; ++k) out[i + k] = block[k];
  }
  end_of_stream();
  compute_lean<K, M>(dy + i, y + i, mask + i / 8, out + i, n - i, p...);
}

// The bits are taken first, since y may overwrite x: T[ d…] -> T b.
template <class K, class T>
bool lean_forward(char **args, const work &todo, const std::ptrdiff_t *) {
  using M = grade_t<K, T>;
  constexpr int result = 1 + parameter_count<K>();
  constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(T)), most = 8192 / size;
  std::ptrdiff_t steps[result + 1] = {size};
  steps[result] = size;
  char *piece[result + 1];
  for (int k = 0; k <= result; ++k) piece[k] = args[k];
  const auto parameter = [&](int k) { return *reinterpret_cast<const double *>(args[1 + k]); };
  for (std::ptrdiff_t begin = 0; begin < todo.rows; begin += most) {
    const std::ptrdiff_t count = todo.rows - begin < most ? todo.rows - begin : most;
    piece[0] = args[0] + begin * size;
    piece[result] = args[result] + begin * size;
    const T *const x = reinterpret_cast<const T *>(piece[0]);
    auto *const mask = reinterpret_cast<std::uint8_t *>(args[result + 1]) + begin / 8;
    with_parameters<K>(parameter, [&](auto... p) { mark_elements<K, M>(x, mask, count, p...); });
    const work part{count, 1, todo.streaming};
    elementwise<K, value_of, T>(piece, part, steps);
  }
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
    if (todo.streaming)
      compute_lean_streaming<K, M>(dy, y, mask, out, todo.rows, p...);
    else
      compute_lean<K, M>(dy, y, mask, out, todo.rows, p...);
  };
  const auto parameter = [&](int k) {
    return *reinterpret_cast<const double *>(args[bits + 1 + k]);
  };
  with_parameters<K>(parameter, run);
  return true;
}

} // namespace
} // namespace ogive::OGIVE_ISA
