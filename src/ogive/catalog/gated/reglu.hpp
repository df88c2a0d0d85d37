// reglu: a relu(b).
#pragma once

#include "drivers/gated.hpp"
#include "unary/relu.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct reglu : gate<relu> {};

} // namespace
} // namespace ogive::OGIVE_ISA
