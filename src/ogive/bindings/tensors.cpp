#include "tensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>

#include "operands.hpp"
#include "raw.hpp"

namespace ogive::bindings {
namespace {

// DLPack 1.3's table for exchange between libraries, as far as it is used here: a struct of C that
// torch offers at run time (Tensor.__dlpack_c_exchange_api__), so that no header of it is needed.
struct dl_tensor {
  void *data;
  std::int32_t device_type, device_id;
  std::int32_t ndim;
  std::uint8_t code, bits;
  std::uint16_t lanes;
  std::int64_t *shape, *strides; // in elements
  std::uint64_t byte_offset;
};
struct dl_exchange {
  std::uint32_t major, minor;
  dl_exchange *older;
  void *allocate, *export_owned, *import_owned;
  int (*view_of)(void *object, dl_tensor *to); // 0, or -1 with an error set
};
constexpr std::int32_t dl_cpu = 1;
constexpr std::uint8_t dl_float = 2, dl_bfloat = 4;

// What use_tensors was given.
struct {
  decltype(dl_exchange::view_of) view_of = nullptr;
  std::array<PyTypeObject *, 2> plain{};
  PyObject *new_like = nullptr, *grad_enabled = nullptr;
  // Interned names.
  PyObject *is_neg = nullptr, *storage_offset = nullptr, *requires_grad = nullptr,
           *new_empty = nullptr;
} torch;

// A reference that is given back.
using owned = std::unique_ptr<PyObject, decltype([](PyObject *object) { Py_DecRef(object); })>;

// -1 with an error set.
int truth_of(PyObject *given) {
  const owned answer(given);
  return answer == nullptr ? -1 : PyObject_IsTrue(answer.get());
}

int format_of(const dl_tensor &t) {
  for (int k = 0; k < formats; ++k)
    if (t.bits == 8 * format_records[k].size &&
        t.code == (k == static_cast<int>(format::bf16) ? dl_bfloat : dl_float))
      return k;
  return -1;
}

std::ptrdiff_t elements_of(const dl_tensor &t) {
  std::ptrdiff_t n = 1;
  for (int axis = 0; axis < t.ndim; ++axis) n *= t.shape[axis];
  return n;
}

bool same_shape(const dl_tensor &a, const dl_tensor &b) {
  return a.ndim == b.ndim && std::equal(a.shape, a.shape + a.ndim, b.shape);
}

// Of two tensors of one shape. An axis of one says nothing of its stride.
bool same_order(const dl_tensor &a, const dl_tensor &b) {
  for (int axis = 0; axis < a.ndim; ++axis)
    if (a.strides[axis] != b.strides[axis] && a.shape[axis] != 1) return false;
  return true;
}

bool contiguous(const dl_tensor &t) {
  std::ptrdiff_t step = 1;
  for (int axis = t.ndim; axis-- > 0; step *= t.shape[axis])
    if (t.strides[axis] != step && t.shape[axis] != 1) return false;
  return true;
}

bool is_plain_type(PyObject *t) {
  return Py_TYPE(t) == torch.plain[0] || Py_TYPE(t) == torch.plain[1];
}

// What a kernel may do with an object: read it, or not, or an error is set.
enum class readable { yes, no, error };

// Whether an address may be read. Freed memory and a tensor of zeros that are not stored lie at 0,
// and their views at their offset from there; no tensor is so large that this is high.
readable stored(PyObject *t, const void *data) {
  constexpr std::uintptr_t high = std::uintptr_t{1} << 40;
  if (reinterpret_cast<std::uintptr_t>(data) >= high) return readable::yes;
  const int offset = truth_of(PyObject_CallMethodObjArgs(t, torch.storage_offset, nullptr));
  return offset < 0 ? readable::error : offset || data == nullptr ? readable::no : readable::yes;
}

// A tensor's memory.
readable view(PyObject *t, dl_tensor &to) {
  if (torch.view_of(t, &to) != 0) { // it has none of its own
    PyErr_Clear();
    return readable::no;
  }
  if (to.device_type != dl_cpu) return readable::no;
  const readable found = stored(t, to.data);
  if (found != readable::yes) return found;
  const int negated = truth_of(PyObject_CallMethodObjArgs(t, torch.is_neg, nullptr));
  return negated < 0 ? readable::error : negated ? readable::no : readable::yes;
}

// The only element of a tensor, as a number of a kernel.
readable only_element(PyObject *t, number &to) {
  dl_tensor at;
  if (!is_plain_type(t)) return readable::no;
  const readable found = view(t, at);
  if (found != readable::yes) return found;
  if (elements_of(at) != 1) return readable::no;
  const auto value = [&at]<class Bits>(Bits bits) {
    std::memcpy(&bits, at.data, sizeof bits);
    return bits;
  };
  switch (static_cast<format>(format_of(at))) {
  case format::f64: to.real = value(double{}); return readable::yes;
  case format::f32: to.real = value(float{}); return readable::yes;
  case format::bf16: // the upper half of a float
    to.real = std::bit_cast<float>(std::uint32_t{value(std::uint16_t{})} << 16);
    return readable::yes;
  default: return readable::no;
  }
}

// A kernel's mode as a function of tensors.
struct kernel {
  const bound *of = nullptr;
  int tensors = 0, results = 0;
  bool rows = false, reduces = false; // a result per row
  owned numbers;                      // a tuple; null: they are arguments of each call
  owned unless;                       // a tuple of functions
  owned learn, otherwise;             // null where there is none
  int operands() const { return static_cast<int>(of->operands.size()); }
  int taken() const { return numbers == nullptr ? operands() - results : tensors; }
};

constexpr const char *capsule_name = "ogive.tensors.kernel";

// The operands of one call.
struct operand_memory {
  dl_tensor views[most_operands];
  number numbers[most_operands];
  owned results[most_operands];
};

// Reads the tensors and numbers of a call; an error, or no, where the kernel does not take them.
readable read(const kernel &k, PyObject *const *args, operand_memory &to) {
  for (int i = 0; i < k.tensors; ++i)
    if (!is_plain_type(args[i])) return readable::no;
  for (Py_ssize_t i = 0; i < PyTuple_Size(k.unless.get()); ++i) {
    const int excluded =
        truth_of(PyObject_CallFunctionObjArgs(PyTuple_GetItem(k.unless.get(), i), nullptr));
    if (excluded) return excluded < 0 ? readable::error : readable::no;
  }
  const dl_tensor &last = to.views[k.tensors - 1];
  for (int i = k.tensors; i-- > 0;) {
    const readable found = view(args[i], to.views[i]);
    if (found != readable::yes) return found;
    if (to.views[i].code != last.code || to.views[i].bits != last.bits ||
        (!k.rows && !same_shape(to.views[i], last)))
      return readable::no;
  }
  if (format_of(last) < 0 || elements_of(last) == 0) return readable::no;
  for (int i = k.tensors; i < k.operands() - k.results; ++i) {
    PyObject *const item =
        k.numbers == nullptr ? args[i] : PyTuple_GetItem(k.numbers.get(), i - k.tensors);
    const given what =
        what_is_given(k.of->operands[static_cast<std::size_t>(i)], item, to.numbers[i]);
    if (what == given::number) continue;
    if (what == given::error) return readable::error;
    if (k.of->operands[static_cast<std::size_t>(i)].letter != 'd') return readable::no;
    const readable found = only_element(item, to.numbers[i]);
    if (found != readable::yes) return found;
  }
  return readable::yes;
}

// 1 where a gradient is asked for, -1 with an error set.
int learns(const kernel &k, PyObject *const *args) {
  if (k.learn == nullptr) return 0;
  for (int i = 0; i < k.taken(); ++i) {
    if (!is_plain_type(args[i])) continue; // a number
    const int wanted = truth_of(PyObject_GetAttr(args[i], torch.requires_grad));
    if (wanted) return wanted < 0 ? -1 : truth_of(PyObject_CallNoArgs(torch.grad_enabled));
  }
  return 0;
}

// New memory for a result like `last`, or for one number per row of it.
PyObject *new_result(const kernel &k, PyObject *last, const dl_tensor &view) {
  if (!k.reduces) return PyObject_CallFunctionObjArgs(torch.new_like, last, nullptr);
  const owned lead(PyTuple_New(view.ndim - 1));
  for (int axis = 0; lead != nullptr && axis < view.ndim - 1; ++axis)
    PyTuple_SetItem(lead.get(), axis, PyLong_FromLongLong(view.shape[axis]));
  return lead == nullptr ? nullptr
                         : PyObject_CallMethodObjArgs(last, torch.new_empty, lead.get(), nullptr);
}

// False, with an error set, where there is no memory.
bool make_results(const kernel &k, PyObject *last, operand_memory &m) {
  for (int i = k.operands() - k.results; i < k.operands(); ++i) {
    m.results[i].reset(new_result(k, last, m.views[k.tensors - 1]));
    if (m.results[i] == nullptr || torch.view_of(m.results[i].get(), &m.views[i]) != 0)
      return false;
  }
  return true;
}

// Elements one after the other, in an order that all tensors share: a new one has no gaps, and so
// has what is laid out as it is.
readable run_elements(const kernel &k, PyObject *last, operand_memory &m) {
  const dl_tensor &like = m.views[k.tensors - 1];
  for (int i = 0; i < k.tensors - 1; ++i)
    if (!same_order(m.views[i], like)) return readable::no;
  if (!make_results(k, last, m)) return readable::error;
  if (!same_order(m.views[k.operands() - 1], like)) return readable::no;
  const int format_number = format_of(like);
  flat_call c;
  c.n = elements_of(like);
  c.run = k.of->run(format_number, c.n);
  c.operands = k.of->operands.data();
  c.count = k.operands();
  c.streaming = false;
  for (int i = 0; i < c.count; ++i) {
    const bool is_number = i >= k.tensors && i < c.count - k.results;
    c.data[i] =
        is_number ? reinterpret_cast<char *>(&m.numbers[i]) : static_cast<char *>(m.views[i].data);
    c.steps[i] = is_number ? 0 : size_of('T', format_number);
    if (i >= c.count - k.results) c.streaming |= streams_to(c.data[i], c.n * c.steps[i]);
  }
  return run_shared(c) ? readable::yes : readable::error;
}

// Rows one after the other.
readable run_rows(const kernel &k, PyObject *last, operand_memory &m) {
  const dl_tensor &like = m.views[k.tensors - 1];
  if (like.ndim == 0) return readable::no;
  for (int i = 0; i < k.tensors; ++i) {
    const bool per_row = !k.of->operands[static_cast<std::size_t>(i)].core;
    if (!contiguous(m.views[i]) || m.views[i].ndim != like.ndim - per_row ||
        !std::equal(like.shape, like.shape + m.views[i].ndim, m.views[i].shape))
      return readable::no;
  }
  if (!make_results(k, last, m)) return readable::error;
  const int format_number = format_of(like), count = k.operands();
  const std::ptrdiff_t size = size_of('T', format_number), n = like.shape[like.ndim - 1];
  const std::ptrdiff_t rows = elements_of(like) / n;
  const bound_loop loop{k.of->run(format_number, rows * n), count, 0, true};
  char *data[most_operands];
  std::ptrdiff_t steps[2 * most_operands], *core = steps + count;
  bool streaming = false;
  for (int i = 0; i < count; ++i) {
    const operand &o = k.of->operands[static_cast<std::size_t>(i)];
    const bool is_number = i >= k.tensors && i < count - k.results;
    data[i] =
        is_number ? reinterpret_cast<char *>(&m.numbers[i]) : static_cast<char *>(m.views[i].data);
    steps[i] = is_number ? 0 : o.core ? n * size : size;
    if (o.core) *core++ = is_number ? 0 : size;
    if (o.output && o.core) streaming |= streams_to(data[i], rows * n * size);
  }
  call c{loop, data, {rows, n, streaming}, steps};
  return run_shared(c) ? readable::yes : readable::error;
}

PyObject *given_back(const kernel &k, operand_memory &m) {
  const int first = k.operands() - k.results;
  if (k.results == 1) return m.results[first].release();
  PyObject *const all = PyTuple_New(k.results);
  for (int i = 0; all != nullptr && i < k.results; ++i)
    PyTuple_SetItem(all, i, m.results[first + i].release());
  return all;
}

// A call with its arguments once more; of nothing, None.
PyObject *called(PyObject *function, PyObject *const *args, Py_ssize_t count) {
  if (function == nullptr) Py_RETURN_NONE;
  const owned all(PyTuple_New(count));
  if (all == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) {
    Py_IncRef(args[i]);
    PyTuple_SetItem(all.get(), i, args[i]);
  }
  return PyObject_CallObject(function, all.get());
}

PyObject *run_kernel(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  const auto *const k = static_cast<kernel *>(PyCapsule_GetPointer(self, capsule_name));
  if (k == nullptr) return nullptr;
  if (count != k->taken()) {
    PyErr_Format(PyExc_TypeError, "the kernel takes %d arguments, not %zd", k->taken(), count);
    return nullptr;
  }
  operand_memory m;
  readable done = torch.view_of == nullptr ? readable::no : read(*k, args, m);
  if (done == readable::yes) {
    const int learned = learns(*k, args);
    if (learned) return learned < 0 ? nullptr : called(k->learn.get(), args, count);
    PyObject *const last = args[k->tensors - 1];
    done = k->rows ? run_rows(*k, last, m) : run_elements(*k, last, m);
  }
  if (done == readable::error) return nullptr;
  return done == readable::yes ? given_back(*k, m) : called(k->otherwise.get(), args, count);
}

PyMethodDef definition = {"kernel",
                          reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(run_kernel)),
                          METH_FASTCALL, "A kernel on tensors."};

PyObject *kept(PyObject *object) {
  if (object == Py_None) return nullptr;
  Py_IncRef(object);
  return object;
}

} // namespace

