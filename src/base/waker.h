// The wake hook of a wait: all that the synchronization core knows about who waits.
//
// A waker stands for one place where completions are delivered: a loop, or a parked plain thread.
// It is the first member of that object. The core hands it finished (or nudged) waits; it hands
// each of them to rouse__wait_arrived() on its own thread, and runs the callback of those that are
// complete.
#ifndef ROUSE_BASE_WAKER_H
#define ROUSE_BASE_WAKER_H

#include <rouse/wait.h>

// What a wait waits for. Kinds up to ROUSE__KIND_QUEUED are places in a combining queue.
enum rouse__kind {
  ROUSE__KIND_MUTEX,
  ROUSE__KIND_SEMAPHORE,
  ROUSE__KIND_EVENT,
  ROUSE__KIND_WAITQUEUE,
  ROUSE__KIND_QUEUED = ROUSE__KIND_WAITQUEUE,
  ROUSE__KIND_FOREIGN,  // a place in a queue that is not the core's: see struct rouse__foreign
  ROUSE__KIND_POST,     // nothing: a message to a loop, complete on arrival
  ROUSE__KIND_TASK,     // nothing: the task it is part of is to run
  ROUSE__KIND_TIMER,    // only its deadline
  ROUSE__KIND_IO,       // a backend's operation
};

// rouse_wait.outcome, low half; the high half is the core's.
enum rouse__outcome {
  ROUSE__OUTCOME_PENDING,
  ROUSE__OUTCOME_GRANTED,
  ROUSE__OUTCOME_REMOVED,  // cancelled, timed out, or "again": the refs say which
  ROUSE__OUTCOME_CLOSED,
};

// rouse_wait.refs: a count, and why the wait was asked to leave.
enum {
  ROUSE__REFS = 0xff,
  ROUSE__CANCEL_ASKED = 0x100,  // some request was made, whatever its reason
  ROUSE__CANCEL_TIMEOUT = 0x200,
  ROUSE__CANCEL_AGAIN = 0x400,
};

struct rouse__blocked;

// What a queue that is not the core's gives for its waits. It sets wait->kind to FOREIGN, points
// wait->queue here, leaves wait->refs at 0 meanwhile, and hands the wait to its waker when
// wait->outcome (and, for REMOVED, the reason in wait->refs) is written.
struct rouse__foreign {
  // Any thread. Ends |wait| for |reason| (CANCEL_ASKED with the reason's bit), unless it has ended
  // or been asked to already.
  void (*leave)(rouse_wait *wait, unsigned reason);
};

struct rouse__waker_ops {
  // Any thread. Takes the chain first ..= last (by |link|; last->link is the waker's to write).
  void (*wake)(struct rouse__waker *waker, rouse_wait *first, rouse_wait *last);
  // Any thread. A cancel request for a wait that is in no queue (TIMER, IO). |reason| is
  // CANCEL_ASKED with the reason's bit.
  void (*cancel)(struct rouse__waker *waker, rouse_wait *wait, unsigned reason);
  // Own thread. Expires |wait| at wait->deadline_ns.
  void (*arm)(struct rouse__waker *waker, rouse_wait *wait);
  // Own thread. Suspends the calling task or thread until blocked->wait is complete.
  void (*block)(struct rouse__waker *waker, struct rouse__blocked *blocked);
  // Own thread. 0, or why the caller may not wait now: ROUSE_ECANCELED, ROUSE_EDEADLK.
  int (*may_block)(struct rouse__waker *waker);
  // Own thread. The caller has run through its budget of calls that did not wait: let others run.
  void (*yield)(struct rouse__waker *waker);
};

struct rouse__waker {
  const struct rouse__waker_ops *ops;  // what other threads read, on a line that is not written
  _Alignas(64) int64_t now_ns;         // own thread: a recent reading of the clock
  int64_t pending;                     // own thread: waits started and not delivered
};

// The wait of a task or thread that waits inside a call.
struct rouse__blocked {
  _Alignas(64) rouse_wait wait;
  void *owner;  // the task
};

// The waker of the calling thread: its loop's, or else the one that parks the thread. Never NULL.
struct rouse__waker *rouse__waker_here(void);

// --- for primitives ------------------------------------------------------------------------------

// Counts the calls of a task; when they are many in a row it lets others run. At the start of each
// call that may wait, while nothing is held by it yet.
extern _Thread_local int32_t rouse__inline_budget;
void rouse__inline_budget_spent(void);
// Uses one call of the budget; false: nothing was left.
static inline bool rouse__inline_budget_left(void) { return --rouse__inline_budget >= 0; }
static inline void rouse__inline_budget_use(void) {
  if (__builtin_expect(--rouse__inline_budget < 0, 0)) rouse__inline_budget_spent();
}

// Prepares |blocked| for a start call. 0, or why the caller may not wait.
int rouse__block_begin(struct rouse__blocked *blocked);
// Ends what a start call returned |started| for: waits if that was ROUSE_PENDING. The result.
int rouse__block_end(struct rouse__blocked *blocked, int started);

// Whether |deadline_ns| has passed.
static inline bool rouse__deadline_passed(int64_t deadline_ns) {
  return deadline_ns != ROUSE_FOREVER && deadline_ns <= rouse_now_ns();
}

// --- for wakers, on their own thread -------------------------------------------------------------

// |wait| has arrived: complete (true), or only nudged and still waiting (false).
bool rouse__wait_arrived(rouse_wait *wait);
// The result of a complete wait of a queued kind or TIMER.
int rouse__wait_result(const rouse_wait *wait);
// Asks |wait| to leave, for |reason| (CANCEL_ASKED and perhaps one of the others).
void rouse__wait_leave(rouse_wait *wait, unsigned reason);
// The clock as kept in rouse_wait.started: units of 65.5 µs, modulo 2^16.
static inline uint16_t rouse__wait_clock(int64_t now_ns) { return (uint16_t)(now_ns >> 16); }

#endif
