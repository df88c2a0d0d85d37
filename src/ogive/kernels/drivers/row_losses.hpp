// Losses of rows of logits against a label or target weights: the loop over rows, ignored rows,
// NaN, the Hessian's kinds and all reading and writing are here, and a kernel is its algebra, in
// doubles:
//
//   struct name {
//     static constexpr int options = …;   // numbers between the class weights and the factor
//     static constexpr int smoothing = …; // which of them is label_smoothing; -1: none
//     static constexpr int rooms = …;     // rows of doubles it needs for itself
//     static constexpr bool curved = …;   // has a Hessian
//     // the loss of a row; where it is asked for, leaves the gradient in t.q, the Hessian in t.h
//     static double loss(state r, loss_terms t); // or references
//     // optional
//     using state = …;                    // what stands for `row`, prepared in the full grade
//     static double temperature(const double *options);
//     static void cap(double *z, ptrdiff_t n, const double *options, double *room);
//     // in lanes, where all options are such that `is_plain`: one row against one label, false
//     // where it is not for lanes; and rows side by side: which it took, one bit per row
//     static bool is_plain(const double *options);
//     template <class M, class Row> static bool lane_loss(Row &r, const real *z, ptrdiff_t n,
//       ptrdiff_t label, double weight, double factor, double &loss, real *dz);
//     template <class Rows> static unsigned short_losses(Rows &some, const int32_t *label,
//       const double *weight, const double *factor, double *loss, bool graded);
//   };
//
// Operands: logits, label (< 0: ignored) or target weights, class weights, options, factor of the
// gradient, kind of Hessian -> loss, gradient, Hessian.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drivers/entry.hpp"
#include "drivers/losses.hpp"
#include "drivers/rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// What a loss of one row is made of.
struct loss_terms {
  std::ptrdiff_t n;
  double *q;    // target weights, then the gradient
  double *h;    // the Hessian, or null
  double *room; // as many rows as the kernel asks for
  const double *options;
  double own_weight; // of the label's class; 1 for target weights
  double factor;     // of gradient and Hessian
  hessian_kind kind;
  bool graded;
};

// The label of a row of n classes; -1 where the row is ignored, n where no class has the label.
// Labels are checked before a kernel runs, but they may lie in memory that another thread writes to
// meanwhile: what a kernel indexes with is read once and bounded here.
inline std::int64_t bounded_label(const char *from, std::ptrdiff_t n) {
  const std::int64_t label =
      __atomic_load_n(reinterpret_cast<const std::int64_t *>(from), __ATOMIC_RELAXED);
  return label < 0 ? -1 : label < n ? label : n;
}

// The operands of a call.
template <class K>
struct loss_operands {
  static constexpr int weight_at = 2, options_at = 3, factor_at = options_at + K::options;
  char *const *args;
  const std::ptrdiff_t *steps;
  std::ptrdiff_t n;
  bool by_label, curved;

  int kind_at() const { return factor_at + 1; }
  int loss_at() const { return factor_at + 1 + curved; }
  int gradient_at() const { return loss_at() + 1; }
  int hessian_at() const { return loss_at() + 2; }

  // Steps within a row.
  const std::ptrdiff_t *core() const { return steps + loss_at() + 2 + curved; }
  std::ptrdiff_t logit_step() const { return core()[0]; }
  std::ptrdiff_t target_step() const { return core()[1]; }
  std::ptrdiff_t weight_step() const { return core()[by_label ? 1 : 2]; }
  std::ptrdiff_t gradient_step() const { return core()[by_label ? 2 : 3]; }
  std::ptrdiff_t hessian_step() const { return core()[by_label ? 3 : 4]; }

