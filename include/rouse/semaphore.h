// A counting semaphore with multi-permit acquire, resizing and close.
//
// 32 bytes. All-zero memory is an open semaphore with no permits, policy ROUSE_FIFO.
//
// ROUSE_FIFO: requests are served in order of arrival. A large request at the head holds back
//   smaller ones behind it, so none starves.
// ROUSE_EVENTUAL: a release leaves the permits free and nudges the head; newcomers may overtake
//   until the head has lost a small fixed number of rounds or has waited a millisecond, both
//   counted when its loop hears the nudge (mutex.h). At most the head's own share is held free for
//   it.
//
// Permits are plain numbers: any thread may release what another acquired, and releases without an
// acquire before (a signal) are allowed.
//
// Algorithm: the combining wait queue of docs/decisions/0001, with the nudges of 0002.
#ifndef ROUSE_SEMAPHORE_H
#define ROUSE_SEMAPHORE_H

#include <rouse/wait.h>

ROUSE_BEGIN_C

// The largest number of permits, of a capacity and of a single request.
#define ROUSE_SEMAPHORE_PERMITS_MAX UINT32_C(4294967295)
#define ROUSE__SEMAPHORE_SHIFT 30

typedef struct rouse_semaphore {
  struct rouse__queue queue;
  rouse__atomic32 capacity, debt;
} rouse_semaphore;

// An open FIFO semaphore with |permits| permits.
#define ROUSE_SEMAPHORE_INIT(permits)                                                              \
  {                                                                                                \
    {{(uint64_t)(permits) << ROUSE__SEMAPHORE_SHIFT}, {0}, NULL}, {(permits)}, { 0 }               \
  }

// Makes |semaphore| an open semaphore with |permits| permits free, and that capacity.
//
// |permits|  0 .. ROUSE_SEMAPHORE_PERMITS_MAX.
// |policy|   ROUSE_POLICY_DEFAULT (ROUSE_FIFO), ROUSE_FIFO or ROUSE_EVENTUAL.
//
// Returns ROUSE_DONE, or ROUSE_EINVAL for another policy.
// Ownership: the caller's memory; there is nothing to finish. Threads: one, before any other use.
ROUSE_API int rouse_semaphore_init(rouse_semaphore *semaphore, uint32_t permits,
                                   rouse_policy policy);

// Acquires |permits|, waiting as long as it takes. All or nothing.
//
// |permits|  1 .. ROUSE_SEMAPHORE_PERMITS_MAX; may be more than the capacity (an add may come).
//
// Returns ROUSE_DONE (the permits are the caller's), ROUSE_ECLOSED, ROUSE_ECANCELED (the task was
//   cancelled), ROUSE_EINVAL (0 permits), or ROUSE_EDEADLK (called from a callback of a loop; debug
//   builds abort), ROUSE_EFORKED (wait.h). With anything but ROUSE_DONE nothing was taken.
// Threads: any task or plain thread. Uncontended: one compare-and-swap. Allocates nothing.
// Ordering: a grant happens after the releases that supplied it.
ROUSE_API int rouse_semaphore_acquire(rouse_semaphore *semaphore, uint32_t permits);

// As rouse_semaphore_acquire(), and gives up at |deadline_ns|: ROUSE_ETIMEDOUT, nothing taken.
//
// |deadline_ns|  Absolute, monotonic. ROUSE_FOREVER never passes; one already past makes this a
//                try, in tasks and on plain threads: elsewhere see wait.h.
ROUSE_API int rouse_semaphore_acquire_until(rouse_semaphore *semaphore, uint32_t permits,
                                            int64_t deadline_ns);

// Acquires |permits| if that takes no waiting and overtakes nobody whom the policy protects.
//
// Returns ROUSE_DONE, ROUSE_EAGAIN (not now), ROUSE_ECLOSED, or ROUSE_EINVAL (0 permits).
// Threads: any, callbacks too. Never blocks.
ROUSE_API int rouse_semaphore_try_acquire(rouse_semaphore *semaphore, uint32_t permits);

