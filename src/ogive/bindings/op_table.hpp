// The op table as the bindings see it: its rows by name, and the pieces of one call that an
// executor shares among threads. Nothing here knows of NumPy.
#pragma once
#if !defined(Py_GIL_DISABLED) // free-threaded CPython refuses the limited API
#define Py_LIMITED_API 0x030b0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "runtime/dispatch.hpp"
#include "runtime/fp_environment.hpp"

namespace ogive::bindings {

// Below this many elements a thread's wake-up costs more than it saves.
constexpr std::ptrdiff_t grain_elements = 32768;
constexpr int most_operands = 16; // of any mode

inline const table *the_table = nullptr;
// For calls by address on so few elements that a wide instruction set's lower clock costs more.
inline const table *table_of_few = nullptr;
constexpr std::ptrdiff_t few_elements = 512;

struct operand {
  char letter; // 'T', 'd', 'f', 'l', '?', 'b'
  bool core;
  bool output;
  // What is read as a double, an int64 or a bool may be one number for all elements or rows.
  bool may_be_number() const {
    return !output && (letter == 'd' || letter == 'l' || letter == '?');
  }
};

// Bytes of an element.
inline int size_of(char letter, int format_number) {
  return letter == 'T'                    ? format_records[format_number].size
         : letter == 'f'                  ? 4
         : letter == '?' || letter == 'b' ? 1
                                          : 8;
}

inline std::vector<operand> parse(const char *text) {
  std::vector<operand> operands;
  bool output = false;
  for (const char *c = text; *c; ++c) {
    if (*c == '>') output = true;
    if (std::strchr("Tdfl?b", *c)) operands.push_back({*c, c[1] == '(', output});
  }
  return operands;
}

// A row of the table, or null; a mode that it has, or -1. Neither needs the GIL.
inline const entry *look_up(const char *name, const table *in) {
  for (int i = 0; i < in->count; ++i)
    if (std::strcmp(in->entries[i]->name, name) == 0) return in->entries[i];
  return nullptr;
}
inline int look_up_mode(const entry &e, const char *name) {
  for (int m = 0; m < modes; ++m)
    if (std::strcmp(mode_names[m], name) == 0 && e.operands[m] != nullptr) return m;
  return -1;
}

// The same, with an error set where there is none.
inline const entry *find(const char *name, const table *in = the_table) {
  const entry *const e = look_up(name, in);
  if (e == nullptr) PyErr_Format(PyExc_KeyError, "no kernel named %s", name);
  return e;
}
inline int find_mode(const entry &e, const char *name) {
  const int m = look_up_mode(e, name);
  if (m < 0) PyErr_Format(PyExc_KeyError, "%s has no %s", e.name, name);
  return m;
}

// A kernel's mode, and a format, as calls by name ask for them; the operands come as a tuple.
struct asked_for {
  loop run = nullptr;
  int format_number = 0;
  std::vector<operand> operands;
  PyObject *given = nullptr;

  // False, with an error set, where there is none such.
  bool parse_arguments(PyObject *args) {
    const char *kernel, *mode_text;
    if (!PyArg_ParseTuple(args, "ssiO!", &kernel, &mode_text, &format_number, &PyTuple_Type,
                          &given))
      return false;
    const entry *const e = find(kernel);
    const int m = e == nullptr ? -1 : find_mode(*e, mode_text);
    if (m < 0) return false;
    operands = parse(e->operands[m]);
    if (PyTuple_Size(given) != static_cast<Py_ssize_t>(operands.size()) || format_number < 0 ||
        format_number >= formats) {
      PyErr_SetString(PyExc_ValueError, "wrong number of operands or format");
      return false;
    }
    run = e->run[m][format_number];
    return true;
  }
};

// One loop with what is needed to split it among threads.
struct bound_loop {
  loop run;
  int operands, inputs;
  bool rows;                               // has a core dimension
  unsigned char sizes[most_operands] = {}; // bytes of an element, for calls by NumPy
};

struct call {
  const bound_loop &loop;
  char **args;
  work todo;
  const std::ptrdiff_t *steps;
};

inline bool run_piece(void *context, std::ptrdiff_t begin, std::ptrdiff_t end) {
  const call &c = *static_cast<const call *>(context);
  const fp_environment defaults;
  char *args[most_operands];
  for (int k = 0; k < c.loop.operands; ++k)
    args[k] = c.args[k] == nullptr ? nullptr : c.args[k] + begin * c.steps[k];
  return c.loop.run(args, {end - begin, c.todo.n, c.todo.streaming}, c.steps);
}

// A loop over the leading dimensions of operands that share them, without NumPy's protection
// against overlap: rows are read before they are written, so a result may be its own input.
struct strided_call {
  const bound_loop &loop;
  std::vector<char *> data;
  std::vector<std::ptrdiff_t> shape;                // leading dimensions
  std::vector<std::vector<std::ptrdiff_t>> strides; // per operand
  std::vector<std::ptrdiff_t> core;
  std::ptrdiff_t n;
  bool streaming = false;
};

inline bool run_strided(void *context, std::ptrdiff_t begin, std::ptrdiff_t end) {
  const strided_call &c = *static_cast<const strided_call *>(context);
  const int nd = static_cast<int>(c.shape.size()), count = c.loop.operands;
  std::vector<char *> args(c.data.size());
  std::vector<std::ptrdiff_t> steps(count, 0);
  if (nd > 0)
    for (int k = 0; k < count; ++k) steps[k] = c.strides[k][nd - 1];
  steps.insert(steps.end(), c.core.begin(), c.core.end());
  while (begin < end) {
    std::ptrdiff_t rest = begin;
    args = c.data;
    std::ptrdiff_t run = end - begin;
    for (int axis = nd - 1; axis >= 0; --axis) {
      const std::ptrdiff_t index = rest % c.shape[axis];
      rest /= c.shape[axis];
      if (axis == nd - 1) run = std::min<std::ptrdiff_t>(run, c.shape[axis] - index);
      for (int k = 0; k < count; ++k)
        if (args[k] != nullptr) args[k] += index * c.strides[k][axis];
    }
    call piece{c.loop, args.data(), {run, c.loop.rows ? c.n : 1, c.streaming}, steps.data()};
    if (!run_piece(&piece, 0, run)) return false;
    begin += run;
  }
  return true;
}

// A loop over all elements of contiguous operands, some of which may be packed bits.
struct flat_call {
  loop run;
  const operand *operands;
  int count;
  char *data[most_operands];
  std::ptrdiff_t steps[most_operands];
  std::ptrdiff_t n;
  bool streaming;
};

// Pieces begin where a byte of bits does, and where a cache line of it does as well.
constexpr std::ptrdiff_t bits_together = 512;

inline bool run_flat(void *context, std::ptrdiff_t begin, std::ptrdiff_t end) {
  const flat_call &c = *static_cast<const flat_call *>(context);
  const fp_environment defaults;
  const std::ptrdiff_t first = begin * bits_together, last = std::min(end * bits_together, c.n);
  char *args[most_operands];
  for (int k = 0; k < c.count; ++k)
    args[k] = c.data[k] + (c.operands[k].letter == 'b' ? first / 8 : first * c.steps[k]);
  return c.run(args, {last - first, 1, c.streaming}, c.steps);
}

} // namespace ogive::bindings