  char *at(int k, std::ptrdiff_t row) const {
    return args[k] == nullptr ? nullptr : args[k] + row * steps[k];
  }
  double number(int k, std::ptrdiff_t row) const {
    return *reinterpret_cast<const double *>(at(k, row));
  }
  double weight(std::ptrdiff_t row, std::ptrdiff_t c) const {
    return *reinterpret_cast<const double *>(at(weight_at, row) + c * weight_step());
  }
  void options(std::ptrdiff_t row, double (&to)[K::options + 1]) const {
    for (int k = 0; k < K::options; ++k) to[k] = number(options_at + k, row);
  }
  bool is_plain(std::ptrdiff_t row) const {
    double given[K::options + 1];
    options(row, given);
    return K::is_plain(given);
  }
  // Whether all rows have the same weights, options and factor.
  bool all_alike() const {
    bool alike = weight_step() == 0;
    for (int k = weight_at; k <= factor_at; ++k) alike &= steps[k] == 0;
    return alike;
  }
};

// The label of a row, also where its target weights are 1 there and else 0; or below 0.
template <class T, class K>
std::int64_t single_label(const loss_operands<K> &of, std::ptrdiff_t row) {
  const char *const target = of.at(1, row);
  if (of.by_label) {
    const std::int64_t label = bounded_label(target, of.n);
    return label < of.n ? label : -1;
  }
  std::int64_t label = -1;
  for (std::ptrdiff_t c = 0; c < of.n; ++c) {
    const auto t = widen(*reinterpret_cast<const T *>(target + c * of.target_step()));
    if (t == 0) continue;
    if (t != 1 || label >= 0) return -1;
    label = c;
  }
  return label;
}

// Up to `width` short rows side by side, from `first` on. Says which it took, one bit per row.
template <class K, class T>
unsigned short_rows_in_lanes(const loss_operands<K> &of, std::ptrdiff_t first,
                             std::ptrdiff_t rows) {
  using lane_rows = typename row_lanes<T>::rows;
  constexpr int width = lane_rows::width;
  alignas(64) std::int32_t label[width];
  double weight[width], by[width], loss[width];
  const bool alike = of.all_alike();
  const double first_weight = of.weight(first, 0);
  const double first_by = first_weight * of.number(of.factor_at, first);
  const auto fits = [](double factor) {
    return magnitude(factor) >= 0x1p-30 && magnitude(factor) <= 0x1p30;
  };
  if (alike && !(fits(first_by) && of.is_plain(first))) return 0;
  unsigned possible = 0;
  for (std::ptrdiff_t k = 0; k < width; ++k) {
    const std::int64_t target = single_label<T>(of, first + (k < rows ? k : 0));
    label[k] = static_cast<std::int32_t>(target < 0 ? -1 : target);
    weight[k] = first_weight;
    by[k] = first_by;
    possible |= unsigned{target >= 0} << k;
  }
  for (std::ptrdiff_t k = 0; k < rows && !alike; ++k) {
    weight[k] = label[k] < 0 ? 1 : of.weight(first + k, label[k]);
    by[k] = weight[k] * of.number(of.factor_at, first + k);
    possible &= ~(unsigned{!fits(by[k]) || !of.is_plain(first + k)} << k);
  }
  if (possible == 0) return 0;
  char *const gradient = of.at(of.gradient_at(), first);
  lane_rows some;
  read_short<T>(some, of.at(0, first), of.steps[0], of.logit_step(), rows, of.n, false);
  const unsigned done =
      K::short_losses(some, label, weight, by, loss, gradient != nullptr) & possible;
  for (std::ptrdiff_t k = 0; k < rows; ++k)
    if (done >> k & 1) *reinterpret_cast<double *>(of.at(of.loss_at(), first + k)) = loss[k];
  if (gradient != nullptr)
    write_short<T>(some, done, gradient, of.steps[of.gradient_at()], of.gradient_step());
  return done;
}

template <class K, class T>
bool long_row_in_lanes(const loss_operands<K> &of, typename row_lanes<T>::row &one,
                       std::ptrdiff_t row, lane_real<T> *buffer) {
  const std::int64_t label = single_label<T>(of, row);
  if (label < 0 || !of.is_plain(row)) return false;
  const auto *const from = lanes_from<T>(of.at(0, row), of.logit_step(), of.n, false, buffer);
  char *const gradient = of.at(of.gradient_at(), row);
  const bool in_place = gradient == nullptr || (is_lane_real<T> && of.gradient_step() == sizeof(T));
  auto *const dz = in_place ? reinterpret_cast<lane_real<T> *>(gradient) : buffer;
  if (!K::template lane_loss<typename exponential<T>::grade>(
          one, from, of.n, label, of.weight(row, label), of.number(of.factor_at, row),
          *reinterpret_cast<double *>(of.at(of.loss_at(), row)), dz))
    return false;
  if (!in_place) {
    one.finish();
    write_lanes<T>(dz, of.n, gradient, of.gradient_step());
  }
  return true;
}

