// Rows: (n) -> (n) or (), with a temperature and a mask. The driver reads a row as double, a
// kernel in catalog/rows works on that, and the driver rounds and writes once; so a result may
// overwrite its input. A kernel is:
//
//   struct name {
//     static constexpr bool reduces = …;                        // true: (n) -> ()
//     static void value(const row &r, double *y);               // y[0] where it reduces
//     static void backward(const row &r, const double *dy, double *dx);
//     // optional
//     static constexpr bool negates = true;                     // works on the negated logits
//     using state = …;                                          // what stands for `row` below
//     static void backward_from_output(ptrdiff_t n, const double *dy, const double *y, double *dx);
//     // in lanes of floats or doubles, at temperature 1 and without a mask; `real` is either
//     template <class M, class Row>                            // false, and y as it was, where
//     static bool lane_value(Row &r, const real *x,            // the row is not for lanes
//                            ptrdiff_t n, real *y);
//     template <class M, class Row>                            // the same where it reduces
//     static bool lane_backward(Row &r, const real *x, ptrdiff_t n, real dy, real *dx);
//     template <class Rows>
//     static unsigned short_value(Rows &some);                 // which it took, a bit each
//     template <class Rows>
//     static unsigned short_backward(Rows &some, const real *dy);
//     // leaves sign dx in y
//     static unsigned short_backward_from_output(Rows &y, const Rows &dy, double sign);
//     static bool lane_backward_from_output(ptrdiff_t n, const real *dy, const real *y,
//                                           double temperature, real *dx, bool streams);
//   };
//
// where x is the logits over the temperature, and dx is with respect to x.
#pragma once

#include "drivers/blocks.hpp"
#include "drivers/double_rows.hpp"
#include "drivers/entry.hpp"
#include "drivers/long_rows.hpp"
#include "drivers/short_rows.hpp"
#include "math/sums.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// Its exponentials run in the grade of the result, save where the row reduces to max + log S: near
// 0 the two cancel, and the result has no more digits than they.
template <class T, bool reduces = false>
struct exponential {
  using grade = elementary<f32_grade>;
};
template <class T, bool reduces>
  requires(reduces || !within_floats<T>)
struct exponential<T, reduces> {
  using grade = row_math;
};

// The lanes that a format's rows go through.
template <class T>
struct row_lanes {
  using real = float;
  using row = long_row;
  using rows = short_rows;
};
template <>
struct row_lanes<double> {
  using real = double;
  using row = long_double_row;
  using rows = short_double_rows;
};
template <class T>
using lane_real = typename row_lanes<T>::real;
template <class T>
constexpr bool is_lane_real = __is_same(T, lane_real<T>);

// What divides logits: NaN, which leaves no row defined, unless it is positive and finite.
inline double as_temperature(double t) { return t > 0 && t < infinity ? t : not_a_number; }
inline double temperature_at(const char *at) {
  return as_temperature(*reinterpret_cast<const double *>(at));
}

class scratch {
public:
  explicit scratch(std::ptrdiff_t doubles)
      : memory_(static_cast<double *>(
            __builtin_malloc(static_cast<std::size_t>(doubles + 1) * sizeof(double)))) {}
  ~scratch() { __builtin_free(memory_); }
  scratch(const scratch &) = delete;
  scratch &operator=(const scratch &) = delete;
  double *data() const { return memory_; }

private:
  double *memory_;
};

struct row {
  std::ptrdiff_t n = 0;
  double *d = nullptr;        // (logit - largest logit)/temperature <= 0; -inf where masked
  double *e = nullptr;        // e^d; exactly 1 at argmax
  double largest = -infinity; // largest logit over the temperature
  std::ptrdiff_t argmax = 0;
  // The sum of e without argmax. With S = 1 + rest, log S = log1p(rest) and 1 - 1/S = rest/S keep
  // full relative accuracy however small the rest is: that is what confident rows need.
  double rest = 0;
  double inverse = 1;      // 1/S
  bool masked_out = false; // `where` excludes all of it
  bool has_nan = false;
  bool undefined = false; // a NaN, several +inf, or nothing but -inf: no distribution

