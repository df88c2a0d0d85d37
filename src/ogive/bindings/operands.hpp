// The operands of a call as Python gives them: here alone a number is told from memory. What is
// read may be one Python number for all elements or rows, of its operand's own type: a float for a
// double, an int for an int64, a bool for a bool. None stands for an output that nobody wants. All
// else is memory, which every kind of call takes in its own form; where a number could stand, an
// int is that number and never an address.
#pragma once
#include "op_table.hpp"

#include <cstdint>

namespace ogive::bindings {

union number {
  double real;
  std::int64_t whole;
  bool truth;
};

enum class given { memory, number, nothing, error };

// What an operand is; a number goes to `to`. With an error set where a number does not fit.
inline given what_is_given(const operand &o, PyObject *item, number &to) {
  if (o.letter == 'T' && !o.output) return given::memory;
  if (o.output) return item == Py_None ? given::nothing : given::memory;
  if (o.letter == 'd' && PyFloat_Check(item)) {
    to.real = PyFloat_AsDouble(item);
  } else if (o.letter == '?' && PyBool_Check(item)) {
    to.truth = item == Py_True;
  } else if (o.letter == 'l' && PyLong_Check(item) && !PyBool_Check(item)) {
    to.whole = PyLong_AsLongLong(item);
    if (to.whole == -1 && PyErr_Occurred()) return given::error;
  } else {
    return given::memory;
  }
  return given::number;
}

// "None or ", "a float or ", …: what else than memory an operand may be.
inline const char *or_else(const operand &o) {
  return o.output          ? "None or "
         : o.letter == 'd' ? "a float or "
         : o.letter == 'l' ? "an int or "
         : o.letter == '?' ? "a bool or "
                           : "";
}

inline char *address_of(PyObject *number) {
  return reinterpret_cast<char *>(static_cast<std::uintptr_t>(PyLong_AsUnsignedLongLong(number)));
}

// Memory of `elements` packed elements: an address, or (address,) where a number could stand.
// False, with an error set, where it is neither.
inline bool packed_memory(const operand &o, PyObject *item, int k, std::ptrdiff_t elements,
                          char *&to) {
  if (o.may_be_number()) {
    if (!PyTuple_Check(item) || PyTuple_Size(item) != 1) {
      PyErr_Format(PyExc_TypeError, "operand %d must be %s(address,): %R", k, or_else(o), item);
      return false;
    }
    item = PyTuple_GetItem(item, 0);
  }
  constexpr std::uintptr_t least_address = 4096; // no memory lies below
  to = address_of(item);
  const auto address = reinterpret_cast<std::uintptr_t>(to);
  if (address == UINTPTR_MAX && PyErr_Occurred()) return false;
  if (address >= least_address || elements == 0) return true;
  PyErr_Format(PyExc_TypeError, "operand %d is no address: %R", k, item);
  return false;
}

} // namespace ogive::bindings
