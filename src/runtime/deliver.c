// How a wait comes home: from whoever finished it, by the loop's lists or inbox, to its callback or
// task.
//
// Same thread: the wait goes onto the loop's own list. No atomics.
// Other thread: the wait (or a chain of them) is pushed to the loop's inbox, a stack with a
// sentinel:
//
//   inbox:  NULL          empty, the loop is awake
//           wait | tag    mail, newest first
//           SLEEPING      empty, and the loop sleeps, or is about to
//
// A loop that is to sleep swings an empty inbox to SLEEPING by one CAS. The producer whose push
// replaces SLEEPING, and nobody else, rings the doorbell. One word holds both facts, so there is no
// order of two accesses to get wrong: a push either comes before the CAS, which then fails, or it
// replaces SLEEPING. (With a separate flag each side stores one word and loads the other; without a
// sequentially consistent fence on both sides each may miss the other's store, and the loop sleeps
// on its mail.)
//
// Requests to cancel a wait that is in no queue travel the same way, tagged, by their own link.
#include "runtime/futex.h"
#include "runtime/inbox.h"
#include "runtime/loop_internal.h"
#include "runtime/switch.h"

enum { EXPIRE_STEPS = 256 };

static rouse_loop *loop_of(struct rouse__waker *waker) {
  return ROUSE__CONTAINER(waker, rouse_loop, waker);
}

// --- mail from other threads ---------------------------------------------------------------------

// Pushes the chain |first| … |last|, whose end is to hold what lay on top. Counts for the pushing
// loop.
static void send(rouse_loop *loop, uintptr_t first, rouse_wait *last, bool cancel) {
  uintptr_t top = load_relaxed(&loop->inbox);  // RELAXED: the CAS validates it
  do {
    uintptr_t below = top == ROUSE__INBOX_SLEEPING ? 0 : top;
    if (cancel) {
      last->cancel_link = below;
    } else {
      last->link = (rouse_wait *)below;
    }
    // ORDER(inbox): release, the waits and all before, to the loop's swap.
  } while (!cas_release(&loop->inbox, &top, first));
  rouse_loop *here = rouse__loop_here;
  bool rings = top == ROUSE__INBOX_SLEEPING;
  if (rings) {
    uint64_t saved = rouse__errno_save();
    loop->backend->ops->ring(loop->backend);
    rouse__errno_restore(saved);
  }
  if (here) {
    here->stats.bells_rung += rings;
    here->stats.bells_elided += !rings;
  }
}

static void wake(struct rouse__waker *waker, rouse_wait *first, rouse_wait *last) {
  rouse_loop *loop = loop_of(waker), *here = rouse__loop_here;
  if (here) here->stats.wakes++;
  if (loop == here) {
    rouse__ready_push(&loop->urgent, first, last);
  } else {
    send(loop, (uintptr_t)first, last, false);
  }
}

void rouse__loop_send(rouse_loop *loop, rouse_wait *wait) {
  if (loop == rouse__loop_here) {
    rouse__loop_ready(loop, wait);
  } else {
    send(loop, (uintptr_t)wait, wait, false);
  }
}

void rouse_loop_post(rouse_loop *loop, rouse_wait *wait, rouse_wait_fn *callback) {
  wait->kind = ROUSE__KIND_POST;
  wait->waker = &loop->waker;
  wait->callback = callback;
  rouse__loop_send(loop, wait);
}

// --- waits in no queue: timers and operations ----------------------------------------------------

// Drops |count| references of |wait|; the last one out puts it on the list. Own thread.
static void drop(rouse_loop *loop, rouse_wait *wait, unsigned count) {
  // Of the wait of a task nobody else knows: the task's cancel is for its loop to hear. So nothing
  // of it is shared, and it is spared a locked instruction, which would also hold up what the
  // processor has begun of the next one.
  const bool own = !wait->callback;
  uint16_t refs;
  if (own) {
    refs = load_relaxed(&wait->refs);                      // RELAXED: own thread
    store_relaxed(&wait->refs, (uint16_t)(refs - count));  // RELAXED: own thread
  } else {
    // ORDER(refs): release, our accesses; acquire, those of a thread that cancelled.
    refs = sub_acq_rel(&wait->refs, (uint16_t)count);
  }
  if ((refs & ROUSE__REFS) == count) rouse__ready_push(&loop->urgent, wait, wait);
}

