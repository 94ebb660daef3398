# Uses the library through one of its doors, as a stranger would: builds the program and runs it.
#   cmake -DDOOR=... -DAFT=source -DBUILT=binary -DWORK=folder -DCOMPILER=... -P doors.cmake

function(must)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    string(JOIN " " words ${ARGN})
    message(FATAL_ERROR "${words}\n${text}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
set(here ${AFT}/tests/doors)
set(libraries -lsqlite3 -lpq -lfmt -lsodium -lcrypt -lz -lbrotlienc -lbrotlidec -lzstd -lssl -lcrypto
              -ldate-tz -lcurl -lpthread)
set(configure ${CMAKE_COMMAND} -G Ninja -DCMAKE_CXX_COMPILER=${COMPILER} -B ${WORK}/build)

if(DOOR STREQUAL "find_package")
  must(${CMAKE_COMMAND} --install ${BUILT} --prefix ${WORK}/prefix)
  must(${configure} -S ${here}/find_package -DCMAKE_PREFIX_PATH=${WORK}/prefix)
  must(${CMAKE_COMMAND} --build ${WORK}/build)
  must(${WORK}/build/door)
elseif(DOOR STREQUAL "add_subdirectory")
  must(${configure} -S ${here}/add_subdirectory -DAFT=${AFT})
  must(${CMAKE_COMMAND} --build ${WORK}/build)
  must(${WORK}/build/door)
elseif(DOOR STREQUAL "one_source")
  must(${COMPILER} -std=c++20 -I${AFT}/include ${here}/program/main.cpp ${here}/one_source/aft.cpp
       -o ${WORK}/door ${libraries})
  must(${WORK}/door)
elseif(DOOR STREQUAL "two_files")
  must(${CMAKE_COMMAND} -DOUT=${WORK} -P ${AFT}/cmake/amalgamate.cmake)
  must(${COMPILER} -std=c++20 -DAFT_TWO_FILES -I${WORK} ${here}/program/main.cpp ${WORK}/aft.cpp
       -o ${WORK}/door ${libraries})
  must(${WORK}/door)
else()
  message(FATAL_ERROR "no such door: ${DOOR}")
endif()
