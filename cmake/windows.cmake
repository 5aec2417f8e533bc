# 64-bit Windows by mingw-w64 (the variant with Windows's own threads), programs run by Wine.
#
# ROUSE_SYSROOT: where libraries for the target are besides the compiler's own.

set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ROUSE_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${ROUSE_SYSROOT} /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Without it everything can still be built.
find_program(ROUSE_WINE NAMES wine64 wine-stable wine PATHS /usr/lib/wine)
if(ROUSE_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${ROUSE_WINE})
endif()