static void end(rouse_loop *loop, rouse_wait *wait, enum rouse__outcome outcome) {
  if (wait->outcome != ROUSE__OUTCOME_PENDING) return;
  rouse__timers_remove(&loop->timers, wait);
  wait->outcome = (uint8_t)outcome;
  drop(loop, wait, 1);
}

void rouse__loop_end(rouse_loop *loop, rouse_wait *wait) {
  end(loop, wait, ROUSE__OUTCOME_GRANTED);
}

void rouse__io_leave(rouse_io *io) {
  rouse_loop *loop = loop_of(io->wait.waker);
  if (io->operation == ROUSE__IO_FUTEX_ANY) {
    rouse__futex_any_leave(io);
  } else if (io->operation == ROUSE__IO_NEXT) {
    rouse__stream_leave(io);
  } else if (io->operation == ROUSE__IO_CHAIN) {
    rouse__chain_wait_leave(io);
  } else if (io->state == ROUSE__IO_POOLED) {
    rouse__io_blocking_cancel(io);
  } else if (io->state == ROUSE__IO_THREADED) {
    rouse__futex_threads_cancel(io);
  } else {
    uint64_t saved = rouse__errno_save();
    loop->backend->ops->cancel(loop->backend, io);
    rouse__errno_restore(saved);
  }
}

static void leave_here(rouse_loop *loop, rouse_wait *wait) {
  if (wait->outcome != ROUSE__OUTCOME_PENDING) return;
  if (wait->kind == ROUSE__KIND_TIMER) {
    end(loop, wait, ROUSE__OUTCOME_REMOVED);
    return;
  }
  rouse_io *io = (rouse_io *)wait;
  if (io->chain) {
    rouse__chain_leave(io);
  } else {
    rouse__io_leave(io);
  }
}

// A request to leave, from any thread.
static void cancel(struct rouse__waker *waker, rouse_wait *wait, unsigned reason) {
  rouse_loop *loop = loop_of(waker);
  bool own = loop == rouse__loop_here;
  uint16_t refs = load_relaxed(&wait->refs);  // RELAXED: the CAS validates it
  do {
    if (!(refs & ROUSE__REFS) || (refs & ROUSE__CANCEL_ASKED)) return;
    // RELAXED: takes the mail's reference; what it guards is ordered by refs' drops.
  } while (!cas_relaxed(&wait->refs, &refs, (uint16_t)((refs + !own) | reason)));
  if (own) {
    leave_here(loop, wait);
  } else {
    send(loop, (uintptr_t)wait | ROUSE__INBOX_CANCEL, wait, true);
  }
}

static int start_own(rouse_wait *wait, enum rouse__kind kind, int64_t deadline_ns) {
  wait->kind = (uint8_t)kind;
  wait->outcome = ROUSE__OUTCOME_PENDING;
  wait->timer_at = NULL;
  wait->deadline_ns = deadline_ns;
  store_relaxed(&wait->refs, 1);  // RELAXED: own thread until somebody is told of it
  return ROUSE_PENDING;
}

static void arm(struct rouse__waker *waker, rouse_wait *wait) {
  rouse__timers_add(&loop_of(waker)->timers, wait);
}

int rouse_wait_timer_start(rouse_wait *wait, int64_t deadline_ns) {
  if (!wait->waker || wait->waker->ops != &rouse__loop_waker_ops) return ROUSE_ENOLOOP;
  rouse_loop *loop = loop_of(wait->waker);
  ROUSE__ASSERT(loop == rouse__loop_here, "a wait is started on another thread than its loop's");
  loop->waker.pending++;
  start_own(wait, ROUSE__KIND_TIMER, deadline_ns);
  if (deadline_ns != ROUSE_FOREVER) arm(&loop->waker, wait);
  return ROUSE_PENDING;
}

