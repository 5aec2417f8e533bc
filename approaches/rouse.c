// rouse: the combining wait queue of this library, as rouse_waitqueue.
//
// How it works. The object is a control word, an inbox and a list. Whoever has to queue while
// nobody is inside takes the word's BUSY bit together with everything else it has to say, by one
// compare-and-swap, and appends itself in place. Whoever finds BUSY taken does not wait: a waiter
// leaves itself in the inbox and rings, a wake adds its number to the word. The one inside (the
// combiner) takes the mail, hands out the wakes, and leaves by a compare-and-swap that fails if
// anything was added meanwhile. src/sync/queue.h and src/sync/waitqueue.c have all of it.
//
//   word   | broadcasts | signals | QUEUED | MAIL | BUSY |
//
//      0 ----append, exit----> QUEUED ----wake takes BUSY, grants, exit----> 0
//                                |
//                    BUSY: post by mail (MAIL), wake by number; the combiner's exit
//                          fails, it looks again, and nobody else has waited
//
//   waiter:  idle --posted--> QUEUED (list or inbox) --granted--> woken
//                               `--removed by a cancel's mail--> cancelled
//
// What it allocates. Nothing.
//
// Progress. Every call is lock-free and none waits for another thread. If the combiner is
// descheduled, completions on this one object are late; calls are not.
//
// Why no wake is lost. Wakes are numbers in the word. A waiter notes the word, looks at its
// condition, and is queued under exactly that word, or finds out that a wake came in between and
// looks again.
//
// What a cancel costs. One compare-and-swap on the waiter, and either the combiner's role (one
// compare-and-swap in, one out) or a push and a ring. The place is free at once, or with the
// combiner's next exit.
//
// Memory order. In src/sync, at each operation; tests/model explores it.
#include "parts.h"

static int init(void *object) {
  rouse_waitqueue_init(object);
  return ROUSE_DONE;
}

static void finish(void *object) {
  ROUSE__ASSERT(!rouse_waitqueue_count(object), "a queue is finished while somebody waits in it");
  (void)object;
}

static int wait_if(void *object, approach_waiter *waiter, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  return rouse_waitqueue_wait_if_start(object, &waiter->wait, condition, argument, deadline_ns);
}

static void wake_one(void *object) { rouse_waitqueue_wake_one(object); }
static void wake_all(void *object) { rouse_waitqueue_wake_all(object); }
static uint32_t count(void *object) { return rouse_waitqueue_count(object); }

static void cancel(void *object, approach_waiter *waiter) {
  (void)object;
  rouse_wait_cancel(&waiter->wait);
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return rouse_waitqueue_wait_if_until(object, condition, argument, deadline_ns);
}

const approach approach_rouse = {
    .name = "rouse",
    .title = "rouse",
    .summary = "ours: a combining wait queue; who finds it busy leaves its request and goes on",
    .progress = "calls lock-free",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS | APPROACH_REMOVES |
           APPROACH_ALLOCATES_NOT | APPROACH_DESTROY | APPROACH_THREADS | APPROACH_LOCK_FREE,
    .object_size = sizeof(rouse_waitqueue),
    .waiter_size = sizeof(rouse_wait),
    .unavailable = parts_available,
    .init = init,
    .finish = finish,
    .wait_if = wait_if,
    .wake_one = wake_one,
    .wake_all = wake_all,
    .cancel = cancel,
    .count = count,
    .block_if = block_if,
};
