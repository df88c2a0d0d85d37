#include "runtime/dispatch.hpp"

#include <cstring>

#include "runtime/processor.hpp"

namespace ogive {

namespace {

struct available {
  const table *which[3];
  int count = 0;
  void add(const table &t) { which[count++] = &t; }
};

// What was compiled in and this machine has, the widest last.
available find_tables() {
  available found;
#if defined(OGIVE_HAS_baseline) && defined(__x86_64__)
  if (has_baseline()) found.add(table_baseline());
#elif defined(OGIVE_HAS_baseline)
  found.add(table_baseline());
#endif
#if defined(__x86_64__)
#if defined(OGIVE_HAS_avx2)
  if (has_avx2()) found.add(table_avx2());
#endif
#if defined(OGIVE_HAS_avx512)
  if (has_avx512()) found.add(table_avx512());
#endif
#endif
  return found;
}

} // namespace

const table *choose_table(const char *requested, const char **error) {
  static char have[64] = "";
  const available found = find_tables();
  if ((requested == nullptr || *requested == '\0') && found.count > 0)
    return found.which[found.count - 1];
  for (int i = 0; i < found.count; ++i) {
    if (requested != nullptr && std::strcmp(found.which[i]->isa, requested) == 0)
      return found.which[i];
    if (i > 0) std::strcat(have, ", ");
    std::strcat(have, found.which[i]->isa);
  }
  *error = have;
  return nullptr;
}

const table *table_for_few() {
  const available found = find_tables();
  int narrow = found.count - 1;
  while (narrow > 0 && std::strcmp(found.which[narrow]->isa, "avx512") == 0) --narrow;
  return found.which[narrow];
}

} // namespace ogive
