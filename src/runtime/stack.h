// Stacks for tasks: guarded, pooled, and cheap while they are shallow.
//
// Each stack has a guard below it, so that an overflow faults instead of overwriting a neighbour;
// the guard is wide enough to catch a frame of 16 KiB that is entered at the very end. A stack that
// can't be guarded is not handed out.
//
// How many stacks there can be: where guards are marks in the page table (Linux 6.13 and later), as
// many as fit the address space. Elsewhere each guard splits a mapping in three, and the pools of a
// process together refuse with ROUSE_ENOMEM at seven sixteenths of vm.max_map_count (28,665 stacks
// by default); raising that raises this.
//
// What a stack costs: one page while its task uses less than about three kilobytes of it. Getting
// one touches nothing. Stacks that come back stay warm up to a limit and are reused last in, first
// out; the memory of others goes back to the system, and their addresses as well once a whole slab
// is free.
//
// Threads: a pool belongs to one thread.
#ifndef ROUSE_RUNTIME_STACK_H
#define ROUSE_RUNTIME_STACK_H

#include <rouse/errors.h>

#include "base/assert.h"
#include "context/sanitizer.h"

// The usable range. |high| is a multiple of 64, and differs from stack to stack by some cache lines
// so that the tops of many stacks don't compete for the same few lines of the cache.
struct rouse__stack {
  void *low, *high;
};

// The least number of bytes of a stack. Sanitizers blow up frames several times.
#if defined ROUSE__SANITIZE_ADDRESS || defined ROUSE__SANITIZE_THREAD
#define ROUSE__STACK_SIZE_MIN ((size_t)64 << 10)
#else
#define ROUSE__STACK_SIZE_MIN ((size_t)16 << 10)
#endif
#define ROUSE__STACK_SIZE_MAX ((size_t)1 << (sizeof(size_t) == 8 ? 36 : 26))
#define ROUSE__STACK_CACHED_MAX ((size_t)1 << 24)

struct rouse__stack_slab;

// All-zero is a pool that has been finished.
typedef struct rouse__stack_pool {
  struct rouse__stack *warm;  // used before, memory still in place
  size_t warm_count;
  size_t warm_max;

  struct rouse__stack_slab *slabs;  // a circle; those with free stacks come first
  size_t slab_size;                 // also their alignment
  size_t slab_stack_count;
  size_t page_size;
  size_t guard_size;
  size_t stack_size;

  // Neighbouring free stacks whose memory is yet to be given back, in one call.
  char *discard_low, *discard_high;
  size_t discard_count;
} rouse__stack_pool;

// Prepares |pool| for stacks of |stack_size| bytes, raised to ROUSE__STACK_SIZE_MIN and to whole
// pages; up to 960 of them go to the cache lines mentioned above. |cached_max| stacks are kept
// warm. Reserves no stacks yet. Returns 0, ROUSE_EINVAL (above ROUSE__STACK_SIZE_MAX or
// ROUSE__STACK_CACHED_MAX) or ROUSE_ENOMEM.
int rouse__stack_pool_init(rouse__stack_pool *pool, size_t stack_size, size_t cached_max);

// Gives everything back. All stacks must have been put back. Accepts NULL and zeroed memory.
void rouse__stack_pool_finish(rouse__stack_pool *pool);

int rouse__stack_get_cold(rouse__stack_pool *pool, struct rouse__stack *out_stack);
void rouse__stack_put_cold(rouse__stack_pool *pool, struct rouse__stack stack);

// Takes a stack. Its contents are unspecified. Returns 0 or ROUSE_ENOMEM.
static inline int rouse__stack_get(rouse__stack_pool *pool, struct rouse__stack *out_stack) {
  if (ROUSE__UNLIKELY(pool->warm_count == 0)) return rouse__stack_get_cold(pool, out_stack);
  *out_stack = pool->warm[--pool->warm_count];
  return 0;
}

// Takes |stack| back; nothing may run on it or point into it any more.
static inline void rouse__stack_put(rouse__stack_pool *pool, struct rouse__stack stack) {
  if (ROUSE__UNLIKELY(pool->warm_count == pool->warm_max)) {
    rouse__stack_put_cold(pool, stack);
    return;
  }
  pool->warm[pool->warm_count++] = stack;
}

#endif
