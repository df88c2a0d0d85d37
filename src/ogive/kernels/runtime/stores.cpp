#include "runtime/stores.hpp"

#include <algorithm>
#include <chrono>

namespace ogive {
namespace {

constexpr std::uint32_t tries_of_each = 8, untried_shares = 4;

std::int64_t nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::uint32_t load(const std::uint32_t &from) { return __atomic_load_n(&from, __ATOMIC_RELAXED); }
void store(std::uint32_t &to, std::uint32_t value) {
  __atomic_store_n(&to, value, __ATOMIC_RELAXED);
}

} // namespace

store_record &record_of(store_records &records, std::ptrdiff_t bytes, bool may_stream) {
  int size = 0;
  while (size < store_sizes - 1 && bytes >= least_tried << (size + 1)) ++size;
  return records.of[may_stream][size];
}

stores known_way(const store_record &record, bool may_stream) {
  const std::uint32_t best = load(record.best);
  if (best != 0) return static_cast<stores>(best - 1);
  return may_stream ? stores::streaming : stores::plain;
}

// One piece more than there are ways, so that each way comes first in turn.
store_trial::store_trial(store_record &record, std::ptrdiff_t bytes, bool may_stream)
    : record_(record), ways_(may_stream ? ways_to_store : ways_to_store - 1), left_(0) {
  if (bytes < least_tried || load(record.best) != 0) return;
  const std::uint32_t shares = load(record.shares);
  if (shares >= untried_shares) left_ = ways_ + 1;
  store(record.shares, shares + 1);
}

bool store_trial::wants_more() const { return left_ > 0 && load(record_.best) == 0; }

stores store_trial::begin() {
  way_ = static_cast<int>(load(record_.tries)) % ways_;
  began_ = nanoseconds();
  return static_cast<stores>(way_);
}

void store_trial::end() {
  --left_;
  const std::int64_t took = nanoseconds() - began_;
  constexpr std::int64_t most = 100'000'000; // sums of tries stay within 32 bits
  const auto time = static_cast<std::uint32_t>(std::min(took, most));
  store(record_.total[way_], load(record_.total[way_]) + time);
  store(record_.longest[way_], std::max(load(record_.longest[way_]), time));
  const std::uint32_t tries = load(record_.tries) + 1;
  store(record_.tries, tries);
  if (tries < tries_of_each * static_cast<std::uint32_t>(ways_)) return;
  // Another program may have had the processor during the longest.
  const auto cost = [&](std::uint32_t way) {
    return load(record_.total[way]) - load(record_.longest[way]);
  };
  std::uint32_t best = 1;
  for (std::uint32_t way = 1; way < static_cast<std::uint32_t>(ways_); ++way)
    if (cost(way) < cost(best - 1)) best = way + 1;
  store(record_.best, best);
}

} // namespace ogive
