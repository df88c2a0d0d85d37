// The kernels as XLA calls them, on its own threads.
#pragma once
#include "op_table.hpp"

namespace ogive::bindings {

// xla_handlers() -> {name: address of the handler}, by which JAX registers them.
PyObject *xla_handlers(PyObject *, PyObject *);

} // namespace ogive::bindings
