// What waiting costs with an approach, counted with its twin (counted/): on one thread and one
// loop, so that it is the same each time.
#include <rouse/loop.h>
#include <string.h>

#include "parts.h"

enum { ROUNDS = 512 };  // a multiple of what segments and rings grow by

struct rig {
  const approach *approach;
  approach_object object;
  approach_space *waiters;
  uint32_t count, oldest;
  uint32_t ended;
};

static struct rig *rig_here;

static void end(rouse_wait *wait, int result) {
  (void)wait, (void)result;
  rig_here->ended++;
}

static int deliver(rouse_loop *loop, struct rig *rig, uint32_t ended) {
  while (rig->ended < ended) {
    int done = rouse_loop_run_once(loop, ROUSE_FOREVER);
    if (done < 0) return done;
  }
  return ROUSE_DONE;
}

static int start(struct rig *rig, uint32_t index) {
  approach_waiter *waiter = &rig->waiters[index].waiter;
  approach_waiter_init(waiter, NULL, end);
  int started = rig->approach->wait_if(&rig->object, waiter, NULL, NULL, ROUSE_FOREVER);
  return started == ROUSE_PENDING || started < 0 ? started : ROUSE_EAGAIN;
}

// What was counted since the last time, added to |*total|.
static void add_counts(approach_counts *total) {
  approach_counts part;
  approach_counts_take(&part);
  total->loads += part.loads;
  total->stores += part.stores;
  total->modifications += part.modifications;
  total->locks += part.locks;
  total->allocations += part.allocations;
  total->allocated_bytes += part.allocated_bytes;
  total->system_calls += part.system_calls;
}

// One waiter joins at the end, the oldest is woken, and its wait ends.
static int wake_round(rouse_loop *loop, struct rig *rig, approach_counts *wait,
                      approach_counts *wake, approach_counts *delivery) {
  uint32_t newest = (rig->oldest + rig->count - 1) % rig->count;
  uint32_t ended = rig->ended;
  approach_counts none = {0};
  add_counts(&none);
  int started = start(rig, newest);
  if (started != ROUSE_PENDING) return started;
  add_counts(wait);
  // A wait of the kernel's has to be there before it can be woken.
  if (rig->approach->can & APPROACH_KERNEL) rouse_loop_run_once(loop, 0);
  add_counts(&none);
  rig->approach->wake_one(&rig->object);
  add_counts(wake);
  int failed = deliver(loop, rig, ended + 1);
  add_counts(delivery);
  rig->oldest = (rig->oldest + 1) % rig->count;
  return failed;
}

static int cancel_round(rouse_loop *loop, struct rig *rig, approach_counts *cancel) {
  uint32_t newest = (rig->oldest + rig->count - 1) % rig->count;
  uint32_t ended = rig->ended;
  approach_counts none = {0};
  int started = start(rig, newest);
  if (started != ROUSE_PENDING) return started;
  if (rig->approach->can & APPROACH_KERNEL) rouse_loop_run_once(loop, 0);
  add_counts(&none);
  rig->approach->cancel(&rig->object, &rig->waiters[newest].waiter);
  add_counts(cancel);
  return deliver(loop, rig, ended + 1);
}

static int count_rounds(rouse_loop *loop, struct rig *rig, approach_cost *out_cost) {
  approach_counts wait = {0}, wake = {0}, delivery = {0}, cancel = {0}, unused = {0};
  int failed = ROUSE_DONE;
  for (int i = 0; i < ROUNDS && !failed; i++) {
    failed = wake_round(loop, rig, &unused, &unused, &unused);
  }
  for (int i = 0; i < ROUNDS && !failed; i++) {
    failed = wake_round(loop, rig, &wait, &wake, &delivery);
  }
  for (int i = 0; i < ROUNDS && !failed; i++) failed = cancel_round(loop, rig, &cancel);
  if (failed) return failed;
  *out_cost = (approach_cost){
      .wait_loads = (double)wait.loads / ROUNDS,
      .wait_stores = (double)wait.stores / ROUNDS,
      .wait_modifications = (double)(wait.modifications + delivery.modifications) / ROUNDS,
      .wake_loads = (double)wake.loads / ROUNDS,
      .wake_stores = (double)wake.stores / ROUNDS,
      .wake_modifications = (double)wake.modifications / ROUNDS,
      .cancel_modifications = (double)cancel.modifications / ROUNDS,
      .locks = (double)(wait.locks + wake.locks + delivery.locks) / ROUNDS,
      .allocations = (double)(wait.allocations + wake.allocations + delivery.allocations) / ROUNDS,
      .system_calls =
          (double)(wait.system_calls + wake.system_calls + delivery.system_calls) / ROUNDS,
      .heap_bytes = (double)(wait.allocated_bytes + wake.allocated_bytes) / ROUNDS,
      .atomics_counted = !wait.locks && !wake.locks && !(rig->approach->can & APPROACH_KERNEL),
  };
  return ROUSE_DONE;
}

static int measure(rouse_loop *loop, struct rig *rig, approach_cost *out_cost) {
  if (rig->approach->unavailable()) return ROUSE_ENOTSUP;
  int failed = rig->approach->init(&rig->object);
  if (failed) return failed;
  uint32_t started = 0;
  while (!failed && started + 1 < rig->count) {
    failed = start(rig, started) == ROUSE_PENDING ? ROUSE_DONE : ROUSE_EUNKNOWN;
    started += !failed;
  }
  if (!failed) failed = count_rounds(loop, rig, out_cost);
  uint32_t ended = rig->ended + rig->approach->count(&rig->object);
  if (rig->approach->can & APPROACH_KERNEL) rouse_loop_run_once(loop, 0);
  rig->approach->wake_all(&rig->object);
  int late = deliver(loop, rig, ended);
  rig->approach->finish(&rig->object);
  return failed ? failed : late;
}

int approach_cost_measure(const char *name, uint32_t waiters, approach_cost *out_cost) {
  struct rig rig = {.count = waiters + 1};
  for (int i = 0; approaches_counted[i]; i++) {
    if (!strcmp(approaches_counted[i]->name, name)) rig.approach = approaches_counted[i];
  }
  if (!rig.approach) return ROUSE_EINVAL;
  if (waiters && !(rig.approach->can & APPROACH_MANY)) return ROUSE_ENOTSUP;
  rouse_loop *loop;
  int failed = rouse_loop_create(NULL, &loop);
  if (failed) return failed;
  rig.waiters = approach_allocate(rig.count * sizeof *rig.waiters);
  rig_here = &rig;
  failed = rig.waiters ? measure(loop, &rig, out_cost) : ROUSE_ENOMEM;
  approach_free(rig.waiters);
  int busy = rouse_loop_destroy(loop);
  return failed ? failed : busy;
}
