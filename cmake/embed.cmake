# Puts the files of a directory into a program:
#
#   aft_embed(my_program web ${CMAKE_CURRENT_SOURCE_DIR}/web/dist)
#
# and in the program:
#
#   #include <web.hpp>             // const std::span<const aft::embedded_file> web
#   app.files("/", web, {.single_page = true});
#
# A file that changes is taken anew by the next build.

set(AFT_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(aft_embed target name directory)
  if(NOT name MATCHES "^[a-z_][a-z0-9_]*$")
    message(FATAL_ERROR "aft_embed: \"${name}\" is no name of a variable")
  endif()
  get_filename_component(directory ${directory} ABSOLUTE)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${directory}/*)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name})
  add_custom_command(OUTPUT ${out}/${name}.cpp ${out}/${name}.hpp
                     COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DDIRECTORY=${directory} -DOUT=${out}
                             -P ${AFT_EMBED_SCRIPT}
                     DEPENDS ${files} ${AFT_EMBED_SCRIPT}
                     COMMENT "Embedding ${directory}" VERBATIM)
  target_sources(${target} PRIVATE ${out}/${name}.cpp)
  target_include_directories(${target} PRIVATE ${out})
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  return()
endif()

# As a script: writes NAME.hpp and NAME.cpp for DIRECTORY into OUT.
function(quote text result)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE files RELATIVE ${DIRECTORY} ${DIRECTORY}/*)
list(SORT files)
set(count 0)
set(bytes "")
set(symbols "")
set(rows "")
foreach(file IN LISTS files)
  file(SHA256 ${DIRECTORY}/${file} digest)
  string(SUBSTRING ${digest} 0 16 digest)
  quote("${file}" path)
  quote("${DIRECTORY}/${file}" place)
  quote("${place}" place)  # it is a string within a string
  set(symbol aft_embedded_${NAME}_${count})
  string(APPEND bytes "    \"${symbol}: .incbin \\\"${place}\\\"\\n${symbol}_end: .byte 0\\n\"\n")
  string(APPEND symbols "extern const char ${symbol}[], ${symbol}_end[];\n")
  string(APPEND rows "    {\"${path}\", {${symbol}, std::size_t(${symbol}_end - ${symbol})}, "
                     "\"\\\"${digest}\\\"\"},\n")
  math(EXPR count "${count} + 1")
endforeach()

file(WRITE ${OUT}/${NAME}.hpp "#pragma once
#include <span>

#include <aft/http/files.hpp>

extern const std::span<const aft::embedded_file> ${NAME};
")
file(WRITE ${OUT}/${NAME}.cpp "#include \"${NAME}.hpp\"

__asm__(
    \".section .rodata\\n\"
${bytes}    \".text\\n\");

extern \"C\" {
${symbols}}

namespace {
const aft::embedded_file files[] = {
${rows}    {}};
}  // namespace

const std::span<const aft::embedded_file> ${NAME}(files, ${count});
")
