// A mutual exclusion lock for tasks, callbacks and plain threads alike.
//
// 24 bytes. All-zero memory is an unlocked mutex of the default policy, ROUSE_EVENTUAL.
//
// ROUSE_EVENTUAL: an unlock leaves the mutex free and nudges the first waiter; newcomers may
//   overtake until the first waiter has lost a small fixed number of rounds or has waited a
//   millisecond; then the mutex is handed to it. No waiter starves, and a hot mutex stays hot. The
//   rounds and the time are counted when the first waiter's loop hears the nudge: as long as that
//   loop is kept busy, newcomers go on overtaking.
// ROUSE_FIFO: an unlock hands the mutex to the first waiter. Fair at every single step, and slower
//   under contention, for every hand-off has to reach the waiter's loop first.
//
// Not recursive: locking a mutex that the caller holds waits for ever. It belongs to no thread: any
// task or thread may unlock what another has locked.
//
// Algorithm: the combining wait queue of docs/decisions/0001, with the nudges of 0002.
#ifndef ROUSE_MUTEX_H
#define ROUSE_MUTEX_H

#include <rouse/wait.h>

ROUSE_BEGIN_C

typedef struct rouse_mutex {
  struct rouse__queue queue;
} rouse_mutex;

#define ROUSE_MUTEX_INIT                                                                           \
  {                                                                                                \
    { {0}, {0}, NULL }                                                                             \
  }

// Makes |mutex| an unlocked mutex.
//
// |policy|  ROUSE_POLICY_DEFAULT (ROUSE_EVENTUAL), ROUSE_EVENTUAL or ROUSE_FIFO.
//
// Returns ROUSE_DONE, or ROUSE_EINVAL for another policy.
// Ownership: the caller's memory; there is nothing to finish. Threads: one, before any other use.
ROUSE_API int rouse_mutex_init(rouse_mutex *mutex, rouse_policy policy);

// Locks |mutex|, waiting as long as it takes. The calling task is suspended; a plain thread sleeps.
//
// Returns ROUSE_DONE (held), ROUSE_ECANCELED (the task was cancelled; not held), or ROUSE_EDEADLK
//   (called from a callback of a loop, which may not block; debug builds abort); ROUSE_EFORKED: see
//   wait.h.
// Threads: any task or plain thread. Uncontended: one compare-and-swap. Allocates nothing.
// Ordering: a lock happens after the unlock before it.
ROUSE_API int rouse_mutex_lock(rouse_mutex *mutex);

// As rouse_mutex_lock(), and gives up at |deadline_ns|: ROUSE_ETIMEDOUT, not held.
//
// |deadline_ns|  Absolute, monotonic. ROUSE_FOREVER never passes; one already past makes this a
//                try, in tasks and on plain threads: elsewhere see wait.h.
ROUSE_API int rouse_mutex_lock_until(rouse_mutex *mutex, int64_t deadline_ns);

// Locks |mutex| if that takes no waiting. Returns true: held.
// Threads: any, callbacks too. Never blocks.
ROUSE_API bool rouse_mutex_try_lock(rouse_mutex *mutex);

// Locks |mutex|: now, or by completing |wait| later.
//
// Returns ROUSE_DONE (held, no callback), ROUSE_PENDING (callback exactly once), or ROUSE_ETIMEDOUT
//   (the deadline has passed already; nothing queued).
// Completion: on the wait's loop; ROUSE_DONE (held), ROUSE_ETIMEDOUT or ROUSE_ECANCELED (not held).
// Ownership: see wait.h. Threads: the thread of the wait's loop. Never blocks, allocates nothing.
// Ordering: a lock happens after the unlock before it.
ROUSE_API int rouse_mutex_lock_start(rouse_mutex *mutex, rouse_wait *wait, int64_t deadline_ns);

// Unlocks |mutex|, which must be locked (debug builds abort otherwise).
//
// The library touches |mutex| no more once another can lock it: whoever knows itself the last user
// may free it right after its own unlock, while others are still returning from theirs.
// Threads: any. Takes no mutex, allocates nothing, never blocks.
ROUSE_API void rouse_mutex_unlock(rouse_mutex *mutex);

// Whether |mutex| is locked at this moment. For diagnostics: it may change at once. Threads: any.
ROUSE_API bool rouse_mutex_is_locked(const rouse_mutex *mutex);

ROUSE_END_C
#endif
