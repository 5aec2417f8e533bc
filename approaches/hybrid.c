// hybrid: one waiter in a word, more of them in a list under a small lock.
//
// How it works. Most objects that anybody waits for have one waiter. So the word holds it directly,
// as atomic_waker's does, and nothing else is touched. Only when a second one comes is the lock
// taken, the first moved to the list, and the word says MULTI until the list is empty again. The
// lock is small and fast: nsync's mutex where nsync was found, else a word lock (locks.h).
//
//              wait_if: CAS                  wait_if: lock, CAS, both into the list
//    EMPTY ------------------> SINGLE(w) ------------------------------------------> MULTI
//      ^  ^                        |                                                   |
//      |  +------------------------+                                                   |
//      |    wake: CAS, w is woken; or w withdraws: CAS                                 |
//      +-------------------------------------------------------------------------------+
//           wake or cancel, under the lock, takes the last one out of the list
//
//   waiter:  idle --> SINGLE --> woken, cancelled
//              |        | a second waiter moves it
//              |        v
//              `------> LINKED --> woken, cancelled
//
// What it allocates. Nothing. (nsync keeps a record for each thread that has slept in one of its
// locks.)
//
// Progress. Wait-free with one waiter, blocking with more.
//
// Why no wake is lost. Register, then look, as in atomic_waker: the registration (the CAS to
// SINGLE, or under the lock an addition of zero to the word that says MULTI) and the wake are both
// read-modify-writes of the word. The wake that comes first is read from, so the condition sees its
// change; the one that comes second sees the waiter. From MULTI nobody but the holder of the lock
// leaves, so who finds MULTI and then has the lock finds the list as the word says.
//
// What a cancel costs. One CAS for the single waiter. Else the lock and four stores. The place is
// free at once.
//
// Memory order. ORDER(single) for the word. The list and its waiters are ordered by the lock. The
// step from SINGLE to MULTI acquires the first waiter's fields, which the lock then hands on.
#include "list.h"
#include "locks.h"

#ifdef APPROACHES_HAVE_NSYNC
#include <nsync.h>

#include "tsan.h"
#endif

struct object {
  rouse__atomic_pointer word;
#ifdef APPROACHES_HAVE_NSYNC
  nsync_mu lock;
#else
  word_lock lock;
#endif
  rouse__atomic32 waiting;  // in the list
  list_link guard;
};

enum { EMPTY = 0, MULTI = 1 };

#ifdef APPROACHES_HAVE_NSYNC
static void lock_init(struct object *self) { nsync_mu_init(&self->lock); }
static void lock(struct object *self) {
  parts_count_lock();
  nsync_mu_lock(&self->lock);
  tsan_acquire(&self->lock);
}
static void unlock(struct object *self) {
  tsan_release(&self->lock);
  nsync_mu_unlock(&self->lock);
}
#else
static void lock_init(struct object *self) { word_lock_init(&self->lock); }
static void lock(struct object *self) { word_lock_acquire(&self->lock); }
static void unlock(struct object *self) { word_lock_release(&self->lock); }
#endif

static int init(void *object) {
  struct object *self = object;
  *self = (struct object){0};
  lock_init(self);
  list_init(&self->guard);
  return ROUSE_DONE;
}

static void finish(void *object) {
  struct object *self = object;
  // RELAXED: only a check.
  ROUSE__ASSERT(load_relaxed(&self->word) == EMPTY, "a queue is finished while somebody waits");
  (void)self;
}

// --- the list, under the lock --------------------------------------------------------------------

static void link_in(struct object *self, list_waiter *waiter) {
  list_append(&self->guard, &waiter->link);
  add_relaxed(&self->waiting, 1);  // RELAXED: a count for those who ask; the word decides
}

// After something was taken out of the list: it may have been the last.
static void linked_out(struct object *self) {
  sub_relaxed(&self->waiting, 1);  // RELAXED: as above
  // ORDER(single): release, our view of the state; so that who registers next has what we had.
  if (list_is_empty(&self->guard)) swap_release(&self->word, EMPTY);
}

// --- leaving -------------------------------------------------------------------------------------

