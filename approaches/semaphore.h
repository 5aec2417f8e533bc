// A semaphore over any approach: permits in a word, waiting in the approach's queue. The usual way
// to build a primitive from wait_if: try; if that fails wait if it would fail again; try again.
//
// A release makes the permit free for whoever comes first, and wakes one waiter to compete for it:
// not fair, whatever the queue's order. That is the same for all approaches.
#ifndef APPROACHES_SEMAPHORE_H
#define APPROACHES_SEMAPHORE_H

#include "approach.h"

typedef struct lab_semaphore {
  const approach *approach;
  approach_object queue;
  _Alignas(64) rouse__atomic32 permits;
} lab_semaphore;

// ROUSE_DONE, or why the approach's queue could not be made.
int lab_semaphore_init(lab_semaphore *semaphore, const approach *approach, uint32_t permits);
void lab_semaphore_finish(lab_semaphore *semaphore);

// Takes a permit if there is one. Any thread.
bool lab_semaphore_try(lab_semaphore *semaphore);
// Takes a permit, and waits for it in a task (or, with APPROACH_THREADS, on a plain thread).
// ROUSE_DONE; ROUSE_ETIMEDOUT, ROUSE_ECANCELED or a failure of the approach: no permit.
// |out_waits| (may be NULL): how often it had to wait.
int lab_semaphore_acquire(lab_semaphore *semaphore, int64_t deadline_ns, uint32_t *out_waits);
// Gives a permit back, and wakes one who waits. Any thread that the approach allows.
void lab_semaphore_release(lab_semaphore *semaphore);
uint32_t lab_semaphore_available(lab_semaphore *semaphore);

#endif
