// Losses of single logits against targets: reading, writing, blocks and the Hessian's kinds are
// here, and a kernel is its algebra, in doubles:
//
//   struct name {
//     static constexpr bool of_elements = true;
//     // its numbers: weights and options, one per call or, with "(n)", one per element
//     static constexpr const char *numbers = "d(n) d …";
//     // a block: the loss in l.loss, the gradient in l.gradient and, where `curved`, the Hessian
//     template <bool curved> static void block(const element_terms &l);
//     static void bound(double *hessian, ptrdiff_t n);    // optional: makes it an upper bound
//     // optional, for floats where `applies`:
//     struct in_floats {
//       static bool applies(const double *const *number);
//       void set_weights(const double *const *number, ptrdiff_t n);
//       // a block of whole vectors; whether it took all its elements
//       template <bool graded>
//       bool run(const float *z, const float *t, ptrdiff_t n, double *loss, float *gradient);
//       bool takes(ptrdiff_t j, float z, float t) const;  // whether it takes element j
//     };
//   };
//
// Operands: logits, targets, numbers, kind of Hessian -> loss, gradient, Hessian.
#pragma once

#include <cstddef>

#include "drivers/blocks.hpp"
#include "drivers/entry.hpp"
#include "drivers/losses.hpp"
#include "drivers/rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

constexpr int most_numbers = 8;

struct element_terms {
  std::ptrdiff_t n;
  const double *z, *t;
  const double *number[most_numbers]; // one per element of the block, or one
  double *loss, *gradient, *hessian;
};

// Which of a kernel's numbers there is one of per element.
struct number_list {
  int count = 0;
  bool per_element[most_numbers] = {};
};
template <class K>
constexpr number_list numbers_of = [] {
  number_list list;
  for (const char *c = K::numbers; *c; ++c) {
    if (*c == 'd') ++list.count;
    if (*c == '(') list.per_element[list.count - 1] = true;
  }
  return list;
}();

template <class K, bool curved>
OGIVE_FLATTEN void block_of_losses(const element_terms &terms) {
  const element_terms l = terms; // which no store in its loops can change
  K::template block<curved>(l);
}

// A block as it lies or, where it has not whole vectors, in a buffer with 0 behind it.
template <class T>
const float *whole_vectors(const char *from, std::ptrdiff_t step, std::ptrdiff_t n, float *buffer) {
  const float *const floats = lanes_from<T>(from, step, n, false, buffer);
  if (n % lanes == 0) return floats;
  if (floats != buffer)
    __builtin_memcpy(buffer, floats, static_cast<std::size_t>(n) * sizeof(float));
  for (std::ptrdiff_t j = n; j % lanes != 0; ++j) buffer[j] = 0;
  return buffer;
}

// A kernel's float form beside its buffers, or nothing.
template <class K, class T>
struct float_block {
  static constexpr bool there = false;
};
template <class K, class T>
  requires(within_floats<T> && requires { sizeof(typename K::in_floats); })
struct float_block<K, T> {
  static constexpr bool there = true;
  typename K::in_floats form;
  const float *z, *t;
  alignas(64) float z_buffer[block_size], t_buffer[block_size], gradient[block_size] = {};
  alignas(64) double loss[block_size];

  bool run(std::ptrdiff_t n, bool graded, double *to_loss) {
    return graded ? form.template run<true>(z, t, n, to_loss, gradient)
                  : form.template run<false>(z, t, n, to_loss, gradient);
  }
  // What it takes stands in place of what the doubles gave.
  void merge(std::ptrdiff_t n, double *all_losses, double *all_gradients) const {
    for (std::ptrdiff_t j = 0; j < n; ++j) {
      const bool takes = form.takes(j, z[j], t[j]);
      all_losses[j] = takes ? loss[j] : all_losses[j];
      all_gradients[j] = takes ? static_cast<double>(gradient[j]) : all_gradients[j];
    }
  }
};

