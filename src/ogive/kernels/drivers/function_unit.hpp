// Every loop of one function for one instruction set. The build writes a source file per function,
//
//   #define OGIVE_FUNCTION gelu
//   #define OGIVE_KIND unary
//   #define OGIVE_DRIVER "drivers/unary.hpp"
//   #define OGIVE_HEADER "unary/gelu.hpp"
//   #include "drivers/function_unit.hpp"
//
// and compiles it once per instruction set, whose name OGIVE_ISA is also the namespace. All that
// templates generate stays inside an unnamed namespace in it, so that two units never share a
// symbol and a loop for AVX-512 is never linked into a machine without it.
#if !defined(OGIVE_FUNCTION) // an editor, or a check, that reads this header alone
#define OGIVE_FUNCTION relu
#define OGIVE_KIND unary
#define OGIVE_DRIVER "drivers/unary.hpp"
#define OGIVE_HEADER "unary/relu.hpp"
#endif

#include "runtime/isa.hpp"
#include "runtime/table.hpp"

#include OGIVE_DRIVER
#include OGIVE_HEADER

namespace ogive::OGIVE_ISA {

namespace {
constexpr entry the_entry =
    OGIVE_JOIN(OGIVE_KIND, _entry)<OGIVE_FUNCTION>(OGIVE_TEXT(OGIVE_FUNCTION));
}

const entry &OGIVE_JOIN(entry_, OGIVE_FUNCTION)() { return the_entry; }

} // namespace ogive::OGIVE_ISA
