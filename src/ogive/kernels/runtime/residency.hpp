// Streaming stores save a third of the traffic of a large result, but only where its pages
// exist already: the kernel has just zeroed a fresh page into the cache, and then they cost more.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace ogive {

// Whether `bytes` at `start` are beyond what the last-level cache would keep, and resident as far
// as a few samples tell (a page asked about costs a third of a microsecond).
inline bool large_and_resident(const void *start, std::ptrdiff_t bytes) {
#if defined(__linux__)
#if defined(_SC_LEVEL3_CACHE_SIZE)
  static const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#else // musl does not tell
  constexpr long cache = 0;
#endif
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  // A virtual machine is shown the whole cache of a processor with many cores, of which it gets
  // little: on one that is shown 480 MiB, such stores win from results of 32 MiB on.
  constexpr std::ptrdiff_t least = 8 << 20, most = 32 << 20;
  if (bytes < least || (bytes < most && (cache <= 0 || bytes < cache / 2))) return false;
  constexpr int samples = 8;
  for (int k = 0; k < samples; ++k) {
    const auto address = reinterpret_cast<std::uintptr_t>(start) +
                         static_cast<std::uintptr_t>((bytes - 1) / (samples - 1) * k);
    unsigned char here = 0;
    if (mincore(reinterpret_cast<void *>(address / page * page), 1, &here) != 0 || !(here & 1))
      return false;
  }
  return true;
#else
  static_cast<void>(start);
  static_cast<void>(bytes);
  return false;
#endif
}

// Asks for huge pages where a result that has room for one has no memory yet: a fault of 2 MiB
// costs as much as 20 of 4 KiB. NumPy asks for its own arrays; PyTorch does not.
inline void ask_for_huge_pages(void *start, std::ptrdiff_t bytes) {
#if defined(__linux__)
  constexpr std::uintptr_t huge = 2 << 20;
  const auto begin = reinterpret_cast<std::uintptr_t>(start);
  const std::uintptr_t first = (begin + huge - 1) / huge * huge;
  const std::uintptr_t last = (begin + static_cast<std::uintptr_t>(bytes)) / huge * huge;
  unsigned char here = 0;
  const std::uintptr_t middle = first + (last - first) / 2;
  if (first < last && mincore(reinterpret_cast<void *>(middle), 1, &here) == 0 && !(here & 1))
    madvise(reinterpret_cast<void *>(first), last - first, MADV_HUGEPAGE);
#else
  static_cast<void>(start);
  static_cast<void>(bytes);
#endif
}

} // namespace ogive
