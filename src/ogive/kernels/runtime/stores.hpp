// How a large result gets to memory. Which way is the fastest differs by processor, function, size
// and load, so that no rule holds: every way is tried on the work itself, and what wins is used
// from then on. All ways give the same results.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ogive {

enum class stores : int {
  plain,     // as the loop stores them
  ahead,     // the same; operands are prefetched
  streaming, // by non-temporal stores; operands are prefetched
};
constexpr int ways_to_store = 3;

// What one loop has found out about results of one size; it lasts as long as the process. Threads
// share it, and one that overwrites another's measurement does no harm.
struct store_record {
  std::uint32_t total[ways_to_store], longest[ways_to_store]; // nanoseconds
  std::uint32_t shares, tries;
  std::uint32_t best; // a way, plus one; 0: not yet known
};
// Of results that may be streamed, and of others, by powers of two of their size.
constexpr int store_sizes = 6;
struct store_records {
  store_record of[2][store_sizes];
};

// A thread's share of a result is worked on in pieces of `tried_bytes` while the ways are tried, a
// few of each share. The first shares are not timed: a first call finds its operands outside the
// caches, where repeated calls may find them inside. Shares smaller than `least_tried` try none.
constexpr std::ptrdiff_t tried_bytes = 128 << 10, least_tried = 2 << 20;

store_record &record_of(store_records &records, std::ptrdiff_t bytes, bool may_stream);

// The best way if it is known; otherwise that of results nothing is known of.
stores known_way(const store_record &record, bool may_stream);

// Times a few pieces of one share, each in the way whose turn it is.
class store_trial {
public:
  store_trial(store_record &record, std::ptrdiff_t bytes, bool may_stream);
  bool wants_more() const;
  stores begin(); // the way of the next piece
  void end();

private:
  store_record &record_;
  const int ways_;
  int left_, way_ = 0;
  std::int64_t began_ = 0;
};

} // namespace ogive
