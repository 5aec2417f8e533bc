// A sticky latch over any approach: once set it lets everybody through, until it is reset. What the
// research note calls a condvar.
#ifndef APPROACHES_LATCH_H
#define APPROACHES_LATCH_H

#include "approach.h"

typedef struct lab_latch {
  const approach *approach;
  approach_object queue;
  _Alignas(64) rouse__atomic32 set;
} lab_latch;

// ROUSE_DONE, or why the approach's queue could not be made.
int lab_latch_init(lab_latch *latch, const approach *approach);
void lab_latch_finish(lab_latch *latch);

// Waits until the latch is set, in a task (or, with APPROACH_THREADS, on a plain thread). Who was
// woken by a set returns even if the latch has been reset since. ROUSE_DONE, ROUSE_ETIMEDOUT,
// ROUSE_ECANCELED, or a failure of the approach.
int lab_latch_wait(lab_latch *latch, int64_t deadline_ns);
// Lets all through that wait and that come. Any thread that the approach allows.
void lab_latch_set(lab_latch *latch);
// Makes those who come from now on wait. Any thread.
void lab_latch_reset(lab_latch *latch);
bool lab_latch_is_set(const lab_latch *latch);
// Lets one waiter through without setting the latch. False: nobody waited. A reading of the queue's
// count just before, so with others at it at the same time only a hint.
bool lab_latch_pass_one(lab_latch *latch);

#endif
