// Philox4x32-10 (Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, 2011):
// a keyed bijection of a counter. Word i of a stream depends on (seed, i) alone, so backward draws
// again what forward drew and nothing is stored.
#pragma once

#include <cstdint>

#include "runtime/isa.hpp"

namespace ogive::OGIVE_ISA {
namespace {

OGIVE_INLINE std::uint32_t philox_word(std::uint64_t seed, std::uint64_t index) {
  const std::uint64_t block = index >> 2;
  std::uint32_t c0 = static_cast<std::uint32_t>(block),
                c1 = static_cast<std::uint32_t>(block >> 32);
  std::uint32_t c2 = 0, c3 = 0;
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{c0} * 0xd2511f53u, b = std::uint64_t{c2} * 0xcd9e8d57u;
    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(b);
    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(a);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  const std::uint32_t low = index & 1 ? c1 : c0, high = index & 1 ? c3 : c2;
  return index & 2 ? high : low;
}

// Uniform in (0, 1), both ends excluded.
OGIVE_INLINE double uniform(std::uint64_t seed, std::uint64_t index) {
  return (static_cast<double>(philox_word(seed, index)) + 0.5) * 0x1p-32;
}

} // namespace
} // namespace ogive::OGIVE_ISA
