// event_listener: a list of listeners, and a count of those notified. What smol's event-listener
// does, and with it async-lock and async-channel.
//
// How it works. Waiting has two steps. First a listener object is made and put into the event's
// list; from then on it can be notified. Then the condition is looked at, outside of any lock. If
// there is something to wait for, the listener is told who waits in it; if not, it is dropped, and
// if it was notified meanwhile it passes the notification on to the next.
//
//   the list, under a small lock:
//
//     n1 <-> n2 <-> l3 <-> l4 <-> l5 <-> (guard)       notified 2, listening 3
//     ------------  ^
//     notified, not  first of those to be notified
//     yet collected
//
//   listener:  made --> LISTENING --told who waits--> WAITING --notified--> NOTIFIED, waiter woken
//                          |  |                          |                     |
//                          |  | notified                 | cancelled           | collected by its
//                          |  v                          v                     v waiter's thread
//          condition false |  NOTIFIED: done at once   gone                  gone
//                          v
//                        dropped; if NOTIFIED: the next one gets it
//
// A notified listener stays in the list until its waiter has collected it. That is what the count
// is for: notify(n) of smol sees to it that n listeners are notified, those counted that still are,
// so that several notifications at once wake one. Here wake_one has to wake one each time, which is
// smol's notify_additional(1); the count only tells where the unnotified begin.
//
// What it allocates. A listener for each wait.
//
// Progress. Blocking, in sections a few stores long. A wake that finds nobody listening takes no
// lock.
//
// Why no wake is lost. A listener raises |listening|, and looks at the condition after it; a wake
// changes the state, and reads |listening| by an addition of zero after it. Both are
// read-modify-writes of one word, so the second sees the first, or its change. (smol uses a full
// fence on both sides for the same.)
//
// What a cancel costs. The lock, four stores, and the listener's memory. The place is free at once.
//
// Memory order. ORDER(listening) as above. Listeners and list are ordered by the lock.
#include "list.h"
#include "locks.h"

struct object {
  word_lock lock;
  rouse__atomic32 listening;  // in the list and not notified
  list_link guard;
  list_link *first;   // of those not notified; the guard, if there is none
  uint32_t notified;  // in the list, before |first|
};

enum state { LISTENING, WAITING, NOTIFIED, NOTIFIED_WITH_ALL };

struct waiter;
struct listener {
  list_link link;
  struct waiter *waiter;  // from WAITING on
  enum state state;
};

struct waiter {
  approach_waiter base;
  struct object *object;
  struct listener *listener;
  rouse_wait_fn *callback;  // the user's
};

static int init(void *object) {
  struct object *self = object;
  *self = (struct object){0};
  word_lock_init(&self->lock);
  list_init(&self->guard);
  self->first = &self->guard;
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  ROUSE__ASSERT(list_is_empty(&self->guard), "a queue is finished while somebody waits in it");
  (void)self;
}

static void lock(struct object *self) { word_lock_acquire(&self->lock); }
static void unlock(struct object *self) { word_lock_release(&self->lock); }

// --- the list, under the lock --------------------------------------------------------------------

static bool is_notified(const struct listener *listener) { return listener->state >= NOTIFIED; }

static void insert(struct object *self, struct listener *listener) {
  list_append(&self->guard, &listener->link);
  if (self->first == &self->guard) self->first = &listener->link;
  // ORDER(listening): release, for wakes that come after; acquire, the changes of the state before
  // the wakes that came earlier, for the condition.
  add_acq_rel(&self->listening, 1);
}

static void drop(struct object *self, struct listener *listener) {
  if (self->first == &listener->link) self->first = listener->link.next;
  if (is_notified(listener)) {
    self->notified--;
  } else {
    sub_relaxed(&self->listening, 1);  // RELAXED: a wake that is too early looks again
  }
  list_remove(&listener->link);
}

// Notifies the next listener. Its waiter, if it is to be woken.
static struct waiter *notify(struct object *self, enum state as) {
  struct listener *listener = ROUSE__CONTAINER(self->first, struct listener, link);
  struct waiter *waiter = listener->state == WAITING ? listener->waiter : NULL;
  listener->state = as;
  self->first = listener->link.next;
  self->notified++;
  sub_relaxed(&self->listening, 1);  // RELAXED: as in drop()
  return waiter;
}

static bool anybody_listens(const struct object *self) { return self->first != &self->guard; }

// --- waiting -------------------------------------------------------------------------------------

