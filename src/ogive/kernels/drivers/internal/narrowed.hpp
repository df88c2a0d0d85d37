// narrowed: double to any format. The last step of a loss head, under the same floating-point state
// as its kernel.
#pragma once

#include "drivers/internal.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct narrowed {
  static constexpr const char *value_operands = "d -> T";

  template <class T>
  static bool value(char **args, const work &todo, const std::ptrdiff_t *steps) {
    for (std::ptrdiff_t i = 0; i < todo.rows; ++i)
      round_into(*reinterpret_cast<const double *>(args[0] + i * steps[0]),
                 *reinterpret_cast<T *>(args[1] + i * steps[1]));
    return true;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
