// The stack pool.
//
// Address space comes in slabs of 16 MiB or more, each aligned to its size so that a stack's
// address leads to its slab:
//
//   | header | guard | stack 0 | guard | stack 1 | … | guard | stack n-1 | unused |
//
// A stack is in one of four states:
//   fresh    never handed out: no guard yet, no memory. Taken in order.
//   taken    in use or warm. The pool's array of warm stacks says which; the slab does not know.
//   pending  free and on its slab's list, but its memory is still there.
//   cold     free and on its slab's list, guard in place, no memory.
//
// The free list runs through the header, by number: a link inside the stack would bring its page
// back.
//
// Returning memory costs a system call, and one call for neighbours costs much less than one for
// each. Bursts end roughly in the order in which they began, that is in the order of addresses, so
// free stacks collect in one pending run as long as they are neighbours. The run is discarded when
// it is long enough, when the next free stack lies elsewhere, and before any free stack is handed
// out again (its memory must not vanish later, under its new task). So what is held beyond the warm
// stacks is one run.
//
// An empty slab is released if another one has a free stack: the last one stays, so that a pool
// which hovers about a slab's border does not map and unmap.
#include "runtime/stack.h"

#include <stdlib.h>

#include "context/sanitizer.h"
#include "platform/memory.h"

#define SLAB_SIZE_MIN ((size_t)16 << 20)
#define SLAB_STACKS_MIN ((size_t)16)
#define GUARD_SIZE_MIN ((size_t)16 << 10)
enum { COLOUR_COUNT = 16, COLOUR_SIZE = 64, DISCARD_RUN_MAX = 32 };
enum { NONE = UINT16_MAX };

struct rouse__stack_slab {
  struct rouse__stack_slab *next, *previous;
  struct rouse__memory_region region;
  char *first;          // the guard of stack 0
  uint16_t fresh_next;  // the first fresh stack
  uint16_t free_first;  // a list through free_next: pending and cold stacks
  uint16_t taken_count;
  uint16_t free_next[];  // by number
};

typedef struct rouse__stack_slab stack_slab;

// --- geometry ------------------------------------------------------------------------------------

static size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

static size_t stride(const rouse__stack_pool *pool) { return pool->guard_size + pool->stack_size; }

static size_t header_size(const rouse__stack_pool *pool) {
  return round_up(sizeof(stack_slab) + pool->slab_stack_count * sizeof(uint16_t), pool->page_size);
}

static struct rouse__stack stack_at(const rouse__stack_pool *pool, const stack_slab *slab,
                                    size_t number) {
  char *low = slab->first + number * stride(pool) + pool->guard_size;
  size_t colour = number % COLOUR_COUNT * COLOUR_SIZE;
  return (struct rouse__stack){.low = low, .high = low + pool->stack_size - colour};
}

static stack_slab *slab_of(const rouse__stack_pool *pool, struct rouse__stack stack) {
  return (stack_slab *)((uintptr_t)stack.low & ~(uintptr_t)(pool->slab_size - 1));
}

static bool has_free(const rouse__stack_pool *pool, const stack_slab *slab) {
  return slab->free_first != NONE || slab->fresh_next < pool->slab_stack_count;
}

// --- the circle of slabs -------------------------------------------------------------------------

static void insert_last(rouse__stack_pool *pool, stack_slab *slab) {
  stack_slab *first = pool->slabs;
  if (!first) {
    slab->next = slab->previous = slab;
    pool->slabs = slab;
    return;
  }
  slab->next = first;
  slab->previous = first->previous;
  first->previous->next = slab;
  first->previous = slab;
}

static void insert_first(rouse__stack_pool *pool, stack_slab *slab) {
  insert_last(pool, slab);
  pool->slabs = slab;
}

static void remove_slab(rouse__stack_pool *pool, stack_slab *slab) {
  if (pool->slabs == slab) pool->slabs = slab->next == slab ? NULL : slab->next;
  slab->next->previous = slab->previous;
  slab->previous->next = slab->next;
}

static int add_slab(rouse__stack_pool *pool) {
  struct rouse__memory_region region;
  int result = rouse__memory_reserve(&region, pool->slab_size, pool->slab_size);
  if (result < 0) return result;
  result = rouse__memory_commit(region.base, header_size(pool));
  if (result < 0) {
    rouse__memory_release(&region);
    return result;
  }
  stack_slab *new = region.base;
  new->region = region;
  new->first = (char *)region.base + header_size(pool);
  new->fresh_next = 0;
  new->free_first = NONE;
  new->taken_count = 0;
  insert_first(pool, new);
  return 0;
}

static void release_slab(rouse__stack_pool *pool, stack_slab *slab) {
  remove_slab(pool, slab);
  rouse__sanitizer_forget(slab->region.base, slab->region.size);
  rouse__memory_release(&slab->region);
}

// --- the pending run -----------------------------------------------------------------------------

static void discard_pending(rouse__stack_pool *pool) {
  if (pool->discard_count == 0) return;
  rouse__memory_discard(pool->discard_low, (size_t)(pool->discard_high - pool->discard_low));
  pool->discard_count = 0;
}