  double sum() const { return 1 + rest; }
  double log_sum() const { return row_math::log1p(rest); }
  double probability(std::ptrdiff_t i) const { return e[i] * inverse; }
  double log_sum_exp() const { return largest + log_sum(); }

  // Takes logits in `d` (-inf where masked) to the state described above.
  template <class M>
  void prepare(double temperature, bool any_unmasked) {
    const double m = largest_of(d, n);
    argmax = first_of(d, n, m);
    masked_out = !any_unmasked;
    undefined = m == -infinity && !masked_out;
    has_nan = temperature != temperature || (n > 0 && d[argmax] != d[argmax]);
    if (m == infinity) {
      // A single +inf takes all.
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        undefined |= i > argmax && d[i] == infinity;
        d[i] = d[i] == d[i] ? -infinity : d[i];
      }
    }
    largest = m / temperature;
    const double origin = m > -infinity && m < infinity ? m : 0;
    // A difference beyond the range may lie within it over the temperature.
    if (M::full && origin > 0x1p960)
      raise<M>(origin / 2, temperature / 2, 0.5);
    else
      raise<M>(origin, temperature, 1);
    if (n > 0 && !masked_out) d[argmax] = e[argmax] = 0;
    rest = sum_of(e, n);
    inverse = 1 / sum();
    has_nan |= rest != rest;
    undefined |= has_nan;
    if (n > 0 && !masked_out) e[argmax] = 1;
  }

private:
  // Takes d to (scale d - origin)/temperature, and e to its power.
  template <class M>
  OGIVE_INLINE void raise(double origin, double temperature, double scale) {
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const double x = d[i] * scale, difference = x - origin;
      d[i] = difference / temperature;
      double lost = 0;
      if constexpr (M::full) {
        // Where e^d is not 0 it must not miss what the difference of numbers of different size
        // and the quotient round away.
        const double t = difference - x, low = (x - (difference - t)) - (origin + t);
        const double rest = (fma(-d[i], temperature, difference) + low) / temperature;
        lost = d[i] > M::least_exponent ? rest : 0;
      }
      const double power = M::exp(d[i], lost);
      e[i] = d[i] > -infinity ? power : d[i] == d[i] ? 0 : d[i]; // the f32 grade stops at e^-700
    }
  }
};

// A row in doubles. Halves go through floats, which the vector conversions give.
template <class T>
inline void read_row(const char *from, std::ptrdiff_t step, std::ptrdiff_t n, double *to) {
  if (step != static_cast<std::ptrdiff_t>(sizeof(T))) {
    for (std::ptrdiff_t i = 0; i < n; ++i)
      to[i] = static_cast<double>(widen(*reinterpret_cast<const T *>(from + i * step)));
    return;
  }
  const T *const packed = reinterpret_cast<const T *>(from);
  if constexpr (__is_same(T, half)) {
    alignas(64) float wide[block_size];
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      widen_all(packed + begin, wide, count);
      for (std::ptrdiff_t i = 0; i < count; ++i) to[begin + i] = static_cast<double>(wide[i]);
    }
  } else {
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = static_cast<double>(widen(packed[i]));
  }
}

template <class K>
struct state_of {
  using type = row;
};
template <class K>
  requires requires { typename K::state; }
struct state_of<K> {
  using type = typename K::state;
};

// Multiplies what a kernel that `negates` reads and, since it is linear in them, its gradients.
template <class K>
constexpr double sign_of_logits() {
  return requires { K::negates; } ? -1 : 1;
}

// Puts `other` where a mask is false. Whether it is true anywhere.
inline bool keep_masked(const char *mask, std::ptrdiff_t step, std::ptrdiff_t n, double other,
                        double *x) {
  int any = 0;
  if (step == 1)
    for (std::ptrdiff_t j = 0; j < n; ++j) {
      x[j] = mask[j] != 0 ? x[j] : other;
      any |= mask[j];
    }
  else
    for (std::ptrdiff_t j = 0; j < n; ++j) {
      x[j] = mask[j * step] != 0 ? x[j] : other;
      any |= mask[j * step];
    }
  return any != 0;
}

