// The latch over an approach.
#include "latch.h"

#include "parts.h"

int lab_latch_init(lab_latch *latch, const approach *approach) {
  latch->approach = approach;
  store_relaxed(&latch->set, 0);  // RELAXED: not shared yet
  return approach->init(&latch->queue);
}

void lab_latch_finish(lab_latch *latch) { latch->approach->finish(&latch->queue); }

static bool is_closed(void *argument) {
  lab_latch *latch = argument;
  // ORDER(latch): acquire, what was done before the set.
  return !load_acquire(&latch->set);
}

int lab_latch_wait(lab_latch *latch, int64_t deadline_ns) {
  int result = latch->approach->block_if(&latch->queue, is_closed, latch, deadline_ns);
  return result == ROUSE_EAGAIN ? ROUSE_DONE : result;  // EAGAIN: it was set
}

void lab_latch_set(lab_latch *latch) {
  // ORDER(latch): release, what was done before.
  store_release(&latch->set, 1);
  latch->approach->wake_all(&latch->queue);
}

void lab_latch_reset(lab_latch *latch) {
  store_relaxed(&latch->set, 0);  // RELAXED: publishes nothing
}

bool lab_latch_is_set(const lab_latch *latch) {
  // ORDER(latch): acquire, what was done before the set.
  return load_acquire(&latch->set);
}

bool lab_latch_pass_one(lab_latch *latch) {
  bool anybody = latch->approach->count(&latch->queue);
  latch->approach->wake_one(&latch->queue);
  return anybody;
}
