// Kernels run with the default floating-point environment and leave the caller's as it was: a
// flush-to-zero mode that another library left behind changes no result, and a NaN raises no
// warning.
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace ogive {

class fp_environment {
public:
#if defined(__x86_64__)
  fp_environment() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~fp_environment() { _mm_setcsr(saved_); }

private:
  unsigned saved_;
#elif defined(__aarch64__)
  fp_environment() {
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control_), "=r"(status_));
    __asm__ volatile("msr fpcr, %0" ::"r"(std::uint64_t{0}));
  }
  ~fp_environment() {
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" ::"r"(control_), "r"(status_));
  }

private:
  std::uint64_t control_, status_;
#endif
};

} // namespace ogive
