// Address space from the system: regions, guards in them, and pages given back.
//
// A guard is a range that faults on every access. Where the system can, it is a mark in the page
// table (Linux 6.13 and later), which costs a region nothing. Elsewhere it is a mapping of its own,
// and the number of mappings of a process is limited: guards stop at a share of that limit, so that
// the rest of the process (its allocator, its libraries) never meets it.
//
// Threads: any; a region belongs to one thread at a time.
#ifndef ROUSE_PLATFORM_MEMORY_H
#define ROUSE_PLATFORM_MEMORY_H

#include <rouse/errors.h>

// A reserved range of addresses. Plain data; may be copied and kept inside the region itself.
struct rouse__memory_region {
  void *base;
  size_t size;
  size_t split_count;  // guards that are mappings of their own
};

// The size of a page: a power of two.
size_t rouse__memory_page_size(void);

// Reserves |size| bytes, readable, writable and zero, that begin at a multiple of |alignment|; both
// are multiples of the page size and |alignment| is a power of two. No memory is used before it is
// touched, and then page by page, never in huge pages. Returns 0 or ROUSE_ENOMEM.
int rouse__memory_reserve(struct rouse__memory_region *out_region, size_t size, size_t alignment);

// Gives all of |region| back, addresses included.
void rouse__memory_release(struct rouse__memory_region *region);

// Makes [address, address + size), whole pages of |region|, a guard until the region is released.
// Returns 0, or ROUSE_ENOMEM when the limit on mappings is near: then there is no guard.
int rouse__memory_guard(struct rouse__memory_region *region, void *address, size_t size);

// Gives the memory of [address, address + size), whole pages, back: it reads as zero again. Guards
// inside the range stay guards.
void rouse__memory_discard(void *address, size_t size);

// Whether guards are marks in the page table, found by trying one.
bool rouse__memory_guards_are_marks(void);

// How many guards that are mappings of their own this process may have.
size_t rouse__memory_split_max(void);

#endif
