#include "pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "fp_environment.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace ogive {
namespace {

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// How long a thread spins before it sleeps: a futex wake-up costs tens of microseconds, and
// the next call of a training step often comes sooner than that.
constexpr auto spin_time = std::chrono::microseconds(20);

template <class Condition>
void spin_until(Condition holds) {
  const auto until = std::chrono::steady_clock::now() + spin_time;
  while (!holds() && std::chrono::steady_clock::now() < until) relax();
}

// A thread that has just woken may find itself on the processor of the one that woke it, where
// either waits while the other runs, and schedulers of virtual machines leave it there for
// milliseconds. To forbid that processor for a moment is to be moved at once.
#if defined(__linux__)
inline int this_processor() { return sched_getcpu(); }
inline void leave(int processor) {
  cpu_set_t allowed;
  if (processor < 0 || processor >= CPU_SETSIZE || sched_getcpu() != processor ||
      sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return;
  cpu_set_t others = allowed;
  CPU_CLR(processor, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof(others), &others) != 0) return;
  sched_setaffinity(0, sizeof(allowed), &allowed);
}
#else
inline int this_processor() { return -1; }
inline void leave(int) {}
#endif

struct job {
  range_task task;
  void *context;
  std::ptrdiff_t n, piece;
  const int caller = this_processor();
  std::atomic<std::ptrdiff_t> next{0};
  std::atomic<bool> good{true};

  void work() {
    for (;;) {
      const std::ptrdiff_t begin = next.fetch_add(piece, std::memory_order_relaxed);
      if (begin >= n) return;
      if (!task(context, begin, std::min(begin + piece, n))) good = false;
    }
  }
};

thread_local bool inside = false;

class pool {
public:
  // False when the pool is busy with another thread's work: the caller then works alone.
  bool run(job &work, int threads) {
    const std::unique_lock<std::mutex> own(busy_, std::try_to_lock);
    if (!own.owns_lock()) return false;
    start(threads - 1);
    const int helpers = std::min(threads - 1, started_);
    if (helpers == 0) return false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      current_ = &work;
      wanted_ = helpers;
      ++generation_;
    }
    generation_seen_.store(generation_, std::memory_order_release);
    wake_.notify_all();
    work.work();
    // No piece is left; whoever has not begun need not, whoever has is waited for.
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      wanted_ = 0;
    }
    spin_until([this] { return active_.load(std::memory_order_acquire) == 0; });
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return active_ == 0; });
    current_ = nullptr;
    return true;
  }

private:
  void start(int helpers) {
    if (started_ >= helpers) return;
    // Signals belong to Python's main thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (; started_ < helpers; ++started_) std::thread([this] { serve(); }).detach();
    } catch (const std::system_error &) {
      // Fewer threads than asked for: slower, and right.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void serve() {
    inside = true;
    const fp_environment defaults;
    std::uint64_t seen = 0;
    for (;;) {
      spin_until([&] { return generation_seen_.load(std::memory_order_acquire) != seen; });
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return generation_ != seen; });
      seen = generation_;
      if (wanted_ == 0) continue;
      --wanted_;
      ++active_;
      job *const work = current_;
      lock.unlock();
      leave(work->caller);
      work->work();
      lock.lock();
      if (--active_ == 0) done_.notify_one();
    }
  }

  std::mutex busy_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::uint64_t> generation_seen_{0};
  std::uint64_t generation_ = 0;
  job *current_ = nullptr;
  int wanted_ = 0, started_ = 0;
  std::atomic<int> active_{0};
};

// Never destroyed: its threads run until the process ends.
std::atomic<pool *> the_pool{nullptr};

// A child of fork has this pool's memory without its threads, and perhaps its locks held; it
// forgets the pool and builds its own when it first needs one.
void forget_pool() {
  the_pool.store(nullptr);
  inside = false;
}

pool *current_pool() {
  pool *existing = the_pool.load();
  if (existing != nullptr) return existing;
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  static_cast<void>(registered);
  pool *mine = new (std::nothrow) pool;
  if (mine == nullptr) return nullptr;
  if (!the_pool.compare_exchange_strong(existing, mine)) {
    delete mine; // another thread was first; no thread of this one has started
    return existing;
  }
  return mine;
}

int threads_from_environment() {
  for (const char *name : {"OGIVE_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char *text = std::getenv(name);
    if (text == nullptr) continue;
    const long value = std::strtol(text, nullptr, 10);
    if (value >= 1) return static_cast<int>(std::min<long>(value, max_threads));
  }
  const unsigned cores = std::thread::hardware_concurrency();
  return static_cast<int>(std::clamp(cores, 1u, unsigned{max_threads}));
}

std::atomic<int> threads{0}; // 0: not yet asked

} // namespace

void set_threads(int n) { threads = std::clamp(n, 1, max_threads); }

int get_threads() {
  int n = threads.load();
  if (n == 0) threads = n = threads_from_environment();
  return n;
}

bool parallel_for(std::ptrdiff_t n, std::ptrdiff_t grain, range_task task, void *context) {
  const int count = static_cast<int>(
      std::min<std::ptrdiff_t>(get_threads(), n / std::max<std::ptrdiff_t>(grain, 1)));
  if (count < 2 || inside) return task(context, 0, n);
  // Several pieces a thread even out threads that start late; whole cache lines keep them apart.
  const std::ptrdiff_t piece = std::max(grain, (n / (4 * count) + 63) / 64 * 64);
  job work{.task = task, .context = context, .n = n, .piece = piece};
  work.good = true;
  pool *const helpers = current_pool();
  inside = true;
  const bool ran = helpers != nullptr && helpers->run(work, count);
  if (!ran) work.work();
  inside = false;
  return work.good;
}

} // namespace ogive
