// The functions that code compiled with -fsanitize=thread calls at each plain access: here they are
// the explorer's race check instead of the sanitizer's. Atomic builtins would call functions of the
// kind __tsan_atomic32_load, which nobody defines: an operation that bypasses base/atomics.h does
// not link.
#include <string.h>

#include "internal.h"

#define HERE ((uintptr_t)__builtin_return_address(0))
#define HOOK(name, size, write)                                                                    \
  void name(void *address);                                                                        \
  void name(void *address) { model_plain((uintptr_t)address, size, write, HERE); }
#define HOOKS(size)                                                                                \
  HOOK(__tsan_read##size, size, false)                                                             \
  HOOK(__tsan_write##size, size, true)                                                             \
  HOOK(__tsan_unaligned_read##size, size, false)                                                   \
  HOOK(__tsan_unaligned_write##size, size, true)                                                   \
  HOOK(__tsan_read_write##size, size, true)                                                        \
  HOOK(__tsan_unaligned_read_write##size, size, true)                                              \
  HOOK(__tsan_volatile_read##size, size, false)                                                    \
  HOOK(__tsan_volatile_write##size, size, true)
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

#define RANGE_HOOK(name, write)                                                                    \
  void name(void *address, uintptr_t size);                                                        \
  void name(void *address, uintptr_t size) {                                                       \
    model_plain((uintptr_t)address, (unsigned)size, write, HERE);                                  \
  }
RANGE_HOOK(__tsan_read_range, false)
RANGE_HOOK(__tsan_write_range, true)

void __tsan_init(void);
void __tsan_init(void) {}
void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller) { (void)caller; }
void __tsan_func_exit(void);
void __tsan_func_exit(void) {}

void *__tsan_memset(void *to, int byte, uintptr_t size);
void *__tsan_memset(void *to, int byte, uintptr_t size) {
  model_plain((uintptr_t)to, (unsigned)size, true, HERE);
  return memset(to, byte, size);
}
void *__tsan_memcpy(void *to, const void *from, uintptr_t size);
void *__tsan_memcpy(void *to, const void *from, uintptr_t size) {
  model_plain((uintptr_t)from, (unsigned)size, false, HERE);
  model_plain((uintptr_t)to, (unsigned)size, true, HERE);
  return memcpy(to, from, size);
}
void *__tsan_memmove(void *to, const void *from, uintptr_t size);
void *__tsan_memmove(void *to, const void *from, uintptr_t size) {
  model_plain((uintptr_t)from, (unsigned)size, false, HERE);
  model_plain((uintptr_t)to, (unsigned)size, true, HERE);
  return memmove(to, from, size);
}
