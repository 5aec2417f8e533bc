// iocp_event: an event of the kernel for each wait, heard through the loop's completion port.
//
// How it works. A waiter makes an event, joins a list under a small lock, and asks its loop to wait
// for the event: by a wait-completion packet of the kernel where there are such, else by a
// registered wait of the system's thread pool, which posts to the port. A wake takes the first of
// the list and sets its event.
//
//   waiter                         list, locked           kernel                waker
//     CreateEvent
//     condition true? append ----> [ w1 w2 w3 ]
//     wait for the event --------------------------------> packet (event, port)
//                                  [ w2 w3 ] <---------------------------------- take the first,
//                                                          event set <---------- SetEvent
//     <------------------------- completion of the port -- packet
//     CloseHandle
//
//   waiter:  idle --append--> LINKED --unlinked by a wake, event set--> woken
//                               `------unlinked by a cancel or a deadline--> cancelled
//
// What it allocates. An event and a packet, or a registered wait, of the kernel for each wait.
//
// Progress. Blocking, and the kernel's.
//
// Why no wake is lost. The condition is looked at under the lock that every wake takes. Who has
// been taken out of the list by a wake reports it, whatever else his wait has ended with meanwhile.
//
// What a cancel costs. The lock, four stores, and the cancel of the wait. The place is free at
// once.
//
// The event is set under the lock, and every waiter takes the lock once more before it closes its
// event: so a wake never sets an event that is closed, or another that has got its number, and who
// was woken may finish the object.
//
// Memory order. The lock's.
#include <rouse/handle.h>
#include <windows.h>

#include "list.h"
#include "locks.h"

struct object {
  word_lock lock;
  uint32_t waiting;
  list_link guard;
};

struct waiter {
  list_waiter listed;
  HANDLE event;
  rouse_io io;
};

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

// Takes |waiter| out of the list. False: a wake, or a cancel, has.
static bool unlink_waiter(struct waiter *waiter) {
  struct object *self = waiter->listed.object;
  word_lock_acquire(&self->lock);
  bool linked = waiter->listed.link.next;
  if (linked) {
    list_remove(&waiter->listed.link);
    self->waiting--;
  }
  word_lock_release(&self->lock);
  return linked;
}

// Makes the event and joins the list. ROUSE_PENDING, or why not.
static int enter(struct object *self, struct waiter *waiter, rouse_condition_fn *condition,
                 void *argument, int64_t deadline_ns) {
  if (parts_unwanted(condition, argument)) return ROUSE_EAGAIN;
  if (parts_late(deadline_ns)) return ROUSE_ETIMEDOUT;
  waiter->listed.object = self;
  waiter->listed.link = (list_link){NULL, NULL};
  waiter->event = CreateEventW(NULL, FALSE, FALSE, NULL);
  if (!waiter->event) return rouse_error_from_system((int)GetLastError());
  approach_counts_here.system_calls++;
  word_lock_acquire(&self->lock);
  bool wanted = !parts_unwanted(condition, argument);
  if (wanted) {
    list_append(&self->guard, &waiter->listed.link);
    self->waiting++;
  }
  word_lock_release(&self->lock);
  if (!wanted) CloseHandle(waiter->event);
  return wanted ? ROUSE_PENDING : ROUSE_EAGAIN;
}

// The wait for the event has ended with |result|: what the waiter reports. A wake that has taken it
// out of the list has been spent on it; a cancel that has says so by |cancelled|.
static int settle(struct waiter *waiter, int result, bool cancelled) {
  bool linked = unlink_waiter(waiter);
  CloseHandle(waiter->event);
  approach_counts_here.system_calls++;
  if (cancelled) return ROUSE_ECANCELED;
  return linked ? result : ROUSE_DONE;
}

static void leave(rouse_wait *wait, unsigned reason) {
  struct waiter *waiter = ROUSE__CONTAINER(wait, struct waiter, listed.base.wait);
  if (!unlink_waiter(waiter)) return;
  store_relaxed(&wait->refs, (uint16_t)reason);  // RELAXED: read after the wait has ended
  rouse_wait_cancel(&waiter->io.wait);
}
static const struct rouse__foreign foreign = {leave};

static void arrived(rouse_wait *io, int result) {
  struct waiter *waiter = ROUSE__CONTAINER(io, struct waiter, io.wait);
  rouse_wait *wait = &waiter->listed.base.wait;
  bool cancelled = load_relaxed(&wait->refs) != 0;  // RELAXED: the cancel's end orders it
  wait->callback(wait, settle(waiter, result, cancelled));
}

static rouse_loop *loop_of(const rouse_wait *wait) { return (rouse_loop *)wait->waker; }

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct waiter *waiter = (struct waiter *)base;
  parts_begin(base, &foreign);
  int started = enter(object, waiter, condition, argument, deadline_ns);
  if (started != ROUSE_PENDING) return started;
  rouse_io_init(&waiter->io, loop_of(&base->wait), arrived);
  rouse_fd event = rouse_fd_from_handle(waiter->event);
  started = rouse_handle_wait_start(&waiter->io, event, deadline_ns);
  return started == ROUSE_PENDING ? started : settle(waiter, started, false);
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  struct waiter waiter;
  int result = enter(object, &waiter, condition, argument, deadline_ns);
  if (result != ROUSE_PENDING) return result;
  result = rouse_handle_wait(rouse_fd_from_handle(waiter.event), deadline_ns);
  return settle(&waiter, result, false);
}

// Under the lock.
static bool set_first(struct object *self) {
  list_waiter *first = list_pop(&self->guard);
  if (!first) return false;
  self->waiting--;
  approach_counts_here.system_calls++;
  SetEvent(((struct waiter *)first)->event);
  return true;
}

static void wake_one(void *object) {
  struct object *self = object;
  word_lock_acquire(&self->lock);
  set_first(self);
  word_lock_release(&self->lock);
}

static void wake_all(void *object) {
  struct object *self = object;
  word_lock_acquire(&self->lock);
  while (set_first(self)) continue;
  word_lock_release(&self->lock);
}

static uint32_t count(void *object) {
  struct object *self = object;
  word_lock_acquire(&self->lock);
  uint32_t waiting = self->waiting;
  word_lock_release(&self->lock);
  return waiting;
}

const approach approach_iocp_event = {
    .name = "iocp_event",
    .title = "event and completion packet",
    .summary = "an event of the kernel for each wait, heard through the loop's completion port",
    .progress = "blocking, and the kernel's",
    .gaps = "an event and a packet of the kernel for each wait; loops only",
    .can = APPROACH_EXACT | APPROACH_MANY | APPROACH_LOOPS | APPROACH_REMOVES |
           APPROACH_ALLOCATES_NOT | APPROACH_DESTROY | APPROACH_KERNEL,
    .object_size = sizeof(struct object),
    .waiter_size = sizeof(struct waiter),
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
