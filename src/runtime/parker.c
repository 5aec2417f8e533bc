// The waker of a plain thread: it parks on a word of its own.
//
//   state:  EMPTY --about to sleep--> SLEEPING --woken--> NOTIFIED --taken--> EMPTY
//           EMPTY --woken---------------------------------^
//
// A thread waits for one wait at a time, and for that at most one message is under way: a nudge, or
// the completion (a nudge under way holds a reference, so the completion comes after it). So one
// word is enough, and each NOTIFIED is exactly one arrival.
//
// The waker's last access is the swap; the system call after it uses the address only.
#include "runtime/loop_internal.h"

enum { EMPTY, NOTIFIED, SLEEPING };
enum { SPINS = 200 };

struct parker {
  struct rouse__waker waker;
  rouse__atomic32 state;
};

static struct parker *parker_of(struct rouse__waker *waker) {
  return ROUSE__CONTAINER(waker, struct parker, waker);
}

// A chain for one thread is one wait: it has no other.
static void wake(struct rouse__waker *waker, rouse_wait *first, rouse_wait *last) {
  ROUSE__ASSERT(first == last, "a parked thread was woken for two waits");
  (void)first;
  (void)last;
  if (rouse__loop_here) rouse__loop_here->stats.wakes++;
  struct parker *parker = parker_of(waker);
  // ORDER(park): release, all before the wake, to the thread's swap or load.
  if (swap_acq_rel(&parker->state, NOTIFIED) == SLEEPING) rouse__unpark(&parker->state);
}

static bool notified(struct parker *parker) {
  // ORDER(park): acquire, what came before the wake.
  if (load_acquire(&parker->state) != NOTIFIED) return false;
  store_relaxed(&parker->state, EMPTY);  // RELAXED: no other message is under way
  return true;
}

// Sleeps until the next message, or |deadline_ns|: false.
static bool await_message(struct parker *parker, int64_t deadline_ns) {
  for (int i = 0; i < SPINS; i++) {
    if (notified(parker)) return true;
    rouse__pause();
  }
  uint32_t empty = EMPTY;
  // RELAXED: nothing is published by going to sleep; a waker's swap sees SLEEPING or comes first.
  if (!cas_relaxed(&parker->state, &empty, SLEEPING)) return notified(parker);
  for (;;) {
    rouse__park(&parker->state, SLEEPING, deadline_ns);
    if (notified(parker)) return true;
    if (!rouse__deadline_passed(deadline_ns)) continue;
    uint32_t sleeping = SLEEPING;
    // RELAXED: as above.
    return !cas_relaxed(&parker->state, &sleeping, EMPTY) && notified(parker);
  }
}

static void block(struct rouse__waker *waker, struct rouse__blocked *blocked) {
  struct parker *parker = parker_of(waker);
  rouse_wait *wait = &blocked->wait;
  int64_t deadline_ns = wait->deadline_ns;
  for (;;) {
    if (!await_message(parker, deadline_ns)) {
      deadline_ns = ROUSE_FOREVER;
      rouse__wait_leave(wait, ROUSE__CANCEL_ASKED | ROUSE__CANCEL_TIMEOUT);
      continue;
    }
    waker->now_ns = rouse_now_ns();
    if (rouse__wait_arrived(wait)) break;
  }
  waker->pending--;
}

static int may_block(struct rouse__waker *waker) {
  waker->now_ns = rouse_now_ns();
  return 0;
}

static void arm(struct rouse__waker *waker, rouse_wait *wait) { (void)waker, (void)wait; }

static void yield(struct rouse__waker *waker) {
  (void)waker;
  rouse__inline_budget = INT32_MAX;
}

static void cancel(struct rouse__waker *waker, rouse_wait *wait, unsigned reason) {
  (void)waker, (void)wait, (void)reason;
  rouse__die("a plain thread has no timers and no operations", ROUSE__WHERE);
}

static const struct rouse__waker_ops parker_ops = {
    .wake = wake,
    .cancel = cancel,
    .arm = arm,
    .block = block,
    .may_block = may_block,
    .yield = yield,
};

_Thread_local int32_t rouse__inline_budget = 0;
_Thread_local rouse_loop *rouse__loop_here = NULL;
static _Thread_local struct parker parker_here = {.waker = {.ops = &parker_ops}};

// In the child of a fork the thread is a plain one, for its parent's loop is not there; unless it
// forked inside a task: that one is refused to wait.
struct rouse__waker *rouse__waker_here(void) {
  rouse_loop *loop = rouse__loop_here;
  if (!loop) return &parker_here.waker;
  if (rouse__loop_forked(loop) && !loop->current) return &parker_here.waker;
  return &loop->waker;
}
