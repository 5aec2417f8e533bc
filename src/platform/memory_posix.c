// The memory port on POSIX systems.
//
// Guards, best first:
//   1. A mark in the page table (MADV_GUARD_INSTALL). Whether it works is found by marking a page
//   and
//      asking the kernel to touch it, not by the call's result: emulators answer 0 to every advice.
//      Even where it works, it is refused in memory that is locked; then as 2.
//   2. mprotect, which splits the mapping: two more of them for each guard. A counter for the whole
//   process
//      keeps these within their share of the limit (vm.max_map_count on Linux, see split_max).
// A guard that can't be had is an error, never left out.
//
// errno is what it was when a function returns.
#if !defined _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/atomics.h"
#include "platform/memory.h"

#if defined __linux__
enum { ADVICE_POPULATE_READ = 22, ADVICE_GUARD_INSTALL = 102 };  // headers lag behind kernels
enum { RESERVE_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK };
#elif defined MAP_NORESERVE
enum { RESERVE_FLAGS = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE };
#else
enum { RESERVE_FLAGS = MAP_PRIVATE | MAP_ANON };
#endif

static rouse__atomic32 marks_known;      // enum marks
static rouse__atomic64 split_count;      // guards of kind 2 in this process
static rouse__atomic64 split_max_known;  // 0 before it is known

enum marks { MARKS_UNKNOWN, MARKS_WORK, MARKS_MISSING };

size_t rouse__memory_page_size(void) {
  long size = sysconf(_SC_PAGESIZE);
  return size > 0 ? (size_t)size : 4096;
}

static void *map(size_t size) {
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, RESERVE_FLAGS, -1, 0);
  return base == MAP_FAILED ? NULL : base;
}

static bool is_aligned(const void *address, size_t alignment) {
  return ((uintptr_t)address & (alignment - 1)) == 0;
}

// Neighbouring regions tend to follow each other, so that a plain mapping is often aligned already;
// otherwise one that surely contains an aligned region is trimmed to it.
static void *map_aligned(size_t size, size_t alignment) {
  char *base = map(size);
  if (!base || is_aligned(base, alignment)) return base;
  munmap(base, size);
  if (size > SIZE_MAX - alignment) return NULL;
  base = map(size + alignment);
  if (!base) return NULL;
  size_t below = (size_t)(-(uintptr_t)base & (alignment - 1));
  if (below > 0) munmap(base, below);
  if (below < alignment) munmap(base + below + size, alignment - below);
  return base + below;
}

int rouse__memory_reserve(struct rouse__memory_region *out_region, size_t size, size_t alignment) {
  int saved_errno = errno;
  void *base = map_aligned(size, alignment);
#if defined MADV_NOHUGEPAGE
  if (base) (void)madvise(base, size, MADV_NOHUGEPAGE);  // refused where there are none
#endif
  *out_region = (struct rouse__memory_region){.base = base, .size = base ? size : 0};
  errno = saved_errno;
  return base ? 0 : ROUSE_ENOMEM;
}

// Regions are mapped readable and writable; the first touch of a page brings its memory.
int rouse__memory_commit(void *address, size_t size) {
  (void)address, (void)size;
  return 0;
}

void rouse__memory_release(struct rouse__memory_region *region) {
  struct rouse__memory_region copy = *region;  // it may lie in what goes
  if (!copy.base) return;
  int saved_errno = errno;
  if (munmap(copy.base, copy.size) == 0) {
    // RELAXED: a count that is compared with a limit; it guards no other data.
    sub_relaxed(&split_count, copy.split_count);
  } else {
    // Cutting a mapping in two met the limit on mappings. The addresses stay, their memory goes.
    rouse__memory_discard(copy.base, copy.size);
  }
  errno = saved_errno;
}

void rouse__memory_discard(void *address, size_t size) {
  int saved_errno = errno;
  (void)madvise(address, size, MADV_DONTNEED);
  errno = saved_errno;
}

// --- guards --------------------------------------------------------------------------------------

#if defined __linux__
static bool mark(void *address, size_t size) {
  return madvise(address, size, ADVICE_GUARD_INSTALL) == 0;
}
static enum marks try_marks(void) {
  size_t size = rouse__memory_page_size();
  void *page = map(size);
  if (!page) return MARKS_UNKNOWN;
  bool works =
      mark(page, size) && madvise(page, size, ADVICE_POPULATE_READ) != 0 && errno == EFAULT;
  munmap(page, size);
  return works ? MARKS_WORK : MARKS_MISSING;
}
#else
static bool mark(void *address, size_t size) {
  (void)address, (void)size;
  return false;
}
static enum marks try_marks(void) { return MARKS_MISSING; }
#endif

bool rouse__memory_guards_are_marks(void) {
  // RELAXED: every thread that asks finds the same answer.
  enum marks known = (enum marks)load_relaxed(&marks_known);
  if (known == MARKS_UNKNOWN) {
    int saved_errno = errno;
    known = try_marks();
    errno = saved_errno;
    // RELAXED: as above.
    store_relaxed(&marks_known, (uint32_t)known);
  }
  return known == MARKS_WORK;
}

// The system's limit on mappings; a large number where there is none to read.
static size_t mapping_limit(void) {
#if defined __linux__
  size_t limit = 65530;
  int file = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (file < 0) return limit;
  char text[32] = {0};
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  long value = length > 0 ? strtol(text, NULL, 10) : 0;
  return value > 0 ? (size_t)value : limit;
#else
  return SIZE_MAX;
#endif
}

// Seven eighths of the limit, at two mappings a guard.
size_t rouse__memory_split_max(void) {
  // RELAXED: every thread that asks finds the same answer.
  size_t known = (size_t)load_relaxed(&split_max_known);
  if (known == 0) {
    int saved_errno = errno;
    known = mapping_limit() / 16 * 7;
    if (known == 0) known = 1;
    errno = saved_errno;
    // RELAXED: as above.
    store_relaxed(&split_max_known, known);
  }
  return known;
}

static int split(struct rouse__memory_region *region, void *address, size_t size) {
  // RELAXED: a count that is compared with a limit; it guards no other data.
  bool allowed = add_relaxed(&split_count, 1) < rouse__memory_split_max();
  if (allowed && mprotect(address, size, PROT_NONE) == 0) {
    region->split_count++;
    return 0;
  }
  // RELAXED: as above.
  sub_relaxed(&split_count, 1);
  return ROUSE_ENOMEM;
}

int rouse__memory_guard(struct rouse__memory_region *region, void *address, size_t size) {
  ROUSE__ASSERT((char *)address >= (char *)region->base &&
                    (char *)address + size <= (char *)region->base + region->size,
                "a guard must lie within its region");
  int saved_errno = errno;
  int result = 0;
  if (!rouse__memory_guards_are_marks() || !mark(address, size))
    result = split(region, address, size);
  errno = saved_errno;
  return result;
}
