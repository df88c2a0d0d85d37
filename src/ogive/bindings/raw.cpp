#include "raw.hpp"

#include <atomic>
#include <cstdint>
#include <deque>

#include "runtime/pool.hpp"
#include "runtime/residency.hpp"

namespace ogive::bindings {
namespace {

// The framework's own executor, so that two pools are never at work at once: the C function
// torch_parallel_for, or none.
using framework_task = void (*)(std::int64_t begin, std::int64_t end, void *context);
using framework_parallel_for = int (*)(std::int64_t begin, std::int64_t end, std::int64_t grain,
                                       framework_task task, void *context);
std::atomic<framework_parallel_for> executor{nullptr};
thread_local bool on_framework_threads = false;

// A row of the op table that was asked for once, so that calls need not search.
struct bound {
  const entry *row, *of_few;
  int which;
  std::vector<operand> operands;
  loop run(int format_number, std::ptrdiff_t elements) const {
    return (elements <= few_elements ? of_few : row)->run[which][format_number];
  }
};
std::deque<bound> handles; // never moves its elements, never shrinks

struct shared_work {
  bool (*task)(void *context, std::ptrdiff_t begin, std::ptrdiff_t end);
  void *context;
  std::atomic<bool> good{true};
};

void run_share(std::int64_t begin, std::int64_t end, void *context) {
  auto &work = *static_cast<shared_work *>(context);
  if (!work.task(work.context, static_cast<std::ptrdiff_t>(begin),
                 static_cast<std::ptrdiff_t>(end)))
    work.good = false;
}

bool run_on_framework_threads(std::ptrdiff_t n, std::ptrdiff_t grain,
                              bool (*task)(void *, std::ptrdiff_t, std::ptrdiff_t), void *context) {
  const framework_parallel_for parallel = executor.load(std::memory_order_relaxed);
  if (parallel == nullptr || n <= grain) return task(context, 0, n);
  shared_work work{task, context, {}};
  work.good = true;
  return parallel(0, n, grain, run_share, &work) == 0 && work.good;
}

// Up to this many elements, releasing the GIL costs more than it gives.
constexpr std::ptrdiff_t most_with_gil = 4096;

PyObject *shared_result(std::ptrdiff_t elements, std::ptrdiff_t n, std::ptrdiff_t grain,
                        bool (*task)(void *, std::ptrdiff_t, std::ptrdiff_t), void *context) {
  bool good;
  if (elements <= most_with_gil) {
    good = run_on_framework_threads(n, grain, task, context);
  } else {
    Py_BEGIN_ALLOW_THREADS good = run_on_framework_threads(n, grain, task, context);
    Py_END_ALLOW_THREADS
  }
  if (!good) return PyErr_NoMemory();
  Py_RETURN_NONE;
}

// Axes that every operand walks as one become one, so that inner runs are long.
void merge_axes(strided_call &c) {
  for (std::size_t axis = c.shape.size(); axis-- > 1;) {
    const bool one = std::all_of(c.strides.begin(), c.strides.end(), [&](const auto &steps) {
      return c.shape[axis - 1] == 1 || c.shape[axis] == 1 ||
             steps[axis - 1] == steps[axis] * c.shape[axis];
    });
    if (!one) continue;
    const auto there = static_cast<std::ptrdiff_t>(axis);
    // An axis of one says nothing of its stride.
    const std::ptrdiff_t dropped = c.shape[axis] == 1 ? there : there - 1;
    c.shape[axis - 1] *= c.shape[axis];
    c.shape.erase(c.shape.begin() + there);
    for (auto &steps : c.strides) steps.erase(steps.begin() + dropped);
  }
}

const bound *handle_of(PyObject *number) {
  const long at = PyLong_AsLong(number);
  if (at == -1 && PyErr_Occurred()) return nullptr;
  if (at < 0 || at >= static_cast<long>(handles.size())) {
    PyErr_SetString(PyExc_ValueError, "no such handle");
    return nullptr;
  }
  return &handles[static_cast<std::size_t>(at)];
}

// What a call of (handle, format, lengths…, operands…) asks for; null where that does not fit.
template <std::size_t N>
const bound *asked(const char *usage, PyObject *const *args, Py_ssize_t count, int &format_number,
                   std::ptrdiff_t (&lengths)[N], std::ptrdiff_t least_of_last) {
  constexpr Py_ssize_t first = 2 + static_cast<Py_ssize_t>(N);
  if (count < first) {
    PyErr_SetString(PyExc_TypeError, usage);
    return nullptr;
  }
  const bound *const b = handle_of(args[0]);
  if (b == nullptr) return nullptr;
  const long number = PyLong_AsLong(args[1]);
  for (std::size_t k = 0; k < N; ++k) lengths[k] = PyLong_AsSsize_t(args[2 + k]);
  if (PyErr_Occurred()) return nullptr;
  if (static_cast<std::size_t>(count - first) != b->operands.size() || number < 0 ||
      number >= formats || lengths[0] < 0 || lengths[N - 1] < least_of_last) {
    PyErr_SetString(PyExc_ValueError, "wrong number of operands, format or length");
    return nullptr;
  }
  format_number = static_cast<int>(number);
  return b;
}

// Whether streaming stores pay for a result. Where it has no memory yet, huge pages are asked
// for.
bool streams_to(char *result, std::ptrdiff_t bytes) {
  ask_for_huge_pages(result, bytes);
  return large_and_resident(result, bytes);
}

char *address_of(PyObject *number) {
  return reinterpret_cast<char *>(static_cast<std::uintptr_t>(PyLong_AsUnsignedLongLong(number)));
}

// The address of operand k, of which `elements` are read or written; with an error set where it is
// none. A double that is read may be a number as well: there an int alone is neither, so that a
// number that is no float is never an address.
char *operand_address(const operand &o, PyObject *item, int k, std::ptrdiff_t elements) {
  if (o.letter == 'd' && !o.output) {
    if (!PyTuple_Check(item) || PyTuple_Size(item) != 1) {
      PyErr_Format(PyExc_TypeError, "operand %d must be a float, or (address,): %R", k, item);
      return nullptr;
    }
    item = PyTuple_GetItem(item, 0);
  }
  constexpr std::uintptr_t least_address = 4096; // no memory lies below
  char *const address = address_of(item);
  if (elements > 0 && reinterpret_cast<std::uintptr_t>(address) < least_address &&
      PyErr_Occurred() == nullptr)
    PyErr_Format(PyExc_TypeError, "operand %d is no address: %R", k, item);
  return address;
}

} // namespace

// raw_handle(kernel, mode) -> the number by which the calls below know it.
PyObject *raw_handle(PyObject *, PyObject *args) {
  const char *kernel, *mode_text;
  if (!PyArg_ParseTuple(args, "ss", &kernel, &mode_text)) return nullptr;
  const entry *const e = find(kernel);
  const entry *const few = e == nullptr ? e : find(kernel, table_of_few);
  if (few == nullptr) return nullptr;
  const int m = find_mode(*e, mode_text);
  if (m < 0) return nullptr;
  for (std::size_t k = 0; k < handles.size(); ++k)
    if (handles[k].row == e && handles[k].which == m) return PyLong_FromSize_t(k);
  handles.push_back({e, few, m, parse(e->operands[m])});
  return PyLong_FromSize_t(handles.size() - 1);
}

// raw_flat(handle, format, n, *operands): n elements that lie one after the other. An operand is
// an address; a double that is read is a float, or (address,) of n of them.
PyObject *raw_flat(PyObject *, PyObject *const *args, Py_ssize_t count) {
  int format_number;
  std::ptrdiff_t lengths[1];
  const bound *const b =
      asked("raw_flat(handle, format, n, *operands)", args, count, format_number, lengths, 0);
  if (b == nullptr) return nullptr;
  const std::ptrdiff_t n = lengths[0];
  const int operands = static_cast<int>(b->operands.size());
  double numbers[most_operands];
  flat_call c{b->run(format_number, n), b->operands.data(), operands, {}, {}, n, false};
  for (int k = 0; k < operands; ++k) {
    PyObject *const item = args[3 + k];
    const operand &o = b->operands[static_cast<std::size_t>(k)];
    if (o.letter == 'd' && !o.output && PyFloat_Check(item)) {
      numbers[k] = PyFloat_AsDouble(item);
      c.data[k] = reinterpret_cast<char *>(&numbers[k]);
      c.steps[k] = 0;
      continue;
    }
    c.data[k] = operand_address(o, item, k, n);
    c.steps[k] = size_of(o.letter, format_number);
    if (PyErr_Occurred()) return nullptr;
    if (o.output && o.letter == 'T') c.streaming |= streams_to(c.data[k], n * c.steps[k]);
  }
  return shared_result(n, (n + bits_together - 1) / bits_together, grain_elements / bits_together,
                       run_flat, &c);
}

// raw_rows(handle, format, rows, n, *operands): rows of n elements that lie one after the other. An
// operand is an address; a double that is read is a float, or (address,) of what each row or
// element has; for a bool True or False will do, for an output that nobody wants None.
PyObject *raw_rows(PyObject *, PyObject *const *args, Py_ssize_t count) {
  int format_number;
  std::ptrdiff_t lengths[2];
  const bound *const b =
      asked("raw_rows(handle, format, rows, n, *operands)", args, count, format_number, lengths, 1);
  if (b == nullptr) return nullptr;
  const std::ptrdiff_t rows = lengths[0], n = lengths[1];
  const int operands = static_cast<int>(b->operands.size());
  const bound_loop loop{b->run(format_number, rows * n), operands, 0, true};
  union {
    double real;
    bool truth;
  } numbers[most_operands];
  char *data[most_operands];
  std::ptrdiff_t steps[2 * most_operands] = {}, *core = steps + operands;
  bool streaming = false;
  for (int k = 0; k < operands; ++k) {
    PyObject *const item = args[4 + k];
    const operand &o = b->operands[static_cast<std::size_t>(k)];
    const bool real = o.letter == 'd' && !o.output && PyFloat_Check(item);
    if (real || (o.letter == '?' && PyBool_Check(item)) || (o.output && item == Py_None)) {
      if (real)
        numbers[k].real = PyFloat_AsDouble(item);
      else
        numbers[k].truth = item == Py_True;
      data[k] = item == Py_None ? nullptr : reinterpret_cast<char *>(&numbers[k]);
      if (o.core) *core++ = 0;
      continue;
    }
    data[k] = operand_address(o, item, k, rows * n);
    const std::ptrdiff_t step = size_of(o.letter, format_number);
    steps[k] = o.core ? n * step : step;
    if (o.core) *core++ = step;
    if (PyErr_Occurred()) return nullptr;
    if (o.output && o.core && o.letter == 'T') streaming |= streams_to(data[k], rows * n * step);
  }
  call c{loop, data, {rows, n, streaming}, steps};
  return shared_result(rows * n, rows, (grain_elements + n - 1) / n, run_piece, &c);
}

// raw_labels(labels, n, classes, ignore_index or None, out) -> how many of n labels count, all
// being int64; out has -1 for those that are ignored. -1 if one is no class. An ignore_index beyond
// int64 is no label's.
PyObject *raw_labels(PyObject *, PyObject *const *args, Py_ssize_t count) {
  if (count != 5) {
    PyErr_SetString(PyExc_TypeError, "raw_labels(labels, n, classes, ignore_index, out)");
    return nullptr;
  }
  const auto *const labels = reinterpret_cast<const std::int64_t *>(address_of(args[0]));
  const std::ptrdiff_t n = PyLong_AsSsize_t(args[1]);
  const std::int64_t classes = PyLong_AsLongLong(args[2]);
  int beyond = 0;
  const std::int64_t ignored =
      args[3] == Py_None ? 0 : PyLong_AsLongLongAndOverflow(args[3], &beyond);
  const bool some_ignored = args[3] != Py_None && beyond == 0;
  auto *const out = reinterpret_cast<std::int64_t *>(address_of(args[4]));
  if (PyErr_Occurred()) return nullptr;
  std::ptrdiff_t kept = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const bool counts = !some_ignored || labels[i] != ignored;
    if (counts && (labels[i] < 0 || labels[i] >= classes)) return PyLong_FromLong(-1);
    out[i] = counts ? labels[i] : -1;
    kept += counts;
  }
  return PyLong_FromSsize_t(kept);
}

