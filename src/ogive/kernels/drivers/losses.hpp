// What losses share: the text of their operands, and what may be asked of a Hessian.
#pragma once

#include <cstddef>

#include "runtime/isa.hpp"

namespace ogive::OGIVE_ISA {
namespace {

// Text put together while compiling.
struct operand_text {
  char text[96] = {};
  std::size_t length = 0;
  constexpr void add(const char *more) {
    for (; *more; ++more) text[length++] = *more;
  }
};

// The diagonal of the Hessian: as it is, the size of the gradient, or an upper bound.
enum hessian_kind { exact_hessian, gradient_size, upper_bound };
inline hessian_kind kind_of(double number) {
  return number == 1 ? gradient_size : number == 2 ? upper_bound : exact_hessian;
}

} // namespace
} // namespace ogive::OGIVE_ISA
