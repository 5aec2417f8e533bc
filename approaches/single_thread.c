// single_thread: asyncio's deque. Legal on one loop only.
//
// How it works. All waiters and all wakers run on one thread, so a plain ring of waiters is enough:
// no atomic operation, no lock. It is what asyncio's Lock, Semaphore and Event do with a deque of
// futures. Between two turns of the loop nothing else runs, so "look, then queue" is atomic by
// itself.
//
//   one thread:   wait_if: condition true?  [ w1 w2 w3 .. ] <- append
//                 wake_one:                   ^ take the first, put it on the loop's ready list
//
//   waiter:  idle --append--> QUEUED --wake--> woken
//                               `------cancel--> cancelled
//
// What it allocates. The ring, which doubles when it is full and is kept.
//
// Progress. Nothing ever waits; but nothing else may touch the object. A wake from another thread
// has to be sent to the loop as a message first, which is the whole cost that this approach leaves
// out: with it, it is the dual event source that the other approaches are measured against.
//
// Why no wake is lost. There is one thread: a wake comes either before the look at the condition,
// which then sees its change, or after the append, and finds the waiter.
//
// What a cancel costs. Time proportional to the number of waiters; the gap is closed at once.
//
// Memory order. Program order.
#include "deque.h"

struct object {
  deque waiters;
  struct rouse__waker *waker;  // of the one thread, from the first wait on
};

struct waiter {
  approach_waiter base;
  struct object *object;
};

static int init(void *object) {
  *(struct object *)object = (struct object){0};
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  ROUSE__ASSERT(!self->waiters.count, "a queue is finished while somebody waits in it");
  deque_finish(&self->waiters);
}

static void check_thread(const struct object *self) {
  ROUSE__ASSERT(!self->waker || self->waker == rouse__waker_here(),
                "single_thread: the object is used by a second thread");
  (void)self;
}

static void leave(rouse_wait *wait, unsigned reason) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  check_thread(waiter->object);
  if (deque_remove(&waiter->object->waiters, &waiter->base)) parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  struct waiter *waiter = (struct waiter *)base;
  if (self->waker && self->waker != base->wait.waker) return ROUSE_ENOTSUP;
  if (parts_unwanted(condition, argument)) return ROUSE_EAGAIN;
  if (parts_late(deadline_ns)) return ROUSE_ETIMEDOUT;
  if (!deque_reserve(&self->waiters)) return ROUSE_ENOMEM;
  self->waker = base->wait.waker;
  waiter->object = self;
  parts_begin(base, &foreign);
  deque_push(&self->waiters, base);
  return parts_pending(base, deadline_ns);
}

static void wake_one(void *object) {
  struct object *self = object;
  check_thread(self);
  approach_waiter *waiter = deque_pop(&self->waiters);
  if (waiter) parts_wake(waiter);
}

static void wake_all(void *object) {
  struct object *self = object;
  check_thread(self);
  parts_list woken = {NULL, NULL};
  approach_waiter *waiter;
  while ((waiter = deque_pop(&self->waiters))) parts_list_add(&woken, waiter);
  parts_list_wake(&woken);
}

static uint32_t count(void *object) { return ((struct object *)object)->waiters.count; }

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_single_thread, object, condition, argument, deadline_ns, NULL);
}

const approach approach_single_thread = {
    .name = "single_thread",
    .title = "deque of one thread",
    .summary = "asyncio's deque: no atomics, and one loop only",
    .progress = "one thread",
    .gaps =
        "waiters and wakers on one loop only; a cancel searches the ring; the ring comes from "
        "the heap",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_REMOVES | APPROACH_DESTROY,
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
