// The loop that runs an elementwise operation over operands in any layout. It knows a function by
// the two pointers of its computation and a format by its size, so it is compiled once per
// instruction set.
#pragma once

#include <cstddef>

#include "runtime/isa.hpp"
#include "runtime/stores.hpp"
#include "runtime/table.hpp"

namespace ogive::OGIVE_ISA {

struct computation {
  // Over n elements that lie packed: parameters are the same for all, or one for each of a block.
  void (*uniform)(const void *first, const void *second, void *out, std::ptrdiff_t n,
                  const double *p);
  void (*each)(const void *first, const void *second, void *out, std::ptrdiff_t n,
               const double *const *p);
  store_records *found; // how its large results are stored best
  int inputs, parameters;
  int size;      // bytes of an element
  bool by_lines; // little is computed, so that stores across lines of the cache would show
};

// As NumPy calls an inner loop: operands are first[, second][, parameters…], result.
bool run_elementwise(const computation &op, char **args, const work &todo,
                     const std::ptrdiff_t *steps);

} // namespace ogive::OGIVE_ISA