static int submit(rouse_loop *loop, rouse_io *io) {
  switch (io->operation) {
    case ROUSE__IO_NEXT:
      return rouse__stream_next(io);
    case ROUSE__IO_FUTEX_ANY:
      return rouse__futex_any_start(io);
    case ROUSE__IO_CHAIN:
      return rouse__chain_wait_start(io);
    case ROUSE__IO_EXCHANGE:
      return rouse__exchange_start(loop->backend, io);
    default:
      return loop->backend->ops->submit(loop->backend, io);
  }
}

int rouse__io_begin(rouse_io *io) {
  io->state = ROUSE__IO_BACKEND;
  io->result = 0;
  uint64_t saved = rouse__errno_save();
  int refused = submit(loop_of(io->wait.waker), io);
  rouse__errno_restore(saved);
  return refused;
}

int rouse__io_submit(rouse_io *io, int64_t deadline_ns) {
  rouse_wait *wait = &io->wait;
  rouse_loop *loop = loop_of(wait->waker);
  ROUSE__ASSERT(loop == rouse__loop_here,
                "an operation is started on another thread than its loop's");
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  start_own(wait, ROUSE__KIND_IO, deadline_ns);
  io->chain = NULL;
  int refused = rouse__io_begin(io);
  if (refused) return refused;
  loop->waker.pending++;
  bool open = wait->outcome == ROUSE__OUTCOME_PENDING;
  if (deadline_ns != ROUSE_FOREVER && open) arm(&loop->waker, wait);
  return ROUSE_PENDING;
}

void rouse__io_prepare(rouse_io *io, int64_t deadline_ns) {
  start_own(&io->wait, ROUSE__KIND_IO, deadline_ns);
  io->state = ROUSE__IO_CHAINED;
  io->wait.waker->pending++;
  if (deadline_ns != ROUSE_FOREVER) arm(io->wait.waker, &io->wait);
}

void rouse__io_complete(rouse_io *io, int64_t result) {
  rouse_loop *loop = loop_of(io->wait.waker);
  if (io->chain && rouse__chain_absorbs(io, &result)) return;
  if (io->sends && rouse__exchange_goes_on(io, &result)) return;
  loop->stats.operations++;
  io->result = result;
  end(loop, &io->wait, ROUSE__OUTCOME_GRANTED);
  if (io->chain) rouse__chain_ended(io);
}

// The wait itself is the message: it arrives while its outcome is still pending.
void rouse__io_blocking_done(rouse_io *io, int64_t result) {
  io->result = result;
  wake(io->wait.waker, &io->wait, &io->wait);
}

static int result_of(const rouse_wait *wait) {
  if (wait->kind != ROUSE__KIND_IO) return rouse__wait_result(wait);
  int64_t result = ((const rouse_io *)wait)->result;
  if (result == ROUSE_ECANCELED) {
    uint16_t refs = load_relaxed(&wait->refs);  // RELAXED: the wait is complete
    if (refs & ROUSE__CANCEL_TIMEOUT) return ROUSE_ETIMEDOUT;
  }
  return result > INT32_MAX ? INT32_MAX : (int)result;
}

// --- arriving ------------------------------------------------------------------------------------

// Mail comes newest first; it is dispatched oldest first.
void rouse__loop_take_mail(rouse_loop *loop, uintptr_t mail) {
  struct rouse__ready arrived = {NULL, NULL};
  while (mail) {
    rouse_wait *wait = (rouse_wait *)(mail & ~(uintptr_t)ROUSE__INBOX_CANCEL);
    if (mail & ROUSE__INBOX_CANCEL) {
      mail = wait->cancel_link;
      leave_here(loop, wait);
      drop(loop, wait, 1);
      continue;
    }
    mail = (uintptr_t)wait->link;
    wait->link = arrived.first;
    if (!arrived.first) arrived.last = wait;
    arrived.first = wait;
  }
  if (arrived.first) rouse__ready_push(&loop->urgent, arrived.first, arrived.last);
}

// Out of line, so that no other wait's outcome is read: a combiner may be writing that of a nudged
// one.
static __attribute__((noinline)) bool from_pool(rouse_wait *wait) {
  if (wait->outcome != ROUSE__OUTCOME_PENDING) return false;
  rouse_io *io = (rouse_io *)wait;
  if (io->state == ROUSE__IO_THREADED) rouse__futex_threads_return(loop_of(wait->waker), io);
  rouse__io_complete(io, io->result);
  return true;
}

