#include "raw.hpp"

#include <atomic>
#include <cstdint>
#include <deque>

#include "operands.hpp"
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

// False, with an error set, where memory ran out.
bool share(std::ptrdiff_t elements, std::ptrdiff_t n, std::ptrdiff_t grain,
           bool (*task)(void *, std::ptrdiff_t, std::ptrdiff_t), void *context) {
  bool good;
  if (elements <= most_with_gil) {
    good = run_on_framework_threads(n, grain, task, context);
  } else {
    Py_BEGIN_ALLOW_THREADS good = run_on_framework_threads(n, grain, task, context);
    Py_END_ALLOW_THREADS
  }
  if (!good) PyErr_NoMemory();
  return good;
}

PyObject *none_if(bool good) {
  if (!good) return nullptr;
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

// What a call of (handle, format, lengths…, operands…) asks for; null where that does not fit.
struct asked_by_handle {
  const bound *of = nullptr;
  int format_number = 0;
  std::ptrdiff_t lengths[2] = {0, 0};
  PyObject *const *operands = nullptr;
  int count = 0;

  // False, with an error set, where that does not fit. The last length is `least` at least.
  bool parse(const char *usage, PyObject *const *args, Py_ssize_t given, int lengths_given,
             std::ptrdiff_t least) {
    const Py_ssize_t first = 2 + lengths_given;
    if (given < first) {
      PyErr_SetString(PyExc_TypeError, usage);
      return false;
    }
    of = handle_of(args[0]);
    if (of == nullptr) return false;
    const long number = PyLong_AsLong(args[1]);
    for (int k = 0; k < lengths_given; ++k) lengths[k] = PyLong_AsSsize_t(args[2 + k]);
    if (PyErr_Occurred()) return false;
    operands = args + first;
    count = static_cast<int>(given - first);
    if (static_cast<std::size_t>(count) != of->operands.size() || number < 0 || number >= formats ||
        lengths[0] < 0 || lengths[lengths_given - 1] < least) {
      PyErr_SetString(PyExc_ValueError, "wrong number of operands, format or length");
      return false;
    }
    format_number = static_cast<int>(number);
    return true;
  }
  const operand &operator[](int k) const { return of->operands[static_cast<std::size_t>(k)]; }
  std::ptrdiff_t size(int k) const { return size_of((*this)[k].letter, format_number); }
};

} // namespace

const bound *handle_of(PyObject *number) {
  const long at = PyLong_AsLong(number);
  if (at == -1 && PyErr_Occurred()) return nullptr;
  if (at < 0 || at >= static_cast<long>(handles.size())) {
    PyErr_SetString(PyExc_ValueError, "no such handle");
    return nullptr;
  }
  return &handles[static_cast<std::size_t>(at)];
}

bool streams_to(char *result, std::ptrdiff_t bytes) {
  ask_for_huge_pages(result, bytes);
  return large_and_resident(result, bytes);
}

bool run_shared(flat_call &c) {
  return share(c.n, (c.n + bits_together - 1) / bits_together, grain_elements / bits_together,
               run_flat, &c);
}

bool run_shared(call &c) {
  return share(c.todo.rows * c.todo.n, c.todo.rows, (grain_elements + c.todo.n - 1) / c.todo.n,
               run_piece, &c);
}

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

// raw_flat(handle, format, n, *operands): n elements that lie one after the other.
PyObject *raw_flat(PyObject *, PyObject *const *args, Py_ssize_t count) {
  asked_by_handle asked;
  if (!asked.parse("raw_flat(handle, format, n, *operands)", args, count, 1, 0)) return nullptr;
  const std::ptrdiff_t n = asked.lengths[0];
  number numbers[most_operands];
  flat_call c;
  c.run = asked.of->run(asked.format_number, n);
  c.operands = asked.of->operands.data();
  c.count = asked.count;
  c.n = n;
  c.streaming = false;
  for (int k = 0; k < asked.count; ++k) {
    const operand &o = asked[k];
    const given what = what_is_given(o, asked.operands[k], numbers[k]);
    if (what == given::error) return nullptr;
    if (what == given::number) {
      c.data[k] = reinterpret_cast<char *>(&numbers[k]);
      c.steps[k] = 0;
      continue;
    }
    if (!packed_memory(o, asked.operands[k], k, n, c.data[k])) return nullptr;
    c.steps[k] = asked.size(k);
    if (o.output && o.letter == 'T') c.streaming |= streams_to(c.data[k], n * c.steps[k]);
  }
  return none_if(run_shared(c));
}