// The same for one row or some, whichever they are.
template <class K, class T>
[[gnu::noinline]] unsigned rows_in_lanes(const loss_operands<K> &of,
                                         typename row_lanes<T>::row &one, std::ptrdiff_t first,
                                         std::ptrdiff_t rows, lane_real<T> *buffer) {
  if (of.n == 0) return 0; // not a weight to read
  if (of.n <= row_lanes<T>::rows::longest) return short_rows_in_lanes<K, T>(of, first, rows);
  return long_row_in_lanes<K, T>(of, one, first, buffer);
}

enum class target { counts, ignored, of_no_class };

// Writes the target weights of a row.
template <class K, class T>
target fill_targets(const loss_operands<K> &of, std::ptrdiff_t row, double eps, double *q,
                    double &own_weight) {
  const std::ptrdiff_t n = of.n;
  const double even = eps / static_cast<double>(n);
  own_weight = 1;
  if (!of.by_label) {
    read_row<T>(of.at(1, row), of.target_step(), n, q);
    for (std::ptrdiff_t c = 0; c < n; ++c)
      q[c] = of.weight(row, c) * (K::smoothing < 0 ? q[c] : fma(q[c], 1 - eps, even));
    return target::counts;
  }
  const std::int64_t label = bounded_label(of.at(1, row), n);
  if (label < 0) return target::ignored;
  for (std::ptrdiff_t c = 0; c < n; ++c) q[c] = eps == 0 ? 0 : of.weight(row, c) * even;
  if (label == n) return target::of_no_class;
  own_weight = of.weight(row, label);
  q[label] += own_weight * (1 - eps);
  return own_weight == own_weight ? target::counts : target::of_no_class;
}

// One copy for all formats, whose calls are inlined. A kernel that takes copies of the two has
// loops that no store can disturb, and so are vectorised.
template <class K>
OGIVE_FLATTEN double loss_of_row(typename state_of<K>::type &r, const loss_terms &t) {
  return K::loss(r, t);
}
template <class K, class T>
struct grade_of_loss {
  using type = row_math;
};
template <class K, class T>
  requires(__is_same(typename state_of<K>::type, row))
struct grade_of_loss<K, T> : exponential<T> {
  using type = typename exponential<T>::grade;
};

template <class T>
inline void write_constant(double x, std::ptrdiff_t n, char *to, std::ptrdiff_t step) {
  for (std::ptrdiff_t c = 0; c < n && to != nullptr; ++c)
    round_into(x, *reinterpret_cast<T *>(to + c * step));
}

