#include "xla.hpp"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "raw.hpp"
#include "runtime/pool.hpp"
#include "xla_ffi.hpp"

namespace ogive::bindings {
namespace {

using xla::call_frame;
using xla::element;

// What ends a call: XLA shows the text to the user.
struct refusal {
  std::string text;
  int code = xla::invalid_argument;
};

// ------------------------------------------------------------------------------ XLA's threads

// Work in pieces that the calling thread and XLA's take one by one. A call may itself run on one of
// XLA's threads, so nobody waits for a task to begin: the caller takes whatever is left, and a task
// that comes late finds nothing. It then touches this record alone, which lives as long.
struct pieces {
  range_task task;
  void *of_task;
  std::ptrdiff_t n, length, count;
  std::atomic<std::ptrdiff_t> next{0}, done{0};
  std::atomic<bool> good{true};

  void work() {
    for (std::ptrdiff_t at; (at = next.fetch_add(1)) < count;) {
      if (!task(of_task, at * length, std::min((at + 1) * length, n))) good = false;
      if (done.fetch_add(1) + 1 == count) done.notify_all();
    }
  }
};

void help(void *data) {
  const std::unique_ptr<std::shared_ptr<pieces>> own{static_cast<std::shared_ptr<pieces> *>(data)};
  (*own)->work();
}

bool share(const call_frame &call, std::ptrdiff_t n, std::ptrdiff_t grain, range_task task,
           void *of_task) {
  std::int64_t threads = 1;
  xla::thread_count_arguments asked{sizeof asked, nullptr, call.of_call, &threads};
  if (n > grain)
    if (xla::error *const none = call.api->thread_count(&asked)) {
      struct {
        std::size_t struct_size;
        xla::extension *extensions;
        xla::error *which;
      } gone{sizeof gone, nullptr, none};
      call.api->destroy_error(&gone);
      threads = 1;
    }
  if (n <= grain || threads < 2) return task(of_task, 0, n);
  constexpr std::int64_t pieces_of_thread = 4;
  const std::ptrdiff_t length =
      std::max(grain, (n + threads * pieces_of_thread - 1) / (threads * pieces_of_thread));
  const auto work = std::make_shared<pieces>();
  work->task = task;
  work->of_task = of_task;
  work->n = n;
  work->length = length;
  work->count = (n + length - 1) / length;
  for (std::int64_t k = 1; k < std::min<std::int64_t>(threads, work->count); ++k) {
    auto *const data = new std::shared_ptr<pieces>(work);
    xla::schedule_arguments scheduled{sizeof scheduled, nullptr, call.of_call, help, data};
    if (call.api->schedule(&scheduled) != nullptr) { // no threads: the caller does it all
      delete data;
      break;
    }
  }
  work->work();
  for (std::ptrdiff_t done; (done = work->done.load()) < work->count;) work->done.wait(done);
  return work->good;
}

// ------------------------------------------------------------------------- what a call asks for

const void *attribute(const call_frame &call, const char *name, xla::attribute kind) {
  for (std::int64_t k = 0; k < call.given.count; ++k) {
    const xla::byte_span &own = *call.given.names[k];
    if (call.given.kinds[k] == kind && own.length == std::strlen(name) &&
        std::memcmp(own.text, name, own.length) == 0)
      return call.given.items[k];
  }
  throw refusal{std::string("no attribute ") + name};
}

std::string text(const call_frame &call, const char *name) {
  const auto &found =
      *static_cast<const xla::byte_span *>(attribute(call, name, xla::attribute::string));
  return {found.text, found.length};
}

// An array of int64.
std::vector<std::int64_t> whole(const call_frame &call, const char *name) {
  const auto &found =
      *static_cast<const xla::attribute_array *>(attribute(call, name, xla::attribute::array));
  if (found.type != element::s64) throw refusal{std::string(name) + " is no array of int64"};
  const auto *const data = static_cast<const std::int64_t *>(found.data);
  return {data, data + found.count};
}

int format_of(element type) {
  const element of_format[] = {element::f16, element::bf16, element::f32, element::f64};
  for (int f = 0; f < formats; ++f)
    if (of_format[f] == type) return f;
  throw refusal{"a kernel takes float16, bfloat16, float32 and float64"};
}

// A kernel's mode.
struct kernel {
  const entry *row, *of_few;
  int which;
  std::vector<operand> operands;

