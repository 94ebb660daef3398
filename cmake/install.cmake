include(CMakePackageConfigHelpers)

install(TARGETS aft EXPORT aft_targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/aft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} PATTERN src.hpp EXCLUDE)
install(EXPORT aft_targets NAMESPACE aft:: FILE aft-targets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/aft)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/aft-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES cmake/aft-config.cmake cmake/dependencies.cmake cmake/embed.cmake
              ${PROJECT_BINARY_DIR}/aft-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/aft)
