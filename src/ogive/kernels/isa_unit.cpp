// Every loop of every function, compiled once per instruction set. OGIVE_ISA names the set and the
// namespace; all that templates generate stays inside an unnamed namespace in it, so that two units
// never share a symbol and a loop for AVX-512 is never linked into a machine without it.
#include <cstddef>
#include <cstdint>

#include "table.hpp"

#define OGIVE_TEXT_(x) #x
#define OGIVE_TEXT(x) OGIVE_TEXT_(x)
#define OGIVE_JOIN_(a, b) a##b
#define OGIVE_JOIN(a, b) OGIVE_JOIN_(a, b)

namespace ogive::OGIVE_ISA {
namespace {

#include "coefficients.hpp"

#include "elementary.hpp"

#include "formats.hpp"
#include "jet.hpp"
#include "philox.hpp"
#include "sums.hpp"
#include "unary.hpp"

#include "rows.hpp"

#include "catalog_headers.inc" // generated: one #include per kernel

#include "entries.hpp"

constexpr entry all[] = {
    rounded_entry(),
    summed_entry(),
#define OGIVE_UNARY(name) unary_entry<name>(#name),
#define OGIVE_ROWS(name) rows_entry<name>(#name),
#define OGIVE_HEADS(name) heads_entry<name>(#name),
#include "catalog_list.inc" // generated: OGIVE_UNARY(gelu) …
};

constexpr table the_table = {OGIVE_TEXT(OGIVE_ISA), all, sizeof(all) / sizeof(all[0])};

} // namespace
} // namespace ogive::OGIVE_ISA

const ogive::table &ogive::OGIVE_JOIN(table_, OGIVE_ISA)() { return OGIVE_ISA::the_table; }
