// bilinear: a b.
#pragma once

#include "drivers/gated.hpp"
#include "unary/identity.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct bilinear : gate<identity> {};

} // namespace
} // namespace ogive::OGIVE_ISA
