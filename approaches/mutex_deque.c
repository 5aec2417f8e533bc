// mutex_deque: a mutex around a queue of wakers. The baseline.
//
// How it works. One mutex of the system guards a growing ring of pointers to waiters. Everything
// happens under it: a waiter looks at its condition and appends itself, a wake takes the first, a
// cancel looks for its waiter and closes the gap. Woken waiters are handed to their wakers after
// the mutex is free again, so that nothing that they cause comes back to a mutex that is held.
//
//                 +------------------- the mutex -------------------+
//   wait_if ----->| condition true?  [ w1 w2 w3 .. ] <- append      |
//   wake_one ---->|                    ^ take the first             |----> waker
//   cancel ------>|                       ^ find it, close the gap  |----> waker
//                 +-------------------------------------------------+
//
//   waiter:  idle --append--> QUEUED --wake--> woken
//                               `------cancel--> cancelled
//
// What it allocates. The ring, which doubles when it is full and is kept: none for a wait in the
// long run, one for each doubling.
//
// Progress. Blocking. A thread that is descheduled while it holds the mutex stops everybody else,
// loops included: their threads sleep in the kernel, and none of their tasks run.
//
// Why no wake is lost. The condition is looked at under the mutex that every wake takes. A wake
// that comes before has released the mutex, so its change of the state is seen; one that comes
// after finds the waiter queued.
//
// What a cancel costs. The mutex, and time proportional to the number of waiters: a ring knows no
// places. It is removed at once.
//
// Memory order. The mutex does all of it: its release and acquire order the ring and the state.
#include "deque.h"
#include "locks.h"

struct object {
  system_lock lock;
  deque waiters;
};

struct waiter {
  approach_waiter base;
  struct object *object;
};

static int init(void *object) {
  struct object *self = object;
  *self = (struct object){0};
  system_lock_init(&self->lock);
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  ROUSE__ASSERT(!self->waiters.count, "a queue is finished while somebody waits in it");
  deque_finish(&self->waiters);
  system_lock_finish(&self->lock);
}

static void lock(struct object *self) {
  parts_count_lock();
  system_lock_acquire(&self->lock);
}
static void unlock(struct object *self) { system_lock_release(&self->lock); }

static void leave(rouse_wait *wait, unsigned reason) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  struct object *self = waiter->object;
  lock(self);
  bool removed = deque_remove(&self->waiters, &waiter->base);
  unlock(self);
  if (removed) parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  struct waiter *waiter = (struct waiter *)base;
  int result = ROUSE_PENDING;
  waiter->object = self;
  parts_begin(base, &foreign);
  lock(self);
  if (parts_unwanted(condition, argument)) {
    result = ROUSE_EAGAIN;
  } else if (parts_late(deadline_ns)) {
    result = ROUSE_ETIMEDOUT;
  } else if (!deque_reserve(&self->waiters)) {
    result = ROUSE_ENOMEM;
  } else {
    deque_push(&self->waiters, base);
  }
  unlock(self);
  return result == ROUSE_PENDING ? parts_pending(base, deadline_ns) : result;
}

static void wake_one(void *object) {
  struct object *self = object;
  lock(self);
  approach_waiter *waiter = deque_pop(&self->waiters);
  unlock(self);
  if (waiter) parts_wake(waiter);
}

static void wake_all(void *object) {
  struct object *self = object;
  parts_list woken = {NULL, NULL};
  approach_waiter *waiter;
  lock(self);
  while ((waiter = deque_pop(&self->waiters))) parts_list_add(&woken, waiter);
  unlock(self);
  parts_list_wake(&woken);
}

static uint32_t count(void *object) {
  struct object *self = object;
  lock(self);
  uint32_t waiting = self->waiters.count;
  unlock(self);
  return waiting;
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_mutex_deque, object, condition, argument, deadline_ns, NULL);
}

const approach approach_mutex_deque = {
    .name = "mutex_deque",
    .title = "mutex and deque",
    .summary = "a mutex of the system around a growing ring of wakers",
    .progress = "blocking",
    .gaps = "a cancel searches the ring; the ring comes from the heap",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS | APPROACH_REMOVES |
           APPROACH_DESTROY | APPROACH_THREADS,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(struct waiter),
    .waiter_heap = sizeof(approach_waiter *),
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
