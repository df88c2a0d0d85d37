# The kernels as a build sees them: a unit per function, compiled once per instruction set.
# Gives `ogive_units`, `ogive_kernel_flags`, `ogive_instruction_sets`, and the flags and the level of
# optimisation of each.
set(ogive_source ${CMAKE_CURRENT_LIST_DIR}/..)
set(ogive_generated ${CMAKE_CURRENT_BINARY_DIR}/generated)

# The op table is an inventory of the catalog: a new pair of files is all it takes to add a function.
# Every function is a unit of its own, so that one change recompiles one function.
set(ogive_units ${ogive_source}/kernels/runtime/isa_table.cpp
  ${ogive_source}/kernels/drivers/elementwise_loop.cpp)
set(list "")
foreach(kind unary gated rows heads internal)
  set(home ${ogive_source}/catalog)
  if(kind STREQUAL internal)
    set(home ${ogive_source}/kernels/drivers)
  endif()
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${home} ${home}/${kind}/*.hpp)
  foreach(header ${headers})
    get_filename_component(name ${header} NAME_WE)
    set(unit ${ogive_generated}/${kind}/${name}.cpp)
    file(CONFIGURE OUTPUT ${unit} @ONLY CONTENT "#define OGIVE_FUNCTION ${name}
#define OGIVE_KIND ${kind}
#define OGIVE_DRIVER \"drivers/${kind}.hpp\"
#define OGIVE_HEADER \"${header}\"
#include \"drivers/function_unit.hpp\"
")
    list(APPEND ogive_units ${unit})
    string(APPEND list "OGIVE_FUNCTION(${name})\n")
  endforeach()
endforeach()
file(CONFIGURE OUTPUT ${ogive_generated}/catalog_list.inc CONTENT "${list}" @ONLY)

# No -ffast-math: it would change results and, once linked, the whole process. The two flags taken
# from it change no result; without them compilers refuse to vectorise a conditional.
# A kernel throws nothing; told so, compilers refer to no handler of exceptions, a weak symbol, and
# leave out the tables by which a stack is unwound, a twentieth of the wheel.
set(ogive_kernel_flags -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-exceptions
  -fno-asynchronous-unwind-tables)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns inside its own immintrin.h.
  list(APPEND ogive_kernel_flags -Wno-maybe-uninitialized -Wno-uninitialized)
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC leaves scheduling before the allocation of registers off on this processor. Without it the
    # chains of a group of vectors stand one behind the other, too far apart to overlap.
    list(APPEND ogive_kernel_flags -fschedule-insns -fsched-pressure)
  endif()
  set(ogive_instruction_sets baseline avx2 avx512)
  # One of them compiles in a third of the time; the library then runs on such machines alone.
  # "native" is the widest that this machine has.
  if(OGIVE_INSTRUCTION_SETS STREQUAL "native")
    try_run(ogive_ran ogive_compiled SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/widest.cpp
      RUN_OUTPUT_VARIABLE ogive_instruction_sets)
  elseif(OGIVE_INSTRUCTION_SETS)
    set(ogive_instruction_sets ${OGIVE_INSTRUCTION_SETS})
  endif()
  set(ogive_flags_baseline -march=x86-64-v2)
  # It has no instruction for fma: every one is a call, and code that is long gains nothing.
  set(ogive_level_baseline -Os)
  set(ogive_flags_avx2 -march=x86-64-v3)
  set(ogive_level_avx2 -O3)
  set(ogive_flags_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  set(ogive_level_avx512 -O3)
else()
  set(ogive_instruction_sets baseline)
  set(ogive_level_baseline -O3)
endif()

# Compiles the units into a target, for one instruction set.
function(ogive_compile_kernels target isa)
  target_sources(${target} PRIVATE ${ogive_units})
  target_include_directories(${target} PRIVATE
    ${ogive_source}/kernels ${ogive_source}/catalog ${ogive_generated})
  target_compile_definitions(${target} PRIVATE OGIVE_ISA=${isa})
  target_compile_options(${target} PRIVATE ${ogive_kernel_flags} ${ogive_flags_${isa}})
endfunction()
