#include "runtime/pool.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#include <signal.h>
#endif

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

#include "runtime/fp_environment.hpp"
#include "runtime/processors.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ogive {
namespace {

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Signals belong to Python's main thread: threads that start while one of these lives take none.
// Windows handles a signal in a thread made for it.
class no_signals {
#if !defined(_WIN32)
public:
  no_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~no_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  no_signals(const no_signals &) = delete;
  no_signals &operator=(const no_signals &) = delete;

private:
  sigset_t before_;
#endif
};

// How long a thread spins before it sleeps: a futex wake-up costs tens of microseconds, and
// the next call of a training step often comes sooner than that.
constexpr auto spin_time = std::chrono::microseconds(20);

template <class Condition>
void spin_until(Condition holds) {
  const auto until = std::chrono::steady_clock::now() + spin_time;
  while (!holds() && std::chrono::steady_clock::now() < until) relax();
}

// A thread that wakes is put on the processor of the one that woke it, as often as not, and waits
// there until that one has done all the work alone; schedulers of virtual machines leave both there
// for milliseconds. So a sleeper is kept off that processor until it has begun.
#if defined(__linux__)
class placement {
public:
  void enter() { thread_ = static_cast<pid_t>(syscall(SYS_gettid)); }
  // Called for a sleeping thread, perhaps again before it has woken.
  void keep_off(int processor) {
    if (processor < 0 || processor >= CPU_SETSIZE) return;
    if (!kept_off_ && sched_getaffinity(thread_, sizeof(allowed_), &allowed_) != 0) return;
    cpu_set_t others = allowed_;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(thread_, sizeof(others), &others) == 0)
      kept_off_ = true;
  }
  // Called by the thread itself, awake.
  void release() {
    if (kept_off_) sched_setaffinity(0, sizeof(allowed_), &allowed_);
    kept_off_ = false;
  }
  static int this_processor() { return sched_getcpu(); }

private:
  pid_t thread_ = 0;
  bool kept_off_ = false;
  cpu_set_t allowed_;
};
#else
struct placement {
  void enter() {}
  void keep_off(int) {}
  void release() {}
  static int this_processor() { return -1; }
};
#endif

// Each thread has a share of its own, the same in every call, so that what it wrote is in its cache
// when the next call reads it; then it takes pieces of shares whose thread has begun late.
struct job {
  range_task task;
  void *context;
  std::ptrdiff_t piece;
  int shares = 0;
  struct share {
    std::atomic<std::ptrdiff_t> next{0};
    std::ptrdiff_t end = 0;
  } of[max_threads];
  std::atomic<bool> good{true};

  job(range_task task, void *context, std::ptrdiff_t n, std::ptrdiff_t piece, int threads)
      : task(task), context(context), piece(piece) {
    // Shares are whole pieces.
    const std::ptrdiff_t pieces = (n + piece - 1) / piece, each = (pieces + threads - 1) / threads;
    for (std::ptrdiff_t begin = 0; begin < n; begin += each * piece, ++shares) {
      of[shares].next = begin;
      of[shares].end = std::min(begin + each * piece, n);
    }
  }

  void work(int thread) {
    for (int k = 0; k < shares; ++k) {
      share &from = of[(thread + k) % shares];
      for (;;) {
        const std::ptrdiff_t begin = from.next.fetch_add(piece, std::memory_order_relaxed);
        if (begin >= from.end) break;
        if (!task(context, begin, std::min(begin + piece, from.end))) good = false;
      }
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
      wanted_ = helpers_ = helpers;
      ++generation_;
      const int here = placement::this_processor();
      for (int k = 0; k < started_; ++k)
        if (sleeps_[k]) places_[k].keep_off(here);
    }
    generation_seen_.store(generation_, std::memory_order_release);
    wake_.notify_all();
    work.work(0);
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
    [[maybe_unused]] const no_signals masked;
    try {
      for (; started_ < helpers; ++started_)
        std::thread([this, k = started_] { serve(k); }).detach();
    } catch (const std::system_error &) {
      // Fewer threads than asked for: slower, and right.
    }
  }

  void serve(int k) {
    inside = true;
    const fp_environment defaults;
    places_[k].enter();
    std::uint64_t seen = 0;
    for (;;) {
      spin_until([&] { return generation_seen_.load(std::memory_order_acquire) != seen; });
      std::unique_lock<std::mutex> lock(mutex_);
      sleeps_[k] = true;
      wake_.wait(lock, [&] { return generation_ != seen; });
      sleeps_[k] = false;
      places_[k].release();
      seen = generation_;
      if (wanted_ == 0 || k >= helpers_) continue; // whoever helps has a share of its own
      --wanted_;
      ++active_;
      job *const work = current_;
      lock.unlock();
      work->work(k + 1);
      lock.lock();
      if (--active_ == 0) done_.notify_one();
    }
  }

  std::mutex busy_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::uint64_t> generation_seen_{0};
  std::uint64_t generation_ = 0;
  job *current_ = nullptr;
  int wanted_ = 0, helpers_ = 0, started_ = 0;
  bool sleeps_[max_threads] = {}; // guarded by mutex_, as are the places
  placement places_[max_threads];
  std::atomic<int> active_{0};
};

// Never destroyed: its threads run until the process ends.
std::atomic<pool *> the_pool{nullptr};

#if !defined(_WIN32)
// A child of fork has this pool's memory without its threads, and perhaps its locks held; it
// forgets the pool and builds its own when it first needs one. Windows has no fork.
void forget_pool() {
  the_pool.store(nullptr);
  inside = false;
}
#endif

pool *current_pool() {
  pool *existing = the_pool.load();
  if (existing != nullptr) return existing;
#if !defined(_WIN32)
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  static_cast<void>(registered);
#endif
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
  return std::min(usable_processors(), max_threads);
}

std::atomic<int> threads{0}; // 0: not yet asked

// Several pieces a thread even out threads that start late. Whole cache lines keep short elements
// of different threads apart; where there are few, they are long rows.
constexpr std::ptrdiff_t piece_of(std::ptrdiff_t n, std::ptrdiff_t grain, int count) {
  constexpr std::ptrdiff_t line = 64;
  const std::ptrdiff_t even = (n + 4 * count - 1) / (4 * count);
  return std::max(grain, even < line ? even : (even + line - 1) / line * line);
}
static_assert(piece_of(32, 8, 2) == 8 && piece_of(5, 1, 2) == 1, "a few long rows are shared");
static_assert(piece_of(1'000'000, 32768, 2) % 64 == 0, "threads write to lines of their own");

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
  const std::ptrdiff_t piece = piece_of(n, grain, count);
  job work(task, context, n, piece, count);
  pool *const helpers = current_pool();
  inside = true;
  const bool ran = helpers != nullptr && helpers->run(work, count);
  if (!ran) work.work(0);
  inside = false;
  return work.good;
}

} // namespace ogive
