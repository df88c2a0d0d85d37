// Calls on torch's tensors as they stand: one entry per call, without their Python attributes.
#pragma once
#include "op_table.hpp"

namespace ogive::bindings {

PyObject *use_tensors(PyObject *, PyObject *args);
PyObject *is_plain(PyObject *, PyObject *t);
PyObject *on_tensors(PyObject *, PyObject *args);

} // namespace ogive::bindings
