// The executor for NumPy: a few threads that wait for work, started when first needed.
#pragma once
#include <cstddef>

namespace ogive {

// Work on [begin, end). Returns false when it ran out of memory.
using range_task = bool (*)(void *context, std::ptrdiff_t begin, std::ptrdiff_t end);

// Calls `task` on pieces of [0, n), each at least `grain` long, from this thread and from the
// pool's. Runs serially where the range is short, inside another parallel_for, in a pool of one,
// and while another thread has the pool. False when any piece returned false.
bool parallel_for(std::ptrdiff_t n, std::ptrdiff_t grain, range_task task, void *context);

void set_threads(int n); // 1 to max_threads
int get_threads();
constexpr int max_threads = 256;

} // namespace ogive
