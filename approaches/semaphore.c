// The semaphore over an approach.
#include "semaphore.h"

#include "parts.h"

int lab_semaphore_init(lab_semaphore *semaphore, const approach *approach, uint32_t permits) {
  semaphore->approach = approach;
  store_relaxed(&semaphore->permits, permits);  // RELAXED: not shared yet
  return approach->init(&semaphore->queue);
}

void lab_semaphore_finish(lab_semaphore *semaphore) {
  semaphore->approach->finish(&semaphore->queue);
}

bool lab_semaphore_try(lab_semaphore *semaphore) {
  uint32_t permits = load_relaxed(&semaphore->permits);  // RELAXED: the CAS validates it
  while (permits) {
    // ORDER(permits): acquire, what the releaser did before.
    if (cas_acquire(&semaphore->permits, &permits, permits - 1)) return true;
  }
  return false;
}

static bool none_left(void *argument) {
  lab_semaphore *semaphore = argument;
  return !load_relaxed(&semaphore->permits);  // RELAXED: the queue orders it against wakes
}

int lab_semaphore_acquire(lab_semaphore *semaphore, int64_t deadline_ns, uint32_t *out_waits) {
  uint32_t waits = 0;
  int result = ROUSE_DONE;
  rouse__inline_budget_use();
  while (!lab_semaphore_try(semaphore)) {
    result = semaphore->approach->block_if(&semaphore->queue, none_left, semaphore, deadline_ns);
    if (result != ROUSE_DONE && result != ROUSE_EAGAIN) break;
    waits += result == ROUSE_DONE;
    result = ROUSE_DONE;
  }
  if (out_waits) *out_waits = waits;
  return result;
}

void lab_semaphore_release(lab_semaphore *semaphore) {
  // ORDER(permits): release, what was done with the permit.
  add_release(&semaphore->permits, 1);
  semaphore->approach->wake_one(&semaphore->queue);
}

uint32_t lab_semaphore_available(lab_semaphore *semaphore) {
  return load_relaxed(&semaphore->permits);  // RELAXED: a snapshot
}
