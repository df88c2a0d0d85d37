// The NumPy module: turns rows of the op table into ufuncs and gufuncs. It names no function.
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_1_25_API_VERSION
#include "op_table.hpp"

#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "operands.hpp"
#include "raw.hpp"
#include "tensors.hpp"
#include "xla.hpp"
#include "runtime/pool.hpp"
#include "runtime/residency.hpp"

#if defined(_WIN32)
#define OGIVE_EXPORT extern "C" __declspec(dllexport)
#else
#define OGIVE_EXPORT extern "C" __attribute__((visibility("default")))
#endif

// What threadpoolctl looks for, so that its limits reach this library too.
OGIVE_EXPORT int ogive_get_num_threads() { return ogive::get_threads(); }
OGIVE_EXPORT void ogive_set_num_threads(int n) { ogive::set_threads(n); }

namespace {

using namespace ogive::bindings;

// "(n),(),(n)->(n)", or nothing where no operand has a core dimension.
std::string signature(const std::vector<operand> &operands) {
  std::string text;
  bool any = false, arrow = false;
  for (const operand &o : operands) {
    any |= o.core;
    if (o.output && !arrow)
      text += "->";
    else if (!text.empty())
      text += ",";
    arrow |= o.output;
    text += o.core ? "(n)" : "()";
  }
  return any ? text : std::string();
}

bool run_parallel(call &c) {
  const std::ptrdiff_t row = std::max<std::ptrdiff_t>(c.todo.n, 1);
  return ogive::bindings::parallel_for(c.todo.rows, (grain_elements + row - 1) / row, run_piece,
                                       &c);
}

// How far the elements of a call of NumPy's may be worked on together, which depends on what an
// operand written shares with one that is read:
enum class order {
  any,       // nothing, or each element with itself
  forward,   // each is read before it is written, if one pass goes over the elements in their order
  one_by_one // some are results of the same call: `reduce` writes where it reads, at stride 0, and
             // `accumulate` reads where it wrote the element before
};

order order_of(const call &c) {
  const npy_intp last = c.todo.rows - 1;
  if (last <= 0) return order::any;
  const auto range = [&](int k) {
    const npy_intp reach = last * c.steps[k];
    return std::pair{c.args[k] + std::min<npy_intp>(reach, 0),
                     c.args[k] + std::max<npy_intp>(reach, 0) + c.loop.sizes[k]};
  };
  order found = order::any;
  for (int out = c.loop.inputs; out < c.loop.operands; ++out)
    for (int in = 0; in < c.loop.inputs; ++in) {
      const npy_intp step = c.steps[out], ahead = c.args[in] - c.args[out];
      const bool alike = c.steps[in] == step && step != 0;
      if (alike && ahead == 0) continue;
      const auto a = range(in), b = range(out);
      if (a.first >= b.second || b.first >= a.second) continue;
      if (!alike || (ahead > 0) != (step > 0)) return order::one_by_one;
      found = order::forward;
    }
  return found;
}

bool run_one_by_one(const call &c) {
  const ogive::fp_environment defaults;
  constexpr ogive::work one{1, 1, false};
  char *args[most_operands];
  std::copy(c.args, c.args + c.loop.operands, args);
  for (npy_intp i = 0; i < c.todo.rows; ++i) {
    if (!c.loop.run(args, one, c.steps)) return false;
    for (int k = 0; k < c.loop.operands; ++k) args[k] += c.steps[k];
  }
  return true;
}

void numpy_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data) {
  const bound_loop &loop = *static_cast<const bound_loop *>(data);
  const int result = loop.inputs;
  const bool streaming = ogive::large_and_resident(args[result], dims[0] * steps[result]);
  call c{loop, args, {dims[0], loop.rows ? dims[1] : 1, streaming}, steps};
  // A gufunc's operands never overlap: NumPy copies them.
  const order how = c.loop.rows ? order::any : order_of(c);
  const bool good = how == order::any       ? run_parallel(c)
                    : how == order::forward ? run_piece(&c, 0, dims[0])
                                            : run_one_by_one(c);
  if (good) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  PyErr_NoMemory();
  PyGILState_Release(state);
}

