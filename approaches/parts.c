// The shared parts of the approaches that are not inline.
#include "parts.h"

#include "platform/platform.h"

_Static_assert(offsetof(approach_waiter, owner) == offsetof(struct rouse__blocked, owner),
               "a waiter must begin as a blocked wait does");

_Thread_local approach_counts approach_counts_here;

enum { LINE = 64 };

void *approach_allocate(size_t size) {
  size_t rounded = (size + LINE - 1) / LINE * LINE;
  approach_counts_here.allocations++;
  approach_counts_here.allocated_bytes += rounded;
  return rouse__allocate(rounded, LINE);
}

void approach_free(void *memory) { rouse__free(memory); }

void approach_counts_take(approach_counts *out_counts) {
  *out_counts = approach_counts_here;
  approach_counts_here = (approach_counts){0};
}

int parts_block_if(const approach *approach, void *object, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns, void (*delivered)(approach_waiter *)) {
  approach_space space;
  struct rouse__blocked *blocked = (struct rouse__blocked *)&space;
  for (;;) {
    int refused = rouse__block_begin(blocked);
    if (refused) return refused;
    int started = approach->wait_if(object, &space.waiter, condition, argument, deadline_ns);
    if (started != ROUSE_PENDING) return started;
    int result = rouse__block_end(blocked, started);
    if (delivered) delivered(&space.waiter);
    if (result != ROUSE_EAGAIN) return result;  // EAGAIN: look at the condition anew
  }
}

void parts_cancel(void *object, approach_waiter *waiter) {
  (void)object;
  rouse_wait_cancel(&waiter->wait);
}
