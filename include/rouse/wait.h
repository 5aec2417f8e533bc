// A wait: one pending operation, in memory that the caller owns.
//
// A wait is started by a *_start function on the thread of its loop, and completes exactly once,
// on that same thread, by a call of its callback. Between the two its memory belongs to the
// library: it must not be moved, freed or started again. After the callback was entered it is the
// caller's again, and may be started anew from inside the callback.
//
// The contract of every *_start function:
//   1. It returns ROUSE_DONE (finished; no callback), ROUSE_PENDING (the callback will run exactly
//      once) or a failure (nothing queued; no callback). It never runs the callback itself.
//   2. The callback gets one result: ROUSE_DONE, ROUSE_ECLOSED, ROUSE_ETIMEDOUT or ROUSE_ECANCELED
//      (I/O: see io.h). With anything but ROUSE_DONE the caller holds nothing. A cancel or a
//      deadline that loses the race against a grant reports the grant: nothing granted is ever
//      lost.
//   3. Completions are delivered from the loop, never inside the call that caused them.
//
// Tasks and plain threads do not need this type: functions without _start wait by themselves. What
// they have in common besides:
//   * In a callback, and on a thread that has a loop but is in none of its tasks, there is no way
//     to wait. Where they would have to, debug builds abort, and others return ROUSE_EDEADLK; a
//     deadline that has passed does not change that. For trying there are functions named so.
//   * In a child process that a task has made by fork() its loop is not there: where it would have
//     to wait it gets ROUSE_EFORKED.
//   * A task that was cancelled, and is not shielded, gets ROUSE_ECANCELED where it would have to
//     wait. Mutex, semaphore, event and join look first, and give what can be had without waiting;
//     rouse_waitqueue_wait_if(), sleeps, blocking calls and operations (io.h) refuse in any case.
//     So they do for the two reasons above.
#ifndef ROUSE_WAIT_H
#define ROUSE_WAIT_H

#include <rouse/api.h>
#include <rouse/clock.h>
#include <rouse/errors.h>

ROUSE_BEGIN_C

typedef struct rouse_loop rouse_loop;
typedef struct rouse_wait rouse_wait;

// Runs on the wait's loop when |wait| has completed. |result| as above. It must not block.
typedef void rouse_wait_fn(rouse_wait *wait, int result);

// How an object orders its waiters. Chosen when the object is initialised.
typedef enum rouse_policy {
  ROUSE_POLICY_DEFAULT = 0,  // the object's own default: see its header
  ROUSE_FIFO = 1,            // strict hand-off in order of arrival
  ROUSE_EVENTUAL = 2,        // newcomers may overtake for a bounded time: faster when contended
} rouse_policy;

struct rouse__waker;

// The combining wait queue inside every object. Private; all-zero is an empty queue.
struct rouse__queue {
  rouse__atomic64 word;
  rouse__atomic_pointer inbox;
  rouse_wait *head;
};

// All fields are private. 96 bytes on 64-bit systems. All-zero before rouse_wait_init() is not
// needed. Aligned to 8 bytes everywhere: the low three bits of its address serve as flags.
// What another thread touches comes first: aligned to 64 bytes, a wait costs it one cache line.
struct rouse_wait {
  rouse_wait *link __attribute__((aligned(8)));
  struct rouse__waker *waker;
  rouse_wait *next, *previous;
  uint64_t demand;
  rouse__atomic16 refs;
  uint16_t started;
  uint8_t kind, outcome, flags, rounds;
  struct rouse__queue *queue;
  rouse_wait_fn *callback;
  uintptr_t cancel_link;
  rouse_wait *timer_next, **timer_at;
  int64_t deadline_ns;
};

// Prepares |wait| for *_start calls: completions run |callback| on |loop|.
//
// |loop|      NULL: the loop that the calling thread runs (there must be one).
// |callback|  Not NULL.
//
// Needed once; a wait may be started again after each completion.
// Ownership: the caller owns |wait|; |loop| must outlive it. Threads: any that owns |wait|.
ROUSE_API void rouse_wait_init(rouse_wait *wait, rouse_loop *loop, rouse_wait_fn *callback);

// Asks that |wait| end soon with ROUSE_ECANCELED. A request: a result that is decided already
// stays. The completion is still delivered, exactly once, by the loop. Calling it again changes
// nothing.
//
// |wait|  A wait whose *_start returned ROUSE_PENDING and whose callback has not been entered. On
//         the wait's own loop that is all. From another thread it is the caller who must see to it
//         that the completion is not delivered (and the memory reused) before this call has
//         returned.
//
// Threads: any. Takes no mutex, allocates nothing, never blocks.
ROUSE_API void rouse_wait_cancel(rouse_wait *wait);

// Completes |wait| with ROUSE_ETIMEDOUT at |deadline_ns|: a timer.
//
// Algorithm: a hierarchical timing wheel, see src/runtime/timer.c and docs/decisions/0005. All
// deadlines are rounded up to its ticks of 1,024 ns.
//
// |deadline_ns|  Absolute, monotonic. One already past completes as soon as the loop runs.
//
// Returns ROUSE_PENDING. ROUSE_ENOLOOP if |wait| does not belong to a loop.
// Completion: ROUSE_ETIMEDOUT, or ROUSE_ECANCELED after rouse_wait_cancel().
// Threads: the thread of the wait's loop. Takes no mutex, allocates nothing.
ROUSE_API int rouse_wait_timer_start(rouse_wait *wait, int64_t deadline_ns);

ROUSE_END_C
#endif