// raw_strided(handle, format, shape, n, operands): a loop over `shape` of rows of n (1 where no
// operand has a row). An operand is (address, (strides in bytes…)) with the stride within a row
// last where it has one, a number at stride 0, which is a float for a double, or None for an output
// that nobody wants.
PyObject *raw_strided(PyObject *, PyObject *args) {
  PyObject *handle, *shape, *given;
  int format_number;
  Py_ssize_t n;
  if (!PyArg_ParseTuple(args, "OiO!nO!", &handle, &format_number, &PyTuple_Type, &shape, &n,
                        &PyTuple_Type, &given))
    return nullptr;
  const bound *const b = handle_of(handle);
  if (b == nullptr) return nullptr;
  const Py_ssize_t nd = PyTuple_Size(shape);
  const std::size_t count = b->operands.size();
  if (PyTuple_Size(given) != static_cast<Py_ssize_t>(count) || format_number < 0 ||
      format_number >= formats || n < 0) {
    PyErr_SetString(PyExc_ValueError, "wrong number of operands, format or length");
    return nullptr;
  }
  const bool rows =
      std::any_of(b->operands.begin(), b->operands.end(), [](const operand &o) { return o.core; });
  bound_loop loop{nullptr, static_cast<int>(count), 0, rows};
  strided_call c{loop, {}, {}, {}, {}, {}, n};
  std::ptrdiff_t outer = 1;
  for (Py_ssize_t axis = 0; axis < nd; ++axis) {
    c.shape.push_back(PyLong_AsSsize_t(PyTuple_GetItem(shape, axis)));
    outer *= c.shape.back();
  }
  union number {
    double real;
    std::int64_t whole;
    bool truth;
  };
  number numbers[most_operands];
  for (std::size_t k = 0; k < count; ++k) {
    PyObject *const item = PyTuple_GetItem(given, static_cast<Py_ssize_t>(k));
    const operand &o = b->operands[k];
    if (!PyTuple_Check(item)) {
      if (o.letter == 'd' && !o.output && PyFloat_Check(item))
        numbers[k].real = PyFloat_AsDouble(item);
      else if (o.letter == 'l' && !o.output && PyLong_Check(item))
        numbers[k].whole = PyLong_AsLongLong(item);
      else if (o.letter == '?' && !o.output && PyBool_Check(item))
        numbers[k].truth = item == Py_True;
      else if (item != Py_None || !o.output)
        PyErr_Format(PyExc_TypeError, "operand %zu must be %s(address, strides): %R", k,
                     o.output          ? "None or "
                     : o.letter == 'd' ? "a float or "
                     : o.letter == 'l' ? "an int or "
                     : o.letter == '?' ? "a bool or "
                                       : "",
                     item);
      if (PyErr_Occurred()) return nullptr;
      c.data.push_back(item == Py_None ? nullptr : reinterpret_cast<char *>(&numbers[k]));
      c.strides.emplace_back(c.shape.size(), 0);
      if (o.core) c.core.push_back(0);
      continue;
    }
    PyObject *address, *strides;
    if (!PyArg_ParseTuple(item, "OO!", &address, &PyTuple_Type, &strides)) return nullptr;
    if (PyTuple_Size(strides) != nd + o.core) {
      PyErr_Format(PyExc_ValueError, "operand %zu has %zd strides, not %zd", k,
                   PyTuple_Size(strides), nd + o.core);
      return nullptr;
    }
    c.data.push_back(address_of(address));
    c.strides.emplace_back();
    for (Py_ssize_t axis = 0; axis < nd; ++axis)
      c.strides.back().push_back(PyLong_AsSsize_t(PyTuple_GetItem(strides, axis)));
    if (o.core) c.core.push_back(PyLong_AsSsize_t(PyTuple_GetItem(strides, nd)));
  }
  if (PyErr_Occurred()) return nullptr;
  if (outer == 0) Py_RETURN_NONE;
  const std::ptrdiff_t row = rows ? std::max<std::ptrdiff_t>(n, 1) : 1;
  loop.run = b->run(format_number, outer * row);
  merge_axes(c);
  std::size_t at = 0; // among the operands that have a row
  for (std::size_t k = 0; k < count; ++k) {
    const operand &o = b->operands[k];
    if (!o.core) continue;
    const std::ptrdiff_t size = size_of(o.letter, format_number), length = n * size;
    const bool packed = c.core[at++] == size && c.shape.size() < 2 &&
                        (c.shape.empty() || c.shape[0] == 1 || c.strides[k][0] == length);
    if (packed && o.output && o.letter == 'T' && c.data[k] != nullptr)
      c.streaming |= streams_to(c.data[k], outer * length);
  }
  return shared_result(outer * row, outer, (grain_elements + row - 1) / row, run_strided, &c);
}

// use_executor(address of torch_parallel_for): who shares the work of the calls above; 0: nobody.
PyObject *use_executor(PyObject *, PyObject *address) {
  const auto parallel = reinterpret_cast<framework_parallel_for>(address_of(address));
  if (PyErr_Occurred()) return nullptr;
  executor = parallel;
  Py_RETURN_NONE;
}

// use_framework_threads(enabled) -> what it was, for calls on arrays from this thread.
PyObject *use_framework_threads(PyObject *, PyObject *enabled) {
  const bool before = on_framework_threads;
  const int now = PyObject_IsTrue(enabled);
  if (now < 0) return nullptr;
  on_framework_threads = now == 1;
  return PyBool_FromLong(before);
}

bool parallel_for(std::ptrdiff_t n, std::ptrdiff_t grain,
                  bool (*task)(void *, std::ptrdiff_t, std::ptrdiff_t), void *context) {
  return on_framework_threads ? run_on_framework_threads(n, grain, task, context)
                              : ogive::parallel_for(n, grain, task, context);
}

} // namespace ogive::bindings
