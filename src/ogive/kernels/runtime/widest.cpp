// Prints the widest instruction set of this processor, for a build that is for it alone.
#include <cstdio>

#include "processor.hpp"

int main() {
  std::fputs(ogive::has_avx512() ? "avx512" : ogive::has_avx2() ? "avx2" : "baseline", stdout);
}
