# musl instead of the system's C library, on the same processor; programs are static.

include(${CMAKE_CURRENT_LIST_DIR}/RouseSysroot.cmake)
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_HOST_SYSTEM_PROCESSOR})
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_C_FLAGS_INIT "-isystem ${ROUSE_SYSROOT}/include")
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
