// Address space from the system: regions, guards in them, and pages given back.
//
// A guard is a range that faults on every access. Where the system can, it is a mark in the page
// table (Linux 6.13 and later) or was never committed (Windows), which costs a region nothing.
// Elsewhere it is a mapping of its own,
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

// Reserves |size| bytes that begin at a multiple of |alignment|; both are multiples of the page
// size and |alignment| is a power of two. To be committed before use. Returns 0 or ROUSE_ENOMEM.
int rouse__memory_reserve(struct rouse__memory_region *out_region, size_t size, size_t alignment);

// Makes [address, address + size), whole pages of a region that hold no guard, readable and
// writable, zero where it was not committed yet. Where the system counts memory only when it is
// touched this does nothing; on Windows the pages count from now on against what all processes
// together may commit. In either case they are used page by page as they are touched, never in
// huge pages. Returns 0 or ROUSE_ENOMEM.
int rouse__memory_commit(void *address, size_t size);

// Gives all of |region| back, addresses included.
void rouse__memory_release(struct rouse__memory_region *region);

// Makes [address, address + size), whole pages of |region|, a guard until the region is released.
// Returns 0, or ROUSE_ENOMEM when the limit on mappings is near: then there is no guard.
int rouse__memory_guard(struct rouse__memory_region *region, void *address, size_t size);

// Gives the memory of [address, address + size), whole pages, back: it is to be committed before it
// is used again, and reads as zero then. Guards inside the range stay guards.
void rouse__memory_discard(void *address, size_t size);

// Whether guards are marks in the page table, found by trying one.
bool rouse__memory_guards_are_marks(void);

// How many guards that are mappings of their own this process may have.
size_t rouse__memory_split_max(void);

#endif
