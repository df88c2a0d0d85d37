# Fails where the digests of two builds differ, and says in which loop.
foreach(file ${FILES})
  if(NOT EXISTS ${file})
    continue() # an instruction set that this machine lacks
  endif()
  file(STRINGS ${file} lines)
  if(NOT DEFINED first)
    set(first ${file})
    set(expected ${lines})
  elseif(NOT lines STREQUAL expected)
    list(REMOVE_ITEM lines ${expected})
    message(FATAL_ERROR "${file} differs from ${first} in\n${lines}")
  endif()
endforeach()
