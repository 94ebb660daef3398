function(aft_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
                                           $<$<BOOL:${AFT_WERROR}>:-Werror>)
endfunction()