  kernel(const std::string &name, const std::string &mode_name)
      : row(look_up(name.c_str(), the_table)),
        of_few(look_up(name.c_str(), table_of_few)),
        which(row == nullptr ? -1 : look_up_mode(*row, mode_name.c_str())) {
    if (which < 0) throw refusal{"no kernel " + name + " with mode " + mode_name};
    operands = parse(row->operands[which]);
  }
  loop run(int format_number, std::ptrdiff_t elements) const {
    return (elements <= few_elements ? of_few : row)->run[which][format_number];
  }
  int count() const { return static_cast<int>(operands.size()); }
};

// Numbers as kernels read them, of an array in whatever format XLA has them.
template <class To>
std::vector<To> converted(const xla::buffer &from) {
  std::vector<To> to(static_cast<std::size_t>(from.size()));
  const auto copy = [&]<class From>(const From *data) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<To>(data[i]);
  };
  switch (from.type) {
  case element::f32: copy(static_cast<const float *>(from.data)); break;
  case element::f64: copy(static_cast<const double *>(from.data)); break;
  case element::s8: copy(static_cast<const std::int8_t *>(from.data)); break;
  case element::s16: copy(static_cast<const std::int16_t *>(from.data)); break;
  case element::s32: copy(static_cast<const std::int32_t *>(from.data)); break;
  case element::s64: copy(static_cast<const std::int64_t *>(from.data)); break;
  case element::u8: copy(static_cast<const std::uint8_t *>(from.data)); break;
  case element::u16: copy(static_cast<const std::uint16_t *>(from.data)); break;
  case element::u32: copy(static_cast<const std::uint32_t *>(from.data)); break;
  case element::u64: copy(static_cast<const std::uint64_t *>(from.data)); break;
  default: throw refusal{"numbers of a kernel are integers, float32 or float64"};
  }
  return to;
}

// The operands of a call that are numbers: each is fixed, its bits in the attribute `numbers`, or
// an array.
struct numbers {
  std::vector<std::int64_t> bits, fixed;
  std::vector<std::vector<double>> reals;
  std::vector<std::vector<std::int64_t>> integers;
  std::size_t next = 0;
  std::int64_t next_buffer;