// The loops for what is not a real number of a supported format say why it is refused.
struct refusal {
  const char *type, *why;
};
constexpr refusal refusals[] = {
    {"long double", "no kernel keeps its precision; convert with x.astype(float)"},
    {"complex numbers", "these are functions of one real number; take x.real, x.imag or abs(x)"},
    {"objects", "convert with x.astype(float), a sparse matrix with x.toarray()"},
};
struct refused {
  const char *name;
  const refusal *reason;
  int arrays; // operands of the ufunc's own format, which come first
  bool rows;
};

// " such as Decimal": the first object that is no number of Python's.
PyObject *example_of(char **args, const npy_intp *dims, const refused &r) {
  const bool empty = dims[0] == 0 || (r.rows && dims[1] == 0);
  for (int k = 0; k < r.arrays && !empty; ++k) {
    PyObject *const object = *reinterpret_cast<PyObject **>(args[k]);
    if (object == nullptr || PyFloat_Check(object) || PyLong_Check(object)) continue;
    PyObject *const type = PyType_GetName(Py_TYPE(object));
    PyObject *const text = type ? PyUnicode_FromFormat(" such as %U", type) : nullptr;
    Py_XDECREF(type);
    return text;
  }
  return PyUnicode_FromString("");
}

void refuse(char **args, const npy_intp *dims, const npy_intp *, void *data) {
  const refused &r = *static_cast<const refused *>(data);
  const PyGILState_STATE state = PyGILState_Ensure();
  PyObject *const example =
      r.reason == &refusals[2] ? example_of(args, dims, r) : PyUnicode_FromString("");
  if (example != nullptr)
    PyErr_Format(PyExc_TypeError,
                 "%s takes float16, bfloat16, float32 or float64 (integers and bool are promoted), "
                 "not %s%U: %s",
                 r.name, r.reason->type, example, r.reason->why);
  Py_XDECREF(example);
  PyGILState_Release(state);
}

int type_number(char letter, int of_format) {
  switch (letter) {
  case 'd': return NPY_DOUBLE;
  case 'f': return NPY_FLOAT;
  case 'l': return NPY_INT64;
  case '?': return NPY_BOOL;
  default: return of_format;
  }
}

// Everything a ufunc points to; ufuncs live as long as the process, and so does this.
struct ufunc_memory {
  std::string name, doc, signature;
  std::vector<PyUFuncGenericFunction> functions;
  std::vector<void *> data;
  std::vector<char> types;
  bound_loop loops[ogive::formats];
  refused refusals[3];
};