template <class K, class T, bool curved>
bool element_losses(char **args, const work &todo, const std::ptrdiff_t *steps) {
  constexpr number_list list = numbers_of<K>;
  constexpr int numbers_at = 2, kind_at = numbers_at + list.count;
  constexpr int loss_at = kind_at + curved, gradient_at = loss_at + 1, hessian_at = loss_at + 2;
  constexpr int operands = loss_at + 2 + curved;
  // The steps within a row, of the operands that have one.
  std::ptrdiff_t core[operands] = {};
  int at_core = operands;
  bool varies = false;
  for (int k = 0; k < operands; ++k) {
    const bool number = k >= numbers_at && k < loss_at;
    if (number && (k == kind_at || !list.per_element[k - numbers_at])) continue;
    core[k] = steps[at_core++];
    varies |= number && core[k] != 0;
  }
  alignas(64) double z[block_size], t[block_size], loss[block_size], gradient[block_size];
  alignas(64) double hessian[curved ? block_size : 1], numbers[list.count][block_size];
  element_terms l{0, z, t, {}, loss, gradient, hessian};
  for (int k = 0; k < list.count; ++k) l.number[k] = numbers[k];
  [[maybe_unused]] float_block<K, T> floats;
  for (std::ptrdiff_t i = 0; i < todo.rows; ++i) {
    for (std::ptrdiff_t begin = 0; begin < todo.n; begin += block_size) {
      const std::ptrdiff_t n = todo.n - begin < block_size ? todo.n - begin : block_size;
      const auto at = [&](int k) {
        return args[k] == nullptr ? nullptr : args[k] + i * steps[k] + begin * core[k];
      };
      // Those that are the same for all are read once.
      for (int k = 0; k < list.count; ++k)
        if (begin == 0 || core[numbers_at + k] != 0)
          read_row<double>(at(numbers_at + k), core[numbers_at + k], list.per_element[k] ? n : 1,
                           numbers[k]);
      char *const to_gradient = at(gradient_at);
      bool in_floats = false;
      if constexpr (floats.there) {
        in_floats = K::in_floats::applies(l.number);
        if (in_floats) {
          if (begin == 0 || varies) floats.form.set_weights(l.number, n);
          floats.z = whole_vectors<T>(at(0), core[0], n, floats.z_buffer);
          floats.t = whole_vectors<T>(at(1), core[1], n, floats.t_buffer);
          const bool in_place = !curved && n % lanes == 0 && core[loss_at] == sizeof(double);
          double *const to_loss = in_place ? reinterpret_cast<double *>(at(loss_at)) : floats.loss;
          if (floats.run(n, to_gradient != nullptr, to_loss) && !curved) {
            if (!in_place) write_row<double>(floats.loss, n, at(loss_at), core[loss_at]);
            if (to_gradient) write_lanes<T>(floats.gradient, n, to_gradient, core[gradient_at]);
            continue;
          }
          if (in_place)
            __builtin_memcpy(floats.loss, to_loss, static_cast<std::size_t>(n) * sizeof(double));
        }
      }
      read_row<T>(at(0), core[0], n, z);
      read_row<T>(at(1), core[1], n, t);
      l.n = n;
      block_of_losses<K, curved>(l);
      if constexpr (floats.there)
        if (in_floats) floats.merge(n, loss, gradient);
      write_row<double>(loss, n, at(loss_at), core[loss_at]);
      if (to_gradient) write_row<T>(gradient, n, to_gradient, core[gradient_at]);
      if constexpr (curved) {
        const hessian_kind kind = kind_of(*reinterpret_cast<const double *>(at(kind_at)));
        if (kind == gradient_size)
          for (std::ptrdiff_t j = 0; j < n; ++j) hessian[j] = magnitude(gradient[j]);
        if constexpr (requires { K::bound; })
          if (kind == upper_bound) K::bound(hessian, n);
        if (at(hessian_at)) write_row<T>(hessian, n, at(hessian_at), core[hessian_at]);
      }
    }
  }
  return true;
}

// "T(n) T(n) d(n) … -> d(n) T(n)"
template <class K, bool curved>
constexpr operand_text element_loss_operands = [] {
  operand_text t;
  t.add("T(n) T(n) ");
  t.add(K::numbers);
  t.add(curved ? " d -> d(n) T(n) T(n)" : " -> d(n) T(n)");
  return t;
}();
template <class K>
constexpr void set_element_loss(entry &e) {
  set(e, mode::probabilities, element_loss_operands<K, false>.text,
      []<class T>(T) constexpr -> loop { return element_losses<K, T, false>; });
  set(e, mode::probabilities_hessian, element_loss_operands<K, true>.text,
      []<class T>(T) constexpr -> loop { return element_losses<K, T, true>; });
}

} // namespace
} // namespace ogive::OGIVE_ISA
