// From a kernel struct to its row in the op table: which modes it has follows from its members.
// Each driver says so for its kind.
#pragma once

#include "runtime/table.hpp"
#include "simd/formats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class Run>
constexpr void set(entry &e, mode m, const char *operands, Run run) {
  e.operands[static_cast<int>(m)] = operands;
  loop *slots = e.run[static_cast<int>(m)];
#define OGIVE_FORMAT(id, name, bytes, type)                                                        \
  static_assert(sizeof(type) == bytes);                                                            \
  slots[static_cast<int>(format::id)] = run(type{});
  OGIVE_FORMATS(OGIVE_FORMAT)
#undef OGIVE_FORMAT
}

} // namespace
} // namespace ogive::OGIVE_ISA