PyObject *make_ufunc(PyObject *, PyObject *args) {
  const char *kernel, *mode_text, *name, *doc;
  int bfloat16;
  if (!PyArg_ParseTuple(args, "ssssi", &kernel, &mode_text, &name, &doc, &bfloat16)) return nullptr;
  const ogive::entry *const e = find(kernel);
  if (e == nullptr) return nullptr;
  const int m = find_mode(*e, mode_text);
  if (m < 0) return nullptr;

  const std::vector<operand> operands = parse(e->operands[m]);
  auto memory = std::make_unique<ufunc_memory>();
  memory->name = name;
  memory->doc = doc;
  memory->signature = signature(operands);
  const int count = static_cast<int>(operands.size());
  const int inputs = static_cast<int>(
      std::count_if(operands.begin(), operands.end(), [](const operand &o) { return !o.output; }));
  for (int f = 0; f < ogive::formats; ++f) {
    bound_loop &l = memory->loops[f] = {e->run[m][f], count, inputs, !memory->signature.empty()};
    for (int k = 0; k < count; ++k)
      l.sizes[k] = static_cast<unsigned char>(size_of(operands[k].letter, f));
  }
  const auto add = [&](PyUFuncGenericFunction function, void *data, int type) {
    memory->functions.push_back(function);
    memory->data.push_back(data);
    for (const operand &o : operands)
      memory->types.push_back(static_cast<char>(type_number(o.letter, type)));
  };
  using ogive::format;
  const auto loop_of = [&](format f) { return &memory->loops[static_cast<int>(f)]; };
  // NumPy takes the first loop that every input casts to safely.
  add(numpy_loop, loop_of(format::f16), NPY_HALF);
  add(numpy_loop, loop_of(format::f32), NPY_FLOAT);
  add(numpy_loop, loop_of(format::f64), NPY_DOUBLE);
  const int arrays =
      static_cast<int>(std::count_if(operands.begin(), operands.end(), [](const operand &o) {
        return !o.output && o.letter == 'T';
      }));
  for (int k = 0; k < 3; ++k)
    memory->refusals[k] = {memory->name.c_str(), &refusals[k], arrays, !memory->signature.empty()};
  add(refuse, &memory->refusals[0], NPY_LONGDOUBLE);
  add(refuse, &memory->refusals[1], NPY_CDOUBLE);
  add(refuse, &memory->refusals[1], NPY_CLONGDOUBLE);
  add(refuse, &memory->refusals[2], NPY_OBJECT);

  PyObject *const ufunc = PyUFunc_FromFuncAndDataAndSignature(
      memory->functions.data(), memory->data.data(), memory->types.data(),
      static_cast<int>(memory->functions.size()), inputs, count - inputs, PyUFunc_None,
      memory->name.c_str(), memory->doc.c_str(), 0,
      memory->signature.empty() ? nullptr : memory->signature.c_str());
  if (ufunc == nullptr) return nullptr;
  ufunc_memory *const kept = memory.release();
  if (bfloat16 >= 0) {
    std::vector<int> types;
    for (const operand &o : operands) types.push_back(type_number(o.letter, bfloat16));
    if (PyUFunc_RegisterLoopForType(reinterpret_cast<PyUFuncObject *>(ufunc), bfloat16, numpy_loop,
                                    types.data(),
                                    &kept->loops[static_cast<int>(format::bf16)]) < 0) {
      Py_DECREF(ufunc);
      return nullptr;
    }
  }
  return ufunc;
}

PyObject *call_rows(PyObject *, PyObject *args) {
  asked_for asked;
  if (!asked.parse_arguments(args)) return nullptr;
  const std::vector<operand> &operands = asked.operands;
  const bound_loop loop{asked.run, static_cast<int>(operands.size()), 0, true};
  strided_call c{loop, {}, {}, {}, {}, 0};
  number numbers[most_operands];
  for (std::size_t k = 0; k < operands.size(); ++k) {
    PyObject *const item = PyTuple_GetItem(asked.given, static_cast<Py_ssize_t>(k));
    const given what = what_is_given(operands[k], item, numbers[k]);
    if (what == given::error) return nullptr;
    if (what != given::memory) {
      c.data.push_back(what == given::number ? reinterpret_cast<char *>(&numbers[k]) : nullptr);
      c.strides.emplace_back(c.shape.size(), 0);
      if (operands[k].core) c.core.push_back(0);
      continue;
    }
    auto *const array = reinterpret_cast<PyArrayObject *>(item);
    const int lead = PyArray_Check(item) ? PyArray_NDIM(array) - operands[k].core : -1;
    const int size = size_of(operands[k].letter, asked.format_number);
    if (lead < 0 || PyArray_ITEMSIZE(array) != size || !PyArray_ISBEHAVED_RO(array) ||
        (operands[k].output && !PyArray_ISWRITEABLE(array))) {
      PyErr_Format(PyExc_ValueError, "operand %d is not a native, aligned array of its format",
                   static_cast<int>(k));
      return nullptr;
    }
    const npy_intp *const shape = PyArray_DIMS(array), *const strides = PyArray_STRIDES(array);
    if (k == 0) {
      c.shape.assign(shape, shape + lead);
      c.n = shape[lead];
    }
    if (lead != static_cast<int>(c.shape.size()) ||
        !std::equal(c.shape.begin(), c.shape.end(), shape) ||
        (operands[k].core && shape[lead] != c.n)) {
      PyErr_Format(PyExc_ValueError, "operand %d has another shape", static_cast<int>(k));
      return nullptr;
    }
    c.data.push_back(static_cast<char *>(PyArray_DATA(array)));
    c.strides.emplace_back(strides, strides + lead);
    if (operands[k].core) c.core.push_back(strides[lead]);
    if (operands[k].core && operands[k].output && PyArray_IS_C_CONTIGUOUS(array))
      c.streaming |= ogive::large_and_resident(c.data.back(), PyArray_NBYTES(array));
  }
  std::ptrdiff_t count = 1;
  for (const npy_intp length : c.shape) count *= length;
  bool good = true;
  Py_BEGIN_ALLOW_THREADS const std::ptrdiff_t row = std::max<std::ptrdiff_t>(c.n, 1);
  good = ogive::bindings::parallel_for(count, (grain_elements + row - 1) / row, run_strided, &c);
  Py_END_ALLOW_THREADS if (!good) return PyErr_NoMemory();
  Py_RETURN_NONE;
}

