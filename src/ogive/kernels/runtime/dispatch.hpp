// Chooses, once, the table of the best instruction set this processor has.
#pragma once
#include "runtime/table.hpp"

namespace ogive {

// OGIVE_ISA=baseline|avx2|avx512 forces a lower one. On an unknown name or one that the processor
// lacks, returns null and points `error` at what is available.
const table *choose_table(const char *requested, const char **error);

// The table for calls on a few elements, which give the same bits. One multiplication in 512-bit
// registers lowers a server's clock for more than half a millisecond, by a tenth or more: whatever
// comes after pays for it, and a few elements do not save that.
const table *table_for_few();

} // namespace ogive
