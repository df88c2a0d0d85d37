// widened: any format to float, for BLAS, which has no narrower one.
#pragma once

#include "drivers/internal.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct widened {
  static constexpr const char *value_operands = "T -> f";

  template <class T>
  static bool value(char **args, const work &todo, const std::ptrdiff_t *steps) {
    const std::ptrdiff_t in = static_cast<std::ptrdiff_t>(sizeof(T)), out = 4;
    if (steps[0] == in && steps[1] == out) {
      const T *x = reinterpret_cast<const T *>(args[0]);
      float *y = reinterpret_cast<float *>(args[1]);
      for (std::ptrdiff_t i = 0; i < todo.rows; ++i) y[i] = static_cast<float>(widen(x[i]));
    } else {
      for (std::ptrdiff_t i = 0; i < todo.rows; ++i)
        *reinterpret_cast<float *>(args[1] + i * steps[1]) =
            static_cast<float>(widen(*reinterpret_cast<const T *>(args[0] + i * steps[0])));
    }
    return true;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