rouse_task *rouse__loop_deliver(rouse_loop *loop, rouse_wait *wait) {
  if (wait->kind == ROUSE__KIND_TASK) {
    rouse_task *task = ROUSE__CONTAINER(wait, rouse_task, resume);
    return task->started || rouse__task_start(loop, task) ? task : NULL;
  }
  if (wait->kind == ROUSE__KIND_POST) {
    wait->callback(wait, ROUSE_DONE);
    return NULL;
  }
  if (wait->kind == ROUSE__KIND_IO && from_pool(wait)) return NULL;
  if (!rouse__wait_arrived(wait)) return NULL;
  if (wait->timer_at) rouse__timers_remove(&loop->timers, wait);
  loop->waker.pending--;
  loop->stats.waits++;
  if (!wait->callback) return rouse__wait_task(wait);
  wait->callback(wait, result_of(wait));
  return NULL;
}

bool rouse__loop_expire(rouse_loop *loop) {
  if (!loop->timers.count) return false;
  int budget = EXPIRE_STEPS;
  rouse_wait *wait;
  while ((wait = rouse__timers_expire(&loop->timers, loop->waker.now_ns, &budget))) {
    rouse__wait_leave(wait, ROUSE__CANCEL_ASKED | ROUSE__CANCEL_TIMEOUT);
  }
  return budget < 0;
}

// --- waiting inside a call -----------------------------------------------------------------------

static int may_block(struct rouse__waker *waker) {
  rouse_loop *loop = loop_of(waker);
  rouse_task *task = loop->current;
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  ROUSE__ASSERT(task,
                "a function that waits was called from a callback of a loop; use its _start form");
  if (!task) return ROUSE_EDEADLK;
  if (task->shielded) return 0;
  return load_relaxed(&task->cancelled) ? ROUSE_ECANCELED : 0;  // RELAXED: a hint to stop
}

static void block(struct rouse__waker *waker, struct rouse__blocked *blocked) {
  rouse_loop *loop = loop_of(waker);
  blocked->owner = loop->current;
  rouse__task_suspend(loop, &blocked->wait);
}

int rouse__loop_usable(void) {
  const rouse_loop *loop = rouse__loop_here;
  if (!loop) return ROUSE_ENOLOOP;
  return rouse__loop_forked(loop) ? ROUSE_EFORKED : 0;
}

int rouse__loop_may_wait(void) {
  int refused = rouse__loop_usable();
  if (!refused) refused = may_block(&rouse__loop_here->waker);
  if (!refused) rouse__inline_budget_use();
  return refused;
}

int64_t rouse__io_wait(rouse_io *io, int64_t deadline_ns) {
  rouse_loop *loop = rouse__loop_here;
  if (!loop) return ROUSE_ENOLOOP;
  if (rouse__loop_forked(loop)) return ROUSE_EFORKED;
  int refused = may_block(&loop->waker);
  if (refused) return refused;
  io->wait.waker = &loop->waker;
  io->wait.callback = NULL;
  io->wait.next = (rouse_wait *)loop->current;  // free: operations are in no list
  int started = rouse__io_submit(io, deadline_ns);
  if (started != ROUSE_PENDING) return started;
  rouse__task_suspend(loop, &io->wait);
  return io->result == ROUSE_ECANCELED ? result_of(&io->wait) : io->result;
}

static void yield(struct rouse__waker *waker) {
  rouse__inline_budget = ROUSE__INLINE_BUDGET;
  if (loop_of(waker)->current) rouse_task_yield();
}

const struct rouse__waker_ops rouse__loop_waker_ops = {
    .wake = wake,
    .cancel = cancel,
    .arm = arm,
    .block = block,
    .may_block = may_block,
    .yield = yield,
};

void rouse_wait_init(rouse_wait *wait, rouse_loop *loop, rouse_wait_fn *callback) {
  if (!loop) loop = rouse__loop_here;
  ROUSE__ASSERT(loop, "rouse_wait_init: no loop was given and the calling thread has none");
  ROUSE__ASSERT(callback, "rouse_wait_init: the callback is NULL");
  wait->waker = loop ? &loop->waker : NULL;
  wait->callback = callback;
}