PyObject *call_flat(PyObject *, PyObject *args) {
  asked_for asked;
  if (!asked.parse_arguments(args)) return nullptr;
  const std::vector<operand> &operands = asked.operands;
  flat_call c{asked.run, operands.data(), static_cast<int>(operands.size()), {}, {}, 0, false};
  number numbers[most_operands];
  bool first_result = true;
  for (std::size_t k = 0; k < operands.size(); ++k) {
    PyObject *const item = PyTuple_GetItem(asked.given, static_cast<Py_ssize_t>(k));
    const given what = what_is_given(operands[k], item, numbers[k]);
    if (what == given::error) return nullptr;
    if (what == given::number) {
      c.data[k] = reinterpret_cast<char *>(&numbers[k]);
      c.steps[k] = 0;
      continue;
    }
    auto *const array = reinterpret_cast<PyArrayObject *>(item);
    const bool bits = operands[k].letter == 'b';
    const int size = size_of(operands[k].letter, asked.format_number);
    const npy_intp count = PyArray_Check(item) ? PyArray_SIZE(array) : -1;
    if (k == 0) c.n = count;
    if (count < 0 || count != (bits ? (c.n + 7) / 8 : c.n) || PyArray_ITEMSIZE(array) != size ||
        !PyArray_ISCARRAY_RO(array) || (operands[k].output && !PyArray_ISWRITEABLE(array))) {
      PyErr_Format(PyExc_ValueError, "operand %d is not a contiguous array of its format and size",
                   static_cast<int>(k));
      return nullptr;
    }
    c.data[k] = static_cast<char *>(PyArray_DATA(array));
    c.steps[k] = size;
    if (operands[k].output && first_result) {
      c.streaming = ogive::large_and_resident(c.data[k], c.n * size);
      first_result = false;
    }
  }
  bool good = true;
  Py_BEGIN_ALLOW_THREADS good = ogive::bindings::parallel_for(
      (c.n + bits_together - 1) / bits_together, grain_elements / bits_together, run_flat, &c);
  Py_END_ALLOW_THREADS if (!good) return PyErr_NoMemory();
  Py_RETURN_NONE;
}

// ((name, bytes), …), in the order of their numbers.
PyObject *list_formats(PyObject *, PyObject *) {
  PyObject *const all = PyTuple_New(ogive::formats);
  for (int f = 0; all != nullptr && f < ogive::formats; ++f) {
    const ogive::format_record &of = ogive::format_records[f];
    PyObject *const record = Py_BuildValue("(si)", of.name, of.size);
    if (record == nullptr || PyTuple_SetItem(all, f, record) < 0) {
      Py_DECREF(all);
      return nullptr;
    }
  }
  return all;
}

// {name: {mode: operands}}
PyObject *list_entries(PyObject *, PyObject *) {
  PyObject *const all = PyDict_New();
  for (int i = 0; all != nullptr && i < the_table->count; ++i) {
    const ogive::entry &e = *the_table->entries[i];
    if (std::strcmp(e.kind, "internal") == 0) continue;
    PyObject *const modes = PyDict_New();
    bool good = modes != nullptr;
    for (int m = 0; good && m < ogive::modes; ++m) {
      if (e.operands[m] == nullptr) continue;
      PyObject *const text = PyUnicode_FromString(e.operands[m]);
      good = text != nullptr && PyDict_SetItemString(modes, ogive::mode_names[m], text) == 0;
      Py_XDECREF(text);
    }
    good = good && PyDict_SetItemString(all, e.name, modes) == 0;
    Py_XDECREF(modes);
    if (!good) {
      Py_DECREF(all);
      return nullptr;
    }
  }
  return all;
}

