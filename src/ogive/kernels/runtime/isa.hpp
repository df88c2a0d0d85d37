// The instruction set that a file is compiled for: its name, as text and as part of other names,
// and how its code is inlined.
#pragma once

#if defined(__FAST_MATH__)
#error "Ogive's results are those of IEEE operations in one order: compile it without -ffast-math"
#endif

// The build says which; an editor that reads one header alone does not.
#if !defined(OGIVE_ISA)
#define OGIVE_ISA baseline
#endif

#define OGIVE_TEXT_(x) #x
#define OGIVE_TEXT(x) OGIVE_TEXT_(x)
#define OGIVE_JOIN_(a, b) a##b
#define OGIVE_JOIN(a, b) OGIVE_JOIN_(a, b)

// Before a loop whose iterations are independent, whatever memory its pointers lead to. Clang,
// which knows no such word, compares the pointers first.
#if defined(__clang__)
#define OGIVE_INDEPENDENT
#else
#define OGIVE_INDEPENDENT _Pragma("GCC ivdep")
#endif

// A loop that calls a function does not vectorise, and compilers stop inlining in large units. So
// whatever is called inside a hot loop says OGIVE_INLINE, a lambda OGIVE_INLINE_LAMBDA, and a loop
// over a kernel of the catalog, whose functions need not say so, OGIVE_FLATTEN. Where an fma is no
// instruction but a call of the C library, none of this pays, and the code is kept small.
#if defined(__FMA__) || defined(__aarch64__)
#define OGIVE_INLINE [[gnu::always_inline]] inline
#define OGIVE_INLINE_LAMBDA __attribute__((always_inline))
#define OGIVE_FLATTEN [[gnu::flatten, gnu::noinline]]
#define OGIVE_FMA OGIVE_INLINE
namespace ogive {
constexpr bool has_fma = true;
}
#else
#define OGIVE_INLINE inline
#define OGIVE_INLINE_LAMBDA
#define OGIVE_FLATTEN [[gnu::noinline]]
#define OGIVE_FMA [[gnu::noinline]] inline
namespace ogive {
constexpr bool has_fma = false;
}
#endif
