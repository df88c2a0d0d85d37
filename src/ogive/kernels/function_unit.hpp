// Every loop of one function for one instruction set. The build writes a source file per function,
//
//   #define OGIVE_FUNCTION gelu
//   #define OGIVE_KIND unary
//   #define OGIVE_DRIVER "unary.hpp"
//   #define OGIVE_HEADER "unary/gelu.hpp"
//   #include "function_unit.hpp"
//
// and compiles it once per instruction set, whose name OGIVE_ISA is also the namespace. All that
// templates generate stays inside an unnamed namespace in it, so that two units never share a
// symbol and a loop for AVX-512 is never linked into a machine without it.
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "isa.hpp"
#include "table.hpp"

namespace ogive::OGIVE_ISA {
namespace {

#include "coefficients.hpp"
#include "float_tables.hpp"

#include "elementary.hpp"
#include "lanes.hpp"

#include "float_lanes.hpp"

#include "formats.hpp"
#include "jet.hpp"
#include "philox.hpp"
#include "sums.hpp"

#include "blocks.hpp"
#include "entry.hpp"

#include OGIVE_DRIVER
#include OGIVE_HEADER

constexpr entry the_entry =
    OGIVE_JOIN(OGIVE_KIND, _entry)<OGIVE_FUNCTION>(OGIVE_TEXT(OGIVE_FUNCTION));

} // namespace

const entry &OGIVE_JOIN(entry_, OGIVE_FUNCTION)() { return the_entry; }

} // namespace ogive::OGIVE_ISA
