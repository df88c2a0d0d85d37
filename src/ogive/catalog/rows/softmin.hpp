// softmin: the softmax of the negated logits.
#pragma once

#include "softmax.hpp"

struct softmin : softmax {
  static constexpr bool negates = true;
};
