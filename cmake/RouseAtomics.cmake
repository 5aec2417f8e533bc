# Some compilers have no instructions for every width of atomic word, and call a library instead (older
# ones for RISC-V: for 16 bits). It stays free of locks: there it works on the word around it.
#
# ROUSE_ATOMIC_LIBRARY   what to link: nothing, or atomic

include(CheckCSourceCompiles)

set(ROUSE_ATOMIC_SOURCE "
  #include <stdint.h>
  static uint16_t half;
  static uint64_t wide __attribute__((aligned(8)));
  int main(void) {
    uint16_t expected = 0;
    __atomic_compare_exchange_n(&half, &expected, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    return (int)(__atomic_fetch_or(&wide, 1, __ATOMIC_ACQ_REL) + __atomic_fetch_sub(&half, 1, __ATOMIC_ACQ_REL));
  }")
set(ROUSE_ATOMIC_LIBRARY "")
check_c_source_compiles("${ROUSE_ATOMIC_SOURCE}" ROUSE_ATOMICS_INLINE)
if(NOT ROUSE_ATOMICS_INLINE)
  set(CMAKE_REQUIRED_LIBRARIES atomic)
  check_c_source_compiles("${ROUSE_ATOMIC_SOURCE}" ROUSE_ATOMICS_IN_LIBRARY)
  unset(CMAKE_REQUIRED_LIBRARIES)
  if(NOT ROUSE_ATOMICS_IN_LIBRARY)
    message(FATAL_ERROR "This compiler has no atomic words of 16 and 64 bits, even with libatomic.")
  endif()
  set(ROUSE_ATOMIC_LIBRARY atomic)
endif()
