// What heads share after their kernels; not functions of the catalog.
#pragma once

#include "drivers/rows.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class K>
constexpr entry internal_entry(const char *name) {
  entry e{name, "internal", {}, {}};
  set(e, mode::value, K::value_operands,
      []<class T>(T) constexpr -> loop { return K::template value<T>; });
  return e;
}

} // namespace
} // namespace ogive::OGIVE_ISA