template <class K, class T>
[[gnu::noinline]] bool row_losses(char **args, const work &todo, const std::ptrdiff_t *steps,
                                  bool by_label, bool curved) {
  using real = lane_real<T>;
  using lane_rows = typename row_lanes<T>::rows;
  constexpr bool in_lanes = requires { K::template short_losses<lane_rows>; };
  const loss_operands<K> of{args, steps, todo.n, by_label, curved};
  const std::ptrdiff_t n = todo.n;
  const scratch memory((4 + K::rooms) * n + (in_lanes ? long_row::room_for(n) : 0));
  if (memory.data() == nullptr) return false;
  double *const d = memory.data(), *const e = d + n, *const q = e + n, *const h = q + n;
  double *const room = h + n;
  [[maybe_unused]] typename row_lanes<T>::row one(reinterpret_cast<real *>(room + K::rooms * n),
                                                  is_lane_real<T> && todo.streaming);
  [[maybe_unused]] const auto by_lanes = [&](std::ptrdiff_t first, std::ptrdiff_t rows) {
    if constexpr (in_lanes)
      return rows_in_lanes<K, T>(of, one, first, rows, reinterpret_cast<real *>(d));
    else
      return 0u;
  };

  const auto in_doubles = [&](std::ptrdiff_t i) {
    double &loss = *reinterpret_cast<double *>(of.at(of.loss_at(), i));
    char *const gradient = of.at(of.gradient_at(), i);
    char *const hessian = curved ? of.at(of.hessian_at(), i) : nullptr;
    double options[K::options + 1], own_weight;
    of.options(i, options);
    const target what =
        fill_targets<K, T>(of, i, K::smoothing < 0 ? 0 : options[K::smoothing], q, own_weight);
    if (what == target::ignored) {
      loss = 0;
      write_constant<T>(0, n, gradient, of.gradient_step());
      if (curved) write_constant<T>(0, n, hessian, of.hessian_step());
      return;
    }
    typename state_of<K>::type r;
    r.n = n;
    r.d = d;
    r.e = e;
    read_row<T>(of.at(0, i), of.logit_step(), n, d);
    if constexpr (requires { K::cap; }) K::cap(d, n, options, room);
    double temperature = 1;
    if constexpr (requires { K::temperature; }) temperature = K::temperature(options);
    r.template prepare<typename grade_of_loss<K, T>::type>(temperature, true);
    if (r.undefined || what == target::of_no_class) {
      loss = not_a_number;
      write_constant<T>(not_a_number, n, gradient, of.gradient_step());
      if (curved && gradient != nullptr)
        write_constant<T>(not_a_number, n, hessian, of.hessian_step());
      return;
    }
    const auto kind = kind_of(curved ? of.number(of.kind_at(), i) : 0);
    loss = loss_of_row<K>(r, {n, q, curved ? h : nullptr, room, options, own_weight,
                              of.number(of.factor_at, i), kind, gradient != nullptr});
    if (gradient == nullptr) return;
    // Beside a Hessian the lanes come last, since the gradient may overwrite the logits.
    const bool taken = curved && by_lanes(i, 1) != 0;
    one.finish();
    if (taken)
      read_row<T>(gradient, of.gradient_step(), n, q);
    else
      write_row<T>(q, n, gradient, of.gradient_step());
    if (hessian == nullptr) return;
    if (kind == gradient_size)
      for (std::ptrdiff_t c = 0; c < n; ++c) h[c] = magnitude(q[c]);
    write_row<T>(h, n, hessian, of.hessian_step());
  };

  const std::ptrdiff_t width = in_lanes && n <= lane_rows::longest ? lane_rows::width : 1;
  for (std::ptrdiff_t i = 0; i < todo.rows; i += width) {
    const std::ptrdiff_t left = todo.rows - i, count = left < width ? left : width;
    const unsigned done = curved ? 0 : by_lanes(i, count);
    for (std::ptrdiff_t k = 0; k < count; ++k)
      if (!(done >> k & 1)) in_doubles(i + k);
  }
  return true;
}

// "T(n) l d(n) d … -> d T(n)"
template <class K, bool by_label, bool curved>
constexpr operand_text row_loss_operands = [] {
  operand_text t;
  t.add(by_label ? "T(n) l d(n)" : "T(n) T(n) d(n)");
  for (int k = 0; k < K::options + 1 + curved; ++k) t.add(" d");
  t.add(curved ? " -> d T(n) T(n)" : " -> d T(n)");
  return t;
}();

template <class K, bool by_label, bool curved>
constexpr void set_row_loss_mode(entry &e, mode m) {
  set(e, m, row_loss_operands<K, by_label, curved>.text, []<class T>(T) constexpr -> loop {
    return [](char **args, const work &todo, const std::ptrdiff_t *steps) {
      return row_losses<K, T>(args, todo, steps, by_label, curved);
    };
  });
}
template <class K>
constexpr void set_row_loss(entry &e) {
  set_row_loss_mode<K, true, false>(e, mode::labels);
  set_row_loss_mode<K, false, false>(e, mode::probabilities);
  if constexpr (K::curved) {
    set_row_loss_mode<K, true, true>(e, mode::labels_hessian);
    set_row_loss_mode<K, false, true>(e, mode::probabilities_hessian);
  }
}

} // namespace
} // namespace ogive::OGIVE_ISA
