# 32-bit x86 on a 64-bit system, which runs the programs itself.
#
# The kernel's headers are where gcc-multilib would put a link to them; that package can't be installed
# beside cross compilers. Files are 64 bits wide, as 32-bit distributions have them.

include(${CMAKE_CURRENT_LIST_DIR}/RouseSysroot.cmake)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc)
execute_process(COMMAND gcc -print-multiarch
  OUTPUT_VARIABLE rouse_multiarch OUTPUT_STRIP_TRAILING_WHITESPACE)
set(CMAKE_C_FLAGS_INIT
  "-m32 -D_FILE_OFFSET_BITS=64 -idirafter /usr/include/${rouse_multiarch}")
