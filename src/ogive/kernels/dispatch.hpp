// Chooses, once, the table of the best instruction set this processor has.
#pragma once
#include "table.hpp"

namespace ogive {

// OGIVE_ISA=baseline|avx2|avx512 forces a lower one. On an unknown name or one that the processor
// lacks, returns null and points `error` at what is available.
const table *choose_table(const char *requested, const char **error);

} // namespace ogive
