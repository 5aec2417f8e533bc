// A queue of waiters for building one's own primitives: state lives with the user, waiting lives
// here.
//
// 32 bytes. All-zero memory is an empty queue.
//
// The pattern: change the state (an atomic, say), then wake. A waiter passes the condition under
// which it has to wait; the condition is checked atomically against wakes: a waiter is queued only
// if its condition held at a moment after which no wake was made. So no wake is lost, and the waker
// needs no lock. Wakes are not remembered: a wake with nobody queued does nothing.
//
// Algorithm: the combining wait queue of docs/decisions/0001; wakes are numbered, see
// src/sync/waitqueue.c.
#ifndef ROUSE_WAITQUEUE_H
#define ROUSE_WAITQUEUE_H

#include <rouse/wait.h>

ROUSE_BEGIN_C

typedef struct rouse_waitqueue {
  struct rouse__queue queue;
  rouse__atomic32 waiters;
  uint32_t owed;
} rouse_waitqueue;

#define ROUSE_WAITQUEUE_INIT                                                                       \
  { {{0}, {0}, NULL}, {0}, 0 }

// Whether to wait. Runs in the thread that waits, perhaps several times; it must not block and must
// not use the same queue. Loads of the user's state in it may be relaxed: they come after the
// queue's own acquire, which pairs with the wake.
typedef bool rouse_condition_fn(void *argument);

// Makes |queue| an empty queue. There is nothing to finish. Threads: one, before any other use.
ROUSE_API void rouse_waitqueue_init(rouse_waitqueue *queue);

// Waits until woken, unless |condition| says that there is nothing to wait for.
//
// |condition|  NULL: always wait.
//
// Returns ROUSE_DONE (woken: look at the state again), ROUSE_EAGAIN (the condition was false: did
//   not wait), ROUSE_ECANCELED (the task was cancelled), or ROUSE_EDEADLK (called from a callback
//   of a loop; debug builds abort), ROUSE_EFORKED (wait.h). These three before the condition is
//   looked at.
// Threads: any task or plain thread. Allocates nothing.
// Ordering: what the waker did before its wake happens before the return, and before a check of the
//   condition that keeps the caller from waiting because of that wake.
ROUSE_API int rouse_waitqueue_wait_if(rouse_waitqueue *queue, rouse_condition_fn *condition,
                                      void *argument);

// As rouse_waitqueue_wait_if(), and gives up at |deadline_ns|: ROUSE_ETIMEDOUT.
ROUSE_API int rouse_waitqueue_wait_if_until(rouse_waitqueue *queue, rouse_condition_fn *condition,
                                            void *argument, int64_t deadline_ns);

// As above, by completing |wait| later.
//
// Returns ROUSE_PENDING (callback exactly once), ROUSE_EAGAIN (the condition was false), or
//   ROUSE_ETIMEDOUT; ROUSE_DONE if a wake came while the call was still queueing.
// Completion: on the wait's loop; ROUSE_DONE (woken), ROUSE_EAGAIN (a wake came between the check
//   of the condition and the queueing, and took no other: look at the state again), ROUSE_ETIMEDOUT
//   or ROUSE_ECANCELED.
// Ownership: see wait.h. Threads: the thread of the wait's loop. Never blocks, allocates nothing.
ROUSE_API int rouse_waitqueue_wait_if_start(rouse_waitqueue *queue, rouse_wait *wait,
                                            rouse_condition_fn *condition, void *argument,
                                            int64_t deadline_ns);

// Wakes the one who has waited longest. Threads: any. Never blocks.
// The library touches |queue| no more once the woken can observe the effect.
ROUSE_API void rouse_waitqueue_wake_one(rouse_waitqueue *queue);

// Wakes up to |count| waiters, longest first. 65536 and more wakes all. 0 wakes none. Takes
// time for each waiter that it wakes. Threads: any. Never blocks.
ROUSE_API void rouse_waitqueue_wake(rouse_waitqueue *queue, uint32_t count);

// Wakes everybody who waits now. Whoever comes later, or waits again, is not woken by it.
// Threads: any. Never blocks.
ROUSE_API void rouse_waitqueue_wake_all(rouse_waitqueue *queue);

// How many waiters are queued. A snapshot; those being queued or woken at this moment may or may
// not count. Threads: any.
ROUSE_API uint32_t rouse_waitqueue_count(const rouse_waitqueue *queue);

ROUSE_END_C
#endif