  numbers(const call_frame &call, std::int64_t first_buffer)
      : bits(whole(call, "numbers")), fixed(whole(call, "fixed")), next_buffer(first_buffer) {
    reals.reserve(bits.size());
    integers.reserve(bits.size());
    if (bits.size() != fixed.size()) throw refusal{"numbers and fixed differ in length"};
  }
  // Where the next one lies, and the step from one to the next: 0 where it is one for all.
  char *take(const call_frame &call, const operand &o, std::ptrdiff_t &step) {
    step = 0;
    if (next >= bits.size()) throw refusal{"too few numbers"};
    const std::size_t own = next++;
    if (fixed[own] != 0) return reinterpret_cast<char *>(&bits[own]);
    const xla::buffer &given = call.operands[next_buffer++];
    if (given.size() > 1) step = size_of(o.letter, 0);
    if (o.letter == '?') {
      if (given.type != element::boolean) throw refusal{"a mask is boolean"};
      return static_cast<char *>(given.data);
    }
    if (o.letter == 'l') {
      if (given.type == element::s64) return static_cast<char *>(given.data);
      integers.push_back(converted<std::int64_t>(given));
      return reinterpret_cast<char *>(integers.back().data());
    }
    if (given.type == element::f64) return static_cast<char *>(given.data);
    reals.push_back(converted<double>(given));
    return reinterpret_cast<char *>(reals.back().data());
  }
};

void check_memory(bool good) {
  if (!good) throw refusal{"a kernel ran out of memory", xla::resource_exhausted};
}

// ------------------------------------------------------------------------ elements and rows

void run_kernel(const call_frame &call) {
  const kernel of{text(call, "kernel"), text(call, "mode")};
  const int format_number = format_of(call.operands[0].type);
  std::int64_t tensors = 0;
  const xla::buffer *with_rows = nullptr, *whole_tensor = &call.operands[0];
  for (const operand &o : of.operands)
    if (o.letter == 'T' && !o.output) {
      const xla::buffer &given = call.operands[tensors++];
      if (format_of(given.type) != format_number) throw refusal{"formats differ"};
      if (o.core) with_rows = &given;
      if (given.size() > whole_tensor->size()) whole_tensor = &given;
    }
  const std::ptrdiff_t elements = whole_tensor->size();
  const std::ptrdiff_t n = with_rows == nullptr ? elements
                           : with_rows->rank    ? with_rows->lengths[with_rows->rank - 1]
                                                : 1;
  if (elements == 0) return;
  const std::ptrdiff_t rows = elements / n;
  numbers own{call, tensors};
  char *data[most_operands];
  std::ptrdiff_t steps[2 * most_operands], *core = steps + of.count();
  std::int64_t tensor = 0, result = 0;
  bool streaming = false;
  for (int k = 0; k < of.count(); ++k) {
    const operand &o = of.operands[static_cast<std::size_t>(k)];
    const std::ptrdiff_t size = size_of(o.letter, format_number);
    std::ptrdiff_t step = size;
    if (o.output || o.letter == 'T') {
      const xla::buffer &given = o.output ? call.results[result++] : call.operands[tensor++];
      data[k] = static_cast<char *>(given.data);
      if (o.output && o.letter == 'T') streaming |= streams_to(data[k], given.size() * size);
    } else {
      data[k] = own.take(call, o, step);
    }
    steps[k] = o.core ? n * step : step;
    if (o.core) *core++ = step;
  }
  if (with_rows == nullptr) {
    flat_call c{
        of.run(format_number, elements), of.operands.data(), of.count(), {}, {}, n, streaming};
    std::copy(data, data + of.count(), c.data);
    std::copy(steps, steps + of.count(), c.steps);
    check_memory(share(call, (n + bits_together - 1) / bits_together,
                       grain_elements / bits_together, run_flat, &c));
    return;
  }
  const bound_loop loop{of.run(format_number, elements), of.count(), 0, true};
  ogive::bindings::call c{loop, data, {rows, n, streaming}, steps};
  check_memory(share(call, rows, (grain_elements + n - 1) / n, run_piece, &c));
}

// ------------------------------------------------------------------------------------- losses

constexpr std::ptrdiff_t chunk = 1 << 17; // as in ogive.calls.losses: sums of chunks, then theirs
constexpr std::ptrdiff_t piece_of_elements = 1 << 12;

// The sum of doubles in its fixed order, over a divisor, in a format.
void sum(const double *terms, std::ptrdiff_t n, double divisor, int format_number, void *to) {
  static const kernel of{"summed", "value"};
  char *args[] = {reinterpret_cast<char *>(const_cast<double *>(terms)),
                  reinterpret_cast<char *>(&divisor), static_cast<char *>(to)};
  const std::ptrdiff_t steps[] = {0, 0, 0, sizeof(double)};
  const fp_environment defaults;
  check_memory(of.run(format_number, n)(args, {1, n, false}, steps));
}
constexpr int double_format = static_cast<int>(format::f64);
double sum(const double *terms, std::ptrdiff_t n, double divisor = 1) {
  double found;
  sum(terms, n, divisor, double_format, &found);
  return found;
}
// Rounded once to a format.
void narrow(const double *from, std::ptrdiff_t n, int format_number, void *to) {
  static const kernel of{"narrowed", "value"};
  char *args[] = {reinterpret_cast<char *>(const_cast<double *>(from)), static_cast<char *>(to)};
  const std::ptrdiff_t steps[] = {sizeof(double), format_records[format_number].size};
  const fp_environment defaults;
  check_memory(of.run(format_number, n)(args, {n, 1, false}, steps));
}

// As `sum_of` in ogive.calls.losses.
void reduce(const std::vector<double> &loss, double total, int format_number, void *to) {
  std::vector<double> sums, small;
  for (std::size_t begin = 0; begin < loss.size(); begin += chunk) {
    const double *const own = loss.data() + begin;
    const auto n =
        std::min<std::ptrdiff_t>(chunk, static_cast<std::ptrdiff_t>(loss.size() - begin));
    sums.push_back(sum(own, n));
    std::vector<double> scaled;
    if (!std::isfinite(sums.back())) {
      scaled.assign(own, own + n);
      for (double &each : scaled) each *= 0x1p-64;
    }
    small.push_back(scaled.empty() ? sums.back() * 0x1p-64 : sum(scaled.data(), n));
  }
  double value = 0;
  const bool one = loss.size() <= static_cast<std::size_t>(chunk);
  const std::vector<double> &terms = one ? loss : sums;
  const auto n = static_cast<std::ptrdiff_t>(terms.size());
  value = sum(terms.data(), n, total);
  if (std::isfinite(value)) return sum(terms.data(), n, total, format_number, to);
  // It may be the sum alone that leaves the range.
  value = std::ldexp(sum(small.data(), static_cast<std::ptrdiff_t>(small.size()), total), 64);
  narrow(&value, 1, format_number, to);
}

enum class reduction { none, sum, mean };

// One loss: rows of logits, or elements as rows of `piece_of_elements`.
struct loss_call {
  loop run;
  int count, results;
  char *data[most_operands];
  std::ptrdiff_t step[most_operands]; // from element to element of a row; 0 for one number
  std::ptrdiff_t by_row[most_operands];
  bool core[most_operands];
  std::ptrdiff_t rows, n, last; // elements of a row, and of the last one
};

bool run_losses(void *context, std::ptrdiff_t begin, std::ptrdiff_t end) {
  const loss_call &c = *static_cast<const loss_call *>(context);
  const fp_environment defaults;
  const auto part = [&](std::ptrdiff_t from, std::ptrdiff_t to, std::ptrdiff_t n) {
    char *args[most_operands];
    std::ptrdiff_t steps[2 * most_operands], *core = steps + c.count;
    for (int k = 0; k < c.count; ++k) {
      args[k] = c.data[k] == nullptr ? nullptr : c.data[k] + from * c.by_row[k];
      steps[k] = c.by_row[k];
      if (c.core[k]) *core++ = c.step[k];
    }
    return from == to || c.run(args, {to - from, n, false}, steps);
  };
  const bool ends = end == c.rows && c.last != c.n;
  return part(begin, ends ? end - 1 : end, c.n) && (!ends || part(end - 1, end, c.last));
}

void fill_with_nan(void *to, std::ptrdiff_t n, int format_number) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const int size = format_records[format_number].size;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    narrow(&nan, 1, format_number, static_cast<char *>(to) + i * size);
}

