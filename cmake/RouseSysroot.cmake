# For toolchain files: libraries of the target are looked for in ROUSE_SYSROOT (see scripts/sysroot.sh),
# besides the compiler's own, and nothing of this system is.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ROUSE_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${ROUSE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${ROUSE_SYSROOT}/lib/pkgconfig)
