// atomic_waker: one waiter, one word. What futures' AtomicWaker is for.
//
// How it works. The word holds the waiter, or nothing. A waiter puts itself there by
// compare-and-swap and then looks at its condition (again); a wake takes out whatever is there by
// exchange. AtomicWaker needs three states (waiting, registering, waking), because its waker is two
// words that are cloned into place; here the waker is reached through the waiter, and one pointer
// says it all.
//
//             wait_if: CAS                    wake: exchange
//    EMPTY -----------------> waiter --------------------------> EMPTY, woken
//      ^                        |
//      +------------------------+
//        CAS by the waiter: its condition turned out to be false, or it is cancelled
//
// What it allocates. Nothing.
//
// Progress. Wait-free: every call is a fixed number of steps.
//
// Why no wake is lost. Register, then look. Both the registration and the wake are
// read-modify-writes of the one word. If the wake comes second it finds the waiter. If it comes
// first the registration reads from it, and so the condition sees what the waker did before it.
//
// What a cancel costs. One compare-and-swap.
//
// What it can't do. A second waiter has no place: wait_if gives ROUSE_EBUSY. A semaphore or a lock
// needs a queue; a channel with one receiver does not.
//
// Memory order. ORDER(slot): registration and wake are acquire and release each, for the state
// flows from waker to waiter, and the waiter's own fields from it to the waker. It is essential
// that a wake is a read-modify-write also when nobody waits: a load instead could be ordered before
// the waker's change of the state, and both sides would miss each other.
#include "parts.h"

struct object {
  rouse__atomic_pointer slot;
};

struct waiter {
  approach_waiter base;
  struct object *object;
};

static int init(void *object) {
  struct object *self = object;
  store_relaxed(&self->slot, 0);  // RELAXED: not shared yet
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  // RELAXED: only a check.
  ROUSE__ASSERT(!load_relaxed(&self->slot), "a queue is finished while somebody waits in it");
  (void)self;
}

// Takes |waiter| out, unless a wake has.
static bool withdraw(struct object *self, struct waiter *waiter) {
  uintptr_t expected = (uintptr_t)waiter;
  // RELAXED: takes out what we put in, and learns nothing.
  return cas_relaxed(&self->slot, &expected, 0);
}

static void leave(rouse_wait *wait, unsigned reason) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  if (withdraw(waiter->object, waiter)) parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  struct waiter *waiter = (struct waiter *)base;
  waiter->object = self;
  parts_begin(base, &foreign);
  uintptr_t empty = 0;
  // ORDER(slot): release, our fields; acquire, what earlier wakers did before their wakes.
  if (!cas_acq_rel(&self->slot, &empty, (uintptr_t)waiter)) {
    return parts_unwanted(condition, argument) ? ROUSE_EAGAIN : ROUSE_EBUSY;
  }
  int result = ROUSE_PENDING;
  if (parts_unwanted(condition, argument)) {
    result = ROUSE_EAGAIN;
  } else if (parts_late(deadline_ns)) {
    result = ROUSE_ETIMEDOUT;
  }
  // A wake that was quicker than the withdrawal has been spent on us: we wait for its delivery.
  if (result != ROUSE_PENDING && withdraw(self, waiter)) return result;
  return parts_pending(base, deadline_ns);
}

static void wake(void *object) {
  struct object *self = object;
  // ORDER(slot): acquire, the waiter's fields; release, our change of the state.
  struct waiter *waiter = (struct waiter *)swap_acq_rel(&self->slot, 0);
  if (waiter) parts_wake(&waiter->base);
}

static uint32_t count(void *object) {
  struct object *self = object;
  return load_relaxed(&self->slot) != 0;  // RELAXED: a snapshot
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_atomic_waker, object, condition, argument, deadline_ns, NULL);
}

const approach approach_atomic_waker = {
    .name = "atomic_waker",
    .title = "atomic waker",
    .summary = "one word that holds the one waiter",
    .progress = "wait-free",
    .gaps = "one waiter at a time",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_LOOPS | APPROACH_REMOVES |
           APPROACH_ALLOCATES_NOT | APPROACH_DESTROY | APPROACH_THREADS | APPROACH_LOCK_FREE,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(struct waiter),
    .unavailable = parts_available,
    .init = init,
    .finish = finish,
    .wait_if = wait_if,
    .wake_one = wake,
    .wake_all = wake,
    .cancel = parts_cancel,
    .count = count,
    .block_if = block_if,
};
