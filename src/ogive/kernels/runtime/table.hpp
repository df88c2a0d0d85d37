// What a translation unit of one instruction set hands to the rest: plain data, no templates.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ogive {

// The formats of numbers, one record of each: id, name, bytes, and the type that kernels store. No
// other list of them exists; Python reads this one as `_native.formats()`.
#define OGIVE_FORMATS(FORMAT)                                                                      \
  FORMAT(f16, "float16", 2, half)                                                                  \
  FORMAT(bf16, "bfloat16", 2, bfloat)                                                              \
  FORMAT(f32, "float32", 4, float)                                                                 \
  FORMAT(f64, "float64", 8, double)

#define OGIVE_FORMAT(id, name, bytes, type) id,
enum class format : int { OGIVE_FORMATS(OGIVE_FORMAT) };
#undef OGIVE_FORMAT
struct format_record {
  const char *name;
  int size; // bytes
};
#define OGIVE_FORMAT(id, name, bytes, type) {name, bytes},
constexpr format_record format_records[] = {OGIVE_FORMATS(OGIVE_FORMAT)};
#undef OGIVE_FORMAT
constexpr int formats = sizeof(format_records) / sizeof(format_records[0]);

// How a function is asked for. The sampled modes draw a parameter from a counter-based generator.
#define OGIVE_MODES(MODE)                                                                          \
  MODE(value)                                                                                      \
  MODE(derivative)                                                                                 \
  MODE(second_derivative)                                                                          \
  MODE(backward)                                                                                   \
  MODE(backward_from_output)                                                                       \
  MODE(lean)                                                                                       \
  MODE(lean_backward)                                                                              \
  MODE(parameter_backward)                                                                         \
  MODE(sampled_value)                                                                              \
  MODE(sampled_derivative)                                                                         \
  MODE(sampled_backward)                                                                           \
  MODE(labels)                                                                                     \
  MODE(probabilities)                                                                              \
  MODE(labels_hessian)                                                                             \
  MODE(probabilities_hessian)                                                                      \
  MODE(accumulated)

#define OGIVE_MODE(name) name,
enum class mode : int { OGIVE_MODES(OGIVE_MODE) };
#undef OGIVE_MODE
#define OGIVE_MODE(name) #name,
constexpr const char *mode_names[] = {OGIVE_MODES(OGIVE_MODE)};
#undef OGIVE_MODE
constexpr int modes = sizeof(mode_names) / sizeof(mode_names[0]);

// What a loop is to do.
struct work {
  std::ptrdiff_t rows; // or elements, where no operand has rows
  std::ptrdiff_t n;    // elements of a row
  bool streaming;      // results are large and their memory is resident: streaming stores pay
};

// The calling convention of NumPy's inner loops: `steps` has the outer steps of every operand, then
// the steps within a row of the operands that have one. A null operand is an output nobody asked
// for. Returns false when no memory was left for its scratch, and then nothing has been written.
using loop = bool (*)(char **args, const work &todo, const std::ptrdiff_t *steps);

// Operands are written as NumPy writes a signature, with a type letter each: 'T' the format of the
// call, 'd' double, 'f' float, 'l' int64, '?' bool. "T(n) d ?(n) -> T(n)" is softmax(x,
// temperature, where). 'b' is one bit per element, packed; drivers/unary_bits.hpp says how.
struct entry {
  const char *name = nullptr;
  const char *kind = nullptr;
  const char *operands[modes] = {};
  loop run[modes][formats] = {};
};

struct table {
  const char *isa;
  const entry *const *entries;
  int count;
};

const table &table_baseline();
#if defined(__x86_64__)
const table &table_avx2();
const table &table_avx512();
#endif

} // namespace ogive