template <class T>
inline void write_row(const double *from, std::ptrdiff_t n, char *to, std::ptrdiff_t step) {
  if (step != static_cast<std::ptrdiff_t>(sizeof(T))) {
    for (std::ptrdiff_t i = 0; i < n; ++i)
      round_into(from[i], *reinterpret_cast<T *>(to + i * step));
    return;
  }
  T *const packed = reinterpret_cast<T *>(to);
  if constexpr (__is_same(T, half)) {
    alignas(64) odd_float odd[block_size];
    for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
      const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
      for (std::ptrdiff_t i = 0; i < count; ++i) round_into(from[begin + i], odd[i]);
      round_all(reinterpret_cast<const float *>(odd), packed + begin, count);
    }
  } else {
    for (std::ptrdiff_t i = 0; i < n; ++i) round_into(from[i], packed[i]);
  }
}

// A row for lanes: as it lies, or in a buffer with its format, its steps or its sign undone.
template <class T>
inline const lane_real<T> *lanes_from(const char *from, std::ptrdiff_t step, std::ptrdiff_t n,
                                      bool negates, lane_real<T> *buffer) {
  const bool packed = step == static_cast<std::ptrdiff_t>(sizeof(T));
  if constexpr (is_half<T>) {
    if (packed)
      widen_all(reinterpret_cast<const T *>(from), buffer, n);
    else
      for (std::ptrdiff_t i = 0; i < n; ++i)
        buffer[i] = widen(*reinterpret_cast<const T *>(from + i * step));
  } else {
    if (packed && !negates) return reinterpret_cast<const T *>(from);
    for (std::ptrdiff_t i = 0; i < n; ++i)
      buffer[i] = *reinterpret_cast<const T *>(from + i * step);
  }
  for (std::ptrdiff_t i = 0; i < n && negates; ++i) buffer[i] = -buffer[i];
  return buffer;
}
// The results to where they belong; halves are rounded once more, from what is right to an ulp of
// floats, and so within 0.501 ulp: doubles throughout would take three to nine times as long.
template <class T>
inline void write_lanes(const lane_real<T> *from, std::ptrdiff_t n, char *to, std::ptrdiff_t step) {
  if constexpr (!__is_same(T, double))
    if (step == static_cast<std::ptrdiff_t>(sizeof(T)))
      return round_all(from, reinterpret_cast<T *>(to), n);
  for (std::ptrdiff_t i = 0; i < n; ++i) round_into(from[i], *reinterpret_cast<T *>(to + i * step));
}

// Rows side by side, in and out.
template <class T>
inline void read_short(typename row_lanes<T>::rows &some, const char *from, std::ptrdiff_t outer,
                       std::ptrdiff_t step, std::ptrdiff_t rows, std::ptrdiff_t n, bool negates) {
  if constexpr (is_half<T>) {
    alignas(64) float wide[lanes * short_rows::longest];
    if (step == sizeof(T) && outer == n * step)
      widen_all(reinterpret_cast<const T *>(from), wide, rows * n);
    else
      for (std::ptrdiff_t r = 0; r < rows; ++r)
        lanes_from<T>(from + r * outer, step, n, false, wide + r * n);
    constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(float));
    some.read(reinterpret_cast<const char *>(wide), n * size, size, rows, n, negates);
  } else {
    some.read(from, outer, step, rows, n, negates);
  }
}
template <class T>
inline void write_short(typename row_lanes<T>::rows &some, unsigned taken, char *to,
                        std::ptrdiff_t outer, std::ptrdiff_t step) {
  if constexpr (is_half<T>) {
    alignas(64) float wide[lanes * short_rows::longest];
    const std::ptrdiff_t n = some.columns();
    constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(float));
    some.write(taken, reinterpret_cast<char *>(wide), n * size, size);
    if (step == sizeof(T) && outer == n * step && taken == (1u << lanes) - 1)
      return round_all(wide, reinterpret_cast<T *>(to), lanes * n);
    alignas(64) T narrow[lanes * short_rows::longest];
    round_all(wide, narrow, lanes * n);
    for (std::ptrdiff_t r = 0; r < lanes; ++r) {
      if (!(taken >> r & 1)) continue;
      char *const row = to + r * outer;
      if (step == sizeof(T))
        __builtin_memcpy(row, narrow + r * n, static_cast<std::size_t>(n) * sizeof(T));
      else
        for (std::ptrdiff_t c = 0; c < n; ++c)
          *reinterpret_cast<T *>(row + c * step) = narrow[r * n + c];
    }
  } else {
    some.write(taken, to, outer, step);
  }
}

