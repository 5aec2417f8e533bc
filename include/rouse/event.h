// An event: a flag that can be waited for.
//
// 32 bytes. All-zero memory is an unset manual-reset event.
//
// Manual reset: a set releases everybody who waits, and everybody who comes, until a reset. A set
//   that is followed at once by a reset is a pulse: it releases all who waited before the set,
//   whatever the timing, and nobody who comes after the reset.
// Automatic reset: a set releases one waiter, in order of arrival, or is remembered (once) for the
//   next who comes. Two sets with two waiters queued release both.
//
// Algorithm: the combining wait queue of docs/decisions/0001; sets are numbered, see
// src/sync/event.c.
#ifndef ROUSE_EVENT_H
#define ROUSE_EVENT_H

#include <rouse/wait.h>

ROUSE_BEGIN_C

typedef enum rouse_event_mode {
  ROUSE_EVENT_MANUAL = 0,
  ROUSE_EVENT_AUTO = 1,
} rouse_event_mode;

typedef struct rouse_event {
  struct rouse__queue queue;
  rouse__atomic32 waiters;
  uint32_t owed;
} rouse_event;

// An unset manual-reset event.
#define ROUSE_EVENT_INIT                                                                           \
  { {{0}, {0}, NULL}, {0}, 0 }

// Makes |event| an event that is unset, or set if |set|.
//
// |mode|  ROUSE_EVENT_MANUAL or ROUSE_EVENT_AUTO.
//
// Returns ROUSE_DONE, or ROUSE_EINVAL for another mode.
// Ownership: the caller's memory; there is nothing to finish. Threads: one, before any other use.
ROUSE_API int rouse_event_init(rouse_event *event, rouse_event_mode mode, bool set);

// Sets |event|: see the top. Setting a set event changes nothing.
// The library touches |event| no more once a waiter can observe the effect.
// Threads: any. Takes no mutex, allocates nothing, never blocks.
// Ordering: everything before a set happens before what follows a wait that it released.
ROUSE_API void rouse_event_set(rouse_event *event);

// Unsets |event|. Waiters that a set has released already stay released.
// The caller keeps |event| alive during the call. Threads: any. Never blocks.
ROUSE_API void rouse_event_reset(rouse_event *event);

// Whether a wait would succeed at this moment without waiting. Takes nothing. Threads: any.
// Ordering: true happens after the set that made it so.
ROUSE_API bool rouse_event_is_set(const rouse_event *event);

// Waits for |event|, as long as it takes. Automatic reset: takes the set.
//
// Returns ROUSE_DONE, ROUSE_ECANCELED (the task was cancelled), or ROUSE_EDEADLK (called from a
//   callback of a loop; debug builds abort), ROUSE_EFORKED (wait.h).
// Threads: any task or plain thread. If set: one load (manual), one compare-and-swap (automatic).
ROUSE_API int rouse_event_wait(rouse_event *event);

// As rouse_event_wait(), and gives up at |deadline_ns|: ROUSE_ETIMEDOUT.
//
// |deadline_ns|  Absolute, monotonic. ROUSE_FOREVER never passes; one already past makes this a
//                try, in tasks and on plain threads: elsewhere see wait.h.
ROUSE_API int rouse_event_wait_until(rouse_event *event, int64_t deadline_ns);

// Takes the event if it is set: returns true, and unsets it if it resets automatically.
// Threads: any, callbacks too. Never blocks.
ROUSE_API bool rouse_event_try_wait(rouse_event *event);

// Waits for |event|: now, or by completing |wait| later.
//
// Returns ROUSE_DONE (no callback), ROUSE_PENDING (callback exactly once), or ROUSE_ETIMEDOUT.
// Completion: on the wait's loop; ROUSE_DONE, ROUSE_ETIMEDOUT or ROUSE_ECANCELED.
// Cancellation: a set that has been given to |wait| is reported, never lost.
// Ownership: see wait.h. Threads: the thread of the wait's loop. Never blocks, allocates nothing.
ROUSE_API int rouse_event_wait_start(rouse_event *event, rouse_wait *wait, int64_t deadline_ns);

// How many waiters are queued. A snapshot; those being queued or released at this moment may or may
// not count. Threads: any.
ROUSE_API uint32_t rouse_event_waiter_count(const rouse_event *event);

ROUSE_END_C
#endif
