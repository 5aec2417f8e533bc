# Looks for liburing, so that ROUSE_IO_URING can default to what is there.
#
# rouse_io_uring_default   ON on Linux with liburing 2.3 or later
# PkgConfig::LIBURING      the library, if found
# rouse_require_liburing() says what was decided; fails if the option asks for what is missing

set(ROUSE_LIBURING_MINIMUM 2.3)
set(rouse_io_uring_default OFF)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(LIBURING QUIET IMPORTED_TARGET liburing>=${ROUSE_LIBURING_MINIMUM})
    if(LIBURING_FOUND)
      set(rouse_io_uring_default ON)
    endif()
  endif()
endif()

function(rouse_require_liburing)
  if(ROUSE_IO_URING AND NOT LIBURING_FOUND)
    message(FATAL_ERROR "ROUSE_IO_URING is ON, but pkg-config finds no liburing >= "
      "${ROUSE_LIBURING_MINIMUM}. Install its development files (Debian, Ubuntu: liburing-dev and "
      "pkg-config), or set ROUSE_IO_URING=OFF to build without the io_uring backend.")
  elseif(ROUSE_IO_URING)
    message(STATUS "io_uring backend: on (liburing ${LIBURING_VERSION})")
  elseif(LIBURING_FOUND OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    message(STATUS "io_uring backend: off")
  else()
    message(STATUS "io_uring backend: off (pkg-config finds no liburing >= ${ROUSE_LIBURING_MINIMUM})")
  endif()
endfunction()