void run_loss(const call_frame &call) {
  const kernel of{text(call, "kernel"), text(call, "mode")};
  const xla::buffer &z = call.operands[0], &target = call.operands[1];
  const int format_number = format_of(z.type);
  const std::ptrdiff_t size = format_records[format_number].size;
  const std::vector<std::int64_t> plan = whole(call, "plan"), ignored = whole(call, "ignored");
  if (plan.size() != 2) throw refusal{"plan is (reduction, samples)"};
  const auto how = static_cast<reduction>(plan[0]);
  const std::ptrdiff_t samples = plan[1];
  const bool over_rows = !of.operands[static_cast<std::size_t>(of.count() - 2)].core;
  const bool hard = of.operands[1].letter == 'l';
  const std::ptrdiff_t elements = z.size() / std::max<std::ptrdiff_t>(samples, 1);
  const std::ptrdiff_t n = over_rows ? z.lengths[z.rank - 1] : piece_of_elements;
  if (n == 0) throw refusal{"logits have no classes"};
  loss_call c;
  c.rows = over_rows ? elements / n : (elements + n - 1) / n;
  c.n = n;
  c.last = over_rows || elements % n == 0 ? n : elements % n;
  c.run = of.run(format_number, elements);
  c.count = of.count();
  const std::ptrdiff_t losses = over_rows ? c.rows : elements;
  std::vector<double> loss(static_cast<std::size_t>(losses));
  std::vector<std::int64_t> labels;
  if (hard) labels = converted<std::int64_t>(target);
  std::vector<std::ptrdiff_t> bad; // rows whose label is no class
  for (std::size_t r = 0; r < labels.size(); ++r) {
    if (!ignored.empty() && labels[r] == ignored[0]) {
      labels[r] = -1;
    } else if (labels[r] < 0 || labels[r] >= n) {
      labels[r] = 0;
      bad.push_back(static_cast<std::ptrdiff_t>(r));
    }
  }
  numbers own{call, 2};
  double factor = 1;
  const double *class_weights = nullptr;
  std::ptrdiff_t step_of_weights = 0;
  const int between = of.count() - 3 - 1; // logits, target, numbers, factor, loss, gradient
  for (int k = 0; k < c.count; ++k) {
    const operand &o = of.operands[static_cast<std::size_t>(k)];
    c.core[k] = o.core;
    c.step[k] = size_of(o.letter, format_number);
    if (k == 0) {
      c.data[k] = static_cast<char *>(z.data);
    } else if (k == 1) {
      c.data[k] = hard ? reinterpret_cast<char *>(labels.data()) : static_cast<char *>(target.data);
    } else if (k < between + 1) {
      c.data[k] = own.take(call, o, c.step[k]);
      if (over_rows && o.core && class_weights == nullptr) {
        class_weights = reinterpret_cast<const double *>(c.data[k]);
        step_of_weights = c.step[k] / static_cast<std::ptrdiff_t>(sizeof(double));
      }
    } else if (k == between + 1) {
      c.data[k] = reinterpret_cast<char *>(&factor);
      c.step[k] = 0;
    } else if (k == between + 2) {
      c.data[k] = reinterpret_cast<char *>(loss.data());
    } else {
      c.data[k] = call.results.count > 1 ? static_cast<char *>(call.results[1].data) : nullptr;
    }
    // Class weights are the same for every row.
    const bool of_classes = over_rows && k > 1 && k <= between;
    c.by_row[k] = of_classes                  ? 0
                  : o.core                    ? n * c.step[k]
                  : k > 1 && k <= between + 1 ? 0
                                              : c.step[k];
  }
  char *const values = static_cast<char *>(call.results[0].data);
  char *const gradient = c.data[c.count - 1];
  for (std::ptrdiff_t s = 0; s < samples; ++s) {
    double total = 1;
    if (how == reduction::mean && !hard) {
      total = static_cast<double>(losses);
    } else if (how == reduction::mean) {
      std::vector<double> counted;
      for (std::ptrdiff_t r = 0; r < c.rows; ++r)
        if (const std::int64_t label = labels[static_cast<std::size_t>(s * c.rows + r)]; label >= 0)
          counted.push_back(class_weights == nullptr ? 1 : class_weights[label * step_of_weights]);
      total = sum(counted.data(), static_cast<std::ptrdiff_t>(counted.size()));
      // A mean over nothing is 0; weights that cancel give inf, as in torch.
      const auto counts = [](double weight) { return weight != 0; };
      if (std::none_of(counted.begin(), counted.end(), counts))
        total = std::numeric_limits<double>::infinity();
    }
    factor = 1 / total;
    if (losses > 0) check_memory(share(call, c.rows, (grain_elements + n - 1) / n, run_losses, &c));
    for (const std::ptrdiff_t r : bad) {
      if (r / std::max<std::ptrdiff_t>(c.rows, 1) != s) continue;
      loss[static_cast<std::size_t>(r % c.rows)] = std::numeric_limits<double>::quiet_NaN();
      if (gradient != nullptr) fill_with_nan(gradient + r * n * size, n, format_number);
    }
    if (how == reduction::none)
      narrow(loss.data(), losses, format_number, values + s * losses * size);
    else
      reduce(loss, total, format_number, values + s * size);
    for (int k = 0; k < c.count; ++k) {
      if (k > 1 && k <= between + 2) continue;
      const std::ptrdiff_t of_sample = k == 1 && hard ? c.rows * c.step[k] : elements * c.step[k];
      if (c.data[k] != nullptr) c.data[k] += of_sample;
    }
  }
}

