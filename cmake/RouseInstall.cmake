# cmake --install: libraries, headers, rouse.pc, and the CMake package with rouse::rouse and
# rouse::static. Nothing in it names the prefix, so the installed tree may be moved.

include(CMakePackageConfigHelpers)

install(TARGETS rouse_shared rouse_static EXPORT rouse
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/rouse DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" up "${up}")
set(ROUSE_PC_PREFIX "\${pcfiledir}/${up}")
set(ROUSE_PC_REQUIRES_PRIVATE "")
set(ROUSE_PC_THREADS "-pthread")
if(WIN32)
  set(ROUSE_PC_THREADS "-lws2_32")
endif()
set(ROUSE_PC_LIBS_PRIVATE "")
if(ROUSE_ATOMIC_LIBRARY)
  set(ROUSE_PC_LIBS_PRIVATE " -l${ROUSE_ATOMIC_LIBRARY}")
endif()
if(ROUSE_IO_URING)
  set(ROUSE_PC_REQUIRES_PRIVATE "liburing >= ${ROUSE_LIBURING_MINIMUM}")
endif()
configure_file(rouse.pc.in rouse.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/rouse.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rouse)
configure_package_config_file(cmake/rouseConfig.cmake.in rouseConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(rouseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rouseConfig.cmake ${PROJECT_BINARY_DIR}/rouseConfigVersion.cmake
  DESTINATION ${package_dir})
install(EXPORT rouse NAMESPACE rouse:: FILE rouseTargets.cmake DESTINATION ${package_dir})