// raw_rows(handle, format, rows, n, *operands): rows of n elements that lie one after the other.
PyObject *raw_rows(PyObject *, PyObject *const *args, Py_ssize_t count) {
  asked_by_handle asked;
  if (!asked.parse("raw_rows(handle, format, rows, n, *operands)", args, count, 2, 1))
    return nullptr;
  const std::ptrdiff_t rows = asked.lengths[0], n = asked.lengths[1];
  const bound_loop loop{asked.of->run(asked.format_number, rows * n), asked.count, 0, true};
  number numbers[most_operands];
  char *data[most_operands];
  std::ptrdiff_t steps[2 * most_operands], *core = steps + asked.count;
  bool streaming = false;
  for (int k = 0; k < asked.count; ++k) {
    const operand &o = asked[k];
    const given what = what_is_given(o, asked.operands[k], numbers[k]);
    if (what == given::error) return nullptr;
    if (what != given::memory) {
      data[k] = what == given::number ? reinterpret_cast<char *>(&numbers[k]) : nullptr;
      steps[k] = 0;
      if (o.core) *core++ = 0;
      continue;
    }
    if (!packed_memory(o, asked.operands[k], k, rows * n, data[k])) return nullptr;
    const std::ptrdiff_t size = asked.size(k);
    steps[k] = o.core ? n * size : size;
    if (o.core) *core++ = size;
    if (o.output && o.core && o.letter == 'T') streaming |= streams_to(data[k], rows * n * size);
  }
  call c{loop, data, {rows, n, streaming}, steps};
  return none_if(run_shared(c));
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
// operand has a row). Memory is (address, (strides in bytes…)), with the stride within a row last
// where the operand has one.
PyObject *raw_strided(PyObject *, PyObject *args) {
  PyObject *handle, *shape, *given_operands;
  int format_number;
  Py_ssize_t n;
  if (!PyArg_ParseTuple(args, "OiO!nO!", &handle, &format_number, &PyTuple_Type, &shape, &n,
                        &PyTuple_Type, &given_operands))
    return nullptr;
  const bound *const b = handle_of(handle);
  if (b == nullptr) return nullptr;
  const Py_ssize_t nd = PyTuple_Size(shape);
  const std::size_t count = b->operands.size();
  if (PyTuple_Size(given_operands) != static_cast<Py_ssize_t>(count) || format_number < 0 ||
      format_number >= formats || n < 0) {
    PyErr_SetString(PyExc_ValueError, "wrong number of operands, format or length");
    return nullptr;
  }
  const bool rows =
      std::any_of(b->operands.begin(), b->operands.end(), [](const operand &o) { return o.core; });
  bound_loop loop{nullptr, static_cast<int>(count), 0, rows};
  strided_call c{loop, {}, {}, {}, {}, n};
  std::ptrdiff_t outer = 1;
  for (Py_ssize_t axis = 0; axis < nd; ++axis) {
    c.shape.push_back(PyLong_AsSsize_t(PyTuple_GetItem(shape, axis)));
    outer *= c.shape.back();
  }
  number numbers[most_operands];
  for (std::size_t k = 0; k < count; ++k) {
    PyObject *const item = PyTuple_GetItem(given_operands, static_cast<Py_ssize_t>(k));
    const operand &o = b->operands[k];
    const given what = what_is_given(o, item, numbers[k]);
    if (what == given::error) return nullptr;
    if (what != given::memory) {
      c.data.push_back(what == given::number ? reinterpret_cast<char *>(&numbers[k]) : nullptr);
      c.strides.emplace_back(c.shape.size(), 0);
      if (o.core) c.core.push_back(0);
      continue;
    }
    if (!PyTuple_Check(item)) {
      PyErr_Format(PyExc_TypeError, "operand %zu must be %s(address, strides): %R", k, or_else(o),
                   item);
      return nullptr;
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
  return none_if(share(outer * row, outer, (grain_elements + row - 1) / row, run_strided, &c));
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
