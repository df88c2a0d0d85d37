// Calls on raw addresses: what a framework with arrays of its own needs.
#pragma once
#include "op_table.hpp"

namespace ogive::bindings {

// A row of the op table that was asked for once, so that calls need not search.
struct bound {
  const entry *row, *of_few;
  int which;
  std::vector<operand> operands;
  loop run(int format_number, std::ptrdiff_t elements) const {
    return (elements <= few_elements ? of_few : row)->run[which][format_number];
  }
};

// What raw_handle gave a number; null, with an error set, where it is none.
const bound *handle_of(PyObject *number);

// Whether streaming stores pay for a result. Where it has no memory yet, huge pages are asked
// for.
bool streams_to(char *result, std::ptrdiff_t bytes);

// A call on the framework's threads. False, with an error set, where memory ran out.
bool run_shared(flat_call &c);
bool run_shared(call &c);

PyObject *raw_handle(PyObject *, PyObject *args);
PyObject *raw_flat(PyObject *, PyObject *const *args, Py_ssize_t count);
PyObject *raw_rows(PyObject *, PyObject *const *args, Py_ssize_t count);
PyObject *raw_labels(PyObject *, PyObject *const *args, Py_ssize_t count);
PyObject *raw_strided(PyObject *, PyObject *args);
PyObject *use_executor(PyObject *, PyObject *address);
PyObject *use_framework_threads(PyObject *, PyObject *enabled);

// Ogive's own pool, or on a thread that said use_framework_threads(True) the framework's executor.
bool parallel_for(std::ptrdiff_t n, std::ptrdiff_t grain,
                  bool (*task)(void *context, std::ptrdiff_t begin, std::ptrdiff_t end),
                  void *context);

} // namespace ogive::bindings
