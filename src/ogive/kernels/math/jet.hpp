// A value and the slope that belongs to it. Kernels return both; a loop that uses one of them
// leaves the other's operations to the compiler, which drops them.
#pragma once

#include "runtime/isa.hpp"

namespace ogive::OGIVE_ISA {
namespace {

template <class Real>
struct jet {
  Real value, slope;
};

} // namespace
} // namespace ogive::OGIVE_ISA
