include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/aft-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/embed.cmake)