// Takes |waiter| out, unless a wake has.
static bool withdraw(struct object *self, list_waiter *waiter) {
  uintptr_t word = (uintptr_t)waiter;
  // RELAXED: takes out what we put in; if it fails the lock orders what we look at.
  if (cas_relaxed(&self->word, &word, EMPTY)) return true;
  if (word != MULTI) return false;
  lock(self);
  bool linked = waiter->link.next;
  if (linked) {
    list_remove(&waiter->link);
    linked_out(self);
  }
  unlock(self);
  return linked;
}

static void leave(rouse_wait *wait, unsigned reason) {
  list_waiter *waiter = list_waiter_of(wait);
  if (withdraw(waiter->object, waiter)) parts_remove(&waiter->base, reason);
}
static const struct rouse__foreign foreign = {leave};

// --- waiting -------------------------------------------------------------------------------------

// Puts |waiter| where it belongs.
static void enter(struct object *self, list_waiter *waiter) {
  for (;;) {
    uintptr_t word = EMPTY;
    // ORDER(single): release, our fields; acquire, what earlier wakers did before their wakes.
    if (cas_acq_rel(&self->word, &word, (uintptr_t)waiter)) return;
    lock(self);
    // ORDER(single): acquire, the state before earlier wakes, and the first waiter's fields;
    // release, for a wake that finds MULTI.
    word = add_acq_rel(&self->word, 0);
    if (word != EMPTY) {
      // ORDER(single): as above.
      if (word == MULTI || cas_acq_rel(&self->word, &word, MULTI)) {
        if (word != MULTI) link_in(self, (list_waiter *)word);
        link_in(self, waiter);
        unlock(self);
        return;
      }
    }
    unlock(self);  // the single one has gone meanwhile
  }
}

static int wait_if(void *object, approach_waiter *base, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns) {
  struct object *self = object;
  list_waiter *waiter = (list_waiter *)base;
  waiter->object = self;
  waiter->link = (list_link){NULL, NULL};
  parts_begin(base, &foreign);
  enter(self, waiter);
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

// --- waking --------------------------------------------------------------------------------------

// Takes the single waiter out. True: that was all that there was to do (|*out_waiter| may be NULL).
static bool take_single(struct object *self, list_waiter **out_waiter) {
  // ORDER(single): release, our change of the state, to waiters that register later; acquire, the
  // waiter's fields.
  uintptr_t word = add_acq_rel(&self->word, 0);
  while (word != EMPTY && word != MULTI) {
    // ORDER(single): as above.
    if (cas_acq_rel(&self->word, &word, EMPTY)) {
      *out_waiter = (list_waiter *)word;
      return true;
    }
  }
  *out_waiter = NULL;
  return word == EMPTY;
}

static void wake_one(void *object) {
  struct object *self = object;
  list_waiter *waiter;
  for (;;) {
    if (take_single(self, &waiter)) break;
    lock(self);
    waiter = list_pop(&self->guard);
    if (waiter) linked_out(self);
    unlock(self);
    if (waiter) break;  // else it has become EMPTY or SINGLE meanwhile
  }
  if (waiter) parts_wake(&waiter->base);
}

static void wake_all(void *object) {
  struct object *self = object;
  list_waiter *waiter;
  parts_list woken = {NULL, NULL};
  for (;;) {
    if (take_single(self, &waiter)) {
      if (waiter) parts_list_add(&woken, &waiter->base);
      break;
    }
    lock(self);
    while ((waiter = list_pop(&self->guard))) {
      parts_list_add(&woken, &waiter->base);
      linked_out(self);
    }
    unlock(self);
    if (woken.first) break;
  }
  parts_list_wake(&woken);
}

static uint32_t count(void *object) {
  struct object *self = object;
  uintptr_t word = load_relaxed(&self->word);  // RELAXED: a snapshot
  if (word == EMPTY) return 0;
  return word == MULTI ? load_relaxed(&self->waiting) : 1;  // RELAXED: a snapshot
}

static int block_if(void *object, rouse_condition_fn *condition, void *argument,
                    int64_t deadline_ns) {
  return parts_block_if(&approach_hybrid, object, condition, argument, deadline_ns, NULL);
}

const approach approach_hybrid = {
    .name = "hybrid",
    .title = "hybrid: one word, then a lock",
    .summary = "EMPTY, SINGLE or MULTI: one waiter in a word, more in a list under a small lock",
    .progress = "wait-free with one waiter, else blocking",
#ifdef APPROACHES_HAVE_NSYNC
    .library = "nsync",
#endif
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
