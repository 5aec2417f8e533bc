# AArch64 on another Linux: Debian's cross compiler, programs run by qemu's user mode.

include(${CMAKE_CURRENT_LIST_DIR}/RouseSysroot.cmake)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

find_program(ROUSE_QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${ROUSE_QEMU_AARCH64} -L /usr/aarch64-linux-gnu)
