// intrusive_locked: a doubly linked list through the waiters themselves, under a lock. What tokio's
// Notify and semaphore do.
//
// How it works. A waiter is its own list node, so queueing allocates nothing and a cancel unlinks
// it in a few stores. A word lock guards the list. A count of waiters beside it lets a wake that
// has nobody to wake return after one atomic operation, without the lock. (The list is often called
// lock-free. It is not: what is lock-free there is the path that has nothing to do with it.)
//
//             +---- the lock ---------------------------+
//   guard <-> | w1 <-> w2 <-> w3 <-> (guard)            |   waiting: 3
//             +-----------------------------------------+
//   wake_all moves the list to a guard of its own, and takes a few waiters at a time out of it:
//
//   lock: guard' <-> w1 .. w40, list empty    unlock: wake 32    lock: take 8    unlock: wake 8
//
//   waiter:  idle --append--> LINKED --unlinked by a wake--> woken
//                               `------unlinked by a cancel--> cancelled
//
// What it allocates. Nothing.
//
// Progress. Blocking, as every lock: a descheduled holder stops all that need the list. Sections
// are a few stores long, and woken waiters are sent to their wakers outside of them.
//
// Why no wake is lost. A waiter first raises |waiting|, then looks at its condition, both under the
// lock. A wake first changes the state, then reads |waiting| by an addition of zero. Both are
// read-modify-writes of one word, so one comes first: either the wake finds the waiter counted,
// takes the lock, and finds it queued or gone by itself; or the waiter finds the changed state.
//
// Why wake_all is exact. Who comes later is appended to the object's list, not to the guard' of a
// wake_all under way. A waiter that is cancelled in between unlinks itself from whichever list it
// is in.
//
// What a cancel costs. The lock, and four stores. The place is free at once.
//
// Memory order. ORDER(waiting) orders the state against the count. All else is ordered by the lock.
#include "list.h"
#include "locks.h"

struct object {
  word_lock lock;
  rouse__atomic32 waiting;
  list_link guard;
};

enum { BATCH = 32 };

static int init(void *object) {
  struct object *self = object;
  *self = (struct object){0};
  word_lock_init(&self->lock);
  list_init(&self->guard);
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  ROUSE__ASSERT(list_is_empty(&self->guard), "a queue is finished while somebody waits in it");
  (void)self;
}

static void leave(rouse_wait *wait, unsigned reason) {
  list_waiter *waiter = list_waiter_of(wait);
  struct object *self = waiter->object;
  word_lock_acquire(&self->lock);
  bool linked = waiter->link.next;
  if (linked) {
    list_remove(&waiter->link);
    // RELAXED: under the lock; a wake that is too early looks again.
    sub_relaxed(&self->waiting, 1);
  }
  word_lock_release(&self->lock);
  if (linked) parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  list_waiter *waiter = (list_waiter *)base;
  waiter->object = self;
  waiter->link = (list_link){NULL, NULL};
  parts_begin(base, &foreign);
  int result = ROUSE_PENDING;
  word_lock_acquire(&self->lock);
  // ORDER(waiting): release, so that a wake that comes after finds us counted; acquire, the changes
  // of the state before the wakes that came earlier, for the condition.
  add_acq_rel(&self->waiting, 1);
  if (parts_unwanted(condition, argument)) {
    result = ROUSE_EAGAIN;
  } else if (parts_late(deadline_ns)) {
    result = ROUSE_ETIMEDOUT;
  }
  if (result == ROUSE_PENDING) {
    list_append(&self->guard, &waiter->link);
  } else {
    sub_relaxed(&self->waiting, 1);  // RELAXED: as in leave()
  }
  word_lock_release(&self->lock);
  return result == ROUSE_PENDING ? parts_pending(base, deadline_ns) : result;
}

static bool nobody_waits(struct object *self) {
  // ORDER(waiting): release, our change of the state, to waiters that count themselves later.
  return add_acq_rel(&self->waiting, 0) == 0;
}

static void wake_one(void *object) {
  struct object *self = object;
  if (nobody_waits(self)) return;
  word_lock_acquire(&self->lock);
  list_waiter *waiter = list_pop(&self->guard);
  if (waiter) sub_relaxed(&self->waiting, 1);  // RELAXED: as in leave()
  word_lock_release(&self->lock);
  if (waiter) parts_wake(&waiter->base);
}

static void wake_all(void *object) {
  struct object *self = object;
  if (nobody_waits(self)) return;
  list_link ours;
  word_lock_acquire(&self->lock);
  list_move(&ours, &self->guard);
  for (bool more = true; more;) {
    parts_list woken = {NULL, NULL};
    list_waiter *waiter;
    uint32_t taken = 0;
    while (taken < BATCH && (waiter = list_pop(&ours))) {
      parts_list_add(&woken, &waiter->base);
      taken++;
    }
    if (taken) sub_relaxed(&self->waiting, taken);  // RELAXED: as in leave()
    more = !list_is_empty(&ours);
    word_lock_release(&self->lock);
    parts_list_wake(&woken);  // if there is no more, the object may be gone now
    if (more) word_lock_acquire(&self->lock);
  }
}

static uint32_t count(void *object) {
  struct object *self = object;
  return load_relaxed(&self->waiting);  // RELAXED: a snapshot
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_intrusive_locked, object, condition, argument, deadline_ns, NULL);
}

const approach approach_intrusive_locked = {
    .name = "intrusive_locked",
    .title = "intrusive list, locked",
    .summary = "a list through the waiters under a small lock, as tokio has it",
    .progress = "blocking",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS | APPROACH_REMOVES |
           APPROACH_ALLOCATES_NOT | APPROACH_DESTROY | APPROACH_THREADS,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(list_waiter),
    .unavailable = parts_available,
    .init = init,
    .finish = finish,
    .wait_if = wait_if,
    .wake_one = wake_one,
    .wake_all = wake_all,
    .cancel = parts_cancel,
    .count = count,
    .block_if = block_if,
};