// Acquires |permits| from |semaphore|: now, or by completing |wait| later.
//
// Returns ROUSE_DONE (taken, no callback), ROUSE_PENDING (callback exactly once), or
//   ROUSE_ETIMEDOUT, ROUSE_ECLOSED, ROUSE_EINVAL (nothing taken, no callback).
// Completion: on the wait's loop; ROUSE_DONE, or ROUSE_ECLOSED, ROUSE_ETIMEDOUT, ROUSE_ECANCELED.
// Cancellation: gives up the place. If a grant wins the race the permits are the caller's.
// Ownership: see wait.h. Threads: the thread of the wait's loop. Never blocks, allocates nothing.
// Ordering: a grant happens after the releases that supplied it.
ROUSE_API int rouse_semaphore_acquire_start(rouse_semaphore *semaphore, rouse_wait *wait,
                                            uint32_t permits, int64_t deadline_ns);

// Gives |permits| back, or makes new ones: capacity does not change. Allowed after close, too.
//
// |permits|  0 .. ROUSE_SEMAPHORE_PERMITS_MAX. 0 does nothing.
//
// Returns ROUSE_DONE, or ROUSE_EOVERFLOW: more than ROUSE_SEMAPHORE_PERMITS_MAX would be free
//   (grants that are being handed out at this moment still count as free); nothing changed.
// The library touches |semaphore| no more once a waiter can observe the effect. Takes time for
// each waiter that it serves.
// Threads: any. Takes no mutex, allocates nothing, never blocks.
ROUSE_API int rouse_semaphore_release(rouse_semaphore *semaphore, uint32_t permits);

// Raises the capacity by |permits| and makes them free.
//
// Returns ROUSE_DONE, or ROUSE_EOVERFLOW (the capacity or the free permits would pass the maximum;
//   nothing changed). If another add takes the last of the capacity at the same moment, the permits
//   may have been free for an instant; they are taken back like those of a reduce.
// The caller keeps |semaphore| alive during the call. Threads: any. Never blocks.
ROUSE_API int rouse_semaphore_add(rouse_semaphore *semaphore, uint32_t permits);

// Lowers the capacity by |permits|, exactly and at once. Permits that are held can't be taken away:
// they become a debt that the next releases pay before anybody is granted anything.
//
// Returns ROUSE_DONE, or ROUSE_EINVAL: |permits| is more than the capacity; nothing changed.
// The caller keeps |semaphore| alive during the call. Threads: any. Never blocks.
ROUSE_API int rouse_semaphore_reduce(rouse_semaphore *semaphore, uint32_t permits);

// Adds or reduces so that the capacity becomes |permits|.
// Returns ROUSE_DONE or ROUSE_EOVERFLOW, as rouse_semaphore_add(). Threads: any. Never blocks.
ROUSE_API int rouse_semaphore_set_capacity(rouse_semaphore *semaphore, uint32_t permits);

// Closes |semaphore| for ever: all waiters end with ROUSE_ECLOSED, and so does every later acquire.
// Permits may still be released. Closing again does nothing. A waiter that has ended may free
// |semaphore|; who was refused at once may not before this call has returned. Takes time for each
// waiter. Threads: any. Never blocks.
ROUSE_API void rouse_semaphore_close(rouse_semaphore *semaphore);

// Whether |semaphore| is closed. Threads: any.
ROUSE_API bool rouse_semaphore_is_closed(const rouse_semaphore *semaphore);

// The permits that are free: negative while a debt of that size is being paid. A snapshot. Threads:
// any.
ROUSE_API int64_t rouse_semaphore_available(const rouse_semaphore *semaphore);

// The capacity: the initial permits, plus those added, less those reduced. A snapshot. Threads:
// any.
ROUSE_API uint32_t rouse_semaphore_capacity(const rouse_semaphore *semaphore);

// The permits that are held: capacity less available, never below 0. A snapshot of two words: exact
// while nobody adds or reduces at the same time. Threads: any.
ROUSE_API uint32_t rouse_semaphore_in_use(const rouse_semaphore *semaphore);

ROUSE_END_C
#endif
