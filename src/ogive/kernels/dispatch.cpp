#include "dispatch.hpp"

#include <cstring>

namespace ogive {

const table *choose_table(const char *requested, const char **error) {
  const table *available[3];
  int count = 0;
  available[count++] = &table_baseline();
  const char *have = "baseline";
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    available[count++] = &table_avx2();
    have = "baseline, avx2";
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      available[count++] = &table_avx512();
      have = "baseline, avx2, avx512";
    }
  }
#endif
  if (requested == nullptr || *requested == '\0') return available[count - 1];
  for (int i = 0; i < count; ++i)
    if (std::strcmp(available[i]->isa, requested) == 0) return available[i];
  *error = have;
  return nullptr;
}

} // namespace ogive
