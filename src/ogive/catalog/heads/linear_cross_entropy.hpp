// linear_cross_entropy: BLAS makes the products and cross_entropy the rows between them. What is
// left is to add partial products, and the bias, which `accumulated` does in place: a + b -> a.
#pragma once

#include "drivers/heads.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct linear_cross_entropy {
  static constexpr const char *accumulated_operands = "T(n) T(n) -> T(n)";

  template <class T>
  OGIVE_FLATTEN static bool accumulated(char **args, const work &todo,
                                        const std::ptrdiff_t *steps) {
    const std::ptrdiff_t *core = steps + 3, n = todo.n;
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(sizeof(T));
    const bool packed = core[0] == size && core[1] == size && core[2] == size;
    for (std::ptrdiff_t i = 0; i < todo.rows; ++i) {
      const char *a = args[0] + i * steps[0], *b = args[1] + i * steps[1];
      char *sum = args[2] + i * steps[2];
      if (packed)
        for (std::ptrdiff_t j = 0; j < n; ++j) add<T>(a + j * size, b + j * size, sum + j * size);
      else
        for (std::ptrdiff_t j = 0; j < n; ++j)
          add<T>(a + j * core[0], b + j * core[1], sum + j * core[2]);
    }
    return true;
  }

private:
  template <class T>
  static void add(const char *a, const char *b, char *sum) {
    round_into(widen(*reinterpret_cast<const T *>(a)) + widen(*reinterpret_cast<const T *>(b)),
               *reinterpret_cast<T *>(sum));
  }
};

} // namespace
} // namespace ogive::OGIVE_ISA
