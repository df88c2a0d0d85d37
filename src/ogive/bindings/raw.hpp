// Calls on raw addresses: what a framework with arrays of its own needs.
#pragma once
#include "op_table.hpp"

namespace ogive::bindings {

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
