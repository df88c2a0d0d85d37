// The limit of a machine: how fast its threads copy one resident buffer into another.
//
// Plain stores first read the line they are about to overwrite; streaming stores do not. memcpy
// chooses between them by itself, so that neither limit could be told from it.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace {

using clock_type = std::chrono::steady_clock;

void copy_plain(char *to, const char *from, std::size_t bytes) {
  struct line {
    alignas(1) char bytes[64];
  };
  std::size_t i = 0;
  for (; i + sizeof(line) <= bytes; i += sizeof(line)) {
    line held;
    std::memcpy(&held, from + i, sizeof held);
    std::memcpy(to + i, &held, sizeof held);
    asm volatile("" ::: "memory"); // keeps compilers from making one memcpy of the loop
  }
  for (; i < bytes; ++i) to[i] = from[i];
}

#if defined(__SSE2__)
constexpr bool can_stream = true;
void copy_streaming(char *to, const char *from, std::size_t bytes) {
  std::size_t i = 0;
  for (; i < bytes && reinterpret_cast<std::uintptr_t>(to + i) % 64; ++i) to[i] = from[i];
  for (; i + 64 <= bytes; i += 64)
    for (std::size_t part = 0; part < 64; part += 16) {
      const auto held = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i + part));
      _mm_stream_si128(reinterpret_cast<__m128i *>(to + i + part), held);
    }
  for (; i < bytes; ++i) to[i] = from[i];
  _mm_sfence();
}
#else
constexpr bool can_stream = false;
void copy_streaming(char *, const char *, std::size_t) {}
#endif

// All threads arrive before any goes on. It spins: a sleeping thread may wake on a core in use.
void meet(std::atomic<int> &arrived, int all) {
  ++arrived;
  while (arrived < all) std::this_thread::yield();
}

} // namespace

// Seconds for one copy by `threads` threads, the mean of `repeats` after `settle` seconds of
// untimed copies. Negative where the machine has no such store.
extern "C" double copy_seconds(char *to, const char *from, std::size_t bytes, int threads,
                               int repeats, double settle, bool streaming) {
  if (streaming && !can_stream) return -1;
  const auto copy = streaming ? copy_streaming : copy_plain;
  std::atomic<int> ready{0}, done{0};
  clock_type::time_point begin, end;
  const auto work = [&](int index) {
    const std::size_t first = bytes * index / threads / 64 * 64;
    const std::size_t last = index + 1 == threads ? bytes : bytes * (index + 1) / threads / 64 * 64;
    const auto warm = clock_type::now() + std::chrono::duration<double>(settle);
    do copy(to + first, from + first, last - first);
    while (clock_type::now() < warm);
    meet(ready, threads);
    if (index == 0) begin = clock_type::now();
    for (int i = 0; i < repeats; ++i) copy(to + first, from + first, last - first);
    meet(done, threads);
    if (index == 0) end = clock_type::now();
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  return std::chrono::duration<double>(end - begin).count() / repeats;
}
