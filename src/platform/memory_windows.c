// The memory port on Windows.
//
// A region is reserved address space. What is not committed faults on every access, so a guard is a
// range that is never committed: it costs nothing, and there is no limit on them.
#include "platform/memory.h"

#include "base/assert.h"
#include "platform/platform.h"
#include "platform/windows.h"

size_t rouse__memory_page_size(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

// Regions begin at multiples of 64 KiB. For more, a range that surely contains an aligned region is
// looked up, let go, and the region reserved in it; another thread may have been faster, so that it
// takes some attempts.
static void *reserve_aligned(size_t size, size_t alignment) {
  enum { ATTEMPTS = 100 };
  char *base = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_READWRITE);
  if (!base || ((uintptr_t)base & (alignment - 1)) == 0) return base;
  VirtualFree(base, 0, MEM_RELEASE);
  if (size > SIZE_MAX - alignment) return NULL;
  for (int i = 0; i < ATTEMPTS; i++) {
    base = VirtualAlloc(NULL, size + alignment, MEM_RESERVE, PAGE_READWRITE);
    if (!base) return NULL;
    VirtualFree(base, 0, MEM_RELEASE);
    char *aligned = base + (size_t)(-(uintptr_t)base & (alignment - 1));
    base = VirtualAlloc(aligned, size, MEM_RESERVE, PAGE_READWRITE);
    if (base) return base;
  }
  return NULL;
}

int rouse__memory_reserve(struct rouse__memory_region *out_region, size_t size, size_t alignment) {
  uint64_t saved = rouse__errno_save();
  void *base = reserve_aligned(size, alignment);
  *out_region = (struct rouse__memory_region){.base = base, .size = base ? size : 0};
  rouse__errno_restore(saved);
  return base ? 0 : ROUSE_ENOMEM;
}

void rouse__memory_release(struct rouse__memory_region *region) {
  uint64_t saved = rouse__errno_save();
  if (region->base) VirtualFree(region->base, 0, MEM_RELEASE);
  rouse__errno_restore(saved);
}

int rouse__memory_commit(void *address, size_t size) {
  uint64_t saved = rouse__errno_save();
  void *committed = VirtualAlloc(address, size, MEM_COMMIT, PAGE_READWRITE);
  rouse__errno_restore(saved);
  return committed ? 0 : ROUSE_ENOMEM;
}

void rouse__memory_discard(void *address, size_t size) {
  uint64_t saved = rouse__errno_save();
  VirtualFree(address, size, MEM_DECOMMIT);
  rouse__errno_restore(saved);
}

int rouse__memory_guard(struct rouse__memory_region *region, void *address, size_t size) {
  ROUSE__ASSERT((char *)address >= (char *)region->base &&
                    (char *)address + size <= (char *)region->base + region->size,
                "a guard must lie within its region");
  (void)region;
  rouse__memory_discard(address, size);
  return 0;
}

bool rouse__memory_guards_are_marks(void) { return true; }

size_t rouse__memory_split_max(void) { return SIZE_MAX; }
