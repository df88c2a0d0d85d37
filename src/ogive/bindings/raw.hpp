// Calls on raw addresses: what a framework with arrays of its own needs.
#pragma once
#include "op_table.hpp"

namespace ogive::bindings {

PyObject *raw_handle(PyObject *, PyObject *args);
PyObject *raw_flat(PyObject *, PyObject *const *args, Py_ssize_t count);
PyObject *raw_strided(PyObject *, PyObject *args);
PyObject *use_executor(PyObject *, PyObject *address);

} // namespace ogive::bindings
