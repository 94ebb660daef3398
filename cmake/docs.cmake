# The API reference by Doxygen, where that is installed: the target `docs`.

find_program(DOXYGEN doxygen)
mark_as_advanced(DOXYGEN)
if(DOXYGEN)
  add_custom_target(docs
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/docs
    COMMAND ${CMAKE_COMMAND} -E env AFT_DOCS=${PROJECT_BINARY_DIR}/docs
            AFT_VERSION=${PROJECT_VERSION} ${DOXYGEN} ${PROJECT_SOURCE_DIR}/cmake/Doxyfile
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
endif()