// The waiter's wait has ended, on its own thread.
static void collect(approach_waiter *base) {
  struct waiter *waiter = (struct waiter *)base;
  struct listener *listener = waiter->listener;
  if (is_notified(listener)) {  // only we change it now
    lock(waiter->object);
    drop(waiter->object, listener);
    unlock(waiter->object);
  }
  approach_free(listener);
}

static void collect_and_call(rouse_wait *wait, int result) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  wait->callback = waiter->callback;
  collect(&waiter->base);
  wait->callback(wait, result);
}

static void leave(rouse_wait *wait, unsigned reason) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, base.wait);
  struct listener *listener = waiter->listener;
  lock(waiter->object);
  bool in_time = listener->state == WAITING && listener->link.next;
  if (in_time) drop(waiter->object, listener);
  unlock(waiter->object);
  if (in_time) parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

// There is nothing to wait for: drops |listener|. What it was notified of goes to the next.
static void withdraw(struct object *self, struct listener *listener) {
  struct waiter *next = NULL;
  lock(self);
  bool pass_on = listener->state == NOTIFIED;
  drop(self, listener);
  if (pass_on && anybody_listens(self)) next = notify(self, NOTIFIED);
  unlock(self);
  approach_free(listener);
  if (next) parts_wake(&next->base);
}

// Tells |listener| who waits. False: it was notified before, and is gone.
static bool tell(struct object *self, struct listener *listener, struct waiter *waiter) {
  lock(self);
  bool notified = is_notified(listener);
  if (notified) {
    drop(self, listener);
  } else {
    listener->waiter = waiter;
    listener->state = WAITING;
  }
  unlock(self);
  if (notified) approach_free(listener);
  return !notified;
}

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  struct waiter *waiter = (struct waiter *)base;
  struct listener *listener = approach_allocate(sizeof *listener);
  if (!listener) return ROUSE_ENOMEM;
  lock(self);
  insert(self, listener);
  unlock(self);
  int result = ROUSE_PENDING;
  if (parts_unwanted(condition, argument)) {
    result = ROUSE_EAGAIN;
  } else if (parts_late(deadline_ns)) {
    result = ROUSE_ETIMEDOUT;
  }
  if (result != ROUSE_PENDING) {
    withdraw(self, listener);
    return result;
  }
  waiter->object = self;
  waiter->listener = listener;
  waiter->callback = base->wait.callback;
  if (waiter->callback) base->wait.callback = collect_and_call;
  parts_begin(base, &foreign);
  if (tell(self, listener, waiter)) return parts_pending(base, deadline_ns);
  base->wait.callback = waiter->callback;
  return ROUSE_DONE;
}

// --- waking --------------------------------------------------------------------------------------

static bool nobody_listens(struct object *self) {
  // ORDER(listening): release, our change of the state, to those who listen later.
  return add_acq_rel(&self->listening, 0) == 0;
}

static void wake_one(void *object) {
  struct object *self = object;
  if (nobody_listens(self)) return;
  struct waiter *waiter = NULL;
  lock(self);
  if (anybody_listens(self)) waiter = notify(self, NOTIFIED);
  unlock(self);
  if (waiter) parts_wake(&waiter->base);
}

static void wake_all(void *object) {
  struct object *self = object;
  if (nobody_listens(self)) return;
  parts_list woken = {NULL, NULL};
  lock(self);
  while (anybody_listens(self)) {
    struct waiter *waiter = notify(self, NOTIFIED_WITH_ALL);
    if (waiter) parts_list_add(&woken, &waiter->base);
  }
  unlock(self);
  parts_list_wake(&woken);
}

static uint32_t count(void *object) {
  struct object *self = object;
  return load_relaxed(&self->listening);  // RELAXED: a snapshot
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_event_listener, object, condition, argument, deadline_ns,
                        collect);
}

const approach approach_event_listener = {
    .name = "event_listener",
    .title = "event and listeners",
    .summary = "listener objects in a list, notified one by one, as smol has it",
    .progress = "blocking",
    .gaps =
        "a listener comes from the heap for each wait; a wake whose listener does not wait after "
        "all goes to the next one, even if that came later",
    .can = APPROACH_FIFO | APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS | APPROACH_REMOVES |
           APPROACH_DESTROY | APPROACH_THREADS,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(struct waiter),
    .waiter_heap = (sizeof(struct listener) + 63) / 64 * 64,
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
