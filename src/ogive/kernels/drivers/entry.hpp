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
  slots[static_cast<int>(format::f16)] = run(half{});
  slots[static_cast<int>(format::bf16)] = run(bfloat{});
  slots[static_cast<int>(format::f32)] = run(float{});
  slots[static_cast<int>(format::f64)] = run(double{});
}

} // namespace
} // namespace ogive::OGIVE_ISA
