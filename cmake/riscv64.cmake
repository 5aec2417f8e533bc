# 64-bit RISC-V on another Linux: Debian's cross compiler, programs run by qemu's user mode.

include(${CMAKE_CURRENT_LIST_DIR}/RouseSysroot.cmake)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER riscv64-linux-gnu-gcc)

find_program(ROUSE_QEMU_RISCV64 NAMES qemu-riscv64 qemu-riscv64-static REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${ROUSE_QEMU_RISCV64} -L /usr/riscv64-linux-gnu)
