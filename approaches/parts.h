// What the approaches share, so that only their queues differ: the life of a wait between its queue
// and its waker, batches of wakes, the form that waits inside a call, memory that is counted.
//
// A wait of an approach is of kind FOREIGN to the runtime (base/waker.h): deadlines, cancelled
// tasks and rouse_wait_cancel() all come to the approach's |leave|.
//
//   own thread                          any thread
//   parts_begin()                       (nothing: not queued yet)
//   ... into the queue ...              out of the queue, by exactly one: then
//   parts_pending(): deadline armed       parts_wake() or parts_remove(): result, hand to the waker
//   callback or return, with the result
//
// Who takes a wait out of the queue owns it until the waker has it; nobody touches it after that.
#ifndef APPROACHES_PARTS_H
#define APPROACHES_PARTS_H

#include "approach.h"
#include "base/assert.h"
#include "base/atomics.h"
#include "base/waker.h"

extern const approach approach_mutex_deque, approach_hybrid, approach_lockfree_queue,
    approach_intrusive_locked, approach_event_listener, approach_atomic_waker,
    approach_single_thread, approach_uring_futex, approach_iocp_event, approach_segment_queue,
    approach_rouse;

// --- memory --------------------------------------------------------------------------------------

// Zeroed, aligned to 64 bytes; NULL if there is none.
void *approach_allocate(size_t size);
void approach_free(void *memory);

extern _Thread_local approach_counts approach_counts_here;
// A lock whose inside is not counted was taken.
#ifdef APPROACHES_COUNTED
#define parts_count_lock() ((void)approach_counts_here.locks++)
#else
#define parts_count_lock() ((void)0)
#endif

// --- one wait ------------------------------------------------------------------------------------

static inline approach_waiter *parts_waiter_of(rouse_wait *wait) {
  return ROUSE__CONTAINER(wait, approach_waiter, wait);
}

// Before |waiter| goes into a queue.
static inline void parts_begin(approach_waiter *waiter, const struct rouse__foreign *foreign) {
  rouse_wait *wait = &waiter->wait;
  wait->kind = ROUSE__KIND_FOREIGN;
  wait->queue = (struct rouse__queue *)(uintptr_t)foreign;
  wait->outcome = ROUSE__OUTCOME_PENDING;
  store_relaxed(&wait->refs, 0);  // RELAXED: published by the queue
}

// After it: what wait_if returns. Whoever takes the waiter out meanwhile touches none of this.
static inline int parts_pending(approach_waiter *waiter, int64_t deadline_ns) {
  rouse_wait *wait = &waiter->wait;
  wait->waker->pending++;
  wait->deadline_ns = deadline_ns;
  wait->timer_at = NULL;
  if (deadline_ns != ROUSE_FOREVER) wait->waker->ops->arm(wait->waker, wait);
  return ROUSE_PENDING;
}

static inline void parts_send(rouse_wait *wait) { wait->waker->ops->wake(wait->waker, wait, wait); }

// |waiter| is out of its queue, because of a wake.
static inline void parts_wake(approach_waiter *waiter) {
  waiter->wait.outcome = ROUSE__OUTCOME_GRANTED;
  parts_send(&waiter->wait);
}

static inline void parts_set_removed(approach_waiter *waiter, unsigned reason) {
  waiter->wait.outcome = ROUSE__OUTCOME_REMOVED;
  store_relaxed(&waiter->wait.refs, (uint16_t)reason);  // RELAXED: handed over by the waker
}

// |waiter| is out of its queue, because it was asked to leave for |reason|.
static inline void parts_remove(approach_waiter *waiter, unsigned reason) {
  parts_set_removed(waiter, reason);
  parts_send(&waiter->wait);
}

// --- many ----------------------------------------------------------------------------------------

// Woken waiters on their way: neighbours of one waker go as one chain, with one doorbell at most.
typedef struct parts_batch {
  rouse_wait *first, *last;
} parts_batch;

static inline void parts_batch_send(parts_batch *batch) {
  rouse_wait *first = batch->first;
  batch->first = NULL;
  if (first) first->waker->ops->wake(first->waker, first, batch->last);
}

static inline void parts_batch_add(parts_batch *batch, approach_waiter *waiter) {
  rouse_wait *wait = &waiter->wait;
  wait->outcome = ROUSE__OUTCOME_GRANTED;
  if (batch->first && batch->first->waker != wait->waker) parts_batch_send(batch);
  if (batch->first) {
    batch->last->link = wait;
  } else {
    batch->first = wait;
  }
  batch->last = wait;
}

// A list of woken waiters, by |next|, for a queue that must be left before any of them is sent.
typedef struct parts_list {
  rouse_wait *first, *last;
} parts_list;

static inline void parts_list_add(parts_list *list, approach_waiter *waiter) {
  rouse_wait *wait = &waiter->wait;
  wait->next = NULL;
  if (list->first) {
    list->last->next = wait;
  } else {
    list->first = wait;
  }
  list->last = wait;
}

static inline void parts_list_wake(const parts_list *list) {
  parts_batch batch = {NULL, NULL};
  for (rouse_wait *wait = list->first, *next; wait; wait = next) {
    next = wait->next;  // before the batch may be on its way
    parts_batch_add(&batch, parts_waiter_of(wait));
  }
  parts_batch_send(&batch);
}

// --- waiting inside a call -----------------------------------------------------------------------

// approach.block_if by way of its wait_if. |delivered| (may be NULL) is called for each wait that
// was queued, after its end, as a callback would be.
int parts_block_if(const approach *approach, void *object, rouse_condition_fn *condition,
                   void *argument, int64_t deadline_ns, void (*delivered)(approach_waiter *));

// approach.cancel of those whose waits know their object.
void parts_cancel(void *object, approach_waiter *waiter);

static inline bool parts_unwanted(rouse_condition_fn *condition, void *argument) {
  return condition && !condition(argument);
}

// The deadline has passed already: wait_if is a look at the condition.
static inline bool parts_late(int64_t deadline_ns) { return rouse__deadline_passed(deadline_ns); }

static inline const char *parts_available(void) { return NULL; }

#endif