// T(n) d ?(n) -> T(n) or T, and with dy in front of x for backward. dL/d(logit) = dx/temperature.
template <class K, class T, bool backward>
OGIVE_FLATTEN bool rows(char **args, const work &todo, const std::ptrdiff_t *steps) {
  constexpr int x = backward ? 1 : 0, temperature = x + 1, mask = x + 2, result = x + 3;
  constexpr int cores = (backward && !K::reduces) ? 1 : 0; // core steps before those of x
  constexpr double sign = sign_of_logits<K>();
  const std::ptrdiff_t n = todo.n, *core = steps + result + 1;
  const scratch memory(4 * n + long_row::room_for(n));
  if (memory.data() == nullptr) return false;
  double *const dy = memory.data() + 2 * n, *const out = memory.data() + 3 * n;
  using real = lane_real<T>;
  using one_row = typename row_lanes<T>::row;
  using some_rows = typename row_lanes<T>::rows;
  constexpr int width = some_rows::width;
  [[maybe_unused]] one_row in_a_row(reinterpret_cast<real *>(memory.data() + 4 * n),
                                    is_lane_real<T> && todo.streaming);
  using M = typename exponential<T, K::reduces>::grade;
  constexpr bool in_lanes = [] {
    if constexpr (backward)
      return requires(one_row r, real *y) { K::template lane_backward<M>(r, y, 0, real(), y); };
    else
      return requires(one_row r, real *y) { K::template lane_value<M>(r, y, 0, y); };
  }();
  constexpr bool side_by_side = [] {
    if constexpr (backward)
      return requires(some_rows some, const real *dy) { K::short_backward(some, dy); };
    else
      return requires(some_rows some) { K::short_value(some); };
  }();
  unsigned done = 0; // of short rows side by side, a bit each
  constexpr bool reduced = K::reduces && !backward;
  [[maybe_unused]] const std::ptrdiff_t core_of_result = reduced ? 0 : core[cores + 2];
  // Whether a row has temperature 1 and no element masked.
  [[maybe_unused]] const auto looks_plain = [&](std::ptrdiff_t i) {
    const char *const keep = args[mask] + i * steps[mask];
    if (*reinterpret_cast<const double *>(args[temperature] + i * steps[temperature]) != 1)
      return false;
    std::ptrdiff_t j = 0;
    for (const std::ptrdiff_t step = core[cores + 1]; j < (step == 0 ? 1 : n); ++j)
      if (keep[j * step] == 0) return false;
    return true;
  };
  const bool all_alike = steps[temperature] == 0 && steps[mask] == 0;
  const bool first_is_plain = todo.rows > 0 && looks_plain(0);
  [[maybe_unused]] const auto is_plain = [&](std::ptrdiff_t i) {
    return all_alike ? first_is_plain : looks_plain(i);
  };
  for (std::ptrdiff_t i = 0; i < todo.rows; ++i) {
    const auto at = [&](int k) { return args[k] + i * steps[k]; };
    if constexpr (side_by_side)
      if (n > 0 && n <= some_rows::longest) {
        if (i % width == 0) {
          const std::ptrdiff_t left = todo.rows - i, count = left < width ? left : width;
          some_rows some;
          read_short<T>(some, at(x), steps[x], core[cores], count, n, sign < 0);
          if constexpr (backward) {
            alignas(64) real upstream[width];
            for (std::ptrdiff_t k = 0; k < width; ++k)
              upstream[k] =
                  widen(*reinterpret_cast<const T *>(at(0) + (k < count ? k : 0) * steps[0]));
            done = K::short_backward(some, upstream);
          } else {
            done = K::short_value(some);
          }
          if (all_alike)
            done = first_is_plain ? done : 0;
          else
            for (std::ptrdiff_t k = 0; k < count; ++k) done &= ~(unsigned{!is_plain(i + k)} << k);
          write_short<T>(some, done, at(result), steps[result], core_of_result);
        }
        if (done >> (i % width) & 1) continue;
      }
    typename state_of<K>::type r;
    r.n = n;
    r.d = memory.data();
    r.e = memory.data() + n;
    const double t = temperature_at(at(temperature));
    const std::ptrdiff_t mask_step = core[cores + 1];
    if constexpr (in_lanes)
      if (n > 0 && is_plain(i)) {
        real *const buffer = reinterpret_cast<real *>(memory.data());
        const real *const from = lanes_from<T>(at(x), core[cores], n, sign < 0, buffer);
        const bool in_place = is_lane_real<T> && (reduced || core_of_result == sizeof(T));
        real *const to = in_place ? reinterpret_cast<real *>(at(result)) : buffer;
        bool taken;
        if constexpr (backward)
          taken = K::template lane_backward<M>(in_a_row, from, n,
                                               widen(*reinterpret_cast<const T *>(at(0))), to);
        else
          taken = K::template lane_value<M>(in_a_row, from, n, to);
        if (taken && !in_place) {
          in_a_row.finish();
          write_lanes<T>(buffer, reduced ? 1 : n, at(result), core_of_result);
        }
        if (taken) continue;
      }
    read_row<T>(at(x), core[cores], n, r.d);
    if constexpr (sign < 0)
      for (std::ptrdiff_t j = 0; j < n; ++j) r.d[j] = -r.d[j];
    if constexpr (backward) read_row<T>(at(0), K::reduces ? 0 : core[0], K::reduces ? 1 : n, dy);
    bool any = n > 0 && mask_step == 0 && *at(mask) != 0;
    if (!any) {
      any = keep_masked(at(mask), mask_step, n, -infinity, r.d);
      // From where there is no output nothing comes.
      if constexpr (backward && !K::reduces) keep_masked(at(mask), mask_step, n, 0, dy);
    }
    r.template prepare<M>(t, any);
    double single = 0, *const y = K::reduces && !backward ? &single : out;
    if constexpr (backward) {
      const double by = sign * t;
      K::backward(r, dy, y);
      for (std::ptrdiff_t j = 0; j < n; ++j)
        y[j] = r.undefined ? not_a_number : r.masked_out || r.d[j] == -infinity ? 0 : y[j] / by;
    } else {
      K::value(r, y);
      if (K::reduces ? r.has_nan : r.undefined)
        for (std::ptrdiff_t j = 0; j < (K::reduces ? 1 : n); ++j) y[j] = not_a_number;
    }
    if (K::reduces && !backward)
      round_into(single, *reinterpret_cast<T *>(at(result)));
    else
      write_row<T>(y, n, at(result), core[cores + 2]);
  }
  return true;
}

