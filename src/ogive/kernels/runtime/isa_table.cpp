// The op table of one instruction set: the entries of every function's unit.
#include "runtime/isa.hpp"
#include "runtime/table.hpp"

namespace ogive::OGIVE_ISA {

#define OGIVE_FUNCTION(name) const entry &entry_##name();
#include "catalog_list.inc" // generated: OGIVE_FUNCTION(gelu) …
#undef OGIVE_FUNCTION

} // namespace ogive::OGIVE_ISA

const ogive::table &ogive::OGIVE_JOIN(table_, OGIVE_ISA)() {
#define OGIVE_FUNCTION(name) &OGIVE_ISA::entry_##name(),
  static const entry *const all[] = {
#include "catalog_list.inc"
  };
  static const table the_table = {OGIVE_TEXT(OGIVE_ISA), all, sizeof(all) / sizeof(all[0])};
  return the_table;
}
