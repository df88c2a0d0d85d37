// softmin: the softmax of the negated logits.
#pragma once

#include "drivers/rows.hpp"
#include "rows/softmax.hpp"

namespace ogive::OGIVE_ISA {
namespace {

struct softmin : softmax {
  static constexpr bool negates = true;
};

} // namespace
} // namespace ogive::OGIVE_ISA
