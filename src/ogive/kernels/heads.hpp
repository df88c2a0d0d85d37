// Heads: a kernel in catalog/heads is a struct with a loop for each mode that it has, a template
// over the format, and beside it the signature of its operands:
//
//   struct name {
//     static constexpr const char *labels_operands = "T(n) l … -> d T(n)";
//     template <class T> static bool labels(char **args, const ptrdiff_t *dims, const ptrdiff_t
//     *steps);
//   };
#pragma once

#include "rows.hpp"

// The label of a row of n classes; -1 where the row is ignored, n where no class has the label.
// Labels are checked before a kernel runs, but they may lie in memory that another thread writes to
// meanwhile: what a kernel indexes with is read once and bounded here.
inline std::int64_t bounded_label(const char *from, std::ptrdiff_t n) {
  const std::int64_t label =
      __atomic_load_n(reinterpret_cast<const std::int64_t *>(from), __ATOMIC_RELAXED);
  return label < 0 ? -1 : label < n ? label : n;
}

template <class K>
constexpr entry heads_entry(const char *name) {
  entry e{name, "heads", 0, {}, {}};
  if constexpr (requires { K::labels_operands; })
    set(e, mode::labels, K::labels_operands,
        []<class T>(T) constexpr -> loop { return K::template labels<T>; });
  if constexpr (requires { K::probabilities_operands; })
    set(e, mode::probabilities, K::probabilities_operands,
        []<class T>(T) constexpr -> loop { return K::template probabilities<T>; });
  if constexpr (requires { K::labels_hessian_operands; })
    set(e, mode::labels_hessian, K::labels_hessian_operands,
        []<class T>(T) constexpr -> loop { return K::template labels_hessian<T>; });
  if constexpr (requires { K::probabilities_hessian_operands; })
    set(e, mode::probabilities_hessian, K::probabilities_hessian_operands,
        []<class T>(T) constexpr -> loop { return K::template probabilities_hessian<T>; });
  if constexpr (requires { K::accumulated_operands; })
    set(e, mode::accumulated, K::accumulated_operands,
        []<class T>(T) constexpr -> loop { return K::template accumulated<T>; });
  return e;
}
