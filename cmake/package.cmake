# `cpack -G DEB` in a build tree packs conduit as a Debian package, with its service and socket.
# Building it needs dpkg-shlibdeps (dpkg-dev), which finds the libraries that it is to depend on.

if(NOT TARGET conduit)
  return()
endif()

set(deploy ${PROJECT_SOURCE_DIR}/examples/conduit/deploy)
install(TARGETS conduit RUNTIME DESTINATION bin COMPONENT conduit)
install(FILES ${deploy}/conduit.service ${deploy}/conduit.socket
        DESTINATION lib/systemd/system COMPONENT conduit)
install(FILES ${deploy}/conduit.toml DESTINATION /etc COMPONENT conduit)
install(FILES LICENSE DESTINATION share/doc/conduit RENAME copyright COMPONENT conduit)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME conduit)
set(CPACK_PACKAGE_VENDOR aft)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the authors of aft")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "A blogging platform with the RealWorld API")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL conduit)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION web)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS tzdata)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deploy}/postinst ${deploy}/prerm ${deploy}/postrm
                                       ${deploy}/conffiles)
include(CPack)
