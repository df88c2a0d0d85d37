// swiglu: a silu(b).
#pragma once

#include "drivers/gated.hpp"
#include "unary/silu.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct swiglu : gate_through_zero<silu> {};

} // namespace
} // namespace ogive::OGIVE_ISA
