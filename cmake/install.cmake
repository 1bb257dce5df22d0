# SPDX-License-Identifier: MIT
# Headers, the CMake package and the pkg-config file. Every path in them is relative: the installed tree can be moved.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/losses)
set(pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/include/losses
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING
  PATTERN "*.hpp")

install(TARGETS losses EXPORT losses-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(
  EXPORT losses-targets
  NAMESPACE losses::
  DESTINATION ${package_dir})

# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/losses-config-version.cmake
  VERSION ${PROJECT_VERSION}
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/losses-config.cmake.in
                              ${PROJECT_BINARY_DIR}/losses-config.cmake INSTALL_DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/losses-config.cmake ${PROJECT_BINARY_DIR}/losses-config-version.cmake
              ${PROJECT_SOURCE_DIR}/cmake/table.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH includedir_from_pcfiledir ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig
     ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(${PROJECT_SOURCE_DIR}/cmake/losses.pc.in ${PROJECT_BINARY_DIR}/losses.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/losses.pc DESTINATION ${pkgconfig_dir})

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/losses)