// ------------------------------------------------------------------------------------ handlers

template <void (*run)(const call_frame &)>
xla::error *handler(call_frame *call) {
  for (xla::extension *e = call->extensions; e != nullptr; e = e->next)
    if (e->type == xla::metadata_type) {
      xla::metadata &own = *reinterpret_cast<xla::metadata_extension *>(e)->of_handler;
      own.version.major = xla::major_version;
      own.version.minor = xla::minor_version;
      own.traits = 0;
      return nullptr;
    }
  if (call->at != xla::stage::execute) return nullptr;
  const auto refused = [call](const char *message, int code) {
    xla::error_arguments told{sizeof told, nullptr, message, code};
    return call->api->create_error(&told);
  };
  try {
    run(*call);
  } catch (const refusal &why) {
    return refused(why.text.c_str(), why.code);
  } catch (const std::bad_alloc &) {
    return refused("out of memory", xla::resource_exhausted);
  }
  return nullptr;
}

} // namespace

PyObject *xla_handlers(PyObject *, PyObject *) {
  const auto address = [](xla::error *(*of)(call_frame *)) {
    return static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(of));
  };
  return Py_BuildValue("{sKsK}", "ogive_kernel", address(handler<run_kernel>), "ogive_loss",
                       address(handler<run_loss>));
}

} // namespace ogive::bindings
