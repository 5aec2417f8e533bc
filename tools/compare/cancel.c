// Cancelling: from the request to the delivered cancellation, on one loop, with callbacks; in the
// processor time of its thread, where that is known.
#include <string.h>

#include "measure.h"

enum { CROWD = 1000, STRIDE = 389 };  // without a common divisor: every waiter comes once

static approach_object object;
static approach_space spaces[CROWD];
static uint32_t delivered, cancelled;

static void on_end(rouse_wait *wait, int result) {
  (void)wait;
  delivered++;
  cancelled += result == ROUSE_ECANCELED;
}

static const char *begin(const approach *approach, uint32_t count) {
  int failed = approach->init(&object);
  if (failed < 0) return rouse_error_message(failed);
  memset(spaces, 0, count * sizeof *spaces);
  for (uint32_t index = 0; index < count; index++) {
    approach_waiter_init(&spaces[index].waiter, NULL, on_end);
  }
  delivered = cancelled = 0;
  return NULL;
}

static int start(const approach *approach, uint32_t index) {
  return approach->wait_if(&object, &spaces[index].waiter, NULL, NULL, ROUSE_FOREVER);
}

static void await(uint32_t count) {
  while (delivered < count) rouse_task_yield();
}

const char *measure_cancel_lone(const measurement *self, const approach *approach, measured *out) {
  (void)self;
  uint32_t rounds = (uint32_t)measure_count(1000, 10000);
  const char *problem = begin(approach, 1);
  if (problem != NULL) return problem;
  int result = ROUSE_PENDING;
  int64_t begin_ns = measure_cpu_ns();
  for (uint32_t index = 0; index < rounds && result == ROUSE_PENDING; index++) {
    result = start(approach, 0);
    if (result != ROUSE_PENDING) break;
    approach->cancel(&object, &spaces[0].waiter);
    await(index + 1);
  }
  out->values[0] = (double)(measure_cpu_ns() - begin_ns) / rounds;
  approach->finish(&object);
  if (result < 0) return rouse_error_message(result);
  return cancelled == rounds ? NULL : "a cancelled wait ended otherwise";
}

const char *measure_cancel_crowd(const measurement *self, const approach *approach, measured *out) {
  (void)self;
  const char *problem = begin(approach, CROWD);
  if (problem != NULL) return problem;
  uint32_t started = 0;
  int result = ROUSE_PENDING;
  while (started < CROWD && result == ROUSE_PENDING) {
    result = start(approach, started);
    started += result == ROUSE_PENDING;
  }
  // Waits of the kernel are armed by now: what is timed is the cancel.
  rouse_task_yield();
  int64_t begin_ns = measure_cpu_ns();
  for (uint32_t index = 0; index < CROWD; index++) {
    uint32_t which = index * STRIDE % CROWD;
    if (which < started) approach->cancel(&object, &spaces[which].waiter);
  }
  await(started);
  out->values[0] = (double)(measure_cpu_ns() - begin_ns) / CROWD;
  approach->finish(&object);
  if (result < 0) return rouse_error_message(result);
  return cancelled == CROWD ? NULL : "a cancelled wait ended otherwise";
}
