#include "drivers/elementwise_loop.hpp"

#include <cstdint>

#include "drivers/blocks.hpp"
#include "simd/floats.hpp"

namespace ogive::OGIVE_ISA {
namespace {

constexpr int most_parameters = 2;

// An operand or a result, in elements of `size` bytes.
struct place {
  char *start;
  int size;
  place operator+(std::ptrdiff_t i) const { return {start + i * size, size}; }
};

// What a thread computes of a call whose operands lie packed.
struct share {
  place first, second, out;
  std::ptrdiff_t n;
  share from(std::ptrdiff_t i, std::ptrdiff_t count) const {
    return {first + i, second + i, out + i, count};
  }
};

void run(const computation &op, const share &at, const double *p) {
  op.uniform(at.first.start, at.second.start, at.out.start, at.n, p);
}

// Whether n results may be written twice: they lie where no operand does.
bool lie_apart(place from, place to, std::ptrdiff_t n) {
  return from.start + n * from.size <= to.start || to.start + n * to.size <= from.start;
}

// Where little is computed, stores across lines of the cache are what takes the time, and an array
// of NumPy's begins 16 bytes after one: the first few results go alone, the rest by whole lines.
void compute_by_lines(const computation &op, const share &at, const double *p) {
  const std::ptrdiff_t few = 16 * (64 / op.size);
  const std::ptrdiff_t head = at.n < few ? 0 : before_a_line(at.out.start, op.size);
  // A whole vector takes no longer, where its end may be written twice.
  const bool twice = lie_apart(at.first, at.out, at.n) && lie_apart(at.second, at.out, at.n);
  if (head > 0) run(op, at.from(0, twice && head < lanes ? lanes : head), p);
  run(op, at.from(head, at.n - head), p);
}

// A block at a time: computed in the first cache and streamed to its place, or stored there by the
// function's own loop.
void compute_ahead(const computation &op, const share &at, const double *p, bool streaming) {
  const std::ptrdiff_t size = streamed_bytes / op.size;
  alignas(64) char block[streamed_bytes];
  const std::ptrdiff_t past = before_a_line(at.out.start, op.size),
                       head = past < at.n ? past : at.n;
  if (head > 0) run(op, at.from(0, head), p);
  std::ptrdiff_t i = head;
  for (; i + size <= at.n; i += size) {
    const share here = at.from(i, size);
    op.uniform(here.first.start, here.second.start, streaming ? block : here.out.start, size, p);
    for (std::ptrdiff_t k = 0; k < streamed_bytes; k += 64) {
      __builtin_prefetch(here.first.start + ahead_bytes + k);
      if (op.inputs == 2) __builtin_prefetch(here.second.start + ahead_bytes + k);
      if (streaming) stream_line(block + k, here.out.start + k);
    }
  }
  if (streaming) end_of_stream();
  if (i < at.n) run(op, at.from(i, at.n - i), p);
}

void compute_stored(stores way, const computation &op, const share &at, const double *p) {
  if (way != stores::plain)
    compute_ahead(op, at, p, way == stores::streaming);
  else if (op.by_lines)
    compute_by_lines(op, at, p);
  else
    run(op, at, p);
}

// A thread's share of a result that lies packed in memory.
void compute_packed(const computation &op, const share &at, const double *p, bool may_stream) {
  const std::ptrdiff_t bytes = at.n * op.size, piece = tried_bytes / op.size;
  std::ptrdiff_t i = 0;
  stores way = stores::plain;
  if (may_stream || bytes >= least_tried) {
    store_record &record = record_of(*op.found, bytes, may_stream);
    way = known_way(record, may_stream);
    if (store_trial trial(record, bytes, may_stream); trial.wants_more()) {
      // The first piece is not timed: it takes a new result's page faults and the first misses.
      compute_stored(way, op, at.from(0, piece), p);
      for (i = piece; trial.wants_more(); i += piece) {
        compute_stored(trial.begin(), op, at.from(i, piece), p);
        trial.end();
      }
      way = known_way(record, may_stream);
    }
  }
  compute_stored(way, op, at.from(i, at.n - i), p);
}

// Calls `with` on a number of the operand's size.
template <class With>
void of_size(int size, With with) {
  if (size == 2)
    with(std::uint16_t{});
  else if (size == 4)
    with(std::uint32_t{});
  else
    with(std::uint64_t{});
}

char *gathered(char *from, std::ptrdiff_t step, std::ptrdiff_t n, char *buffer, int size) {
  if (step == size) return from;
  of_size(size, [&]<class T>(T) { contiguous(from, step, n, reinterpret_cast<T *>(buffer)); });
  return buffer;
}

void scatter(const char *buffer, char *to, std::ptrdiff_t step, std::ptrdiff_t n, int size) {
  of_size(size, [&]<class T>(T) {
    for (std::ptrdiff_t i = 0; i < n; ++i)
      *reinterpret_cast<T *>(to + i * step) = reinterpret_cast<const T *>(buffer)[i];
  });
}

} // namespace

bool run_elementwise(const computation &op, char **args, const work &todo,
                     const std::ptrdiff_t *steps) {
  const int result = op.inputs + op.parameters;
  const std::ptrdiff_t n = todo.rows, size = op.size;
  bool same_parameters = true;
  for (int k = op.inputs; k < result; ++k) same_parameters &= steps[k] == 0 || n == 1;
  double p[most_parameters];
  for (int k = 0; k < op.parameters && same_parameters && n > 0; ++k)
    p[k] = *reinterpret_cast<const double *>(args[op.inputs + k]);
  if (same_parameters && steps[0] == size && steps[op.inputs - 1] == size &&
      steps[result] == size) {
    const place first{args[0], op.size}, second{args[op.inputs - 1], op.size};
    compute_packed(op, {first, second, {args[result], op.size}, n}, p, todo.streaming);
    return true;
  }

  alignas(64) char buffers[3][block_size * sizeof(double)];
  alignas(64) double p_buffer[most_parameters][block_size];
  const double *each[most_parameters];
  for (std::ptrdiff_t begin = 0; begin < n; begin += block_size) {
    const std::ptrdiff_t count = n - begin < block_size ? n - begin : block_size;
    const auto at = [&](int k) { return args[k] + begin * steps[k]; };
    const char *const first = gathered(at(0), steps[0], count, buffers[0], op.size);
    const char *const second =
        op.inputs == 2 ? gathered(at(1), steps[1], count, buffers[1], op.size) : first;
    char *const out = steps[result] == size ? at(result) : buffers[2];
    if (same_parameters) {
      op.uniform(first, second, out, count, p);
    } else {
      for (int k = 0; k < op.parameters; ++k)
        each[k] = contiguous(at(op.inputs + k), steps[op.inputs + k], count, p_buffer[k]);
      op.each(first, second, out, count, each);
    }
    if (out == buffers[2]) scatter(out, at(result), steps[result], count, op.size);
  }
  return true;
}

} // namespace ogive::OGIVE_ISA