PyObject *isa(PyObject *, PyObject *) { return PyUnicode_FromString(the_table->isa); }

PyObject *get_num_threads(PyObject *, PyObject *) { return PyLong_FromLong(ogive::get_threads()); }

PyObject *set_num_threads(PyObject *, PyObject *value) {
  const long n = PyLong_AsLong(value);
  if (n == -1 && PyErr_Occurred()) return nullptr;
  if (n < 1 || n > ogive::max_threads) {
    PyErr_Format(PyExc_ValueError, "number of threads must be between 1 and %d, not %ld",
                 ogive::max_threads, n);
    return nullptr;
  }
  ogive::set_threads(static_cast<int>(n));
  Py_RETURN_NONE;
}

// METH_FASTCALL is of the limited API, the name of its signature is not in every version of it.
template <class Function>
PyCFunction fast(Function *function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"formats", list_formats, METH_NOARGS, "Name and bytes of every format, by its number."},
    {"entries", list_entries, METH_NOARGS, "Operands of every kernel's modes."},
    {"ufunc", make_ufunc, METH_VARARGS, "A ufunc or gufunc of one kernel's mode."},
    {"call", call_rows, METH_VARARGS, "One call of a kernel's mode, results overlapping at will."},
    {"call_flat", call_flat, METH_VARARGS, "One call of a mode whose operands are packed bits."},
    {"raw_handle", raw_handle, METH_VARARGS, "The number of a kernel's mode, for raw calls."},
    {"raw_flat", fast(raw_flat), METH_FASTCALL, "One call on elements in a row, by address."},
    {"raw_rows", fast(raw_rows), METH_FASTCALL,
     "One call on rows one after the other, by address."},
    {"raw_labels", fast(raw_labels), METH_FASTCALL, "Labels as kernels take them, by address."},
    {"raw_strided", raw_strided, METH_VARARGS, "One call on strided elements or rows."},
    {"use_tensors", use_tensors, METH_VARARGS, "How calls on torch's tensors read them."},
    {"is_plain", is_plain, METH_O, "Whether a tensor's memory may be read, certainly."},
    {"on_tensors", on_tensors, METH_VARARGS, "A kernel as a function of tensors."},
    {"xla_handlers", xla_handlers, METH_NOARGS, "Addresses of the handlers that XLA calls."},
    {"use_executor", use_executor, METH_O, "Who shares the work of raw calls."},
    {"use_framework_threads", use_framework_threads, METH_O,
     "Whether its threads share the work of calls on arrays too."},
    {"isa", isa, METH_NOARGS, "Instruction set in use."},
    {"get_num_threads", get_num_threads, METH_NOARGS, "Threads a large array is shared among."},
    {"set_num_threads", set_num_threads, METH_O, "Sets that number."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

} // namespace

PyMODINIT_FUNC PyInit__native() {
  import_array();
  import_umath();
  const char *error = nullptr;
  const char *const requested = std::getenv("OGIVE_ISA");
  the_table = ogive::choose_table(requested, &error);
  if (the_table == nullptr) {
    if (*error == '\0')
      PyErr_SetString(PyExc_ImportError,
                      "this build of Ogive has no kernels for this processor: released ones need "
                      "SSE4.2 and POPCNT on x86-64 (x86-64-v2, since 2009); one that `make study` "
                      "built needs the instruction set of the machine that built it");
    else
      PyErr_Format(PyExc_ImportError, "OGIVE_ISA=%s: this machine has %s", requested, error);
    return nullptr;
  }
  // Whoever asks for an instruction set gets it throughout.
  const bool asked = requested != nullptr && *requested != '\0';
  table_of_few = asked ? the_table : ogive::table_for_few();
  return PyModule_Create(&definition);
}
