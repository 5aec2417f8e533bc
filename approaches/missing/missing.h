// An approach that this build does not have: it is in the table, and says why it cannot run.
#ifndef APPROACHES_MISSING_H
#define APPROACHES_MISSING_H

#include "parts.h"

static const char *missing_reason(void);

static int missing_init(void *object) {
  (void)object;
  return ROUSE_ENOTSUP;
}
static int missing_wait_if(void *object, approach_waiter *waiter, rouse_condition_fn *condition,
                           void *argument, int64_t deadline_ns) {
  (void)object, (void)waiter, (void)condition, (void)argument, (void)deadline_ns;
  return ROUSE_ENOTSUP;
}
static int missing_block_if(void *object, rouse_condition_fn *condition, void *argument,
                            int64_t deadline_ns) {
  (void)object, (void)condition, (void)argument, (void)deadline_ns;
  return ROUSE_ENOTSUP;
}
static void missing_call(void *object) { (void)object; }
static void missing_cancel(void *object, approach_waiter *waiter) { (void)object, (void)waiter; }
static uint32_t missing_count(void *object) {
  (void)object;
  return 0;
}

#define MISSING_CALLS                                                                              \
  .unavailable = missing_reason, .init = missing_init, .finish = missing_call,                     \
  .wait_if = missing_wait_if, .wake_one = missing_call, .wake_all = missing_call,                  \
  .cancel = missing_cancel, .count = missing_count, .block_if = missing_block_if

#endif
