// summed: the sum of a row over a divisor, in the fixed order of ordered_sum.
#pragma once

#include "drivers/internal.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct summed {
  static constexpr const char *value_operands = "d(n) d -> T";

  template <class T>
  static bool value(char **args, const work &todo, const std::ptrdiff_t *steps) {
    const std::ptrdiff_t n = todo.n;
    const bool packed = steps[3] == sizeof(double);
    const scratch memory(packed ? 0 : n);
    if (memory.data() == nullptr) return false;
    for (std::ptrdiff_t i = 0; i < todo.rows; ++i) {
      const char *const from = args[0] + i * steps[0];
      if (!packed) read_row<double>(from, steps[3], n, memory.data());
      const double *terms = packed ? reinterpret_cast<const double *>(from) : memory.data();
      const double divisor = *reinterpret_cast<const double *>(args[1] + i * steps[1]);
      round_into(sum_of(terms, n) / divisor, *reinterpret_cast<T *>(args[2] + i * steps[2]));
    }
    return true;
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