// use_tensors(exchange, (Tensor, Parameter), empty_like, is_grad_enabled): torch's functions for
// the calls below, and its table of DLPack's functions in a capsule.
PyObject *use_tensors(PyObject *, PyObject *args) {
  PyObject *capsule, *plain, *parameter, *new_like, *grad_enabled;
  if (!PyArg_ParseTuple(args, "O(OO)OO", &capsule, &plain, &parameter, &new_like, &grad_enabled))
    return nullptr;
  constexpr const char *name = "dlpack_exchange_api";
  if (!PyCapsule_IsValid(capsule, name)) Py_RETURN_NONE;
  const auto *exchange = static_cast<dl_exchange *>(PyCapsule_GetPointer(capsule, name));
  while (exchange != nullptr && exchange->major != 1) exchange = exchange->older;
  if (exchange == nullptr) Py_RETURN_NONE; // another layout
  torch.plain = {reinterpret_cast<PyTypeObject *>(kept(plain)),
                 reinterpret_cast<PyTypeObject *>(kept(parameter))};
  torch.new_like = kept(new_like);
  torch.grad_enabled = kept(grad_enabled);
  torch.is_neg = PyUnicode_InternFromString("is_neg");
  torch.storage_offset = PyUnicode_InternFromString("storage_offset");
  torch.requires_grad = PyUnicode_InternFromString("requires_grad");
  torch.new_empty = PyUnicode_InternFromString("new_empty");
  torch.view_of = exchange->view_of;
  Py_RETURN_NONE;
}

