// Losses. drivers/row_losses.hpp and drivers/element_losses.hpp say what their kernels are; any
// other kernel in catalog/heads is a struct with a loop for each mode that it has, a template over
// the format, and beside it the signature of its operands:
//
//   struct name {
//     static constexpr const char *accumulated_operands = "T(n) T(n) -> T(n)";
//     template <class T>
//     static bool accumulated(char **args, const work &todo, const ptrdiff_t *steps);
//   };
#pragma once

#include "drivers/element_losses.hpp"
#include "drivers/entry.hpp"
#include "drivers/row_losses.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class K>
constexpr entry heads_entry(const char *name) {
  entry e{name, "heads", {}, {}};
  if constexpr (requires { K::accumulated_operands; })
    set(e, mode::accumulated, K::accumulated_operands,
        []<class T>(T) constexpr -> loop { return K::template accumulated<T>; });
  else if constexpr (requires { K::of_elements; })
    set_element_loss<K>(e);
  else
    set_row_loss<K>(e);
  return e;
}

} // namespace
} // namespace ogive::OGIVE_ISA
