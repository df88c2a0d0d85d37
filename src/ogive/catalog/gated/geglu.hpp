// geglu: a gelu(b).
#pragma once

#include "drivers/gated.hpp"
#include "unary/gelu.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct geglu : gate_through_zero<gelu> {};

} // namespace
} // namespace ogive::OGIVE_ISA
