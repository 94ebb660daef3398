function(aft_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
                                           $<$<BOOL:${AFT_WERROR}>:-Werror>)
  # g++ 12 sees overlaps in `"text" + std::string` that are not there (GCC bug 105651), and, optimising,
  # members of temporary aggregates that nobody set in their destructors, where an initializer sets all.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-maybe-uninitialized)
  endif()
endfunction()