// Adds the memory of stack |number|, just freed. Between two neighbours lies a guard, which stays.
static void add_pending(rouse__stack_pool *pool, const stack_slab *slab, size_t number) {
  char *low = stack_at(pool, slab, number).low;
  char *high = low + pool->stack_size;
  if (pool->discard_count > 0) {
    if (low == pool->discard_high + pool->guard_size) {
      low = pool->discard_low;
    } else if (high + pool->guard_size == pool->discard_low) {
      high = pool->discard_high;
    } else {
      discard_pending(pool);
    }
  }
  pool->discard_low = low;
  pool->discard_high = high;
  if (++pool->discard_count == DISCARD_RUN_MAX) discard_pending(pool);
}

// --- the pool ------------------------------------------------------------------------------------

int rouse__stack_pool_init(rouse__stack_pool *pool, size_t stack_size, size_t cached_max) {
  *pool = (rouse__stack_pool){.warm_max = cached_max};
  if (stack_size > ROUSE__STACK_SIZE_MAX || cached_max > ROUSE__STACK_CACHED_MAX)
    return ROUSE_EINVAL;
  if (stack_size < ROUSE__STACK_SIZE_MIN) stack_size = ROUSE__STACK_SIZE_MIN;
  pool->page_size = rouse__memory_page_size();
  pool->guard_size = round_up(GUARD_SIZE_MIN, pool->page_size);
  pool->stack_size = round_up(stack_size, pool->page_size);

  pool->slab_size = SLAB_SIZE_MIN;
  size_t wanted = (SLAB_STACKS_MIN + 1) * stride(pool);  // one for the header
  while (pool->slab_size < wanted) pool->slab_size *= 2;
  // Each stack takes its stride and two bytes of the header.
  size_t room = pool->slab_size - sizeof(stack_slab) - pool->page_size;
  pool->slab_stack_count = room / (stride(pool) + sizeof(uint16_t));
  ROUSE__ASSERT(pool->slab_stack_count < NONE, "the stacks of a slab are numbered by 16 bits");
  ROUSE__ASSERT(header_size(pool) + pool->slab_stack_count * stride(pool) <= pool->slab_size,
                "a slab must hold its header and its stacks");

  pool->warm = calloc(cached_max ? cached_max : 1, sizeof *pool->warm);
  return pool->warm ? 0 : ROUSE_ENOMEM;
}

void rouse__stack_pool_finish(rouse__stack_pool *pool) {
  if (!pool) return;
  size_t taken_count = 0;
  while (pool->slabs) {
    taken_count += pool->slabs->taken_count;
    release_slab(pool, pool->slabs);
  }
  ROUSE__ASSERT(taken_count == pool->warm_count, "a stack pool was finished with stacks in use");
  (void)taken_count;
  free(pool->warm);
  *pool = (rouse__stack_pool){0};
}

// Releases |slab|, which is empty, if another one has a free stack.
static void drop_empty(rouse__stack_pool *pool, stack_slab *slab) {
  stack_slab *other = pool->slabs == slab ? slab->next : pool->slabs;
  if (other == slab || !has_free(pool, other)) return;
  bool pending_here = pool->discard_count > 0 && pool->discard_low > (char *)slab &&
                      pool->discard_low < (char *)slab + pool->slab_size;
  if (pending_here) pool->discard_count = 0;
  release_slab(pool, slab);
}

// Takes a free stack of |slab|, which has one.
static int take(rouse__stack_pool *pool, stack_slab *slab, struct rouse__stack *out_stack) {
  bool fresh = slab->free_first == NONE;
  size_t number = fresh ? slab->fresh_next : slab->free_first;
  int result = rouse__memory_commit(stack_at(pool, slab, number).low, pool->stack_size);
  if (result < 0) return result;
  if (fresh) {
    char *guard = slab->first + number * stride(pool);
    result = rouse__memory_guard(&slab->region, guard, pool->guard_size);
    if (result < 0) return result;
    slab->fresh_next++;
  } else {
    slab->free_first = slab->free_next[number];
  }
  slab->taken_count++;
  *out_stack = stack_at(pool, slab, number);
  return 0;
}

int rouse__stack_get_cold(rouse__stack_pool *pool, struct rouse__stack *out_stack) {
  discard_pending(pool);
  if (!pool->slabs || !has_free(pool, pool->slabs)) {
    int result = add_slab(pool);
    if (result < 0) return result;
  }
  stack_slab *slab = pool->slabs;
  int result = take(pool, slab, out_stack);
  // A slab without a free stack goes last: first->next becomes the first.
  if (!has_free(pool, slab)) pool->slabs = slab->next;
  return result;
}

void rouse__stack_put_cold(rouse__stack_pool *pool, struct rouse__stack stack) {
  stack_slab *slab = slab_of(pool, stack);
  size_t number = (size_t)((char *)stack.low - slab->first) / stride(pool);
  ROUSE__ASSERT(stack_at(pool, slab, number).low == stack.low && number < slab->fresh_next,
                "this is no stack of the pool");
  bool had_free = has_free(pool, slab);
  slab->free_next[number] = slab->free_first;
  slab->free_first = (uint16_t)number;
  slab->taken_count--;
  if (!had_free) {
    remove_slab(pool, slab);
    insert_first(pool, slab);
  }
  add_pending(pool, slab, number);
  if (slab->taken_count == 0) drop_empty(pool, slab);
}