// is_plain(t) -> whether t is a plain tensor whose elements lie in the CPU's memory, as far as this
// quick look tells: True is certain.
PyObject *is_plain(PyObject *, PyObject *t) {
  dl_tensor to;
  if (torch.view_of == nullptr || !is_plain_type(t)) Py_RETURN_FALSE;
  const readable found = view(t, to);
  return found == readable::error ? nullptr : PyBool_FromLong(found == readable::yes);
}

// on_tensors(handle, numbers or None, unless, learn or None, otherwise or None) -> a function of
// the kernel's tensors, and of its numbers where None are given, to its results. A number may come
// as a tensor of one element.
//
// It takes plain tensors in the CPU's memory of one format, without gaps and in one order of axes,
// rows in that of memory. For others, and where a function of `unless` says yes, it gives what
// otherwise(*args) does, or None. Where a tensor is to learn, it gives what learn(*args) does.
PyObject *on_tensors(PyObject *, PyObject *args) {
  PyObject *handle, *numbers, *unless, *learn, *otherwise;
  if (!PyArg_ParseTuple(args, "OOO!OO", &handle, &numbers, &PyTuple_Type, &unless, &learn,
                        &otherwise))
    return nullptr;
  auto made = std::make_unique<kernel>();
  made->of = handle_of(handle);
  if (made->of == nullptr) return nullptr;
  for (const operand &o : made->of->operands) {
    made->tensors += o.letter == 'T' && !o.output;
    made->results += o.output;
    made->rows |= o.core;
    if (o.output) made->reduces |= made->rows && !o.core;
    if (o.output && o.letter != 'T') {
      PyErr_SetString(PyExc_ValueError, "the kernel has results of another format");
      return nullptr;
    }
  }
  const int expected = made->operands() - made->tensors - made->results;
  if (numbers != Py_None && (!PyTuple_Check(numbers) || PyTuple_Size(numbers) != expected)) {
    PyErr_Format(PyExc_ValueError, "the kernel takes %d numbers: %R", expected, numbers);
    return nullptr;
  }
  made->numbers.reset(kept(numbers));
  made->unless.reset(kept(unless));
  made->learn.reset(kept(learn));
  made->otherwise.reset(kept(otherwise));
  const owned self(PyCapsule_New(made.get(), capsule_name, [](PyObject *capsule) {
    delete static_cast<kernel *>(PyCapsule_GetPointer(capsule, capsule_name));
  }));
  if (self == nullptr) return nullptr;
  static_cast<void>(made.release());
  return PyCFunction_NewEx(&definition, self.get(), nullptr);
}

} // namespace ogive::bindings