// One row in doubles, in room for three of them.
template <class K, class T>
OGIVE_INLINE void from_output(const char *from_dy, const char *from_y, const char *temperature,
                              char *to, const std::ptrdiff_t *core, std::ptrdiff_t n, double *dy) {
  double *const y = dy + n, *const dx = y + n;
  read_row<T>(from_dy, core[0], n, dy);
  read_row<T>(from_y, core[1], n, y);
  K::backward_from_output(n, dy, y, dx);
  const double t = sign_of_logits<K>() * temperature_at(temperature);
  for (std::ptrdiff_t j = 0; j < n; ++j) dx[j] /= t;
  write_row<T>(dx, n, to, core[2]);
}
// The same, kept out of the loop that seldom comes here.
template <class K, class T>
[[gnu::noinline]] void
from_output_rarely(const char *from_dy, const char *from_y, const char *temperature, char *to,
                   const std::ptrdiff_t *core, std::ptrdiff_t n, double *dy) {
  from_output<K, T>(from_dy, from_y, temperature, to, core, n, dy);
}

// T(n) T(n) d -> T(n): dy, y, temperature.
template <class K, class T>
OGIVE_FLATTEN bool rows_from_output(char **args, const work &todo, const std::ptrdiff_t *steps) {
  const std::ptrdiff_t n = todo.n, *core = steps + 4;
  using real = lane_real<T>;
  using some_rows = typename row_lanes<T>::rows;
  constexpr int width = some_rows::width;
  constexpr bool in_lanes =
      requires(const real *f, real *g) { K::lane_backward_from_output(0, f, f, 1.0, g, false); };
  const scratch memory(3 * n);
  if (memory.data() == nullptr) return false;
  double *const dy = memory.data(), *const y = dy + n, *const dx = y + n;
  unsigned done = 0; // of short rows side by side, a bit each
  for (std::ptrdiff_t i = 0; i < todo.rows; ++i) {
    const auto at = [&](int k) { return args[k] + i * steps[k]; };
    if constexpr (requires(some_rows some) { K::short_backward_from_output(some, some, 1.0); })
      if (n > 0 && n <= some_rows::longest) {
        if (i % width == 0) {
          const std::ptrdiff_t left = todo.rows - i, count = left < width ? left : width;
          some_rows some_dy, some_y;
          read_short<T>(some_dy, at(0), steps[0], core[0], count, n, false);
          read_short<T>(some_y, at(1), steps[1], core[1], count, n, false);
          done = K::short_backward_from_output(some_y, some_dy, sign_of_logits<K>());
          for (std::ptrdiff_t k = 0; k < count; ++k)
            if (*reinterpret_cast<const double *>(at(2) + k * steps[2]) != 1) done &= ~(1u << k);
          write_short<T>(some_y, done, at(3), steps[3], core[2]);
        }
        if (done >> (i % width) & 1) continue;
      }
    if constexpr (in_lanes) {
      const bool packed = is_lane_real<T> && core[2] == sizeof(T);
      real *const to = reinterpret_cast<real *>(packed ? at(3) : reinterpret_cast<char *>(dx));
      if (n > 0 && K::lane_backward_from_output(
                       n, lanes_from<T>(at(0), core[0], n, false, reinterpret_cast<real *>(dy)),
                       lanes_from<T>(at(1), core[1], n, false, reinterpret_cast<real *>(y)),
                       sign_of_logits<K>() * temperature_at(at(2)), to, packed && todo.streaming)) {
        if (!packed) write_lanes<T>(to, n, at(3), core[2]);
        continue;
      }
    }
    if constexpr (in_lanes)
      from_output_rarely<K, T>(at(0), at(1), at(2), at(3), core, n, dy);
    else
      from_output<K, T>(at(0), at(1), at(2), at(3), core, n, dy);
  }
  if (todo.streaming) end_of_stream();
  return true;
}

// The row in the op table.
template <class K>
constexpr entry rows_entry(const char *name) {
  entry e{name, "rows", {}, {}};
  set(e, mode::value, K::reduces ? "T(n) d ?(n) -> T" : "T(n) d ?(n) -> T(n)",
      []<class T>(T) constexpr -> loop { return rows<K, T, false>; });
  set(e, mode::backward, K::reduces ? "T T(n) d ?(n) -> T(n)" : "T(n) T(n) d ?(n) -> T(n)",
      []<class T>(T) constexpr -> loop { return rows<K, T, true>; });
  if constexpr (requires(double *d) { K::backward_from_output(0, d, d, d); })
    set(e, mode::backward_from_output, "T(n) T(n) d -> T(n)",
        []<class T>(T) constexpr -> loop { return rows_from_output<K, T>; });
  return e;
}

} // namespace
} // namespace ogive::OGIVE_ISA
