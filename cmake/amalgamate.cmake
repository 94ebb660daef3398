# Writes the library as two files, for programs that would rather copy than link:
#
#   cmake -DOUT=folder -P cmake/amalgamate.cmake     makes folder/aft.hpp and folder/aft.cpp
#
# They are generated, and never kept beside the sources they come from.

cmake_minimum_required(VERSION 3.22)

get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
if(NOT OUT)
  set(OUT ${CMAKE_CURRENT_BINARY_DIR})
endif()

# Appends a file to `out`, with the files that it includes of the project in their places, each once.
function(expand file)
  get_property(seen GLOBAL PROPERTY aft_seen)
  if(file IN_LIST seen)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY aft_seen ${file})
  get_filename_component(folder ${file} DIRECTORY)
  file(READ ${file} text)
  string(REPLACE "#pragma once\n" "" text "${text}")
  while(TRUE)
    string(REGEX MATCH "#include (<aft/[^>]+>|\"[^\"]+\")\n" line "${text}")
    if(NOT line)
      break()
    endif()
    set(name ${CMAKE_MATCH_1})
    string(FIND "${text}" "${line}" at)
    string(LENGTH "${line}" length)
    math(EXPR after "${at} + ${length}")
    string(SUBSTRING "${text}" 0 ${at} before)
    string(SUBSTRING "${text}" ${after} -1 text)
    set_property(GLOBAL APPEND_STRING PROPERTY aft_text "${before}")
    string(SUBSTRING "${name}" 0 1 quote)
    string(REGEX REPLACE "^.(.*).$" "\\1" name "${name}")
    if(quote STREQUAL "<")
      expand(${root}/include/${name})
    else()
      get_filename_component(target ${folder}/${name} ABSOLUTE)
      expand(${target})
    endif()
  endwhile()
  set_property(GLOBAL APPEND_STRING PROPERTY aft_text "${text}\n")
endfunction()

function(write_file name beginning source)
  set_property(GLOBAL PROPERTY aft_text "${beginning}")
  expand(${source})
  get_property(text GLOBAL PROPERTY aft_text)
  file(WRITE ${OUT}/${name} "${text}")
  file(SIZE ${OUT}/${name} size)
  message(STATUS "${OUT}/${name}: ${size} bytes")
endfunction()

write_file(aft.hpp "// aft, all its headers in one. Generated; do not edit.\n#pragma once\n"
           ${root}/include/aft/aft.hpp)
write_file(aft.cpp "// aft, all its sources in one. Generated; do not edit.\n#include \"aft.hpp\"\n"
           ${root}/include/aft/src.hpp)
